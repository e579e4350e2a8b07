//! `databases`: DBC files, and the messages of them that the map uses as frames.

use std::path::{Component, Path};
use std::sync::Arc;

use crate::files::{Report, Spanned, closest};
use crate::model::Name;

use super::super::codec::Signal;
use super::super::dbc::{Database, Message};
use super::super::map::FrameLayout;
use super::super::spec::MapSpec;
use super::ReadDatabase;
use super::check::Check;
use super::frames::{CYCLES, FrameEntry, Site, Stale};

/// What CAN FD can send beyond 8 bytes.
const FD_LENGTHS: [u8; 7] = [12, 16, 20, 24, 32, 48, 64];

/// The databases of a map.
#[derive(Debug)]
pub(super) struct Databases<'a> {
    /// By name; `None`: it cannot be read, which is reported.
    known: Vec<(&'a str, Option<Database>)>,
    entries: Vec<FrameEntry>,
}

impl<'a> Databases<'a> {
    /// Reads all files, and makes frames of the messages that nodes and devices name.
    pub(super) fn read(check: &mut Check, spec: &'a MapSpec, site: Site, read: ReadDatabase<'_>) -> Databases<'a> {
        let known = spec.databases.iter().map(|(name, path)| (name.as_str(), open(check, name, path, read))).collect();
        let mut databases = Databases { known, entries: Vec::new() };
        for name in used(spec) {
            let Some((database, message)) = name.split_once('.') else { continue };
            if databases.entries.iter().any(|entry| *entry.layout.name == *name) {
                continue;
            }
            let Some((_, Some(database))) = databases.known.iter().find(|(known, _)| *known == database) else {
                continue;
            };
            let Some(message) = database.named(message) else { continue };
            let mut doubts = Report::default();
            database.tell(message, &mut doubts);
            check.databases.extend(doubts);
            databases.entries.push(entry(name, message, site));
        }
        databases
    }

    /// The frame that a message is; `None` if there is none, which is reported.
    pub(super) fn find(
        &self,
        check: &mut Check,
        name: &Spanned<String>,
        database: &str,
        message: &str,
    ) -> Option<&FrameEntry> {
        let Some((_, known)) = self.known.iter().find(|(known, _)| *known == database) else {
            let fault = format!("'{}' is no frame: there is no database '{database}'", name.value);
            check.unknown(name, fault).did_you_mean(database, self.known.iter().map(|(known, _)| *known));
            return None;
        };
        let entry = self.entries.iter().find(|entry| *entry.layout.name == *name.value);
        if let (None, Some(known)) = (entry, known) {
            let fault = format!("the database {database} has no message '{message}'");
            let names = || known.messages().map(|message| &*message.name);
            let near = closest(message, names()).map(|near| format!("did you mean `{database}.{near}`?"));
            let diagnostic = check.error(name.place, fault);
            match near {
                Some(near) => diagnostic.help(near),
                None => diagnostic.did_you_mean(message, names()),
            }
        }
        entry
    }
}

/// Reads one file; `None` if it cannot be used, which is reported.
fn open(check: &mut Check, name: &Spanned<String>, path: &Spanned<String>, read: ReadDatabase<'_>) -> Option<Database> {
    if name.trim().is_empty() || name.contains('.') {
        let why = if name.contains('.') { "`.` separates a database and its message" } else { "it is empty" };
        check.error(name.place, format!("a database cannot be called '{}': {why}", name.value));
    }
    if !within(Path::new(path.as_str())) {
        let message = format!("'{}' is no file of the site", path.value);
        check
            .error(path.place, message)
            .help("put the DBC file into the site folder, or a folder in it, and write its path there");
        return None;
    }
    let mut report = Report::default();
    let database = read(Path::new(path.as_str()), &mut report).and_then(|file| Database::load(&file, &mut report));
    if database.is_none() {
        check
            .error(path.place, format!("the database {} cannot be used", name.value))
            .help("its faults stand with the file");
    }
    check.databases.extend(report);
    database
}

/// Whether a path stays in the site folder.
pub(super) fn within(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Names of frames, as nodes and devices have them.
fn used(spec: &MapSpec) -> Vec<&str> {
    let nodes = spec.rooms.iter().flat_map(|(_, clusters)| clusters.iter().flat_map(|(_, nodes)| nodes));
    let devices = || spec.devices.iter().flat_map(|(_, devices)| devices.iter().map(|(_, device)| device));
    let commands = devices().map(|device| device.command.frame.as_str());
    let feedback = devices().filter_map(|device| device.feedback.as_ref()).map(|feedback| feedback.frame.as_str());
    nodes.map(|node| node.frame.as_str()).chain(commands).chain(feedback).collect()
}

/// A message as a frame of the map.
fn entry(name: &str, message: &Message, site: Site) -> FrameEntry {
    let FrameLayout { length, cycle, signals, .. } = &*message.layout;
    // Frames longer than 8 bytes come in steps: what lies behind the message is padding.
    let length = if *length > 8 { FD_LENGTHS.into_iter().find(|fits| fits >= length).unwrap_or(64) } else { *length };
    // A text in place of a number that has decimals would hide them: as in the map, IEEE numbers have no `values`.
    let texts = |signal: &Signal| if signal.layout.is_float() { Vec::new() } else { signal.values.clone() };
    let paced = |signal: &Signal| Signal { policy: site.publish.policy, values: texts(signal), ..signal.clone() };
    let signals: Vec<Signal> = signals.iter().map(paced).collect();
    let stale = site.stale.unwrap_or(Stale::Cycles(CYCLES));
    let part_stale_after = stale.of_part(*cycle, &signals);
    let layout = FrameLayout { name: Name::from(name), length, cycle: *cycle, signals };
    FrameEntry {
        published: vec![!site.publish.never; layout.signals.len()],
        stale_after: stale.of(layout.cycle),
        part_stale_after,
        layout: Arc::new(layout),
        id: message.id(),
        faulty: Vec::new(),
        foreign: true,
    }
}
