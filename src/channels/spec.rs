//! What `channels.yaml` says, as it stands there: every key of its grammar, nothing checked yet but the shape.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::files::{Entries, Spanned};
use crate::model::{Span, Value};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapSpec {
    /// Version of the grammar: 1.
    pub version: Option<Spanned<u32>>,
    /// The buses by name.
    #[serde(default)]
    pub buses: Entries<BusSpec>,
    /// DBC files by the name that frames use for them.
    #[serde(default)]
    pub databases: Entries<Spanned<String>>,
    /// What frames and signals do unless they say otherwise.
    #[serde(default)]
    pub defaults: DefaultsSpec,
    /// What the bytes mean.
    #[serde(default)]
    pub frames: Entries<FrameSpec>,
    /// Room, cluster, nodes.
    #[serde(default)]
    pub rooms: Entries<Entries<Vec<Spanned<NodeSpec>>>>,
    /// Room, device.
    #[serde(default)]
    pub devices: Entries<Entries<Spanned<DeviceSpec>>>,
}

/// Where the frames of a bus come from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusSpec {
    /// A SocketCAN interface.
    pub interface: Option<Spanned<String>>,
    /// Expected bitrate, `250k`.
    pub bitrate: Option<Spanned<String>>,
    /// Expected bitrate of CAN FD data, `2M`.
    pub data_bitrate: Option<Spanned<String>>,
    /// CAN FD.
    #[serde(default)]
    pub fd: bool,
    /// A candump recording.
    pub replay: Option<Spanned<String>>,
    /// How much faster than recorded.
    pub speed: Option<Spanned<f64>>,
    /// The built-in plant.
    #[serde(default)]
    pub simulate: bool,
}

/// Defaults of the site.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultsSpec {
    /// When messages are published.
    pub publish: Option<Spanned<PublishSpec>>,
    /// `3 cycles`, or a duration.
    pub stale_after: Option<Spanned<String>>,
}

/// `never`, or the pace. Read by hand: serde's untagged enums lose the place of a fault inside.
#[derive(Debug)]
pub enum PublishSpec {
    /// A word: `never`.
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
                f.write_str("`never`, or `{min_interval: 1s, max_interval: 30s}`")
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

/// How often numbers are published.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaceSpec {
    /// Never more often than this.
    pub min_interval: Option<Span>,
    /// At least this often while frames arrive.
    pub max_interval: Option<Span>,
}

/// One kind of frame.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSpec {
    /// Bytes.
    pub length: Spanned<u64>,
    /// How often a node sends it.
    pub cycle: Option<Spanned<Span>>,
    /// Overrides the site's.
    pub publish: Option<Spanned<PublishSpec>>,
    /// Overrides the site's.
    pub stale_after: Option<Spanned<String>>,
    /// Its signals.
    pub signals: Entries<Spanned<SignalSpec>>,
}

/// One signal: `byte` with `type` or `bits`, or `dbc`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalSpec {
    /// First byte.
    pub byte: Option<Spanned<u64>>,
    /// `u16be` and so on.
    #[serde(rename = "type")]
    pub kind: Option<Spanned<String>>,
    /// `3` or `0..1`.
    pub bits: Option<Spanned<Value>>,
    /// `23|16@0+`.
    pub dbc: Option<Spanned<String>>,
    /// value = raw × scale + offset.
    pub scale: Option<Spanned<f64>>,
    /// value = raw × scale + offset.
    pub offset: Option<Spanned<f64>>,
    /// For people.
    pub unit: Option<String>,
    /// Least and greatest value.
    pub range: Option<Spanned<(f64, f64)>>,
    /// Smallest change that is published.
    pub deadband: Option<Spanned<f64>>,
    /// Raw value that means none.
    pub invalid: Option<Spanned<i128>>,
    /// Raw values and their texts.
    #[serde(default)]
    pub values: Entries<Spanned<String>>,
    /// Overrides the frame's.
    pub publish: Option<Spanned<PublishSpec>>,
    /// Multiplexer and the values with which the signal is there.
    #[serde(default)]
    pub when: Entries<Spanned<Vec<i64>>>,
}

/// One node, or a row of nodes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its name, with `{n}` for a row.
    pub node: Spanned<String>,
    /// A frame of this file, or `database.MESSAGE`.
    pub frame: Spanned<String>,
    /// The bus.
    pub bus: Spanned<String>,
    /// CAN id; DBC messages bring their own.
    pub id: Option<Spanned<IdSpec>>,
    /// J1939 parameter group.
    pub pgn: Option<Spanned<u32>>,
    /// J1939 source address, or `any`.
    pub source: Option<Spanned<Value>>,
    /// Template of the field names: `{signal}`, `{n}` and multiplexers.
    pub name: Option<Spanned<String>>,
    /// Corrections of single signals.
    #[serde(default)]
    pub adjust: Entries<AdjustSpec>,
    /// Signals that are wanted, and what they are called here.
    #[serde(default)]
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

/// Ids in a row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSpec {
    /// The first id.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// A calibration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdjustSpec {
    /// Factor.
    pub scale: Option<f64>,
    /// Added to the value.
    pub offset: Option<f64>,
}

/// A device that may be switched.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceSpec {
    /// `fan`, `switch`, `dimmer`, `valve` and so on.
    pub kind: Spanned<String>,
    /// Where commands go.
    pub command: Spanned<CommandSpec>,
    /// Where its state comes from.
    pub feedback: Option<Spanned<FeedbackSpec>>,
    /// State when nobody asks, or `keep`.
    pub safe: Spanned<Value>,
    /// The node's own watchdog, or `none`.
    pub watchdog: Spanned<String>,
    /// Commands are sent again this often.
    pub repeat: Option<Spanned<Span>>,
    /// Not on the wire within this: failed.
    pub ttl: Option<Spanned<Span>>,
    /// Life of a request without a time of its own.
    pub lease: Option<Spanned<Span>>,
    /// Shortest time on.
    pub min_on: Option<Spanned<Span>>,
    /// Shortest time off.
    pub min_off: Option<Spanned<Span>>,
    /// Longest time on.
    pub max_on: Option<Spanned<Span>>,
    /// Other devices, `Room/device` or `Room/device > 50`.
    #[serde(default)]
    pub forbid_while: Vec<Spanned<String>>,
    /// A reading that must be good.
    pub needs: Option<Spanned<NeedsSpec>>,
}

/// The frame and signal of a command.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// The bus.
    pub bus: Spanned<String>,
    /// CAN id; DBC messages bring their own.
    pub id: Option<Spanned<u64>>,
    /// The frame.
    pub frame: Spanned<String>,
    /// The signal.
    pub signal: Spanned<String>,
    /// Other signals of the frame that go along.
    #[serde(default)]
    pub with: Entries<Spanned<Value>>,
}

/// The frame and signal of a device's state.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackSpec {
    /// The bus.
    pub bus: Spanned<String>,
    /// CAN id; DBC messages bring their own.
    pub id: Option<Spanned<u64>>,
    /// The frame.
    pub frame: Spanned<String>,
    /// The signal.
    pub signal: Spanned<String>,
    /// How far from the command it may be.
    pub tolerance: Option<Spanned<f64>>,
    /// How soon it must agree.
    pub within: Option<Spanned<Span>>,
}

/// A reading on which a device depends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeedsSpec {
    /// Pattern of channels.
    pub channel: Spanned<String>,
    /// The field.
    pub field: Spanned<String>,
    /// It must be below this.
    pub below: Option<f64>,
    /// It must be above this.
    pub above: Option<f64>,
    /// And not older than this.
    pub fresh: Option<Span>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Report, SourceFile, read};

    const EXAMPLE: &str = include_str!("../../tests/fixtures/channels.example.yaml");

    #[test]
    fn the_example_is_read_whole() {
        let mut report = Report::default();
        let spec: Option<MapSpec> = read(&SourceFile::new("channels.yaml", EXAMPLE), &mut report);
        let spec = spec.unwrap_or_else(|| panic!("{}", report.render(false)));
        assert_eq!((spec.buses.0.len(), spec.frames.0.len(), spec.rooms.0.len()), (2, 6, 2));
        let climate = spec.frames.get("climate").expect("it is there");
        assert_eq!(climate.signals.get("co2").and_then(|s| s.invalid.as_ref()).map(|i| i.value), Some(0xFFFF));
        let room = spec.devices.get("Flower Room").expect("it is there");
        assert_eq!(room.get("co2").map(|d| d.forbid_while.len()), Some(2));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let mut report = Report::default();
        let text = EXAMPLE.replace("deadband: 10,", "dedband: 10,");
        let spec: Option<MapSpec> = read(&SourceFile::new("channels.yaml", text), &mut report);
        assert!(spec.is_none() && report.render(false).contains("`deadband`"));
    }
}
