//! The map for people: what any frame of it says, and the list of all that it has. Shows also what is never published.

use serde::Serialize;

use crate::can::{BusId, Frame};
use crate::model::{Fields, Name, Value};

use super::codec::{Signal, When};
use super::j1939::{Address, Directory};
use super::map::{ChannelMap, Command, Device, FrameLayout, NodeFrame};
use super::plan::{Plan, Wanted};

/// Every identifier of a map, with all its signals.
#[derive(Debug)]
pub struct Catalog(Directory<Known>);

/// One identifier.
#[derive(Debug)]
struct Known {
    frame: Name,
    node: Option<Name>,
    command_of: Vec<String>,
    feedback_of: Vec<String>,
    plan: Plan,
}

/// What a frame says, as `growctl decode` prints it.
#[derive(Debug, Serialize)]
pub struct Decoded<'a> {
    /// Name of the frame in the map.
    pub frame: &'a str,
    /// The node that sends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<&'a str>,
    /// The devices that it commands, as `Room/device`.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub command_of: &'a [String],
    /// The devices whose state it tells, as `Room/device`.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub feedback_of: &'a [String],
    /// All signals: a node's by their fields' names and with its correction; `null` is not good.
    pub signals: Fields,
    /// Why, for each `null`.
    #[serde(skip_serializing_if = "Fields::is_empty")]
    pub quality: Fields,
}

impl Catalog {
    /// The catalog of a map.
    #[must_use]
    pub fn new(map: &ChannelMap) -> Catalog {
        let mut all: Directory<Known> = Directory::default();
        for node in &map.nodes {
            all.entry(node.bus, node.address(), || Known::of_node(node));
        }
        for device in &map.devices {
            let (key, command) = (device.key.to_string(), &device.command);
            let known = all.entry(command.bus, command.id.into(), || Known::of_frame(&command.frame));
            known.command_of.push(key.clone());
            if let Some(feedback) = &device.feedback {
                let known = all.entry(feedback.bus, feedback.id.into(), || Known::of_frame(&feedback.frame));
                known.feedback_of.push(key);
            }
        }
        Catalog(all)
    }

    /// What a data frame says; `None` if the map does not have its identifier on that bus, or it carries no data.
    #[must_use]
    pub fn decode(&self, frame: &Frame) -> Option<Decoded<'_>> {
        let known = self.0.find(frame.bus, frame.id).filter(|_| frame.is_data())?;
        let (signals, quality) = known.plan.decode(frame.bytes());
        Some(Decoded {
            frame: &known.frame,
            node: known.node.as_deref(),
            command_of: &known.command_of,
            feedback_of: &known.feedback_of,
            signals,
            quality: quality.into_iter().map(|(name, why)| (name, Value::text(&why.to_string()))).collect(),
        })
    }
}

impl Known {
    fn of_node(node: &NodeFrame) -> Known {
        let plan = Plan::new(node.fields.iter().map(|field| Wanted::field(node, field)));
        Known { node: Some(node.source.name.clone()), plan, ..Known::of_frame(&node.frame) }
    }

    fn of_frame(frame: &FrameLayout) -> Known {
        let plan = Plan::new(frame.signals.iter().map(Wanted::signal));
        Known { frame: frame.name.clone(), node: None, command_of: Vec::new(), feedback_of: Vec::new(), plan }
    }
}

/// What a row of the list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RowKind {
    /// A signal that a node sends.
    Node,
    /// A signal that tells about a device.
    Feedback,
    /// A signal by which a device is switched.
    Command,
    /// A raw frame that is sent when growctl starts and when the bus comes up again.
    Start,
    /// A raw frame that is sent when a node says that it has booted.
    Boot,
}

/// One signal of the map, as `growctl channels list` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Name of the bus.
    pub bus: Name,
    /// The identifier, `0x181`, or the J1939 group, `PGN 0xFEF5`.
    pub id: String,
    /// Name of the frame.
    pub frame: Name,
    /// Node, feedback or command.
    pub kind: RowKind,
    /// Name of the room.
    pub room: Name,
    /// The node, or the device.
    pub node: Name,
    /// Where its messages go, and for a command where clients ask; `None`: never published.
    pub channel: Option<Name>,
    /// What messages call it.
    pub field: Name,
    /// What the frame calls it.
    pub signal: Name,
    /// Its unit.
    pub unit: Option<Name>,
    /// Its bits in the notation of DBC files; of a raw frame its bytes.
    pub layout: String,
    /// With which raw values of its multiplexers it is there: `probe = 1`; of a raw frame, after which identifier it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The least and greatest value that is believed.
    pub range: Option<(f64, f64)>,
    /// The texts of its raw values, in the order of the map.
    pub values: Vec<Name>,
}

/// Every signal of every node and device in the order of the map, and the raw frames of each bus.
#[must_use]
pub fn rows(map: &ChannelMap) -> Vec<Row> {
    let mut rows = Vec::new();
    for node in &map.nodes {
        for field in &node.fields {
            let source = &node.source;
            rows.push(Row {
                kind: RowKind::Node,
                room: source.room.clone(),
                node: source.name.clone(),
                channel: field.published.then(|| source.channel.clone()),
                field: field.name.clone(),
                when: when(&node.frame, &field.when),
                ..row(map, node.bus, node.address(), &node.frame, &node.frame.signals[field.signal])
            });
        }
    }
    for device in &map.devices {
        rows.push(command_row(map, device));
        if let Some(feedback) = &device.feedback {
            rows.extend(feedback.shown.iter().map(|at| Row {
                kind: RowKind::Feedback,
                room: device.key.room.clone(),
                node: device.key.device.clone(),
                channel: Some(device.channel.clone()),
                ..row(map, feedback.bus, feedback.id.into(), &feedback.frame, &feedback.frame.signals[*at])
            }));
        }
    }
    for (bus, greetings) in (0..=u8::MAX).map(BusId).zip(&map.greetings) {
        rows.extend(greetings.on_start.iter().map(|frame| raw_row(map, bus, frame, None)));
        for (boot, frames) in &greetings.on_boot {
            rows.extend(frames.iter().map(|frame| raw_row(map, bus, frame, Some(boot.to_string()))));
        }
    }
    rows
}

fn raw_row(map: &ChannelMap, bus: BusId, frame: &Frame, boot: Option<String>) -> Row {
    let none = || Name::from("");
    Row {
        bus: map.buses[usize::from(bus.0)].name.clone(),
        id: frame.id.to_string(),
        frame: none(),
        kind: if boot.is_some() { RowKind::Boot } else { RowKind::Start },
        room: none(),
        node: none(),
        channel: None,
        field: none(),
        signal: none(),
        unit: None,
        layout: frame.bytes().iter().map(|byte| format!("{byte:02X}")).collect(),
        when: boot,
        range: None,
        values: Vec::new(),
    }
}

fn command_row(map: &ChannelMap, device: &Device) -> Row {
    let Command { bus, id, frame, signal, .. } = &device.command;
    Row {
        room: device.key.room.clone(),
        node: device.key.device.clone(),
        channel: Some(Name::from(format!("device:command:{}:{}", device.key.room, device.key.device))),
        ..row(map, *bus, Address::Id(*id), frame, &frame.signals[*signal])
    }
}

/// The part of a row that is the signal's.
fn row(map: &ChannelMap, bus: BusId, address: Address, frame: &FrameLayout, signal: &Signal) -> Row {
    Row {
        bus: map.buses[usize::from(bus.0)].name.clone(),
        id: address.to_string(),
        frame: frame.name.clone(),
        kind: RowKind::Command,
        room: Name::from(""),
        node: Name::from(""),
        channel: None,
        field: signal.name.clone(),
        signal: signal.name.clone(),
        unit: signal.unit.clone(),
        layout: signal.layout.to_string(),
        when: when(frame, &signal.when),
        range: signal.range,
        values: signal.values.iter().map(|(_, text)| text.clone()).collect(),
    }
}

fn when(frame: &FrameLayout, conditions: &[When]) -> Option<String> {
    let shown = |(from, to): &(u64, u64)| if from == to { from.to_string() } else { format!("{from}..{to}") };
    let condition = |when: &When| {
        let values: Vec<String> = when.values.iter().map(shown).collect();
        format!("{} = {}", frame.signals[when.multiplexer].name, values.join(", "))
    };
    (!conditions.is_empty()).then(|| conditions.iter().map(condition).collect::<Vec<_>>().join(", "))
}
