//! What the book is told, and what it says.

use crate::model::{AlertChange, AlertEnd, Fields, Name, Note, Raised, Severity};

use super::SilenceWish;

/// The rule that alerts of growctl itself stand under.
pub const SYSTEM: &str = "system";

/// Something that happens to the book.
#[derive(Clone, Debug)]
pub enum AlertEvent<'a> {
    /// The condition of an alert holds, and `for` runs.
    Pending {
        /// The rule.
        rule: &'a Name,
        /// Key of the instance.
        instance: &'a Name,
        /// What it will say.
        raised: Raised,
    },
    /// An alert begins. One that fires already goes on, in these words and by this plan.
    Began {
        /// The rule.
        rule: &'a Name,
        /// Key of the instance.
        instance: &'a Name,
        /// What it says.
        raised: Raised,
    },
    /// Its words are these now.
    Said {
        /// The rule.
        rule: &'a Name,
        /// Key of the instance.
        instance: &'a Name,
        /// One line.
        summary: Name,
    },
    /// An alert ends, pending or firing.
    Ended {
        /// The rule.
        rule: &'a Name,
        /// Key of the instance.
        instance: &'a Name,
        /// How.
        how: AlertEnd,
    },
    /// Somebody acknowledges.
    Ack {
        /// Codes, with spaces or commas between them; a rule; a rule and an instance, as `rule/instance`; or `all`.
        which: &'a str,
        /// Who.
        by: &'a str,
    },
    /// Somebody wants to hear nothing of some alerts for a while.
    Silence(SilenceWish),
    /// A silence ends, by its id.
    Unsilence(&'a str),
    /// A bus takes no frames.
    BusDown(&'a Name),
    /// It does again.
    BusUp(&'a Name),
    /// Something of growctl or of the plant itself is wrong, or is not any more.
    System {
        /// What, such as `device Flower Room/exhaust`.
        what: &'a Name,
        /// How bad it is, and one line; `None`: it is over.
        trouble: Option<(Severity, Name)>,
    },
    /// Time has passed.
    Tick,
}

/// What the book says.
#[derive(Clone, Debug, PartialEq)]
pub enum BookOut {
    /// Somebody is to be told.
    Tell {
        /// A receiver of growctl.yaml.
        receiver: Name,
        /// What.
        note: Note,
    },
    /// For `alert:update` and `alert:update:<rule>`.
    Publish {
        /// The rule.
        rule: Name,
        /// The message.
        fields: Fields,
    },
    /// A row of the table `alert_change`.
    Changed(AlertChange),
}
