//! From `MapSpec` to `ChannelMap`: every check of `channels.yaml` happens here, and every fault of a file is reported at
//! once.

mod buses;
mod check;
mod claims;
mod databases;
mod devices;
mod facts;
mod feedback;
mod fields;
mod frames;
mod greetings;
mod guards;
mod multiplexed;
pub(super) mod names;
mod nodes;
mod overlap;
mod publish;
mod safe;
mod signals;
mod template;
mod when;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::files::{Place, Report, SourceFile, closest, read_with_gaps};
use crate::model::{Inventory, Source};

use super::map::{ChannelMap, NodeFrame};
use super::spec::{DatabasesSpec, MapSpec};
use check::Check;
use claims::Claims;
pub use devices::NO_WATCHDOG;
use frames::Frames;

/// The beginning of the file.
const TOP: Place = Place { line: 1, column: 1, len: 0 };

/// The version of the grammar that is read.
const VERSION: u32 = 1;

/// A source is stale after this where the map says neither `stale_after` nor a cycle.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(60);

/// Gives the text of a DBC file by its path in the site folder; `None` if it cannot be read, which it reports.
pub type ReadDatabase<'a> = &'a dyn Fn(&Path, &mut Report) -> Option<Arc<SourceFile>>;

/// The paths of the DBC files that a channel map names, as far as they can be read.
#[must_use]
pub fn database_paths(file: &Arc<SourceFile>) -> Vec<PathBuf> {
    let spec = read_with_gaps::<DatabasesSpec>(file, &mut Report::default());
    let paths = spec.iter().flat_map(|(spec, _)| spec.databases.iter()).map(|(_, path)| PathBuf::from(path.as_str()));
    paths.filter(|path| databases::within(path)).collect()
}

/// Reads and checks a channel map that names no DBC files, as [`load_with`] does.
pub fn load(file: &Arc<SourceFile>, report: &mut Report) -> Option<ChannelMap> {
    let nowhere = |path: &Path, report: &mut Report| {
        report.error(&SourceFile::new(path, ""), Place::default(), "cannot be read here: the map stands alone");
        None
    };
    load_with(file, &nowhere, report)
}

/// Reads and checks a channel map, with the DBC files that `read` gives. An identifier up to 0x7FF has 11 bits, one above it 29; a signal's range is judged
/// before its node's correction; a source without `stale_after` and cycle is stale after 60 s.
///
/// `None` if there were errors. All of them are in the report, in the order of their places.
pub fn load_with(file: &Arc<SourceFile>, read: ReadDatabase<'_>, report: &mut Report) -> Option<ChannelMap> {
    let mut check = Check::new(file);
    let map = read_with_gaps::<MapSpec>(file, &mut check.report).and_then(|(spec, gaps)| {
        check.gaps = gaps;
        build(&mut check, &spec, read)
    });
    let (mut own, databases) = check.finish();
    own.settle(0);
    let fine = own.errors() == 0;
    report.extend(own);
    report.extend(databases);
    map.filter(|_| fine)
}

fn build(check: &mut Check, spec: &MapSpec, read: ReadDatabase<'_>) -> Option<ChannelMap> {
    match &spec.version {
        Some(version) if version.value != VERSION => {
            let message = format!("version {} of the grammar is not known", version.value);
            check.error(version.place, message).help(format!("this growctl reads `version: {VERSION}`"));
            return None;
        }
        None if !check.gaps.key("version") => {
            let message = "the key `version` is missing";
            check.error(TOP, message).help(format!("write `version: {VERSION}` in the first line"));
        }
        _ => {}
    }
    let before = check.report.errors();
    let buses = buses::buses(check, &spec.buses);
    let frames = Frames::read(check, spec, read);
    let mut claims = Claims::default();
    let sites = nodes::Sites { buses: &buses, fd: &spec.buses, frames: &frames };
    let nodes = nodes::nodes(check, &sites, &mut claims, &spec.rooms);
    let partly = ["buses", "databases", "frames", "rooms"].into_iter().any(|key| check.gaps.key(key));
    let all_nodes = check.report.errors() == before && !partly;
    let mut devices = devices::devices(check, &sites, &mut claims, &spec.devices);
    guards::guards(check, spec, &nodes, all_nodes, &mut devices);
    let greetings = greetings::greetings(check, &mut claims, &spec.buses);
    claims.check_groups(check);
    compare_rooms(check, spec);
    let mut sources = sources_of(&nodes);
    sources.extend(devices.iter().filter_map(|device| device.feedback.as_ref()).map(|f| f.source.clone()));
    let keys = devices.iter().map(|device| device.key.clone()).collect();
    let inventory = Arc::new(Inventory { sources, devices: keys });
    Some(ChannelMap { buses, nodes, devices, greetings, inventory })
}

/// The nodes that publish anything; the others are for `decode` alone, and no rule can ask for them.
fn sources_of(nodes: &[NodeFrame]) -> Vec<Arc<Source>> {
    let mut known = HashSet::new();
    let speaking = nodes.iter().map(|node| &node.source).filter(|source| !source.frames.is_empty());
    speaking.filter(|source| known.insert(Arc::as_ptr(source))).cloned().collect()
}

/// A room of devices alone is possible; one that differs in a letter from a room with nodes is a slip.
fn compare_rooms(check: &mut Check, spec: &MapSpec) {
    for (room, _) in &spec.devices {
        if spec.rooms.get(room).is_none()
            && !check.gaps.name(room)
            && let Some(near) = closest(room, spec.rooms.keys())
        {
            let message = format!("no node stands in the room '{}'", room.value);
            check.warning(room.place, message).help(format!("did you mean `{near}`?"));
        }
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
