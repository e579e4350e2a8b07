//! What the Guard says about itself: the account of its requests and frames, and each device as `status` shows it.

use serde::Serialize;

use crate::model::{Level, Mono, Name, Requester, Timestamp, Value};

use super::arbitration::Held;
use super::device::Switched;
use super::update::civil;

/// The account of the Guard. `received = accepted + unknown_device + malformed + not_possible + not_allowed +
/// stopping`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GuardCounts {
    /// Requests of rules, and commands of clients.
    pub received: u64,
    /// Those that hold, or released, what they asked for.
    pub accepted: u64,
    /// Refused: the map has no such device.
    pub unknown_device: u64,
    /// Refused: no well-formed command.
    pub malformed: u64,
    /// Refused: a level that the device's signal cannot say.
    pub not_possible: u64,
    /// Refused: the settings do not let clients command this device.
    pub not_allowed: u64,
    /// Refused: the engine is stopping.
    pub stopping: u64,
    /// Accepted, with the level clamped to the range.
    pub clamped: u64,
    /// Requests that ended with a release.
    pub released: u64,
    /// Requests that ended with their lease.
    pub expired: u64,
    /// Frames sent because they changed, at the start or at the stop.
    pub sent: u64,
    /// Frames sent once more.
    pub repeated: u64,
    /// Frames sent once more because a device did not follow.
    pub retried: u64,
    /// Devices that came to be at fault.
    pub faults: u64,
    /// Messages about devices.
    pub updates: u64,
}

impl GuardCounts {
    /// All that were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.unknown_device + self.malformed + self.not_possible + self.not_allowed + self.stopping
    }
}

/// One device as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceStatus {
    /// Name of the room.
    pub room: String,
    /// Name of the device.
    pub device: String,
    /// `fan`, `valve` and so on.
    pub kind: String,
    /// What its feedback says; without feedback what it was told. `null`: not known.
    pub state: Value,
    /// Why there is no state, where there is a reason.
    pub quality: Option<String>,
    /// The level asked for; `null` where nobody asks and it keeps what it has.
    pub wanted: Value,
    /// Who asks, or `safe`.
    pub source: String,
    /// Why, in the requester's words.
    pub reason: Option<String>,
    /// When the request in force ends by itself, in seconds since 1970 UTC.
    pub until: Option<f64>,
    /// All requests, in the order in which the requesters came.
    pub requests: Vec<RequestStatus>,
    /// The limit that keeps it from what is asked for, or why its frame is not being sent.
    pub held_back: Option<String>,
    /// When that ends by itself, in seconds since 1970 UTC.
    pub held_back_until: Option<f64>,
    /// Why it is at its safe state whatever is asked for: it does not follow, or has no effect.
    pub fault: Option<String>,
    /// When it is tried again after that, in seconds since 1970 UTC.
    pub fault_until: Option<f64>,
    /// The node itself has no watchdog: after a crash it stays as it is.
    pub no_watchdog: bool,
    /// So many seconds after the last command its node goes to safe by itself; `null`: it has no watchdog.
    pub watchdog: Option<f64>,
}

impl DeviceStatus {
    pub(super) fn of(now: Timestamp, device: &Switched, held_back: Option<String>) -> DeviceStatus {
        let word = device.word();
        let (state, why) = device.state();
        DeviceStatus {
            room: device.spec.key.room.to_string(),
            device: device.spec.key.device.to_string(),
            kind: device.spec.kind.to_string(),
            state,
            quality: why.map(|why| why.to_string()),
            wanted: word.wanted,
            source: word.source.to_string(),
            reason: word.reason.as_deref().map(str::to_owned),
            until: device.until().map(|end| civil(now, end)),
            requests: device.held().map(|(held, level)| RequestStatus::of(now, held, level)).collect(),
            held_back: held_back.or(word.held_back.as_deref().map(str::to_owned)),
            held_back_until: device.held_back_until().map(|until| civil(now, until)),
            fault: word.fault.as_deref().map(str::to_owned),
            fault_until: device.fault.as_ref().map(|fault| civil(now, fault.until)),
            no_watchdog: device.spec.watchdog.is_none(),
            watchdog: device.spec.watchdog.map(|watchdog| watchdog.as_secs_f64()),
        }
    }
}

/// What came of a person's word.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersonsWord {
    /// The moment, in seconds since 1970 UTC.
    pub now: f64,
    /// The device as it stands now.
    #[serde(flatten)]
    pub device: DeviceStatus,
    /// Of a request: the number asked for, where the range did not allow it.
    pub limited_from: Option<f64>,
    /// Of a request: the fault that it ended.
    pub forgiven: Option<Name>,
    /// Of a release: whether there was a request to end.
    pub released: bool,
}

/// Why a person's word changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonRefused {
    /// There is no such device, or it cannot be so.
    Wrong(String),
    /// The engine takes no requests any more.
    Stopping(String),
}

/// One request on a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestStatus {
    /// Who asks.
    pub source: String,
    /// 0 to 100.
    pub priority: u8,
    /// For what.
    pub level: Value,
    /// Why.
    pub reason: Option<String>,
    /// When it ends by itself, in seconds since 1970 UTC.
    pub until: Option<f64>,
    /// The rule that asks, if one does.
    #[serde(skip)]
    pub rule: Option<Name>,
}

impl RequestStatus {
    pub(super) fn of(now: Timestamp, held: &Held, level: Value) -> RequestStatus {
        RequestStatus {
            source: held.requester.to_string(),
            priority: held.priority,
            level,
            reason: held.reason.as_deref().map(str::to_owned),
            until: (held.end != Mono(u64::MAX)).then(|| civil(now, held.end)),
            rule: match &held.requester {
                Requester::Rule { rule, .. } => Some(rule.clone()),
                _ => None,
            },
        }
    }
}

/// A rule's request on a device, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hold {
    /// Name of the room.
    pub room: String,
    /// Name of the device.
    pub device: String,
    /// The instance that asks; empty for `per: rule`.
    pub instance: Name,
    /// What it asks for.
    pub request: RequestStatus,
    /// Of the files that decided so.
    pub revision: Option<Name>,
    /// The request in force, if it is another one.
    pub loses_to: Option<RequestStatus>,
    /// What the device's feedback says; without feedback what it was told.
    pub state: Value,
    /// Why its frame is not being sent, if it is not.
    pub held_back: Option<String>,
}

impl Hold {
    pub(super) fn of(now: Timestamp, device: &Switched, rule: &str, held_back: Option<&str>) -> Vec<Hold> {
        let winner = device.arbiter.winner().map(|held| &held.requester);
        let status = |(held, level): (&Held, Value)| RequestStatus::of(now, held, level);
        let its = device.held().filter_map(|(held, level)| match &held.requester {
            Requester::Rule { rule: asking, instance } if **asking == *rule => Some((instance, held, level)),
            _ => None,
        });
        let hold = |(instance, held, level): (&Name, &Held, Value)| Hold {
            room: device.spec.key.room.to_string(),
            device: device.spec.key.device.to_string(),
            instance: instance.clone(),
            loses_to: (winner != Some(&held.requester))
                .then(|| device.held().find(|(held, _)| Some(&held.requester) == winner).map(status))
                .flatten(),
            revision: held.revision.clone(),
            request: RequestStatus::of(now, held, level),
            state: device.state().0,
            held_back: held_back.map(str::to_owned).or_else(|| device.word().held_back.map(|words| words.to_string())),
        };
        its.map(hold).collect()
    }
}

impl Switched {
    /// When the limit that holds it back ends by itself.
    fn held_back_until(&self) -> Option<Mono> {
        self.permit.as_ref()?.why.until
    }

    /// Its requests with the levels as people read them.
    pub(super) fn held(&self) -> impl Iterator<Item = (&Held, Value)> {
        self.arbiter.held().iter().map(|held| (held, self.shown(held.level)))
    }

    fn shown(&self, level: Level) -> Value {
        self.levels.resolve(level).map_or(Value::Null, |target| target.shown)
    }
}
