//! The store's thread: it opens the database, writes what waits in one transaction at most every 50 ms, answers questions, and
//! forgets old changes in small steps. What cannot be written stays; every failure makes the pause before the next try longer.

mod ask;
mod commit;
mod health;
mod outbox;

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Mono, Name, Push, Queue, Saved, Timestamp};

use super::ballast::Ballast;
use super::change::{AlertRow, Change, DeviceChange};
use super::database::{Database, Opened, Opening};
use super::files;
use super::health::StoreHealth;
use super::shared::{Shared, UNWRITTEN, lock};
use super::trouble::{Kind, Trouble};
use super::waiting::Values;
use outbox::Desk;

use super::{Question, StoreConfig, Told};

/// Between two transactions.
const GROUP: Duration = Duration::from_millis(50);
/// As long where something is for the outside, so that it is accepted within 50 ms on a disk that is not slow.
const GROUP_OUTBOX: Duration = Duration::from_millis(20);
/// Changes in one transaction.
const CHANGES_A_COMMIT: usize = 1_000;
/// Pauses after failures: the first, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(60)];
/// Between two steps of forgetting: while there is more, and else.
const PRUNE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(600)];
/// Changes forgotten in one step.
const PRUNE_STEP: usize = 500;
/// A ballast that was thrown off is made again after as long, if there is room.
const REFILL: Duration = Duration::from_secs(30);

/// Is the database still where it was? Asked with every transaction, and as often as this.
const LOOK: Duration = Duration::from_secs(5);

/// What the thread has.
pub(super) struct Keeper {
    config: StoreConfig,
    shared: Arc<Shared>,
    told: Told,
    /// Where what was saved goes, once.
    restored: Arc<Queue<Vec<Saved>>>,
    database: Option<Database>,
    /// What the database has, or would have if it could be written: it can be made anew from this.
    mirror: Values,
    /// The database does not say what this run says: it was not readable at the start, or is a new one.
    anew: bool,
    /// Changes taken from the queue and not yet on disk.
    changes: Vec<Change>,
    desk: Desk,
    /// The last try to write went wrong.
    failing: bool,
    ballast: Ballast,
    off: bool,
    next_commit: Mono,
    pause: Duration,
    next_prune: Mono,
    next_refill: Mono,
    next_look: Mono,
}

impl Keeper {
    pub(super) fn new(
        config: StoreConfig,
        shared: Arc<Shared>,
        told: Told,
        restored: Arc<Queue<Vec<Saved>>>,
    ) -> Keeper {
        let ballast = Ballast::at(&config.path);
        Keeper {
            config,
            shared,
            told,
            restored,
            database: None,
            mirror: Values::new(),
            anew: false,
            changes: Vec::new(),
            desk: Desk::default(),
            failing: false,
            ballast,
            off: false,
            next_commit: Mono(0),
            pause: PAUSES[0],
            next_prune: Mono(0),
            next_refill: Mono(0),
            next_look: Mono(0),
        }
    }

    /// Until the store is closed.
    pub(super) fn run(mut self) {
        self.begin();
        while !self.shared.is_stopping() {
            if self.has_work() && self.now().mono >= self.due() {
                self.commit();
            }
            if self.failing || self.off {
                self.take_posts();
            }
            self.tidy();
            self.answer();
            if !self.shared.is_stopping() {
                self.shared.bell.wait(self.patience());
            }
        }
        self.end();
    }

    fn now(&self) -> Timestamp {
        (self.config.now)()
    }

    /// Opens what the last run left, and hands it over.
    fn begin(&mut self) {
        let opened = self.open();
        let (values, trouble) = match opened {
            Opened { database: Ok(database), values } => {
                self.database = Some(database);
                (values, None)
            }
            Opened { database: Err(trouble), values } => (values, Some(trouble)),
        };
        // What could not be read is not what this run begins with: it must not come back at the next start.
        self.anew |= values.is_none();
        self.mirror = values.unwrap_or_default();
        // First the trouble, so that whoever has what was saved also knows about it.
        match &trouble {
            Some(trouble) => self.fail(trouble),
            None if self.anew => {}
            None => self.be_well(),
        }
        let saved = self.mirror.iter().map(|((shelf, first, second), (value, _))| Saved {
            shelf: *shelf,
            key: (first.clone(), second.clone()),
            value: value.clone(),
        });
        let taken = self.restored.push(saved.collect());
        if !matches!(taken, Push::Queued) {
            // The engine began without it.
            self.anew = true;
            self.mirror.clear();
        }
        if let Err(trouble) = self.learn() {
            self.fail(&trouble);
        }
    }

    /// Opens the database; a damaged one is set aside, and a new one begun.
    fn open(&mut self) -> Opened {
        let opened = self.open_once();
        match opened.database {
            Err(trouble) if trouble.kind == Kind::Damaged => match self.set_aside(&trouble) {
                Ok(()) => self.open_once(),
                Err(trouble) => Opened { database: Err(trouble), values: None },
            },
            database => Opened { database, ..opened },
        }
    }

    fn open_once(&self) -> Opened {
        let StoreConfig { path, now, migrations, most_pages, .. } = &self.config;
        if let Some(folder) = path.parent() {
            // Whether that went well shows at once.
            let _ = std::fs::create_dir_all(folder);
        }
        Opening { path, now, migrations, most_pages: *most_pages }.open()
    }

    /// Moves a damaged database away; a new one gets all that is known of what was in it.
    fn set_aside(&mut self, trouble: &Trouble) -> Result<(), Trouble> {
        (self.database, self.anew) = (None, true);
        let at = self.now().utc;
        let aside = files::set_aside(&self.config.path, at).map_err(|error| {
            let why = format!("{}, and it cannot be set aside: {error}", trouble.why);
            Trouble { kind: Kind::ReadOnly, why }
        })?;
        let remains = if self.mirror.is_empty() { "nothing of it is remembered" } else { "its values were in memory" };
        let shown = aside.display().to_string();
        lock(&self.shared.done).set_aside = Some(aside);
        let why = format!("{}; it is set aside as {shown}, a new one is begun, {remains}", trouble.why);
        let remedy = format!("`sqlite3 {shown} .recover` tells what can still be read of it");
        self.tell(StoreHealth::Degraded { why, since: at.seconds(), remedy });
        Ok(())
    }

    fn has_work(&self) -> bool {
        let waits = !self.changes.is_empty() || !self.shared.changes.is_empty();
        !self.off && (waits || self.outbox_has_work() || !self.is_settled())
    }

    fn is_settled(&self) -> bool {
        lock(&self.shared.waiting).is_empty() && !self.anew && self.database.is_some()
    }

    fn answer(&mut self) {
        while let Some(question) = self.shared.questions.pop() {
            // Whoever asked may have gone; then the answer is nobody's.
            match question {
                Question::History { of, since, limit, answer } => {
                    let _ = answer.send(self.history(of.as_ref(), since, limit));
                }
                Question::Take { to, most, answer } => self.asked_for_parcels(to, most, answer),
                Question::Alerts { rule, since, limit, answer } => {
                    let _ = answer.send(self.alert_history(rule.as_deref(), since, limit));
                }
                Question::Outbox(asked) => self.answer_outbox(asked),
                Question::Settled(answer) => {
                    let _ = answer.send(self.settle());
                }
            }
        }
    }

    fn history(&mut self, of: Option<&(Name, Name)>, since: f64, limit: usize) -> Result<Vec<DeviceChange>, String> {
        self.opened()?.history(of, since, limit).map_err(|trouble| trouble.why)
    }

    fn opened(&self) -> Result<&Database, String> {
        self.database.as_ref().ok_or_else(|| self.no_database())
    }

    fn alert_history(&self, rule: Option<&str>, since: f64, limit: usize) -> Result<Vec<AlertRow>, String> {
        self.opened()?.alert_history(rule, since, limit).map_err(|trouble| trouble.why)
    }

    /// Writes everything that waits, as far as that goes.
    fn settle(&mut self) -> bool {
        while self.has_work() {
            let failures = lock(&self.shared.done).failures;
            self.commit();
            if lock(&self.shared.done).failures > failures {
                return false;
            }
        }
        !self.off
    }

    /// What has time: old changes, the ballast.
    fn tidy(&mut self) {
        let now = self.now();
        if now.mono >= self.next_refill && self.ballast.lack().is_some() && !self.has_work() && !self.off {
            self.be_well();
        }
        if now.mono >= self.next_look {
            self.look_after();
        }
        let Some(database) = self.database.as_mut().filter(|_| now.mono >= self.next_prune) else { return };
        let before = (now.utc.seconds() - self.config.keep_changes.as_secs_f64()).max(0.0);
        // What goes wrong here shows with the next value as well.
        let forgotten = database.prune(before, self.config.most_changes, PRUNE_STEP).unwrap_or(0);
        let alerts = database.prune_alerts(before, self.config.most_changes, PRUNE_STEP).unwrap_or(0);
        let forgotten = forgotten.max(alerts);
        self.next_prune = now.mono + PRUNE[usize::from(forgotten < PRUNE_STEP)];
        self.forget_dead();
    }

    fn patience(&self) -> Duration {
        let now = self.now().mono;
        let mut next = self.next_prune.max(now + PRUNE[0]).min(self.next_look);
        if self.ballast.lack().is_some() {
            next = next.min(self.next_refill.max(now + PRUNE[0]));
        }
        if self.has_work() {
            next = next.min(self.due());
        }
        next.since(now)
    }

    /// Writes what waits, and accounts for what cannot be.
    fn end(&mut self) {
        self.shared.changes.close();
        self.shared.posts.close();
        self.answer();
        self.dismiss();
        self.settle();
        lock(&self.shared.waiting).close(UNWRITTEN);
        loop {
            self.take_changes();
            if self.changes.is_empty() {
                break;
            }
            self.drop_changes(UNWRITTEN);
        }
        self.drop_all_posts();
        if let Some(database) = self.database.take() {
            database.close();
        }
    }
}
