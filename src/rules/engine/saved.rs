//! What the rules remember over a restart: rows that are handed over to be kept, and taken up at the next start
//! (semantics 13, 16 and 17). Rows are written of what has changed, once for any number of changes.

use std::time::Duration;

use crate::bus::Last;
use crate::model::{Intent, Mono, Name, Saved, Shelf, Timestamp};

use super::super::Mode;
use super::super::instance::{Unsaved, World};
use super::super::kept::{Absence, Alive, Kept};
use super::super::tally::RuleFault;
use super::Engine;

/// What every run of a control loop changes is written this often: at most so much of it is lost without a clean stop.
const SOON: Duration = Duration::from_secs(10);
/// The civil clock was set, if it differs by more than this from what the monotonic one lets expect.
const SET: u64 = 1_000_000_000;
/// A sign of life is written this often: what a clock that went back over a restart leaves uncertain.
const ALIVE: Duration = Duration::from_secs(60);

/// What is to be written down: instances, by the position of their rule and their own.
#[derive(Debug, Default)]
pub(in crate::rules) struct Keeping {
    now: Vec<(u32, u32)>,
    soon: Vec<(u32, u32)>,
    soon_since: Option<Mono>,
    /// Rows of what is not at work any more.
    pub(in crate::rules) rows: Vec<Saved>,
    /// The engine stops: nothing may wait.
    pub(super) stops: bool,
    /// Civil minus monotonic time when rows were written last.
    offset: Option<i64>,
    alive: Option<Mono>,
}

impl Keeping {
    pub(in crate::rules) fn list(&mut self, unsaved: Unsaved, at: (u32, u32), now: Mono) {
        if unsaved == Unsaved::Now {
            return self.now.push(at);
        }
        self.soon_since.get_or_insert(now);
        self.soon.push(at);
    }

    pub(in crate::rules) fn delete(&mut self, rule: &Name, instance: &Name) {
        let key = (rule.clone(), instance.clone());
        self.rows.push(Saved { shelf: Shelf::Rules, key, value: None });
    }

    /// Positions have changed: who changes them lists anew what is to be written.
    pub(super) fn unlist(&mut self) {
        self.now.clear();
        self.soon.clear();
        self.soon_since = None;
    }

    fn is_due(&self, now: Mono) -> bool {
        self.stops || self.soon_since.is_some_and(|since| now.since(since) >= SOON)
    }

    fn sign_of_life(&mut self, now: Timestamp) {
        if self.stops || self.alive.is_none_or(|alive| now.mono.since(alive) >= ALIVE) {
            self.alive = Some(now.mono);
            let key = (Name::from(""), Name::from(""));
            self.rows.push(Saved { shelf: Shelf::Rules, key, value: Some(Alive::write(now.utc)) });
        }
    }

    fn was_set(&mut self, now: Timestamp) -> bool {
        let offset = now.utc.0.saturating_sub_unsigned(now.mono.0);
        self.offset.replace(offset).is_some_and(|before| before.abs_diff(offset) > SET)
    }
}

impl Engine {
    /// Hands over what is to be kept and has changed since the last call. It costs what has changed, and nothing else.
    pub fn drain_saved(&mut self, now: Timestamp, into: &mut Vec<Saved>) {
        if self.keeping.was_set(now) {
            // How long ago something was is counted from when it was written, on that clock.
            self.rules.iter_mut().for_each(|rule| rule.list_all(true, now, &mut self.keeping));
            self.keeping.alive = None;
        }
        self.keeping.sign_of_life(now);
        let all = self.keeping.is_due(now.mono);
        self.write(now, all);
        into.append(&mut self.keeping.rows);
    }

    /// Writes what is listed; what may wait, if `all` is to be written.
    pub(super) fn write(&mut self, now: Timestamp, all: bool) {
        let Engine { rules, keeping, ticks, faults, .. } = self;
        let Keeping { now: at_once, soon, soon_since, rows, .. } = keeping;
        for (rule, text) in ticks.drain_served() {
            let name = rules[rule as usize].rule.name.clone();
            rows.push(Saved { shelf: Shelf::Rules, key: (Name::from(""), name), value: Some(text) });
        }
        let mut write = |(rule, instance): (u32, u32)| {
            if let Some(rule) = rules.get_mut(rule as usize) {
                rule.save(instance, now, rows, faults);
            }
        };
        at_once.drain(..).for_each(&mut write);
        if all {
            *soon_since = None;
            soon.drain(..).for_each(&mut write);
        }
    }

    /// Takes up what was kept, before the first event. Phases and requests come back with the first good event of each
    /// instance; latches at once, and what they ask for comes out.
    ///
    /// Moments before the start are named on the monotonic clock too: `now.mono` must be late enough for those that matter
    /// ([`Mono::START`]); what lies before its beginning is taken to lie there.
    pub fn restore(&mut self, now: Timestamp, rows: Vec<Saved>, last: &Last, out: &mut Vec<Intent>) {
        let mut at_once = Vec::new();
        let alive = rows.iter().find(|row| row.shelf == Shelf::Rules && row.key.0.is_empty() && row.key.1.is_empty());
        let alive = alive.and_then(|row| row.value.as_deref()).map_or(now.utc, Alive::read);
        let away = Absence { alive, now: now.utc };
        for Saved { key: (rule, instance), value, .. } in rows.into_iter().filter(|row| row.shelf == Shelf::Rules) {
            let Some(text) = value.filter(|_| !rule.is_empty() || !instance.is_empty()) else { continue };
            let at = self
                .rules
                .binary_search_by(|running| running.rule.name.cmp(if rule.is_empty() { &instance } else { &rule }));
            let at = at.ok().filter(|at| self.rules[*at].rule.mode != Mode::Off);
            if rule.is_empty() {
                self.restore_ticks(now, at, instance, &text);
                continue;
            }
            match (Kept::read(&text, away), at) {
                (Err(why), _) => self.unreadable(now.mono, at, (rule, instance), &why),
                (Ok(kept), None) => self.away.wait_for(rule, instance, kept, now, &mut self.keeping),
                (Ok(kept), Some(at)) => {
                    let ends = (&mut self.timers, &mut self.keeping);
                    let found = self.rules[at].bring_back(&instance, kept, false, now, ends);
                    found.into_iter().for_each(|found| at_once.push((at, instance.clone(), found)));
                }
            }
        }
        if now.utc < alive {
            // What was written goes by a clock that nobody has any more.
            self.rules.iter_mut().for_each(|rule| rule.list_all(true, now, &mut self.keeping));
        }
        at_once.sort();
        let Engine { rules, timers, ticks, host, faults, revision, keeping, .. } = self;
        let world = &mut World { now, hop: 0, host, last, zone: ticks.zone(), revision, out, faults, keeping };
        for (rule, _, instance) in at_once {
            rules[rule].resume_now(instance, timers, world);
        }
    }

    fn restore_ticks(&mut self, now: Timestamp, at: Option<usize>, rule: Name, text: &str) {
        let restored = at.map(|at| self.ticks.restore(at as u32, text, now, &mut self.timers));
        match restored {
            Some(Ok(())) => {}
            Some(Err(why)) => self.unreadable(now.mono, at, (Name::from(""), rule), &why),
            None => self.keeping.delete(&Name::from(""), &rule),
        }
    }

    /// It starts over.
    fn unreadable(&mut self, now: Mono, at: Option<usize>, key: (Name, Name), why: &str) {
        let message = format!("what was kept of it over the restart cannot be read, it starts over: {why}");
        let (rule, instance) = if key.0.is_empty() { (key.1.clone(), Name::from("")) } else { key.clone() };
        let fault = RuleFault { rule, instance, part: "state", message };
        match at {
            Some(at) => self.rules[at].unreadable(now, fault, &mut self.faults),
            None => self.faults.push(fault),
        }
        self.keeping.rows.push(Saved { shelf: Shelf::Rules, key, value: None });
    }
}

#[cfg(test)]
#[path = "saved_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "written_tests.rs"]
mod written_tests;
