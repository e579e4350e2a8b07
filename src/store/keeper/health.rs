//! How the store is, and what a failure does to it.

use super::super::health::StoreHealth;
use super::super::shared::lock;
use super::super::trouble::{Kind, Trouble};
use super::{Keeper, PAUSES, REFILL};

impl Keeper {
    /// Well, or nearly: without its ballast the store is one full disk away from trouble.
    pub(super) fn be_well(&mut self) {
        let now = self.now().mono;
        if self.ballast.lack().is_some() && now >= self.next_refill {
            self.next_refill = now + REFILL;
            self.ballast.make();
        }
        match self.ballast.lack() {
            None => self.tell(StoreHealth::Ok),
            Some(lack) => self.degrade(&lack),
        }
    }

    pub(super) fn fail(&mut self, trouble: &Trouble) {
        lock(&self.shared.done).failures += 1;
        self.failing = true;
        self.next_commit = self.now().mono + self.pause;
        self.pause = (self.pause * 2).min(PAUSES[1]);
        if trouble.kind == Kind::Newer {
            return self.switch_off(trouble);
        }
        // A lock passes; after anything else the connection may be worth nothing.
        if !matches!(trouble.kind, Kind::Locked | Kind::Full | Kind::Row) {
            self.database = None;
        }
        self.degrade(trouble);
    }

    fn switch_off(&mut self, trouble: &Trouble) {
        self.off = true;
        self.database = None;
        lock(&self.shared.waiting).close("the store is off");
        self.shared.changes.close();
        self.drop_exports("the store is off");
        self.tell(StoreHealth::Off { why: trouble.why.clone(), remedy: trouble.remedy(&self.config.path) });
    }

    fn degrade(&mut self, trouble: &Trouble) {
        let since = match &lock(&self.shared.done).health {
            StoreHealth::Degraded { since, .. } => *since,
            _ => self.now().utc.seconds(),
        };
        self.tell(StoreHealth::Degraded { why: trouble.why.clone(), since, remedy: trouble.remedy(&self.config.path) });
    }

    pub(super) fn tell(&self, health: StoreHealth) {
        let mut done = lock(&self.shared.done);
        if done.health != health {
            done.health = health.clone();
            drop(done);
            (self.told)(&health);
        }
    }
}
