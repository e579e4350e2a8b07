//! `growctl replay`: a recording through the same Core, on the log's own time. It begins with nothing remembered; what
//! rules ask of the outside is counted, never sent. With Redis it publishes and does not subscribe.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use crate::bus::{Bridge, BridgeConfig, BridgeQueues, RouterCounts};
use crate::can::LogReader;
use crate::channels::GatewayCounts;
use crate::model::{Doorbell, Full, Mono, Queue, Timestamp, Utc};
use crate::rules::{Engine, Place};

use super::core::{Core, CoreCounts, Output};
use super::notices::Notices;
use super::outlets::Outlets;
use super::{Clock, Site};

/// Frames between two hand-overs to Redis.
const CHUNK: u64 = 256;

/// What a replay did.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// The Core's counts.
    pub core: CoreCounts,
    /// What became of the frames.
    pub frames: GatewayCounts,
    /// What came from outside: nothing.
    pub foreign: RouterCounts,
    /// Intents for the outside, which were not carried out.
    pub acts: u64,
    /// Broken lines, the first hundred with their number and reason.
    pub broken: (u64, Vec<(u64, String)>),
    /// Frames of interfaces that are no bus of the map.
    pub other_buses: u64,
}

/// Runs a recording through the rules. `speed`: as recorded times this; `None`: as fast as possible.
///
/// # Errors
/// The log cannot be read, or there is no client for the Redis URL; one phrase.
pub async fn replay(site: Site, log: &Path, speed: Option<f64>) -> Result<Replayed, String> {
    let file = File::open(log).map_err(|error| format!("{} cannot be read: {error}", log.display()))?;
    let bridge = match &site.settings.redis {
        Some(redis) => {
            // No cover: a replay publishes and does not subscribe.
            let config = BridgeConfig {
                url: redis.url.clone(),
                password: redis.password.clone(),
                name: site.settings.name.clone(),
                cover: Vec::new(),
                origin: *b"00000000",
                owned: HashSet::new(),
            };
            let queues = BridgeQueues {
                outbound: Queue::new("to redis", 10_000, Full::DropOldest),
                last: Queue::new("last values to redis", 10_000, Full::DropOldest),
                inbound: Queue::new("unused", 1, Full::DropNewest),
                events: Queue::new("redis events", 16, Full::DropOldest),
            };
            Some((Bridge::start(config, queues.clone())?, queues))
        }
        None => None,
    };
    let mut outlets = Outlets { waits: true, ..Outlets::default() };
    if let Some((_, queues)) = &bridge {
        (outlets.redis, outlets.last) = (Some(queues.outbound.clone()), Some(queues.last.clone()));
    }
    let work = move || drive(site, LogReader::new(BufReader::with_capacity(1 << 16, file)), speed, outlets);
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())??;
    if let Some((bridge, _)) = bridge {
        bridge.close(Duration::from_secs(30)).await;
    }
    Ok(done)
}

fn drive(
    site: Site,
    mut log: LogReader<BufReader<File>>,
    speed: Option<f64>,
    mut outlets: Outlets,
) -> Result<Replayed, String> {
    let map = site.map.clone();
    let (clock, bell) = (Clock::start(), Doorbell::new());
    let (mut done, mut outputs, mut notices) = (Replayed::default(), Vec::new(), Notices::default());
    let mut site = Some(site);
    let mut core: Option<(Core, Utc)> = None;
    let mut now = Timestamp::default();
    while let Some((_, line)) = log.next_entry().map_err(|error| format!("the log cannot be read on: {error}"))? {
        let Some(bus) = map.bus_of(line.interface) else {
            done.other_buses += 1;
            continue;
        };
        let (core, first) = match &mut core {
            Some(core) => core,
            none => {
                let start = Timestamp { mono: Mono(0), utc: line.utc };
                let Some(site) = site.take() else { break };
                let mut fresh = join(site, start);
                fresh.start(start, &mut outputs);
                none.insert((fresh, line.utc))
            }
        };
        // A log whose stamps go back holds the time, as the Core would.
        let offset = u64::try_from(line.utc.0 - first.0).unwrap_or(0).max(now.mono.0);
        now = Timestamp { mono: Mono(offset), utc: line.utc };
        if let Some(speed) = speed {
            let due = Mono((offset as f64 / speed) as u64);
            while clock.now().mono < due {
                bell.wait(due.since(clock.now().mono));
            }
        }
        core.frame(now, &line.to_frame(now, bus), &mut outputs);
        if speed.is_some() || core.counts().frames % CHUNK == 0 {
            hand_over(&mut outlets, now, &mut outputs, &mut notices, &mut done);
        }
    }
    if let Some((mut core, _)) = core {
        core.stop(now, &mut outputs);
        outlets.keep_last(core.drain_last());
        hand_over(&mut outlets, now, &mut outputs, &mut notices, &mut done);
        let (gateway, router, ..) = core.parts();
        (done.core, done.frames, done.foreign) = (core.counts(), gateway.counts(), router.counts());
    }
    done.broken = (log.bad_total(), log.bad().to_vec());
    Ok(done)
}

fn hand_over(
    outlets: &mut Outlets,
    now: Timestamp,
    outputs: &mut Vec<Output>,
    notices: &mut Notices,
    done: &mut Replayed,
) {
    done.acts += outputs.iter().filter(|output| matches!(output, Output::Act(..))).count() as u64;
    outlets.dispatch(now, outputs, notices);
}

fn join(site: Site, start: Timestamp) -> Core {
    let place = Place { zone: site.settings.zone, location: site.settings.location };
    let engine = Engine::new(site.rules, site.map.inventory.clone(), site.host, place, start);
    // The log's own beginning names the run: the same log gives the same bytes.
    let origin = format!("{:08x}", (start.utc.0 / 1_000_000) as u32);
    let origin: [u8; 8] = origin.as_bytes().try_into().unwrap_or(*b"00000000");
    Core::new(&site.map, engine, origin, start)
}
