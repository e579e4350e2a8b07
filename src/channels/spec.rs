//! What `channels.yaml` says, as it stands there: every key of its grammar, nothing checked yet but the shape.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::files::{Entries, Spanned};
use crate::model::{Span, Value};

use super::schema;

mod devices;

pub use devices::*;

/// The channel map: what is on the CAN buses of this site, what the bytes mean, and what may be switched.
///
/// `growctl check` knows more than this schema: overlaps, ids that are taken, names that do not exist.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapSpec {
    /// Version of this file's grammar: 1.
    #[schemars(required, transform = schema::version)]
    pub version: Option<Spanned<u32>>,
    /// The CAN buses by name: what is at the other end of each.
    #[serde(default)]
    pub buses: Entries<BusSpec>,
    /// DBC files of the site folder, by the name that frames use for them: `lights: site.dbc`, then
    /// `frame: lights.RAIL_STATUS`.
    #[serde(default)]
    pub databases: Entries<Spanned<String>>,
    /// What frames and signals do unless they say otherwise.
    #[serde(default)]
    pub defaults: DefaultsSpec,
    /// What the bytes mean. Written once, used by every node of that kind.
    #[serde(default)]
    pub frames: Entries<FrameSpec>,
    /// Where the nodes stand: room, cluster, list of nodes. Their channel is `sensor:update:<room>:<cluster>`.
    #[serde(default)]
    pub rooms: Entries<Entries<Vec<Spanned<NodeSpec>>>>,
    /// What may be switched: room, device. Its commands come on `device:command:<room>:<device>`.
    #[serde(default)]
    pub devices: Entries<Entries<Spanned<DeviceSpec>>>,
}

/// The databases alone.
#[derive(Debug, Deserialize)]
pub(super) struct DatabasesSpec {
    #[serde(default)]
    pub(super) databases: Entries<Spanned<String>>,
}

/// A CAN bus: one of `interface`, `replay` and `simulate`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusSpec {
    /// A SocketCAN interface, as `ip link` lists it.
    #[schemars(transform = schema::interface)]
    pub interface: Option<Spanned<String>>,
    /// The bitrate that the interface should have, `250k`. It is compared, never set.
    #[schemars(transform = schema::bitrate)]
    pub bitrate: Option<Spanned<String>>,
    /// The bitrate of CAN FD data that the interface should have, `2M`. It is compared, never set.
    #[schemars(transform = schema::bitrate)]
    pub data_bitrate: Option<Spanned<String>>,
    /// Whether the bus is CAN FD: frames of up to 64 bytes.
    #[serde(default)]
    pub fd: bool,
    /// A candump recording, relative to the site folder.
    #[schemars(transform = schema::recording)]
    pub replay: Option<Spanned<String>>,
    /// How much faster than recorded: 1 is as it was, 10 ten times faster.
    #[schemars(transform = schema::speed)]
    pub speed: Option<Spanned<f64>>,
    /// The built-in plant: rooms that warm, dry and answer to devices.
    #[serde(default)]
    pub simulate: bool,
    /// Raw frames in candump notation, sent when growctl starts and when the bus comes up again, in this order: `["000#0105"]`
    /// is CANopen's "start node 5".
    #[serde(default)]
    #[schemars(transform = schema::raw_frames)]
    pub send_on_start: Vec<Spanned<String>>,
    /// Raw frames that are sent when a node has booted, by the id with which it says so: `{0x705: ["000#0105"]}`. It has
    /// booted if its frame has one byte 00, or none: a heartbeat with the same id has another.
    #[serde(default)]
    #[schemars(transform = schema::raw_frames_by_id)]
    pub send_on_boot: Entries<Vec<Spanned<String>>>,
}

/// What frames and signals do unless they say otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultsSpec {
    /// When messages are published: `never`, `always` (every frame), or at which pace. Left out: every frame.
    pub publish: Option<Spanned<PublishSpec>>,
    /// No frame for this long: the node is stale, which is published once. Cycles of the frame, or a duration.
    #[schemars(transform = schema::stale_after)]
    pub stale_after: Option<Spanned<String>>,
    /// A device is switched on no sooner than this after another one was, so that not all motors start at once: after a
    /// power failure, too. `0s`, which is the default: no wait.
    pub stagger: Option<Spanned<Span>>,
}

/// `never`, `always`, or the pace. Read by hand: serde's untagged enums lose the place of a fault inside.
#[derive(Debug)]
pub enum PublishSpec {
    /// A word: `never`, `always`.
    Word(String),
    /// The pace.
    Pace(PaceSpec),
}

impl<'de> Deserialize<'de> for PublishSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<PublishSpec, D::Error> {
        struct PublishVisitor;
        impl<'de> Visitor<'de> for PublishVisitor {
            type Value = PublishSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`never`, `always`, or `{min_interval: 1s, max_interval: 30s}`")
            }
            fn visit_str<E>(self, text: &str) -> Result<PublishSpec, E> {
                Ok(PublishSpec::Word(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PublishSpec, A::Error> {
                PaceSpec::deserialize(MapAccessDeserializer::new(map)).map(PublishSpec::Pace)
            }
        }
        from.deserialize_any(PublishVisitor)
    }
}

/// How often numbers are published; states and faults are at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaceSpec {
    /// Numbers never more often than this; the latest one when it ends.
    pub min_interval: Option<Span>,
    /// At least this often while frames arrive, changed or not.
    pub max_interval: Option<Span>,
}

/// One kind of frame: what its bytes mean.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameSpec {
    /// Bytes: 1 to 8, with CAN FD also 12, 16, 20, 24, 32, 48 or 64.
    #[schemars(transform = schema::length)]
    pub length: Spanned<u64>,
    /// How often a node sends it, `2s`. Left out: when it likes.
    pub cycle: Option<Spanned<Span>>,
    /// Over the site's: `never` (for `growctl decode` only), `always` (every frame), or at which pace.
    pub publish: Option<Spanned<PublishSpec>>,
    /// In place of the site's: `3 cycles`, or a duration.
    #[schemars(transform = schema::stale_after)]
    pub stale_after: Option<Spanned<String>>,
    /// Its signals by name. The name is the field of the message: `msg.temperature`.
    pub signals: Entries<Spanned<SignalSpec>>,
}

/// One signal: `byte` with `type` or `bits`, or the DBC notation `dbc`. Its value is raw × scale + offset.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalSpec {
    /// Its first byte, counted from 0.
    #[schemars(transform = schema::byte)]
    pub byte: Option<Spanned<u64>>,
    /// What number the bytes are: u unsigned, i signed, f IEEE; the bits; be big-endian (Motorola), le little-endian
    /// (Intel).
    #[serde(rename = "type")]
    #[schemars(transform = schema::kind)]
    pub kind: Option<Spanned<String>>,
    /// Which bits: `3`, or `0..1` with both ends; 0 is the least significant.
    #[schemars(transform = schema::bits)]
    pub bits: Option<Spanned<Value>>,
    /// The bits as on a DBC `SG_` line, start|length@order sign: `7|16@0+`. Order 0 is big-endian, 1 little-endian; +
    /// unsigned, - signed.
    #[schemars(transform = schema::dbc)]
    pub dbc: Option<Spanned<String>>,
    /// Factor: value = raw × scale + offset. It also gives the decimals of the message.
    #[schemars(transform = schema::scale)]
    pub scale: Option<Spanned<f64>>,
    /// Added: value = raw × scale + offset.
    #[schemars(transform = schema::offset)]
    pub offset: Option<Spanned<f64>>,
    /// For people: degC, "%RH", ppm, L/min.
    #[schemars(transform = schema::unit)]
    pub unit: Option<String>,
    /// Least and greatest value, `[-20, 60]`. What is beyond it is published as null, with the quality "out of range".
    #[schemars(transform = schema::range)]
    pub range: Option<Spanned<(f64, f64)>>,
    /// Smallest change of the value that is published, in its unit.
    #[schemars(transform = schema::deadband)]
    pub deadband: Option<Spanned<f64>>,
    /// The raw value with which the node says "no value", `0x7FFF`: published as null, with the quality "invalid".
    pub invalid: Option<Spanned<i128>>,
    /// Raw values and their texts: `{0: "off", 1: "on"}`. Messages carry the text.
    #[serde(default)]
    #[schemars(transform = schema::values)]
    pub values: Entries<Spanned<String>>,
    /// A command that the bits or the range cannot say is sent as the nearest that they can, in place of being
    /// refused.
    #[serde(default)]
    pub clamp: bool,
    /// Over the frame's: `never` (for `growctl decode` only), `always` (every frame), or at which pace.
    pub publish: Option<Spanned<PublishSpec>>,
    /// A multiplexed signal: the multiplexer and its raw values with which this signal is there, `{probe: [1, 2]}`.
    #[serde(default)]
    #[schemars(transform = schema::multiplexer)]
    pub when: Entries<Spanned<Vec<i64>>>,
}

/// One node, or a row of nodes with ids that follow each other.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its name, which rules and people see: FR-C1. A row has `{n}` in it, counted from 1: "VR-M{n}".
    #[schemars(transform = schema::node)]
    pub node: Spanned<String>,
    /// What it sends: a frame of this file, or `database.MESSAGE`.
    pub frame: Spanned<String>,
    /// The bus that it is on.
    pub bus: Spanned<String>,
    /// The CAN id that it sends with, in hex: `0x181` (up to 0x7FF: 11 bits, above: 29). A row: `{first: 0x201, count:
    /// 8}`, with `step: 0x10` if they lie further apart. DBC messages bring their own.
    pub id: Option<Spanned<IdSpec>>,
    /// In place of `id`: the J1939 parameter group, `0xFEF5`. Priority and destination do not matter.
    #[schemars(transform = schema::pgn)]
    pub pgn: Option<Spanned<u32>>,
    /// With `pgn`: the J1939 source address, `0x1A`, or `any`, which is the default: one node, whoever speaks.
    #[schemars(transform = schema::source)]
    pub source: Option<Spanned<Value>>,
    /// How its fields are called: `{signal}`, `{n}` and multiplexers are filled in. Default: "{signal}".
    #[schemars(transform = schema::name)]
    pub name: Option<Spanned<String>>,
    /// Corrections of single signals, from a calibration sheet: `{temperature: {offset: -0.4}}`.
    #[serde(default)]
    pub adjust: Entries<AdjustSpec>,
    /// Only these signals, and what they are called here: `{Ppfd: ppfd}`.
    #[serde(default)]
    #[schemars(transform = schema::signals)]
    pub signals: Entries<Spanned<String>>,
}

/// One id, or a row. Read by hand: serde's untagged enums lose the place of a fault inside.
#[derive(Debug)]
pub enum IdSpec {
    /// One node.
    One(u64),
    /// Nodes with ids in a row.
    Row(RowSpec),
}

impl<'de> Deserialize<'de> for IdSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<IdSpec, D::Error> {
        struct IdVisitor;
        impl<'de> Visitor<'de> for IdVisitor {
            type Value = IdSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id such as 0x181, or a row `{first: 0x3E8, count: 16}`")
            }
            fn visit_u64<E>(self, id: u64) -> Result<IdSpec, E> {
                Ok(IdSpec::One(id))
            }
            fn visit_i64<E: serde::de::Error>(self, id: i64) -> Result<IdSpec, E> {
                u64::try_from(id).map(IdSpec::One).map_err(|_| E::invalid_value(Unexpected::Signed(id), &self))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<IdSpec, A::Error> {
                RowSpec::deserialize(MapAccessDeserializer::new(map)).map(IdSpec::Row)
            }
        }
        from.deserialize_any(IdVisitor)
    }
}

/// Nodes with ids that follow each other.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowSpec {
    /// The first id, in hex: `0x201`.
    #[schemars(transform = schema::id)]
    pub first: u64,
    /// How many nodes.
    #[schemars(transform = schema::count)]
    pub count: u64,
    /// From one id to the next. Default: 1.
    #[schemars(transform = schema::step)]
    pub step: Option<u64>,
}

/// A correction: what is published is value × scale + offset.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustSpec {
    /// Factor. Default: 1.
    pub scale: Option<f64>,
    /// Added to the value, in its unit.
    pub offset: Option<f64>,
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
