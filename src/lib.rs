//! growctl's engine: CAN frames in, messages on Redis channels, rule files that act on them, devices that are safe.
//!
//! `docs/architecture.md` has the picture. Modules are ranked; each imports lower ranks only (a test checks it).

pub mod actions;
pub mod alerts;
pub mod app;
pub mod bus;
pub mod can;
pub mod channels;
pub mod devices;
pub mod files;
pub mod model;
pub mod rules;
pub mod senders;
pub mod simulator;
pub mod store;
pub mod web;
