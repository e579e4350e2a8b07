//! `growctl replay`: a recording through the same Core, on the log's own time. It begins with nothing remembered; what
//! rules ask of the outside is counted, never sent. With Redis it publishes and does not subscribe.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use crate::bus::{Bridge, BridgeConfig, BridgeQueues};
use crate::can::{Pace, Played, Replay, ReplayCounts};
use crate::channels::GatewayCounts;
use crate::model::{Doorbell, Full, Mono, Queue, Timestamp};
use crate::rules::Engine;

use super::core::Core;
use super::notices::Notices;
use super::outlets::Outlets;
use super::output::{CoreCounts, Output};
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
    /// The account of the log.
    pub log: ReplayCounts,
    /// Scripts of rules that ran to their end.
    pub rule_runs: u64,
    /// Judgements and runs of rules that failed.
    pub rule_faults: u64,
    /// Intents for the outside, which were not carried out.
    pub acts: u64,
    /// The first hundred broken lines, with their number and reason.
    pub broken: Vec<(u64, String)>,
}

/// Runs a recording through the rules at a pace.
///
/// # Errors
/// The log cannot be read, or there is no client for the Redis URL; one phrase.
pub async fn replay(site: Site, log: &Path, pace: Pace) -> Result<Replayed, String> {
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
    let work = move || drive(site, file, pace, outlets);
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())??;
    if let Some((bridge, _)) = bridge {
        bridge.close(Duration::from_secs(30)).await;
    }
    Ok(done)
}

fn drive(site: Site, file: File, pace: Pace, mut outlets: Outlets) -> Result<Replayed, String> {
    let map = site.map.clone();
    let mut log = Replay::new(BufReader::with_capacity(1 << 16, file), pace, |interface: &str| map.bus_of(interface));
    let unreadable = |error: std::io::Error| format!("the log cannot be read on: {error}");
    let (clock, bell) = (Clock::start(), Doorbell::new());
    let (mut done, mut outputs, mut notices) = (Replayed::default(), Vec::new(), Notices::default());
    if let Some(first) = log.peek().map_err(unreadable)? {
        let start = first.frame.at;
        let mut core = join(site, start);
        core.start(start, &mut outputs);
        let mut now = start;
        while let Some(Played { frame, due, .. }) = log.next_frame().map_err(unreadable)? {
            let due = Mono(0) + due;
            while pace != Pace::Max && clock.now().mono < due {
                bell.wait(due.since(clock.now().mono));
            }
            now = frame.at;
            core.frame(now, &frame, &mut outputs);
            if pace != Pace::Max || core.counts().frames.is_multiple_of(CHUNK) {
                hand_over(&mut outlets, now, &mut outputs, &mut notices, &mut done);
            }
        }
        core.stop(now, &mut outputs);
        outlets.keep_last(core.drain_last());
        hand_over(&mut outlets, now, &mut outputs, &mut notices, &mut done);
        let (gateway, _, engine, _) = core.parts();
        (done.core, done.frames) = (core.counts(), gateway.counts());
        for rule in engine.status(now.mono) {
            done.rule_runs += rule.runs;
            done.rule_faults += rule.faults;
        }
    }
    (done.log, done.broken) = (log.counts(), log.bad().to_vec());
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
    let engine = Engine::new(site.book(site.revision().name()), Site::host(), start);
    // The log's own beginning names the run: the same log gives the same bytes.
    let origin = format!("{:08x}", (start.utc.0 / 1_000_000) as u32);
    let origin: [u8; 8] = origin.as_bytes().try_into().unwrap_or(*b"00000000");
    let mut core = Core::new(&site.map, engine, origin, start);
    core.expect_no_answers();
    core
}
