//! What outlives the process: the state of rules, the timers of devices, and what was switched when. One thread owns SQLite and
//! is all that knows it; control hands it values and never waits for it. A disk that is full, broken or gone costs memory, not
//! control: the store says so, keeps the latest value of every key, and writes them when it can again. Rank 3.

mod account;
mod ballast;
mod change;
mod database;
mod files;
mod health;
mod keeper;
mod outbox;
pub mod schedule;
mod schema;
mod shared;
mod trouble;
mod waiting;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{oneshot, watch};

use crate::model::{Full, Name, Outgoing, Push, Queue, Saved, Timestamp};

pub use account::Account;
pub use change::{AlertRow, Change, DeviceChange};
pub use database::{read_alert_history, read_history, read_outbox, read_outbox_row, read_outbox_stats};
pub use health::StoreHealth;
use keeper::Keeper;
pub use outbox::{
    MOST_BODY, OutboxAccount, OutboxAsk, OutboxMost, OutboxRow, OutboxStatus, OutletStats, Removed, RowState, Settled,
    Taken, Which,
};
pub use schedule::Step;
use shared::Shared;

/// Device changes that may wait.
const CHANGES: usize = 50_000;
/// Questions that may wait.
const QUESTIONS: usize = 64;
/// Rows that one answer has at most.
pub const MOST_ROWS: usize = 10_000;
/// Reading what was saved may take this long; then the engine starts without.
const OPENING: Duration = Duration::from_secs(10);

/// Both clocks; the store reads none itself.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Is told every change of the store's health, on the store's thread. Must not block.
pub type Told = Box<dyn Fn(&StoreHealth) + Send>;

/// Where the store is and how much it keeps.
pub struct StoreConfig {
    /// The database file. Its folder must exist.
    pub path: PathBuf,
    /// Both clocks.
    pub now: Now,
    /// Device changes older than this are forgotten.
    pub keep_changes: Duration,
    /// At most about so many device changes are kept, the newest.
    pub most_changes: u64,
    /// How much the outbox holds; beyond it the oldest exports are dropped, alerts never.
    pub outbox_most: OutboxMost,
    /// The steps that make the schema, each from its index to the next version.
    migrations: &'static [&'static str],
    /// Pages that the database may have, so that a test can fill it.
    most_pages: Option<u32>,
}

impl StoreConfig {
    /// The store of `path` with the defaults: device changes for 90 days, at most a million of them.
    #[must_use]
    pub fn new(path: PathBuf, now: Now) -> StoreConfig {
        StoreConfig {
            path,
            now,
            keep_changes: Duration::from_secs(90 * 24 * 3600),
            most_changes: 1_000_000,
            outbox_most: OutboxMost::default(),
            migrations: schema::MIGRATIONS,
            most_pages: None,
        }
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What the store is asked.
#[derive(Debug)]
pub enum Question {
    /// What was switched, the newest first.
    History {
        /// Room and device; `None` for all.
        of: Option<(Name, Name)>,
        /// Not before this, in seconds since 1970.
        since: f64,
        /// At most so many rows, and never more than [`MOST_ROWS`].
        limit: usize,
        /// The rows, or why there are none.
        answer: oneshot::Sender<Result<Vec<DeviceChange>, String>>,
    },
    /// What is due for one outlet, in the order in which it was put in; nothing overtakes what waits for its next try. The try is
    /// counted and on disk before the answer comes. Whoever asks has one try under way at a time: what was handed out for this
    /// outlet before and is not settled is taken for given up, and comes again.
    ///
    /// While the database cannot be written, alerts that are due are handed out all the same, each once, exports never: those on
    /// disk under their id, those only in memory under a negative one. Their tries are counted when it can be written again; if
    /// the process ends before that, those on disk come once more, with a number of tries that does not tell.
    Take {
        /// The outlet.
        to: Name,
        /// At most so many.
        most: usize,
        /// Where they go.
        answer: oneshot::Sender<Taken>,
    },
    /// What became of alerts, the newest first.
    Alerts {
        /// Of this rule; `None` for all.
        rule: Option<String>,
        /// Not before this, in seconds since 1970.
        since: f64,
        /// At most so many rows, and never more than [`MOST_ROWS`].
        limit: usize,
        /// The rows, or why there are none.
        answer: oneshot::Sender<Result<Vec<AlertRow>, String>>,
    },
    /// About the outbox, for people.
    Outbox(OutboxAsk),
    /// Is everything that was handed over before this on disk? Answered after one more try to write it.
    Settled(oneshot::Sender<bool>),
}

/// What `status` shows of the store.
#[derive(Clone, Debug, Serialize)]
pub struct StoreStatus {
    /// The database file.
    pub path: PathBuf,
    /// How it is.
    #[serde(flatten)]
    pub health: StoreHealth,
    /// The values of rules and devices.
    pub values: Account,
    /// The rows of `device_change` and `alert_change`.
    pub changes: Account,
    /// Transactions committed.
    pub commits: u64,
    /// Attempts to write that failed.
    pub failures: u64,
    /// Where a damaged database of this run was put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<PathBuf>,
    /// What is for the outside.
    pub outbox: OutboxStatus,
}

/// A handle on the store; clones lead to the same thread. The last one to go ends the thread as [`Store::close`] does, without
/// waiting for it.
#[derive(Clone, Debug)]
pub struct Store(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Store {
    /// Starts the store's thread and waits until it has read what the last run saved, or 10 s. Whatever is wrong with the database is
    /// no error: it is told, the store does what it still can, and the engine runs.
    #[must_use]
    pub fn open(config: StoreConfig, told: Told) -> (Store, Vec<Saved>) {
        Store::open_within(config, told, OPENING)
    }

    fn open_within(config: StoreConfig, told: Told, limit: Duration) -> (Store, Vec<Saved>) {
        let shared = Arc::new(Shared::new(&config));
        let (now, began) = (config.now.clone(), (config.now)().mono);
        let restored = Queue::new("restored", 1, Full::DropNewest);
        let keeper = Keeper::new(config, shared.clone(), told, restored.clone());
        shared.start(keeper);
        while !shared.has_ended() && now().mono.since(began) < limit {
            if let Some(saved) = restored.pop() {
                return (Store(Arc::new(Handle(shared))), saved);
            }
            restored.doorbell().wait(Duration::from_millis(50));
        }
        // Closed: what is read too late must not be taken for what this run began with.
        restored.close();
        let saved = restored.pop().unwrap_or_default();
        (Store(Arc::new(Handle(shared))), saved)
    }

    /// Hands values over to be kept, each at this moment. Never blocks.
    pub fn save(&self, at: Timestamp, saved: &mut Vec<Saved>) {
        self.0.0.save(at, saved);
    }

    /// Hands a row of `device_change` or `alert_change` over. Never blocks.
    pub fn record(&self, change: impl Into<Change>) {
        self.0.0.changes.push(change.into());
    }

    /// Puts something into the outbox. Never blocks. It is *accepted* once it is committed: within 50 ms and the disk's own time, all
    /// that came meanwhile in one transaction. What a crash finds in that window is lost.
    ///
    /// # Errors
    /// It is handed back: its body is over [`MOST_BODY`], the store has ended, or it is an alert and 10,000 of them wait. Of exports
    /// the oldest of 10,000 that wait gives way.
    pub fn post(&self, outgoing: Outgoing) -> Result<(), Outgoing> {
        self.0.0.post(outgoing)
    }

    /// What became of a try. Never blocks, and is not lost while the store lives: written with the next transaction that succeeds.
    pub fn settle(&self, settled: Settled) {
        self.0.0.posts.settle(settled);
    }

    /// Rises with every commit that put or freed parcels, and with every alert that can only be had from memory.
    #[must_use]
    pub fn outbox_moves(&self) -> watch::Receiver<u64> {
        self.0.0.posts.moves.subscribe()
    }

    /// Asks the store's thread; the answer comes when it comes, and never if the store ends before.
    ///
    /// # Errors
    /// The question, if too many wait already or the store has ended.
    pub fn ask(&self, question: Question) -> Result<(), Question> {
        match self.0.0.questions.push(question) {
            Push::Refused(question) | Push::Dropped(question) => Err(question),
            Push::Queued | Push::Displaced(_) => Ok(()),
        }
    }

    /// How it is now.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.0.0.status().health
    }

    /// Everything that `status` shows.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        self.0.0.status()
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.0.path
    }

    /// Writes what waits, brings the database into one file and ends the thread, within `limit`. Says whether all of it was done;
    /// what could not be written is counted as dropped.
    pub fn close(&self, limit: Duration) -> bool {
        self.0.0.close(limit)
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
#[path = "model_tests.rs"]
mod model_tests;
#[cfg(test)]
#[path = "outbox_model_tests.rs"]
mod outbox_model_tests;
#[cfg(test)]
#[path = "outbox_tests.rs"]
mod outbox_tests;
#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
