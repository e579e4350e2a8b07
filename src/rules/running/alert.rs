//! The alerts of one rule's instances.

use crate::model::Name;

use super::super::instance::{Turn, World};
use super::super::timers::Timers;
use super::{Cause, Running};

impl Running {
    /// The words of its alert, or the plan, are others now; it `had` an alert before.
    pub(in crate::rules) fn reword(&mut self, had: bool, timers: &mut Timers, world: &mut World<'_>) {
        for index in 0..self.ordered.len() {
            let at = self.ordered[index];
            self.turn(at, Cause::default(), timers, world, |one, turn| one.reword(had, turn));
        }
    }

    pub(in crate::rules) fn summary(&mut self, instance: &Name, world: &mut World<'_>) -> Option<Name> {
        let at = *self.by_key.get(instance)? as usize;
        let one = &mut self.instances[at];
        self.lends.iter().for_each(|window| one.windows.swap(&mut self.shared, *window));
        let (rule, tally, cause) = (&self.rule, &mut self.tally, Cause::default());
        let summary = one.summary(&mut Turn { rule, tally, cause, world, operations: 0 });
        self.lends.iter().for_each(|window| one.windows.swap(&mut self.shared, *window));
        summary
    }

    pub(in crate::rules) fn alert_lasts(&self, instance: &Name) -> bool {
        self.by_key.get(instance).is_some_and(|at| self.instances[*at as usize].lasts())
    }
}
