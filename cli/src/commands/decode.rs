//! `growctl decode --log FILE`: what the frames of a recording say by the channel map, one JSON object a frame.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use growctl_engine::can::{BusId, FrameKind, LogLine, LogReader};
use growctl_engine::channels::{Catalog, ChannelMap, Decoded};
use growctl_engine::model::Timestamp;
use serde::Serialize;

/// Unknown identifiers that the summary names.
const MOST_NAMED: usize = 12;

/// Arguments of `decode`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl decode --log night.log\n  candump -L can0 | growctl decode --log -\n\
                        A broken line is passed over and named at the end.")]
pub(crate) struct Decode {
    /// A candump log; `-` reads it from stdin.
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// Also the frames that the map does not know, remote requests and error frames.
    #[arg(long)]
    all: bool,
}

/// A frame that the map knows.
#[derive(Serialize)]
struct Known<'a> {
    ts: f64,
    bus: &'a str,
    id: String,
    #[serde(flatten)]
    decoded: Decoded<'a>,
}

/// A frame that it does not know.
#[derive(Serialize)]
struct Unknown<'a> {
    ts: f64,
    /// `null`: the interface is no bus of the map.
    bus: Option<&'a str>,
    interface: &'a str,
    id: String,
    kind: &'static str,
    data: String,
}

/// What became of the frames.
#[derive(Debug, Default)]
struct Counts {
    frames: u64,
    decoded: u64,
    remote: u64,
    error: u64,
    unknown: BTreeMap<(BusId, String), u64>,
    no_bus: BTreeMap<String, u64>,
}

impl Decode {
    pub(crate) fn run(self, dir: &Path) -> ExitCode {
        let map = match super::channel_map(dir) {
            Ok(map) => map,
            Err(code) => return code,
        };
        let name = self.log.display().to_string();
        if name == "-" {
            return self.decode(&map, "stdin", io::stdin().lock());
        }
        match File::open(&self.log) {
            Ok(file) => self.decode(&map, &name, BufReader::new(file)),
            Err(error) => super::fail(2, &format!("{name} cannot be opened: {error}; --log names a candump log")),
        }
    }

    fn decode(&self, map: &ChannelMap, name: &str, input: impl BufRead) -> ExitCode {
        let catalog = Catalog::new(map);
        let mut reader = LogReader::new(input);
        let mut counts = Counts::default();
        let mut out = BufWriter::new(anstream::stdout().lock());
        let failed = loop {
            let line = match reader.next_entry() {
                Ok(Some((_, line))) => line,
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            if self.show(map, &catalog, &line, &mut counts, &mut out).is_err() {
                // Nobody reads on: that is the reader's choice, no failure.
                return ExitCode::SUCCESS;
            }
        };
        let _ = out.flush();
        drop(out);
        summary(map, name, &counts, &reader);
        match failed {
            Some(error) => super::fail(1, &format!("{name} cannot be read further: {error}")),
            None => ExitCode::SUCCESS,
        }
    }

    fn show(
        &self,
        map: &ChannelMap,
        catalog: &Catalog,
        line: &LogLine<'_>,
        counts: &mut Counts,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let bus = map.bus_of_interface(line.interface);
        let frame = line.to_frame(Timestamp { utc: line.utc, ..Timestamp::default() }, bus.unwrap_or_default());
        let decoded = bus.and_then(|_| catalog.decode(&frame));
        counts.frames += 1;
        match (&decoded, line.kind, bus) {
            (Some(_), ..) => counts.decoded += 1,
            (None, FrameKind::Remote, _) => counts.remote += 1,
            (None, FrameKind::Error, _) => counts.error += 1,
            (None, _, Some(bus)) => *counts.unknown.entry((bus, line.id.to_string())).or_default() += 1,
            (None, _, None) => *counts.no_bus.entry(line.interface.to_owned()).or_default() += 1,
        }
        let bus = bus.map(|bus| &*map.buses[usize::from(bus.0)].name);
        let (ts, id) = (line.utc.seconds(), line.id.to_string());
        match (decoded, bus) {
            (Some(decoded), Some(bus)) => write_line(out, &Known { ts, bus, id, decoded }),
            _ if self.all => {
                let data = line.data().iter().map(|byte| format!("{byte:02X}")).collect();
                write_line(out, &Unknown { ts, bus, interface: line.interface, id, kind: kind(line.kind), data })
            }
            _ => Ok(()),
        }
    }
}

fn kind(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::Data => "data",
        FrameKind::Fd { .. } => "fd",
        FrameKind::Remote => "remote",
        FrameKind::Error => "error",
    }
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// What was decoded and what was not, on stderr, with the numbers of the lines that are no frames.
fn summary<R: BufRead>(map: &ChannelMap, name: &str, counts: &Counts, reader: &LogReader<R>) {
    let mut text = format!("{name}: {} frames: {} decoded", counts.frames, counts.decoded);
    let unknown: u64 = counts.unknown.values().sum();
    if unknown > 0 {
        let named = counts.unknown.iter().take(MOST_NAMED);
        let named: Vec<String> =
            named.map(|((bus, id), n)| format!("{} {id}: {n}", map.buses[usize::from(bus.0)].name)).collect();
        let more = if counts.unknown.len() > MOST_NAMED { " …" } else { "" };
        text += &format!(", {unknown} of unknown ids ({}{more})", named.join(", "));
    }
    if !counts.no_bus.is_empty() {
        let named: Vec<String> = counts.no_bus.iter().map(|(interface, n)| format!("{interface}: {n}")).collect();
        text +=
            &format!(", {} of interfaces without a bus ({})", counts.no_bus.values().sum::<u64>(), named.join(", "));
    }
    for (count, what) in [(counts.remote, "remote requests"), (counts.error, "error frames")] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    if reader.dropped_by_kernel() > 0 {
        text += &format!("; the recording itself lost {}", reader.dropped_by_kernel());
    }
    for (line, why) in reader.bad() {
        text += &format!("\n{name}:{line}: a broken line: {why}");
    }
    let unnamed = reader.bad_total() - reader.bad().len() as u64;
    if unnamed > 0 {
        text += &format!("\n{name}: {unnamed} more broken lines");
    }
    if reader.skipped_total() > 0 {
        let lines: Vec<String> = reader.skipped().iter().take(MOST_NAMED).map(u64::to_string).collect();
        let more = if reader.skipped_total() > lines.len() as u64 { ", …" } else { "" };
        let (total, lines) = (reader.skipped_total(), lines.join(", "));
        text += &format!("\n{name}: {total} lines are no frames (lines {lines}{more})");
    }
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(anstream::stderr(), "{text}");
}
