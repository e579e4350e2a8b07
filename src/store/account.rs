//! What became of what the store was given.

use std::collections::BTreeMap;

use serde::Serialize;

/// An account: `received = written + superseded + dropped + pending`, to the unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Handed over.
    pub received: u64,
    /// On disk.
    pub written: u64,
    /// Not written, for a newer value of the same key came first.
    pub superseded: u64,
    /// Lost, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Not yet on disk.
    pub pending: u64,
}

impl Account {
    pub(super) fn drop(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.dropped.entry(reason).or_default() += count;
        }
    }

    /// Whether it adds up.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.received == self.written + self.superseded + self.dropped.values().sum::<u64>() + self.pending
    }
}
