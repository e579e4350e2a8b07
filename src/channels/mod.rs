//! `channels.yaml`: what the bytes on the buses mean, where nodes stand, which devices may be switched. Rank 2.

mod catalog;
pub mod codec;
pub mod dbc;
mod gateway;
mod greeter;
mod half;
mod j1939;
pub mod layout;
mod limits;
mod load;
mod map;
mod number;
mod pace;
mod plan;
mod schema;
mod silence;
pub mod spec;
mod watch;
mod when;

pub use catalog::{Catalog, Decoded, Row, RowKind, rows};
pub use gateway::{Gateway, GatewayCounts};
pub use greeter::{GREETING_TTL, Greeter, Greetings};
pub use j1939::{Address, Group};
pub use limits::{Comparison, Limits, MaxOn, Need, Test, Verify, Watched, While};
pub use load::{NO_WATCHDOG, ReadDatabase, database_paths, load, load_with};
pub use map::{Bus, ChannelMap, Command, Device, Feedback, Field, FrameLayout, Link, NodeFrame, Safe};
pub use pace::{HeldBack, Policy};
pub use plan::{Plan, Sample, State};

#[cfg(test)]
mod parts_tests;
