//! Time is an argument: every event carries the `Timestamp` of the moment it entered the process.
//! Durations are measured on `mono`, civil time is read from `utc`; neither is ever asked of the system in a pure stage.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment on the monotonic clock: nanoseconds since the process (or the replayed log) began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

/// A moment of civil time: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(pub i64);

/// The two clocks, read together where an event enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// For durations and deadlines; never goes back.
    pub mono: Mono,
    /// For civil time and the `ts` of messages; may jump when somebody sets the clock.
    pub utc: Utc,
}

impl Mono {
    /// Where the clock of a process begins that remembers what was before it: moments of the year before its start can be
    /// named.
    pub const START: Mono = Mono(365 * 86_400 * 1_000_000_000);

    /// Time since `earlier`, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Timestamp {
    /// By how much the civil clock has been set, ahead or back, between two moments.
    #[must_use]
    pub fn jumped_until(self, later: Timestamp) -> Duration {
        let ran = i64::try_from(later.mono.since(self.mono).as_nanos()).unwrap_or(i64::MAX);
        Duration::from_nanos(later.utc.0.saturating_sub(self.utc.0).saturating_sub(ran).unsigned_abs())
    }
}

impl Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, span: Duration) -> Mono {
        Mono(self.0.saturating_add(nanos(span)))
    }
}

impl Sub<Duration> for Mono {
    type Output = Mono;
    fn sub(self, span: Duration) -> Mono {
        Mono(self.0.saturating_sub(nanos(span)))
    }
}

impl Utc {
    /// Seconds since 1970, as `ts` in a message has them; exact to the microsecond until the year 2255.
    #[must_use]
    pub fn seconds(self) -> f64 {
        // Whole microseconds first: dividing nanoseconds would show digits that the clock never had.
        (self.0.div_euclid(1_000)) as f64 / 1e6
    }

    /// From seconds since 1970, rounded to the nanosecond; out of range saturates.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Utc {
        Utc((seconds * 1e9).round() as i64)
    }
}

impl Add<Duration> for Utc {
    type Output = Utc;
    fn add(self, span: Duration) -> Utc {
        Utc(self.0.saturating_add_unsigned(nanos(span)))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;
    /// Both clocks advanced alike, as they do while nobody sets the civil one.
    fn add(self, span: Duration) -> Timestamp {
        Timestamp { mono: self.mono + span, utc: self.utc + span }
    }
}

impl Timestamp {
    /// The moment of a civil time that is past, of an earlier run perhaps ([`Mono::START`]). One that has not come yet is now:
    /// the clock has gone back since.
    #[must_use]
    pub fn past(self, utc: Utc) -> Mono {
        let age = u64::try_from(self.utc.0.saturating_sub(utc.0)).unwrap_or(0);
        Mono(self.mono.0.saturating_sub(age))
    }

    /// The civil time of a moment, past or to come, by the clock as it is set now.
    #[must_use]
    pub fn civil(self, moment: Mono) -> Utc {
        if moment >= self.mono {
            return self.utc + moment.since(self.mono);
        }
        Utc(self.utc.0.saturating_sub_unsigned(nanos(self.mono.since(moment))))
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
