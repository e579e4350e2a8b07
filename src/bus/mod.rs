//! Messages on their way: patterns, the Router and last values (pure), the Redis bridge and the embedded RESP
//! endpoint (shell). Only this module knows Redis. Rank 3.

pub mod bridge;
pub mod endpoint;
mod last;
mod pattern;
pub mod resp;
mod router;

pub use crate::model::glob;
pub use bridge::{Bridge, BridgeConfig, BridgeEvent, BridgeQueues, BridgeStatus, Outbound, cover};
pub use endpoint::Endpoint;
pub use last::{Last, LastField};
pub use pattern::Pattern;
pub use router::{Delivery, Refused, Router, RouterCounts};
