//! What the tests of the book share.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{AlertEnd, AlertPlan, Escalation, Mono, Name, Note, Raised, Saved, Severity, Timestamp, Utc};

use super::{AlertEvent, Book, BookConfig, BookOut, Matchers, SilenceWish};

/// 2026-01-01T12:00:00Z.
const NOON: i64 = 1_767_268_800;

pub(super) fn at(seconds: u64) -> Timestamp {
    let utc = Utc((NOON + i64::try_from(seconds).unwrap()) * 1_000_000_000);
    Timestamp { mono: Mono::START + Duration::from_secs(seconds), utc }
}

/// A plan in minutes.
pub(super) fn plan(severity: Severity, notify: &[&str], repeat: &[u64], escalate: &[(u64, &str)]) -> AlertPlan {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let step = |(after, who): &(u64, &str)| Escalation { after: minutes(*after), notify: [Name::from(*who)].into() };
    AlertPlan {
        severity,
        notify: notify.iter().map(|name| Name::from(*name)).collect(),
        repeat: repeat.iter().map(|pause| minutes(*pause)).collect(),
        escalate: escalate.iter().map(step).collect(),
    }
}

/// A book on a virtual clock, with its store.
pub(super) struct Desk {
    pub(super) book: Book,
    pub(super) config: BookConfig,
    pub(super) now: u64,
    /// Seconds and receiver of each note.
    pub(super) told: Vec<(u64, String, Note)>,
    pub(super) states: Vec<String>,
    store: BTreeMap<(Name, Name), String>,
}

impl Desk {
    pub(super) fn new(config: BookConfig) -> Desk {
        let book = Book::new(config.clone());
        Desk { book, config, now: 0, told: Vec::new(), states: Vec::new(), store: BTreeMap::new() }
    }

    pub(super) fn step(&mut self, event: AlertEvent<'_>) {
        let mut out = Vec::new();
        self.book.step(at(self.now), event, &mut out);
        self.take(out);
    }

    pub(super) fn take(&mut self, out: Vec<BookOut>) {
        for one in out {
            match one {
                BookOut::Tell { receiver, note } => self.told.push((self.now, receiver.to_string(), note)),
                BookOut::Publish { rule, fields } => {
                    self.states.push(format!("{rule} {}", fields.get("state").unwrap().as_text().unwrap()));
                }
                BookOut::Changed(_) => {}
            }
        }
        let mut saved = Vec::new();
        self.book.drain_saved(at(self.now), &mut saved);
        for Saved { key, value, .. } in saved {
            match value {
                Some(value) => self.store.insert(key, value),
                None => self.store.remove(&key),
            };
        }
    }

    /// Time passes, through every deadline.
    pub(super) fn until(&mut self, seconds: u64) {
        while let Some(due) = self.book.next_deadline() {
            // Whole seconds: the ceiling is never too early.
            let due = due.since(Mono::START).as_secs_f64().ceil() as u64;
            if due > seconds {
                break;
            }
            self.now = self.now.max(due);
            self.step(AlertEvent::Tick);
        }
        self.now = seconds;
    }

    pub(super) fn begin(&mut self, rule: &str, instance: &str, plan: &AlertPlan) {
        let mut raised =
            Raised { plan: plan.clone(), summary: format!("{rule} {instance}").into(), ..Raised::default() };
        raised.about.bus = "can0".into();
        raised.of_silence = rule.starts_with("dead");
        self.step(AlertEvent::Began { rule: &rule.into(), instance: &instance.into(), raised });
    }

    pub(super) fn end(&mut self, rule: &str, instance: &str, how: AlertEnd) {
        self.step(AlertEvent::Ended { rule: &rule.into(), instance: &instance.into(), how });
    }

    pub(super) fn silence(&mut self, matcher: &str, seconds: u64) {
        let matchers = Matchers::parse(&[matcher.to_owned()]).unwrap();
        let span = Duration::from_secs(seconds);
        self.step(AlertEvent::Silence(SilenceWish { matchers, span, by: "anna".into(), reason: "".into() }));
    }

    /// Killed, and back after so long.
    pub(super) fn restart(&mut self, seconds: u64) {
        self.now += seconds;
        self.book = Book::new(self.config.clone());
        let row = |(key, value): (&(Name, Name), &String)| Saved {
            shelf: crate::model::Shelf::Alerts,
            key: key.clone(),
            value: Some(value.clone()),
        };
        let rows: Vec<Saved> = self.store.iter().map(row).collect();
        assert_eq!(self.book.restore(at(self.now), &rows), Vec::<String>::new());
    }

    /// `12 boss firing ×1 heat C1`, and what is said since the last call.
    pub(super) fn said(&mut self) -> Vec<String> {
        let line = |(at, receiver, note): (u64, String, Note)| {
            let standing = serde_json::to_value(note.standing).unwrap().as_str().unwrap().to_owned();
            let more = if note.escalated { " escalated" } else { "" };
            format!("{at} {receiver} {standing}{more} ×{} {}", note.count, note.summary)
        };
        self.told.drain(..).map(line).collect()
    }
}
