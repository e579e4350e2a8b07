//! The publish policy: which frames become messages at once, which wait, which are passed over. One message a frame: it
//! goes as soon as one of its signals asks for it, and carries them all. Pure; the Gateway decodes and asks here.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::model::{Mono, Timestamp};

use super::plan::{Sample, State};

/// Messages of one frame within a second that changes of state or quality bring about at once; beyond that they wait
/// for the second to end. Nothing that is well is so fast; a babbling node is.
const URGENT_A_SECOND: u8 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// When a signal asks for a message. Without any of it: at each frame, or, beside signals that have a policy, at each
/// change.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Policy {
    /// The smallest change of a number that counts as one. `None`: any.
    pub deadband: Option<f64>,
    /// Numbers no sooner than this after the last message of the frame; states and quality at once.
    pub min_interval: Option<Duration>,
    /// No later than this after the last message, changed or not.
    pub max_interval: Option<Duration>,
    /// At each frame, whatever the signals beside it have.
    pub always: bool,
}

/// Readings that were not published, by reason: each is counted when it is certain that it never will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// Nothing in them had changed by its deadband, and `max_interval` was not over.
    #[serde(rename = "held_by_deadband")]
    pub deadband: u64,
    /// They changed before `min_interval` was over, and a newer one came.
    #[serde(rename = "held_by_interval")]
    pub interval: u64,
    /// Their states changed faster than a node does that is well.
    #[serde(rename = "held_by_babbling")]
    pub babbling: u64,
}

impl HeldBack {
    /// All of them.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.deadband + self.interval + self.babbling
    }

    fn add(&mut self, why: Why) {
        *match why {
            Why::Deadband => &mut self.deadband,
            Why::Interval => &mut self.interval,
            Why::Babbling => &mut self.babbling,
        } += 1;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Deadband,
    Interval,
    Babbling,
}

/// A signal of a frame by its position in the plan, and what it is.
pub(super) type Sampled = (u16, Sample);

/// What all frames of the map have said last, and what of it waits.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    lanes: Vec<Lane>,
    /// One entry for each part that waits: when, lane, part.
    deadlines: BTreeSet<(Mono, u32, u32)>,
    held_back: HeldBack,
    /// Without any policy.
    free: bool,
}

/// One source's share in the frames of one identifier.
#[derive(Debug)]
struct Lane {
    policies: Box<[Policy]>,
    /// Somewhere in it is a policy.
    paced: bool,
    /// Of a multiplexed frame one for each set of signals that come together; else one.
    parts: Vec<Part>,
}

/// Signals that come together.
#[derive(Debug, Default)]
struct Part {
    /// When there was a message last, and what it said; `None`: the next frame is published whatever it says.
    said: Option<(Mono, Vec<Sampled>)>,
    held: Option<Held>,
    /// When the current second of urgent messages began, and how many it had.
    urgent: (Mono, u8),
}

/// The latest frame, which was not published.
#[derive(Clone, Debug)]
struct Held {
    at: Timestamp,
    samples: Vec<Sampled>,
    why: Why,
    deadline: Mono,
}

/// When a frame is to be published.
#[derive(Clone, Copy, Debug)]
enum When {
    Now { urgent: bool },
    At(Mono, Why),
    Never,
}

impl Pacer {
    /// One more lane. Its number.
    pub(super) fn add(&mut self, policies: Box<[Policy]>) -> u32 {
        let paced = policies.iter().any(|policy| *policy != Policy::default());
        self.lanes.push(Lane { policies, paced, parts: Vec::new() });
        self.lanes.len() as u32 - 1
    }

    /// From now on every frame is published.
    pub(super) fn set_free(&mut self) {
        self.free = true;
    }

    /// A frame arrived: whether it is published at once.
    pub(super) fn frame(&mut self, number: u32, now: Timestamp, samples: &[Sampled]) -> bool {
        let lane = &mut self.lanes[number as usize];
        if !lane.paced || self.free {
            return true;
        }
        let at = lane.part(samples);
        let part = &mut lane.parts[at];
        let before = part.held.take();
        let was = before.as_ref().map(|held| held.deadline);
        before.iter().for_each(|held| self.held_back.add(held.why));
        let when = part.when(now.mono, &lane.policies, samples);
        match when {
            When::Now { urgent } => part.say(now.mono, samples, urgent),
            When::At(deadline, why) => {
                let mut room = before.map(|held| held.samples).unwrap_or_default();
                room.clear();
                room.extend_from_slice(samples);
                part.held = Some(Held { at: now, samples: room, why, deadline });
            }
            When::Never => self.held_back.add(Why::Deadband),
        }
        let is = part.held.as_ref().map(|held| held.deadline);
        if was != is {
            was.map(|deadline| self.deadlines.remove(&(deadline, number, at as u32)));
            self.deadlines.extend(is.map(|deadline| (deadline, number, at as u32)));
        }
        matches!(when, When::Now { .. })
    }

    /// The next frame whose wait is over by now: its lane, when it arrived, what it said.
    pub(super) fn due(&mut self, now: Mono) -> Option<(u32, Timestamp, Vec<Sampled>)> {
        let (_, number, at) = self.deadlines.first().copied().filter(|(deadline, ..)| *deadline <= now)?;
        self.deadlines.pop_first();
        let part = &mut self.lanes[number as usize].parts[at as usize];
        let held = part.held.take()?;
        part.say(now, &held.samples, held.why == Why::Babbling);
        Some((number, held.at, held.samples))
    }

    /// When the next wait is over.
    pub(super) fn next(&self) -> Option<Mono> {
        self.deadlines.first().map(|(deadline, ..)| *deadline)
    }

    /// Frames that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.deadlines.len() as u64
    }

    /// Frames that were never published.
    pub(super) fn held_back(&self) -> HeldBack {
        self.held_back
    }

    /// The source has fallen silent, or those of its parts that have one of these signals: what waits is over, and the
    /// next frame is published whatever it says.
    pub(super) fn forget(&mut self, number: u32, signals: &[u16]) {
        for (at, part) in (0..).zip(&mut self.lanes[number as usize].parts) {
            let has = |samples: &[Sampled]| samples.iter().any(|(signal, _)| signals.contains(signal));
            if !signals.is_empty() && !part.present().is_some_and(has) {
                continue;
            }
            part.said = None;
            if let Some(held) = part.held.take() {
                self.held_back.add(held.why);
                self.deadlines.remove(&(held.deadline, number, at));
            }
        }
    }

    /// Goes on where another one was: `lanes` are the new and the old numbers of what means the same as before.
    pub(super) fn inherit(&mut self, mut before: Pacer, lanes: impl Iterator<Item = (u32, u32)>) {
        for (new, old) in lanes {
            let lane = &mut self.lanes[new as usize];
            lane.parts = std::mem::take(&mut before.lanes[old as usize].parts);
            for (at, part) in (0..).zip(&lane.parts) {
                self.deadlines.extend(part.held.as_ref().map(|held| (held.deadline, new, at)));
            }
        }
        let left = before.lanes.iter().flat_map(|lane| &lane.parts).filter_map(|part| part.held.as_ref());
        left.for_each(|held| before.held_back.add(held.why));
        (self.held_back, self.free) = (before.held_back, before.free);
    }
}

impl Lane {
    /// The part that has these signals.
    fn part(&mut self, samples: &[Sampled]) -> usize {
        let same = |known: &[Sampled]| {
            known.len() == samples.len() && known.iter().zip(samples).all(|((a, _), (b, _))| a == b)
        };
        let known = self.parts.iter().position(|part| part.present().is_some_and(same));
        // One that was forgotten is any part's.
        known.or_else(|| self.parts.iter().position(|part| part.present().is_none())).unwrap_or_else(|| {
            self.parts.push(Part::default());
            self.parts.len() - 1
        })
    }
}

impl Part {
    /// Its signals; `None`: any, as it has nothing of them.
    fn present(&self) -> Option<&[Sampled]> {
        self.held.as_ref().map(|held| &held.samples[..]).or(self.said.as_ref().map(|(_, samples)| &samples[..]))
    }

    fn say(&mut self, now: Mono, samples: &[Sampled], urgent: bool) {
        if urgent {
            let (began, count) = self.urgent;
            self.urgent = if now.since(began) >= SECOND { (now, 1) } else { (began, count.saturating_add(1)) };
        }
        match &mut self.said {
            Some((at, said)) if said.len() == samples.len() => {
                *at = now;
                said.copy_from_slice(samples);
            }
            said => *said = Some((now, samples.to_vec())),
        }
    }

    /// The earliest moment at which one of its signals asks for a message.
    fn when(&self, now: Mono, policies: &[Policy], samples: &[Sampled]) -> When {
        let Some((last, said)) = &self.said else { return When::Now { urgent: false } };
        let mut earliest: Option<(Mono, Why)> = None;
        for ((at, sample), (_, before)) in samples.iter().zip(said) {
            let policy = &policies[usize::from(*at)];
            let asks = match policy.asks(*last, before, sample) {
                Asks::AtOnce => match self.urgent {
                    (began, URGENT_A_SECOND..) if now.since(began) < SECOND => Some((began + SECOND, Why::Babbling)),
                    _ => return When::Now { urgent: true },
                },
                Asks::At(moment, why) => Some((moment, why)),
                Asks::Never => None,
            };
            earliest = [earliest, asks].into_iter().flatten().min();
        }
        match earliest {
            Some((moment, _)) if moment <= now => When::Now { urgent: false },
            Some((moment, why)) => When::At(moment, why),
            None => When::Never,
        }
    }
}

enum Asks {
    AtOnce,
    At(Mono, Why),
    Never,
}

impl Policy {
    /// How long after a message it asks for the next while nothing changes; `None`: never.
    pub(super) fn steady(&self) -> Option<Duration> {
        match self.unchanged(Mono(0)) {
            _ if self.always => Some(Duration::ZERO),
            Asks::At(moment, _) => Some(moment.since(Mono(0))),
            Asks::AtOnce | Asks::Never => None,
        }
    }

    /// When a signal asks for a message, after one at `last` in which it was `before`.
    fn asks(&self, last: Mono, before: &Sample, sample: &Sample) -> Asks {
        if self.always {
            return Asks::At(last, Why::Deadband);
        }
        let soonest = Asks::At(last + self.min_interval.unwrap_or_default(), Why::Interval);
        match (before.state, sample.state) {
            (State::Number, State::Number) if self.is_change(before.number, sample.number) => soonest,
            (State::Number, State::Number) => self.unchanged(last),
            _ if before == sample => self.unchanged(last),
            _ => Asks::AtOnce,
        }
    }

    fn unchanged(&self, last: Mono) -> Asks {
        match (self.max_interval, self.min_interval) {
            (Some(max), _) => Asks::At(last + max, Why::Deadband),
            // A rate and nothing else: unchanged values count as well.
            (None, Some(min)) if self.deadband.is_none() => Asks::At(last + min, Why::Interval),
            _ => Asks::Never,
        }
    }

    /// 24.9 is 0.1 from 24.8, although not in binary fractions.
    fn is_change(&self, before: f64, now: f64) -> bool {
        let slack = 4.0 * f64::EPSILON * (before.abs() + now.abs());
        before != now && self.deadband.is_none_or(|deadband| (now - before).abs() + slack >= deadband)
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
