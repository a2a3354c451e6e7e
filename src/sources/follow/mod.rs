//! The new whole lines of growing, rotating files.
