//! Reading the files that a user writes: YAML within a budget, every value with its place, every fault with a caret.
//!
//! Rank 0, beside `model`: whoever checks a file (channel map, rules, settings) reports through [`Report`]. A text becomes a
//! tree (`node`), the tree a spec (`de`); what is wrong is put into plain words (`syntax`, `traps`, `wording`), taken out,
//! and the rest read again (`yaml`).

mod blanks;
mod de;
mod diagnostic;
mod disk;
mod fault;
mod gaps;
mod lines;
mod node;
mod scalar;
pub mod schema;
mod spanned;
mod syntax;
mod traps;
mod wording;
mod yaml;

pub use diagnostic::{Diagnostic, Place, Report, Severity, SourceFile, closest};
pub use disk::{read_database, read_file, read_text};
pub use gaps::Gaps;
pub use spanned::{Entries, Several, Spanned};
pub use yaml::{read, read_with_gaps};
