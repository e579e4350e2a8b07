//! From what `channels.yaml` says to what runs: every fault of the file at once, each with its place.

mod devices;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::can::{BusId, CanId};
use crate::files::{Place, Report, SourceFile, Spanned, read};
use crate::model::{Inventory, Name, Source, SourceKind, WellKnown, parse_duration};

use super::signals::frame_layout;
use super::spec::{BusSpec, IdSpec, MapSpec, NodeSpec};
use super::{Bus, ChannelMap, Device, Field, FrameLayout, Link, NodeFrame};

/// Without a cycle and without a `stale_after`, a source is stale after this long.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// Reads and checks a channel map; `None` if there were errors. What this version cannot do yet is left out with a warning.
pub fn load(file: &Arc<SourceFile>, report: &mut Report) -> Option<ChannelMap> {
    let before = report.errors();
    let spec: MapSpec = read(file, report)?;
    if spec.version.value != 1 {
        report.error(file, spec.version.place, format!("version {} is not known: 1 is", spec.version.value));
    }
    let mut loader = Loader { file, report, spec: &spec, buses: Vec::new(), frames: HashMap::new(), later: Vec::new() };
    let map = loader.map();
    loader.warn_later();
    (report.errors() == before).then_some(map)
}

struct Loader<'a> {
    file: &'a Arc<SourceFile>,
    report: &'a mut Report,
    spec: &'a MapSpec,
    buses: Vec<Bus>,
    frames: HashMap<&'a str, Arc<FrameLayout>>,
    /// What has no effect yet, each once, where it first stands.
    later: Vec<(&'static str, Place)>,
}

impl<'a> Loader<'a> {
    fn map(&mut self) -> ChannelMap {
        for (name, bus) in &self.spec.buses {
            let link = self.link(name, bus);
            self.buses.push(Bus { name: name.value.as_str().into(), link });
        }
        for (name, frame) in &self.spec.frames {
            let layout = frame_layout(self.file, name, frame, self.report, &mut self.later);
            self.frames.insert(name.value.as_str(), Arc::new(layout));
        }
        if let Some((name, _)) = self.spec.databases.iter().next() {
            self.later.push(("databases", name.place));
        }
        if self.spec.defaults.publish.is_some() {
            self.later.push(("publish", Place::default()));
        }
        let nodes = self.nodes();
        let devices = self.devices();
        let mut sources: Vec<Arc<Source>> = Vec::new();
        let feedback = devices.iter().filter_map(|device: &Device| device.feedback.as_ref()).map(|f| &f.source);
        for source in nodes.iter().map(|node| &node.source).chain(feedback) {
            if !sources.iter().any(|known| Arc::ptr_eq(known, source)) {
                sources.push(source.clone());
            }
        }
        let inventory = Inventory { sources, devices: devices.iter().map(|device| device.key.clone()).collect() };
        ChannelMap { buses: std::mem::take(&mut self.buses), nodes, devices, inventory: Arc::new(inventory) }
    }

    fn warn_later(&mut self) {
        let mut said: Vec<&str> = Vec::new();
        for (what, place) in std::mem::take(&mut self.later) {
            if !said.contains(&what) {
                said.push(what);
                self.report.warning(self.file, place, format!("`{what}` has no effect yet"));
            }
        }
    }

    fn link(&mut self, name: &Spanned<String>, bus: &BusSpec) -> Link {
        self.check_name(name);
        match (&bus.interface, &bus.replay, bus.simulate) {
            (Some(interface), None, false) => Link::Interface(interface.value.as_str().into()),
            (None, Some(path), false) => {
                let speed = bus.speed.as_ref().map_or(1.0, |speed| speed.value);
                if !(speed.is_finite() && speed > 0.0) {
                    self.report.error(self.file, path.place, "a speed is a number over 0: 1 is as recorded");
                }
                Link::Replay { path: PathBuf::from(&path.value), speed }
            }
            (None, None, true) => Link::Simulated,
            _ => {
                let message = format!("bus `{}` needs one of `interface`, `replay` or `simulate: true`", name.value);
                self.report.error(self.file, name.place, message);
                Link::Simulated
            }
        }
    }

    fn check_name(&mut self, name: &Spanned<String>) {
        let bad = name.chars().find(|c| ":*?[]\\".contains(*c) || c.is_control());
        if let Some(bad) = bad {
            let message = format!("a name cannot have {bad:?}: channels are made of it, and patterns match them");
            self.report.error(self.file, name.place, message);
        } else if name.trim().is_empty() {
            self.report.error(self.file, name.place, "a name cannot be empty");
        }
    }

    fn bus(&mut self, name: &Spanned<String>) -> Option<BusId> {
        match self.buses.iter().position(|bus| *bus.name == *name.value) {
            Some(at) => u8::try_from(at).ok().map(BusId),
            None => {
                let names = self.spec.buses.keys();
                self.report
                    .error(self.file, name.place, format!("there is no bus `{}`", name.value))
                    .did_you_mean(&name.value, names);
                None
            }
        }
    }

    fn frame(&mut self, name: &Spanned<String>) -> Option<Arc<FrameLayout>> {
        if let Some(frame) = self.frames.get(name.value.as_str()) {
            return Some(frame.clone());
        }
        let database = name.split_once('.').map(|(database, _)| database);
        if database.is_some_and(|database| self.spec.databases.get(database).is_some()) {
            self.later.push(("databases", name.place));
            return None;
        }
        self.report
            .error(self.file, name.place, format!("there is no frame `{}`", name.value))
            .did_you_mean(&name.value, self.spec.frames.keys());
        None
    }

    fn id(&mut self, raw: u32, place: Place) -> Option<CanId> {
        let id = CanId::standard(raw).or_else(|| CanId::extended(raw));
        if id.is_none() {
            self.report.error(self.file, place, format!("identifier {raw:#X} has more than 29 bits"));
        }
        id
    }

    fn nodes(&mut self) -> Vec<NodeFrame> {
        let mut nodes: Vec<NodeFrame> = Vec::new();
        for (room, clusters) in &self.spec.rooms {
            self.check_name(room);
            for (cluster, list) in clusters {
                self.check_name(cluster);
                for node in list {
                    self.node(room, cluster, node, &mut nodes);
                }
            }
        }
        self.check_fields(&nodes);
        nodes
    }

    fn node(&mut self, room: &str, cluster: &str, node: &Spanned<NodeSpec>, nodes: &mut Vec<NodeFrame>) {
        if let Some(pgn) = &node.pgn {
            self.later.push(("pgn", pgn.place));
            return;
        }
        let (bus, frame) = (self.bus(&node.bus), self.frame(&node.frame));
        let (Some(bus), Some(frame)) = (bus, frame) else { return };
        let Some(id) = &node.id else {
            self.report.error(self.file, node.node.place, format!("node `{}` needs an `id`", node.node.value));
            return;
        };
        let (first, count) = match &id.value {
            IdSpec::One(raw) => (*raw, None),
            IdSpec::Row(row) => (row.first, Some(row.count)),
        };
        for n in 0..count.unwrap_or(1) {
            let Some(can_id) = self.id(first.saturating_add(n), id.place) else { return };
            let number = count.map(|_| n + 1);
            let name = Spanned { value: numbered(&node.node.value, number), place: node.node.place };
            self.check_name(&name);
            if let Some(other) = nodes.iter().find(|other| (other.bus, other.id) == (bus, can_id)) {
                let message = format!("id {can_id} is node `{}`'s already", other.source.name);
                self.report.error(self.file, id.place, message);
            }
            let fields = self.fields(node, &frame, number);
            let source = self.source(room, cluster, &name.value, &frame, &fields, nodes);
            nodes.push(NodeFrame { source, bus, id: can_id, frame: frame.clone(), fields });
        }
    }

    fn fields(&mut self, node: &NodeSpec, frame: &FrameLayout, number: Option<u32>) -> Vec<Field> {
        for name in node.signals.keys().chain(node.adjust.keys()) {
            if frame.signal(name).is_none() {
                let names = frame.signals.iter().map(|signal| &*signal.name);
                self.report
                    .error(self.file, node.node.place, format!("frame `{}` has no signal `{name}`", frame.name))
                    .did_you_mean(name, names);
            }
        }
        let spec = self.spec.frames.get(&frame.name);
        let mut fields = Vec::new();
        for (at, signal) in frame.signals.iter().enumerate() {
            let picked = node.signals.get(&signal.name);
            if picked.is_none() && !node.signals.is_empty() {
                continue;
            }
            let template = picked.or(node.name.as_ref()).map_or("{signal}", |name| name.value.as_str());
            let name = numbered(&template.replace("{signal}", &signal.name), number);
            let never = spec.and_then(|frame| frame.signals.get(&signal.name)).is_some_and(|s| s.is_never_published());
            let adjust = node.adjust.get(&signal.name);
            let adjust = adjust.map(|a| (a.scale.unwrap_or(1.0), a.offset.unwrap_or(0.0)));
            let reserved = WellKnown::RESERVED.contains(&name.as_str()) || KEYWORDS.contains(&name.as_str());
            if reserved {
                let message = format!("a field cannot be called `{name}`: the word is reserved");
                self.report.error(self.file, node.node.place, message).help("give the node a `name:` template");
            }
            fields.push(Field { signal: at, name: name.into(), published: !never, adjust });
        }
        fields
    }

    fn source(
        &mut self,
        room: &str,
        cluster: &str,
        name: &str,
        frame: &FrameLayout,
        fields: &[Field],
        nodes: &mut [NodeFrame],
    ) -> Arc<Source> {
        let known =
            nodes.iter().find(|n| (&*n.source.room, &*n.source.place, &*n.source.name) == (room, cluster, name));
        let names: Vec<Name> = fields.iter().filter(|f| f.published).map(|f| f.name.clone()).collect();
        let stale_after = self.stale_after(frame);
        let mut source = Source {
            kind: SourceKind::Node,
            room: room.into(),
            place: cluster.into(),
            name: name.into(),
            channel: format!("sensor:update:{room}:{cluster}").into(),
            broad: "sensor:update".into(),
            stale_after: Some(stale_after),
            frames: vec![names],
        };
        let Some(known) = known.map(|node| node.source.clone()) else { return Arc::new(source) };
        // One node with several frames is one source, stale when the slowest of them is.
        source.stale_after = known.stale_after.max(source.stale_after);
        source.frames.splice(0..0, known.frames.iter().cloned());
        let source = Arc::new(source);
        for node in nodes.iter_mut().filter(|node| Arc::ptr_eq(&node.source, &known)) {
            node.source = source.clone();
        }
        source
    }

    fn stale_after(&mut self, frame: &FrameLayout) -> Duration {
        let own = self.spec.frames.get(&frame.name).and_then(|frame| frame.stale_after.as_ref());
        let Some(text) = own.or(self.spec.defaults.stale_after.as_ref()) else {
            return frame.cycle.map_or(STALE_AFTER, |cycle| cycle * 3);
        };
        let cycles = text.strip_suffix("cycles").or_else(|| text.strip_suffix("cycle"));
        match cycles.map(|number| number.trim().parse::<u32>()) {
            Some(Ok(number)) if number > 0 => frame.cycle.map_or(STALE_AFTER, |cycle| cycle * number),
            None if parse_duration(text).is_ok_and(|span| !span.is_zero()) => parse_duration(text).unwrap_or_default(),
            _ => {
                let message = format!("`{}` is neither cycles nor a duration: write 3 cycles, or 30s", text.value);
                self.report.error(self.file, text.place, message);
                STALE_AFTER
            }
        }
    }

    fn check_fields(&mut self, nodes: &[NodeFrame]) {
        let mut seen: HashMap<(&str, &str), &Name> = HashMap::new();
        for node in nodes {
            for field in node.fields.iter().filter(|field| field.published) {
                if let Some(other) = seen.insert((&node.source.channel, &field.name), &node.source.name) {
                    let message = format!(
                        "field `{}` comes from `{other}` and from `{}` on {}",
                        field.name, node.source.name, node.source.channel
                    );
                    // Two nodes of one kind in one cluster are the usual case: their messages name the node.
                    if *other == node.source.name {
                        self.report.error(self.file, Place::default(), message);
                    }
                }
            }
        }
    }
}

fn numbered(template: &str, number: Option<u32>) -> String {
    number.map_or_else(|| template.to_owned(), |n| template.replace("{n}", &n.to_string()))
}

/// Rhai's words: `msg.default` would not compile.
pub(super) const KEYWORDS: [&str; 50] = [
    "as",
    "async",
    "await",
    "break",
    "call",
    "case",
    "catch",
    "const",
    "continue",
    "curry",
    "debug",
    "default",
    "do",
    "else",
    "eval",
    "export",
    "false",
    "fn",
    "for",
    "global",
    "go",
    "goto",
    "if",
    "import",
    "in",
    "is",
    "is_shared",
    "let",
    "loop",
    "match",
    "module",
    "new",
    "null",
    "nil",
    "package",
    "print",
    "private",
    "protected",
    "public",
    "return",
    "shared",
    "static",
    "super",
    "switch",
    "sync",
    "this",
    "throw",
    "true",
    "try",
    "with",
];
