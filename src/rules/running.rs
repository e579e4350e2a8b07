//! One rule with its instances: which one a message is for, and what an event of the rule reaches.

mod alert;
mod edit;
mod saved;
mod why;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hashbrown::HashMap;

use crate::model::{Message, Mono, Name};

use super::Windows;
use super::cache::{Subscribed, Target, subscribes, target};
use super::episode::Settings;
use super::instance::{Cause, Instance, Segments, Turn, World};
use super::journal::What;
use super::rule::{Mode, Per, Rule, StaleLimit};
use super::schedule::Schedule;
use super::sources::{Silence, brings};
use super::tally::{RuleFault, RuleStatus, Tally};
use super::ticks::Ticked;
use super::timers::{Due, Timers};

pub(super) use saved::Profile;

/// Sources and channels are made by others: a rule has no more instances than this.
const MOST_INSTANCES: usize = 10_000;

/// Where the map asks for an instance.
struct MapPlace {
    segments: Segments,
    channel: Name,
    sources: Vec<u32>,
}

impl MapPlace {
    /// The `stale_after` of all its sources; empty if one of them is never stale.
    fn spans(&self, silence: &Silence) -> Vec<Duration> {
        let each = self.sources.iter().map(|source| silence.inventory.sources[*source as usize].stale_after);
        each.collect::<Option<Vec<Duration>>>().unwrap_or_default()
    }
}

/// A rule at work.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) rule: Arc<Rule>,
    /// Its position among the rules.
    at: u32,
    instances: Vec<Instance>,
    by_key: HashMap<Name, u32>,
    /// Positions in the order of the keys: ticks and resets reach instances in this order.
    ordered: Vec<u32>,
    /// Windows over a pattern, which all instances share; they are lent to an instance while it runs.
    shared: Windows,
    lends: Vec<usize>,
    own_windows: bool,
    /// Made when something of it is written down first.
    profile: OnceLock<Profile>,
    tally: Tally,
}

impl Running {
    pub(super) fn new(rule: Arc<Rule>, at: u32) -> Running {
        let lends = (0..).zip(&rule.windows).filter(|(_, w)| w.pattern.is_some()).map(|(index, _)| index).collect();
        Running {
            shared: Windows::new(&rule.windows),
            lends,
            own_windows: rule.windows.iter().any(|window| window.pattern.is_none()),
            rule,
            at,
            instances: Vec::new(),
            by_key: HashMap::new(),
            ordered: Vec::new(),
            profile: OnceLock::new(),
            tally: Tally::default(),
        }
    }

    /// Makes the instances that exist from the beginning: those of the map, and the only one of `per: rule`.
    pub(super) fn populate(&mut self, silence: &mut Silence, now: Mono) {
        for (key, place) in self.places(silence) {
            if let Some(instance) = self.create(key, &place.segments, &place.channel, place.spans(silence), now) {
                self.attach(instance, place.sources, silence);
            }
        }
    }

    /// The instances that the map asks for, in the order of their keys.
    fn places(&self, silence: &Silence) -> BTreeMap<Name, MapPlace> {
        let (mut found, inventory) = (BTreeMap::<Name, MapPlace>::new(), &silence.inventory);
        if self.rule.mode == Mode::Off {
            return found;
        }
        for (position, source) in (0_u32..).zip(&inventory.sources) {
            let Some(segments) = subscribes(&self.rule, &source.channel, Some(&source.broad)) else { continue };
            if !brings(source, &self.rule.fields) {
                continue;
            }
            let key = match target(&self.rule, &source.channel, &segments) {
                Target::Key(key) => key,
                _ => source.name.clone(),
            };
            let place = || MapPlace { segments, channel: source.channel.clone(), sources: Vec::new() };
            found.entry(key).or_insert_with(place).sources.push(position);
        }
        if self.rule.per == Per::Rule && found.is_empty() {
            let segments: Segments = self.rule.segments.iter().map(|name| (name.clone(), Name::from(""))).collect();
            found.insert(Name::from(""), MapPlace { segments, channel: Name::from(""), sources: Vec::new() });
        }
        found
    }

    /// The sources whose silence touches the instance.
    fn attach(&mut self, instance: u32, sources: Vec<u32>, silence: &mut Silence) {
        let one = &mut self.instances[instance as usize];
        one.sources = sources.len() as u32;
        one.silent = sources.iter().filter(|source| silence.is_silent(**source)).count() as u32;
        for source in sources {
            silence.instances[source as usize].push((self.at, instance));
        }
    }

    /// `spans`: the `stale_after` of an instance's sources; empty where the map does not tell.
    fn settings(&self, spans: Vec<Duration>) -> Settings {
        let rule = &self.rule;
        let mapped = !spans.is_empty() || rule.patterns.is_empty();
        Settings {
            hold: rule.hold,
            after: rule.until.as_ref().and_then(|until| until.after),
            cooldown: rule.cooldown,
            stale: rule.stale.unwrap_or(if mapped { StaleLimit::After(Duration::ZERO) } else { StaleLimit::Never }),
            stale_after: spans.into_iter().max().unwrap_or_default(),
            mapped,
            names_stale: rule.names_stale,
        }
    }

    /// Makes an instance; `None` if there are too many, which is counted. `spans`: the `stale_after` of its sources.
    fn create(
        &mut self,
        key: Name,
        segments: &Segments,
        channel: &Name,
        spans: Vec<Duration>,
        now: Mono,
    ) -> Option<u32> {
        if self.instances.len() >= MOST_INSTANCES {
            self.tally.refused_instances += 1;
            return None;
        }
        let settings = self.settings(spans);
        let position = self.instances.len() as u32;
        let place = self.ordered.partition_point(|at| self.key(*at) < Some(&key));
        self.ordered.insert(place, position);
        self.by_key.insert(key.clone(), position);
        self.instances.push(Instance::new(&self.rule, key, segments.clone(), channel.clone(), settings, now));
        Some(position)
    }

    /// The key of an instance: the order in which instances are served.
    pub(super) fn key(&self, instance: u32) -> Option<&Name> {
        self.instances.get(instance as usize).map(|one| &one.origin.instance)
    }

    /// A source of an instance has fallen silent, or speaks again.
    pub(super) fn heard(&mut self, instance: u32, silent: bool) {
        let count = &mut self.instances[instance as usize].silent;
        *count = if silent { *count + 1 } else { count.saturating_sub(1) };
    }

    /// Takes a message of a channel that the rule is subscribed to.
    pub(super) fn message(
        &mut self,
        subscribed: &mut Subscribed,
        concerned: bool,
        message: &Arc<Message>,
        timers: &mut Timers,
        world: &mut World<'_>,
    ) {
        let Some(position) = self.resolve(subscribed, message, concerned, world.now.mono) else { return };
        let instance = &mut self.instances[position as usize];
        if self.own_windows {
            for (index, window) in self.rule.windows.iter().enumerate().filter(|(_, w)| w.pattern.is_none()) {
                if let Some(value) = message.fields.get(&window.field) {
                    instance.windows.feed(index, world.now.mono, message, value.as_number());
                }
            }
        }
        if concerned {
            instance.message = Some(message.clone());
            if !Arc::ptr_eq(&instance.segments, &subscribed.segments) {
                instance.segments = subscribed.segments.clone();
            }
            self.event(position, Cause { heard: true, reset: false }, timers, world);
        }
    }

    /// The instance of a message; one that does not exist is made for a message that concerns the rule.
    fn resolve(&mut self, to: &mut Subscribed, message: &Message, concerned: bool, now: Mono) -> Option<u32> {
        let key = match &to.target {
            Target::Instance(instance) => return Some(*instance),
            Target::Key(key) => key,
            Target::Source => message.source.as_ref().unwrap_or(&message.channel),
        };
        let instance = match self.by_key.get(key) {
            Some(instance) => Some(*instance),
            None if concerned => self.create(key.clone(), &to.segments, &message.channel, Vec::new(), now),
            None => None,
        };
        if let (Target::Key(_), Some(instance)) = (&to.target, instance) {
            to.target = Target::Instance(instance);
        }
        instance
    }

    /// A value for a window that all instances share.
    pub(super) fn feed(&mut self, window: u32, message: &Message, now: Mono) {
        let spec = &self.rule.windows[window as usize];
        if let Some(value) = message.fields.get(&spec.field) {
            self.shared.feed(window as usize, now, message, value.as_number());
        }
    }

    /// A tick reaches every instance, unless it comes too late.
    pub(super) fn tick(&mut self, ticked: Ticked, timers: &mut Timers, world: &mut World<'_>) {
        self.tally.missed_ticks += ticked.missed;
        if !ticked.runs {
            return;
        }
        if self.tally.is_parked(world.now.mono) {
            self.tally.missed_ticks += 1;
            return;
        }
        self.everyone(Cause::default(), timers, world);
    }

    /// What its schedules need and the site does not say.
    pub(super) fn lacks(&mut self, knows_the_sun: bool) -> Option<RuleFault> {
        let sun = |schedule: &Schedule| matches!(schedule, Schedule::Sunrise(_) | Schedule::Sunset(_));
        if knows_the_sun || !self.rule.schedule.iter().any(sun) {
            return None;
        }
        let message = "sunrise and sunset never come: growctl.yaml has no `location`".to_owned();
        self.tally.last_error = Some(message.clone());
        Some(RuleFault { rule: self.rule.name.clone(), instance: Name::from(""), part: "schedule", message })
    }

    /// An event for every instance, in the order of their keys.
    pub(super) fn everyone(&mut self, cause: Cause, timers: &mut Timers, world: &mut World<'_>) {
        for index in 0..self.ordered.len() {
            self.event(self.ordered[index], cause, timers, world);
        }
    }

    fn event(&mut self, instance: u32, cause: Cause, timers: &mut Timers, world: &mut World<'_>) {
        if self.tally.is_parked(world.now.mono) {
            self.tally.parked_events += 1;
            return;
        }
        self.tally.unpark();
        self.turn(instance, cause, timers, world, Instance::event);
    }

    /// Fires the timer of an instance that was set for `at`, unless it was set anew since.
    pub(super) fn due(&mut self, instance: u32, at: Mono, timers: &mut Timers, world: &mut World<'_>) {
        // A deadline of an instance that an edit has taken away may be left over.
        let Some(one) = self.instances.get_mut(instance as usize).filter(|one| one.armed == Some(at)) else { return };
        one.armed = None;
        self.turn(instance, Cause::default(), timers, world, Instance::due);
    }

    fn turn(
        &mut self,
        instance: u32,
        cause: Cause,
        timers: &mut Timers,
        world: &mut World<'_>,
        take: impl FnOnce(&mut Instance, &mut Turn<'_, '_>),
    ) {
        let one = &mut self.instances[instance as usize];
        self.lends.iter().for_each(|window| one.windows.swap(&mut self.shared, *window));
        let mut turn = Turn { rule: &self.rule, tally: &mut self.tally, cause, world, operations: 0 };
        take(one, &mut turn);
        let operations = turn.operations;
        self.lends.iter().for_each(|window| one.windows.swap(&mut self.shared, *window));
        if operations > 0 && self.tally.spend(world.now.mono, operations) {
            self.park(world);
        }
        self.list(instance, world);
        self.arm(instance, timers);
    }

    fn arm(&mut self, instance: u32, timers: &mut Timers) {
        let one = &mut self.instances[instance as usize];
        if let Some(at) = one.next_deadline().filter(|at| one.armed.is_none_or(|armed| *at < armed)) {
            one.armed = Some(at);
            timers.push(at, Due::Instance(self.at, instance));
        }
    }

    /// The rule takes too much time from the others: everything that it holds is let go.
    fn park(&mut self, world: &mut World<'_>) {
        let message = "it takes over 20 % of the time: parked for 10 minutes, its requests released".to_owned();
        let fault = RuleFault { rule: self.rule.name.clone(), instance: Name::from(""), part: "rule", message };
        self.tally.failed(world.now.mono, fault, world.faults);
        let until = self.tally.parked_until(world.now.mono).unwrap_or_default();
        self.tally.journal.note(world.stamp(), &Name::from(""), What::Parked(until), Vec::new());
        for index in 0..self.ordered.len() {
            let at = self.ordered[index];
            self.instances[at as usize].park(self.rule.alert.is_some(), world);
            self.list(at, world);
        }
    }

    /// What was kept of an instance is lost.
    pub(super) fn unreadable(&mut self, now: Mono, fault: RuleFault, faults: &mut Vec<RuleFault>) {
        self.tally.failed(now, fault, faults);
    }

    /// How it is doing, but for the messages that do not concern it, which the cache counts.
    pub(super) fn status(&self, now: Mono, not_concerned: u64) -> RuleStatus {
        let (rule, tally) = (&self.rule, &self.tally);
        RuleStatus {
            name: rule.name.clone(),
            mode: rule.mode,
            runs: tally.parts.total(),
            parts: tally.parts,
            episodes: tally.episodes,
            active: self.instances.iter().filter(|instance| instance.is_active()).count(),
            instances: self.instances.len(),
            suppressed: self.instances.iter().map(Instance::suppressed).sum(),
            not_concerned,
            unknown: tally.unknown,
            faults: tally.faults,
            missed_ticks: tally.missed_ticks,
            refused_instances: tally.refused_instances,
            parked_events: tally.parked_events,
            parked: tally.is_parked(now),
            last_run: tally.last_run.map(|at| now.since(at).as_secs()),
            last_error: tally.last_error.clone(),
        }
    }
}
