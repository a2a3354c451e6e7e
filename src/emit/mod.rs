//! A document as bytes, one file per format. Pure.
