//! The Guard below the rules: requests, arbitration, frame images. Pure. Rank 3.

mod arbitration;
mod command;
mod confirm;
mod device;
#[cfg(test)]
mod fixture;
mod guard;
mod image;
mod level;
mod ramp;
mod readings;
mod restraint;
mod saved;
mod status;
mod timing;
mod update;

pub use arbitration::{Arbiter, Held, NotANumber};
pub use guard::{CommandWhy, DeviceWhy, FeedbackWhy, LimitWhy, NeedWhy, SeenWhy, TimingWhy};
pub use guard::{DeviceOut, Guard, GuardEvent, PERSONS_LEASE, PERSONS_LONGEST, PERSONS_PRIORITY};
pub use status::{DeviceStatus, GuardCounts, Hold, PersonRefused, PersonsWord, RequestStatus};
