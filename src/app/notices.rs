//! What goes wrong inside, said once and then at most once a minute: a broken sensor must not fill the disk at night.

use std::time::Duration;

use hashbrown::HashMap;

use crate::can::{BusCounts, BusHealth};
use crate::model::{Mono, Timestamp};
use crate::store::StoreHealth;

use super::output::Notice;

/// The same thing is said again after this long, with how often it has happened meanwhile.
const PAUSE: Duration = Duration::from_secs(60);
/// Different things remembered; beyond that all are forgotten, and said anew.
const MOST: usize = 1_000;

/// When what was said last.
#[derive(Debug, Default)]
pub(super) struct Notices {
    said: HashMap<String, (Mono, u64)>,
}

impl Notices {
    /// Writes it to the log, if it is new or the minute is over.
    pub(super) fn say(&mut self, now: Timestamp, notice: &Notice) {
        let Some(repeated) = self.due(now.mono, key(notice)) else { return };
        match notice {
            Notice::Rule(fault) => {
                tracing::error!(rule = %fault.rule, instance = %fault.instance, part = fault.part, repeated,
                    "a rule failed, none of its intents happened: {}", fault.message);
            }
            Notice::Device { device, reason } => {
                tracing::warn!(device, repeated, "a device request was refused: {reason}");
            }
            Notice::Fault { device, fault: Some(why) } => {
                tracing::error!(device, repeated, "a device is at fault and goes to its safe state: {why}");
            }
            Notice::Unread(why) => tracing::error!(repeated, "{why}"),
            Notice::Fault { device, fault: None } => {
                tracing::warn!(device, repeated, "a device that was at fault is tried again");
            }
            Notice::Message { channel, why } => {
                tracing::warn!(%channel, repeated, "a message from outside was refused: {why}");
            }
            Notice::Circle { rules, channel } => {
                let names = rules.join(" → ");
                tracing::error!(%channel, repeated, "rules trigger each other in a circle, its publication was refused: {names}");
            }
        }
    }

    /// Writes how a bus is. Each change is news.
    pub(super) fn bus(&self, bus: &str, health: &BusHealth, counts: BusCounts) {
        let state = health.state.name();
        let BusCounts { lost, dropped, overruns, .. } = counts;
        let remedy = health.remedy.as_ref().map(|remedy| format!("; try `{remedy}`")).unwrap_or_default();
        match &health.reason {
            None if lost + dropped + overruns > 0 => {
                tracing::warn!(
                    bus,
                    lost,
                    dropped,
                    overruns,
                    "bus {bus} is {state}; frames were lost, so many since the start"
                );
            }
            None => tracing::info!(bus, "bus {bus} is {state}"),
            Some(reason) => tracing::warn!(bus, lost, dropped, overruns, "bus {bus} is {state}: {reason}{remedy}"),
        }
    }

    /// Writes how the store is. Each change is news.
    pub(super) fn store(&self, health: &StoreHealth) {
        match health {
            StoreHealth::Ok => tracing::info!("the store is well: what is to outlive this run is on disk"),
            StoreHealth::Degraded { why, remedy, .. } => {
                tracing::warn!("the store is degraded: {why}; {remedy}");
            }
            StoreHealth::Off { why, remedy } => {
                tracing::error!("the store is off, nothing outlives this run: {why}; {remedy}");
            }
        }
    }

    /// How often it was passed over since it was last said; `None` if it is to be passed over now.
    fn due(&mut self, now: Mono, key: String) -> Option<u64> {
        if self.said.len() >= MOST && !self.said.contains_key(&key) {
            self.said.clear();
        }
        match self.said.get_mut(&key) {
            Some((at, passed)) if now.since(*at) < PAUSE => {
                *passed += 1;
                None
            }
            Some((at, passed)) => {
                *at = now;
                Some(std::mem::take(passed))
            }
            None => {
                self.said.insert(key, (now, 0));
                Some(0)
            }
        }
    }
}

fn key(notice: &Notice) -> String {
    match notice {
        Notice::Rule(fault) => format!("rule {} {}", fault.rule, fault.message),
        Notice::Device { device, reason } => format!("device {device} {reason}"),
        Notice::Unread(why) => why.clone(),
        Notice::Fault { device, fault } => format!("fault {device} {}", fault.as_deref().unwrap_or_default()),
        Notice::Message { channel, why } => format!("message {channel} {why}"),
        Notice::Circle { rules, .. } => format!("circle {}", rules.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_a_minute_with_its_count() {
        let mut notices = Notices::default();
        let at = |seconds: u64| Mono(seconds * 1_000_000_000);
        assert_eq!(notices.due(at(0), "a".into()), Some(0));
        assert_eq!(notices.due(at(1), "a".into()), None);
        assert_eq!(notices.due(at(2), "b".into()), Some(0));
        assert_eq!(notices.due(at(59), "a".into()), None);
        assert_eq!(notices.due(at(60), "a".into()), Some(2));
        assert_eq!(notices.due(at(120), "a".into()), Some(0));
    }
}
