//! `channels.yaml`: what the bytes on the buses mean, where nodes stand, which devices may be switched. Rank 2.

pub mod codec;
pub mod layout;
mod load;
mod map;
pub mod spec;

pub use load::load;
pub use map::{Bus, ChannelMap, Command, Device, Feedback, Field, FrameLayout, Link, NodeFrame, Safe};
