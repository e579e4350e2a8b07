//! The engine put together: settings, the site's files, the Core, and the threads around it. Rank 7.

mod buses;
mod changes;
mod clock;
mod control;
mod core;
mod couriers;
mod git;
mod interfaces;
mod lock;
mod notices;
mod outlets;
mod output;
mod reload;
mod replay;
mod replies;
mod revision;
pub mod rule_test;
mod run;
mod schemas;
mod secrets;
mod settings;
mod site;
mod snapshot;
mod status;
mod ways;

pub use clock::Clock;
pub use core::{Core, Next};
pub use output::{CoreCounts, Notice, Output};
pub use replay::{Replayed, replay};
pub use revision::Revision;
pub use run::{RunError, Summary, run, run_on, socket_path, store_path};
pub use schemas::FileKind;
pub use settings::{Receiver, Redis, Settings};
pub use site::{Loader, Site, load_map, load_settings};
