//! What no rule may do with a device, as the map says it: every name resolved, every default filled in. The Guard applies
//! it, last of all.

use std::time::Duration;

use crate::model::{DeviceKey, Name};

/// The limits of one device. `Limits::default()` is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Least and greatest number that it may be told, in the command signal's unit.
    pub range: Option<(f64, f64)>,
    /// How fast a number may change, in the command signal's unit per second.
    pub ramp: Option<f64>,
    /// On for at least this long.
    pub min_on: Duration,
    /// Off for at least this long.
    pub min_off: Duration,
    /// On for at most this long.
    pub max_on: Option<MaxOn>,
    /// Switched on at most so often within any hour.
    pub max_starts_per_hour: Option<u32>,
    /// It is switched on no sooner than this after another device was.
    pub stagger: Duration,
    /// Groups of which at most one device is on.
    pub interlocks: Vec<Name>,
    /// It is off while one of these holds, or may hold.
    pub forbid_while: Vec<While>,
    /// It is off unless all of these hold.
    pub only_while: Vec<While>,
    /// It is off unless all of these are met.
    pub needs: Vec<Need>,
    /// What it must bring about when it is on.
    pub verify: Option<Verify>,
}

/// The longest time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxOn {
    /// On for at most this long.
    pub time: Duration,
    /// Locked off for this long after that.
    pub lockout: Duration,
}

/// A state of another device: `Flower Room/exhaust > 50`.
#[derive(Clone, Debug, PartialEq)]
pub struct While {
    /// As the map writes it, for people.
    pub text: Name,
    /// The other device.
    pub device: DeviceKey,
    /// What is asked about it.
    pub test: Test,
}

/// What is asked about the state of a device.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Whether it is on at all: not off, not closed, not 0.
    On,
    /// Whether it is as far off as it goes, which is more than 0 where its `range` says so.
    Off,
    /// A comparison with a number in its command signal's unit.
    Compare(Comparison, f64),
    /// Whether it is in that state, `== "open"`, or is not, `!= "open"`.
    State {
        /// Whether it is to be so.
        is: bool,
        /// One that the command signal has.
        state: Name,
    },
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Different,
}

impl Comparison {
    /// Whether it holds.
    #[must_use]
    #[allow(clippy::float_cmp)] // who writes `== 50` means it
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Less => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Greater => left > right,
            Comparison::AtLeast => left >= right,
            Comparison::Equal => left == right,
            Comparison::Different => left != right,
        }
    }
}

/// A field of one node that a limit looks at, as it is read, whether it is published or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watched {
    /// The node's specific channel.
    pub channel: Name,
    /// The node.
    pub node: Name,
    /// The field.
    pub field: Name,
}

/// Readings without which a device is off: every good and fresh one within the limits, and at least one of them there.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// As the map writes it, for people: `co2 of sensor:update:Flower Room:* below 1500`.
    pub text: Name,
    /// Every field that the pattern matches.
    pub readings: Vec<Watched>,
    /// They must be below this.
    pub below: Option<f64>,
    /// They must be above this.
    pub above: Option<f64>,
    /// Not older than this; `None`: until the map calls them stale.
    pub fresh: Option<Duration>,
}

/// What a device must bring about: one of the readings changes by so much within so long a time on.
#[derive(Clone, Debug, PartialEq)]
pub struct Verify {
    /// As the map writes it, for people.
    pub text: Name,
    /// Every field that the pattern matches.
    pub readings: Vec<Watched>,
    /// Upwards by at least this, downwards if it is negative.
    pub change: f64,
    /// After it was switched on.
    pub within: Duration,
}
