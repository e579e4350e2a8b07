//! The thread that performs actions: control hands it intents through one queue and never waits for it. It counts what
//! became of each, and says a failure once.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::model::{Act, Ask, Doorbell, Intent, Mono, Origin, Queue, Timestamp};

use super::{ACTIONS, Action, ActionContext, ActionKind, Failure, Job, Lost, Performer};

/// Jobs between two flushes.
const BATCH: usize = 1024;
/// Different reasons that are told apart for one action; the rest is `other reasons`.
const MOST_REASONS: usize = 32;
/// A failure that was away for so long is news again.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// The account of one action: `received = performed + shadow + failed`, the last by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ActionCounts {
    /// Its name in the table; `unknown` for intents that are none's.
    pub action: &'static str,
    /// Intents for it.
    pub received: u64,
    /// Done.
    pub performed: u64,
    /// Not done, because their rule is in shadow mode.
    pub shadow: u64,
    /// Not done, by reason.
    pub failed: BTreeMap<String, u64>,
}

impl ActionCounts {
    fn fail(&mut self, reason: &str, jobs: u64) {
        let known = self.failed.contains_key(reason) || self.failed.len() < MOST_REASONS;
        *self.failed.entry(if known { reason } else { "other reasons" }.to_owned()).or_default() += jobs;
    }
}

/// The account of all actions, for whoever asks while they run.
#[derive(Clone, Debug)]
pub struct Account(Arc<Mutex<Vec<ActionCounts>>>);

impl Account {
    /// So far, an entry for each action and one for intents that are none's.
    #[must_use]
    pub fn counts(&self) -> Vec<ActionCounts> {
        lock(&self.0).clone()
    }
}

/// The thread and its account.
#[derive(Debug)]
pub struct Dispatcher {
    queue: Arc<Queue<(Timestamp, Intent)>>,
    counts: Arc<Mutex<Vec<ActionCounts>>>,
    finished: Arc<(AtomicBool, Arc<Doorbell>)>,
    thread: JoinHandle<()>,
}

impl Dispatcher {
    /// Builds every action of the table and starts the thread that takes from `queue`, whose doorbell is its alone. A
    /// replay starts none: what is for the outside is counted by it, and not done.
    ///
    /// # Errors
    /// An action that this site cannot have, or no thread.
    pub fn start(queue: Arc<Queue<(Timestamp, Intent)>>, context: &ActionContext<'_>) -> Result<Dispatcher, String> {
        let mut performers = Performers::build(ACTIONS, context)?;
        let (counts, finished) = (performers.counts.clone(), Arc::new((AtomicBool::new(false), Doorbell::new())));
        let (from, end) = (queue.clone(), finished.clone());
        let work = move || {
            performers.run(&from);
            end.0.store(true, Ordering::Release);
            end.1.ring();
        };
        let thread = std::thread::Builder::new().name("actions".to_owned()).spawn(work);
        let thread = thread.map_err(|error: io::Error| format!("the thread of the actions cannot start: {error}"))?;
        Ok(Dispatcher { queue, counts, finished, thread })
    }

    /// The account, to be looked at without the thread.
    #[must_use]
    pub fn account(&self) -> Account {
        Account(self.counts.clone())
    }

    /// Closes the queue, lets the thread finish what is in it and flush, for at most `limit`. `None`: it did not
    /// finish, and what it has left is lost; else the final account.
    #[must_use]
    pub fn stop(self, limit: Duration) -> Option<Vec<ActionCounts>> {
        self.queue.close();
        self.finished.1.wait(limit);
        if !self.finished.0.load(Ordering::Acquire) {
            return None;
        }
        self.thread.join().ok()?;
        Some(lock(&self.counts).clone())
    }
}

/// The built actions, without the thread.
struct Performers {
    actions: Vec<Performed>,
    /// Of intents that are no action's.
    unknown: ActionCounts,
    /// The account after the last batch: whoever reads it never waits for an action.
    counts: Arc<Mutex<Vec<ActionCounts>>>,
}

/// One action and what it is doing.
struct Performed {
    kind: &'static ActionKind,
    action: Box<dyn Action>,
    counts: ActionCounts,
    /// Taken since the last flush.
    taken: u64,
    /// Reasons that were said, and when they last came up.
    said: BTreeMap<String, Mono>,
}

impl Performers {
    fn build(table: &[&'static ActionKind], context: &ActionContext<'_>) -> Result<Performers, String> {
        let mut actions = Vec::new();
        for kind in table {
            if let Performer::Thread(build) = kind.performer {
                let action = build(context).map_err(|why| format!("action {}: {why}", kind.name))?;
                let counts = ActionCounts { action: kind.name, ..ActionCounts::default() };
                actions.push(Performed { kind, action, counts, taken: 0, said: BTreeMap::new() });
            }
        }
        let unknown = ActionCounts { action: "unknown", ..ActionCounts::default() };
        let performers = Performers { actions, unknown, counts: Arc::default() };
        performers.show();
        Ok(performers)
    }

    /// Makes the account visible.
    fn show(&self) {
        let all = self.actions.iter().map(|performed| &performed.counts).chain([&self.unknown]);
        *lock(&self.counts) = all.cloned().collect();
    }

    fn run(&mut self, queue: &Queue<(Timestamp, Intent)>) {
        let mut batch = Vec::new();
        loop {
            // Asked before the queue is found empty: nothing comes in after it.
            let closed = queue.is_closed();
            if queue.pop_many(BATCH, &mut batch) > 0 {
                self.perform(batch.drain(..));
            } else if closed {
                return;
            } else {
                queue.doorbell().wait(Duration::from_secs(60));
            }
        }
    }

    /// Does a batch and settles it: afterwards each of its intents is in the account.
    fn perform(&mut self, batch: impl Iterator<Item = (Timestamp, Intent)>) {
        let mut now = Mono::default();
        for (at, intent) in batch {
            now = now.max(at.mono);
            match &intent.ask {
                Ask::Act(act) => match self.position(act.action) {
                    Some(position) => self.actions[position].one(at, &intent.origin, act),
                    None => self.refuse(&format!("no action is called '{}'", act.action)),
                },
                _ => self.refuse("devices and publications are the Core's own"),
            }
        }
        for performed in &mut self.actions {
            performed.settle(now);
        }
        self.show();
    }

    fn refuse(&mut self, why: &str) {
        self.unknown.received += 1;
        self.unknown.fail(why, 1);
    }

    fn position(&self, function: &str) -> Option<usize> {
        self.actions.iter().position(|performed| performed.kind.functions.iter().any(|own| own.name == function))
    }
}

impl Performed {
    fn one(&mut self, at: Timestamp, origin: &Origin, act: &Act) {
        self.counts.received += 1;
        if origin.shadow {
            self.counts.shadow += 1;
            return;
        }
        let job = Job { at, function: act.action, args: &act.args, origin };
        let result = catch_unwind(AssertUnwindSafe(|| self.action.perform(&job)));
        match result.unwrap_or_else(|_| Err(panicked())) {
            Ok(()) => self.taken += 1,
            Err(failure) => self.fail(at.mono, &failure, 1, Some(origin)),
        }
    }

    fn settle(&mut self, now: Mono) {
        let taken = std::mem::take(&mut self.taken);
        let mut lost = Vec::new();
        if catch_unwind(AssertUnwindSafe(|| self.action.flush(&mut lost))).is_err() {
            // Nobody knows how far it came.
            lost = vec![Lost { jobs: taken, failure: panicked() }];
        }
        let mut missing = 0;
        for Lost { jobs, failure } in &lost {
            missing += jobs;
            self.fail(now, failure, *jobs, None);
        }
        self.counts.performed += taken.saturating_sub(missing);
    }

    fn fail(&mut self, now: Mono, failure: &Failure, jobs: u64, origin: Option<&Origin>) {
        let reason = failure.to_string();
        self.counts.fail(&reason, jobs);
        self.said.retain(|_, last| now.since(*last) < FORGOTTEN);
        if let Some(last) = self.said.get_mut(&reason) {
            *last = now;
        } else if self.said.len() < MOST_REASONS {
            let rule = origin.map(|origin| &*origin.rule);
            tracing::error!(action = self.kind.name, rule, jobs, "{reason}; said once while it lasts");
            self.said.insert(reason, now);
        }
    }
}

fn panicked() -> Failure {
    Failure::Outside("the action panicked: please report it".to_owned())
}

/// The account is consistent at every unlock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "dispatcher_tests.rs"]
mod tests;
