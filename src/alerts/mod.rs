//! The book of alerts: what fires, who has been told, when it is said again, and what is held back and why. Pure: events
//! and times in, notes for people, publications and rows out; `Core` owns it, the store keeps what it remembers.

mod alert;
mod book;
mod code;
mod config;
mod desk;
mod event;
#[cfg(test)]
mod fixture;
mod item;
mod people;
mod saved;
mod silence;
mod status;
mod system;

#[cfg(test)]
#[path = "model_tests.rs"]
mod model_tests;

pub use book::Book;
pub use config::{BookConfig, Quiet, Rate, ReceiverConfig};
pub use event::{AlertEvent, BookOut, SYSTEM};
pub use silence::{MATCHED_KEYS, Matchers, SilenceWish};
pub use status::{AlertStatus, BookStatus, DeskStatus, SilenceStatus};
