//! What a rule decided lately, and why: kept in memory, so that the morning can ask about the night. What happens again and
//! again is one entry that counts.

use std::collections::VecDeque;

use serde::Serialize;

use crate::model::{Ask, DeviceKey, Level, Mono, Name, Timestamp, Value};

use super::{Checked, Ended};

/// So many decisions of a rule are kept.
const MOST: usize = 200;
/// So many runs of `each`, which may come with every message.
const MOST_EACH: usize = 16;
/// All that is kept of a rule takes about this many bytes at the most.
const MOST_BYTES: usize = 48 << 10;
/// So many wishes of one run.
const MOST_ASKED: usize = 8;
/// So far back the same is looked for, to be counted.
const FAR: usize = 16;

/// When something was decided, and under which files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp<'a> {
    pub(super) at: Timestamp,
    pub(super) revision: &'a Name,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// An episode began; its condition had held since.
    Began(Mono),
    /// The condition held since then, and broke off before `for` was complete.
    Broke(Mono),
    /// An episode ended.
    Ended(Ended),
    /// A script ran.
    Ran(&'static str),
    /// A script stopped at a value that is not good.
    Stopped(&'static str),
    /// A condition or a script failed.
    Failed(&'static str, String),
    /// It let go of what it held: it was blind for too long.
    LetGo,
    /// It took too much time, and is left alone until then.
    Parked(Mono),
}

impl What {
    /// What failed, or that a value was not good.
    pub(super) fn error(&self) -> Option<String> {
        match self {
            What::Failed(_, message) => Some(message.clone()),
            _ => None,
        }
    }
}

/// One decision, or the same several times.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) first: Timestamp,
    pub(super) at: Timestamp,
    pub(super) times: u64,
    pub(super) revision: Name,
    pub(super) instance: Name,
    pub(super) what: What,
    pub(super) checks: Vec<Checked>,
    pub(super) asked: Vec<Asked>,
}

/// What a run asked for, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Asked {
    /// A state of a device.
    Set {
        /// The device, as `room/device`.
        #[serde(serialize_with = "key")]
        set: DeviceKey,
        /// A number, `on` or `off`.
        to: Value,
        /// Why, in the rule's words.
        reason: Option<Name>,
    },
    /// To let a device go.
    Release {
        /// The device, as `room/device`.
        #[serde(serialize_with = "key")]
        release: DeviceKey,
    },
    /// A message.
    Publish {
        /// Its channel.
        publish: Name,
    },
    /// Anything else.
    Call {
        /// The function.
        call: &'static str,
    },
}

fn key<S: serde::Serializer>(key: &DeviceKey, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(key)
}

/// The journal of one rule.
#[derive(Debug, Default)]
pub(super) struct Journal {
    decisions: VecDeque<Entry>,
    each: VecDeque<Entry>,
    bytes: usize,
}

impl Journal {
    /// Writes down what happened, with what its condition said.
    pub(super) fn note(&mut self, stamp: Stamp<'_>, instance: &Name, what: What, checks: Vec<Checked>) {
        let again = matches!(what, What::Broke(_) | What::Stopped(_) | What::Failed(..) | What::LetGo);
        let same = |entry: &Entry| match (&entry.what, &what) {
            (What::Broke(_), What::Broke(_)) => true,
            (known, new) => known == new,
        };
        if let Some(entry) = latest(self.ring(&what).0, instance).filter(|entry| again && same(entry)) {
            let before = entry.weight();
            (entry.what, entry.checks) = (what, checks);
            entry.again(stamp);
            let after = entry.weight();
            self.bytes = self.bytes.saturating_sub(before) + after;
        } else {
            self.push(stamp, instance, what, checks, Vec::new());
        }
        self.shrink();
    }

    /// A script ran to its end. What a beginning or an end asks for belongs to its entry.
    pub(super) fn ran<'a>(
        &mut self,
        stamp: Stamp<'_>,
        instance: &Name,
        part: &'static str,
        asks: impl Iterator<Item = &'a Ask> + Clone,
    ) {
        let asks = asks.take(MOST_ASKED);
        let what = What::Ran(part);
        if let Some(entry) = latest(self.ring(&what).0, instance) {
            let joins = match entry.what {
                What::Began(_) => part == "then" && entry.at.mono == stamp.at.mono,
                What::Ended(_) => part == "finally" && entry.at.mono == stamp.at.mono,
                _ => false,
            };
            if joins {
                let before = entry.weight();
                entry.asked.extend(asks.map(Asked::of));
                let after = entry.weight();
                self.bytes = self.bytes.saturating_sub(before) + after;
                return self.shrink();
            }
            let before = entry.weight();
            if entry.what == what && entry.asked.len() == asks.clone().count() && entry.asks_alike(asks.clone()) {
                entry.again(stamp);
                let after = entry.weight();
                self.bytes = self.bytes.saturating_sub(before) + after;
                return;
            }
        }
        self.push(stamp, instance, what, Vec::new(), asks.map(Asked::of).collect());
        self.shrink();
    }

    /// All that is kept, the oldest first.
    pub(super) fn entries(&self) -> Vec<&Entry> {
        let mut all: Vec<&Entry> = self.decisions.iter().chain(&self.each).collect();
        all.sort_by_key(|entry| entry.at.mono);
        all
    }

    /// The latest entry of an instance that is of interest.
    pub(super) fn latest(&self, instance: &Name, wanted: impl Fn(&What) -> bool) -> Option<&Entry> {
        let of = |ring: &'_ VecDeque<Entry>| ring.iter().rposition(|e| e.instance == *instance && wanted(&e.what));
        let found = [of(&self.decisions).map(|at| &self.decisions[at]), of(&self.each).map(|at| &self.each[at])];
        found.into_iter().flatten().max_by_key(|entry| entry.at.mono)
    }

    fn ring(&mut self, what: &What) -> (&mut VecDeque<Entry>, usize) {
        match what {
            What::Ran("each") | What::Stopped("each") => (&mut self.each, MOST_EACH),
            _ => (&mut self.decisions, MOST),
        }
    }

    fn push(&mut self, stamp: Stamp<'_>, instance: &Name, what: What, checks: Vec<Checked>, asked: Vec<Asked>) {
        let (revision, instance) = (stamp.revision.clone(), instance.clone());
        let entry = Entry { first: stamp.at, at: stamp.at, times: 1, revision, instance, what, checks, asked };
        let (ring, most) = self.ring(&entry.what);
        let gone = if ring.len() == most { ring.pop_front().map_or(0, |old| old.weight()) } else { 0 };
        let weight = entry.weight();
        ring.push_back(entry);
        self.bytes = self.bytes.saturating_sub(gone) + weight;
    }

    /// The oldest go where all together are too large; the newest stays.
    fn shrink(&mut self) {
        while self.bytes > MOST_BYTES && self.decisions.len() + self.each.len() > 1 {
            let oldest = |ring: &VecDeque<Entry>| ring.front().map_or(Mono(u64::MAX), |entry| entry.at.mono);
            let each = oldest(&self.each) < oldest(&self.decisions);
            let ring = if each { &mut self.each } else { &mut self.decisions };
            self.bytes = self.bytes.saturating_sub(ring.pop_front().map_or(0, |entry| entry.weight()));
        }
    }
}

/// The latest entry of an instance, if it is not long ago.
fn latest<'a>(ring: &'a mut VecDeque<Entry>, instance: &Name) -> Option<&'a mut Entry> {
    ring.iter_mut().rev().take(FAR).find(|entry| entry.instance == *instance)
}

impl Entry {
    fn again(&mut self, stamp: Stamp<'_>) {
        (self.at, self.times) = (stamp.at, self.times + 1);
        if self.revision != *stamp.revision {
            self.revision = stamp.revision.clone();
        }
    }

    /// Whether a run asks for the same as this one; the reason may be in other words, and the newest stays.
    fn asks_alike<'a>(&mut self, asks: impl Iterator<Item = &'a Ask> + Clone) -> bool {
        if !self.asked.iter().zip(asks.clone()).all(|(known, ask)| known.is_alike(ask)) {
            return false;
        }
        for (known, ask) in self.asked.iter_mut().zip(asks) {
            if let (Asked::Set { reason, .. }, Ask::Set(request)) = (known, ask) {
                reason.clone_from(&request.reason);
            }
        }
        true
    }

    fn weight(&self) -> usize {
        let message = if let What::Failed(_, message) = &self.what { message.len() } else { 0 };
        let reason = |asked: &Asked| match asked {
            Asked::Set { reason: Some(reason), .. } => reason.len(),
            Asked::Publish { publish } => publish.len(),
            _ => 0,
        };
        let asked = self.asked.iter().map(|asked| size_of::<Asked>() + reason(asked)).sum::<usize>();
        size_of::<Entry>() + message + asked + self.checks.iter().map(Checked::weight).sum::<usize>()
    }
}

impl Asked {
    fn of(ask: &Ask) -> Asked {
        match ask {
            Ask::Set(request) => {
                Asked::Set { set: request.device.clone(), to: level(request.level), reason: request.reason.clone() }
            }
            Ask::Release(device) => Asked::Release { release: device.clone() },
            Ask::Publish { channel, .. } => Asked::Publish { publish: channel.clone() },
            Ask::Act(act) => Asked::Call { call: act.action },
            Ask::ReleaseAll => Asked::Call { call: "release" },
        }
    }

    fn is_alike(&self, ask: &Ask) -> bool {
        match (self, ask) {
            (Asked::Set { set, to, .. }, Ask::Set(request)) => *set == request.device && is_at(to, request.level),
            (Asked::Release { release }, Ask::Release(device)) => release == device,
            (Asked::Publish { publish }, Ask::Publish { channel, .. }) => publish == channel,
            (Asked::Call { call }, Ask::Act(act)) => *call == act.action,
            _ => false,
        }
    }
}

fn level(level: Level) -> Value {
    match level {
        Level::On => "on".into(),
        Level::Off => "off".into(),
        Level::At(number) => number.into(),
    }
}

fn is_at(value: &Value, level: Level) -> bool {
    match level {
        Level::On => value.as_text() == Some("on"),
        Level::Off => value.as_text() == Some("off"),
        Level::At(number) => value.as_number() == Some(number),
    }
}
