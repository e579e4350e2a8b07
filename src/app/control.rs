//! The control thread: it owns the Core, takes what comes in from bounded queues, and hands on what comes out. Frames and
//! requests go first, then at most 64 foreign messages a turn, so that a flood on Redis does not delay a sensor.

mod alerts;
mod devices;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::bus::{BridgeEvent, Last, Pattern};
use crate::can::{BusId, Frame};
use crate::model::{Class, Doorbell, Fields, Full, Mono, Name, Queue, QueueCounts, Saved, Severity, Timestamp, Value};
use crate::rules::Remains;
use crate::store::StoreHealth;
use crate::web::Request;

use super::Clock;
use super::core::Core;
use super::couriers::OutletEvent;
use super::interfaces::BusEvent;
use super::notices::Notices;
use super::outlets::Outlets;
use super::output::Output;
use super::reload::{Change, FilesEvent};
use super::status::Status;

/// Foreign messages taken in one turn.
const FOREIGN_A_TURN: usize = 64;
/// Frames taken in one turn.
const FRAMES_A_TURN: usize = 256;
/// Devices have at most this long to confirm their safe states when the engine stops.
const LAST_WORD: Duration = Duration::from_secs(5);
/// `growctl:last` is written this often.
const LAST_EVERY: Duration = Duration::from_secs(1);
/// What outlives this run is handed to the store this often.
const SAVE_EVERY: Duration = Duration::from_millis(50);

/// The queues that lead to the control thread; all ring one bell.
#[derive(Clone, Debug)]
pub(super) struct Inlets {
    /// From the buses.
    pub(super) frames: Arc<Queue<Frame>>,
    /// From other clients of Redis or of the endpoint: channel and payload.
    pub(super) foreign: Arc<Queue<(Name, Vec<u8>)>>,
    /// From the control socket.
    pub(super) requests: Arc<Queue<Request>>,
    /// How the interfaces are.
    pub(super) buses: Arc<Queue<BusEvent>>,
    /// What the bridge has to say about Redis.
    pub(super) events: Arc<Queue<BridgeEvent>>,
    /// How the store is.
    pub(super) store: Arc<Queue<StoreHealth>>,
    /// How the outlets of the outbox are.
    pub(super) outlets: Arc<Queue<OutletEvent>>,
    /// Another state of the site's files.
    pub(super) files: Arc<Queue<FilesEvent>>,
    stop: Arc<AtomicBool>,
    bell: Arc<Doorbell>,
}

impl Inlets {
    /// Empty queues, with the capacities of the design.
    pub(super) fn new() -> Inlets {
        let bell = Doorbell::new();
        Inlets {
            frames: Queue::with_doorbell("frames", 4_096, Full::DropOldest, bell.clone()),
            foreign: Queue::with_doorbell("foreign messages", 10_000, Full::DropNewest, bell.clone()),
            requests: Queue::with_doorbell("requests", 256, Full::Refuse, bell.clone()),
            buses: Queue::with_doorbell("bus events", 256, Full::DropOldest, bell.clone()),
            events: Queue::with_doorbell("redis events", 256, Full::DropOldest, bell.clone()),
            store: Queue::with_doorbell("store events", 16, Full::DropOldest, bell.clone()),
            outlets: Queue::with_doorbell("outlet events", 256, Full::DropOldest, bell.clone()),
            files: Queue::with_doorbell("reload", 1, Full::DropOldest, bell.clone()),
            stop: Arc::default(),
            bell,
        }
    }

    /// Ends the control thread after its next turn.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
    }

    /// The accounts of all queues that lead here.
    pub(super) fn counts(&self) -> [(&'static str, QueueCounts); 8] {
        [
            (self.frames.name(), self.frames.counts()),
            (self.foreign.name(), self.foreign.counts()),
            (self.requests.name(), self.requests.counts()),
            (self.buses.name(), self.buses.counts()),
            (self.events.name(), self.events.counts()),
            (self.store.name(), self.store.counts()),
            (self.outlets.name(), self.outlets.counts()),
            (self.files.name(), self.files.counts()),
        ]
    }
}

/// The Core with its two ends.
pub(super) struct Control {
    pub(super) core: Core,
    pub(super) clock: Clock,
    pub(super) inlets: Inlets,
    pub(super) outlets: Outlets,
    /// What does not change while it runs.
    pub(super) status: Status,
    notices: Notices,
    outputs: Vec<Output>,
    frames: Vec<Frame>,
    foreign: Vec<(Name, Vec<u8>)>,
    saved: Vec<Saved>,
    last_flush: Mono,
    last_save: Mono,
    /// Something happened since `last_save`.
    unsaved: bool,
}

impl Control {
    pub(super) fn new(core: Core, clock: Clock, inlets: Inlets, outlets: Outlets, status: Status) -> Control {
        Control {
            core,
            clock,
            inlets,
            outlets,
            status,
            notices: Notices::default(),
            outputs: Vec::new(),
            frames: Vec::new(),
            foreign: Vec::new(),
            saved: Vec::new(),
            last_flush: Mono(0),
            last_save: Mono(0),
            unsaved: true,
        }
    }

    /// Takes up what the last run left, before it runs.
    pub(super) fn restore(&mut self, rows: Vec<Saved>) {
        self.core.restore(self.clock.now(), rows, &mut self.outputs);
    }

    /// Runs until it is told to stop, then sends every device to its safe state.
    pub(super) fn run(mut self) -> Control {
        self.core.start(self.clock.now(), &mut self.outputs);
        while !self.inlets.stop.load(Ordering::Acquire) {
            if !self.turn() {
                self.inlets.bell.wait(self.patience());
            }
        }
        self.inlets.foreign.close();
        self.turn();
        let now = self.clock.now();
        self.core.stop(now, &mut self.outputs);
        self.outlets.keep_last(self.core.drain_last());
        self.outlets.dispatch(now, &mut self.outputs, &mut self.notices);
        self.save(now);
        self.hear_the_last_word(now);
        self.inlets.frames.close();
        self
    }

    /// Listens until every device says that it is at its safe state, as long as that may take.
    fn hear_the_last_word(&mut self, since: Timestamp) {
        loop {
            self.inlets.frames.pop_many(FRAMES_A_TURN, &mut self.frames);
            for frame in self.frames.drain(..) {
                self.core.last_frame(frame.at, &frame, &mut self.outputs);
            }
            let now = self.clock.now();
            self.outlets.dispatch(now, &mut self.outputs, &mut self.notices);
            let (patience, left) = self.core.unconfirmed();
            let over = now.mono.since(since.mono) >= patience.min(LAST_WORD);
            if left.is_empty() || over {
                for device in left {
                    tracing::error!(%device, "a device did not confirm its safe state: {device}");
                }
                return;
            }
            self.inlets.bell.wait(Duration::from_millis(20));
        }
    }

    /// Takes a share of everything that waits; whether there was anything.
    fn turn(&mut self) -> bool {
        let mut taken = self.inlets.frames.pop_many(FRAMES_A_TURN, &mut self.frames);
        for frame in self.frames.drain(..) {
            self.core.frame(frame.at, &frame, &mut self.outputs);
            // A command does not wait for the frames behind it.
            self.outlets.dispatch(frame.at, &mut self.outputs, &mut self.notices);
        }
        while let Some(request) = self.inlets.requests.pop() {
            taken += 1;
            self.answer(request);
        }
        taken += self.inlets.foreign.pop_many(FOREIGN_A_TURN, &mut self.foreign);
        let now = self.clock.now();
        for (channel, payload) in self.foreign.drain(..) {
            self.core.outside(now, &channel, &payload, &mut self.outputs);
        }
        while let Some(event) = self.inlets.buses.pop() {
            taken += 1;
            self.tell_bus(now, &event);
        }
        while let Some(event) = self.inlets.events.pop() {
            taken += 1;
            self.tell_redis(now, &event);
        }
        while let Some(health) = self.inlets.store.pop() {
            taken += 1;
            self.tell_store(now, &health);
        }
        while let Some(event) = self.inlets.outlets.pop() {
            taken += 1;
            self.tell_outlet(now, &event);
        }
        if let Some(event) = self.inlets.files.pop() {
            taken += 1;
            self.reload(event);
        }
        self.core.advance(now, &mut self.outputs);
        self.tell_anew(now);
        self.flush_last(now);
        self.outlets.dispatch(now, &mut self.outputs, &mut self.notices);
        self.unsaved = true;
        if now.mono.since(self.last_save) >= SAVE_EVERY {
            self.save(now);
        }
        taken > 0
    }

    fn patience(&self) -> Duration {
        let now = self.clock.now().mono;
        let flush = self.last_flush + LAST_EVERY;
        let save = self.unsaved.then(|| self.last_save + SAVE_EVERY);
        let deadlines = [self.core.next_deadline(), save];
        deadlines.into_iter().flatten().fold(flush, Mono::min).since(now)
    }

    fn save(&mut self, now: Timestamp) {
        (self.last_save, self.unsaved) = (now.mono, false);
        self.core.drain_saved(&mut self.saved);
        self.outlets.save(now, &mut self.saved);
    }

    fn flush_last(&mut self, now: Timestamp) {
        if now.mono.since(self.last_flush) >= LAST_EVERY {
            self.last_flush = now.mono;
            self.outlets.keep_last(self.core.drain_last());
        }
    }

    fn answer(&mut self, request: Request) {
        let now = self.clock.now();
        // Whoever asked may have gone; then the answer is nobody's.
        match request {
            Request::Status(answer) => {
                let _ = answer.send(self.status.json(now, self));
            }
            Request::Last(pattern, answer) => {
                let _ = answer.send(last_values(self.core.last(), &pattern, now));
            }
            Request::Why { rule, instance, answer } => {
                let why = self.core.why(now, &rule, instance.as_deref(), &mut self.outputs);
                let _ = answer.send(why.map(|(why, holds)| {
                    let mut told = serde_json::json!(why);
                    told["devices"] = serde_json::json!(holds);
                    told
                }));
            }
            Request::Device(asked) => self.answer_device(now, asked),
            Request::Alert(asked) => self.answer_alert(now, asked),
            Request::Reset(rule, answer) => {
                let known = self.core.reset(now, &rule, &mut self.outputs);
                let _ = answer.send(known);
            }
        }
    }

    /// Goes over to another state of the files, or says that it was refused.
    fn reload(&mut self, event: FilesEvent) {
        let now = self.clock.now();
        let (reloaded, done) = match event {
            FilesEvent::Apply(Change::State(next), mut reloaded, answer) => {
                let mut edited = self.core.reload(now, *next, &mut self.outputs);
                reloaded.take(&mut edited);
                (reloaded, Some((answer, edited.remains)))
            }
            FilesEvent::Apply(Change::Revision(name), reloaded, answer) => {
                self.core.carry(now, name, &mut self.outputs);
                (reloaded, Some((answer, Remains::default())))
            }
            FilesEvent::Refused(reloaded) => (reloaded, None),
        };
        self.core.system(now, "reload", reloaded.fields(), &mut self.outputs);
        self.status.reloaded = reloaded.clone();
        if let Some((answer, remains)) = done {
            let _ = answer.send((reloaded, remains));
        }
    }

    /// Commands that a bus did not take in time are decided anew.
    fn tell_anew(&mut self, now: Timestamp) {
        for (bus, pending) in (0..).map(BusId).zip(&self.outlets.buses) {
            for id in pending.take_expired() {
                self.core.expired(now, bus, id, &mut self.outputs);
            }
        }
    }

    /// `system:update:can:<bus>`, and a line in the log. A bus that is back is told where its devices belong.
    fn tell_bus(&mut self, now: Timestamp, event: &BusEvent) {
        let BusEvent { bus, health, counts } = event;
        let name = self.status.buses[usize::from(bus.0)].name.clone();
        self.notices.bus(&name, health, *counts);
        let text = |text: &Option<String>| text.as_deref().map(Value::from);
        let fields = [
            ("bus", Some(Value::Text(name.clone()))),
            ("state", Some(health.state.name().into())),
            ("reason", text(&health.reason)),
            ("remedy", text(&health.remedy)),
            ("bitrate", health.rates.bitrate.map(|rate| f64::from(rate).into())),
            ("lost", Some((counts.lost as f64).into())),
            ("dropped", Some((counts.dropped as f64).into())),
            ("overruns", Some((counts.overruns as f64).into())),
        ];
        let fields = named(fields.into_iter().filter_map(|(name, value)| Some((name, value?))));
        self.core.system(now, &format!("can:{name}"), fields, &mut self.outputs);
        if health.state.is_usable() {
            self.core.connected(now, *bus, &mut self.outputs);
        } else {
            self.core.disconnected(now, *bus, &mut self.outputs);
        }
    }

    /// `system:update:store`, and a line in the log.
    fn tell_store(&mut self, now: Timestamp, health: &StoreHealth) {
        self.notices.store(health);
        let mut fields = vec![("state", Value::from(health.name()))];
        if let Some((reason, remedy)) = health.trouble() {
            fields.extend([("reason", reason.into()), ("remedy", remedy.into())]);
        }
        self.core.system(now, "store", named(fields), &mut self.outputs);
        let trouble = health.trouble().map(|(why, remedy)| format!("the store is in trouble: {why}; {remedy}"));
        self.core.trouble(now, "store", trouble.map(|text| (Severity::Critical, text)), &mut self.outputs);
    }

    /// To whom growctl.yaml names under `alerts: system:`.
    fn tell_outlet(&mut self, now: Timestamp, event: &OutletEvent) {
        let severity = if event.class == Class::Alert { Severity::Critical } else { Severity::Warning };
        let trouble = event.trouble.as_ref().map(|why| (severity, format!("{}: {why}", event.outlet)));
        self.core.trouble(now, &format!("outbox {}", event.outlet), trouble, &mut self.outputs);
    }

    fn tell_redis(&mut self, now: Timestamp, event: &BridgeEvent) {
        let says = |state: &str, reason: &str| vec![("state", Value::from(state)), ("reason", reason.into())];
        let more = |mut fields: Vec<(&'static str, Value)>, name, value| {
            fields.push((name, value));
            fields
        };
        let fields = match event {
            BridgeEvent::Up { gap: None } => says("up", "connected"),
            BridgeEvent::Up { gap: Some(gap) } => more(says("up", "connected again"), "gap", gap.as_secs_f64().into()),
            BridgeEvent::Down { reason } => says("down", reason),
            BridgeEvent::Gap { dropped } => {
                more(says("up", "messages came too fast"), "dropped", (*dropped as f64).into())
            }
            BridgeEvent::Refused { reason } => says("up", reason),
            BridgeEvent::Foreign { origin, channel } => {
                let fields = more(says("up", "another engine publishes here"), "origin", origin.as_str().into());
                more(fields, "channel", channel.as_str().into())
            }
        };
        self.core.system(now, "redis", named(fields), &mut self.outputs);
    }
}

/// `[{"channel", "age", "fields"}]`, the age in seconds.
fn last_values(last: &Last, pattern: &Pattern, now: Timestamp) -> serde_json::Value {
    let row = |(channel, fields, at): (Name, Fields, Timestamp)| serde_json::json!({ "channel": channel, "age": now.mono.since(at.mono).as_secs_f64(), "fields": fields });
    last.channels(pattern).into_iter().map(row).collect()
}

fn named<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Fields {
    fields.into_iter().map(|(name, value)| (Name::from(name), value)).collect()
}
