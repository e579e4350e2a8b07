//! What a rule decided lately, and why: kept in memory, so that the morning can ask about the night. What happens again and
//! again is one entry that counts.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use crate::model::{Ask, DeviceKey, Level, Mono, Name, Timestamp, Value};

use super::{Checked, Ended};

/// So many decisions of a rule are kept.
const MOST: usize = 200;
/// So many runs of `each`, beside the last one of each instance.
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
    /// An episode that began then goes on after a restart.
    Resumed(Mono),
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
    /// To let go of all that it holds.
    ReleaseAll {
        /// `all`.
        release: &'static str,
    },
    /// A message.
    Publish {
        /// Its channel.
        publish: Name,
    },
    /// What becomes of the alert that the episode is.
    Alert {
        /// `firing`, `resolved`, `no data`, `changed` or `disabled`.
        alert: &'static str,
        /// What it says.
        summary: Option<Name>,
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

/// The journal of one rule. The last run of `each` stands with its instance: it may come with every message.
#[derive(Debug, Default)]
pub(super) struct Journal {
    decisions: VecDeque<Entry>,
    /// Runs of `each` that others came after.
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
        let again = again && self.newest(instance).is_some_and(|entry| entry.is_of(stamp) && same(entry));
        let entry = match again.then(|| self.take_newest(instance)).flatten() {
            Some(mut entry) => {
                (entry.what, entry.checks) = (what, checks);
                entry.again(stamp);
                entry
            }
            None => Entry::new(stamp, instance, what, checks, Vec::new()),
        };
        self.push(entry);
    }

    /// A script ran to its end. What a beginning or an end asks for belongs to its entry.
    pub(super) fn ran<'a>(
        &mut self,
        stamp: Stamp<'_>,
        instance: &Name,
        part: &'static str,
        asks: impl Iterator<Item = &'a Ask>,
    ) {
        let asked = asks.take(MOST_ASKED).map(Asked::of).collect();
        let joins = self.newest(instance).is_some_and(|entry| {
            let its = matches!((&entry.what, part), (What::Began(_), "then") | (What::Ended(_), "finally"));
            its && entry.at.mono == stamp.at.mono
        });
        let entry = match joins.then(|| self.take_newest(instance)).flatten() {
            Some(mut entry) => {
                entry.asked.extend::<Vec<Asked>>(asked);
                entry
            }
            None => Entry::new(stamp, instance, What::Ran(part), Vec::new(), asked),
        };
        self.push(entry);
    }

    /// What just ended lets go of what it held.
    pub(super) fn released(&mut self, instance: &Name) {
        self.asked(instance, Asked::of(&Ask::ReleaseAll));
    }

    /// The latest decision about an instance comes to this too.
    pub(super) fn asked(&mut self, instance: &Name, asked: Asked) {
        if let Some(mut entry) = self.take_newest(instance) {
            entry.asked.push(asked);
            self.push(entry);
        }
    }

    /// Keeps a run of `each` that another one came after.
    pub(super) fn keep(&mut self, entry: Entry) {
        self.push(entry);
    }

    /// All that is kept, but for the last runs of `each`.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.decisions.iter().chain(&self.each)
    }

    /// The latest decision about an instance that is of interest.
    pub(super) fn latest(&self, instance: &Name, wanted: impl Fn(&What) -> bool) -> Option<&Entry> {
        self.decisions.iter().rev().find(|entry| entry.instance == *instance && wanted(&entry.what))
    }

    /// The newest decision about an instance, if it is not long ago.
    fn newest(&self, instance: &Name) -> Option<&Entry> {
        self.decisions.iter().rev().take(FAR).find(|entry| entry.instance == *instance)
    }

    /// Takes that out, so that it can be put back as the newest of all.
    fn take_newest(&mut self, instance: &Name) -> Option<Entry> {
        let at = self.decisions.iter().rposition(|entry| entry.instance == *instance)?;
        let entry = self.decisions.remove(at)?;
        self.bytes -= entry.weight();
        Some(entry)
    }

    fn push(&mut self, entry: Entry) {
        let (ring, most) = match entry.what {
            What::Ran("each") | What::Stopped("each") => (&mut self.each, MOST_EACH),
            _ => (&mut self.decisions, MOST),
        };
        let gone = if ring.len() == most { ring.pop_front().map_or(0, |old| old.weight()) } else { 0 };
        let weight = entry.weight();
        ring.push_back(entry);
        self.bytes = self.bytes - gone + weight;
        self.shrink();
    }

    /// The oldest go where all together are too large; the newest stays.
    fn shrink(&mut self) {
        while self.bytes > MOST_BYTES && self.decisions.len() + self.each.len() > 1 {
            let oldest = |ring: &VecDeque<Entry>| ring.front().map_or(Mono(u64::MAX), |entry| entry.at.mono);
            let of_each = oldest(&self.each) < oldest(&self.decisions);
            let ring = if of_each { &mut self.each } else { &mut self.decisions };
            self.bytes -= ring.pop_front().map_or(0, |entry| entry.weight());
        }
    }
}

impl Entry {
    /// A run of `each`: it is counted with the one before, if that asked for the same under the same files. Otherwise it is
    /// the last one from now on, and the one before comes out.
    pub(super) fn each<'a>(
        slot: &mut Option<Box<Entry>>,
        stamp: Stamp<'_>,
        instance: &Name,
        what: What,
        asks: impl Iterator<Item = &'a Ask> + Clone,
    ) -> Option<Box<Entry>> {
        let asks = asks.take(MOST_ASKED);
        if let Some(entry) = slot
            && entry.is_of(stamp)
            && entry.what == what
            && entry.asks_alike(asks.clone())
        {
            entry.renew(asks);
            entry.again(stamp);
            return None;
        }
        let asked = asks.map(Asked::of).collect();
        slot.replace(Box::new(Entry::new(stamp, instance, what, Vec::new(), asked)))
    }

    /// Whether it was decided under the same files.
    fn is_of(&self, stamp: Stamp<'_>) -> bool {
        Arc::ptr_eq(&self.revision, stamp.revision) || self.revision == *stamp.revision
    }

    fn new(stamp: Stamp<'_>, instance: &Name, what: What, checks: Vec<Checked>, asked: Vec<Asked>) -> Entry {
        let (revision, instance) = (stamp.revision.clone(), instance.clone());
        Entry { first: stamp.at, at: stamp.at, times: 1, revision, instance, what, checks, asked }
    }

    fn again(&mut self, stamp: Stamp<'_>) {
        (self.at, self.times) = (stamp.at, self.times + 1);
    }

    /// Whether a run asks for the same as this one; the reason may be in other words.
    fn asks_alike<'a>(&self, asks: impl Iterator<Item = &'a Ask> + Clone) -> bool {
        self.asked.len() == asks.clone().count() && self.asked.iter().zip(asks).all(|(known, ask)| known.is_alike(ask))
    }

    /// The newest words stay.
    fn renew<'a>(&mut self, asks: impl Iterator<Item = &'a Ask>) {
        for (known, ask) in self.asked.iter_mut().zip(asks) {
            if let (Asked::Set { reason, .. }, Ask::Set(request)) = (known, ask) {
                reason.clone_from(&request.reason);
            }
        }
    }

    fn weight(&self) -> usize {
        let message = if let What::Failed(_, message) = &self.what { message.len() } else { 0 };
        let reason = |asked: &Asked| match asked {
            Asked::Set { reason: Some(reason), .. } => reason.len(),
            Asked::Publish { publish } => publish.len(),
            Asked::Alert { summary: Some(summary), .. } => summary.len(),
            _ => 0,
        };
        let asked = self.asked.iter().map(|asked| size_of::<Asked>() + reason(asked)).sum::<usize>();
        size_of::<Entry>() + message + asked + self.checks.iter().map(Checked::weight).sum::<usize>()
    }
}

impl Asked {
    pub(super) fn of(ask: &Ask) -> Asked {
        match ask {
            Ask::Set(request) => {
                Asked::Set { set: request.device.clone(), to: level(request.level), reason: request.reason.clone() }
            }
            Ask::Release(device) => Asked::Release { release: device.clone() },
            Ask::Publish { channel, .. } => Asked::Publish { publish: channel.clone() },
            Ask::Act(act) => Asked::Call { call: act.action },
            Ask::ReleaseAll => Asked::ReleaseAll { release: "all" },
            Ask::Alert(ask) => {
                Asked::Alert { alert: ask.name(), summary: ask.raised().map(|raised| raised.summary.clone()) }
            }
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

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
