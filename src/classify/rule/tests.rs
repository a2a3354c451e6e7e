//! Tests of the rule tables.
