//! Reading the files that a user writes: YAML within a budget, every value with its place, every fault with a caret.
//!
//! Rank 0, beside `model`: whoever checks a file (channel map, rules, settings) reports through [`Report`].

mod diagnostic;
pub mod schema;
mod yaml;

pub use diagnostic::{Diagnostic, Place, Report, Severity, SourceFile, closest};
pub use yaml::{Entries, Spanned, read, read_file};
