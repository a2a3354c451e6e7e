//! All formats at once.
