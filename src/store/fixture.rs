//! A store in a temporary folder, for the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{
    DeviceChange, Now, OutboxAsk, Question, Removed, Settled, Step, Store, StoreConfig, StoreHealth, Taken, Which,
};
use crate::model::{Class, Mono, Outgoing, Saved, Shelf, Timestamp, Utc};

/// A store in a folder of its own, and what it said.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) restored: BTreeMap<String, String>,
    pub(super) said: Arc<Mutex<Vec<StoreHealth>>>,
    pub(super) config: fn(&mut StoreConfig),
}

#[allow(clippy::disallowed_methods, reason = "the tests' own clock")]
pub(super) fn clock() -> Now {
    let start = Instant::now();
    let at = move || start.elapsed().as_nanos() as u64;
    Arc::new(move || Timestamp { mono: Mono(at()), utc: Utc(1_790_000_000_000_000_000 + at() as i64) })
}

pub(super) fn open_with(path: &Path, config: fn(&mut StoreConfig)) -> Bench {
    let said = Arc::new(Mutex::new(Vec::new()));
    let mut set = StoreConfig::new(path.to_owned(), clock());
    config(&mut set);
    let told = said.clone();
    let (store, saved) = Store::open(set, Box::new(move |health| told.lock().unwrap().push(health.clone())));
    let restored = saved.into_iter().map(|saved| (saved.key.0.to_string(), saved.value.unwrap())).collect();
    Bench { store, restored, said, config }
}

pub(super) fn open(path: &Path) -> Bench {
    open_with(path, |_| {})
}

pub(super) fn rule(key: &str, value: Option<&str>) -> Saved {
    Saved { shelf: Shelf::Rules, key: (key.into(), "".into()), value: value.map(str::to_owned) }
}

pub(super) fn outgoing(class: Class, to: &str, key: &str) -> Outgoing {
    Outgoing {
        class,
        to: to.into(),
        at: Utc(1_790_000_000_123_456_000),
        key: key.into(),
        body: format!("{{\"n\":\"{key}\"}}"),
    }
}

pub(super) fn change(at: f64, device: &str) -> DeviceChange {
    let at = 1_790_000_000.0 + at;
    DeviceChange { at, room: "R".into(), device: device.into(), wanted: 60.0.into(), ..DeviceChange::default() }
}

impl Bench {
    pub(super) fn save(&self, key: &str, value: &str) {
        self.store.save(clock()(), &mut vec![rule(key, Some(value))]);
    }

    pub(super) fn forget(&self, key: &str) {
        self.store.save(clock()(), &mut vec![rule(key, None)]);
    }

    pub(super) fn settled(&self) -> bool {
        let (answer, wait) = oneshot::channel();
        self.store.ask(Question::Settled(answer)).unwrap();
        wait.blocking_recv().unwrap()
    }

    pub(super) fn history(&self, device: Option<&str>, limit: usize) -> Result<Vec<DeviceChange>, String> {
        let (answer, wait) = oneshot::channel();
        let of = device.map(|device| ("R".into(), device.into()));
        self.store.ask(Question::History { of, since: 0.0, limit, answer }).unwrap();
        wait.blocking_recv().unwrap()
    }

    pub(super) fn post(&self, class: Class, to: &str, key: &str) -> Result<(), Outgoing> {
        self.store.post(outgoing(class, to, key))
    }

    pub(super) fn take(&self, to: &str, most: usize) -> Taken {
        let (answer, wait) = oneshot::channel();
        self.store.ask(Question::Take { to: to.into(), most, answer }).unwrap();
        wait.blocking_recv().unwrap()
    }

    /// The keys and tries of what an outlet gets.
    pub(super) fn taken(&self, to: &str, most: usize) -> Vec<(String, u32)> {
        self.take(to, most).parcels.into_iter().map(|parcel| (parcel.key.to_string(), parcel.tries)).collect()
    }

    pub(super) fn settle(&self, id: i64, step: Step) {
        self.store.settle(Settled { id, step });
    }

    pub(super) fn retry(&self, which: Which) -> u64 {
        let (answer, wait) = oneshot::channel();
        self.store.ask(Question::Outbox(OutboxAsk::Retry(which, answer))).unwrap();
        wait.blocking_recv().unwrap().unwrap()
    }

    pub(super) fn remove(&self, which: Which, force: bool) -> Removed {
        let (answer, wait) = oneshot::channel();
        self.store.ask(Question::Outbox(OutboxAsk::Drop { which, force, answer })).unwrap();
        wait.blocking_recv().unwrap().unwrap()
    }

    /// Closes it and opens it anew.
    pub(super) fn again(self) -> Bench {
        assert!(self.store.close(Duration::from_secs(20)), "{:?}", self.store.status());
        self.balances();
        open_with(self.store.path(), self.config)
    }

    pub(super) fn balances(&self) {
        let status = self.store.status();
        let outbox = status.outbox.alerts.balances() && status.outbox.exports.balances();
        assert!(status.values.balances() && status.changes.balances() && outbox, "{status:?}");
    }

    pub(super) fn why(&self) -> String {
        self.store.health().trouble().map(|(why, remedy)| format!("{why} | {remedy}")).unwrap_or_default()
    }
}

pub(super) fn fixture() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growctl.db");
    (folder, path)
}

/// A database with the values `a` and `b` and 300 changes, closed.
pub(super) fn filled() -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = fixture();
    let bench = open(&path);
    bench.save("a", "1");
    bench.save("b", "2");
    (0..300).for_each(|at| bench.store.record(change(f64::from(at), "fan")));
    assert!(bench.store.close(Duration::from_secs(20)));
    (folder, path)
}

pub(super) fn aside(folder: &tempfile::TempDir) -> Vec<String> {
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".corrupt-") && !name.ends_with("-wal") && !name.ends_with("-shm")).collect()
}
