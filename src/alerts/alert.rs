//! One alert: whom it is for, who has been told, and what is due of it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::{AlertEnd, Fields, Mono, Name, Raised, Timestamp, Value};

use super::item::{Episode, Item, Kind};

/// An alert that is not over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alert {
    pub(super) raised: Raised,
    /// Of no meaning while it is pending.
    pub(super) code: Name,
    pub(super) fires: bool,
    /// It is pending, or fires, since then.
    pub(super) since: Mono,
    pub(super) acknowledged: Option<(Name, Mono)>,
    /// Who is to be told that it has begun.
    pub(super) owed: BTreeSet<Name>,
    /// Who was meant to be told so far, and has been or will be.
    pub(super) audience: BTreeSet<Name>,
    /// Who has been told.
    pub(super) told: BTreeSet<Name>,
    pub(super) repeats: u32,
    pub(super) next_repeat: Option<Mono>,
    /// So many steps of `escalate` are done.
    pub(super) escalated: usize,
    /// Its rule was edited in this step; it goes on if the rule as it is says so.
    pub(super) leaving: bool,
    /// Of growctl itself, from before a restart: over at this moment, unless it is raised again.
    pub(super) expires: Option<Mono>,
    /// Before this nothing that was due is said: the rules do not know yet how things are.
    pub(super) settles: Option<Mono>,
    /// What was published last.
    pub(super) said: &'static str,
}

impl Alert {
    pub(super) fn pending(raised: Raised, since: Mono) -> Alert {
        Alert {
            raised,
            code: Name::from(""),
            fires: false,
            since,
            acknowledged: None,
            owed: BTreeSet::new(),
            audience: BTreeSet::new(),
            told: BTreeSet::new(),
            repeats: 0,
            next_repeat: None,
            escalated: 0,
            leaving: false,
            expires: None,
            settles: None,
            said: "",
        }
    }

    pub(super) fn episode(&self, key: &(Name, Name)) -> Episode {
        Episode { rule: key.0.clone(), instance: key.1.clone(), code: self.code.clone() }
    }

    pub(super) fn item(&self, key: &(Name, Name), kind: Kind) -> Item {
        Item {
            episode: self.episode(key),
            kind,
            severity: self.raised.plan.severity,
            summary: self.raised.summary.clone(),
            since: self.since,
        }
    }

    /// The pause before repetition number `nth`, from 0.
    pub(super) fn pause(&self, nth: u32) -> Option<Duration> {
        let pauses = &self.raised.plan.repeat;
        pauses.get(nth as usize).or(pauses.last()).copied()
    }

    /// When the next step of `escalate` is due.
    pub(super) fn next_escalation(&self) -> Option<Mono> {
        self.raised.plan.escalate.get(self.escalated).map(|step| self.since + step.after)
    }

    /// When something of it is due, if nothing silences it.
    pub(super) fn deadline(&self) -> Option<Mono> {
        let leaves = self.leaving.then_some(Mono(0));
        let waits = [self.next_repeat, self.next_escalation()].into_iter().filter(|_| self.acknowledged.is_none());
        let owed = (!self.owed.is_empty()).then_some(self.since);
        let due = waits.chain([owed]).flatten().filter(|_| self.fires).min();
        let due = due.map(|due| self.settles.map_or(due, |settles| due.max(settles)));
        [leaves, self.expires, due].into_iter().flatten().min()
    }

    /// Where it is in its life.
    pub(super) fn state(&self, silent: bool) -> &'static str {
        match () {
            () if !self.fires => "pending",
            () if silent => "silenced",
            () if self.acknowledged.is_some() => "acknowledged",
            () => "firing",
        }
    }

    /// The message of `alert:update`.
    pub(super) fn fields(&self, key: &(Name, Name), state: &'static str, now: Timestamp, why: Option<&Why>) -> Fields {
        let text = |text: &Name| if text.is_empty() { Value::Null } else { Value::Text(text.clone()) };
        let about = &self.raised.about;
        let by = self.acknowledged.as_ref().map_or(Value::Null, |(by, _)| Value::Text(by.clone()));
        let mut fields = vec![
            ("rule", Value::Text(key.0.clone())),
            ("instance", Value::Text(key.1.clone())),
            ("severity", self.raised.plan.severity.name().into()),
            ("state", state.into()),
            ("summary", Value::Text(self.raised.summary.clone())),
            ("code", text(&self.code)),
            ("since", Value::Number(now.civil(self.since).seconds())),
            ("room", text(&about.room)),
            ("cluster", text(&about.cluster)),
            ("node", text(&about.node)),
            ("acknowledged_by", by),
        ];
        match why {
            Some(Why::Silence { until, by, reason }) => {
                fields.push(("until", Value::Number(now.civil(*until).seconds())));
                fields.push(("silenced_by", text(by)));
                fields.push(("reason", text(reason)));
            }
            Some(Why::Bus(bus)) => fields.push(("reason", Value::text(&format!("{bus} is down")))),
            Some(Why::Ended(how)) if *how != AlertEnd::Until => fields.push(("reason", Value::text(&how.to_string()))),
            _ => {}
        }
        fields.into_iter().map(|(name, value)| (Name::from(name), value)).collect()
    }
}

/// Why an alert is silent, or over.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Why {
    Silence { until: Mono, by: Name, reason: Name },
    Bus(Name),
    Ended(AlertEnd),
}
