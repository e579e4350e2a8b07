//! Whether a device does what it is told, by its feedback: within a time, else it is told again, else it is at fault.

use std::collections::VecDeque;
use std::time::Duration;

use crate::channels::Feedback;
use crate::model::{Mono, Name};

/// At fault, a device is tried again after this.
const REST: Duration = Duration::from_secs(600);

/// It does not follow, or has no effect.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) text: Name,
    /// It is tried again then.
    pub(super) until: Mono,
    /// Its feedback says nothing: the fault ends when it speaks.
    pub(super) unheard: bool,
}

/// What is to be done about a device that does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing; to be looked at again then.
    Wait(Option<Mono>),
    /// It is told once more.
    Again,
    /// It has not followed, however often it was told.
    Fault,
}

/// The numbers it was told lately, and since when its feedback says something else.
#[derive(Clone, Debug, Default)]
pub(super) struct Confirm {
    /// With the time from which each holds; the last one is what it was told last.
    told: VecDeque<(Mono, f64)>,
    /// It has said the last one already.
    followed: bool,
    differs_since: Option<Mono>,
    retries: u32,
}

impl Confirm {
    /// It is told this.
    pub(super) fn told(&mut self, now: Mono, number: f64) {
        if self.told.back().is_none_or(|(_, last)| *last != number) {
            self.told.push_back((now, number));
            self.followed = false;
        }
    }

    /// Nothing is expected any more.
    pub(super) fn forget(&mut self) {
        *self = Confirm::default();
    }

    /// `heard` is what its feedback says now; `None`: nothing good.
    pub(super) fn judge(&mut self, now: Mono, feedback: &Feedback, heard: Option<f64>) -> Verdict {
        // What it was told until `within` ago may still be on its way.
        while self.told.get(1).is_some_and(|(since, _)| *since + feedback.within <= now) {
            self.told.pop_front();
        }
        let Some((first, _)) = self.told.front().copied() else { return Verdict::Wait(None) };
        let numbers = || self.told.iter().map(|(_, number)| *number);
        let (low, high) = (numbers().fold(f64::MAX, f64::min), numbers().fold(f64::MIN, f64::max));
        let slack = feedback.tolerance + 1e-9;
        let last = self.told.back().map(|(_, last)| *last);
        self.followed |= heard.zip(last).is_some_and(|(heard, last)| (heard - last).abs() <= slack);
        if heard.is_some_and(|heard| low - slack <= heard && heard <= high + slack) {
            (self.differs_since, self.retries) = (None, 0);
            // Once the older ones do not count any more, it may differ.
            return Verdict::Wait(self.told.get(1).map(|(since, _)| *since + feedback.within));
        }
        // Told just now it has differed since then; else, or if it has followed meanwhile, it has begun to.
        let at_once = self.told.len() == 1 && !self.followed && now.since(first) <= feedback.within;
        let begun = if at_once { first } else { now };
        let since = *self.differs_since.get_or_insert(begun);
        let end = since + feedback.within * (self.retries + 1);
        if now < end {
            return Verdict::Wait(Some(end));
        }
        if self.retries >= feedback.retries {
            return Verdict::Fault;
        }
        self.retries += 1;
        Verdict::Again
    }

    /// When one that is at fault is tried again.
    pub(super) fn rests_until(now: Mono) -> Mono {
        now + REST
    }
}
