//! What is meant for the outside: on its way through the outbox, and what became of a try to deliver it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Name, Utc};

/// How much it matters that it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// For people: never given up for want of room.
    Alert,
    /// Data for machines: the oldest give way where there is no room.
    Export,
}

impl Class {
    /// In one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Alert => "alert",
            Class::Export => "export",
        }
    }
}

/// Something to be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// How much it matters.
    pub class: Class,
    /// The outlet it goes to: a target's name such as `influx`, or a receiver and the way to it, `head-grower/sms`.
    pub to: Name,
    /// The moment of the event.
    pub at: Utc,
    /// Unique for ever; the same at every try, so that whoever receives it can tell that it is the same.
    pub key: Name,
    /// JSON: a [`Note`] for people, the value of `send` for machines.
    pub body: String,
}

/// One of the outbox, handed to its sender for one try.
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel {
    /// Its place in the outbox.
    pub id: i64,
    /// As in [`Outgoing`].
    pub key: Name,
    /// As in [`Outgoing`].
    pub at: Utc,
    /// Which try this is, from 1. From 2 on it may have arrived already, if an earlier try ended without an answer.
    pub tries: u32,
    /// As in [`Outgoing`].
    pub body: String,
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has arrived: the other side has said so.
    Delivered,
    /// It has not, or nobody knows: another try may go well.
    Failed {
        /// What went wrong; holds no secret.
        why: String,
        /// The other side asked to be left alone for as long.
        retry_after: Option<Duration>,
    },
    /// It never will: the other side understands and refuses it, or it cannot be said.
    Refused(String),
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must act now, at night too.
    Critical,
}

impl Severity {
    /// Every one, by rising weight.
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    /// In one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where in its life an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is no alert: a rule's own word, by `notify()`.
    #[default]
    Said,
    /// It has begun, or goes on.
    Firing,
    /// It is over.
    Resolved,
    /// It ended because nobody knows any more.
    NoData,
}

/// What a person is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    /// How bad it is.
    pub severity: Severity,
    /// Where the alert is.
    pub standing: Standing,
    /// One line.
    pub summary: String,
    /// More lines, one for each alert that is told together; may be empty.
    pub details: Vec<String>,
    /// The rule.
    pub rule: Name,
    /// The name of this machine.
    pub site: String,
    /// Since when, in seconds since 1970.
    pub since: f64,
    /// How many alerts it stands for.
    pub count: u32,
    /// It has been said so often before.
    pub repeats: u32,
    /// It comes because nobody has acknowledged it.
    pub escalated: bool,
    /// What to answer, or to type after `growctl alert ack`, to acknowledge it; empty if there is nothing to.
    pub ack: String,
}
