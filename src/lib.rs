//! growctl's engine: CAN frames in, messages on Redis channels, rule files that act on them, devices that are safe.
//!
//! `docs/architecture.md` has the picture. Modules are ranked; each imports lower ranks only (a test checks it).

pub mod files;
pub mod model;
