//! What rules and people ask for. A script only appends intents; the engine acts on them afterwards, or not at all.

use std::fmt;
use std::time::Duration;

use super::{AlertAsk, Fields, Name, Value};

/// One wish of one run of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Which rule, which instance.
    pub origin: Origin,
    /// Hops of the event that led here: a publication of this intent has one more.
    pub hop: u8,
    /// What is asked.
    pub ask: Ask,
}

/// Who asks, within the rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// Name of the rule.
    pub rule: Name,
    /// Key of the instance: the source, the values of `per`, or empty for `per: rule`.
    pub instance: Name,
    /// Priority of the rule's device requests, 0 to 100.
    pub priority: u8,
    /// The rule is in shadow mode: count and show, do nothing.
    pub shadow: bool,
    /// Of the files that decided.
    pub revision: Option<Name>,
}

/// The things that can be asked. Devices and publications stay in the process; every other action is an `Act`.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// A device request: a lease on an absolute state.
    Set(DeviceRequest),
    /// End this rule instance's request on the device.
    Release(DeviceKey),
    /// End all requests of this rule instance: its episode is over, or it has become blind.
    ReleaseAll,
    /// A message on the bus.
    Publish {
        /// The channel; `sensor: device: alert: system:` are refused.
        channel: Name,
        /// Its fields, without `id` and `ts`.
        fields: Fields,
    },
    /// Something for the outside: `log_file`, `warn`, later `sms`, `send`.
    Act(Act),
    /// What becomes of the alert that the episode is. No script asks for it: `alert` in the rule file does.
    Alert(AlertAsk),
}

/// A call of an action by name, with its arguments in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// The action's name in the table of actions.
    pub action: &'static str,
    /// The arguments of the script's call.
    pub args: Vec<Value>,
}

/// A device of the channel map.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceKey {
    /// Name of the room.
    pub room: Name,
    /// Name of the device in it.
    pub device: Name,
}

impl DeviceKey {
    /// Where its state is published: `device:update:<room>:<device>`.
    #[must_use]
    pub fn channel(&self) -> Name {
        Name::from(format!("device:update:{}:{}", self.room, self.device))
    }
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.room, self.device)
    }
}

/// The absolute state that is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    /// Off, closed, 0.
    Off,
    /// On, open, the upper end of the range.
    On,
    /// A number in the command signal's unit.
    At(f64),
}

/// "Exhaust at 60, because …, for at most …".
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRequest {
    /// Which device.
    pub device: DeviceKey,
    /// To what.
    pub level: Level,
    /// Ends by itself after this. `None`: with the rule's episode; a client's, with the device's own `lease`.
    pub lease: Option<Duration>,
    /// Why, in words.
    pub reason: Option<Name>,
}

/// Who holds a request on a device: one request per requester and device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Requester {
    /// An instance of a rule.
    Rule {
        /// Name of the rule.
        rule: Name,
        /// Key of the instance.
        instance: Name,
    },
    /// A person, by `growctl device set`.
    Person,
    /// A client that published on `device:command:…`.
    Client,
}

impl fmt::Display for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Requester::Rule { rule, instance } if instance.is_empty() => write!(f, "rule {rule}"),
            Requester::Rule { rule, instance } => write!(f, "rule {rule} ({instance})"),
            Requester::Person => f.write_str("growctl device set"),
            Requester::Client => f.write_str("device:command"),
        }
    }
}
