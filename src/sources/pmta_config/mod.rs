//! PowerMTA's own configuration files, read to find everything else.
