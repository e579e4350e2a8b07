//! The one place that reads the system's clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::model::{Mono, Timestamp, Utc};

/// Both clocks of the machine; `mono` counts on from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    first: Mono,
}

impl Clock {
    /// A clock whose `mono` begins now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is where the clocks are read")]
    pub fn start() -> Clock {
        Clock { start: Instant::now(), first: Mono(0) }
    }

    /// The clock of a run that remembers earlier ones: their moments have names on it.
    #[must_use]
    pub fn of_a_run() -> Clock {
        Clock { first: Mono::START, ..Clock::start() }
    }

    /// Both clocks, read together.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this is where the clocks are read")]
    pub fn now(&self) -> Timestamp {
        let mono = self.first + self.start.elapsed();
        // Before 1970 there is no facility to run: a clock that says so is simply not set.
        let utc = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp { mono, utc: Utc(i64::try_from(utc.as_nanos()).unwrap_or(i64::MAX)) }
    }
}
