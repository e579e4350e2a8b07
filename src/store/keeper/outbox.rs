//! The thread's part of the outbox: what goes into the next transaction, who gets what of it, and what is done while nothing can
//! be written.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot;

use crate::model::{Class, Mono, Name, Parcel, Utc, counted};

use super::super::database::{Known, Load, Loaded, Ready};
use super::super::outbox::{Held, Posted, Settled, Taken};
use super::super::schedule::Step;
use super::super::shared::{UNWRITTEN, lock};
use super::super::trouble::Trouble;
use super::{GROUP, GROUP_OUTBOX, Keeper};

/// Rows of one class in one transaction.
const POSTS_A_COMMIT: usize = 4_000;
/// Both classes; alerts first.
const CLASSES: [Class; 2] = [Class::Alert, Class::Export];
/// Why rows are gone with their database.
const LOST: &str = "lost with a damaged or deleted database";

/// Somebody who waits for parcels.
pub(super) struct Asker {
    to: Name,
    most: usize,
    answer: oneshot::Sender<Taken>,
}

/// What the thread has of the outbox.
#[derive(Default)]
pub(super) struct Desk {
    /// Taken from the queues and not yet on disk.
    posted: Vec<Posted>,
    /// The last transaction took as many as one may.
    was_full: bool,
    settled: Vec<Settled>,
    askers: Vec<Asker>,
    /// Rows handed out while nothing could be written.
    handed: BTreeSet<i64>,
    /// The id that was handed out from memory, and the one that the row has now.
    renamed: BTreeMap<i64, i64>,
    handed_from_memory: i64,
    /// What is in the database that is open.
    held: Held,
    /// The last place that was given; no other row gets it, for somebody may still settle it.
    last_id: i64,
    /// `held` is of the database that is open.
    known: bool,
    /// What the last run had under way waits again.
    freed: bool,
}

impl Keeper {
    /// Whether a transaction would do something to the outbox.
    pub(super) fn outbox_has_work(&self) -> bool {
        let desk = &self.desk;
        let waits = !desk.posted.is_empty() || !desk.settled.is_empty() || !desk.askers.is_empty();
        waits || !self.shared.posts.is_empty()
    }

    /// When the next transaction may be: whoever asks for parcels need not wait for a group.
    pub(super) fn due(&self) -> Mono {
        if self.failing {
            self.next_commit
        } else if !self.desk.askers.is_empty() || self.desk.was_full {
            Mono(0)
        } else if self.outbox_has_work() {
            self.next_commit - (GROUP - GROUP_OUTBOX)
        } else {
            self.next_commit
        }
    }

    /// Somebody asks for parcels: answered at once, or by the next transaction.
    pub(super) fn asked_for_parcels(&mut self, to: Name, most: usize, answer: oneshot::Sender<Taken>) {
        self.take_posts();
        if answer.is_closed() {
            return;
        }
        let now = self.now();
        if self.off || (self.failing && now.mono < self.next_commit) {
            let _ = answer.send(self.alerts_unwritten(&to, most));
            return;
        }
        let now = now.utc;
        let ready = self.database.as_ref().map(|database| database.ready(&to, now));
        match ready {
            Some(Ok(Ready::Later(next))) if self.desk.settled.is_empty() && !self.failing => {
                let _ = answer.send(Taken { next, ..Taken::default() });
            }
            _ => self.desk.askers.push(Asker { to, most: most.max(1), answer }),
        }
    }

    /// Moves a share of what was posted, and all that was settled, to the thread.
    pub(super) fn take_posts(&mut self) {
        let desk = &mut self.desk;
        let mut done = lock(&self.shared.done);
        let before = desk.posted.len();
        for class in CLASSES {
            // While nothing can be written exports wait in their queue, where the oldest give way.
            if class == Class::Export && (self.failing || self.off) {
                continue;
            }
            let kept = desk.posted.iter().filter(|posted| posted.outgoing.class == class).count();
            let room = POSTS_A_COMMIT.saturating_sub(kept);
            self.shared.posts.queue(class).pop_many(room, &mut desk.posted);
        }
        // Alerts come first, each class in its order.
        desk.posted.sort_by_key(|posted| posted.outgoing.class);
        done.kept = kept(&desk.posted);
        drop(done);
        if (self.failing || self.off) && desk.posted.len() > before {
            // Alerts go out all the same.
            self.shared.posts.tell();
        }
        for settled in self.shared.posts.take_settled() {
            self.settle_one(settled);
        }
    }

    fn settle_one(&mut self, settled: Settled) {
        if settled.id > 0 {
            return self.desk.settled.push(settled);
        }
        if let Some(id) = self.desk.renamed.remove(&settled.id) {
            return self.desk.settled.push(Settled { id, ..settled });
        }
        let at =
            self.desk.posted.iter().position(|posted| posted.tried.as_ref().is_some_and(|(id, _)| *id == settled.id));
        let Some(at) = at else { return };
        if settled.step != Step::Done {
            self.desk.posted[at].tried = Some((settled.id, Some(settled.step)));
            return;
        }
        let posted = self.desk.posted.remove(at);
        let mut done = lock(&self.shared.done);
        done.outbox[posted.outgoing.class].delivered += 1;
        done.kept = kept(&self.desk.posted);
    }

    /// Alerts by the way that still works: each that was not handed out since the trouble began, on disk or in memory.
    fn alerts_unwritten(&mut self, to: &Name, most: usize) -> Taken {
        let now = self.now();
        let desk = &mut self.desk;
        let read = self.database.as_ref().map(|database| database.due_alerts(to, most, now.utc, &desk.handed));
        let mut taken = read.and_then(Result::ok).unwrap_or_default();
        desk.handed.extend(taken.parcels.iter().map(|parcel| parcel.id));
        let fit = |posted: &&mut Posted| {
            posted.tried.is_none() && posted.outgoing.class == Class::Alert && posted.outgoing.to == *to
        };
        for posted in desk.posted.iter_mut().filter(fit).take(most.saturating_sub(taken.parcels.len())) {
            desk.handed_from_memory -= 1;
            posted.tried = Some((desk.handed_from_memory, None));
            let outgoing = posted.outgoing.clone();
            let parcel = Parcel {
                id: desk.handed_from_memory,
                key: outgoing.key,
                at: outgoing.at,
                tries: 1,
                body: outgoing.body,
            };
            taken.add(parcel, posted.put_at);
        }
        if taken.parcels.is_empty() && !self.off {
            taken.next = Some(now.utc + self.next_commit.since(now.mono));
        }
        taken
    }

    /// Nothing could be written: whoever waits gets what there is without, and whoever does not is woken.
    pub(super) fn answer_from_memory(&mut self) {
        for asker in std::mem::take(&mut self.desk.askers) {
            let taken = self.alerts_unwritten(&asker.to, asker.most);
            let _ = asker.answer.send(taken);
        }
        if !self.desk.posted.is_empty() {
            self.shared.posts.tell();
        }
    }

    /// What the open database has, and what is not in it that was in the one before.
    pub(super) fn learn(&mut self) -> Result<(), Trouble> {
        let desk = &mut self.desk;
        let Some(database) = self.database.as_mut().filter(|_| !desk.known) else { return Ok(()) };
        let Known { held, last_id, damaged } = database.learn(!desk.freed, desk.last_id)?;
        let mut done = lock(&self.shared.done);
        for class in CLASSES {
            let count = |held: &Held| held[class].open + held[class].dead;
            let (before, after) = (count(&desk.held), count(&held));
            done.outbox[class].found += after.saturating_sub(before);
            done.outbox[class].drop(LOST, before.saturating_sub(after));
        }
        done.held = held;
        drop(done);
        (desk.held, desk.last_id, desk.known, desk.freed) = (held, last_id, true, true);
        self.report_damaged(damaged);
        self.shared.posts.tell();
        Ok(())
    }

    /// The database was left: what is in the next one is not known.
    pub(super) fn forget_held(&mut self) {
        self.desk.known = false;
    }

    /// Whether `held` is of the open database.
    pub(super) fn is_known(&self) -> bool {
        self.desk.known
    }

    pub(super) fn held(&self) -> Held {
        self.desk.held
    }

    pub(super) fn posted(&self) -> &[Posted] {
        &self.desk.posted
    }

    /// A person, or time, did something to the rows.
    pub(super) fn changed(&mut self, changed: Loaded) {
        self.desk.held = changed.held;
        let mut done = lock(&self.shared.done);
        done.outbox.add(changed.tallies);
        done.held = changed.held;
        drop(done);
        self.shared.posts.tell();
    }

    /// Who asks, as the transaction needs it.
    pub(super) fn takes(&self) -> Vec<(Name, usize)> {
        self.desk.askers.iter().map(|asker| (asker.to.clone(), asker.most)).collect()
    }

    /// What the next transaction is to do; perhaps of what was posted only the alerts.
    pub(super) fn load<'a>(&'a self, takes: &'a [(Name, usize)], now: Utc, alerts_only: bool) -> Load<'a> {
        let Desk { posted, handed, settled, held, .. } = &self.desk;
        let alerts = posted.partition_point(|posted| posted.outgoing.class == Class::Alert);
        let posted = if alerts_only { &posted[..alerts] } else { &posted[..] };
        Load { posted, handed, settled, takes, now, most: self.config.outbox_most, held: *held }
    }

    /// The transaction is on disk.
    pub(super) fn loaded(&mut self, loaded: Loaded) {
        self.report_damaged(loaded.damaged);
        let desk = &mut self.desk;
        for (posted, id) in desk.posted.drain(..loaded.ids.len()).zip(loaded.ids) {
            desk.last_id = id;
            if let Some((local, None)) = posted.tried {
                desk.renamed.insert(local, id);
            }
        }
        let moved = desk.held != loaded.held || !desk.settled.is_empty();
        desk.held = loaded.held;
        desk.handed.clear();
        desk.settled.clear();
        desk.was_full = CLASSES.iter().any(|class| self.shared.posts.queue(*class).len() >= POSTS_A_COMMIT / 2);
        let mut done = lock(&self.shared.done);
        done.outbox.add(loaded.tallies);
        (done.held, done.kept) = (loaded.held, kept(&desk.posted));
        drop(done);
        for (asker, taken) in desk.askers.drain(..loaded.taken.len()).zip(loaded.taken) {
            // Whoever went meanwhile is given up by the next one that asks for this outlet.
            let _ = asker.answer.send(taken);
        }
        if moved {
            self.shared.posts.tell();
        }
    }

    fn report_damaged(&self, count: u64) {
        let before = lock(&self.shared.done).damaged;
        lock(&self.shared.done).damaged += count;
        // Once a run: where one row is damaged more will be.
        if count > 0 && before == 0 {
            let rows = counted(count, "row");
            tracing::error!(
                "{rows} of the outbox turned out to be damaged and will not be sent: `growctl outbox list --state dead` shows them; look at the disk"
            );
        }
    }

    /// What was posted and could not be written is lost for this reason.
    pub(super) fn drop_posts(&mut self, why: &'static str) {
        let mut done = lock(&self.shared.done);
        for posted in self.desk.posted.drain(..) {
            done.outbox[posted.outgoing.class].drop(why, 1);
        }
        done.kept = [0; 2];
    }

    /// In a run without a store: alerts still go out, from memory.
    pub(super) fn drop_exports(&mut self, why: &'static str) {
        let mut done = lock(&self.shared.done);
        let queue = self.shared.posts.queue(Class::Export);
        queue.close();
        queue.pop_many(usize::MAX, &mut self.desk.posted);
        let before = self.desk.posted.len();
        self.desk.posted.retain(|posted| posted.outgoing.class == Class::Alert);
        done.outbox[Class::Export].drop(why, (before - self.desk.posted.len()) as u64);
        done.kept = kept(&self.desk.posted);
    }

    /// At the end: all that could not be written.
    pub(super) fn drop_all_posts(&mut self) {
        loop {
            self.take_posts();
            let rest = CLASSES.map(|class| self.shared.posts.queue(class).len()).iter().sum::<usize>();
            self.drop_posts(UNWRITTEN);
            if rest == 0 {
                break;
            }
        }
    }

    /// Nobody gets parcels any more.
    pub(super) fn dismiss(&mut self) {
        self.desk.askers.clear();
    }
}

fn kept(posted: &[Posted]) -> [u64; 2] {
    let alerts = posted.iter().filter(|posted| posted.outgoing.class == Class::Alert).count();
    [alerts as u64, (posted.len() - alerts) as u64]
}
