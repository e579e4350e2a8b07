//! The phases of one instance: idle → pending → active → idle. It knows no scripts and no messages: an event comes in as
//! judged truths, and what happens goes out as a `Step`. The engine runs the scripts.

use std::time::Duration;

use crate::model::Mono;

use super::blindness::Blindness;
use super::{Ended, StaleLimit, Truth};

/// What a rule and the channel map say about an instance's episodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `for`: how long `when` must hold.
    pub hold: Duration,
    /// The duration of `until`.
    pub after: Option<Duration>,
    /// Rest between an end and the next beginning.
    pub cooldown: Duration,
    /// How long it may be blind beyond `stale_after`.
    pub stale: StaleLimit,
    /// The map's `stale_after` of its sources.
    pub stale_after: Duration,
    /// The map tells when its sources fall silent. Where it does not, `stale` counts from the last good message.
    pub mapped: bool,
    /// `when` names `stale`: silence is then something it knows, not blindness.
    pub names_stale: bool,
}

/// One event as the conditions judge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged<'a> {
    /// `when`.
    pub when: Truth,
    /// Each condition of `until`; empty if it has none.
    pub until: &'a [Truth],
    /// All sources of the instance are silent.
    pub silent: bool,
    /// A message came: neither a tick nor a reset.
    pub heard: bool,
}

/// What an event or a timer made happen. An episode that ends runs no `each` at that event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// It begins: `then`.
    pub begin: bool,
    /// It is active: `each`, after `then`.
    pub each: bool,
    /// It ends: `finally`.
    pub end: Option<Ended>,
}

/// Where an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `when` does not hold.
    Idle,
    /// It has held since then.
    Pending(Mono),
    /// The episode began then.
    Active(Mono),
}

/// How an episode stands, for whoever asks why.
#[derive(Clone, Copy, Debug)]
pub(super) struct EpisodeStanding {
    pub(super) phase: Phase,
    /// `for` may complete.
    pub(super) ready: bool,
    /// Only the cooldown holds the beginning back.
    pub(super) held: bool,
    pub(super) rest_until: Mono,
    pub(super) blind_since: Option<Mono>,
    pub(super) blind_until: Option<Mono>,
}

/// The phase machine of one instance. Before `judge` at a time, the caller MUST call `due` until `next_deadline` lies
/// after that time: due timers go first.
#[derive(Clone, Debug)]
pub struct Episode {
    settings: Settings,
    phase: Phase,
    /// `when` was true and the instance not blind at the last event: `for` may complete.
    ready: bool,
    /// `for` is complete; only the cooldown holds the beginning back.
    held: bool,
    rest_until: Mono,
    /// Active before a restart; no timer ends it before its first good event.
    dormant: bool,
    blindness: Blindness,
    suppressed: u64,
}

impl Episode {
    /// An idle instance, as at load.
    #[must_use]
    pub fn new(settings: Settings, now: Mono) -> Episode {
        Episode {
            settings,
            phase: Phase::Idle,
            ready: false,
            held: false,
            rest_until: Mono(0),
            dormant: false,
            blindness: Blindness::new(now),
            suppressed: 0,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Everything about where it stands.
    pub(super) fn standing(&self) -> EpisodeStanding {
        EpisodeStanding {
            phase: self.phase,
            ready: self.ready,
            held: self.held,
            rest_until: self.rest_until,
            blind_since: self.blindness.since(),
            blind_until: self.blindness.end(&self.settings),
        }
    }

    /// Beginnings that a cooldown held back.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// When `due` must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        [self.timer(), self.blind_end()].into_iter().flatten().min()
    }

    /// Fires the timer that is due at `now`, if any. One of `for` or `until` goes before blindness: for a known reason.
    pub fn due(&mut self, now: Mono) -> Step {
        let Some(deadline) = self.next_deadline().filter(|at| *at <= now) else { return Step::default() };
        let known = self.timer() == Some(deadline);
        match self.phase {
            Phase::Active(_) => self.end(deadline, if known { Ended::Until } else { Ended::Stale }),
            Phase::Pending(_) if known => self.complete(deadline),
            _ => {
                self.fall();
                Step::default()
            }
        }
    }

    /// The timer of `for`, the cooldown or `until`.
    fn timer(&self) -> Option<Mono> {
        match self.phase {
            Phase::Idle => None,
            Phase::Pending(_) if !self.ready => None,
            Phase::Pending(_) if self.held => Some(self.rest_until),
            Phase::Pending(since) => Some(since + self.settings.hold),
            Phase::Active(_) if self.dormant => None,
            Phase::Active(since) => self.settings.after.map(|after| since + after),
        }
    }

    /// Back to idle without an end, as if nothing had been: its rule is parked.
    pub fn reset(&mut self) {
        self.fall();
    }

    /// Takes one event.
    pub fn judge(&mut self, now: Mono, judged: &Judged<'_>) -> Step {
        let until = any(judged.until);
        let watched = match (self.phase, until) {
            (Phase::Active(_), Some(until)) => until,
            _ => judged.when,
        };
        let blind = watched == Truth::Unknown || (judged.silent && !self.settings.names_stale);
        self.blindness.watch(now, &self.settings, blind, judged);
        let over = self.blindness.end(&self.settings).is_some_and(|at| at <= now);
        self.ready = judged.when == Truth::True && !self.blindness.is_blind() && !over;
        let step = match self.phase {
            Phase::Active(_) => self.judge_active(now, judged.when, until),
            Phase::Pending(_) if judged.when == Truth::False => {
                self.fall();
                Step::default()
            }
            Phase::Idle if self.ready => {
                self.phase = Phase::Pending(now);
                self.complete(now)
            }
            Phase::Pending(_) if self.ready => self.complete(now),
            Phase::Idle | Phase::Pending(_) => Step::default(),
        };
        if self.blind_end().is_some_and(|at| at <= now) { self.due(now) } else { step }
    }

    /// Ends an active episode from outside (`Changed`, `Disabled`); a pending one falls to idle. An edit begins no
    /// cooldown: the edited rule may go on at once.
    pub fn end(&mut self, now: Mono, why: Ended) -> Step {
        let active = matches!(self.phase, Phase::Active(_));
        self.fall();
        if !active {
            return Step::default();
        }
        if why != Ended::Changed {
            self.rest_until = now + self.settings.cooldown;
        }
        Step { end: Some(why), ..Step::default() }
    }

    /// It was active `since` then when the engine stopped, and is so again, dormant: it knows nothing yet, unless silence is
    /// what its rule is about, or it waits for nothing.
    pub(super) fn bring_back(&mut self, now: Mono, since: Mono, at_once: bool) {
        (self.phase, self.dormant) = (Phase::Active(since), true);
        if !self.settings.names_stale && !at_once {
            self.fall_blind(now, false);
        }
    }

    /// Dormant no more: what its timer makes of it.
    pub(super) fn wake(&mut self, now: Mono) -> Step {
        if std::mem::take(&mut self.dormant) && self.timer().is_some_and(|at| at <= now) {
            self.due(now)
        } else {
            Step::default()
        }
    }

    pub(super) fn is_dormant(&self) -> bool {
        self.dormant
    }

    /// How long it rests yet is known from before a restart.
    pub(super) fn rest(&mut self, until: Mono) {
        self.rest_until = until;
    }

    /// Whether it has been blind for too long, active or not.
    pub(super) fn is_over(&self, now: Mono) -> bool {
        self.blindness.end(&self.settings).is_some_and(|at| at <= now)
    }

    /// Takes over from the same instance of the rule as it was before an edit: how long it still rests, and since when it
    /// knows nothing.
    /// If its rule was `away`, nothing was known meanwhile, and that counts for nothing.
    pub(super) fn inherit(&mut self, now: Mono, before: &Episode, away: bool) {
        self.rest_until = before.rest_until.min(now + self.settings.cooldown);
        if !away {
            self.blindness = before.blindness.clone();
        }
        self.suppressed = before.suppressed;
    }

    /// The map has changed beneath it.
    pub(super) fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// It knows nothing from here on, without an event: its sources were `silent` before they were its sources, or what
    /// it knew is not said any more.
    pub(super) fn fall_blind(&mut self, now: Mono, silent: bool) {
        let judged = Judged { when: Truth::Unknown, until: &[], silent, heard: false };
        self.blindness.watch(now, &self.settings, true, &judged);
        self.ready = false;
    }

    /// The first judgement after an edit. One that was active `since` then goes on without its `for`, if `when` holds; a
    /// latch, whatever `when` says: only a person or its `until` lets it go. A duration of `until` counts from when it
    /// began: a shot of water does not become longer by an edit.
    pub fn judge_edited(&mut self, now: Mono, judged: &Judged<'_>, since: Option<Mono>, latched: bool) -> Step {
        let hold = self.settings.hold;
        if since.is_some() {
            self.settings.hold = Duration::ZERO;
        }
        let mut step = self.judge(now, judged);
        self.settings.hold = hold;
        if latched {
            self.fall();
            self.phase = Phase::Active(now);
            step = Step { begin: true, each: true, end: None };
        }
        if let (Phase::Active(_), Some(since)) = (self.phase, since) {
            let earliest = self.settings.after.map_or(since, |after| now - after);
            self.phase = Phase::Active(since.max(earliest));
        }
        step
    }

    fn judge_active(&mut self, now: Mono, when: Truth, until: Option<Truth>) -> Step {
        let over = match until {
            Some(until) => until == Truth::True,
            None => self.settings.after.is_none() && when == Truth::False,
        };
        // The last value of a silent sensor proves nothing about the room.
        if over && !self.blindness.is_blind() {
            return self.end(now, Ended::Until);
        }
        Step { each: true, ..Step::default() }
    }

    /// Begins if `for` and the cooldown are over at `now`.
    fn complete(&mut self, now: Mono) -> Step {
        let Phase::Pending(since) = self.phase else { return Step::default() };
        if now < since + self.settings.hold {
            return Step::default();
        }
        if now < self.rest_until {
            self.suppressed += u64::from(!self.held);
            self.held = true;
            return Step::default();
        }
        self.held = false;
        self.phase = Phase::Active(now);
        Step { begin: true, each: true, end: None }
    }

    fn fall(&mut self) {
        self.phase = Phase::Idle;
        self.held = false;
        self.ready = false;
        self.dormant = false;
    }

    fn blind_end(&self) -> Option<Mono> {
        if self.phase == Phase::Idle { None } else { self.blindness.end(&self.settings) }
    }
}

/// True if any is; else unknown if any is; `None` if there are none.
fn any(truths: &[Truth]) -> Option<Truth> {
    [Truth::True, Truth::Unknown, Truth::False].into_iter().find(|truth| truths.contains(truth))
}

#[cfg(test)]
#[path = "episode_tests.rs"]
mod tests;
