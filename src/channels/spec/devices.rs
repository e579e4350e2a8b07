//! The part of `channels.yaml` that says what may be switched, and within which limits.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::channels::schema;
use crate::files::{Entries, Several, Spanned};
use crate::model::{Span, Value, parse_duration};

/// A device that may be switched, and where it goes when nobody asks for anything.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceSpec {
    /// What it is.
    #[schemars(transform = schema::device_kind)]
    pub kind: Spanned<String>,
    /// The frame and signal that its commands are.
    pub command: Spanned<CommandSpec>,
    /// The frame and signal that tell its state.
    pub feedback: Option<Spanned<FeedbackSpec>>,
    /// Where it goes when nobody asks, when its rule dies, when growctl stops: a number, "on", "off", or `keep`.
    #[schemars(transform = schema::safe)]
    pub safe: Spanned<Value>,
    /// The node itself goes to safe after this much silence. `none` if it has no watchdog: `check` lists that as a
    /// risk.
    #[schemars(transform = schema::watchdog)]
    pub watchdog: Spanned<String>,
    /// Commands are sent again this often, at most a third of the watchdog, which is the default.
    pub repeat: Option<Spanned<Span>>,
    /// A command not on the wire within this has failed, and is never sent late. Default: 2s.
    pub ttl: Option<Spanned<Span>>,
    /// How long a client's request lives that gives no time of its own. Default: 15m.
    pub lease: Option<Spanned<Span>>,
    /// Least and greatest number that it may be told, in the command signal's unit: `[20, 80]`. More and less is asked in
    /// vain.
    #[schemars(transform = schema::limits)]
    pub range: Option<Spanned<(f64, f64)>>,
    /// How fast the number may change: `10/s`, `20/min`, `100/h`, in the command signal's unit.
    #[schemars(transform = schema::ramp)]
    pub ramp: Option<Spanned<String>>,
    /// On for at least this long, for compressors.
    pub min_on: Option<Spanned<Span>>,
    /// Off for at least this long, for compressors.
    pub min_off: Option<Spanned<Span>>,
    /// On for at most this long, whatever the rules say: `10m`. Then it is locked off, for as long again, or as
    /// `{time: 10m, lockout: 30m}` says.
    pub max_on: Option<Spanned<MaxOnSpec>>,
    /// Switched on at most so often within any hour.
    #[schemars(transform = schema::starts)]
    pub max_starts_per_hour: Option<Spanned<u32>>,
    /// It is switched on no sooner than this after another device was. Over the site's.
    pub stagger: Option<Spanned<Span>>,
    /// The group, or groups, of which at most one device is on at a time: `heat-cool`.
    #[serde(default)]
    #[schemars(transform = schema::interlock)]
    pub interlock: Several<Spanned<String>>,
    /// It is kept off while one of these holds: `Flower Room/exhaust > 50`, or `Flower Room/dehumidifier`.
    #[serde(default)]
    #[schemars(transform = schema::forbid_while)]
    pub forbid_while: Several<Spanned<String>>,
    /// It is kept off unless all of these hold: `Flower Room/exhaust >= 20`.
    #[serde(default)]
    #[schemars(transform = schema::only_while)]
    pub only_while: Several<Spanned<String>>,
    /// Readings that must be there, and within limits, for the device to be on.
    #[serde(default)]
    pub needs: Several<Spanned<NeedsSpec>>,
    /// What it must bring about when it is on: if it does not, that is a fault.
    pub verify: Option<Spanned<VerifySpec>>,
    /// Checks that say nothing about this device: `no-watchdog`.
    #[serde(default)]
    #[schemars(transform = schema::allow)]
    pub allow: Vec<Spanned<String>>,
}

/// Where commands go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// The bus that the node is on.
    pub bus: Spanned<String>,
    /// The CAN id that its node listens to, in hex: `0x301`. DBC messages bring their own.
    #[schemars(transform = schema::id)]
    pub id: Option<Spanned<u64>>,
    /// A frame of this file, or `database.MESSAGE`.
    pub frame: Spanned<String>,
    /// The signal of the frame that is switched.
    pub signal: Spanned<String>,
    /// Other signals of the frame that go along, and their values: `{enable: "on"}`.
    #[serde(default)]
    #[schemars(transform = schema::with)]
    pub with: Entries<Spanned<Value>>,
}

/// Where a device's state comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackSpec {
    /// The bus that the node is on.
    pub bus: Spanned<String>,
    /// The CAN id that its node sends with, in hex: `0x301`. DBC messages bring their own.
    #[schemars(transform = schema::id)]
    pub id: Option<Spanned<u64>>,
    /// A frame of this file, or `database.MESSAGE`.
    pub frame: Spanned<String>,
    /// The signal of the frame that tells the state.
    pub signal: Spanned<String>,
    /// How far it may be from the command, in the signal's unit. Default: 0.
    #[schemars(transform = schema::tolerance)]
    pub tolerance: Option<Spanned<f64>>,
    /// How soon it must agree with the command. Default: 3s.
    pub within: Option<Spanned<Span>>,
    /// How often the command is sent again when it does not agree, before the device is at fault.
    #[schemars(transform = schema::retries)]
    pub retries: Option<Spanned<u32>>,
}

/// The longest time on: a duration, or with its lockout. Read by hand: serde's untagged enums lose the place of a fault
/// inside.
#[derive(Debug)]
pub enum MaxOnSpec {
    /// The time alone.
    Time(Span),
    /// The time, and how long it is locked off then.
    Lockout(LockoutSpec),
}

impl<'de> Deserialize<'de> for MaxOnSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<MaxOnSpec, D::Error> {
        struct MaxOnVisitor;
        impl<'de> Visitor<'de> for MaxOnVisitor {
            type Value = MaxOnSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 10m, or `{time: 10m, lockout: 30m}`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<MaxOnSpec, E> {
                parse_duration(text).map(|time| MaxOnSpec::Time(Span(time))).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MaxOnSpec, A::Error> {
                LockoutSpec::deserialize(MapAccessDeserializer::new(map)).map(MaxOnSpec::Lockout)
            }
        }
        from.deserialize_any(MaxOnVisitor)
    }
}

/// The longest time on, and what comes then.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockoutSpec {
    /// On for at most this long.
    pub time: Spanned<Span>,
    /// Locked off for this long after that. Default: as long as `time`.
    pub lockout: Option<Spanned<Span>>,
}

/// Readings on which a device depends: every node under the pattern, and at least one of them there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeedsSpec {
    /// Pattern of channels: `sensor:update:Flower Room:*`.
    #[schemars(transform = schema::channel)]
    pub channel: Spanned<String>,
    /// The field, or a pattern of fields: `co2`, `vwc_*`. One that is not published counts as well.
    #[schemars(transform = schema::field)]
    pub field: Spanned<String>,
    /// They must be below this.
    pub below: Option<Spanned<f64>>,
    /// They must be above this.
    pub above: Option<Spanned<f64>>,
    /// And at least one not older than this. Left out: not stale.
    pub fresh: Option<Spanned<Span>>,
}

/// What a device must bring about: one of the readings changes by so much within so long a time on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifySpec {
    /// Pattern of channels: `sensor:update:Veg Room:*`.
    #[schemars(transform = schema::channel)]
    pub channel: Spanned<String>,
    /// The field, or a pattern of fields: `temperature`.
    #[schemars(transform = schema::field)]
    pub field: Spanned<String>,
    /// By at least how much, in the field's unit: 0.5 upwards, -0.5 downwards.
    #[schemars(transform = schema::change)]
    pub change: Spanned<f64>,
    /// Within this time on.
    pub within: Spanned<Span>,
}
