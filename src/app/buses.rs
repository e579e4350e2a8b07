//! The threads that bring frames: one for the simulated plant, one for each recording, one for all SocketCAN interfaces.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::can::{BusId, Frame, Pace, Pending, Played, Replay};
use crate::channels::{ChannelMap, Link};
use crate::model::{Doorbell, Full, Queue};
use crate::simulator::Plant;
use crate::web::PlantRequest;

use super::Clock;
use super::interfaces::{BusEnds, Interfaces, Sockets};

/// The longest that a thread sleeps before it looks whether it is to stop.
const LOOK: Duration = Duration::from_secs(1);

/// The running sources of frames.
pub(super) struct Buses {
    /// Each bus's waiting commands, by `BusId`.
    pub(super) pending: Vec<Arc<Pending>>,
    /// Wishes for the plant; closed where nothing is simulated.
    pub(super) plant: Arc<Queue<PlantRequest>>,
    /// Other maps for the plant.
    pub(super) maps: Arc<Queue<Arc<ChannelMap>>>,
    /// The SocketCAN interfaces.
    pub(super) interfaces: Interfaces,
    stop: Arc<AtomicBool>,
    bells: Vec<Arc<Doorbell>>,
    threads: Vec<JoinHandle<()>>,
}

impl Buses {
    /// Starts them; frames go to `ends`.
    pub(super) fn start(map: &ChannelMap, folder: &Path, ends: &BusEnds, sockets: Sockets) -> std::io::Result<Buses> {
        let (clock, frames, interfaces) = (ends.clock, &ends.frames, Interfaces::of(map));
        let (stop, plant_bell) = (Arc::new(AtomicBool::new(false)), Doorbell::new());
        let pending = (0..).map(BusId).zip(&map.buses).map(|(bus, spec)| match interfaces.port(bus) {
            Some(port) => port.pending.clone(),
            None => Pending::new(plant_bell.clone(), spec.link == Link::Simulated),
        });
        let pending: Vec<Arc<Pending>> = pending.collect();
        let wishes = Queue::with_doorbell("plant", 16, Full::Refuse, plant_bell.clone());
        let maps = Queue::with_doorbell("maps of the plant", 1, Full::DropOldest, plant_bell.clone());
        let bells = vec![plant_bell.clone()];
        let (plant, threads) = (wishes.clone(), interfaces.start(ends, sockets)?.into_iter().collect());
        let mut buses = Buses { pending, plant, maps: maps.clone(), interfaces, stop, bells, threads };
        if map.buses.iter().all(|bus| bus.link != Link::Simulated) {
            wishes.close();
        } else {
            let plant = Plant::new(map, 1, clock.now());
            let (pending, stop, frames) = (buses.simulated(map), buses.stop.clone(), frames.clone());
            buses.spawn("plant", move || {
                simulate(plant, clock, (&pending, &wishes, &maps), &frames, (&plant_bell, &stop))
            })?;
        }
        for (at, bus) in (0..).zip(&map.buses) {
            if let Link::Replay { path, speed } = &bus.link {
                let (path, speed, bell) = (folder.join(path), *speed, Doorbell::new());
                let (stop, frames) = (buses.stop.clone(), frames.clone());
                buses.bells.push(bell.clone());
                buses.spawn("recording", move || play(&path, (BusId(at), speed), clock, &frames, (&bell, &stop)))?;
            }
        }
        Ok(buses)
    }

    /// What waits for the buses of the plant.
    fn simulated(&self, map: &ChannelMap) -> Vec<Arc<Pending>> {
        let all = self.pending.iter().zip(&map.buses);
        all.filter(|(_, bus)| bus.link == Link::Simulated).map(|(pending, _)| pending.clone()).collect()
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }

    /// Ends the threads; commands that still wait have been taken by then.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.bells.iter().for_each(|bell| bell.ring());
        self.interfaces.stop();
        for thread in self.threads {
            // A thread that panicked has said so on stderr.
            let _ = thread.join();
        }
    }
}

type Bell<'a> = (&'a Doorbell, &'a AtomicBool);

fn simulate(
    mut plant: Plant,
    clock: Clock,
    (pending, wishes, maps): (&[Arc<Pending>], &Queue<PlantRequest>, &Queue<Arc<ChannelMap>>),
    frames: &Queue<Frame>,
    (bell, stop): Bell<'_>,
) {
    let mut out = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let now = clock.now();
        while let Some(command) = pending.iter().find_map(|bus| bus.take(now.mono)) {
            plant.step(now, Some(&command), &mut out);
        }
        if let Some(map) = maps.pop() {
            plant.reload(&map, now);
        }
        while let Some(wish) = wishes.pop() {
            grant(&mut plant, wish);
        }
        plant.step(now, None, &mut out);
        for frame in out.drain(..) {
            frames.push(frame);
        }
        let next = plant.next_deadline().map_or(LOOK, |deadline| deadline.since(clock.now().mono));
        bell.wait(next.min(LOOK));
    }
}

fn grant(plant: &mut Plant, PlantRequest { fault, answer }: PlantRequest) {
    let done = fault.map_or(Ok(()), |(target, kind)| {
        tracing::warn!(%target, kind = kind.map_or_else(|| "none".to_owned(), |kind| kind.to_string()), "simulated fault");
        plant.fault(&target, kind)
    });
    // Whoever asked may have gone; then the answer is nobody's.
    let _ = answer.send(done.map(|()| plant.faults().map(|(name, kind)| (name.clone(), kind.to_string())).collect()));
}

/// Plays a recording once, its frames stamped as they come in; what was sent on another bus of the log is played too.
fn play(path: &Path, (bus, speed): (BusId, f64), clock: Clock, frames: &Queue<Frame>, (bell, stop): Bell<'_>) {
    let shown = path.display();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return tracing::error!("recording {shown} cannot be read, its bus is silent: {error}"),
    };
    let mut log = Replay::new(BufReader::new(file), Pace::AsRecorded(speed), |_: &str| Some(bus));
    let began = clock.now().mono;
    while let Ok(Some(Played { mut frame, due, .. })) = log.next_frame() {
        let due = began + due;
        while !stop.load(Ordering::Acquire) && clock.now().mono < due {
            bell.wait(due.since(clock.now().mono).min(LOOK));
        }
        if stop.load(Ordering::Acquire) {
            return;
        }
        frame.at = clock.now();
        // A recording waits for room: what a sensor said then is not lost now.
        if !frames.push_all_waiting(&mut vec![frame]) {
            return;
        }
    }
    tracing::warn!(broken_lines = log.counts().bad_lines, "recording {shown} has ended, its bus is silent now");
}
