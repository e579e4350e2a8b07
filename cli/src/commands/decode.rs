//! `growctl decode --log FILE`: what the frames of a recording say by the channel map, or by DBC files alone, one JSON
//! object a frame.

mod dbc;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use growctl_engine::app;
use growctl_engine::can::{CanId, FrameKind, LogLine, LogReader};
use growctl_engine::channels::{Catalog, ChannelMap};
use growctl_engine::files::Report;
use growctl_engine::model::{Timestamp, counted};
use serde::Serialize;

/// Unknown identifiers that the summary names.
const MOST_NAMED: usize = 12;

/// Arguments of `decode`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl decode --log night.log\n  candump -L can0 | growctl decode --log -\n  \
                        growctl decode --dbc lights.dbc --log night.log\n\nA broken line is passed over and named at the \
                        end. With --dbc no site is needed: signals have the names of the file and are unrounded numbers, \
                        `named` has the texts that stand for them, `quality` tells which are missing and why.\n\n\
                        Exit codes: 0 fine, 1 the log could not be read to its end, 2 the files or the call are wrong.")]
pub(crate) struct Decode {
    /// A candump log; `-` reads it from stdin.
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// By this DBC file in place of the site's channel map; several may be given, the first that has an id counts.
    #[arg(long, value_name = "FILE")]
    dbc: Vec<PathBuf>,
    /// Also the frames that the map does not know, remote requests and error frames.
    #[arg(long)]
    all: bool,
}

/// A frame that the map, or a DBC file, knows.
#[derive(Serialize)]
struct Known<'a, D> {
    ts: f64,
    bus: &'a str,
    id: String,
    #[serde(flatten)]
    decoded: D,
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
    /// By bus and identifier, as they are shown.
    unknown: BTreeMap<(String, CanId), u64>,
    no_bus: BTreeMap<String, u64>,
}

/// Shows one line of a recording.
trait Show {
    fn show(&mut self, line: &LogLine<'_>, counts: &mut Counts, out: &mut dyn Write) -> io::Result<()>;
}

impl Decode {
    pub(crate) fn run(self, dir: &Path) -> ExitCode {
        if !self.dbc.is_empty() {
            return dbc::run(&self);
        }
        let mut report = Report::default();
        let map = app::load_map(dir, &mut report);
        super::show(&report);
        let Some(map) = map else { return ExitCode::from(2) };
        self.frames(&mut ByMap { catalog: Catalog::new(&map), map: &map, all: self.all })
    }

    /// Shows all frames of the log.
    fn frames(&self, show: &mut dyn Show) -> ExitCode {
        let name = self.log.display().to_string();
        if name == "-" {
            return decode(show, "stdin", io::stdin().lock());
        }
        match File::open(&self.log) {
            Ok(file) => decode(show, &name, BufReader::new(file)),
            Err(error) => super::fail(2, &format!("{name} cannot be opened: {error}; --log names a candump log")),
        }
    }
}

fn decode(show: &mut dyn Show, name: &str, input: impl BufRead) -> ExitCode {
    let mut reader = LogReader::new(input);
    let mut counts = Counts::default();
    let mut out = BufWriter::new(anstream::stdout().lock());
    let failed = loop {
        let line = match reader.next_entry() {
            Ok(Some((_, line))) => line,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        counts.frames += 1;
        if show.show(&line, &mut counts, &mut out).is_err() {
            // Nobody reads on: that is the reader's choice, no failure.
            return ExitCode::SUCCESS;
        }
    };
    let _ = out.flush();
    drop(out);
    summary(name, &counts, &reader);
    match failed {
        Some(error) => super::fail(1, &format!("{name} cannot be read further: {error}")),
        None => ExitCode::SUCCESS,
    }
}

/// By the channel map.
struct ByMap<'a> {
    map: &'a ChannelMap,
    catalog: Catalog,
    all: bool,
}

impl Show for ByMap<'_> {
    fn show(&mut self, line: &LogLine<'_>, counts: &mut Counts, out: &mut dyn Write) -> io::Result<()> {
        let bus = self.map.bus_of(line.interface);
        let frame = line.to_frame(Timestamp { utc: line.utc, ..Timestamp::default() }, bus.unwrap_or_default());
        let decoded = bus.and_then(|_| self.catalog.decode(&frame));
        let bus = bus.map(|bus| &*self.map.buses[usize::from(bus.0)].name);
        counts.add(line, bus, decoded.is_some());
        let (ts, id) = (line.utc.seconds(), line.id.to_string());
        match (decoded, bus) {
            (Some(decoded), Some(bus)) => write_line(out, &Known { ts, bus, id, decoded }),
            _ if self.all => write_unknown(out, line, bus),
            _ => Ok(()),
        }
    }
}

impl Counts {
    /// Notes what became of a frame.
    fn add(&mut self, line: &LogLine<'_>, bus: Option<&str>, decoded: bool) {
        match (decoded, line.kind, bus) {
            (true, ..) => self.decoded += 1,
            (_, FrameKind::Remote, _) => self.remote += 1,
            (_, FrameKind::Error, _) => self.error += 1,
            (.., Some(bus)) => *self.unknown.entry((bus.to_owned(), line.id)).or_default() += 1,
            (.., None) => *self.no_bus.entry(line.interface.to_owned()).or_default() += 1,
        }
    }
}

fn write_unknown(out: &mut dyn Write, line: &LogLine<'_>, bus: Option<&str>) -> io::Result<()> {
    let data = line.data().iter().map(|byte| format!("{byte:02X}")).collect();
    let (ts, id, kind) = (line.utc.seconds(), line.id.to_string(), kind(line.kind));
    write_line(out, &Unknown { ts, bus, interface: line.interface, id, kind, data })
}

fn kind(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::Data => "data",
        FrameKind::Fd { .. } => "fd",
        FrameKind::Remote => "remote",
        FrameKind::Error => "error",
    }
}

fn write_line(out: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// What was decoded and what was not, on stderr, with the numbers of the lines that are no frames.
fn summary<R: BufRead>(name: &str, counts: &Counts, reader: &LogReader<R>) {
    let mut text = format!("{name}: {}: {} decoded", counted(counts.frames, "frame"), counts.decoded);
    let unknown: u64 = counts.unknown.values().sum();
    if unknown > 0 {
        let named = counts.unknown.iter().take(MOST_NAMED);
        let named: Vec<String> = named.map(|((bus, id), n)| format!("{bus} {id}: {n}")).collect();
        let more = if counts.unknown.len() > MOST_NAMED { " …" } else { "" };
        text += &format!(", {unknown} of unknown ids ({}{more})", named.join(", "));
    }
    if !counts.no_bus.is_empty() {
        let named: Vec<String> = counts.no_bus.iter().map(|(interface, n)| format!("{interface}: {n}")).collect();
        text +=
            &format!(", {} of interfaces without a bus ({})", counts.no_bus.values().sum::<u64>(), named.join(", "));
    }
    for (count, what) in [(counts.remote, "remote request"), (counts.error, "error frame")] {
        if count > 0 {
            text += &format!(", {}", counted(count, what));
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
        text += &format!("\n{name}: {} more", counted(unnamed, "broken line"));
    }
    if reader.skipped_total() > 0 {
        let lines: Vec<String> = reader.skipped().iter().take(MOST_NAMED).map(u64::to_string).collect();
        let more = if reader.skipped_total() > lines.len() as u64 { ", …" } else { "" };
        let (total, lines) = (counted(reader.skipped_total(), "line"), lines.join(", "));
        text += &format!("\n{name}: {total} without a frame passed over: {lines}{more}");
    }
    super::say(&text);
}
