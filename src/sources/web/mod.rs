//! The web monitor over HTTP, or the `pmta` command where there is none.
