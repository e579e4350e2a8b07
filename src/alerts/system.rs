//! Alerts of growctl itself: a bus that is down, a device at fault, a dead letter, a store that keeps nothing. A bus that is
//! down hides what its nodes do not say.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::{About, AlertEnd, AlertPlan, Mono, Name, Raised, Severity, Timestamp};

use super::book::{Book, Key, TROUBLE};
use super::event::{BookOut, SYSTEM};

/// A bus is down for so long before anybody is told, and nodes may speak again for so long after it.
const GRACE: Duration = Duration::from_secs(30);
/// When trouble is said again.
const REPEAT: [Duration; 3] =
    [Duration::from_secs(3600), Duration::from_secs(4 * 3600), Duration::from_secs(24 * 3600)];

/// A bus that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bus {
    /// Down since; nobody has been told.
    Down(Mono),
    /// Its alert has been raised.
    Told,
    /// Up again; until then its nodes may begin to speak.
    Wakes(Mono),
}

impl Bus {
    pub(super) fn deadline(&self) -> Option<Mono> {
        match self {
            Bus::Down(since) => Some(*since + GRACE),
            Bus::Told => None,
            Bus::Wakes(until) => Some(*until),
        }
    }
}

impl Book {
    pub(super) fn bus_down(&mut self, now: Timestamp, bus: &Name, out: &mut Vec<BookOut>) {
        let known = self.alerts.contains_key(&(SYSTEM.into(), format!("bus {bus}").into()));
        let state = match self.buses.get(bus) {
            Some(Bus::Down(_) | Bus::Told) => return,
            _ if known => Bus::Told,
            _ => Bus::Down(now.mono),
        };
        self.buses.insert(bus.clone(), state);
        let hidden: Vec<Key> =
            self.alerts.iter().filter(|(_, a)| self.hides(&a.raised).is_some()).map(|(key, _)| key.clone()).collect();
        for key in hidden {
            self.fall_silent(&key);
            self.publish(now, &key, out);
        }
        if known {
            // Over a restart: it goes on.
            self.trouble_of(now, bus, out);
        }
    }

    pub(super) fn bus_up(&mut self, now: Timestamp, bus: &Name, out: &mut Vec<BookOut>) {
        let what = Name::from(format!("bus {bus}"));
        self.ended(now, (&SYSTEM.into(), &what), AlertEnd::Until, out);
        if let Some(state) = self.buses.get_mut(bus).filter(|state| !matches!(state, Bus::Wakes(_))) {
            *state = Bus::Wakes(now.mono + GRACE);
        }
    }

    pub(super) fn work_buses(&mut self, now: Timestamp, out: &mut Vec<BookOut>) {
        let due: Vec<(Name, Bus)> = self
            .buses
            .iter()
            .filter(|(_, bus)| bus.deadline().is_some_and(|at| at <= now.mono))
            .map(|(name, bus)| (name.clone(), *bus))
            .collect();
        for (bus, state) in due {
            if let Bus::Wakes(_) = state {
                self.buses.remove(&bus);
            } else {
                self.buses.insert(bus.clone(), Bus::Told);
                self.trouble_of(now, &bus, out);
            }
        }
    }

    fn trouble_of(&mut self, now: Timestamp, bus: &Name, out: &mut Vec<BookOut>) {
        let hidden = self.alerts.values().filter(|alert| self.hides(&alert.raised) == Some(bus)).count();
        let mut summary = format!("bus {bus} is down: nothing is heard on it, and no device on it obeys");
        if hidden > 0 {
            summary += &format!(" ({hidden} alerts of silent nodes are held back)");
        }
        let what = Name::from(format!("bus {bus}"));
        self.system(now, &what, Some((Severity::Critical, summary.into())), out);
    }

    pub(super) fn system(
        &mut self,
        now: Timestamp,
        what: &Name,
        trouble: Option<(Severity, Name)>,
        out: &mut Vec<BookOut>,
    ) {
        let rule = Name::from(SYSTEM);
        let Some((severity, summary)) = trouble else { return self.ended(now, (&rule, what), AlertEnd::Until, out) };
        let notify: BTreeSet<Name> = self.config.system.iter().cloned().collect();
        let plan = AlertPlan {
            severity: severity.max(TROUBLE),
            notify: notify.into_iter().collect(),
            repeat: REPEAT.into(),
            ..AlertPlan::default()
        };
        let mut about = About::default();
        if let Some((room, device)) = what.strip_prefix("device ").and_then(|device| device.split_once('/')) {
            (about.room, about.node) = (room.into(), device.into());
        }
        if let Some(bus) = what.strip_prefix("bus ") {
            about.bus = bus.into();
        }
        let raised = Raised { plan, summary, about, ..Raised::default() };
        self.began(now, (&rule, what), raised, out);
        let key = (rule, what.clone());
        self.publish(now, &key, out);
    }

    /// The bus that explains an alert.
    pub(super) fn hides(&self, raised: &Raised) -> Option<&Name> {
        self.buses.get_key_value(&raised.about.bus).map(|(bus, _)| bus).filter(|_| raised.of_silence)
    }
}
