//! Values on their way to the disk: the latest of each key, so that a disk which hangs or is full costs a bounded amount of memory
//! and the newest value is never the one that is lost. As `can::Pending` it replaces by key, which no queue does.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::model::{Name, Saved, Shelf, Utc};

use super::account::Account;

/// Keys that may wait.
const MOST_KEYS: usize = 100_000;
/// Bytes of values that may wait.
const MOST_BYTES: usize = 64 << 20;
/// A single value may be this long.
const MOST_VALUE: usize = 1 << 20;

/// Where a value belongs.
pub(super) type Key = (Shelf, Name, Name);
/// Values by key, with the moment each was handed over; `None` forgets.
pub(super) type Values = BTreeMap<Key, (Option<String>, Utc)>;

/// What waits, and the account.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    values: Values,
    bytes: usize,
    /// Taken by the thread and neither written nor given back yet.
    under_way: u64,
    account: Account,
    /// Why nothing is taken any more.
    closed: Option<&'static str>,
}

impl Waiting {
    pub(super) fn put(&mut self, at: Utc, saved: Saved) {
        self.account.received += 1;
        let size = size(&saved.value);
        let refused = match self.closed {
            Some(why) => Some(why),
            None if size > MOST_VALUE => Some("value over 1 MiB"),
            None if self.values.len() >= MOST_KEYS || self.bytes + size > MOST_BYTES => Some("no room in memory"),
            None => None,
        };
        if let Some(why) = refused {
            return self.account.drop(why, 1);
        }
        self.bytes += size;
        // As the disk has it: the two are compared.
        let at = Utc::from_seconds(at.seconds());
        let (first, second) = saved.key;
        if let Some((old, _)) = self.values.insert((saved.shelf, first, second), (saved.value, at)) {
            self.bytes -= self::size(&old);
            self.account.superseded += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Everything that waits; it is pending until [`Waiting::written`], [`Waiting::refused`] or [`Waiting::give_back`].
    pub(super) fn take(&mut self) -> Values {
        self.bytes = 0;
        let values = std::mem::take(&mut self.values);
        self.under_way += values.len() as u64;
        values
    }

    /// What was taken is on disk.
    pub(super) fn written(&mut self) {
        self.account.written += std::mem::take(&mut self.under_way);
    }

    /// What was taken can never be written.
    pub(super) fn refused(&mut self, why: &'static str) {
        let lost = std::mem::take(&mut self.under_way);
        self.account.drop(why, lost);
    }

    /// What was taken could not be written now; a newer value that came meanwhile stays.
    pub(super) fn give_back(&mut self, values: Values) {
        self.under_way = 0;
        for (key, (value, at)) in values {
            match self.values.entry(key) {
                Entry::Occupied(_) => self.account.superseded += 1,
                Entry::Vacant(vacant) => {
                    self.bytes += size(&value);
                    vacant.insert((value, at));
                }
            }
        }
    }

    /// Takes nothing any more; what waits is lost for this reason.
    pub(super) fn close(&mut self, why: &'static str) {
        self.closed = Some(why);
        let lost = self.take().len() as u64;
        self.under_way -= lost;
        self.account.drop(why, lost);
    }

    pub(super) fn account(&self) -> Account {
        Account { pending: self.values.len() as u64 + self.under_way, ..self.account.clone() }
    }
}

fn size(value: &Option<String>) -> usize {
    value.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(key: &str, value: &str) -> Saved {
        Saved { shelf: Shelf::Rules, key: (key.into(), "i".into()), value: Some(value.to_owned()) }
    }

    #[test]
    fn the_newest_value_stays_whatever_happens_and_the_account_balances() {
        let mut waiting = Waiting::default();
        waiting.put(Utc(1), saved("a", "1"));
        waiting.put(Utc(2), saved("a", "2"));
        waiting.put(Utc(2), saved("b", "2"));
        let taken = waiting.take();
        assert_eq!(taken.len(), 2);
        waiting.put(Utc(3), saved("a", "3"));
        assert!(waiting.account().balances());
        waiting.give_back(taken);
        let account = waiting.account();
        assert!(account.balances(), "{account:?}");
        assert_eq!((account.superseded, account.pending), (2, 2));
        let kept: Vec<_> = waiting.take().into_values().map(|(value, _)| value.unwrap()).collect();
        assert_eq!(kept, ["3", "2"]);
        waiting.written();
        waiting.put(Utc(4), saved("c", &"x".repeat(MOST_VALUE + 1)));
        waiting.put(Utc(4), saved("d", "1"));
        waiting.close("stopped");
        waiting.put(Utc(5), saved("d", "1"));
        let account = waiting.account();
        assert!(account.balances(), "{account:?}");
        assert_eq!((account.written, account.dropped["stopped"], account.dropped["value over 1 MiB"]), (2, 2, 1));
    }

    #[test]
    fn memory_is_bounded() {
        let mut waiting = Waiting::default();
        let big = "x".repeat(MOST_VALUE);
        for key in 0..100 {
            waiting.put(Utc(1), saved(&key.to_string(), &big));
        }
        let account = waiting.account();
        assert_eq!((account.pending, account.dropped["no room in memory"]), (64, 36));
        assert!(account.balances());
    }
}
