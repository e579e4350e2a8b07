//! What the book remembers over a restart, in civil times: alerts that fire, silences, and what waits for receivers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AlertEnd, Mono, Name, Raised, Saved, Severity, Shelf, Timestamp, Utc};

use super::alert::Alert;
use super::book::{Book, Key};
use super::desk::{Desk, Window};
use super::event::SYSTEM;
use super::item::{Episode, Item, Kind};
use super::silence::{Matchers, Silence};

/// After a restart nothing that was due is said before the rules know how things are.
pub(super) const SETTLE: Duration = Duration::from_secs(30);
/// What growctl said of itself is over, unless it says so again within this.
const EXPIRES: Duration = Duration::from_secs(600);
/// The row of the silences, and how rows of receivers begin; their rule is empty.
const SILENCES: &str = "silences";
const RECEIVER: &str = "receiver:";
/// The civil clock was set, if it differs by more than this from what the monotonic one lets expect.
const SET: u64 = 1_000_000_000;

/// What has changed since it was written down.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    pub(super) alerts: BTreeSet<Key>,
    pub(super) desks: BTreeSet<Name>,
    pub(super) silences: bool,
    /// Civil minus monotonic time when rows were written last.
    offset: Option<i64>,
}

impl Unsaved {
    pub(super) fn all_desks(&mut self, desks: &BTreeMap<Name, Desk>) {
        self.desks.extend(desks.keys().cloned());
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct SavedAlert {
    raised: Raised,
    code: Name,
    since: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<(Name, f64)>,
    owed: BTreeSet<Name>,
    audience: BTreeSet<Name>,
    told: BTreeSet<Name>,
    repeats: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_repeat: Option<Ahead>,
    escalated: usize,
}

/// A moment to come; whatever the clock has done meanwhile, it is no farther away than it was.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Ahead {
    at: f64,
    left: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedSilence {
    id: Name,
    matchers: Matchers,
    until: Ahead,
    by: Name,
    reason: Name,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct SavedDesk {
    items: Vec<SavedItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    firing: Option<(Ahead, Severity)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<(Ahead, Severity)>,
    sent: Vec<(f64, bool)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedItem {
    episode: Episode,
    kind: Kind,
    severity: Severity,
    summary: Name,
    since: f64,
}

impl Ahead {
    fn of(now: Timestamp, moment: Mono) -> Ahead {
        Ahead { at: now.civil(moment).seconds(), left: moment.since(now.mono).as_secs_f64() }
    }

    fn moment(self, now: Timestamp) -> Mono {
        let left = (self.at - now.utc.seconds()).min(self.left);
        now.mono + Duration::try_from_secs_f64(left).unwrap_or_default()
    }
}

impl Book {
    /// Hands over what is to be kept and has changed since the last call.
    pub fn drain_saved(&mut self, now: Timestamp, into: &mut Vec<Saved>) {
        let offset = now.utc.0.saturating_sub_unsigned(now.mono.0);
        if self.unsaved.offset.replace(offset).is_some_and(|before| before.abs_diff(offset) > SET) {
            // What was written goes by a clock that nobody has any more.
            self.unsaved.alerts.extend(self.alerts.keys().cloned());
            self.unsaved.all_desks(&self.desks);
            self.unsaved.silences = !self.silences.is_empty();
        }
        for key in std::mem::take(&mut self.unsaved.alerts) {
            let alert = self.alerts.get(&key).filter(|alert| alert.fires);
            let value = alert.and_then(|alert| serde_json::to_string(&SavedAlert::of(now, alert)).ok());
            into.push(Saved { shelf: Shelf::Alerts, key, value });
        }
        for name in std::mem::take(&mut self.unsaved.desks) {
            let desk = self.desks.get(&name).filter(|desk| **desk != Desk::default());
            let value = desk.and_then(|desk| serde_json::to_string(&SavedDesk::of(now, desk)).ok());
            let key = (Name::from(""), format!("{RECEIVER}{name}").into());
            into.push(Saved { shelf: Shelf::Alerts, key, value });
        }
        if std::mem::take(&mut self.unsaved.silences) {
            let silences: Vec<SavedSilence> = self.silences.iter().map(|one| SavedSilence::of(now, one)).collect();
            let value = serde_json::to_string(&silences).ok().filter(|_| !silences.is_empty());
            into.push(Saved { shelf: Shelf::Alerts, key: (Name::from(""), SILENCES.into()), value });
        }
    }

    /// Takes up what was kept, before the first event. Nothing is told by that. Gives what cannot be read, in words.
    pub fn restore(&mut self, now: Timestamp, rows: &[Saved]) -> Vec<String> {
        let mut unread = Vec::new();
        for Saved { key, value, .. } in rows.iter().filter(|row| row.shelf == Shelf::Alerts) {
            let Some(text) = value else { continue };
            if let Err(error) = self.take_up(now, key, text) {
                unread.push(format!("what was kept of alert {}/{} cannot be read: {error}", key.0, key.1));
                self.unsaved.alerts.insert(key.clone());
            }
        }
        self.look_ahead(now);
        unread
    }

    fn take_up(&mut self, now: Timestamp, key: &Key, text: &str) -> Result<(), serde_json::Error> {
        if !key.0.is_empty() {
            let saved: SavedAlert = serde_json::from_str(text)?;
            let mut alert = saved.alert(now);
            alert.expires = (*key.0 == *SYSTEM).then(|| now.mono + EXPIRES);
            self.alerts.insert(key.clone(), alert);
        } else if let Some(receiver) = key.1.strip_prefix(RECEIVER) {
            let saved: SavedDesk = serde_json::from_str(text)?;
            self.desks.insert(receiver.into(), saved.desk(now));
        } else {
            let saved: Vec<SavedSilence> = serde_json::from_str(text)?;
            self.silences.extend(saved.into_iter().map(|one| one.silence(now)));
        }
        Ok(())
    }

    /// After a restart: alerts of rules that do not say so any more end.
    pub fn end_unless(&mut self, now: Timestamp, lasts: impl Fn(&Key) -> bool, out: &mut Vec<super::BookOut>) {
        let over: Vec<Key> = self.firing().filter(|key| *key.0 != *SYSTEM && !lasts(key)).cloned().collect();
        for (rule, instance) in over {
            self.step(now, super::AlertEvent::Ended { rule: &rule, instance: &instance, how: AlertEnd::Disabled }, out);
        }
    }
}

impl SavedAlert {
    fn of(now: Timestamp, alert: &Alert) -> SavedAlert {
        let seconds = |at: Mono| now.civil(at).seconds();
        SavedAlert {
            raised: alert.raised.clone(),
            code: alert.code.clone(),
            since: seconds(alert.since),
            acknowledged: alert.acknowledged.as_ref().map(|(by, at)| (by.clone(), seconds(*at))),
            owed: alert.owed.clone(),
            audience: alert.audience.clone(),
            told: alert.told.clone(),
            repeats: alert.repeats,
            next_repeat: alert.next_repeat.map(|at| Ahead::of(now, at)),
            escalated: alert.escalated,
        }
    }

    fn alert(self, now: Timestamp) -> Alert {
        let moment = |seconds: f64| now.past(Utc::from_seconds(seconds));
        let mut alert = Alert::pending(self.raised, moment(self.since));
        (alert.fires, alert.code, alert.said) = (true, self.code, "");
        alert.acknowledged = self.acknowledged.map(|(by, at)| (by, moment(at)));
        (alert.owed, alert.audience, alert.told) = (self.owed, self.audience, self.told);
        alert.repeats = self.repeats;
        alert.next_repeat = self.next_repeat.map(|at| at.moment(now).max(now.mono + SETTLE));
        alert.escalated = self.escalated;
        alert.settles = Some(now.mono + SETTLE);
        alert
    }
}

impl SavedSilence {
    fn of(now: Timestamp, silence: &Silence) -> SavedSilence {
        let Silence { id, matchers, until, by, reason } = silence.clone();
        SavedSilence { id, matchers, until: Ahead::of(now, until), by, reason }
    }

    fn silence(self, now: Timestamp) -> Silence {
        let SavedSilence { id, matchers, until, by, reason } = self;
        Silence { id, matchers, until: until.moment(now), by, reason }
    }
}

impl SavedDesk {
    fn of(now: Timestamp, desk: &Desk) -> SavedDesk {
        let seconds = |at: Mono| now.civil(at).seconds();
        let window = |window: Option<Window>| {
            let window = window.filter(|window| window.until > now.mono)?;
            Some((Ahead::of(now, window.until), window.severity))
        };
        let item = |item: &Item| {
            let Item { episode, kind, severity, summary, since } = item.clone();
            SavedItem { episode, kind, severity, summary, since: seconds(since) }
        };
        SavedDesk {
            items: desk.items.iter().map(item).collect(),
            firing: window(desk.firing),
            ended: window(desk.ended),
            sent: desk.sent.iter().map(|(at, critical)| (seconds(*at), *critical)).collect(),
        }
    }

    fn desk(self, now: Timestamp) -> Desk {
        let moment = |seconds: f64| now.past(Utc::from_seconds(seconds));
        let window = |window: Option<(Ahead, Severity)>| {
            window.map(|(until, severity)| Window { until: until.moment(now), severity })
        };
        let item = |item: SavedItem| {
            let SavedItem { episode, kind, severity, summary, since } = item;
            Item { episode, kind, severity, summary, since: moment(since) }
        };
        Desk {
            items: self.items.into_iter().map(item).collect(),
            firing: window(self.firing),
            ended: window(self.ended),
            sent: self.sent.into_iter().map(|(at, critical)| (moment(at), critical)).collect(),
        }
    }
}
