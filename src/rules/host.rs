//! The script host: Rhai with every limit set.

/// A compiled script.
#[derive(Debug)]
pub struct Script {}
