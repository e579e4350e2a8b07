//! What is counted about a rule, and the account of what its scripts cost: one that takes too much is parked.

use std::time::Duration;

use serde::Serialize;

use crate::model::{Mono, Name};

use super::Mode;
use super::journal::Journal;

/// Operations a rule may take within ten seconds: 2 s of them, at about 1 ms for 20,000, are 20 % of a processor.
const MOST_OPERATIONS: u64 = 40_000_000;
/// How long a rule that took more is left alone.
const PARKED: Duration = Duration::from_secs(600);
/// The same fault is reported again after this.
const AGAIN: Duration = Duration::from_secs(3_600);
/// So many different faults of one rule are remembered as reported.
const REMEMBERED: usize = 8;
/// So many faults wait to be drained.
const MOST_WAITING: usize = 1_000;

/// Something that failed in a rule, for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleFault {
    /// The rule.
    pub rule: Name,
    /// The instance; empty for `per: rule`.
    pub instance: Name,
    /// `when`, `until`, `then`, `each`, `finally`, or `schedule`.
    pub part: &'static str,
    /// What and where, as one line.
    pub message: String,
}

/// How a rule is doing: `growctl rule list` and `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleStatus {
    /// The rule.
    pub name: Name,
    /// Whether it acts.
    pub mode: Mode,
    /// Scripts that ran to their end.
    pub runs: u64,
    /// The same, by script.
    pub parts: PartRuns,
    /// Episodes that began.
    pub episodes: u64,
    /// Instances whose episode lasts; without `when`, all.
    pub active: usize,
    /// Instances.
    pub instances: usize,
    /// Beginnings, or runs of `each`, that a cooldown held back.
    pub suppressed: u64,
    /// Messages of its channels that lack a field that it names.
    pub not_concerned: u64,
    /// Judgements and runs that met a value that is not good.
    pub unknown: u64,
    /// Judgements and runs that failed.
    pub faults: u64,
    /// Ticks that came too late, or while it was parked.
    pub missed_ticks: u64,
    /// Messages that would have needed one instance too many.
    pub refused_instances: u64,
    /// Events left out while it was parked.
    pub parked_events: u64,
    /// It takes too much time and is left alone.
    pub parked: bool,
    /// Seconds since a script last ran to its end.
    pub last_run: Option<u64>,
    /// The last fault.
    pub last_error: Option<String>,
}

/// How often each script of a rule ran to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartRuns {
    /// `then`.
    pub then: u64,
    /// `each`.
    pub each: u64,
    /// `finally`.
    pub finally: u64,
}

/// The counters of one rule.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) parts: PartRuns,
    pub(super) last_run: Option<Mono>,
    pub(super) episodes: u64,
    pub(super) unknown: u64,
    pub(super) faults: u64,
    pub(super) missed_ticks: u64,
    pub(super) refused_instances: u64,
    pub(super) parked_events: u64,
    pub(super) last_error: Option<String>,
    pub(super) journal: Journal,
    /// What was reported, and when.
    said: Vec<(String, Mono)>,
    effort: Effort,
}

/// Operations by second of the last ten.
#[derive(Debug, Default)]
struct Effort {
    second: u64,
    spent: [u64; 10],
    parked_until: Option<Mono>,
}

impl PartRuns {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.then + self.each + self.finally
    }
}

impl std::ops::Add for PartRuns {
    type Output = PartRuns;
    fn add(self, other: PartRuns) -> PartRuns {
        PartRuns { then: self.then + other.then, each: self.each + other.each, finally: self.finally + other.finally }
    }
}

impl Tally {
    /// A script ran to its end.
    pub(super) fn ran(&mut self, part: &str, now: Mono) {
        self.last_run = Some(now);
        *match part {
            "then" => &mut self.parts.then,
            "each" => &mut self.parts.each,
            _ => &mut self.parts.finally,
        } += 1;
    }

    /// Counts a fault, and reports it unless the same was reported lately: a rule may fail at every message.
    pub(super) fn failed(&mut self, now: Mono, fault: RuleFault, faults: &mut Vec<RuleFault>) {
        self.faults += 1;
        if self.last_error.as_ref() != Some(&fault.message) {
            self.last_error = Some(fault.message.clone());
        }
        if self.said.iter().any(|(said, at)| *said == fault.message && now.since(*at) < AGAIN) {
            return;
        }
        self.said.retain(|(said, _)| *said != fault.message);
        if self.said.len() == REMEMBERED {
            self.said.remove(0);
        }
        self.said.push((fault.message.clone(), now));
        if faults.len() < MOST_WAITING {
            faults.push(fault);
        }
    }

    /// The counts go on over an edit; what it was blamed for is over.
    pub(super) fn edited(self) -> Tally {
        Tally { last_error: None, said: Vec::new(), effort: Effort::default(), ..self }
    }

    /// Adds what a run cost; `true` once the rule takes too much, which parks it.
    pub(super) fn spend(&mut self, now: Mono, operations: u64) -> bool {
        let effort = &mut self.effort;
        let second = now.0 / 1_000_000_000;
        for passed in effort.second + 1..=second.min(effort.second + 10) {
            effort.spent[(passed % 10) as usize] = 0;
        }
        effort.second = second;
        effort.spent[(second % 10) as usize] += operations;
        let over = effort.spent.iter().sum::<u64>() > MOST_OPERATIONS;
        if over {
            (effort.spent, effort.parked_until) = ([0; 10], Some(now + PARKED));
        }
        over
    }

    /// Until when the rule is left alone, if it is at `now`.
    pub(super) fn parked_until(&self, now: Mono) -> Option<Mono> {
        self.effort.parked_until.filter(|until| now < *until)
    }

    /// Whether the rule is left alone at `now`.
    pub(super) fn is_parked(&self, now: Mono) -> bool {
        self.effort.parked_until.is_some_and(|until| now < until)
    }

    /// It is tried again.
    pub(super) fn unpark(&mut self) {
        self.effort.parked_until = None;
    }
}
