//! What became of what went in, by class.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use serde::Serialize;

use crate::model::Class;

use super::of;

/// The account of one class:
/// `found + received = delivered + dead + dropped + dropped_by_person + refused + pending`, to the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutboxAccount {
    /// Left by earlier runs.
    pub found: u64,
    /// Posted in this run.
    pub received: u64,
    /// Posted and committed.
    pub committed: u64,
    /// Arrived.
    pub delivered: u64,
    /// Of those, by a second or later try: the other side may have it twice.
    pub maybe_twice: u64,
    /// Tries that failed and were followed by another.
    pub retried: u64,
    /// Dead letters that are there now.
    pub dead: u64,
    /// Lost, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Dropped because a person wanted that.
    pub dropped_by_person: u64,
    /// Handed back to whoever posted it.
    pub refused: u64,
    /// Not arrived yet.
    pub pending: u64,
    /// Of those, only in memory.
    pub in_memory: u64,
}

impl OutboxAccount {
    /// Whether it adds up.
    #[must_use]
    pub fn balances(&self) -> bool {
        let dropped = self.dropped.values().sum::<u64>() + self.dropped_by_person;
        self.found + self.received == self.delivered + self.dead + dropped + self.refused + self.pending
    }
}

/// What `status` shows of the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutboxStatus {
    /// For people.
    pub alerts: OutboxAccount,
    /// For machines.
    pub exports: OutboxAccount,
    /// Rows in the database.
    pub rows: u64,
    /// Bytes of what is in them.
    pub bytes: u64,
    /// Rows found damaged; they are dead letters.
    pub damaged: u64,
}

/// Rows of one class in the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Holding {
    /// Waiting or under way.
    pub(in super::super) open: u64,
    pub(in super::super) dead: u64,
}

/// What is in the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Held {
    pub(in super::super) classes: [Holding; 2],
    pub(in super::super) bytes: u64,
}

impl Held {
    pub(in super::super) fn rows(&self) -> u64 {
        self.classes.iter().map(|holding| holding.open + holding.dead).sum()
    }
}

impl Index<Class> for Held {
    type Output = Holding;
    fn index(&self, class: Class) -> &Holding {
        &self.classes[of(class)]
    }
}

impl IndexMut<Class> for Held {
    fn index_mut(&mut self, class: Class) -> &mut Holding {
        &mut self.classes[of(class)]
    }
}

/// What happened to one class, since the start or in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Tally {
    pub(in super::super) found: u64,
    pub(in super::super) committed: u64,
    pub(in super::super) delivered: u64,
    pub(in super::super) maybe_twice: u64,
    pub(in super::super) retried: u64,
    pub(in super::super) removed: u64,
    pub(in super::super) dropped: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(in super::super) fn drop(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.dropped.entry(reason).or_default() += count;
        }
    }
}

/// Of both classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Tallies([Tally; 2]);

impl Index<Class> for Tallies {
    type Output = Tally;
    fn index(&self, class: Class) -> &Tally {
        &self.0[of(class)]
    }
}

impl IndexMut<Class> for Tallies {
    fn index_mut(&mut self, class: Class) -> &mut Tally {
        &mut self.0[of(class)]
    }
}

impl Tallies {
    pub(in super::super) fn add(&mut self, other: Tallies) {
        for (mine, others) in self.0.iter_mut().zip(other.0) {
            mine.found += others.found;
            mine.committed += others.committed;
            mine.delivered += others.delivered;
            mine.maybe_twice += others.maybe_twice;
            mine.retried += others.retried;
            mine.removed += others.removed;
            others.dropped.into_iter().for_each(|(reason, count)| mine.drop(reason, count));
        }
    }
}
