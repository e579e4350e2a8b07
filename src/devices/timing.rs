//! How long a device has been on or off, and what its limits make of that. Pure; on is what it was told.

use std::collections::VecDeque;
use std::time::Duration;

use crate::channels::Limits;
use crate::model::{Mono, Timestamp, Utc, format_duration};

use super::restraint::Restraint;

const HOUR: Duration = Duration::from_secs(3_600);
/// Switched off by a limit, a device stays so for at least this long: two limits that contradict each other must not make
/// it flutter.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// A moment on the monotonic clock in nanoseconds; negative before this process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64);

impl Moment {
    pub(super) fn of(mono: Mono) -> Moment {
        Moment(i64::try_from(mono.0).unwrap_or(i64::MAX))
    }

    /// A civil time of an earlier run. One that has not come yet is now: the clock has gone back since.
    pub(super) fn of_utc(now: Timestamp, utc: Utc) -> Moment {
        Moment(Moment::of(now.mono).0.saturating_sub(now.utc.0.saturating_sub(utc.0).max(0)))
    }

    /// A civil time that is to come.
    pub(super) fn to_come(now: Timestamp, utc: Utc) -> Moment {
        Moment(Moment::of(now.mono).0.saturating_add(utc.0.saturating_sub(now.utc.0)))
    }

    pub(super) fn to_utc(self, now: Timestamp) -> Utc {
        Utc(now.utc.0.saturating_sub(Moment::of(now.mono).0.saturating_sub(self.0)))
    }

    pub(super) fn after(self, span: Duration) -> Moment {
        Moment(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    pub(super) fn mono(self) -> Mono {
        Mono(u64::try_from(self.0).unwrap_or(0))
    }
}

/// The past of one device.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Timing {
    pub(super) on: bool,
    /// Since when it is on, or off.
    pub(super) since: Moment,
    /// When it was switched on, the earliest first, as far as a limit asks.
    pub(super) starts: VecDeque<Moment>,
    /// After the longest time on.
    pub(super) locked_until: Option<Moment>,
    settles_until: Moment,
    /// Whether it is known since when.
    pub(super) known: bool,
    /// It was on when an earlier run ended, and has not been told anything by this one.
    pub(super) resumes: bool,
}

impl Timing {
    /// It was told to be on, or off; `forced` by a limit.
    pub(super) fn told(&mut self, now: Mono, on: bool, forced: bool) {
        let resumes = std::mem::take(&mut self.resumes) && on;
        if self.on == on && !resumes {
            return;
        }
        let now = Moment::of(now);
        if !resumes {
            (self.on, self.since, self.known) = (on, now, true);
        }
        if on {
            self.starts.push_back(now);
        } else if forced {
            self.settles_until = now.after(SETTLE);
        }
        while self.starts.front().is_some_and(|start| start.after(HOUR) <= now) {
            self.starts.pop_front();
        }
    }

    /// The engine starts. Where nobody knows how long it has been off, that counts from now. One that was on, and is told so
    /// again at once, has been on all the time: a limit on that is not got round by a restart.
    pub(super) fn begin(&mut self, now: Mono, keeps: bool) {
        if !self.known {
            (self.on, self.since, self.known) = (self.on && keeps, Moment::of(now), true);
        }
        self.resumes = self.on && !keeps;
    }

    /// Whether it has been on for too long; it is locked off then.
    pub(super) fn lockout(&mut self, now: Mono, limits: &Limits) -> Option<Restraint> {
        let max = limits.max_on?;
        let now = Moment::of(now);
        if self.on && self.since.after(max.time) <= now {
            self.locked_until = Some(now.after(max.lockout));
        }
        let until = self.locked_until.filter(|until| now < *until)?;
        let (time, lockout) = (format_duration(max.time), format_duration(max.lockout));
        Some(Restraint::new("max_on", format!("was on for {time}, off for {lockout} after that"), Some(until.mono())))
    }

    /// Whether it may not be switched off yet.
    pub(super) fn stays_on(&self, now: Mono, limits: &Limits) -> Option<Restraint> {
        let until = self.since.after(limits.min_on);
        let text = || format!("on for at least {}", format_duration(limits.min_on));
        (self.on && Moment::of(now) < until).then(|| Restraint::new("min_on", text(), Some(until.mono())))
    }

    /// Whether it may not be switched on yet; `last_start` is of any other device.
    pub(super) fn stays_off(&self, now: Mono, limits: &Limits, last_start: Option<Moment>) -> Option<Restraint> {
        let now = Moment::of(now);
        let wait =
            |guard, until: Moment, text: String| (now < until).then(|| Restraint::new(guard, text, Some(until.mono())));
        let since = if self.on { now } else { self.since };
        let off = (limits.min_off > Duration::ZERO).then_some(since.after(limits.min_off));
        off.and_then(|until| wait("min_off", until, format!("off for at least {}", format_duration(limits.min_off))))
            .or_else(|| {
                let most = limits.max_starts_per_hour?;
                let first = self.starts.len().checked_sub(most as usize)?;
                let until = self.starts.get(first)?.after(HOUR);
                wait("max_starts_per_hour", until, format!("was switched on {most} times within an hour"))
            })
            .or_else(|| {
                let until = last_start?.after(limits.stagger);
                let gap = format_duration(limits.stagger);
                wait("stagger", until, format!("not within {gap} of another device's start"))
            })
            .or_else(|| wait("settle", self.settles_until, "was switched off by a limit just now".to_owned()))
    }

    /// When the longest time on ends, or the shortest, after which others may have it switched off.
    pub(super) fn next_deadline(&self, now: Mono, limits: &Limits) -> Option<Mono> {
        let longest = limits.max_on.filter(|_| self.on).map(|max| self.since.after(max.time).mono());
        // One that cannot be told, as its frame waits for a neighbour, is on for longer.
        let longest = longest.filter(|end| *end > now);
        let shortest = self.stays_on(now, limits).and_then(|why| why.until);
        [longest, shortest].into_iter().flatten().min()
    }
}
