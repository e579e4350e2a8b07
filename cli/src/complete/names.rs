//! What there is to offer: rules by their files, channels, nodes and devices by the channel map. Nothing is compiled, and
//! what cannot be read offers nothing: a shell has no place for faults.

use std::collections::BTreeMap;
use std::fs;

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use growctl_engine::app::load_map;
use growctl_engine::channels::ChannelMap;
use growctl_engine::files::Report;
use growctl_engine::model::SourceKind;

use super::{is_typed, site};

/// Names, each with a word about it, which may be empty.
type Offer = Vec<(String, String)>;

/// Offers what a function finds when a shell asks; in its order.
pub(crate) fn offer(find: fn() -> Offer) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let candidate = |(place, (name, about)): (usize, (String, String))| {
            let about = Some(about).filter(|about| !about.is_empty());
            CompletionCandidate::new(name).help(about.map(Into::into)).display_order(Some(place))
        };
        find().into_iter().enumerate().map(candidate).collect()
    })
}

/// The rules of the site.
pub(crate) fn rules() -> ArgValueCandidates {
    offer(|| {
        let files = fs::read_dir(site().join("rules")).into_iter().flatten().flatten();
        let mut rules: Offer = files
            .filter_map(|file| {
                let name = file.file_name().into_string().ok()?;
                let name =
                    name.strip_suffix(".yaml").filter(|name| !name.ends_with("_test") && !name.starts_with('.'))?;
                let text = fs::read_to_string(file.path()).unwrap_or_default();
                let about = text.lines().find_map(|line| line.strip_prefix("description:")).unwrap_or_default();
                Some((name.to_owned(), about.trim().trim_matches(['"', '\'']).to_owned()))
            })
            .collect();
        rules.sort();
        rules
    })
}

/// Patterns of channels that somebody may listen to.
pub(crate) fn hear() -> ArgValueCandidates {
    offer(|| {
        let map = map();
        let nodes = map.iter().flat_map(nodes_of);
        let devices = map.iter().flat_map(devices_of);
        let mut all = branch("sensor:update", "readings", nodes);
        all.extend(branch("device:update", "devices", devices));
        all.push(("device:command:*".to_owned(), "what clients ask of devices".to_owned()));
        all.push(("system:update:*".to_owned(), "the engine about itself".to_owned()));
        all
    })
}

/// Channels that somebody may speak on: the commands of devices.
pub(crate) fn say() -> ArgValueCandidates {
    offer(|| {
        let command = |(room, device, kind)| (format!("device:command:{room}:{device}"), kind);
        map().iter().flat_map(devices_of).map(command).collect()
    })
}

/// Rooms that have devices.
pub(crate) fn rooms() -> ArgValueCandidates {
    offer(|| {
        let mut rooms: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (room, device, _) in map().iter().flat_map(devices_of) {
            rooms.entry(room).or_default().push(device);
        }
        rooms.into_iter().map(|(room, devices)| (room, devices.join(", "))).collect()
    })
}

/// Devices by their names: of the room that the line names, or of every room if it names none.
pub(crate) fn devices() -> ArgValueCandidates {
    offer(|| {
        let map = map();
        let all = || map.iter().flat_map(devices_of);
        let named = all().any(|(room, ..)| is_typed(&room));
        let mut devices: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (room, device, kind) in all().filter(|(room, ..)| !named || is_typed(room)) {
            devices.entry(device).or_default().push(format!("{room}, {kind}"));
        }
        devices.into_iter().map(|(device, about)| (device, about.join("; "))).collect()
    })
}

/// Nodes and devices: what can be made to fail.
pub(crate) fn plant() -> ArgValueCandidates {
    offer(|| {
        let map = map();
        let mut nodes = BTreeMap::new();
        nodes.extend(map.iter().flat_map(nodes_of).map(|(room, cluster, node)| (node, format!("{room}/{cluster}"))));
        nodes.into_iter().chain(device_names(&map)).collect()
    })
}

/// Devices, as `Room/device`.
fn device_names(map: &Option<ChannelMap>) -> Offer {
    map.iter().flat_map(devices_of).map(|(room, device, kind)| (format!("{room}/{device}"), kind)).collect()
}

fn map() -> Option<ChannelMap> {
    load_map(site(), &mut Report::default())
}

/// Room, cluster, node.
fn nodes_of(map: &ChannelMap) -> Vec<(String, String, String)> {
    let nodes = map.inventory.sources.iter().filter(|source| source.kind == SourceKind::Node);
    nodes.map(|node| (node.room.to_string(), node.place.to_string(), node.name.to_string())).collect()
}

/// Room, device, kind.
fn devices_of(map: &ChannelMap) -> Vec<(String, String, String)> {
    let devices = map.devices.iter();
    devices
        .map(|device| (device.key.room.to_string(), device.key.device.to_string(), device.kind.to_string()))
        .collect()
}

/// The broad channel, all of its channels, those of each room, each one.
fn branch(broad: &str, what: &str, leaves: impl Iterator<Item = (String, String, String)>) -> Offer {
    let mut rooms: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (room, place, about) in leaves {
        rooms.entry(room).or_default().entry(place).or_default().push(about);
    }
    let mut all = vec![(broad.to_owned(), format!("all {what}, on one channel"))];
    all.push((format!("{broad}:*"), format!("all {what}, each on its channel")));
    for (room, places) in rooms {
        all.push((format!("{broad}:{room}:*"), format!("all {what} of the room")));
        all.extend(places.into_iter().map(|(place, about)| (format!("{broad}:{room}:{place}"), about.join(", "))));
    }
    all
}
