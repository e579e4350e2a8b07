//! The book itself: events in, and what is due of every alert. Whatever is to be told goes by the desk of its receiver.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AlertChange, AlertEnd, Mono, Name, Raised, Severity, Timestamp};

use super::alert::{Alert, Why};
use super::code::code;
use super::config::{BookConfig, ReceiverConfig};
use super::desk::Desk;
use super::event::{AlertEvent, BookOut};
use super::item::Kind;
use super::silence::Silence;
use super::system::Bus;

/// Rule and instance.
pub(super) type Key = (Name, Name);

/// All alerts that are not over, silences, and what waits for each receiver.
#[derive(Debug, Default)]
pub struct Book {
    pub(super) config: BookConfig,
    pub(super) alerts: BTreeMap<Key, Alert>,
    pub(super) silences: Vec<Silence>,
    pub(super) desks: BTreeMap<Name, Desk>,
    pub(super) buses: BTreeMap<Name, Bus>,
    /// The earliest deadline, as of the last step.
    pub(super) next: Option<Mono>,
    pub(super) unsaved: super::saved::Unsaved,
    pub(super) told: u64,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(config: BookConfig) -> Book {
        Book { config, ..Book::default() }
    }

    /// How people want to be told from now on. Nothing is told by that, and nothing twice.
    pub fn take_config(&mut self, now: Timestamp, config: BookConfig) {
        self.config = config;
        self.look_ahead(now);
    }

    /// When [`AlertEvent::Tick`] must come next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.next
    }

    /// Takes one event. The caller has ticked at every deadline up to `now` before.
    pub fn step(&mut self, now: Timestamp, event: AlertEvent<'_>, out: &mut Vec<BookOut>) {
        match event {
            AlertEvent::Pending { rule, instance, raised } => self.pending(now, (rule, instance), raised, out),
            AlertEvent::Began { rule, instance, raised } => self.began(now, (rule, instance), raised, out),
            AlertEvent::Said { rule, instance, summary } => self.said((rule, instance), summary),
            AlertEvent::Ended { rule, instance, how } => self.ended(now, (rule, instance), how, out),
            AlertEvent::Ack { which, by } => {
                let _ = self.acknowledge(now, which, by, out);
            }
            AlertEvent::Silence(wish) => {
                self.silence(now, wish, out);
            }
            AlertEvent::Unsilence(id) => {
                self.unsilence(now, id, out);
            }
            AlertEvent::BusDown(bus) => self.bus_down(now, bus, out),
            AlertEvent::BusUp(bus) => self.bus_up(now, bus, out),
            AlertEvent::System { what, trouble } => self.system(now, what, trouble, out),
            AlertEvent::Tick => self.work_all(now, out),
        }
        self.flush(now, out);
        self.look_ahead(now);
    }

    /// Alerts that will be told anew at `now`: their words are better asked for once more before the tick.
    #[must_use]
    pub fn worded_now(&self, now: Mono) -> Vec<Key> {
        let due = |(key, alert): (&Key, &Alert)| {
            let due = alert.fires && alert.deadline().is_some_and(|at| at <= now) && alert.owed.is_empty();
            due.then(|| key.clone())
        };
        self.alerts.iter().filter_map(due).collect()
    }

    /// Alerts that fire, by rule and instance.
    pub fn firing(&self) -> impl Iterator<Item = &Key> {
        self.alerts.iter().filter(|(_, alert)| alert.fires).map(|(key, _)| key)
    }

    /// How many notes have been handed out.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.told
    }

    fn pending(&mut self, now: Timestamp, (rule, instance): (&Name, &Name), raised: Raised, out: &mut Vec<BookOut>) {
        let key = (rule.clone(), instance.clone());
        // One that fires and is told to be edited waits for what the rule says now.
        if !self.alerts.contains_key(&key) {
            self.alerts.insert(key.clone(), Alert::pending(raised, now.mono));
            self.publish(now, &key, out);
        }
    }

    pub(super) fn began(
        &mut self,
        now: Timestamp,
        (rule, instance): (&Name, &Name),
        raised: Raised,
        out: &mut Vec<BookOut>,
    ) {
        let key = (rule.clone(), instance.clone());
        self.unsaved.alerts.insert(key.clone());
        if let Some(alert) = self.alerts.get_mut(&key).filter(|alert| alert.fires) {
            alert.go_on(now, raised);
            return self.work(now, &key, out);
        }
        let taken = |code: &str| self.alerts.values().any(|alert| *alert.code == *code) || self.waits(code);
        let mut alert = Alert::pending(raised, now.mono);
        alert.code = code(rule, instance, now.utc.0, taken);
        alert.fires = true;
        alert.owed = alert.raised.plan.notify.iter().cloned().collect();
        let told = alert.owed.clone();
        self.alerts.insert(key.clone(), alert);
        self.note_change(now, &key, "firing", &told, None, out);
        self.work(now, &key, out);
        self.publish(now, &key, out);
    }

    /// Whether a code stands in a note that has not gone out.
    fn waits(&self, code: &str) -> bool {
        self.desks.values().flat_map(|desk| &desk.items).any(|item| *item.episode.code == *code)
    }

    fn said(&mut self, (rule, instance): (&Name, &Name), summary: Name) {
        let key = (rule.clone(), instance.clone());
        if let Some(alert) = self.alerts.get_mut(&key).filter(|alert| alert.raised.summary != summary) {
            alert.raised.summary = summary;
            self.unsaved.alerts.insert(key);
        }
    }

    pub(super) fn ended(
        &mut self,
        now: Timestamp,
        (rule, instance): (&Name, &Name),
        how: AlertEnd,
        out: &mut Vec<BookOut>,
    ) {
        let key = (rule.clone(), instance.clone());
        let Some(alert) = self.alerts.get_mut(&key) else { return };
        if alert.fires && how == AlertEnd::Changed && !alert.leaving {
            // The edited rule may go on with it, in the same step.
            alert.leaving = true;
            return;
        }
        let Some(alert) = self.alerts.remove(&key) else { return };
        let state = match how {
            AlertEnd::Until => "resolved",
            _ => "no data",
        };
        let fields = alert.fields(&key, state, now, Some(&Why::Ended(how)));
        out.push(BookOut::Publish { rule: key.0.clone(), fields });
        if !alert.fires {
            return;
        }
        self.unsaved.alerts.insert(key.clone());
        let mut told = BTreeSet::new();
        for receiver in alert.told.union(&alert.audience) {
            self.unsaved.desks.insert(receiver.clone());
            let desk = self.desks.entry(receiver.clone()).or_default();
            let knows = alert.told.contains(receiver);
            desk.put(alert.item(&key, Kind::Ended(how)), knows);
            if knows {
                told.insert(receiver.clone());
            }
        }
        let event = match how {
            AlertEnd::Until => "resolved",
            AlertEnd::Stale => "no data",
            AlertEnd::Changed | AlertEnd::Disabled => "ended",
        };
        out.push(BookOut::Changed(change(now, &key, &alert, event, &told, None)));
    }

    /// Everything that is due.
    pub(super) fn work_all(&mut self, now: Timestamp, out: &mut Vec<BookOut>) {
        self.end_silences(now);
        self.work_buses(now, out);
        let keys: Vec<Key> = self.alerts.keys().cloned().collect();
        for key in keys {
            let Some(alert) = self.alerts.get(&key) else { continue };
            if alert.leaving {
                self.ended(now, (&key.0, &key.1), AlertEnd::Changed, out);
            } else if alert.expires.is_some_and(|at| at <= now.mono) {
                self.ended(now, (&key.0, &key.1), AlertEnd::Stale, out);
            } else {
                self.work(now, &key, out);
                self.publish(now, &key, out);
            }
        }
    }

    /// What is due of one alert, unless it is silent.
    pub(super) fn work(&mut self, now: Timestamp, key: &Key, out: &mut Vec<BookOut>) {
        let silent = self.silent(key, now.mono).is_some();
        let Some(alert) = self.alerts.get_mut(key).filter(|alert| alert.fires && !alert.leaving && !silent) else {
            return;
        };
        if alert.settles.is_some_and(|until| until > now.mono) {
            return;
        }
        alert.settles = None;
        let mut put = Vec::new();
        let mut events = Vec::new();
        if !alert.owed.is_empty() {
            let owed = std::mem::take(&mut alert.owed);
            alert.audience.extend(owed.iter().cloned());
            put.push((owed, Kind::Began));
            if alert.repeats == 0 && alert.next_repeat.is_none() {
                alert.next_repeat = alert.pause(0).map(|pause| now.mono + pause);
            }
        }
        if alert.acknowledged.is_none() {
            if let Some(due) = alert.next_repeat.filter(|due| *due <= now.mono) {
                alert.repeats += 1;
                // Several that were missed are one.
                let pause = alert.pause(alert.repeats);
                alert.next_repeat =
                    pause.map(|pause| if due + pause > now.mono { due + pause } else { now.mono + pause });
                put.push((alert.audience.clone(), Kind::Repeat(alert.repeats)));
                events.push(("repeated", alert.audience.clone()));
            }
            while alert.next_escalation().is_some_and(|at| at <= now.mono) {
                let step: BTreeSet<Name> = alert.raised.plan.escalate[alert.escalated].notify.iter().cloned().collect();
                alert.escalated += 1;
                alert.audience.extend(step.iter().cloned());
                put.push((step.clone(), Kind::Escalated));
                events.push(("escalated", step));
            }
        }
        if put.is_empty() {
            return;
        }
        self.unsaved.alerts.insert(key.clone());
        let alert = alert.clone();
        for (receivers, kind) in put {
            for receiver in receivers {
                let knows = alert.told.contains(&receiver);
                self.desks.entry(receiver).or_default().put(alert.item(key, kind), knows);
            }
        }
        for (event, told) in events {
            self.note_change(now, key, event, &told, None, out);
        }
    }

    /// Lets go what may go.
    fn flush(&mut self, now: Timestamp, out: &mut Vec<BookOut>) {
        let Book { config, desks, alerts, unsaved, told, .. } = self;
        for (receiver, desk) in desks.iter_mut().filter(|(_, desk)| !desk.items.is_empty()) {
            unsaved.desks.insert(receiver.clone());
            for (note, items) in desk.flush(now, (&config.of(receiver), config)) {
                for item in items.iter().filter(|item| item.kind.fires()) {
                    let key = (item.episode.rule.clone(), item.episode.instance.clone());
                    if let Some(alert) = alerts.get_mut(&key).filter(|alert| alert.code == item.episode.code) {
                        alert.told.insert(receiver.clone());
                        unsaved.alerts.insert(key);
                    }
                }
                *told += 1;
                out.push(BookOut::Tell { receiver: receiver.clone(), note });
            }
        }
    }

    /// Says on the bus where an alert is, if that is news.
    pub(super) fn publish(&mut self, now: Timestamp, key: &Key, out: &mut Vec<BookOut>) {
        let why = self.silent(key, now.mono);
        let Some(alert) = self.alerts.get_mut(key) else { return };
        let state = alert.state(why.is_some());
        if alert.said != state {
            alert.said = state;
            let fields = alert.fields(key, state, now, why.as_ref());
            out.push(BookOut::Publish { rule: key.0.clone(), fields });
        }
    }

    pub(super) fn note_change(
        &self,
        now: Timestamp,
        key: &Key,
        event: &'static str,
        told: &BTreeSet<Name>,
        by: Option<&Name>,
        out: &mut Vec<BookOut>,
    ) {
        if let Some(alert) = self.alerts.get(key) {
            out.push(BookOut::Changed(change(now, key, alert, event, told, by)));
        }
    }

    pub(super) fn look_ahead(&mut self, now: Timestamp) {
        let due = |(key, alert): (&Key, &Alert)| {
            let silent = alert.fires && !alert.leaving && self.silent(key, now.mono).is_some();
            if silent { alert.expires } else { alert.deadline() }
        };
        let alerts = self.alerts.iter().filter_map(due);
        let silences = self.silences.iter().map(|silence| silence.until);
        let buses = self.buses.values().filter_map(Bus::deadline);
        let desks = self.desks.iter().filter(|(_, desk)| !desk.items.is_empty());
        let desks = desks.filter_map(|(receiver, desk)| desk.deadline(now, (&self.config.of(receiver), &self.config)));
        self.next = alerts.chain(silences).chain(buses).chain(desks).min();
    }
}

impl BookConfig {
    pub(super) fn of(&self, receiver: &Name) -> ReceiverConfig {
        self.receivers.get(receiver).copied().unwrap_or_default()
    }
}

impl Alert {
    /// It fires already, and goes on: over a restart, or by another plan. Who is new in it is told, who is not in it any
    /// more is told how it ends.
    fn go_on(&mut self, now: Timestamp, raised: Raised) {
        (self.leaving, self.expires) = (false, None);
        let before = std::mem::replace(&mut self.raised, raised);
        let plan = &self.raised.plan;
        let new = plan.notify.iter().filter(|name| !before.plan.notify.contains(name));
        self.owed.extend(new.filter(|name| !self.audience.contains(*name)).cloned());
        self.owed.retain(|name| plan.notify.contains(name) || self.audience.contains(name));
        if before.plan.repeat != plan.repeat {
            self.next_repeat = self.pause(self.repeats).map(|pause| now.mono + pause);
        }
        if before.plan.escalate != plan.escalate {
            let past = plan.escalate.iter().take_while(|step| self.since + step.after <= now.mono).count();
            self.escalated = self.escalated.min(past);
        }
    }
}

pub(super) fn change(
    now: Timestamp,
    (rule, instance): &Key,
    alert: &Alert,
    event: &'static str,
    told: &BTreeSet<Name>,
    by: Option<&Name>,
) -> AlertChange {
    let names: Vec<&str> = told.iter().map(|name| &**name).collect();
    AlertChange {
        at: now.utc,
        rule: rule.clone(),
        instance: instance.clone(),
        severity: alert.raised.plan.severity,
        event,
        summary: alert.raised.summary.clone(),
        told: (!names.is_empty()).then(|| names.join(", ")),
        by: by.cloned(),
    }
}

/// How bad trouble of the engine itself is said to be, at the least.
pub(super) const TROUBLE: Severity = Severity::Warning;

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
