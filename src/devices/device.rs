//! One device as the Guard holds it: who asks, what it was told, what it says of itself.

mod heir;

use std::time::Duration;

use crate::channels::{Device, Safe};
use crate::model::{Mono, Name, Quality, Reading, Value};

use super::arbitration::Arbiter;
use super::confirm::{Confirm, Fault};
use super::level::{Levels, Target};
use super::ramp::Ramp;
use super::readings::{Effect, Watches};
use super::restraint::Permit;
use super::saved::Kept;
use super::timing::Timing;

/// What the feedback said last.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    /// Nothing yet.
    Nothing,
    /// A state.
    Good(Value),
    /// That it has none.
    Bad(Quality),
}

/// What the messages of a device say beside its feedback; a message goes out when this changes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    /// The level asked for; `Null` where nobody asks and the device keeps what it has.
    pub(super) wanted: Value,
    /// The requester, or `safe`.
    pub(super) source: Name,
    /// The requester's words.
    pub(super) reason: Option<Name>,
    /// Of a device without feedback, the state it was told.
    pub(super) told: Value,
    /// The limit that keeps it from what is asked for.
    pub(super) held_back: Option<Name>,
    /// Why it is at its safe state whatever is asked for.
    pub(super) fault: Option<Name>,
}

/// Where a device belongs while nobody asks.
#[derive(Clone, Debug)]
enum Rest {
    Keep,
    At(Target),
    /// The map's `safe` cannot be said with the signal's bits.
    Unsayable(String),
}

/// What a device's bits in its frame are to be.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// A request, or its safe state.
    To(Target),
    /// As it is, which is known from its last command or from its feedback, or not yet.
    Keep(Option<Target>),
    /// The signal's bits cannot say it.
    Unsayable(String),
}

/// One device.
#[derive(Debug)]
pub(super) struct Switched {
    pub(super) spec: Device,
    pub(super) levels: Levels,
    pub(super) arbiter: Arbiter,
    /// Position of its frame's image.
    pub(super) image: usize,
    /// It has left the map, and its bits are in a frame that others use: they stay at its safe state until somebody else
    /// drives them. Nobody can ask for it.
    pub(super) ghost: bool,
    pub(super) heard: Heard,
    /// When its feedback was heard last, good or bad.
    pub(super) heard_at: Option<Mono>,
    /// The Gateway says that the feedback has fallen silent.
    pub(super) stale: bool,
    /// What the last word was.
    pub(super) said: Option<Word>,
    /// What its limits say it is told in place of what is wanted.
    pub(super) permit: Option<Permit>,
    /// Its limits may say something else then.
    pub(super) recheck: Option<Mono>,
    /// The devices that it has to do with by its limits or theirs, by position.
    pub(super) company: Option<usize>,
    /// The readings that its limits look at.
    pub(super) watches: Watches,
    pub(super) timing: Timing,
    pub(super) ramp: Ramp,
    pub(super) confirm: Confirm,
    pub(super) effect: Effect,
    pub(super) fault: Option<Fault>,
    /// What it says is compared with what it was told then.
    pub(super) check_at: Option<Mono>,
    /// What was saved of it last.
    pub(super) kept: Kept,
    rest: Rest,
    /// The last good feedback that says a state of the command.
    seen: Option<Target>,
    /// That was its last word.
    says_it: bool,
    /// What it was told last while somebody asked.
    commanded: Option<Target>,
    /// What its bits were in the last frame sent.
    sent: Option<Target>,
    /// What they were before, `None` if nobody knows, and until when it may not have heard of the change.
    before: Option<(Option<Target>, Mono)>,
}

impl Switched {
    pub(super) fn new(spec: Device, image: usize) -> Switched {
        let levels = Levels::new(spec.command.frame.clone(), spec.command.signal, spec.limits.range);
        let rest = match spec.safe {
            Safe::Keep => Rest::Keep,
            Safe::At(level) => levels.resolve(level).map_or_else(Rest::Unsayable, Rest::At),
        };
        Switched {
            arbiter: Arbiter::new(levels.top()),
            levels,
            image,
            ghost: false,
            heard: Heard::Nothing,
            heard_at: None,
            stale: false,
            said: None,
            permit: None,
            recheck: None,
            company: None,
            watches: Watches::default(),
            timing: Timing::default(),
            ramp: Ramp::default(),
            confirm: Confirm::default(),
            effect: Effect::default(),
            fault: None,
            check_at: None,
            kept: Kept::default(),
            rest,
            seen: None,
            says_it: false,
            commanded: None,
            sent: None,
            before: None,
            spec,
        }
    }

    /// What its bits are to be now.
    pub(super) fn wish(&self) -> Wish {
        self.permit.as_ref().map_or_else(|| self.wanted(), |permit| Wish::To(permit.target.clone()))
    }

    /// What is wanted of it, its limits aside: what is asked for, or its safe state if nobody asks or it is at fault.
    pub(super) fn wanted(&self) -> Wish {
        if self.fault.is_some() { self.at_rest() } else { self.asked() }
    }

    fn asked(&self) -> Wish {
        match self.arbiter.winner() {
            Some(held) => self.levels.resolve(held.level).map_or_else(Wish::Unsayable, Wish::To),
            None => self.at_rest(),
        }
    }

    pub(super) fn at_rest(&self) -> Wish {
        match &self.rest {
            Rest::At(target) => Wish::To(target.clone()),
            Rest::Keep => {
                let last = self.commanded.as_ref().or(self.seen.as_ref());
                Wish::Keep(last.map(|last| self.levels.within(last)))
            }
            Rest::Unsayable(why) => Wish::Unsayable(why.clone()),
        }
    }

    /// Whether a frame with `target` would tell it something new.
    pub(super) fn is_news(&self, target: &Target) -> bool {
        self.sent.as_ref().is_none_or(|sent| !sent.is_same(target))
    }

    /// A frame with this target goes out, or is the last that went; whether that is something new.
    pub(super) fn note_sent(&mut self, now: Mono, target: &Target) -> bool {
        let is_news = self.is_news(target);
        if is_news {
            self.before = Some((self.told().cloned(), now + self.spec.ttl));
            self.sent = Some(target.clone());
        }
        if self.arbiter.winner().is_some() || self.permit.is_some() {
            self.commanded = Some(target.clone());
        }
        let on = self.levels.is_on(target);
        self.timing.told(now, on, self.permit.is_some());
        self.confirm.told(now, self.levels.number(target));
        self.effect.told(now, on);
        is_news
    }

    /// Whether it stays as it is when nobody asks.
    pub(super) fn keeps(&self) -> bool {
        matches!(self.rest, Rest::Keep)
    }

    /// Whether a frame has told it anything.
    pub(super) fn was_told(&self) -> bool {
        self.sent.is_some()
    }

    /// What it was told last, or what it says of itself if it never was told anything.
    pub(super) fn told(&self) -> Option<&Target> {
        self.sent.as_ref().or(self.seen.as_ref())
    }

    /// Everything that it may be now: as it says, as it was told, and, where it says nothing, as it was before it can have
    /// heard of that; `recheck` is when that is over.
    pub(super) fn may_be(&self, now: Mono, recheck: &mut Option<Mono>) -> impl Iterator<Item = &Target> {
        let before = self.before(now, recheck).and_then(|(before, _)| before.as_ref());
        self.told().into_iter().chain(self.says_good()).chain(before)
    }

    /// Whether nobody knows what it is: an earlier run may have told it anything, and it cannot have heard of this one.
    pub(super) fn may_be_anything(&self, now: Mono, recheck: &mut Option<Mono>) -> bool {
        let unheard = self.before(now, recheck).is_some_and(|(before, _)| before.is_none());
        self.says_good().is_none() && (self.sent.is_none() || unheard)
    }

    /// What its feedback says now, as a command; `None`: nothing good.
    pub(super) fn says_good(&self) -> Option<&Target> {
        self.seen.as_ref().filter(|_| self.says_it && matches!(self.heard, Heard::Good(_)))
    }

    fn before(&self, now: Mono, recheck: &mut Option<Mono>) -> Option<&(Option<Target>, Mono)> {
        let before = self.before.as_ref().filter(|(_, until)| self.says_good().is_none() && now < *until)?;
        *recheck = [*recheck, Some(before.1)].into_iter().flatten().min();
        Some(before)
    }

    /// Takes in what its feedback says.
    pub(super) fn hear(&mut self, reading: &Reading) {
        self.stale = reading.stale;
        let Some(feedback) = &self.spec.feedback else { return };
        let name = &feedback.frame.signals[feedback.signal].name;
        if reading.stale {
            self.heard = Heard::Bad(Quality::Stale);
            return;
        }
        match reading.values.get(name) {
            // A frame of the device that does not carry its state.
            None => {}
            Some(Value::Null) => {
                let why = reading.quality.iter().find(|(field, _)| field == name);
                self.heard = Heard::Bad(why.map_or(Quality::Invalid, |(_, why)| *why));
                self.heard_at = Some(reading.at.mono);
            }
            Some(value) => {
                (self.heard, self.heard_at) = (Heard::Good(value.clone()), Some(reading.at.mono));
                self.see(value);
                if let (None, Some(seen)) = (&self.sent, &self.seen) {
                    self.timing.found(reading.at.mono, self.levels.is_on(seen));
                }
            }
        }
    }

    /// A state of the feedback, as a command. One that no command is, `moving`, says that it is not where it was.
    fn see(&mut self, value: &Value) {
        let seen = self.levels.heard(value);
        self.says_it = seen.is_some();
        self.seen = seen.or(self.seen.take());
    }

    /// Its state, and why there is none.
    pub(super) fn state(&self) -> (Value, Option<Quality>) {
        match (&self.spec.feedback, &self.heard) {
            (None, _) => (self.shown_as_told(), None),
            (Some(_), Heard::Nothing) => (Value::Null, None),
            (Some(_), Heard::Good(value)) => (value.clone(), None),
            (Some(_), Heard::Bad(why)) => (Value::Null, Some(*why)),
        }
    }

    /// What its messages say now.
    pub(super) fn word(&self) -> Word {
        let winner = self.arbiter.winner();
        let wanted = if let Wish::To(target) = self.asked() { target.shown } else { Value::Null };
        Word {
            wanted,
            source: winner.map_or_else(|| Name::from("safe"), |held| held.requester.to_string().into()),
            reason: winner.and_then(|held| held.reason.clone()),
            told: if self.spec.feedback.is_none() { self.shown_as_told() } else { Value::Null },
            held_back: self.permit.as_ref().map(|permit| permit.why.words()),
            fault: self.fault.as_ref().map(|fault| fault.text.clone()),
        }
    }

    /// When the request in force ends; `None`: not by itself, or there is none.
    pub(super) fn until(&self) -> Option<Mono> {
        self.arbiter.winner().map(|held| held.end).filter(|end| *end != Mono(u64::MAX))
    }

    /// Of the files that decided on the request in force.
    pub(super) fn revision(&self) -> Option<&Name> {
        self.arbiter.winner()?.revision.as_ref()
    }

    /// The shorter of its own and another `repeat`.
    pub(super) fn repeat_within(&self, other: Option<Duration>) -> Option<Duration> {
        [self.spec.repeat, other].into_iter().flatten().min()
    }

    fn shown_as_told(&self) -> Value {
        self.sent.as_ref().map_or(Value::Null, |sent| sent.shown.clone())
    }
}
