//! All rules at work: one event at a time goes in, what the rules wish comes out. Pure; `Core` holds the other ends and
//! calls `due` for every deadline before it hands in what happened after it.

mod alert;
mod away;
mod edit;
mod saved;
mod why;

use std::sync::Arc;

use crate::bus::Last;
use crate::model::{Intent, Inventory, Message, Mono, Name, Timestamp};

use super::cache::Cache;
use super::instance::{Cause, World};
use super::running::Running;
use super::schedule::Schedule;
use super::sources::Silence;
use super::tally::{RuleFault, RuleStatus};
use super::ticks::{Place, Ticks};

use super::timers::{Due, Timers};
use super::{Host, Mode, Rule};
use away::Away;

pub use edit::{Edited, Remains};
pub(super) use saved::Keeping;

/// Something that happens to the rules.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A message on the bus; `Last` knows it already.
    Message(&'a Arc<Message>),
    /// A person resets the rule of this name.
    Reset(&'a str),
    /// The engine starts: `schedule: startup`.
    Startup,
    /// The engine stops: `schedule: shutdown`.
    Shutdown,
}

/// What the rules work by: one consistent state of the site's files.
#[derive(Clone, Debug)]
pub struct Rulebook {
    /// In the order of their names.
    rules: Vec<Arc<Rule>>,
    /// The nodes and devices that they were checked against.
    inventory: Arc<Inventory>,
    /// Where the site is.
    place: Place,
    /// What names this state of the files: every decision carries it.
    revision: Name,
}

impl Rulebook {
    /// Rules in any order, the map that they were checked against, where the site is, and what names this state of the
    /// files.
    #[must_use]
    pub fn new(mut rules: Vec<Arc<Rule>>, inventory: Arc<Inventory>, place: Place, revision: Name) -> Rulebook {
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        Rulebook { rules, inventory, place, revision }
    }

    /// The nodes and devices of its map.
    #[must_use]
    pub fn inventory(&self) -> &Arc<Inventory> {
        &self.inventory
    }
}

/// All rules at work.
#[derive(Debug)]
pub struct Engine {
    /// In order of their names.
    rules: Vec<Running>,
    cache: Cache,
    silence: Silence,
    timers: Timers,
    ticks: Ticks,
    away: Away,
    keeping: Keeping,
    host: Host,
    faults: Vec<RuleFault>,
    /// Deadlines of one moment, while they are served.
    batch: Vec<Due>,
    /// Of the files that decide, and since when they do.
    revision: Name,
    decides_since: Mono,
}

impl Engine {
    /// Rules at work from `now` on. Instances of the map's sources exist at once.
    #[must_use]
    pub fn new(book: Rulebook, host: Host, now: Timestamp) -> Engine {
        let Rulebook { rules, inventory, place, revision } = book;
        let mut timers = Timers::default();
        let mut silence = Silence::new(inventory);
        let mut faults = Vec::new();
        let ticks = Ticks::new(schedules(&rules), place, now, &mut timers);
        let mut rules: Vec<Running> = (0..).zip(rules).map(|(at, rule)| Running::new(rule, at)).collect();
        for rule in &mut rules {
            rule.populate(&mut silence, now.mono);
            faults.extend(rule.lacks(ticks.knows_the_sun()));
        }
        let (cache, batch, decides_since) = (Cache::default(), Vec::new(), now.mono);
        let (away, keeping) = (Away::default(), Keeping::default());
        Engine { rules, cache, silence, timers, ticks, away, keeping, host, faults, batch, revision, decides_since }
    }

    /// Takes one event. The caller has called `due` for every deadline up to `now` before.
    pub fn step(&mut self, now: Timestamp, event: Event<'_>, last: &Last, out: &mut Vec<Intent>) {
        self.ticks.watch(now, &mut self.timers);
        match event {
            Event::Message(message) => self.message(now, message, last, out),
            Event::Reset(name) => {
                let cause = Cause { reset: true, heard: false };
                self.each(
                    now,
                    last,
                    out,
                    |rule| *rule.rule.name == *name,
                    |rule, timers, world| {
                        rule.everyone(cause, timers, world);
                    },
                );
            }
            Event::Startup => self.once(now, &Schedule::Startup, last, out),
            Event::Shutdown => {
                self.keeping.stops = true;
                self.once(now, &Schedule::Shutdown, last, out);
            }
        }
    }

    /// When `due` must be called next; may be earlier than anything happens, never later.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.timers.next()
    }

    /// Fires what is due at `now`. Called from deadline to deadline, everything happens at its exact time.
    pub fn due(&mut self, now: Timestamp, last: &Last, out: &mut Vec<Intent>) {
        self.ticks.watch(now, &mut self.timers);
        let mut batch = std::mem::take(&mut self.batch);
        while let Some(at) = self.timers.take(now.mono, &mut batch) {
            let rules = &self.rules;
            batch.sort_by_key(|due| match due {
                Due::Instance(rule, instance) => (0, *rule, rules[*rule as usize].key(*instance)),
                Due::Tick(plan) => (1, *plan, None),
            });
            let Engine { rules, timers, ticks, host, faults, revision, keeping, .. } = self;
            for due in &batch {
                let ticked = match due {
                    Due::Tick(plan) => ticks.take(*plan, at, now, timers),
                    Due::Instance(..) => None,
                };
                let zone = ticks.zone();
                let world = &mut World { now, hop: 0, host, last, zone, revision, out, faults, keeping };
                match (due, ticked) {
                    (Due::Instance(rule, instance), _) => rules[*rule as usize].due(*instance, at, timers, world),
                    (Due::Tick(_), Some(ticked)) => rules[ticked.rule as usize].tick(ticked, timers, world),
                    (Due::Tick(_), None) => {}
                }
            }
        }
        self.batch = batch;
    }

    /// Hands over what failed since the last call: of each rule, each fault once an hour.
    pub fn drain_faults(&mut self, into: &mut Vec<RuleFault>) {
        into.append(&mut self.faults);
    }

    /// The nodes and devices of the map.
    #[must_use]
    pub fn inventory(&self) -> &Arc<Inventory> {
        &self.silence.inventory
    }

    /// What names the state of the files that decides.
    #[must_use]
    pub fn revision(&self) -> &Name {
        &self.revision
    }

    /// How every rule is doing, in order of their names.
    #[must_use]
    pub fn status(&self, now: Mono) -> Vec<RuleStatus> {
        let not_concerned = self.cache.not_concerned(self.rules.len());
        self.rules.iter().zip(not_concerned).map(|(rule, count)| rule.status(now, count)).collect()
    }

    fn message(&mut self, now: Timestamp, message: &Arc<Message>, last: &Last, out: &mut Vec<Intent>) {
        let Engine { rules, cache, silence, timers, ticks, host, faults, revision, keeping, .. } = self;
        let found = cache.find(message, now.mono, |at| rules.get(at).map(|running| &*running.rule), &silence.inventory);
        if let Some(source) = found.source {
            for (rule, instance) in silence.heard(source, message).unwrap_or_default() {
                rules[*rule as usize].heard(*instance, message.stale);
            }
        }
        for (rule, window) in found.windows {
            rules[*rule as usize].feed(*window, message, now.mono);
        }
        let world =
            &mut World { now, hop: message.hop, host, last, zone: ticks.zone(), revision, out, faults, keeping };
        for (position, concerned) in found.rules {
            let subscribed = &mut found.subscribed[*position as usize];
            rules[subscribed.rule as usize].message(subscribed, *concerned, message, timers, world);
        }
    }

    fn once(&mut self, now: Timestamp, schedule: &Schedule, last: &Last, out: &mut Vec<Intent>) {
        let wanted = |rule: &Running| rule.rule.schedule.contains(schedule);
        self.each(now, last, out, wanted, |rule, timers, world| {
            rule.everyone(Cause::default(), timers, world);
        });
    }

    pub(super) fn each(
        &mut self,
        now: Timestamp,
        last: &Last,
        out: &mut Vec<Intent>,
        wanted: impl Fn(&Running) -> bool,
        take: impl Fn(&mut Running, &mut Timers, &mut World<'_>),
    ) {
        let Engine { rules, timers, ticks, host, faults, revision, keeping, .. } = self;
        let world = &mut World { now, hop: 0, host, last, zone: ticks.zone(), revision, out, faults, keeping };
        for rule in rules.iter_mut().filter(|rule| rule.rule.mode != super::Mode::Off && wanted(rule)) {
            take(rule, timers, world);
        }
    }
}

/// Every schedule of the rules that are not off, with the position of its rule.
fn schedules(rules: &[Arc<Rule>]) -> impl Iterator<Item = (u32, &Schedule)> {
    let on = (0_u32..).zip(rules).filter(|(_, rule)| rule.mode != Mode::Off);
    on.flat_map(|(at, rule)| rule.schedule.iter().map(move |schedule| (at, schedule)))
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
