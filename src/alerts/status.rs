//! How the book stands, for people.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{About, Name, Severity, Timestamp};

use super::alert::Why;
use super::book::Book;
use super::desk::Held;

/// All of it. Moments are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BookStatus {
    /// What is not over, the worst first.
    pub alerts: Vec<AlertStatus>,
    /// What nobody wants to hear of.
    pub silences: Vec<SilenceStatus>,
    /// Receivers for whom something waits.
    pub waiting: Vec<DeskStatus>,
    /// Notes handed out since the start.
    pub told: u64,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertStatus {
    /// By which it is acknowledged; empty while it is pending.
    pub code: Name,
    /// The rule.
    pub rule: Name,
    /// Key of the instance.
    pub instance: Name,
    /// How bad it is.
    pub severity: Severity,
    /// pending, firing, acknowledged, silenced.
    pub state: &'static str,
    /// In one line.
    pub summary: Name,
    /// What it is about.
    pub about: About,
    /// The rule's.
    pub labels: BTreeMap<String, String>,
    /// Since when.
    pub since: f64,
    /// Who has been told.
    pub told: BTreeSet<Name>,
    /// Who is meant to be told so far, and has not been.
    pub waits_for: BTreeSet<Name>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<Name>,
    /// And when.
    pub acknowledged_at: Option<f64>,
    /// How often it has been said again.
    pub repeats: u32,
    /// When it is said again, if nobody acknowledges.
    pub next_repeat: Option<f64>,
    /// When others are told, if nobody acknowledges.
    pub next_escalation: Option<f64>,
    /// Who they are.
    pub escalates_to: Vec<Name>,
    /// Why nothing is told of it.
    pub silenced: Option<String>,
}

/// One silence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SilenceStatus {
    /// By which it is ended.
    pub id: Name,
    /// Of what.
    pub matchers: BTreeMap<String, String>,
    /// Until when.
    pub until: f64,
    /// Who said so.
    pub by: Name,
    /// Why.
    pub reason: Name,
    /// How many alerts fire that it silences.
    pub silences: usize,
}

/// What waits for one receiver.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeskStatus {
    /// Who.
    pub receiver: Name,
    /// Told with others within 30 s.
    pub gathered: usize,
    /// Held back by quiet hours.
    pub quiet: usize,
    /// Held back because the hour has had its notes.
    pub rate: usize,
}

impl Book {
    /// How it stands.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> BookStatus {
        let mut alerts: Vec<AlertStatus> = self.alerts.keys().filter_map(|key| self.alert_status(now, key)).collect();
        alerts.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.since.total_cmp(&b.since)));
        let silences = self.silences.iter().map(|silence| {
            let is = |((rule, instance), alert): &(&(Name, Name), &super::alert::Alert)| {
                alert.fires && silence.matchers.matches(rule, instance, &alert.raised)
            };
            SilenceStatus {
                id: silence.id.clone(),
                matchers: silence.matchers.0.clone(),
                until: now.civil(silence.until).seconds(),
                by: silence.by.clone(),
                reason: silence.reason.clone(),
                silences: self.alerts.iter().filter(is).count(),
            }
        });
        let silences = silences.collect();
        let waiting = self.desks.iter().filter(|(_, desk)| !desk.items.is_empty()).map(|(receiver, desk)| {
            let config = self.config.of(receiver);
            let of = |why| desk.held(now, (&config, &self.config)).filter(|(_, held)| *held == Some(why)).count();
            let receiver = receiver.clone();
            DeskStatus { receiver, gathered: of(Held::Storm), quiet: of(Held::Quiet), rate: of(Held::Rate) }
        });
        BookStatus { alerts, silences, waiting: waiting.collect(), told: self.told }
    }

    fn alert_status(&self, now: Timestamp, key: &(Name, Name)) -> Option<AlertStatus> {
        let alert = self.alerts.get(key)?;
        let why = self.silent(key, now.mono);
        let waits = self
            .desks
            .iter()
            .filter(|(_, desk)| desk.items.iter().any(|item| item.kind.fires() && item.episode == alert.episode(key)));
        let waits = waits.map(|(receiver, _)| receiver).chain(&alert.owed).filter(|name| !alert.told.contains(*name));
        let open = alert.fires && alert.acknowledged.is_none();
        let step = alert.raised.plan.escalate.get(alert.escalated).filter(|_| open);
        Some(AlertStatus {
            code: alert.code.clone(),
            rule: key.0.clone(),
            instance: key.1.clone(),
            severity: alert.raised.plan.severity,
            state: alert.state(why.is_some()),
            summary: alert.raised.summary.clone(),
            about: alert.raised.about.clone(),
            labels: alert.raised.labels.iter().cloned().collect(),
            since: now.civil(alert.since).seconds(),
            told: alert.told.clone(),
            waits_for: waits.cloned().collect(),
            acknowledged_by: alert.acknowledged.as_ref().map(|(by, _)| by.clone()),
            acknowledged_at: alert.acknowledged.as_ref().map(|(_, at)| now.civil(*at).seconds()),
            repeats: alert.repeats,
            next_repeat: alert.next_repeat.filter(|_| open).map(|at| now.civil(at).seconds()),
            next_escalation: alert.next_escalation().filter(|_| open).map(|at| now.civil(at).seconds()),
            escalates_to: step.map(|step| step.notify.to_vec()).unwrap_or_default(),
            silenced: why.map(|why| match why {
                Why::Silence { by, reason, .. } if reason.is_empty() => format!("by {by}"),
                Why::Silence { by, reason, .. } => format!("by {by}: {reason}"),
                Why::Bus(bus) => format!("bus {bus} is down"),
                Why::Ended(how) => how.to_string(),
            }),
        })
    }
}
