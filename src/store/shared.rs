//! What the handles and the thread have in common: what waits, the accounts, the health, and the thread's end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::model::{Class, Doorbell, Full, Outgoing, Queue, Saved, Timestamp};

use super::account::Account;
use super::change::Change;
use super::health::StoreHealth;
use super::keeper::Keeper;
use super::outbox::{Held, OutboxStatus, Posts, Tallies, of};
use super::waiting::Waiting;
use super::{CHANGES, Now, QUESTIONS, Question, StoreConfig, StoreStatus};

/// Shared by all handles and the thread.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    now: Now,
    /// Rings for values, changes, questions and the word to stop.
    pub(super) bell: Arc<Doorbell>,
    pub(super) changes: Arc<Queue<Change>>,
    pub(super) questions: Arc<Queue<Question>>,
    /// The ways into the outbox.
    pub(super) posts: Posts,
    /// Values that wait.
    pub(super) waiting: Mutex<Waiting>,
    /// What the thread did.
    pub(super) done: Mutex<Done>,
    stop: AtomicBool,
    ended: AtomicBool,
    /// Rings when the thread has ended.
    end: Arc<Doorbell>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread did, and how it is.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) health: StoreHealth,
    pub(super) changes_written: u64,
    pub(super) changes_dropped: Account,
    /// Taken from the queue and not yet on disk.
    pub(super) changes_kept: u64,
    pub(super) commits: u64,
    pub(super) failures: u64,
    pub(super) set_aside: Option<PathBuf>,
    /// What became of what was posted, by class.
    pub(super) outbox: Tallies,
    /// Posts taken from the queues and not yet on disk, by class.
    pub(super) kept: [u64; 2],
    /// What the database has of the outbox.
    pub(super) held: Held,
    pub(super) damaged: u64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(config: &StoreConfig) -> Shared {
        let bell = Doorbell::new();
        Shared {
            path: config.path.clone(),
            now: config.now.clone(),
            changes: Queue::with_doorbell("device changes", CHANGES, Full::DropOldest, bell.clone()),
            questions: Queue::with_doorbell("questions to the store", QUESTIONS, Full::Refuse, bell.clone()),
            posts: Posts::new(&bell),
            bell,
            waiting: Mutex::default(),
            done: Mutex::default(),
            stop: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            end: Doorbell::new(),
            thread: Mutex::new(None),
        }
    }

    pub(super) fn start(self: &Arc<Self>, keeper: Keeper) {
        let shared = self.clone();
        let work = move || {
            // However the thread ends, nobody waits for it any more.
            let _end = Ending(shared);
            keeper.run();
        };
        match thread::Builder::new().name("store".to_owned()).spawn(work) {
            Ok(thread) => *lock(&self.thread) = Some(thread),
            Err(error) => {
                let remedy = "let this user start more threads, then restart growctl".to_owned();
                lock(&self.done).health =
                    StoreHealth::Off { why: format!("the store's thread cannot be started: {error}"), remedy };
                self.posts.close();
                self.ended.store(true, Ordering::Release);
            }
        }
    }

    pub(super) fn save(&self, at: Timestamp, saved: &mut Vec<Saved>) {
        if saved.is_empty() {
            return;
        }
        let mut waiting = lock(&self.waiting);
        saved.drain(..).for_each(|saved| waiting.put(at.utc, saved));
        drop(waiting);
        self.bell.ring();
    }

    pub(super) fn post(&self, outgoing: Outgoing) -> Result<(), Outgoing> {
        self.posts.post(outgoing, (self.now)().utc)
    }

    /// Lets the thread write what waits, and end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn status(&self) -> StoreStatus {
        let values = lock(&self.waiting).account();
        // The thread moves changes from the queue to itself under this lock, so none is counted twice.
        let done = lock(&self.done);
        let queue = self.changes.counts();
        let mut changes = done.changes_dropped.clone();
        changes.received = queue.received;
        changes.written = done.changes_written;
        changes.pending = queue.pending + done.changes_kept;
        changes.drop("queue full", queue.dropped);
        changes.drop("the store is off or stopped", queue.refused);
        StoreStatus {
            path: self.path.clone(),
            health: done.health.clone(),
            values,
            changes,
            commits: done.commits,
            failures: done.failures,
            set_aside: done.set_aside.clone(),
            outbox: self.outbox(&done),
        }
    }

    fn outbox(&self, done: &Done) -> OutboxStatus {
        let account = |class: Class| {
            let holding = done.held[class];
            self.posts.account(class, &done.outbox[class], done.kept[of(class)], [holding.open, holding.dead])
        };
        OutboxStatus {
            alerts: account(Class::Alert),
            exports: account(Class::Export),
            rows: done.held.rows(),
            bytes: done.held.bytes,
            damaged: done.damaged,
        }
    }

    pub(super) fn close(&self, limit: Duration) -> bool {
        let began = (self.now)().mono;
        self.stop();
        let Some(thread) = lock(&self.thread).take() else { return false };
        loop {
            if self.has_ended() {
                return thread.join().is_ok() && self.is_written();
            }
            let passed = (self.now)().mono.since(began);
            if passed >= limit {
                return false;
            }
            self.end.wait(limit - passed);
        }
    }

    fn is_written(&self) -> bool {
        let status = self.status();
        let lost = |account: &Account| account.pending + account.dropped.get(UNWRITTEN).copied().unwrap_or(0);
        let unposted = [&status.outbox.alerts, &status.outbox.exports]
            .map(|account| account.in_memory + account.dropped.get(UNWRITTEN).copied().unwrap_or(0));
        lost(&status.values) + lost(&status.changes) + unposted.iter().sum::<u64>() == 0
    }
}

/// Why something was dropped at the stop.
pub(super) const UNWRITTEN: &str = "could not be written before the stop";

struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        let Ending(shared) = self;
        shared.changes.close();
        shared.posts.close();
        shared.questions.close();
        while shared.questions.pop().is_some() {}
        if thread::panicking() {
            let remedy = "restart growctl, and report this".to_owned();
            lock(&shared.done).health =
                StoreHealth::Off { why: "the store's thread panicked: a bug".to_owned(), remedy };
            lock(&shared.waiting).close("the store's thread panicked");
        }
        shared.ended.store(true, Ordering::Release);
        shared.end.ring();
    }
}

/// What it guards is consistent at every unlock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
