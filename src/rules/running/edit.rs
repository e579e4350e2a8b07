//! A rule over an edit of the site's files (semantics 15): what it ends, what its successor takes over, and what another map
//! means for it.

use std::sync::{Arc, OnceLock};

use crate::model::{Mono, Name};

use super::super::cache::{Target, subscribes, target};
use super::super::instance::{Instance, Turn, World};
use super::super::sources::{Gone, Silence};
use super::super::timers::Timers;
use super::super::{Ended, Mode, Per, Rule, Windows};
use super::{Cause, Running};

impl Running {
    /// Ends what lasts, as `changed` or `disabled`; `next` is what the rule will be. What is `lost` goes on in no form.
    pub(in crate::rules) fn retire(
        &mut self,
        next: Option<&Rule>,
        lost: &[u32],
        timers: &mut Timers,
        world: &mut World<'_>,
    ) {
        let next = next.filter(|next| next.mode != Mode::Off);
        let why = if next.is_some() { Ended::Changed } else { Ended::Disabled };
        let keeps = next.is_some_and(|next| goes_on(&self.rule, next));
        for index in 0..self.ordered.len() {
            let at = self.ordered[index];
            let keeps = keeps && !lost.contains(&at);
            self.turn(at, Cause::default(), timers, world, |one, turn| one.retire(why, keeps, turn));
        }
    }

    /// Instances that another map leaves nothing of what they were about, in the order of their keys.
    pub(in crate::rules) fn lost(&self, next: &Silence, gone: &Gone) -> Vec<u32> {
        let places = self.places(next);
        let is_lost = |one: &Instance| match places.get(&one.origin.instance) {
            _ if one.sources == 0 => one.message.as_ref().is_some_and(|message| gone.is_speaker(message)),
            None => true,
            Some(place) if place.sources.is_empty() => true,
            // The node has the name, and is elsewhere.
            Some(place) => self.rule.per == Per::Source && place.channel != *one.place(),
        };
        self.ordered.iter().copied().filter(|at| is_lost(&self.instances[*at as usize])).collect()
    }

    /// Ends what is lost of a rule that is not edited.
    pub(in crate::rules) fn lose(&mut self, lost: &[u32], timers: &mut Timers, world: &mut World<'_>) {
        for at in lost {
            self.turn(*at, Cause::default(), timers, world, |one, turn| one.retire(Ended::Changed, false, turn));
        }
    }

    /// Takes over from the rule as it was: counts, windows, and instance by instance what survives. What has no heir lets
    /// go of what it held.
    pub(in crate::rules) fn inherit(&mut self, old: &mut Running, world: &mut World<'_>) {
        self.take_account(old);
        let rule = self.rule.clone();
        for at in &old.ordered {
            let one = &mut old.instances[*at as usize];
            if let Some(heir) = self.heir_of(one, &old.rule, world.now.mono) {
                self.instances[heir as usize].inherit(world.now.mono, &rule, one, &old.rule);
                continue;
            }
            old.lends.iter().for_each(|window| one.windows.swap(&mut old.shared, *window));
            let (rule, cause) = (&old.rule, Cause::default());
            one.leave_no_heir(&mut Turn { rule, tally: &mut self.tally, cause, world, operations: 0 });
            if std::mem::take(&mut one.is_kept) {
                world.keeping.delete(&old.rule.name, &one.origin.instance);
            }
            old.lends.iter().for_each(|window| one.windows.swap(&mut old.shared, *window));
        }
        self.shared.inherit(&self.rule.windows, &mut old.shared, &old.rule.windows);
    }

    /// What was counted and noted of the rule goes on.
    pub(in crate::rules) fn take_account(&mut self, old: &mut Running) {
        self.tally = std::mem::take(&mut old.tally).edited();
    }

    /// It is switched off or deleted: what it has kept waits for its return. Its windows do not: a value that nothing
    /// followed would hold for ever.
    pub(in crate::rules) fn depart(mut self) -> Running {
        self.shared = Windows::new(&self.rule.windows);
        for one in &mut self.instances {
            one.depart();
            one.windows = Windows::new(&self.rule.windows);
        }
        self
    }

    /// The map has changed: what its sources do not say any more is not remembered.
    pub(in crate::rules) fn forget(&mut self, gone: &Gone, now: Mono) {
        let is_gone = |channel: &Name, source: Option<&Name>, field: &Name| gone.has(channel, source, field);
        self.shared.forget(&self.rule.windows, is_gone);
        for one in &mut self.instances {
            one.windows.forget(&self.rule.windows, is_gone);
            if one.message.as_ref().is_some_and(|message| gone.said(message, &self.rule.fields)) {
                one.unsay(&self.rule, now);
            }
        }
    }

    /// The instance that goes on in place of an old one: that of the same key, made if messages of its channel would make
    /// it.
    fn heir_of(&mut self, old: &Instance, before: &Rule, now: Mono) -> Option<u32> {
        let key = &old.origin.instance;
        // Where `per` is another, the same key is chance.
        if self.rule.per != before.per {
            return None;
        }
        if let Some(there) = self.by_key.get(key) {
            let moved = before.per == Per::Source && self.instances[*there as usize].place() != old.place();
            return (!moved).then_some(*there);
        }
        // It was the map's, and the map has it no more: nothing would ever end it.
        if old.sources > 0 {
            return None;
        }
        let channel = Some(old.channel()).filter(|channel| self.rule.mode != Mode::Off && !channel.is_empty())?.clone();
        let broad = old.message.as_ref().and_then(|message| message.broad.as_deref());
        let segments = subscribes(&self.rule, &channel, broad)?;
        let same = match target(&self.rule, &channel, &segments) {
            Target::Key(wanted) => wanted == *key,
            _ => self.rule.per == Per::Source,
        };
        same.then(|| self.create(key.clone(), &segments, &channel, Vec::new(), now))?
    }

    /// Judges every instance once, in the step of the edit.
    pub(in crate::rules) fn judge_edited(&mut self, timers: &mut Timers, world: &mut World<'_>) {
        for index in 0..self.ordered.len() {
            self.turn(self.ordered[index], Cause::default(), timers, world, Instance::judge_edited);
        }
    }

    /// If it took too much, it is tried again.
    pub(in crate::rules) fn try_again(&mut self) {
        self.tally.unpark();
    }

    /// It goes on as it is, at another position and in words that may be new.
    pub(in crate::rules) fn stay(&mut self, rule: Arc<Rule>, at: u32) -> Arc<Rule> {
        self.at = at;
        self.try_again();
        self.profile = OnceLock::new();
        std::mem::replace(&mut self.rule, rule)
    }

    /// The map has changed beneath the unedited rule: instances that are lost have ended, those of new sources begin.
    pub(in crate::rules) fn refit(&mut self, silence: &mut Silence, timers: &mut Timers, world: &mut World<'_>) {
        let mut places = self.places(silence);
        let per = &self.rule.per;
        let stays = |one: &Instance| *per == Per::Rule || (one.sources == 0 && *per != Per::Source);
        let name = &self.rule.name;
        self.instances.retain_mut(|one| {
            let stays = !one.take_end() || stays(one);
            if !stays && one.is_kept {
                world.keeping.delete(name, &one.origin.instance);
            }
            stays
        });
        self.reindex();
        for at in 0..self.instances.len() as u32 {
            let place = places.remove(&self.instances[at as usize].origin.instance);
            let spans = place.as_ref().map(|place| place.spans(silence)).unwrap_or_default();
            let settings = self.settings(spans);
            self.instances[at as usize].set(settings);
            let was = self.instances[at as usize].is_silent();
            self.attach(at, place.map(|place| place.sources).unwrap_or_default(), silence);
            if !was {
                self.turn(at, Cause::default(), timers, world, Instance::judge_silent);
            }
        }
        for (key, place) in places {
            let spans = place.spans(silence);
            if let Some(instance) = self.create(key, &place.segments, &place.channel, spans, world.now.mono) {
                self.attach(instance, place.sources, silence);
                self.turn(instance, Cause::default(), timers, world, Instance::judge_edited);
            }
        }
    }

    fn reindex(&mut self) {
        self.by_key = (0..).zip(&self.instances).map(|(at, one)| (one.origin.instance.clone(), at)).collect();
        self.ordered = (0..self.instances.len() as u32).collect();
        let instances = &self.instances;
        self.ordered
            .sort_by(|a, b| instances[*a as usize].origin.instance.cmp(&instances[*b as usize].origin.instance));
    }

    /// Sets the deadlines of all instances, when those that were set are void.
    pub(in crate::rules) fn arm_all(&mut self, timers: &mut Timers) {
        for instance in 0..self.instances.len() as u32 {
            self.instances[instance as usize].armed = None;
            self.arm(instance, timers);
        }
    }
}

/// Whether what the rule holds is the edited rule's to ask for anew: both act, by an `each` that will run again soon, or as
/// a latch, which lets nothing go before its `then` has run.
fn goes_on(rule: &Rule, next: &Rule) -> bool {
    let loops = rule.each.is_some() && next.each.is_some() && rule.when.is_some() == next.when.is_some();
    let acts = rule.mode == Mode::Active && next.mode == Mode::Active;
    acts && (loops || (rule.is_latch() && next.is_latch()))
}
