//! Why a rule acts or does not. To ask changes nothing: the same happens next, whether or not somebody asked.

use crate::bus::Last;
use crate::model::{DeviceKey, Timestamp};

use super::super::instance::World;
use super::super::why::{Civil, Lacking, Why};
use super::{Engine, Keeping};

/// So many channels whose messages did not concern the rule.
const MOST_LACKING: usize = 12;

impl Engine {
    /// Where a rule asks for a device: `rules/<name>.yaml:12`.
    #[must_use]
    pub fn asks_at(&self, rule: &str, device: &DeviceKey) -> Option<String> {
        let at = self.rules.binary_search_by(|running| (*running.rule.name).cmp(rule)).ok()?;
        Some(self.rules[at].rule.asks_at(device))
    }

    /// Everything about one rule, or about one of its instances; `None` if there is no such rule. The caller has called
    /// `due` for every deadline up to `now` before.
    pub fn why(&mut self, now: Timestamp, name: &str, instance: Option<&str>, last: &Last) -> Option<Why> {
        let at = self.rules.binary_search_by(|running| (*running.rule.name).cmp(name)).ok()?;
        let civil = Civil(now);
        let rule = self.rules[at].rule.clone();
        let lacking = self.cache.lacking(at as u32, &rule.fields).into_iter().take(MOST_LACKING);
        let lacking = lacking.map(|(channel, lacks, at, times)| Lacking { channel, lacks, at: civil.at(at), times });
        let lacking = lacking.collect();
        let not_concerned = self.cache.not_concerned(self.rules.len())[at];
        let (ticks, next_tick) = self.ticks.next_of(at as u32, civil);
        let Engine { rules, ticks: plans, host, revision, .. } = self;
        // What is asked and what fails while it is judged anew is nobody's.
        let (mut out, mut faults, mut keeping) = (Vec::new(), Vec::new(), Keeping::default());
        let (out, faults, keeping) = (&mut out, &mut faults, &mut keeping);
        let world = &mut World { now, hop: 0, host, last, zone: plans.zone(), revision, out, faults, keeping };
        let running = &mut rules[at];
        let (instances, others) = running.standings(instance, world);
        Some(Why {
            file: rule.file.path.display().to_string(),
            mode: rule.mode,
            revision: revision.clone(),
            now: now.utc.seconds(),
            decides_since: civil.at(self.decides_since),
            conditions: running.texts(),
            parked_until: running.parked_until(civil),
            ticks,
            next_tick,
            subscribes: !rule.patterns.is_empty(),
            not_concerned,
            lacking,
            instances,
            others,
            decisions: running.decisions(instance),
            rule: rule.name.clone(),
        })
    }
}
