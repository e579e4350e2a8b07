//! An alert as its rule tells of it, on its way to the book of alerts, and what the book has to write down.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Name, Severity, Utc};

/// Who is told, and when again: `notify`, `repeat` and `escalate` of a rule's `alert`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertPlan {
    /// How bad it is.
    pub severity: Severity,
    /// Who is told at once.
    pub notify: Arc<[Name]>,
    /// The pauses until it is said again, one after the other; the last one repeats.
    pub repeat: Arc<[Duration]>,
    /// Who else is told while nobody acknowledges, by rising time.
    pub escalate: Arc<[Escalation]>,
}

/// One step of `escalate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// So long after the beginning.
    pub after: Duration,
    /// These are told too.
    pub notify: Arc<[Name]>,
}

/// What an alert is about, as far as it is known; empty where it is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// Name of the room.
    pub room: Name,
    /// Name of the cluster.
    pub cluster: Name,
    /// Name of the node or device.
    pub node: Name,
    /// The bus it is on.
    pub bus: Name,
}

/// An alert as it begins, or as it goes on in other words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Raised {
    /// Who is told, and when.
    pub plan: AlertPlan,
    /// One line, filled in.
    pub summary: Name,
    /// What it is about.
    pub about: About,
    /// The rule's.
    pub labels: Arc<[(String, String)]>,
    /// It says that something is silent: a bus that is down explains it.
    pub of_silence: bool,
}

/// How an alert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertEnd {
    /// It is over.
    Until,
    /// Nobody knows any more.
    Stale,
    /// Its rule was edited.
    Changed,
    /// Its rule was deleted or switched off.
    Disabled,
}

/// What a rule says of the alert that its episode is.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertAsk {
    /// Its condition holds, and `for` runs.
    Pending(Box<Raised>),
    /// The episode has begun, or goes on: an alert that fires already takes over the words and the plan.
    Raise(Box<Raised>),
    /// It has ended, or its condition broke off while `for` ran.
    End(AlertEnd),
}

impl AlertAsk {
    /// In a word or two.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            AlertAsk::Pending(_) => "pending",
            AlertAsk::Raise(_) => "firing",
            AlertAsk::End(AlertEnd::Until) => "resolved",
            AlertAsk::End(AlertEnd::Stale) => "no data",
            AlertAsk::End(AlertEnd::Changed) => "changed",
            AlertAsk::End(AlertEnd::Disabled) => "disabled",
        }
    }

    /// What it says, unless it ends.
    #[must_use]
    pub fn raised(&self) -> Option<&Raised> {
        match self {
            AlertAsk::Pending(raised) | AlertAsk::Raise(raised) => Some(raised),
            AlertAsk::End(_) => None,
        }
    }
}

impl fmt::Display for AlertEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AlertEnd::Until => "until",
            AlertEnd::Stale => "stale",
            AlertEnd::Changed => "changed",
            AlertEnd::Disabled => "disabled",
        })
    }
}

/// A row of the table `alert_change`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertChange {
    /// When.
    pub at: Utc,
    /// The rule, or `system`.
    pub rule: Name,
    /// Key of the instance.
    pub instance: Name,
    /// How bad it is.
    pub severity: Severity,
    /// `firing`, `repeated`, `escalated`, `acknowledged`, `silenced`, `resolved`, `no data`, `ended`.
    pub event: &'static str,
    /// The alert in one line.
    pub summary: Name,
    /// Who is told, with commas between them.
    pub told: Option<String>,
    /// Who acknowledged or silenced it.
    pub by: Option<Name>,
}
