//! CAN frames and where they come from: recordings now, SocketCAN in time. Rank 1.

mod frame;

pub use frame::{BusId, CanId, Frame, FrameKind};
