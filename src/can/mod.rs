//! CAN frames and where they come from: recordings now, SocketCAN in time. Rank 1.

mod candump;
mod frame;
mod pending;
mod replay;

pub use candump::{Direction, LogLine, LogReader, parse_line, read_frame, write_line};
pub use frame::{BusId, CanId, Frame, FrameKind};
pub use pending::{Pending, PendingCounts};
pub use replay::{Pace, Played, Replay, ReplayCounts};
