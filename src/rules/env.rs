//! What a condition or a script sees while it runs, and what comes out of it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::bus::Last;
use crate::model::{Ask, Fields, Message, Mono, Name, Timestamp};

use super::Windows;

/// The three answers of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It compares a value that is not good: it begins nothing, ends nothing, completes no `for`.
    Unknown,
}

/// Why an episode ended: the script variable `ended`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// `until` came true, or `when` false.
    Until,
    /// It was blind for too long.
    Stale,
    /// The rule was edited.
    Changed,
    /// The rule was deleted or switched off.
    Disabled,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ended::Until => "until",
            Ended::Stale => "stale",
            Ended::Changed => "changed",
            Ended::Disabled => "disabled",
        })
    }
}

/// Everything a condition or script of one instance may look at. Only `state` can be written.
#[derive(Debug)]
pub struct Env<'a> {
    /// The event's time; `now()` is its `utc`.
    pub now: Timestamp,
    /// Which of the rule's scripts runs: a control loop is known by it. Conditions have none.
    pub part: &'static str,
    /// Name of the rule: variable `rule`.
    pub rule: &'a Name,
    /// The instance's last message: variable `msg`; `None` before the first, at a schedule without subscription.
    pub message: Option<&'a Arc<Message>>,
    /// The specific channel: variable `channel`; empty without a message.
    pub channel: &'a Name,
    /// Names from the pattern and what they stand for.
    pub segments: &'a [(Name, Name)],
    /// Variable `state`; a run that fails leaves it as it was.
    pub state: &'a mut Fields,
    /// Variable `stale`: all sources of the instance are silent.
    pub stale: bool,
    /// Variable `reset`: this event is a person's reset.
    pub reset: bool,
    /// Variable `ended`, in `finally`.
    pub ended: Option<Ended>,
    /// When the episode began, for `ramp`; `None` while it has not.
    pub begun: Option<Timestamp>,
    /// When earlier episodes of this instance began, for `runs`.
    pub runs: &'a RunLog,
    /// The instance's windows, in the order of `Rule::windows`.
    pub windows: &'a Windows,
    /// Last values of every channel.
    pub last: &'a Last,
    /// The site's time zone, for `between`, `today`, `days_since`.
    pub zone: &'a jiff::tz::TimeZone,
}

/// What a successful run of a script leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// What it asked for, in order.
    pub asks: Vec<Ask>,
    /// Operations it took, out of the limit.
    pub operations: u64,
    /// What of the state is another than before.
    pub altered: Altered,
}

/// What of a state is another after a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Altered {
    /// Values that scripts see.
    pub state: bool,
    /// What control loops remember.
    pub loops: bool,
}

/// Why a run left nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// It used a value that is not good: no error, the rule waits for a good one.
    Unknown,
    /// It failed, hit a limit or panicked: `message` says what and where, as one line.
    Failed {
        /// What, with line and column of the rule file.
        message: String,
    },
}

/// When an instance's episodes began, for `runs(span)`. Bounded: the newest 10,000 of the last 31 days.
#[derive(Clone, Debug, Default)]
pub struct RunLog(VecDeque<Mono>);

impl RunLog {
    const MOST: usize = 10_000;
    const LONGEST: Duration = Duration::from_secs(31 * 86_400);

    /// An episode (without `when`: a run of `each`) began.
    pub fn record(&mut self, now: Mono) {
        self.0.push_back(now);
        while self.0.len() > RunLog::MOST || self.0.front().is_some_and(|first| now.since(*first) > RunLog::LONGEST) {
            self.0.pop_front();
        }
    }

    /// When they began, of those within the last `span` the newest `most`, the oldest first.
    pub(super) fn newest(&self, now: Mono, span: Duration, most: usize) -> impl Iterator<Item = Mono> {
        let count = self.within(now, span).min(most);
        self.0.iter().skip(self.0.len() - count).copied()
    }

    /// Those that are known from earlier, the oldest first.
    pub(super) fn of(earlier: impl Iterator<Item = Mono>) -> RunLog {
        RunLog(earlier.collect())
    }

    /// How many began within the last `span`.
    #[must_use]
    pub fn within(&self, now: Mono, span: Duration) -> usize {
        self.0.iter().rev().take_while(|at| now.since(**at) <= span).count()
    }
}
