//! `growctl can stats`: how busy the buses are, with which identifiers, and what is lost. On a terminal it is drawn anew
//! each second.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use growctl_engine::app::Clock;
use growctl_engine::can::{BusCounts, BusHealth, BusId, Frame, Listener, Port, Rates, serve};
use growctl_engine::channels::{Catalog, ChannelMap};
use growctl_engine::model::{Mono, Timestamp, counted};
use serde_json::json;

use super::Chosen;
use super::screen::Screen;
use super::tally::{BusRow, BusTally, IdRow};
use crate::commands::run::stop_signal;
use crate::commands::{line, say, table};
use crate::socket;

/// Arguments of `can stats`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl can stats\n  growctl can stats --interface can0 --seconds 10\n  \
    growctl can stats --seconds 5 --format json | jq '.buses[].ids[] | select(.known == false)'\n\n\
    With --seconds once, at the end; without, each second until Ctrl-C. Rates are of the last second, or of all of them.\n\
    LOAD needs a bit rate: the interface's, or the `bitrate` of its bus in channels.yaml.\n\
    Exit codes: 0 ended as asked, 1 there is no SocketCAN here, 2 the call is wrong.")]
pub(super) struct Stats {
    #[command(flatten)]
    chosen: Chosen,
    /// Count for so many seconds, then show and end.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
}

impl Stats {
    pub(super) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let (ports, map) = match self.chosen.ports(folder) {
            Ok(chosen) => chosen,
            Err(code) => return code,
        };
        let clock = Clock::start();
        let names = map.map(|map| (Catalog::new(&map), map)).map(Rc::new);
        let meters: Vec<Meter> = ports.iter().map(|port| Meter::new(port, clock, names.clone(), json)).collect();
        let show = Show {
            tallies: meters.iter().map(|meter| meter.tally.clone()).collect(),
            ports: &ports,
            clock,
            json,
            folder,
        };
        let served = join_all(ports.iter().zip(meters).map(|(port, meter)| serve(port.clone(), meter)));
        tokio::select! {
            // Without SocketCAN; it has been said.
            _ = served => ExitCode::from(1),
            () = stop_signal() => ExitCode::SUCCESS,
            () = show.run(self.seconds) => ExitCode::SUCCESS,
        }
    }
}

/// Who shows what was counted.
struct Show<'a> {
    tallies: Vec<Rc<RefCell<BusTally>>>,
    ports: &'a [Port],
    clock: Clock,
    json: bool,
    /// Where an engine may run.
    folder: &'a Path,
}

impl Show<'_> {
    async fn run(&self, seconds: Option<u64>) {
        let live = !self.json && std::io::stdout().is_terminal();
        let began = self.clock.now().mono;
        if let Some(seconds) = seconds.filter(|_| !live) {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            self.show(began, &mut None).await;
            return;
        }
        let mut screen = live.then(Screen::open);
        let (mut last, mut shown) = (began, 0);
        while seconds.is_none_or(|seconds| shown < seconds) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if !self.show(last, &mut screen).await {
                return;
            }
            (last, shown) = (self.clock.now().mono, shown + 1);
        }
    }

    /// `false`: nobody reads on.
    async fn show(&self, since: Mono, screen: &mut Option<Screen>) -> bool {
        let engine = socket::get(self.folder, "/status").await.unwrap_or_default();
        let dropped = |interface: &str| {
            let buses = engine["buses"].as_array().into_iter().flatten();
            buses.filter(|bus| bus["interface"] == interface).find_map(|bus| bus["frames"]["dropped"].as_u64())
        };
        let now = self.clock.now();
        let span = now.mono.since(since);
        let rows = self.ports.iter().zip(&self.tallies);
        let row = |(port, tally): (&Port, &Rc<RefCell<BusTally>>)| BusRow {
            engine_dropped: dropped(&port.interface),
            ..tally.borrow_mut().row(&port.interface, port.watch.look(), span)
        };
        let rows: Vec<BusRow> = rows.map(row).collect();
        if self.json {
            return line(&json!({ "ts": now.utc.seconds(), "seconds": span.as_secs_f64(), "buses": rows }).to_string());
        }
        match screen {
            Some(screen) => screen.draw(|most| text(&rows, most)),
            None => line(&text(&rows, usize::MAX)),
        }
    }
}

/// The table of the buses, what is wrong with them, and the table of the identifiers.
fn text(rows: &[BusRow], most: usize) -> String {
    let number = |number: Option<f64>, unit: &str| number.map_or("-".to_owned(), |number| format!("{number:.1}{unit}"));
    let heads = ["INTERFACE", "STATE", "BIT/S", "FRAMES/S", "LOAD", "FRAMES", "UNKNOWN", "ERROR FRAMES", "LOST"];
    let cells = rows.iter().map(|row| {
        vec![
            row.interface.clone(),
            row.health.state.name().to_owned(),
            row.health.rates.bitrate.map_or("-".to_owned(), |rate| rate.to_string()),
            number(Some(row.frames_per_second), ""),
            number(row.load_percent, " %"),
            row.frames.to_string(),
            row.unknown.map_or("-".to_owned(), |unknown| unknown.to_string()),
            row.error_frames.to_string(),
            (row.lost + row.overruns).to_string(),
        ]
    });
    let mut out = numbers(&heads, cells.collect(), 2..9);
    for row in rows {
        if let Some(dropped) = row.engine_dropped.filter(|dropped| *dropped > 0) {
            let frames = counted(dropped, "frame");
            out +=
                &format!("\nthe engine of this site dropped {frames} of {}: it was too slow for them", row.interface);
        }
    }
    for row in rows.iter().filter(|row| row.health.reason.is_some()) {
        out += &format!("\n{}", said(&row.interface, &row.health));
    }
    let several = rows.len() > 1;
    for row in rows.iter().filter(|row| !row.ids.is_empty()) {
        let title = if several { format!("\n{}", row.interface) } else { String::new() };
        let shown = row.busiest(most).into_iter().map(id_cells).collect();
        let heads = ["ID", "FRAMES/S", "FRAMES", "BYTES", "KIND", "NAME"];
        out += &format!("\n{title}\n{}", numbers(&heads, shown, 1..4));
        let more = row.ids.len().saturating_sub(most);
        if more > 0 {
            out += &format!("\nand {}", counted(more as u64, "more id"));
        }
        if row.other_ids > 0 {
            out += &format!("\nand {} of further ids, which are not kept", counted(row.other_ids, "frame"));
        }
    }
    out
}

/// A table with some columns to the right.
fn numbers(heads: &[&str], mut rows: Vec<Vec<String>>, columns: Range<usize>) -> String {
    let mut heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    for at in columns {
        let width = rows.iter().map(|row| row[at].len()).chain([heads[at].len()]).max().unwrap_or(0);
        for cell in rows.iter_mut().map(|row| &mut row[at]).chain([&mut heads[at]]) {
            *cell = format!("{cell:>width$}");
        }
    }
    table(&heads.iter().map(String::as_str).collect::<Vec<_>>(), rows)
}

fn id_cells(id: &IdRow) -> Vec<String> {
    let name = match (&id.name, id.known) {
        (Some(name), _) => name.clone(),
        (None, Some(_)) => "unknown".to_owned(),
        (None, None) => String::new(),
    };
    let rate = format!("{:.1}", id.frames_per_second);
    vec![id.id.clone(), rate, id.frames.to_string(), id.length.to_string(), id.kind.to_owned(), name]
}

/// How an interface is, in a sentence.
pub(super) fn said(interface: &str, health: &BusHealth) -> String {
    let reason = health.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let remedy = health.remedy.as_ref().map(|remedy| format!("; try: {remedy}")).unwrap_or_default();
    format!("{interface} is {}{reason}{remedy}", health.state.name())
}

/// One interface's way into the counts.
struct Meter {
    port: Port,
    clock: Clock,
    tally: Rc<RefCell<BusTally>>,
    names: Option<Rc<(Catalog, ChannelMap)>>,
    /// The interface's own, or what the map says of it.
    rates: Rates,
    quiet: bool,
}

impl Meter {
    fn new(port: &Port, clock: Clock, names: Option<Rc<(Catalog, ChannelMap)>>, json: bool) -> Meter {
        let quiet = !json && std::io::stdout().is_terminal();
        Meter { port: port.clone(), clock, tally: Rc::default(), names, rates: port.rates, quiet }
    }
}

impl Listener for Meter {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn frames(&mut self, frames: &mut Vec<Frame>) {
        let mut tally = self.tally.borrow_mut();
        let names = self.names.as_deref();
        // An interface that is no bus of the map has no unknown identifiers.
        let bus = names.and_then(|(_, map)| map.bus_of(&self.port.interface));
        for frame in frames.drain(..) {
            tally
                .count(&frame, self.rates, |frame| names.zip(bus).map(|((catalog, _), bus)| name(catalog, frame, bus)));
        }
    }

    fn health(&mut self, health: &BusHealth, _: BusCounts) {
        let is = health.rates;
        self.rates.bitrate = is.bitrate.or(self.port.rates.bitrate);
        self.rates.data_bitrate = is.data_bitrate.or(self.port.rates.data_bitrate);
        if !self.quiet && health.reason.is_some() {
            say(&said(&self.port.interface, health));
        }
    }
}

/// `FR-C1 climate`, or the device that it switches or tells about.
fn name(catalog: &Catalog, frame: &Frame, bus: BusId) -> Option<String> {
    let mut frame = *frame;
    frame.bus = bus;
    let decoded = catalog.decode(&frame)?;
    let devices = decoded.command_of.iter().chain(decoded.feedback_of);
    let who: Vec<&str> = decoded.node.into_iter().chain(devices.map(String::as_str)).collect();
    Some(format!("{} ({})", who.join(", "), decoded.frame))
}
