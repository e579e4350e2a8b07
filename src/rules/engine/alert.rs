//! What the book of alerts asks the rules: the words of an alert that goes on, and whether one goes on at all.

use crate::bus::Last;
use crate::model::{Name, Timestamp};

use super::super::Mode;
use super::super::instance::World;
use super::{Engine, Keeping};

impl Engine {
    /// The summary of an alert as its last message has it; `None` if it is not known, or there is no such alert.
    pub fn summary(&mut self, now: Timestamp, (rule, instance): &(Name, Name), last: &Last) -> Option<Name> {
        let at = self.rules.binary_search_by(|running| running.rule.name.cmp(rule)).ok()?;
        let Engine { rules, ticks, host, revision, .. } = self;
        // What fails here has been told when the alert began.
        let (mut out, mut faults, mut keeping) = (Vec::new(), Vec::new(), Keeping::default());
        let (out, faults, keeping) = (&mut out, &mut faults, &mut keeping);
        let world = &mut World { now, hop: 0, host, last, zone: ticks.zone(), revision, out, faults, keeping };
        rules[at].summary(instance, world)
    }

    /// Whether an episode with an alert lasts, or may come back with its first good event after a restart.
    #[must_use]
    pub fn alert_lasts(&self, (rule, instance): &(Name, Name)) -> bool {
        let at = self.rules.binary_search_by(|running| running.rule.name.cmp(rule));
        let running = at.ok().map(|at| &self.rules[at]);
        let running = running.filter(|running| running.rule.mode == Mode::Active && running.rule.alert.is_some());
        running.is_some_and(|running| running.alert_lasts(instance))
    }
}
