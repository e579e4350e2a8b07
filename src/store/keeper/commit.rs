//! One transaction, and what comes of it.

use super::super::database::Loaded;
use super::super::shared::lock;
use super::super::trouble::{Kind, Trouble};
use super::super::waiting::Values;
use super::{CHANGES_A_COMMIT, GROUP, Keeper, LOOK, PAUSES, REFILL};

impl Keeper {
    /// One try to write all values that wait and a share of the changes.
    pub(super) fn commit(&mut self) {
        self.take_changes();
        self.take_posts();
        let values = lock(&self.shared.waiting).take();
        let mut outcome = self.write(&values);
        if outcome.as_ref().is_err_and(|trouble| trouble.kind == Kind::Full) && self.ballast.release() {
            tracing::warn!(
                "the disk is full: the reserve in the state folder is given up, so that what matters is written"
            );
            self.next_refill = self.now().mono + REFILL;
            outcome = self.write(&values);
        }
        match outcome {
            Ok(loaded) => self.written(values, loaded),
            Err(trouble) if trouble.kind == Kind::Row => self.refuse(&trouble, values.is_empty()),
            Err(trouble) => {
                lock(&self.shared.waiting).give_back(values);
                if trouble.kind == Kind::Full {
                    self.write_alerts();
                }
                self.fail(&trouble);
                self.answer_from_memory();
            }
        }
    }

    pub(super) fn take_changes(&mut self) {
        let mut done = lock(&self.shared.done);
        let room = CHANGES_A_COMMIT.saturating_sub(self.changes.len());
        self.shared.changes.pop_many(room, &mut self.changes);
        done.changes_kept = self.changes.len() as u64;
    }

    fn write(&mut self, values: &Values) -> Result<Loaded, Trouble> {
        self.look_after();
        let mut again = true;
        loop {
            let outcome = self.write_once(values);
            match outcome {
                // Once more, for a new one is begun where a damaged one was.
                Err(trouble) if trouble.kind == Kind::Damaged && again => {
                    again = false;
                    self.set_aside(&trouble)?;
                }
                other => return other,
            }
        }
    }

    /// Somebody may have taken the database away: what is written to it then is gone with the process.
    pub(super) fn look_after(&mut self) {
        self.next_look = self.now().mono + LOOK;
        if self.database.as_ref().is_some_and(|database| !database.is_at(&self.config.path)) {
            let path = self.config.path.display();
            tracing::error!(
                "the database {path} was taken away while it was in use; it is made anew, without its history"
            );
            (self.database, self.anew) = (None, true);
        }
    }

    fn write_once(&mut self, values: &Values) -> Result<Loaded, Trouble> {
        if self.database.is_none() {
            let opened = self.open();
            self.anew |= opened.values.as_ref() != Some(&self.mirror);
            self.database = Some(opened.database?);
            self.forget_held();
        }
        self.learn()?;
        let takes = self.takes();
        let now = self.now().utc;
        let Some(mut database) = self.database.take() else { return Ok(Loaded::default()) };
        let load = self.load(&takes, now, false);
        let outcome = if self.anew {
            let mut all = self.mirror.clone();
            all.extend(values.iter().map(|(key, value)| (key.clone(), value.clone())));
            database.write(&all, &self.changes, true, &load)
        } else {
            database.write(values, &self.changes, false, &load)
        };
        self.database = Some(database);
        outcome
    }

    /// Where there is no room for everything: what has arrived leaves, and alerts come.
    fn write_alerts(&mut self) {
        if !self.is_known() {
            return;
        }
        let now = self.now().utc;
        let Some(mut database) = self.database.take() else { return };
        let written = database.write(&Values::new(), &[], false, &self.load(&[], now, true));
        self.database = Some(database);
        if let Ok(loaded) = written {
            self.loaded(loaded);
        }
    }

    fn written(&mut self, values: Values, loaded: Loaded) {
        for (key, (value, at)) in values {
            match value {
                Some(value) => self.mirror.insert(key, (Some(value), at)),
                None => self.mirror.remove(&key),
            };
        }
        (self.anew, self.failing) = (false, false);
        self.pause = PAUSES[0];
        self.next_commit = self.now().mono + GROUP;
        lock(&self.shared.waiting).written();
        let mut done = lock(&self.shared.done);
        done.commits += 1;
        done.changes_written += self.changes.len() as u64;
        done.changes_kept = 0;
        drop(done);
        self.changes.clear();
        self.loaded(loaded);
        self.be_well();
    }

    /// The batch would be refused for ever: it is lost, so that it does not hold up all others. What is for the outside only if it is
    /// refused by itself.
    fn refuse(&mut self, trouble: &Trouble, no_values: bool) {
        const WHY: &str = "refused by the database";
        tracing::error!("{}; what was to be written with it is lost", trouble.why);
        lock(&self.shared.waiting).refused(WHY);
        if no_values && self.changes.is_empty() {
            self.drop_posts(WHY);
        }
        self.drop_changes(WHY);
        self.fail(trouble);
        self.answer_from_memory();
    }

    pub(super) fn drop_changes(&mut self, why: &'static str) {
        let mut done = lock(&self.shared.done);
        let lost = self.changes.len() as u64;
        done.changes_dropped.drop(why, lost);
        done.changes_kept = 0;
        drop(done);
        self.changes.clear();
    }
}
