//! `channels.yaml`: what the bytes on the buses mean, where nodes stand, which devices may be switched. Rank 2.

pub mod codec;
pub mod layout;
pub mod spec;
