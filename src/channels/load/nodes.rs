//! Nodes: rows written out, fields named, sources made. A node that sends several frames is one source.

use std::collections::HashMap;
use std::sync::Arc;

use crate::can::{BusId, CanId};
use crate::files::{Entries, Place, Spanned};
use crate::model::{Name, Source, SourceKind, Value};

use super::super::codec::Signal;
use super::super::j1939::{Address, Group, LAST_ADDRESS, is_addressed, no_value_from};
use super::super::map::{Bus, Field, FrameLayout, NodeFrame};
use super::super::spec::{BusSpec, IdSpec, NodeSpec};
use super::check::Check;
use super::claims::{Claim, Claims, Role};
use super::facts;
use super::fields::{self, Picks};
use super::frames::{FrameEntry, Frames};
use super::names::{check_name, name_fault};
use super::template::{Filling, check_template, fill};

/// More nodes than any site has; a slip in `count` must not fill the memory.
const MOST_IN_ROW: u64 = 4096;

/// What nodes and devices refer to.
#[derive(Debug)]
pub(super) struct Sites<'a> {
    pub(super) buses: &'a [Bus],
    pub(super) fd: &'a Entries<BusSpec>,
    pub(super) frames: &'a Frames<'a>,
}

impl Sites<'_> {
    /// Finds a bus by name, reporting one that does not exist.
    pub(super) fn bus(&self, check: &mut Check, name: &Spanned<String>) -> Option<BusId> {
        let found = self.buses.iter().position(|bus| *bus.name == *name.value);
        if found.is_none() {
            let names = self.buses.iter().map(|bus| &*bus.name);
            check.unknown(name, format!("there is no bus '{}'", name.value)).did_you_mean(name, names);
        }
        found.and_then(|at| u8::try_from(at).ok()).map(BusId)
    }

    /// A frame longer than 8 bytes needs CAN FD.
    pub(super) fn check_fd(&self, check: &mut Check, bus: BusId, frame: &FrameEntry, place: Place) {
        let (length, name) = (frame.layout.length, &frame.layout.name);
        if let Some((bus, spec)) = self.fd.0.get(usize::from(bus.0))
            && length > 8
            && !spec.fd
        {
            let message = format!("the frame {name} has {length} bytes, and the bus {} is no CAN FD", bus.value);
            check.warning(place, message).help("such frames never come here; is `fd: true` missing at the bus?");
        }
    }
}

/// A node's frame before the source that it belongs to is known.
#[derive(Debug)]
struct Draft {
    node: Name,
    frame: NodeDraft,
}

/// What of a [`NodeFrame`] does not depend on the node's other frames.
#[derive(Debug)]
struct NodeDraft {
    bus: BusId,
    at: Address,
    layout: Arc<FrameLayout>,
    fields: Vec<Field>,
    stale_after: std::time::Duration,
    part_stale_after: std::time::Duration,
}

/// All frames that nodes send, in the order of the file.
pub(super) fn nodes(
    check: &mut Check,
    sites: &Sites<'_>,
    claims: &mut Claims,
    rooms: &Entries<Entries<Vec<Spanned<NodeSpec>>>>,
) -> Vec<NodeFrame> {
    let mut all = Vec::new();
    let mut homes: HashMap<Name, (String, usize)> = HashMap::new();
    for (room, clusters) in rooms {
        check_name(check, "room", room);
        for (cluster, nodes) in clusters {
            check_name(check, "cluster", cluster);
            let mut drafts = Vec::new();
            let mut seen = fields::Seen::default();
            for spec in nodes {
                let begin = drafts.len();
                row(check, sites, claims, spec, &mut drafts);
                let home = format!("{}/{}", room.escape_debug(), cluster.escape_debug());
                for draft in &drafts[begin..] {
                    if !at_home(check, &mut homes, spec, draft, &home)
                        || !seen.add(check, &draft.node, &draft.frame.fields, spec.node.place)
                    {
                        break;
                    }
                }
            }
            all.extend(finish(room, cluster, drafts));
        }
    }
    all
}

/// A node stands in one cluster. Whether it does.
fn at_home(
    check: &mut Check,
    homes: &mut HashMap<Name, (String, usize)>,
    spec: &NodeSpec,
    draft: &Draft,
    home: &str,
) -> bool {
    let (first, line) = homes.entry(draft.node.clone()).or_insert_with(|| (home.to_owned(), spec.node.place.line));
    if first == home {
        return true;
    }
    let message = format!("the node {} stands in {first} already (line {line})", draft.node);
    check.error(spec.node.place, message).help("rules tell nodes apart by their names: give each its own");
    false
}

/// Makes the sources of a cluster, one a node.
fn finish(room: &str, cluster: &str, drafts: Vec<Draft>) -> Vec<NodeFrame> {
    let (room, cluster): (Name, Name) = (room.into(), cluster.into());
    let (channel, broad): (Name, Name) = (format!("sensor:update:{room}:{cluster}").into(), "sensor:update".into());
    let mut sources: HashMap<Name, Arc<Source>> = HashMap::new();
    for draft in &drafts {
        if sources.contains_key(&draft.node) {
            continue;
        }
        // A frame that publishes nothing tells nothing about the node's readings, and nothing about their age.
        let own = drafts.iter().filter(|other| other.node == draft.node);
        let speaking = own.filter(|other| other.frame.fields.iter().any(|field| field.published));
        let stale_after = speaking.clone().map(|other| other.frame.stale_after).max();
        let source = Source {
            kind: SourceKind::Node,
            room: room.clone(),
            place: cluster.clone(),
            name: draft.node.clone(),
            channel: channel.clone(),
            broad: broad.clone(),
            stale_after: Some(stale_after.unwrap_or(draft.frame.stale_after)),
            frames: speaking.clone().flat_map(|draft| fields::parts(&draft.frame.fields)).collect(),
            facts: speaking.flat_map(|draft| facts::of_node(&draft.frame.layout, &draft.frame.fields)).collect(),
        };
        sources.insert(draft.node.clone(), Arc::new(source));
    }
    let frame = |Draft { node, frame }: Draft| {
        let NodeDraft { bus, at, layout, fields, stale_after, part_stale_after } = frame;
        let (id, group) = match at {
            Address::Id(id) => (id, None),
            Address::Group(group) => (group.example(), Some(group)),
        };
        let source = sources[&node].clone();
        NodeFrame { source, bus, id, group, frame: layout, fields, stale_after, part_stale_after }
    };
    drafts.into_iter().map(frame).collect()
}

/// One entry of a cluster: a node, or a row of them.
fn row(check: &mut Check, sites: &Sites<'_>, claims: &mut Claims, spec: &NodeSpec, drafts: &mut Vec<Draft>) {
    let bus = sites.bus(check, &spec.bus);
    let frame = sites.frames.find(check, &spec.frame);
    let ids = ids(check, spec, frame);
    let is_row = matches!(spec.id.as_ref().map(|id| &id.value), Some(IdSpec::Row(_)));
    let named = check_node_name(check, spec, is_row);
    let Some(frame) = frame else { return };
    let picks = Picks::read(check, spec, frame, is_row);
    let (Some(bus), Some(ids), Some(picks), true) = (bus, ids, picks, named) else { return };
    sites.check_fd(check, bus, frame, spec.frame.place);
    picks.warn_of_mixing(check, frame);
    let mut fine = true;
    let layout = if spec.pgn.is_some() { Arc::new(of_group(&frame.layout)) } else { frame.layout.clone() };
    for (n, at) in (1..).zip(ids) {
        let filling = Filling { n: is_row.then_some(n), ..Filling::default() };
        let node = Name::from(fill(&spec.node, filling));
        let fields = picks.fields(check, frame, filling.n, &mut fine);
        if fine {
            let place = spec.id.as_ref().map(|id| id.place).or(spec.pgn.as_ref().map(|pgn| pgn.place));
            let place = place.unwrap_or(spec.node.place);
            let (whom, frame) = (format!("node {node}"), frame.layout.name.to_string());
            fine = claims.add(check, bus, at, Claim { role: Role::Node, whom, frame, signal: None, place });
        }
        let (stale_after, part_stale_after) = (frame.stale_after, frame.part_stale_after);
        let frame = NodeDraft { bus, at, layout: layout.clone(), fields, stale_after, part_stale_after };
        drafts.push(Draft { node, frame });
        if !fine {
            // The rest of a row has the same fault.
            return;
        }
    }
}

/// Whether the nodes of an entry can be told apart.
fn check_node_name(check: &mut Check, spec: &NodeSpec, is_row: bool) -> bool {
    let known: &[&str] = if is_row { &["n"] } else { &[] };
    if !check_template(check, &spec.node, known) {
        return false;
    }
    let alike = is_row && !spec.node.contains("{n}");
    if alike {
        let message = format!("all nodes of this row would be called '{}'", spec.node.value);
        check.error(spec.node.place, message).help(format!("number them: \"{}{{n}}\"", spec.node.value));
    }
    if let Some(why) = name_fault(&fill(&spec.node, Filling { n: Some(1), ..Filling::default() })) {
        let name = spec.node.value.escape_debug();
        check.error(spec.node.place, format!("a node cannot be called '{name}': {why}"));
    }
    !alike
}

/// The identifiers of an entry in order; `None` where there are none to work with, which is reported.
fn ids(check: &mut Check, spec: &NodeSpec, frame: Option<&FrameEntry>) -> Option<Vec<Address>> {
    if let Some(pgn) = &spec.pgn {
        let group = group(check, pgn, spec.source.as_ref());
        if let Some(id) = &spec.id {
            check.error(id.place, "a node is matched by `id` or by `pgn`, not by both").help("keep one of them");
            return None;
        }
        return Some(vec![Address::Group(group?)]);
    }
    if let Some(source) = &spec.source {
        let message = "`source` goes with `pgn`: it is the address of a J1939 node";
        check.lacking(source.place, &["pgn"], message);
    }
    let Some(id) = &spec.id else {
        // Without a frame there is no telling whether a database has the id.
        let frame = frame?;
        if frame.id.is_none() {
            let message = format!("the node {} has no `id`", spec.node.value);
            check
                .lacking(spec.node.place, &["id", "pgn"], message)
                .help("write the CAN id that it sends with: `id: 0x181`");
        }
        return frame.id.map(|id| vec![id.into()]);
    };
    match &id.value {
        IdSpec::One(raw) => can_id(check, *raw, id.place).map(|id| vec![id.into()]),
        IdSpec::Row(row) => {
            if row.count == 0 || row.count > MOST_IN_ROW {
                let message = format!("a row of {} nodes is none: it has 1 to {MOST_IN_ROW}", row.count);
                check.error(id.place, message);
                return None;
            }
            let step = row.step.unwrap_or(1);
            if step == 0 {
                check.error(id.place, "a row with a step of 0 has one id for all").help("leave `step` out for 1");
                return None;
            }
            let last = row.first.saturating_add((row.count - 1).saturating_mul(step));
            let (first, last) = (can_id(check, row.first, id.place)?, can_id(check, last, id.place)?);
            if std::mem::discriminant(&first) != std::mem::discriminant(&last) {
                let message = format!("the row goes from {first} to {last}: from 11 bits to 29");
                check.error(id.place, message).help("make it two rows");
                return None;
            }
            let made = |raw: u32| CanId::standard(raw).or(CanId::extended(raw)).map(Address::Id);
            Some((first.raw()..=last.raw()).step_by(step as usize).filter_map(made).collect())
        }
    }
}

/// A J1939 group and its sender.
fn group(check: &mut Check, pgn: &Spanned<u32>, source: Option<&Spanned<Value>>) -> Option<Group> {
    let number = pgn.value;
    if number > 0x3_FFFF {
        check.error(pgn.place, format!("{number:#X} is no PGN: they have 18 bits"));
        return None;
    }
    if is_addressed(number) && number & 0xFF != 0 {
        let message = format!("{number:#X} is no PGN: below 0xF000 the last byte is whom a frame is sent to");
        check
            .error(pgn.place, message)
            .help(format!("write {:#X}: it is heard whoever it is sent to", number & 0x3_FF00));
        return None;
    }
    let Some(source) = source else { return Some(Group { pgn: number, source: None }) };
    match &source.value {
        Value::Text(word) if &**word == "any" => Some(Group { pgn: number, source: None }),
        Value::Number(address) if address.fract() == 0.0 && (0.0..=f64::from(LAST_ADDRESS)).contains(address) => {
            Some(Group { pgn: number, source: Some(*address as u8) })
        }
        other => {
            let message = format!("'{other}' is no source address");
            check.error(source.place, message).help("write `any`, or an address from 0 to 0xFD");
            None
        }
    }
}

/// A frame as a J1939 node sends it: what the standard keeps for "error" and "not available" is no value.
fn of_group(layout: &FrameLayout) -> FrameLayout {
    let signal = |signal: &Signal| {
        let reserved = no_value_from(signal.layout).filter(|_| signal.invalid.is_none());
        Signal { no_value_from: reserved, ..signal.clone() }
    };
    FrameLayout { signals: layout.signals.iter().map(signal).collect(), ..layout.clone() }
}

/// Up to 0x7FF an identifier has 11 bits, above it 29: no node of a greenhouse sends a small one with 29 bits.
pub(super) fn can_id(check: &mut Check, raw: u64, place: Place) -> Option<CanId> {
    let id = u32::try_from(raw).ok().and_then(|raw| CanId::standard(raw).or(CanId::extended(raw)));
    if id.is_none() {
        let message = format!("{raw:#X} is no CAN id");
        check.error(place, message).help("they go up to 0x7FF with 11 bits, and up to 0x1FFFFFFF with 29");
    }
    id
}
