//! How long an instance has known nothing. Shared by episodes and by rules without `when`.

use crate::model::Mono;

use super::episode::{Judged, Settings};
use super::{StaleLimit, Truth};

/// What one instance knows, and since when it does not.
#[derive(Clone, Debug)]
pub(super) struct Blindness {
    /// The last moment at which it knew.
    known: Mono,
    since: Option<Mono>,
}

impl Blindness {
    pub(super) fn new(now: Mono) -> Blindness {
        Blindness { known: now, since: None }
    }

    pub(super) fn is_blind(&self) -> bool {
        self.since.is_some()
    }

    /// Since when it knows nothing.
    pub(super) fn since(&self) -> Option<Mono> {
        self.since
    }

    /// Blindness counts from the last known event. If that is older than `stale_after`, a deadband kept a steady value
    /// back: it was known until now, or until its frames stopped, which is `stale_after` before silence is noticed.
    pub(super) fn watch(&mut self, now: Mono, settings: &Settings, blind: bool, judged: &Judged<'_>) {
        if !blind {
            // Where only messages tell that a source is alive, a tick does not.
            if settings.mapped || judged.heard {
                self.known = now;
            }
            self.since = None;
        } else if self.since.is_none() {
            let recent = !settings.mapped || now.since(self.known) <= settings.stale_after;
            let steady = if judged.silent { now - settings.stale_after } else { now };
            self.since = Some(if recent { self.known } else { steady });
        }
    }

    /// When it will have been blind for `stale`, if nothing becomes known before.
    pub(super) fn end(&self, settings: &Settings) -> Option<Mono> {
        match settings.stale {
            StaleLimit::Never => None,
            StaleLimit::After(stale) if settings.mapped => Some(self.since? + settings.stale_after + stale),
            StaleLimit::After(_) if settings.names_stale => None,
            StaleLimit::After(stale) => Some(self.known + stale),
        }
    }
}

/// A rule without `when`: always active. Its `each` runs at every event; what it holds is let go when it is blind.
#[derive(Clone, Debug)]
pub(super) struct Always {
    settings: Settings,
    blindness: Blindness,
    rest_until: Mono,
    /// Blind for longer than `stale`: nothing is held until it knows again.
    over: bool,
    suppressed: u64,
}

impl Always {
    pub(super) fn new(settings: Settings, now: Mono) -> Always {
        Always { settings, blindness: Blindness::new(now), rest_until: Mono(0), over: false, suppressed: 0 }
    }

    /// Takes over from the same instance of the rule as it was before an edit.
    pub(super) fn inherit(&mut self, now: Mono, before: &Always, away: bool) {
        self.rest_until = before.rest_until.min(now + self.settings.cooldown);
        if !away {
            self.blindness = before.blindness.clone();
        }
        self.suppressed = before.suppressed;
        self.due(now);
    }

    /// The map has changed beneath it.
    pub(super) fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Whether the cooldown after the last run lasts; counts what it holds back.
    pub(super) fn rests(&mut self, now: Mono) -> bool {
        let rests = now < self.rest_until;
        self.suppressed += u64::from(rests);
        rests
    }

    pub(super) fn ran(&mut self, now: Mono) {
        self.rest_until = now + self.settings.cooldown;
    }

    /// Takes in whether this event left it knowing.
    pub(super) fn watch(&mut self, now: Mono, known: bool, silent: bool, heard: bool) {
        let judged = Judged { when: Truth::True, until: &[], silent, heard };
        self.blindness.watch(now, &self.settings, !known || silent, &judged);
        self.due(now);
    }

    pub(super) fn due(&mut self, now: Mono) {
        self.over = self.blindness.end(&self.settings).is_some_and(|at| at <= now);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// How long it rests yet is known from before a restart.
    pub(super) fn rest(&mut self, until: Mono) {
        self.rest_until = until;
    }

    pub(super) fn rest_until(&self) -> Mono {
        self.rest_until
    }

    /// Since when it knows nothing, and until when that may last.
    pub(super) fn blind(&self) -> (Option<Mono>, Option<Mono>) {
        (self.blindness.since(), self.blindness.end(&self.settings))
    }

    pub(super) fn next_deadline(&self) -> Option<Mono> {
        if self.over { None } else { self.blindness.end(&self.settings) }
    }
}
