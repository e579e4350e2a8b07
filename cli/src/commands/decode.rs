//! `growctl decode --log FILE`: what a recording says, by the channel map.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use growctl_engine::app;
use growctl_engine::can::{LogLine, LogReader};
use growctl_engine::channels::ChannelMap;
use growctl_engine::files::Report;
use serde_json::{Value, json};

/// Arguments of `decode`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  growctl decode --log logs/monday.log | head\n\n\
    One JSON object a frame. Broken lines and frames that the map does not know are counted on stderr.")]
pub(crate) struct Decode {
    /// A log of `candump -l` or `candump -L`.
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
}

impl Decode {
    pub(crate) fn run(self, folder: &Path) -> ExitCode {
        let mut report = Report::default();
        let map = app::load_map(folder, &mut report);
        super::show(&report);
        let Some(map) = map else { return ExitCode::from(2) };
        let file = match File::open(&self.log) {
            Ok(file) => file,
            Err(error) => return super::fail(1, &format!("{} cannot be read: {error}", self.log.display())),
        };
        let mut log = LogReader::new(BufReader::new(file));
        let (mut decoded, mut unknown) = (0_u64, 0_u64);
        loop {
            match log.next_entry() {
                Ok(Some((_, line))) => match show(&map, &line) {
                    Some(object) => {
                        decoded += 1;
                        if !super::line(&object.to_string()) {
                            return ExitCode::SUCCESS;
                        }
                    }
                    None => unknown += 1,
                },
                Ok(None) => break,
                Err(error) => return super::fail(1, &format!("the log cannot be read on: {error}")),
            }
        }
        for (line, why) in log.bad() {
            super::say(&format!("{}:{line}: no frame: {why}", self.log.display()));
        }
        super::say(&format!("{decoded} frames decoded, {unknown} not in the map, {} broken lines", log.bad_total()));
        ExitCode::SUCCESS
    }
}

/// The frame as JSON, if a node or a device of the map sends it on that bus.
fn show(map: &ChannelMap, line: &LogLine<'_>) -> Option<Value> {
    let bus = map.bus_of(line.interface)?;
    let frame = line.to_frame(Default::default(), bus);
    if !frame.is_data() {
        return None;
    }
    let node = map.nodes.iter().find(|node| (node.bus, node.id) == (bus, frame.id));
    let (layout, name, field) = match node {
        Some(node) => (&node.frame, Value::from(&*node.source.name), Some(&node.fields)),
        None => {
            let feedback = |f: &&growctl_engine::channels::Feedback| (f.bus, f.id) == (bus, frame.id);
            let device = map.devices.iter().find(|device| device.feedback.as_ref().filter(feedback).is_some());
            let command = map.devices.iter().find(|d| (d.command.bus, d.command.id) == (bus, frame.id));
            let layout = device.and_then(|d| d.feedback.as_ref()).map(|f| &f.frame);
            (layout.or(command.map(|d| &d.command.frame))?, json!(device.or(command)?.key.to_string()), None)
        }
    };
    let mut signals = serde_json::Map::new();
    for (at, signal) in layout.signals.iter().enumerate() {
        let named = field.and_then(|fields| fields.iter().find(|field| field.signal == at));
        let name = named.map_or(&signal.name, |field| &field.name);
        let value = signal.decode(frame.bytes()).map_or(Value::Null, |value| json!(value));
        signals.insert(name.to_string(), value);
    }
    Some(json!({ "ts": line.utc.seconds(), "bus": map.buses[usize::from(bus.0)].name, "id": frame.id.to_string(),
        "frame": layout.name, "node": name, "signals": signals }))
}
