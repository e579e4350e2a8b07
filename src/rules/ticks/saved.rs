//! How far the civil schedules of a rule were served, over a restart: what came due meanwhile was missed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Timestamp, Utc};

use super::super::timers::Timers;
use super::{BELIEVABLE, Next, Ticks, not_ahead};

/// Of this form.
const VERSION: u32 = 1;

/// The schedules of one rule, and up to which moment each was served, in nanoseconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Served {
    v: u32,
    schedules: BTreeMap<String, i64>,
}

impl Ticks {
    /// What is to be written down of rules, by their positions: those of which something has changed.
    pub(in crate::rules) fn drain_served(&mut self) -> Vec<(u32, String)> {
        let mut unsaved = std::mem::take(&mut self.unsaved);
        unsaved.sort_unstable();
        unsaved.dedup();
        let text = |rule: u32| {
            let plans = self.plans.iter().filter(|plan| plan.rule == rule);
            let served = plans.filter_map(|plan| Some((plan.schedule.key(), plan.served?.0)));
            let served = Served { v: VERSION, schedules: served.collect() };
            let text = serde_json::to_string(&served).ok().filter(|_| !served.schedules.is_empty());
            Some((rule, text?))
        };
        unsaved.into_iter().filter_map(text).collect()
    }

    /// Takes up how far the schedules of a rule were served.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub(in crate::rules) fn restore(
        &mut self,
        rule: u32,
        text: &str,
        now: Timestamp,
        timers: &mut Timers,
    ) -> Result<(), String> {
        let kept: Served = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if kept.v != VERSION {
            return Err(format!("it is of version {}, and this one reads version {VERSION}", kept.v));
        }
        for index in 0..self.plans.len() {
            let plan = &mut self.plans[index];
            let Next::Civil(planned, ran) = &mut plan.next else { continue };
            let Some(served) = kept.schedules.get(&plan.schedule.key()).filter(|_| plan.rule == rule) else { continue };
            plan.served = Some(Utc(*served));
            if now.utc >= BELIEVABLE {
                let served = not_ahead(Utc(*served), now.utc);
                (plan.served, *ran) = (Some(served), Some(served));
                *planned = plan.schedule.next_after(served, &self.place.zone, self.place.location);
                self.arm(index, now, timers);
            }
        }
        Ok(())
    }
}
