//! Plugin output against the rules of its hosts.
