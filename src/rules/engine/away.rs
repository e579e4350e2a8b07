//! Rules that are off or deleted, with what they have kept: `state`, when they ran, how long they rest. A rule that is
//! switched off and on again has not forgotten that it watered eight times today.

use crate::model::Name;

use super::super::Mode;
use super::super::instance::World;
use super::super::running::Running;
use super::super::timers::Timers;
use super::Remains;

/// So many are remembered; then the one that left first is forgotten.
const MOST: usize = 1_000;

/// Those that may come back, in the order in which they left.
#[derive(Debug, Default)]
pub(super) struct Away(Vec<Running>);

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
                self.keep(before, remains);
            }
            before => {
                if on && let Some(mut kept) = self.back(&running.rule.name) {
                    running.inherit(&mut kept, world);
                    remains.0.push(kept);
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
    pub(super) fn keep(&mut self, gone: Running, remains: &mut Remains) {
        if !is_on(&gone) {
            return remains.0.push(gone);
        }
        if self.0.len() == MOST {
            remains.0.push(self.0.remove(0));
        }
        self.0.push(gone.depart());
    }

    fn back(&mut self, name: &Name) -> Option<Running> {
        let at = self.0.iter().position(|gone| gone.rule.name == *name)?;
        Some(self.0.remove(at))
    }
}

fn is_on(rule: &Running) -> bool {
    rule.rule.mode != Mode::Off
}
