//! One test on the Core: the clocks go from event to event and through every deadline between them, and everything that
//! the rule asks for and the devices are told is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::can::Frame;
use crate::channels::ChannelMap;
use crate::model::{
    AlertAsk, Ask, DeviceKey, Intent, Message, Mono, Name, Provenance, Saved, Shelf, Timestamp, Utc, Value,
};
use crate::rules::{PartRuns, Place, Rule};

use super::super::core::Core;
use super::super::output::{Notice, Output};
use super::Bench;
use super::expected::{Got, Told, Wish};
use super::input::{Cursor, Payload};
use super::moment::Set;
use super::test::{Happening, Test};
use super::timeline::{self, Line, Sign};

/// Names the run in the `id` of every message.
const ORIGIN: [u8; 8] = *b"ruletest";

/// What came of a test.
#[derive(Debug, Default)]
pub(super) struct Played {
    pub(super) got: Vec<Got>,
    pub(super) told: Vec<Told>,
    /// What failed on the way.
    pub(super) faults: Vec<(Duration, String)>,
    pub(super) parts: PartRuns,
    /// Judgements and runs that met a value that is not good, and messages that lack a field that the rule names.
    pub(super) unknown: u64,
    pub(super) not_concerned: u64,
    /// Everything that happened, if it was asked for.
    pub(super) timeline: Vec<Line>,
}

/// What an instance holds: the device, and when its lease ends.
type Held = BTreeMap<DeviceKey, Option<Duration>>;

struct Play<'a> {
    bench: &'a Bench<'a>,
    rule: &'a Rule,
    test: &'a Test,
    /// The channel map with the nodes of the test alone.
    map: ChannelMap,
    /// `None` while the engine is down.
    core: Option<Core>,
    back_at: Duration,
    /// What is kept over a restart.
    store: BTreeMap<(Shelf, (Name, Name)), String>,
    /// By how much the civil clock was set.
    shift: i64,
    cursors: Vec<Cursor>,
    silent: BTreeSet<Name>,
    held: BTreeMap<Name, Held>,
    /// Instances whose alert fires.
    alerts: BTreeSet<Name>,
    /// What each device was told last.
    states: BTreeMap<DeviceKey, Value>,
    /// What each was told since the Core was asked last.
    fresh: Vec<(DeviceKey, Value)>,
    outputs: Vec<Output>,
    keeps_timeline: bool,
    played: Played,
}

/// Plays a test of a rule.
pub(super) fn play(bench: &Bench<'_>, rule: &Rule, test: &Test, keeps_timeline: bool) -> Played {
    let mut play = Play {
        bench,
        rule,
        test,
        map: test.cast.stage(bench.map),
        core: None,
        back_at: Duration::ZERO,
        store: BTreeMap::new(),
        shift: 0,
        cursors: vec![Cursor::default(); test.inputs.len()],
        silent: BTreeSet::new(),
        held: BTreeMap::new(),
        alerts: BTreeSet::new(),
        states: BTreeMap::new(),
        fresh: Vec::new(),
        outputs: Vec::new(),
        keeps_timeline,
        played: Played::default(),
    };
    play.start(Duration::ZERO);
    let mut events = test.events.iter().peekable();
    loop {
        let input = play.next_input().filter(|(at, _)| *at <= test.until);
        // At one moment events go first: who falls silent then says nothing more.
        let before = |at: &Duration| input.is_none_or(|(next, _)| *at <= next);
        if let Some((at, happening)) = events.next_if(|(at, _)| *at <= test.until && before(at)) {
            play.happen(*at, happening);
        } else if let Some((at, input)) = input {
            play.input(at, input);
        } else {
            break;
        }
    }
    play.advance(test.until);
    play.account(test.until);
    play.played
}

impl Play<'_> {
    fn now(&self, at: Duration) -> Timestamp {
        let utc = self.test.calendar.start + at;
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        Timestamp { mono: Mono(nanos), utc: Utc(utc.0.saturating_add(self.shift)) }
    }

    fn start(&mut self, at: Duration) {
        let now = self.now(at);
        let place = Place { zone: self.test.calendar.zone.clone(), location: self.test.location };
        let names = std::iter::once(&self.rule.name).chain(&self.test.with);
        let engine = self.bench.engine(names, &self.map, place, now);
        let mut core = Core::new(&self.map, engine, ORIGIN, now);
        core.expect_no_answers();
        core.record();
        core.publish_everything();
        let (.., guard) = core.parts();
        for device in guard.status().into_iter().filter(|device| !device.wanted.is_null()) {
            // Where it belongs while nobody asks: it is told so at the start, which is no news.
            let key = DeviceKey { room: device.room.into(), device: device.device.into() };
            self.states.entry(key).or_insert(device.wanted);
        }
        let row = |((shelf, key), text): (_, String)| Saved { shelf, key, value: Some(text) };
        let rows = self.store.clone().into_iter().map(row).collect();
        core.restore(now, rows, &mut self.outputs);
        core.start(now, &mut self.outputs);
        self.core = Some(core);
        self.drain(at);
    }

    /// The next word of an input, and which input.
    fn next_input(&self) -> Option<(Duration, usize)> {
        let all = self.test.inputs.iter().zip(&self.cursors).enumerate();
        let speaking = all.filter(|(_, (input, _))| !self.silent.contains(&input.speaker));
        speaking.filter_map(|(at, (input, cursor))| Some((cursor.next(input)?, at))).min()
    }

    fn input(&mut self, at: Duration, index: usize) {
        let input = &self.test.inputs[index];
        let cursor = self.cursors[index];
        self.cursors[index].advance(input);
        let now = self.now(at);
        match cursor.say(input, now) {
            None => {}
            Some(Payload::Frame(frame)) => self.frame(at, frame),
            Some(Payload::Message(channel, fields)) => self.message(at, channel, &Value::Map(Box::new(fields))),
        }
    }

    fn happen(&mut self, at: Duration, happening: &Happening) {
        self.advance(at);
        self.note(at, Sign::Event, || timeline::happening(happening, &self.test.calendar));
        match happening {
            Happening::Message(channel, fields) => self.message(at, channel, &Value::Map(Box::new(fields.clone()))),
            Happening::Frame(frame) => self.frame(at, *frame),
            Happening::Silent(speaker) => _ = self.silent.insert(speaker.clone()),
            Happening::Clock(Set::By(nanos)) => self.shift = self.shift.saturating_add(*nanos),
            Happening::Clock(Set::To(utc)) => self.shift += utc.0.saturating_sub(self.now(at).utc.0),
            Happening::Reset => {
                let now = self.now(at);
                if let Some(core) = &mut self.core {
                    core.reset(now, &self.rule.name, &mut self.outputs);
                }
                self.drain(at);
            }
            Happening::Restart(down) => self.restart(at, *down),
        }
    }

    fn restart(&mut self, at: Duration, down: Duration) {
        let now = self.now(at);
        if let Some(core) = &mut self.core {
            core.stop(now, &mut self.outputs);
            let mut rows = Vec::new();
            core.drain_saved(&mut rows);
            for Saved { shelf, key, value } in rows {
                match value {
                    Some(text) => _ = self.store.insert((shelf, key), text),
                    None => _ = self.store.remove(&(shelf, key)),
                }
            }
        }
        self.drain(at);
        self.account(at);
        self.held.clear();
        (self.core, self.back_at) = (None, at + down);
        self.advance(at);
    }

    fn frame(&mut self, at: Duration, mut frame: Frame) {
        self.advance(at);
        let now = self.now(at);
        frame.at = now;
        if let Some(core) = &mut self.core {
            core.frame(now, &frame, &mut self.outputs);
        }
        self.drain(at);
    }

    fn message(&mut self, at: Duration, channel: &str, fields: &Value) {
        self.advance(at);
        let (now, text) = (self.now(at), serde_json::to_vec(fields).unwrap_or_default());
        if let Some(core) = &mut self.core {
            core.outside(now, channel, &text, &mut self.outputs);
        }
        self.drain(at);
    }

    /// Time passes, from deadline to deadline.
    fn advance(&mut self, to: Duration) {
        if self.core.is_none() && self.back_at <= to {
            self.start(self.back_at);
        }
        while let Some(core) = &mut self.core {
            let deadline = core.next_deadline().map(|deadline| Duration::from_nanos(deadline.0));
            let at = deadline.filter(|at| *at < to).unwrap_or(to);
            let now = self.now(at);
            if let Some(core) = &mut self.core {
                core.advance(now, &mut self.outputs);
            }
            self.drain(at);
            if at == to {
                return;
            }
        }
    }

    /// Takes in what the Core has said at this moment.
    fn drain(&mut self, at: Duration) {
        for output in std::mem::take(&mut self.outputs) {
            match output {
                Output::Publish(delivery) => self.heard(at, &delivery),
                Output::Transmit { frame, .. } => self.transmitted(&frame),
                // The recorded intents tell of it.
                Output::Raw { .. } | Output::Act(..) | Output::Tell { .. } | Output::AlertChange(_) => {}
                Output::Notice(notice) => self.failed(at, &notice),
            }
        }
        let recorded = self.core.as_mut().map(Core::take_recorded).unwrap_or_default();
        for intent in recorded.into_iter().filter(|intent| intent.origin.rule == self.rule.name) {
            self.intent(at, intent);
        }
        self.tell(at);
    }

    fn heard(&mut self, at: Duration, delivery: &crate::bus::Delivery) {
        let message = &delivery.message;
        let broad = message.broad.as_deref();
        let hears = |channel: &str| self.rule.patterns.iter().any(|pattern| pattern.matches(channel));
        let heard = hears(&message.channel) || broad.is_some_and(hears);
        if !self.keeps_timeline || !(heard || matches!(message.provenance, Provenance::Frames | Provenance::Outside)) {
            return;
        }
        let concerns = heard && self.rule.fields.iter().all(|field| message.fields.get(field).is_some());
        let heard = concerns.then(|| message.clone());
        self.line(at, Sign::Message, timeline::message(message), heard);
    }

    fn transmitted(&mut self, frame: &Frame) {
        for device in &self.map.devices {
            let command = &device.command;
            if (command.bus, command.id) != (frame.bus, frame.id) {
                continue;
            }
            let Ok(state) = command.frame.signals[command.signal].decode(frame.bytes()) else { continue };
            match self.fresh.iter_mut().find(|(key, _)| *key == device.key) {
                Some((_, before)) => *before = state,
                None => self.fresh.push((device.key.clone(), state)),
            }
        }
    }

    /// What devices were told at this moment, behind the wishes that it follows from. A command that another one replaces
    /// before it is on the wire tells nothing, nor does one that is sent again.
    fn tell(&mut self, at: Duration) {
        for (device, state) in std::mem::take(&mut self.fresh) {
            if self.states.get(&device) != Some(&state) {
                self.states.insert(device.clone(), state.clone());
                let told = Told { at, device, state };
                self.note(at, Sign::Command, || told.to_string());
                self.played.told.push(told);
            }
        }
    }

    fn failed(&mut self, at: Duration, notice: &Notice) {
        let text = timeline::notice(notice);
        self.note(at, Sign::Fault, || text.clone());
        self.played.faults.push((at, text));
    }

    fn intent(&mut self, at: Duration, intent: Intent) {
        let instance = intent.origin.instance;
        let held = self.held.entry(instance.clone()).or_default();
        held.retain(|_, ends| ends.is_none_or(|ends| ends > at));
        let what = match intent.ask {
            Ask::Set(request) => {
                held.insert(request.device.clone(), request.lease.map(|lease| at + lease));
                Wish::Set { device: request.device, level: request.level, lease: request.lease, reason: request.reason }
            }
            Ask::Release(device) => {
                held.remove(&device);
                Wish::Release { devices: vec![device], all: false }
            }
            // All that it held may have been let go one by one, or run out.
            Ask::ReleaseAll if held.is_empty() => return,
            Ask::ReleaseAll => Wish::Release { devices: std::mem::take(held).into_keys().collect(), all: true },
            Ask::Publish { channel, fields } => Wish::Publish { channel, fields },
            Ask::Act(act) => Wish::Call { function: act.action, args: act.args },
            Ask::Alert(ask) => match self.alert(&instance, ask) {
                Some(wish) => wish,
                None => return,
            },
        };
        let got = Got { at, instance, what };
        self.note(at, Sign::Intent, || got.to_string());
        self.played.got.push(got);
    }

    /// An alert that begins or ends. One that is still pending has told nobody, and one that goes on is no news.
    fn alert(&mut self, instance: &Name, ask: AlertAsk) -> Option<Wish> {
        let is_news = match &ask {
            AlertAsk::Pending(_) => false,
            AlertAsk::Raise(_) => self.alerts.insert(instance.clone()),
            AlertAsk::End(_) => self.alerts.remove(instance),
        };
        let state = ask.name();
        let raised = ask.raised().map(|raised| (raised.plan.severity, raised.summary.clone()));
        is_news.then_some(Wish::Alert { state, raised })
    }

    fn note(&mut self, at: Duration, sign: Sign, text: impl FnOnce() -> String) {
        if self.keeps_timeline {
            self.line(at, sign, text(), None);
        }
    }

    fn line(&mut self, at: Duration, sign: Sign, text: String, heard: Option<Arc<Message>>) {
        let utc = self.now(at).utc;
        self.played.timeline.push(Line { at, utc, sign, text, heard });
    }

    /// Takes over the engine's counts before it goes.
    fn account(&mut self, at: Duration) {
        let now = self.now(at);
        let Some(core) = &self.core else { return };
        let (_, _, engine, _) = core.parts();
        for status in engine.status(now.mono).iter().filter(|status| status.name == self.rule.name) {
            self.played.parts = self.played.parts + status.parts;
            self.played.unknown += status.unknown;
            self.played.not_concerned += status.not_concerned;
        }
    }
}
