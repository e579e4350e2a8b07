//! `growctl can`: the interfaces themselves, beside the engine or without one. Each command has sockets of its own.

mod record;
mod screen;
mod stats;
mod tally;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use growctl_engine::app;
use growctl_engine::can::{BusId, Filter, Port, Rates};
use growctl_engine::channels::{ChannelMap, Link};
use growctl_engine::files::Report;

/// Arguments of `can`.
#[derive(Debug, Args)]
pub(crate) struct Can {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Record every frame, as candump -L does.
    Record(record::Record),
    /// Show how busy the buses are, and with what.
    Stats(stats::Stats),
}

impl Can {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        match self.what {
            What::Record(record) => record.run(folder).await,
            What::Stats(stats) => stats.run(folder, json).await,
        }
    }
}

/// The interfaces that a command is about.
#[derive(Debug, Args)]
struct Chosen {
    /// An interface, several times for several. Without it: those of the buses in channels.yaml.
    #[arg(short, long, value_name = "can0")]
    interface: Vec<String>,
}

impl Chosen {
    /// Their ports, numbered in order, and the map if there is one that can be read. A map is not needed where interfaces
    /// are named: then its faults are not told.
    fn ports(&self, folder: &Path) -> Result<(Vec<Port>, Option<ChannelMap>), ExitCode> {
        let mut report = Report::default();
        let map = app::load_map(folder, &mut report);
        let mut names = self.interface.clone();
        if names.is_empty() {
            let Some(map) = &map else {
                super::show(&report);
                return Err(super::fail(2, "no channels.yaml to take the interfaces from; name one: --interface can0"));
            };
            names = interfaces(map);
            if names.is_empty() {
                return Err(super::fail(2, "no bus of channels.yaml has an `interface`; name one: --interface can0"));
            }
        }
        names.dedup();
        let port = |(at, name): (u8, &String)| Port::new(name, BusId(at), Filter::All, rates(map.as_ref(), name));
        Ok(((0..=u8::MAX).zip(&names).map(port).collect(), map))
    }
}

fn interfaces(map: &ChannelMap) -> Vec<String> {
    let name = |link: &Link| match link {
        Link::Interface(name) => Some(name.to_string()),
        Link::Replay { .. } | Link::Simulated => None,
    };
    map.buses.iter().filter_map(|bus| name(&bus.link)).collect()
}

fn rates(map: Option<&ChannelMap>, interface: &str) -> Rates {
    let bus = map.and_then(|map| Some(&map.buses[usize::from(map.bus_of(interface)?.0)]));
    bus.map(|bus| bus.rates).unwrap_or_default()
}

/// After so many seconds; never without.
async fn after(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}
