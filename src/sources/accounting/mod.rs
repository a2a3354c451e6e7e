//! Accounting files: delivery records as PowerMTA writes them.
