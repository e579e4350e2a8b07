//! The engine between its nodes, its clients and its store, in virtual time; every frame is written down.

use std::collections::BTreeMap;
use std::sync::Arc;

use growctl_engine::app::{Core, Next, Output, Site};
use growctl_engine::can::{BusId, CanId, Frame};
use growctl_engine::channels::{self, ChannelMap};
use growctl_engine::files::{Report, SourceFile};
use growctl_engine::model::{CommandsFrom, Mono, Name, Saved, Shelf, Timestamp, Utc};
use growctl_engine::rules::{self, Engine, Place, Rulebook};

use super::nodes::{BEGIN, MS, Nodes};
use super::plan::{Plan, Step, level};

/// 2026-04-01 00:00 UTC, in nanoseconds.
const BEGAN: i64 = 1_775_001_600_000_000_000;
const DAY: i64 = 86_400_000_000_000;
const SAVE_EVERY: u64 = 50 * MS;

/// What is written down, with its time.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// A frame from the engine.
    Told(u32, Vec<u8>),
    /// A frame from a node.
    Said(u32, Vec<u8>),
    /// The map that is in force from now on.
    Map(String),
    /// The engine begins to speak; 1 or -1: while it was away, the civil clock was set ahead or back.
    Start { clock_set: i16 },
    /// It is heard again; what it has told meanwhile, nobody has seen.
    Back,
    /// It is about to speak its last words.
    Stops,
    /// It speaks no more.
    Gone,
    /// It has something to do at this moment, for ever.
    Spins,
    /// Nobody asks for anything any more.
    Released,
}

pub(crate) struct World<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) nodes: Nodes,
    pub(crate) core: Option<Core>,
    pub(crate) log: Vec<(u64, Seen)>,
    pub(crate) now: u64,
    /// The bus takes no frames, in either direction.
    pub(crate) cut: bool,
    map: String,
    parsed: Arc<ChannelMap>,
    began: u64,
    utc: i64,
    store: BTreeMap<(Shelf, (Name, Name)), String>,
    saved_at: u64,
    unsaved: bool,
    runs: u8,
    clock_set_at: Option<u64>,
    died_at: u64,
    /// Frames for an engine that is frozen.
    waiting: Vec<(Timestamp, u32, u8)>,
}

impl<'a> World<'a> {
    pub(crate) fn new(plan: &'a Plan) -> World<'a> {
        let map = plan.map(&plan.limits, None);
        let parsed = Arc::new(load(&map));
        let nodes = Nodes::new(plan);
        let mut world = World {
            plan,
            nodes,
            core: None,
            log: Vec::new(),
            now: BEGIN,
            cut: false,
            map,
            parsed,
            began: 0,
            utc: BEGAN,
            store: BTreeMap::new(),
            saved_at: 0,
            unsaved: false,
            runs: 0,
            clock_set_at: None,
            died_at: 0,
            waiting: Vec::new(),
        };
        world.log.push((BEGIN, Seen::Map(world.map.clone())));
        world.start();
        world
    }

    /// The two clocks of the engine that runs.
    fn stamp(&self) -> Timestamp {
        self.stamp_of(self.now)
    }

    fn stamp_of(&self, at: u64) -> Timestamp {
        let mono = Mono(Mono::START.0 + at - self.began);
        Timestamp { mono, utc: Utc(self.utc + at as i64) }
    }

    fn book(&self, host: &rules::Host) -> Rulebook {
        let site = rules::Site { host, inventory: &self.parsed.inventory };
        let mut report = Report::default();
        let there = |text: &str| {
            (0..8).all(|at| !text.contains(&format!("\"d{at}\"")) || self.map.contains(&format!("    d{at}:\n")))
        };
        let files = self.plan.rules().into_iter().filter(|(_, text)| there(text));
        let rules = files
            .filter_map(|(path, text)| rules::load(&SourceFile::new(path, text), &site, &mut report))
            .map(Arc::new)
            .collect();
        assert_eq!(report.errors(), 0, "{}", report.render(false));
        Rulebook::new(rules, self.parsed.inventory.clone(), Place::default(), "test".into())
    }

    pub(crate) fn start(&mut self) {
        self.start_by(0);
    }

    /// Starts with a clock that was set meanwhile: 1 ahead, -1 back.
    fn start_by(&mut self, clock_set: i16) {
        // What was saved may have the times of the clock before.
        let unsaved = self.clock_set_at.take().is_some_and(|at| at + SAVE_EVERY >= self.died_at);
        let clock_set = if unsaved { 1 } else { clock_set };
        self.began = self.now;
        (self.saved_at, self.unsaved) = (self.now, true);
        self.runs += 1;
        let (now, host) = (self.stamp(), Site::host());
        let book = self.book(&host);
        let origin = [b'0', b'0', b'0', b'0', b'0', b'0', b'0' + self.runs / 10, b'0' + self.runs % 10];
        let mut core = Core::new(&self.parsed, Engine::new(book, host, now), origin, now);
        let row = |((shelf, key), value): (&(Shelf, (Name, Name)), &String)| Saved {
            shelf: *shelf,
            key: key.clone(),
            value: Some(value.clone()),
        };
        let rows = self.store.iter().map(row).collect();
        let mut outputs = Vec::new();
        core.restore(now, rows, &mut outputs);
        self.core = Some(core);
        self.log.push((self.now, Seen::Start { clock_set }));
        self.with(|core, now, out| core.start(now, out));
    }

    pub(crate) fn kill(&mut self) {
        (self.core, self.died_at) = (None, self.now);
        self.log.push((self.now, Seen::Gone));
    }

    pub(crate) fn stop(&mut self) {
        self.log.push((self.now, Seen::Stops));
        self.with(|core, now, out| core.stop(now, out));
        self.save();
        self.kill();
    }

    /// What it says from here on is judged no more: it is frozen, or nobody hears it.
    pub(crate) fn away(&mut self) {
        self.log.push((self.now, Seen::Gone));
    }

    /// The engine goes on where it was, with the frames that waited for it and of its own, of each identifier, the newest.
    pub(crate) fn thaw(&mut self) {
        self.log.push((self.now, Seen::Back));
        let waiting = std::mem::take(&mut self.waiting);
        self.with(|core, now, out| {
            for (at, id, byte) in waiting {
                let frame = Frame::data(at, BusId(0), CanId::standard(id).expect("it has 11 bits"), &[byte])
                    .expect("a byte fits");
                core.frame(at, &frame, out);
            }
            core.advance(now, out);
            let late =
                |output: &Output| matches!(output, Output::Transmit { frame, ttl } if frame.at.mono + *ttl < now.mono);
            out.retain(|output| !late(output));
            let mut newest = BTreeMap::new();
            (0..).zip(out.iter()).for_each(|(at, output)| {
                if let Output::Transmit { frame, .. } = output {
                    newest.insert(frame.id.raw(), at);
                }
            });
            let mut at = 0;
            out.retain(|output| {
                at += 1;
                !matches!(output, Output::Transmit { frame, .. } if newest[&frame.id.raw()] != at - 1)
            });
        });
    }

    /// The bus takes frames again.
    pub(crate) fn reconnect(&mut self) {
        self.cut = false;
        self.log.push((self.now, Seen::Back));
        self.with(|core, now, out| core.connected(now, BusId(0), out));
    }

    /// Something happens to the engine, now.
    pub(crate) fn with(&mut self, event: impl FnOnce(&mut Core, Timestamp, &mut Vec<Output>)) {
        let now = self.stamp();
        let Some(core) = &mut self.core else { return };
        let mut outputs = Vec::new();
        event(core, now, &mut outputs);
        for output in outputs {
            let Output::Transmit { frame, .. } = output else { continue };
            if !self.cut {
                self.log.push((self.now, Seen::Told(frame.id.raw(), frame.bytes().to_vec())));
                self.nodes.hear(self.now, frame.id.raw(), frame.bytes());
            }
        }
        self.unsaved = true;
        if self.now >= self.saved_at + SAVE_EVERY {
            self.save();
        }
    }

    fn save(&mut self) {
        let mut rows = Vec::new();
        if let Some(core) = &mut self.core {
            core.drain_saved(&mut rows);
        }
        (self.saved_at, self.unsaved) = (self.now, false);
        for Saved { shelf, key, value } in rows {
            match value {
                Some(value) => self.store.insert((shelf, key), value),
                None => self.store.remove(&(shelf, key)),
            };
        }
    }

    /// When the engine has something to do by itself.
    fn deadline(&self) -> u64 {
        let deadline = self.core.as_ref().and_then(Core::next_deadline);
        deadline.map_or(u64::MAX, |mono| mono.0.saturating_sub(Mono::START.0).saturating_add(self.began))
    }

    /// Everything up to `end` happens. `frozen`: but for the engine.
    pub(crate) fn run_to(&mut self, end: u64, frozen: bool) {
        let (mut turns, mut turned_at) = (0, self.now);
        loop {
            turns = if turned_at == self.now { turns + 1 } else { 0 };
            turned_at = self.now;
            if turns == 1_000 {
                self.log.push((self.now, Seen::Spins));
                break;
            }
            let save =
                if self.unsaved && self.core.is_some() && !frozen { self.saved_at + SAVE_EVERY } else { u64::MAX };
            let engine = if frozen { u64::MAX } else { self.deadline() };
            let next = self.nodes.next().min(engine).min(save).max(self.now);
            if next > end {
                break;
            }
            self.now = next;
            if save <= next {
                self.save();
            }
            if engine <= next {
                self.with(|core, now, out| core.advance(now, out));
            }
            let mut said = Vec::new();
            self.nodes.step(self.now, &mut said);
            if !self.cut {
                for (id, byte) in said {
                    self.said(id, byte, frozen);
                }
            }
        }
        self.now = self.now.max(end);
    }

    fn said(&mut self, id: u32, byte: u8, frozen: bool) {
        self.log.push((self.now, Seen::Said(id, vec![byte])));
        if frozen {
            self.waiting.push((self.stamp(), id, byte));
        } else {
            let id = CanId::standard(id).expect("it has 11 bits");
            self.with(|core, now, out| {
                let frame = Frame::data(now, BusId(0), id, &[byte]).expect("a byte fits");
                core.frame(now, &frame, out);
            });
        }
    }

    pub(crate) fn command(&mut self, device: u8, payload: &str) {
        let channel = format!("device:command:R:d{}", usize::from(device) % self.plan.devices.len());
        self.with(|core, now, out| core.outside(now, &channel, payload.as_bytes(), out));
    }

    /// One step of the plan.
    pub(crate) fn step(&mut self, step: &Step) {
        let unit = self.plan.unit();
        match step {
            Step::Wait(quarters) => self.run_to(self.now + u64::from(*quarters) * unit / 4 * MS, false),
            Step::Sensor(which, value) => self.nodes.sensors[usize::from(*which)].0 = *value,
            Step::Command(device, wish, lasts) => {
                let fan = self.plan.slots()[usize::from(*device) % self.plan.devices.len()].fan;
                let lasts = u64::from(*lasts) * unit;
                self.command(*device, &format!("{{\"set\": {}, \"for\": \"{lasts}ms\"}}", level(fan, *wish)));
            }
            Step::Release(device) => self.command(*device, "{\"release\": true}"),
            Step::Fault(device, fault) => {
                let at = usize::from(*device) % self.plan.devices.len();
                self.nodes.outputs[at].fault = *fault;
            }
            Step::Clock(days) => {
                self.utc += i64::from(*days) * DAY;
                self.clock_set_at = Some(self.now);
                self.with(|core, now, out| core.advance(now, out));
            }
            Step::Reload(limits, gone) => {
                let gone = gone.filter(|at| usize::from(*at) < self.plan.devices.len());
                self.reload(self.plan.map(limits, gone));
            }
            Step::Restart { clean, down, days } => {
                if *clean {
                    self.stop()
                } else {
                    self.kill()
                }
                self.run_to(self.now + u64::from(*down) * unit / 4 * MS, false);
                self.utc += i64::from(*days) * DAY;
                self.start_by(days.signum());
            }
        }
    }

    pub(crate) fn reload(&mut self, map: String) {
        // What is due before the new map is due by the old one.
        self.with(|core, now, out| core.advance(now, out));
        self.map = map;
        self.parsed = Arc::new(load(&self.map));
        let book = self.book(&Site::host());
        let next = Next { map: Some(self.parsed.clone()), book, commands_from: CommandsFrom::All, alerts: None };
        self.log.push((self.now, Seen::Map(self.map.clone())));
        self.with(|core, now, out| {
            core.reload(now, next, out);
        });
    }

    /// Nobody asks any more: cold sensors that are there, no clients, healthy nodes; and then a while.
    pub(crate) fn let_go(&mut self, units: u64) {
        self.nodes.sensors = [(Some(5), self.nodes.sensors[0].1), (Some(5), self.nodes.sensors[1].1)];
        self.nodes.outputs.iter_mut().for_each(|output| output.fault = super::plan::Fault::None);
        let ends = !self.plan.rules.iter().any(|rule| rule.each);
        for device in 0..self.plan.devices.len() as u8 {
            self.command(device, "{\"release\": true}");
        }
        let unit = self.plan.unit() * MS;
        self.run_to(self.now + 13 * unit, false);
        if ends {
            self.log.push((self.now, Seen::Released));
        }
        self.run_to(self.now + units * unit, false);
    }
}

pub(crate) fn load(map: &str) -> ChannelMap {
    let mut report = Report::default();
    let map = channels::load(&SourceFile::new("channels.yaml", map), &mut report);
    map.filter(|_| report.errors() == 0).unwrap_or_else(|| panic!("{}", report.render(false)))
}
