//! CAN frames and where they come from: SocketCAN interfaces and recordings. Rank 1.

#![cfg_attr(not(target_os = "linux"), allow(dead_code))] // only `serve` uses them

mod candump;
mod filter;
mod frame;
mod health;
#[cfg(target_os = "linux")]
mod line;
#[cfg(target_os = "linux")]
mod link;
mod pending;
mod port;
mod replay;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod socket;
#[cfg(target_os = "linux")]
mod stamp;
#[cfg(not(target_os = "linux"))]
mod unsupported;
mod wire;
mod wire_time;

pub use candump::{Direction, LogLine, LogReader, parse_line, read_frame, write_line};
pub use filter::Filter;
pub use frame::{BusId, CanId, Frame, FrameKind};
pub use health::{BusCounts, BusHealth, BusState, Rates};
pub use pending::{Pending, PendingCounts};
pub use port::{Listener, Port, Watch};
pub use replay::{Pace, Played, Replay, ReplayCounts};
#[cfg(target_os = "linux")]
pub use serve::{serve, serve_on};
#[cfg(not(target_os = "linux"))]
pub use unsupported::{serve, serve_on};
pub use wire_time::wire_time;
