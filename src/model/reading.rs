//! What one frame of a node or a device said, decoded: the Gateway's output.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{DeviceKey, Fields, Message, Name, Provenance, Timestamp, Value};

/// Who speaks on the bus: a sensor node of a cluster, or a device's feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A sensor node; its place is a cluster.
    Node,
    /// A device that may be switched; its place is itself.
    Device,
}

/// One node or device of the channel map, with the channels that its messages go to.
#[derive(Debug, PartialEq)]
pub struct Source {
    /// Node or device.
    pub kind: SourceKind,
    /// Name of the room.
    pub room: Name,
    /// Name of the cluster (node) or of the device.
    pub place: Name,
    /// Name of the node, or of the device.
    pub name: Name,
    /// `sensor:update:<room>:<cluster>` or `device:update:<room>:<device>`.
    pub channel: Name,
    /// `sensor:update` or `device:update`.
    pub broad: Name,
    /// Without a frame for this long it is stale; `None` if its map gives no cycle.
    pub stale_after: Option<Duration>,
    /// The fields of each of its frames: what comes together in one message, and what a stale message sets to `null`.
    pub frames: Vec<Vec<Name>>,
    /// What the map says of each of these fields, for checks; for a device also of `state`.
    pub facts: Vec<FieldFacts>,
}

/// What the map says of one field, as far as it says anything.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldFacts {
    /// The field's name.
    pub name: Name,
    /// The least and the greatest number that it can be, calibration included; infinite where nothing limits it. `None`:
    /// it is always a text.
    pub numbers: Option<(f64, f64)>,
    /// The texts that it can be.
    pub texts: Arc<[Name]>,
    /// The unit, for people.
    pub unit: Option<Name>,
    /// How often its node sends it.
    pub cycle: Option<Duration>,
    /// How soon after a message another can bring a new number, by cycle and publish policy.
    pub news: Option<Duration>,
    /// How long after a message the next one comes while nothing changes; `MAX` for never.
    pub steady: Option<Duration>,
}

/// What a site has, for whoever checks names against it: the channel map without its bits and bytes.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Every node and every device with feedback.
    pub sources: Vec<Arc<Source>>,
    /// Every device that may be switched.
    pub devices: Vec<DeviceKey>,
}

impl Inventory {
    /// By channel and name, what its nodes and devices say here and do not say in `other`: these fields, or `None`: it is
    /// there no more.
    #[must_use]
    pub fn unsaid_in(&self, other: &Inventory) -> Unsaid {
        let (before, now) = (self.said(), other.said());
        let unsaid = |(speaker, fields): (Speaker, HashSet<Name>)| match now.get(&speaker) {
            None => Some((speaker, None)),
            Some(now) => Some(fields.difference(now).cloned().collect::<HashSet<_>>())
                .filter(|fields| !fields.is_empty())
                .map(|fields| (speaker, Some(fields))),
        };
        before.into_iter().filter_map(unsaid).collect()
    }

    /// By channel, what nobody says in `other` who said it here: these fields, or `None`: nobody is there any more. Who is
    /// new there has not said anything yet.
    #[must_use]
    pub fn unheard_in(&self, other: &Inventory) -> BTreeMap<Name, Option<HashSet<Name>>> {
        let (before, now) = (self.said(), other.said());
        let mut unheard = BTreeMap::<Name, Option<HashSet<Name>>>::new();
        for ((channel, name), fields) in self.unsaid_in(other) {
            let said = before.get(&(channel.clone(), name)).cloned().unwrap_or_default();
            unheard.entry(channel).or_default().get_or_insert_default().extend(fields.unwrap_or(said));
        }
        for (channel, fields) in &mut unheard {
            let first = (channel.clone(), Name::default());
            let there = now.range(first..).take_while(|((on, _), _)| on == channel);
            let mut staying = there.filter(|(speaker, _)| before.contains_key(speaker)).peekable();
            if staying.peek().is_none() {
                *fields = None;
            }
            for (_, said) in staying {
                fields.iter_mut().for_each(|fields| fields.retain(|field| !said.contains(field)));
            }
        }
        unheard
    }

    /// Who speaks, with the fields of its frames; devices without feedback have none.
    fn said(&self) -> BTreeMap<Speaker, HashSet<Name>> {
        let device = |device: &DeviceKey| ((device.channel(), device.device.clone()), HashSet::new());
        let mut said: BTreeMap<_, _> = self.devices.iter().map(device).collect();
        for source in &self.sources {
            let fields: &mut HashSet<Name> = said.entry((source.channel.clone(), source.name.clone())).or_default();
            fields.extend(source.frames.iter().flatten().cloned());
        }
        said
    }
}

/// A node or a device by its channel and its name.
pub type Speaker = (Name, Name);

/// What is not said any more under another map: some fields, or all (`None`) of whom it has no more.
pub type Unsaid = BTreeMap<Speaker, Option<HashSet<Name>>>;

/// Why a value is `null` in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// The node itself says that it has no value.
    Invalid,
    /// No frame for longer than `stale_after`.
    Stale,
    /// Outside the signal's `range`.
    OutOfRange,
    /// The frame ends before the signal does.
    Short,
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quality::Invalid => "invalid",
            Quality::Stale => "stale",
            Quality::OutOfRange => "out of range",
            Quality::Short => "short",
        })
    }
}

/// The values of one frame, or (`stale`) the word that a source has fallen silent.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Who said it.
    pub source: Arc<Source>,
    /// When the frame arrived, or when the silence was noticed.
    pub at: Timestamp,
    /// Field name and value in the order of the map; a value that is not good is `Null`.
    pub values: Fields,
    /// Why, for each `Null`.
    pub quality: Vec<(Name, Quality)>,
    /// The source has fallen silent; all values are `Null`.
    pub stale: bool,
    /// Whether it becomes a message.
    pub publication: Publication,
}

/// Whether a reading becomes a message, by the publish policy: rules see messages, guards see every reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// It is published as it arrives.
    AtOnce,
    /// It is not published, or not yet: for the guards alone.
    HeldBack,
    /// It was `HeldBack` when it arrived, and is published now.
    Late,
}

impl Reading {
    /// The flat message of a node's reading: `ts room cluster node`, the values, and `quality` where one is not good.
    /// The Router puts the `id` in front.
    #[must_use]
    pub fn to_message(&self, names: &WellKnown) -> Message {
        let mut fields = Fields::with_capacity(self.values.len() + 6);
        let place = match self.source.kind {
            SourceKind::Node => &names.cluster,
            SourceKind::Device => &names.device,
        };
        fields.push(names.ts.clone(), Value::Number(self.at.utc.seconds()));
        fields.push(names.room.clone(), Value::Text(self.source.room.clone()));
        fields.push(place.clone(), Value::Text(self.source.place.clone()));
        if self.source.kind == SourceKind::Node {
            fields.push(names.node.clone(), Value::Text(self.source.name.clone()));
        }
        for (name, value) in &self.values {
            fields.push(name.clone(), value.clone());
        }
        if !self.quality.is_empty() {
            let why = self.quality.iter().map(|(name, quality)| (name.clone(), Value::text(&quality.to_string())));
            fields.push(names.quality.clone(), Value::Map(Box::new(why.collect())));
        }
        Message {
            channel: self.source.channel.clone(),
            broad: Some(self.source.broad.clone()),
            source: Some(self.source.name.clone()),
            provenance: Provenance::Frames,
            stale: self.stale,
            hop: 0,
            fields,
        }
    }
}

/// The reserved field names, made once: a message then costs no allocation for its keys.
#[derive(Clone, Debug)]
pub struct WellKnown {
    /// `id`
    pub id: Name,
    /// `ts`
    pub ts: Name,
    /// `room`
    pub room: Name,
    /// `cluster`
    pub cluster: Name,
    /// `node`
    pub node: Name,
    /// `device`
    pub device: Name,
    /// `quality`
    pub quality: Name,
    /// `revision`, of decisions: a signal may be called so.
    pub revision: Name,
}

impl WellKnown {
    /// Names that no signal may have.
    pub const RESERVED: [&'static str; 7] = ["id", "ts", "room", "cluster", "node", "device", "quality"];
}

impl Default for WellKnown {
    fn default() -> WellKnown {
        let [id, ts, room, cluster, node, device, quality] = WellKnown::RESERVED.map(Name::from);
        WellKnown { id, ts, room, cluster, node, device, quality, revision: "revision".into() }
    }
}
