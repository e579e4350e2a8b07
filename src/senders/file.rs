//! `file`: JSONL or CSV, rotated, compressed, and forgotten in time.

use super::{Sender, SenderContext};

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Relative to the site folder; `%Y-%m-%d` and so on are the local time of the event.
    pub path: String,
    /// How the values are written.
    pub format: Format,
    /// Files that are over are compressed by zstd.
    pub compress: bool,
    /// A file is over when it has so many bytes.
    pub rotate: Option<u64>,
    /// Files that are over are deleted after this.
    pub keep: Option<std::time::Duration>,
}

/// Builds it.
///
/// # Errors
/// Why it can never work as it is told.
pub fn sender(config: &Config, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
    let _ = (config, context);
    Err("not built yet".to_owned())
}

/// How the values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A JSON value a line.
    #[default]
    Jsonl,
    /// A line of columns; the first line names them.
    Csv,
}
