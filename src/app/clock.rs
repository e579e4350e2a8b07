//! The one place that reads the system's clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::model::{Mono, Timestamp, Utc};

/// Both clocks of the machine; `mono` counts from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose `mono` begins now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is where the clocks are read")]
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Both clocks, read together.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is where the clocks are read")]
    pub fn now(&self) -> Timestamp {
        let mono = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // Before 1970 there is no facility to run: a clock that says so is simply not set.
        let utc = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp { mono: Mono(mono), utc: Utc(i64::try_from(utc.as_nanos()).unwrap_or(i64::MAX)) }
    }
}
