//! How long a device has been on or off, and what its limits make of that. Pure; on is what it was told.

use std::collections::VecDeque;
use std::time::Duration;

use crate::channels::Limits;
use crate::model::{Mono, format_duration};

use super::restraint::Restraint;

const HOUR: Duration = Duration::from_secs(3_600);
/// So many starts are remembered; a limit of more of them an hour is none.
const MOST_STARTS: usize = 4_096;
/// Switched off by a limit, a device stays so for at least this long: two limits that contradict each other must not make
/// it flutter.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// The past of one device.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Timing {
    pub(super) on: bool,
    /// Since when it is on, or off.
    pub(super) since: Mono,
    /// When it was switched on, the earliest first, as far as a limit asks.
    pub(super) starts: VecDeque<Mono>,
    /// After the longest time on.
    pub(super) locked_until: Option<Mono>,
    settles_until: Mono,
    /// Whether it is known since when.
    pub(super) known: bool,
    /// It was on when an earlier run ended, and has not been told anything by this one.
    pub(super) resumes: bool,
}

impl Timing {
    /// It was told to be on, or off; `forced` by a limit.
    pub(super) fn told(&mut self, now: Mono, on: bool, forced: bool) {
        if !self.found(now, on) {
            return;
        }
        if on {
            // What had locked it off, another map has lifted.
            self.locked_until = None;
        } else if forced {
            self.settles_until = now + SETTLE;
        }
    }

    /// It is on, or off, as far as is known, and was not told so now: what has locked it off holds on. Whether that is new.
    pub(super) fn found(&mut self, now: Mono, on: bool) -> bool {
        let resumes = std::mem::take(&mut self.resumes) && on;
        if self.on == on && !resumes {
            return false;
        }
        if !resumes {
            (self.on, self.since, self.known) = (on, now, true);
        }
        if on {
            self.starts.push_back(now);
        }
        if self.starts.len() > MOST_STARTS {
            self.starts.pop_front();
        }
        while self.starts.front().is_some_and(|start| *start + HOUR <= now) {
            self.starts.pop_front();
        }
        true
    }

    /// The engine starts. Where nobody knows how long it has been off, that counts from now. One that was on, and is told so
    /// again at once, has been on all the time: a limit on that is not got round by a restart.
    pub(super) fn begin(&mut self, now: Mono, keeps: bool) {
        if !self.known {
            (self.on, self.since, self.known) = (self.on && keeps, now, true);
        }
        self.resumes = self.on && !keeps;
    }

    /// Whether it has been on for too long; it is locked off then.
    pub(super) fn lockout(&mut self, now: Mono, limits: &Limits) -> Option<Restraint> {
        let max = limits.max_on?;
        if self.on && self.since + max.time <= now {
            self.locked_until = Some(now + max.lockout);
        }
        let until = self.locked_until.filter(|until| now < *until)?;
        let (time, lockout) = (format_duration(max.time), format_duration(max.lockout));
        Some(Restraint::new("max_on", format!("was on for {time}, off for {lockout} after that"), Some(until)))
    }

    /// Whether it may not be switched off yet.
    pub(super) fn stays_on(&self, now: Mono, limits: &Limits) -> Option<Restraint> {
        let until = self.since + limits.min_on;
        let text = || format!("on for at least {}", format_duration(limits.min_on));
        (self.on && now < until).then(|| Restraint::new("min_on", text(), Some(until)))
    }

    /// Whether it may not be switched on yet; `last_start` is of any other device.
    pub(super) fn stays_off(&self, now: Mono, limits: &Limits, last_start: Option<Mono>) -> Option<Restraint> {
        let wait = |guard, until: Mono, text: String| (now < until).then(|| Restraint::new(guard, text, Some(until)));
        let since = if self.on { now } else { self.since };
        let off = (limits.min_off > Duration::ZERO).then_some(since + limits.min_off);
        off.and_then(|until| wait("min_off", until, format!("off for at least {}", format_duration(limits.min_off))))
            .or_else(|| {
                let most = limits.max_starts_per_hour?;
                let first = self.starts.len().checked_sub(most as usize)?;
                let until = *self.starts.get(first)? + HOUR;
                wait("max_starts_per_hour", until, format!("was switched on {most} times within an hour"))
            })
            .or_else(|| {
                let until = last_start? + limits.stagger;
                let gap = format_duration(limits.stagger);
                wait("stagger", until, format!("not within {gap} of another device's start"))
            })
            .or_else(|| wait("settle", self.settles_until, "was switched off by a limit just now".to_owned()))
    }

    /// When it was switched on within the last hour.
    pub(super) fn starts_within_the_hour(&self, now: Mono) -> impl Iterator<Item = Mono> {
        self.starts.iter().copied().filter(move |start| now < *start + HOUR)
    }

    /// When the longest time on ends, or the shortest, after which others may have it switched off.
    pub(super) fn next_deadline(&self, now: Mono, limits: &Limits) -> Option<Mono> {
        let longest = limits.max_on.filter(|_| self.on).map(|max| self.since + max.time);
        // One that cannot be told, as its frame waits for a neighbour, is on for longer.
        let longest = longest.filter(|end| *end > now);
        let shortest = self.stays_on(now, limits).and_then(|why| why.until);
        [longest, shortest].into_iter().flatten().min()
    }
}
