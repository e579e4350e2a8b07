//! What `channels.yaml` says, as it stands there: every key of its grammar, nothing checked yet but the shape.

use serde::Deserialize;

use crate::files::{Entries, Spanned};
use crate::model::{Span, Value};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapSpec {
    /// Version of the grammar: 1.
    pub version: Spanned<u32>,
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
    pub publish: Option<PublishSpec>,
    /// `3 cycles`, or a duration.
    pub stale_after: Option<Spanned<String>>,
}

/// `never`, or the pace.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum PublishSpec {
    /// A word: `never`.
    Word(String),
    /// The pace.
    Pace(PaceSpec),
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
    pub length: Spanned<u8>,
    /// How often a node sends it.
    pub cycle: Option<Span>,
    /// Overrides the site's.
    pub publish: Option<PublishSpec>,
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
    pub byte: Option<Spanned<u8>>,
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
    pub publish: Option<PublishSpec>,
    /// Multiplexer and the values with which the signal is there.
    #[serde(default)]
    pub when: Entries<Vec<i64>>,
}

impl SignalSpec {
    /// `publish: never`.
    #[must_use]
    pub fn is_never_published(&self) -> bool {
        matches!(&self.publish, Some(PublishSpec::Word(word)) if word == "never")
    }
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

/// One id, or a row.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum IdSpec {
    /// One node.
    One(u32),
    /// Nodes with ids in a row.
    Row(RowSpec),
}

/// Ids in a row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSpec {
    /// The first id.
    pub first: u32,
    /// How many.
    pub count: u32,
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
    pub id: Option<Spanned<u32>>,
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
    pub id: Option<Spanned<u32>>,
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
