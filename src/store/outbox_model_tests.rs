//! Random histories of the outbox against a plain list: full disks, crashes and clocks that are set, and no committed row is
//! missing, none overtakes another, and none comes twice without saying so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::oneshot;

use super::files::with;
use super::fixture::clock;
use super::{OutboxAsk, OutboxRow, Question, Settled, Step, Store, StoreConfig, Taken, Which};
use crate::model::{Class, Outgoing, Timestamp, Utc};

const OUTLETS: [(Class, &str); 3] = [(Class::Alert, "sms"), (Class::Alert, "push"), (Class::Export, "influx")];
/// The database holds about a megabyte.
const PAGES: u32 = 260;

#[derive(Clone, Debug)]
enum Act {
    /// To one of the outlets, so many kilobytes.
    Post(usize, usize),
    Take(usize, usize),
    /// The first that is under way: delivered, tried again now or in ten minutes, or given up.
    Settle(u8),
    Commit,
    /// The process is gone at once: only what the files say is left.
    Crash,
    Reopen,
    /// Seconds, ahead or back.
    SetClock(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0..3_usize, prop_oneof![4 => 0..2_usize, 1 => 100..400_usize]).prop_map(|(to, size)| Act::Post(to, size)),
        5 => (0..3_usize, 1..6_usize).prop_map(|(to, most)| Act::Take(to, most)),
        8 => (0..8_u8).prop_map(Act::Settle),
        3 => Just(Act::Commit),
        1 => Just(Act::Crash),
        1 => Just(Act::Reopen),
        1 => prop_oneof![Just(1_000_i64), Just(-1_000), Just(-100_000_000), Just(100_000_000)].prop_map(Act::SetClock),
    ]
}

/// What the reference knows of a row that has not arrived for sure.
#[derive(Clone, Debug)]
struct Known {
    key: u32,
    to: usize,
    committed: bool,
    dead: bool,
    /// Handed out, and how often.
    handed: u32,
    /// Said to have arrived; perhaps not on disk yet.
    done: bool,
    /// It was handed out while nothing could be written, so that a crash may forget that.
    uncounted: bool,
    retry_at: Option<Utc>,
}

struct World {
    folder: tempfile::TempDir,
    run: u32,
    store: Store,
    set: Arc<AtomicI64>,
    /// In the order in which they were posted.
    rows: Vec<Known>,
    under_way: Vec<(i64, u32)>,
    next_key: u32,
}

fn open(path: &Path, set: &Arc<AtomicI64>) -> Store {
    let (now, set) = (clock(), set.clone());
    let shifted = move || {
        let Timestamp { mono, utc } = now();
        Timestamp { mono, utc: Utc(utc.0 + set.load(Ordering::Acquire) * 1_000_000_000) }
    };
    let mut config = StoreConfig::new(path.to_owned(), Arc::new(shifted));
    config.most_pages = Some(PAGES);
    Store::open(config, Box::new(|_| {})).0
}

impl World {
    fn new() -> World {
        let (folder, set) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(0)));
        let store = open(&folder.path().join("0").join("growctl.db"), &set);
        World { folder, run: 0, store, set, rows: Vec::new(), under_way: Vec::new(), next_key: 0 }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join(self.run.to_string()).join("growctl.db")
    }

    fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> T {
        let (answer, wait) = oneshot::channel();
        self.store.ask(question(answer)).unwrap();
        wait.blocking_recv().unwrap()
    }

    fn is_full(&self) -> bool {
        self.store.health().trouble().is_some_and(|(why, _)| why.contains("the disk is full"))
    }

    fn settled(&self) -> bool {
        self.ask(Question::Settled)
    }

    fn post(&mut self, to: usize, kilobytes: usize) {
        let (key, (class, name)) = (self.next_key, OUTLETS[to]);
        self.next_key += 1;
        let body = format!("\"{}\"", "x".repeat(kilobytes << 10));
        let outgoing = Outgoing { class, to: name.into(), at: Utc(i64::from(key)), key: key.to_string().into(), body };
        self.store.post(outgoing).unwrap();
        let new = (key, to, false, false, 0, false, false, None);
        let (key, to, committed, dead, handed, done, uncounted, retry_at) = new;
        self.rows.push(Known { key, to, committed, dead, handed, done, uncounted, retry_at });
    }

    /// Brings everything to disk, if that goes; then what was said is certain.
    fn commit(&mut self) -> bool {
        if !self.settled() {
            return false;
        }
        self.rows.retain(|row| !row.done);
        // A try that was made while nothing could be written may stay uncounted where the disk is nearly full.
        self.rows.iter_mut().for_each(|row| row.committed = true);
        true
    }

    fn take(&mut self, to: usize, most: usize) -> Result<(), TestCaseError> {
        let committed = self.commit();
        let Taken { parcels, put_at, .. } =
            self.ask(|answer| Question::Take { to: OUTLETS[to].1.into(), most, answer });
        // To count the tries of large rows takes room as well.
        let writable = committed && !self.is_full();
        // Whoever asks again has given up what he had.
        self.under_way.retain(|(_, key)| self.rows.iter().all(|row| row.key != *key || row.to != to || !writable));
        prop_assert_eq!(parcels.len(), put_at.len());
        let now = Utc((clock())().utc.0 + self.set.load(Ordering::Acquire) * 1_000_000_000);
        let keys: Vec<u32> = parcels.iter().map(|parcel| parcel.key.parse().unwrap()).collect();
        prop_assert!(keys.is_sorted(), "{:?}", keys);
        if writable {
            let live = self.rows.iter().filter(|row| row.to == to && !row.dead);
            let far = |at: &Utc| at.0 > now.0 + 1_000_000_000 && at.0 < now.0 + 3_500_000_000_000;
            let expected: Vec<u32> =
                live.take_while(|row| !row.retry_at.as_ref().is_some_and(far)).take(most).map(|row| row.key).collect();
            prop_assert_eq!(&keys, &expected, "in order, nothing skipped");
        }
        for (parcel, key) in parcels.iter().zip(keys) {
            let row = self.rows.iter_mut().find(|row| row.key == key).expect("it is not gone");
            prop_assert!(!row.done && !row.dead, "{} has arrived or was given up", key);
            prop_assert!(
                row.handed == 0 || parcel.tries > 1 || row.uncounted,
                "{} comes again and does not say so",
                key
            );
            prop_assert!(writable || OUTLETS[to].0 == Class::Alert, "no export goes out uncommitted");
            prop_assert!(parcel.id > 0 || !writable);
            (row.handed, row.retry_at) = (row.handed + 1, None);
            row.uncounted |= !writable;
            self.under_way.push((parcel.id, key));
        }
        Ok(())
    }

    fn settle(&mut self, how: u8) {
        if self.under_way.is_empty() {
            return;
        }
        let (id, key) = self.under_way.remove(0);
        let now = Utc((clock())().utc.0 + self.set.load(Ordering::Acquire) * 1_000_000_000);
        let why = "no answer".to_owned();
        let row = self.rows.iter_mut().find(|row| row.key == key).expect("it is not gone");
        let step = match how {
            0 => Step::Dead { why },
            1 => Step::Retry { at: now, why },
            2 => Step::Retry { at: now + Duration::from_secs(600), why },
            _ => Step::Done,
        };
        match &step {
            Step::Done => row.done = true,
            Step::Retry { at, .. } => row.retry_at = Some(*at),
            Step::Dead { .. } => row.dead = true,
        }
        self.store.settle(Settled { id, step });
    }

    /// What is there now is what the reference begins with anew.
    fn begin_again(&mut self) -> Result<(), TestCaseError> {
        let found: Vec<OutboxRow> = self
            .ask(|answer| Question::Outbox(OutboxAsk::List { to: None, state: None, limit: 9_999, answer }))
            .map_err(TestCaseError::fail)?;
        let keys: BTreeMap<u32, OutboxRow> = found.into_iter().map(|row| (row.key.parse().unwrap(), row)).collect();
        let known: BTreeSet<u32> = self.rows.iter().map(|row| row.key).collect();
        prop_assert!(keys.keys().all(|key| known.contains(key)), "{:?} {:?}", keys.keys(), known);
        for row in &self.rows {
            // By a clock set ahead, dead letters are older than they may become.
            prop_assert!(
                row.done || row.dead || !row.committed || keys.contains_key(&row.key),
                "{} is missing",
                row.key
            );
        }
        self.rows.retain(|row| keys.contains_key(&row.key));
        for row in &mut self.rows {
            let found = &keys[&row.key];
            (row.committed, row.done, row.dead) = (true, false, found.state == "dead");
            if std::mem::take(&mut row.uncounted) {
                row.handed = found.tries;
            }
            row.retry_at = Some(Utc::from_seconds(found.next_try)).filter(|_| found.tries > 0);
        }
        self.under_way.clear();
        Ok(())
    }

    /// Whatever was: where there is room, all that is not given up arrives.
    fn everything_arrives(&mut self) -> Result<(), TestCaseError> {
        for (to, (_, name)) in OUTLETS.iter().enumerate() {
            let all = Which::Outlet((*name).into());
            if !self.commit() || self.ask(|answer| Question::Outbox(OutboxAsk::Retry(all, answer))).is_err() {
                return Ok(());
            }
            self.rows.iter_mut().filter(|row| row.to == to).for_each(|row| (row.dead, row.retry_at) = (false, None));
            while self.rows.iter().any(|row| row.to == to) {
                self.under_way.clear();
                self.take(to, 7)?;
                if self.is_full() {
                    return Ok(());
                }
                prop_assert!(!self.under_way.is_empty(), "{:?} does not arrive", self.rows);
                while !self.under_way.is_empty() {
                    self.settle(7);
                }
                prop_assert!(self.commit());
            }
        }
        Ok(())
    }

    fn act(&mut self, act: &Act) -> Result<(), TestCaseError> {
        match act {
            Act::Post(to, size) => self.post(*to, *size),
            Act::Take(to, most) => self.take(*to, *most)?,
            Act::Settle(how) => self.settle(*how),
            Act::Commit => drop(self.commit()),
            Act::SetClock(by) => drop(self.set.fetch_add(*by, Ordering::AcqRel)),
            Act::Reopen => {
                self.commit();
                self.store.close(Duration::from_secs(20));
                self.store = open(&self.path(), &self.set);
                self.begin_again()?;
            }
            Act::Crash => {
                let from = self.path();
                self.run += 1;
                fs::create_dir(self.path().parent().unwrap()).unwrap();
                fs::copy(&from, self.path()).unwrap();
                fs::copy(with(&from, "-wal"), with(&self.path(), "-wal")).unwrap();
                self.store = open(&self.path(), &self.set);
                self.begin_again()?;
            }
        }
        let outbox = self.store.status().outbox;
        prop_assert!(outbox.alerts.balances() && outbox.exports.balances(), "{:?}", outbox);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_committed_is_missing_overtakes_or_comes_twice_unsaid(acts in prop::collection::vec(act(), 1..60)) {
        let mut world = World::new();
        for act in &acts {
            world.act(act)?;
        }
        world.everything_arrives()?;
    }
}
