//! A rule over a restart (semantics 16): which instances have something to write down, and which take something up.

use std::time::Duration;

use crate::model::{Name, Saved, Shelf, Timestamp};

use super::super::cache::{Target, subscribes, target};
use super::super::engine::Keeping;
use super::super::instance::{Instance, Unsaved, World};
use super::super::kept::{Kept, print};
use super::super::tally::RuleFault;
use super::super::timers::Timers;
use super::super::{Mode, Per, Rule, StaleLimit};
use super::{Cause, Running};

/// What is kept of a rule itself, with every instance.
#[derive(Debug)]
pub(in crate::rules) struct Profile {
    /// Of what it does.
    pub(in crate::rules) print: String,
    pub(in crate::rules) per: String,
    /// How far back `runs` looks.
    pub(in crate::rules) runs: Option<Duration>,
}

impl Profile {
    fn of(rule: &Rule) -> Profile {
        let per = match &rule.per {
            Per::Source => "source".to_owned(),
            Per::Rule => "rule".to_owned(),
            Per::Names(names) => names.join(" "),
        };
        Profile { print: print(rule), per, runs: rule.remembers() }
    }
}

impl Running {
    /// After an event: an instance of which something has changed is listed, once.
    pub(super) fn list(&mut self, instance: u32, world: &mut World<'_>) {
        let at = self.at;
        let one = &mut self.instances[instance as usize];
        if let Some(unsaved) = one.take_unsaved() {
            world.keeping.list(unsaved, (at, instance), world.now.mono);
        }
    }

    /// Every instance is to be written down, or only those that are written down already.
    pub(in crate::rules) fn list_all(&mut self, written: bool, now: Timestamp, keeping: &mut Keeping) {
        for (at, one) in (0..).zip(&mut self.instances).filter(|(_, one)| one.is_kept || !written) {
            one.changed(Unsaved::Now);
            one.listed = Unsaved::No;
            one.take_unsaved().into_iter().for_each(|unsaved| keeping.list(unsaved, (self.at, at), now.mono));
        }
    }

    /// Writes an instance down, if it has changed since it was.
    pub(in crate::rules) fn save(
        &mut self,
        instance: u32,
        now: Timestamp,
        rows: &mut Vec<Saved>,
        faults: &mut Vec<RuleFault>,
    ) {
        let profile = self.profile.get_or_init(|| Profile::of(&self.rule));
        let Some(one) = self.instances.get_mut(instance as usize) else { return };
        if !one.written() {
            return;
        }
        let kept = one.keep(&self.rule, profile, now);
        let value = (!kept.is_nothing()).then(|| kept.write());
        let key = (self.rule.name.clone(), one.origin.instance.clone());
        if let Some(Err(why)) = &value {
            let message = format!("what it remembers is forgotten at a restart: {why}");
            let fault = RuleFault { rule: key.0.clone(), instance: key.1.clone(), part: "state", message };
            self.tally.failed(now.mono, fault, faults);
        }
        let value = value.and_then(Result::ok);
        if std::mem::replace(&mut one.is_kept, value.is_some()) || value.is_some() {
            rows.push(Saved { shelf: Shelf::Rules, key, value });
        }
    }

    /// Writes all of it down, as when it leaves.
    pub(in crate::rules) fn save_all(&mut self, world: &mut World<'_>) {
        for instance in 0..self.instances.len() as u32 {
            self.instances[instance as usize].changed(Unsaved::Now);
            self.save(instance, world.now, &mut world.keeping.rows, world.faults);
        }
    }

    /// Nobody will ask for it any more.
    pub(in crate::rules) fn erase(&self, keeping: &mut Keeping) {
        let written = self.instances.iter().filter(|one| one.is_kept);
        written.for_each(|one| keeping.delete(&self.rule.name, &one.origin.instance));
    }

    /// What was kept of an instance comes back; the instance, if something of it applies at once. What nobody takes up is
    /// deleted.
    pub(in crate::rules) fn bring_back(
        &mut self,
        key: &Name,
        kept: Kept,
        away: bool,
        now: Timestamp,
        (timers, keeping): (&mut Timers, &mut Keeping),
    ) -> Option<u32> {
        let Some(at) = self.place_of(key, &kept, now) else {
            keeping.delete(&self.rule.name, key);
            return None;
        };
        let profile = self.profile.get_or_init(|| Profile::of(&self.rule));
        let at_once = self.instances[at as usize].bring_back(kept, &self.rule, profile, away, now);
        self.arm(at, timers);
        at_once.then_some(at)
    }

    /// What applies without an event does so.
    pub(in crate::rules) fn resume_now(&mut self, instance: u32, timers: &mut Timers, world: &mut World<'_>) {
        self.turn(instance, Cause::default(), timers, world, Instance::resume_now);
    }

    /// The instance that it was, made if messages of its channel would make it.
    fn place_of(&mut self, key: &Name, kept: &Kept, now: Timestamp) -> Option<u32> {
        let profile = self.profile.get_or_init(|| Profile::of(&self.rule));
        // Where `per` is another, the same key is chance.
        if profile.per != kept.per || self.rule.mode == Mode::Off {
            return None;
        }
        if let Some(there) = self.by_key.get(key) {
            let moved = self.rule.per == Per::Source && *self.instances[*there as usize].place() != kept.channel;
            return (!moved).then_some(*there);
        }
        // It was the map's, and the map has it no more; or nobody has heard of it for a month.
        let latched = kept.episode.is_some() && self.rule.stale == Some(StaleLimit::Never);
        if kept.mapped || kept.channel.is_empty() || (kept.is_forgotten(now.utc) && !latched) {
            return None;
        }
        let segments = subscribes(&self.rule, &kept.channel, None)?;
        let same = match target(&self.rule, &kept.channel, &segments) {
            Target::Key(wanted) => wanted == *key,
            _ => self.rule.per == Per::Source,
        };
        same.then(|| self.create(key.clone(), &segments, &kept.channel, Vec::new(), now.mono))?
    }
}
