//! What of a device outlives a restart: how long it has been on or off, and what people asked for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::channels::Limits;
use crate::model::{Level, Mono, Name, Requester, Timestamp, Utc};

use super::arbitration::Held;
use super::timing::Timing;

/// What was saved last, to see what has changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    pub(super) timing: Timing,
    pub(super) manual: Vec<Held>,
}

/// The same in civil times, seconds since 1970, as the store keeps it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SavedDevice {
    on: bool,
    since: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    starts: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_until: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) requests: Vec<SavedRequest>,
}

/// A request of a person or of a client.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedRequest {
    source: Source,
    priority: u8,
    level: SavedLevel,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Name>,
    until: f64,
    /// Seconds that it had left when it was saved.
    left: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Person,
    Client,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedLevel {
    Off,
    On,
    At(f64),
}

impl SavedDevice {
    pub(super) fn of(now: Timestamp, kept: &Kept) -> SavedDevice {
        let seconds = |moment: Mono| now.civil(moment).seconds();
        let timing = &kept.timing;
        SavedDevice {
            on: timing.on,
            since: seconds(timing.since),
            starts: timing.starts.iter().copied().map(seconds).collect(),
            locked_until: timing.locked_until.map(seconds),
            requests: kept.manual.iter().filter_map(|held| SavedRequest::of(now, held)).collect(),
        }
    }

    /// Whether by this clock it has not been yet: what is made of it is to be saved in its place.
    pub(super) fn is_ahead_of(&self, now: Timestamp) -> bool {
        let now = now.utc.seconds();
        self.since > now || self.starts.last().is_some_and(|start| *start > now)
    }

    /// The past of the device; it is locked off for no longer than its limits say, whatever the clock has done meanwhile.
    pub(super) fn timing(&self, now: Timestamp, limits: &Limits) -> Timing {
        let moment = |seconds: &f64| now.past(Utc::from_seconds(*seconds));
        let mut timing = Timing::default();
        (timing.on, timing.since, timing.known) = (self.on, moment(&self.since), true);
        timing.starts.extend(self.starts.iter().map(moment));
        timing.locked_until = self.locked_until.zip(limits.max_on).map(|(until, max)| {
            let left = until - now.utc.seconds();
            now.mono + Duration::try_from_secs_f64(left).unwrap_or_default().min(max.lockout)
        });
        timing
    }
}

impl SavedRequest {
    fn of(now: Timestamp, held: &Held) -> Option<SavedRequest> {
        let source = match held.requester {
            Requester::Person => Source::Person,
            Requester::Client => Source::Client,
            Requester::Rule { .. } => return None,
        };
        let level = match held.level {
            Level::Off => SavedLevel::Off,
            Level::On => SavedLevel::On,
            Level::At(number) => SavedLevel::At(number),
        };
        let left = held.end.since(now.mono);
        let until = (now.utc + left).seconds();
        let (priority, reason) = (held.priority, held.reason.clone());
        Some(SavedRequest { source, priority, level, reason, until, left: left.as_secs_f64() })
    }

    /// The request, unless it has ended while nobody was there. Whatever the clock has done meanwhile, it has no more time
    /// left than it had.
    pub(super) fn held(&self, now: Timestamp) -> Option<Held> {
        let left = (self.until - now.utc.seconds()).min(self.left);
        let left = Duration::try_from_secs_f64(left).ok().filter(|left| !left.is_zero())?;
        Some(Held {
            requester: match self.source {
                Source::Person => Requester::Person,
                Source::Client => Requester::Client,
            },
            priority: self.priority.min(100),
            level: match self.level {
                SavedLevel::Off => Level::Off,
                SavedLevel::On => Level::On,
                SavedLevel::At(number) => Level::At(number),
            },
            reason: self.reason.clone(),
            revision: None,
            end: Mono(now.mono.0) + left,
        })
    }
}
