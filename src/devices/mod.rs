//! The Guard below the rules: requests, arbitration, frame images. Pure. Rank 3.

mod arbitration;

pub use arbitration::{Arbiter, Held, NotANumber};
