//! A simulated PowerMTA host. It knows nothing of the product that watches it.
