//! What one receiver is to be told of one alert, and how several of that become one note.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{AlertEnd, Mono, Name, Note, Severity, Standing, Timestamp};

/// So many alerts of one note are told with a line each.
const MOST_DETAILS: usize = 20;
/// So many codes are given to answer with.
const MOST_CODES: usize = 6;

/// Which episode of which alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Episode {
    pub(super) rule: Name,
    pub(super) instance: Name,
    pub(super) code: Name,
}

/// Why it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// It has begun.
    Began,
    /// It goes on, and has been said so often before.
    Repeat(u32),
    /// Nobody has acknowledged it.
    Escalated,
    /// It has ended.
    Ended(AlertEnd),
    /// It began and ended while it was held back.
    Passed(AlertEnd),
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) episode: Episode,
    pub(super) kind: Kind,
    pub(super) severity: Severity,
    pub(super) summary: Name,
    pub(super) since: Mono,
}

impl Kind {
    pub(super) fn standing(self) -> Standing {
        match self {
            Kind::Began | Kind::Repeat(_) | Kind::Escalated => Standing::Firing,
            Kind::Ended(AlertEnd::Until) | Kind::Passed(AlertEnd::Until) => Standing::Resolved,
            // It did not get better, as far as anybody knows.
            Kind::Ended(_) | Kind::Passed(_) => Standing::NoData,
        }
    }

    pub(super) fn fires(self) -> bool {
        self.standing() == Standing::Firing
    }
}

impl Item {
    /// An edit is no news that wakes anybody.
    pub(super) fn urgency(&self) -> Severity {
        match self.kind {
            Kind::Ended(AlertEnd::Changed | AlertEnd::Disabled) | Kind::Passed(_) => Severity::Info,
            _ => self.severity,
        }
    }

    fn words(&self) -> String {
        let how = match self.kind {
            Kind::Ended(AlertEnd::Changed) | Kind::Passed(AlertEnd::Changed) => {
                " (its rule was edited, and does not say so any more)"
            }
            Kind::Ended(AlertEnd::Disabled) | Kind::Passed(AlertEnd::Disabled) => {
                " (its rule was deleted or switched off)"
            }
            _ => "",
        };
        let passed = if matches!(self.kind, Kind::Passed(_)) { "came and went: " } else { "" };
        format!("{passed}{}{how}", self.summary)
    }

    fn line(&self, now: Timestamp, zone: &jiff::tz::TimeZone) -> String {
        let since = now.civil(self.since);
        let since = jiff::Timestamp::from_nanosecond(i128::from(since.0)).ok();
        let since = since.map(|since| since.to_zoned(zone.clone()).strftime("%H:%M").to_string()).unwrap_or_default();
        let code = if self.kind.fires() { format!(", {}", self.episode.code) } else { String::new() };
        format!("{} (since {since}{code})", self.words())
    }
}

/// One note of items that all fire, or have all ended alike. The worst comes first.
pub(super) fn note(mut items: Vec<Item>, now: Timestamp, site: &str, zone: &jiff::tz::TimeZone) -> Option<Note> {
    items.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.since.cmp(&b.since)).then(a.episode.cmp(&b.episode)));
    let first = items.first()?;
    let fires = first.kind.fires();
    let same_rule = items.iter().all(|item| item.episode.rule == first.episode.rule);
    let codes: Vec<&str> = items.iter().map(|item| &*item.episode.code).collect();
    let ack = match codes.len() {
        _ if !fires => String::new(),
        ..=MOST_CODES => codes.join(" "),
        _ if same_rule => first.episode.rule.to_string(),
        _ => String::new(),
    };
    let repeats = items.iter().map(|item| if let Kind::Repeat(n) = item.kind { n } else { 0 }).max();
    let mut details = Vec::new();
    let mut summary = first.words();
    if items.len() > 1 {
        summary = format!("{} alerts: {summary} and {} more", items.len(), items.len() - 1);
        details.extend(items.iter().take(MOST_DETAILS).map(|item| item.line(now, zone)));
        if items.len() > MOST_DETAILS {
            details.push(format!("and {} more", items.len() - MOST_DETAILS));
        }
    }
    Some(Note {
        severity: items.iter().map(Item::urgency).max().unwrap_or_default(),
        standing: first.kind.standing(),
        summary,
        details,
        rule: if same_rule { first.episode.rule.clone() } else { Arc::from("") },
        site: site.to_owned(),
        since: now.civil(items.iter().map(|item| item.since).min().unwrap_or_default()).seconds(),
        count: items.len() as u32,
        repeats: repeats.unwrap_or(0),
        escalated: items.iter().any(|item| item.kind == Kind::Escalated),
        ack,
    })
}
