//! Rules that are off or deleted, with what they have kept: `state`, when they ran, how long they rest. A rule that is
//! switched off and on again has not forgotten that it watered eight times today.

use std::collections::BTreeMap;

use crate::model::{Mono, Name, Timestamp};

use super::super::Mode;
use super::super::instance::World;
use super::super::kept::Kept;
use super::super::running::Running;
use super::super::timers::Timers;
use super::{Keeping, Remains};

/// So many are remembered; then the one that left first is forgotten.
const MOST: usize = 1_000;

/// Those that may come back.
#[derive(Debug, Default)]
pub(super) struct Away {
    /// In the order in which they left.
    left: Vec<Running>,
    /// Those that were not there at the start, with what was kept of them: instance by instance, and since when.
    missed: BTreeMap<Name, Vec<(Name, Kept, Mono)>>,
}

impl Away {
    /// Puts a rule in the place of what it was before the edit, if it was there at all.
    pub(super) fn succeed(
        &mut self,
        running: &mut Running,
        before: Option<Running>,
        timers: &mut Timers,
        world: &mut World<'_>,
        remains: &mut Remains,
    ) {
        let (on, was_on) = (is_on(running), before.as_ref().is_some_and(is_on));
        match before {
            Some(mut before) if on && was_on => {
                running.inherit(&mut before, world);
                remains.0.push(before);
            }
            Some(mut before) if was_on => {
                running.take_account(&mut before);
                self.keep(before, world, remains);
            }
            before => {
                if on && let Some(mut kept) = self.back(&running.rule.name) {
                    running.inherit(&mut kept, world);
                    remains.0.push(kept);
                }
                if on {
                    self.found(running, timers, world);
                }
                if let Some(mut off) = before {
                    running.take_account(&mut off);
                    remains.0.push(off);
                }
            }
        }
        running.judge_edited(timers, world);
    }

    /// A rule leaves; its last words are said.
    pub(super) fn keep(&mut self, gone: Running, world: &mut World<'_>, remains: &mut Remains) {
        if !is_on(&gone) {
            return remains.0.push(gone);
        }
        if self.left.len() == MOST {
            let forgotten = self.left.remove(0);
            forgotten.erase(world.keeping);
            remains.0.push(forgotten);
        }
        let mut gone = gone.depart();
        gone.save_all(world);
        self.left.push(gone);
    }

    /// A row of a rule that is not there, or off: it waits for its return.
    pub(super) fn wait_for(&mut self, rule: Name, instance: Name, kept: Kept, now: Timestamp, keeping: &mut Keeping) {
        let full = self.missed.len() == MOST && !self.missed.contains_key(&rule);
        if full || kept.is_forgotten(now.utc) {
            return keeping.delete(&rule, &instance);
        }
        self.missed.entry(rule).or_default().push((instance, kept, now.mono));
    }

    /// It was not there when the engine started, and is now.
    fn found(&mut self, running: &mut Running, timers: &mut Timers, world: &mut World<'_>) {
        for (instance, mut kept, since) in self.missed.remove(&running.rule.name).unwrap_or_default() {
            kept.pass(world.now.mono.since(since));
            running.bring_back(&instance, kept, true, world.now, (timers, world.keeping));
        }
    }

    fn back(&mut self, name: &Name) -> Option<Running> {
        let at = self.left.iter().position(|gone| gone.rule.name == *name)?;
        Some(self.left.remove(at))
    }
}

fn is_on(rule: &Running) -> bool {
    rule.rule.mode != Mode::Off
}
