//! The pure parts joined: frames and messages in, frames, messages and intents out. No I/O, no clock. `run`, `replay`,
//! tests and benchmarks drive this one struct; it is all that decides.

mod alerts;
mod devices;
mod publish;
mod raw;
mod reload;
mod saved;
mod trail;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::alerts::{Book, BookConfig, BookOut};
use crate::bus::{Delivery, Last, LastField, Refused, Router};
use crate::can::Frame;
use crate::channels::{ChannelMap, Gateway, Greeter};
use crate::devices::{DeviceOut, Guard, GuardEvent, Hold};
use crate::model::{
    Ask, Fields, Intent, Message, Mono, Name, Origin, Provenance, Publication, Reading, Requester, SourceKind,
    Timestamp, Utc, Value, WellKnown,
};
use crate::rules::{Engine, Event, RuleFault, Why};

use super::output::{CoreCounts, Notice, Output};
use alerts::Places;
pub use reload::Next;
use trail::Trail;

/// A publication that would be this many hops from the outside is refused: rules trigger each other in a circle.
const MOST_HOPS: u8 = 8;

/// A message on its way through the rules, and the rules it came through.
#[derive(Debug)]
struct Hop {
    delivery: Delivery,
    trail: Option<Arc<Trail>>,
}

/// Gateway, Router, last values, Engine, Guard and Book of one site.
#[derive(Debug)]
pub struct Core {
    gateway: Gateway,
    greeter: Greeter,
    router: Router,
    last: Last,
    engine: Engine,
    guard: Guard,
    book: Book,
    places: Places,
    names: WellKnown,
    now: Timestamp,
    counts: CoreCounts,
    // Kept between events, so that an event costs no allocation for them.
    queue: VecDeque<Hop>,
    readings: Vec<Reading>,
    intents: Vec<Intent>,
    device_outs: Vec<DeviceOut>,
    book_outs: Vec<BookOut>,
    faults: Vec<RuleFault>,
    /// What rules asked for, kept for a rule's test; `None`: nobody wants to know.
    recorded: Option<Vec<Intent>>,
}

impl Core {
    /// Joins the parts. `origin` names this run in the `id` of every message; it must be new at each start.
    #[must_use]
    pub fn new(map: &ChannelMap, engine: Engine, origin: [u8; 8], now: Timestamp) -> Core {
        Core {
            gateway: Gateway::new(map, now),
            greeter: Greeter::new(map),
            router: Router::new(origin),
            last: Last::default(),
            engine,
            guard: Guard::new(map, now),
            book: Book::new(BookConfig::default()),
            places: Places::of(map),
            names: WellKnown::default(),
            now,
            counts: CoreCounts::default(),
            queue: VecDeque::new(),
            readings: Vec::new(),
            intents: Vec::new(),
            device_outs: Vec::new(),
            book_outs: Vec::new(),
            faults: Vec::new(),
            recorded: None,
        }
    }

    /// From now on keeps every intent of the rules, shadowed ones too, for [`Core::take_recorded`].
    pub fn record(&mut self) {
        self.recorded = Some(Vec::new());
    }

    /// Nobody answers on the buses, as in a replay, see [`Guard::expect_no_answers`].
    pub fn expect_no_answers(&mut self) {
        self.guard.expect_no_answers();
    }

    /// From now on rules hear every reading, see [`Gateway::publish_everything`].
    pub fn publish_everything(&mut self) {
        self.gateway.publish_everything();
    }

    /// The intents since the last call, in order; none unless [`Core::record`] was called.
    pub fn take_recorded(&mut self) -> Vec<Intent> {
        self.recorded.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Sends every device to its safe state and runs the `startup` schedules.
    pub fn start(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.advance(now, out);
        self.greet_all(out);
        self.guard(GuardEvent::Start, out);
        self.engine.step(self.now, Event::Startup, &self.last, &mut self.intents);
        self.settle(out);
    }

    /// Runs the `shutdown` schedules, then drops every request and sends every device to its safe state.
    pub fn stop(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.advance(now, out);
        self.engine.step(self.now, Event::Shutdown, &self.last, &mut self.intents);
        self.settle(out);
        self.guard(GuardEvent::Stop, out);
    }

    /// A frame came in.
    pub fn frame(&mut self, now: Timestamp, frame: &Frame, out: &mut Vec<Output>) {
        self.advance(now, out);
        self.counts.frames += 1;
        let mut readings = std::mem::take(&mut self.readings);
        self.gateway.step(self.now, frame, &mut readings);
        readings.drain(..).for_each(|reading| self.reading(&reading, out));
        self.readings = readings;
        self.welcome(frame, out);
    }

    /// A message came in from another client.
    pub fn outside(&mut self, now: Timestamp, channel: &str, payload: &[u8], out: &mut Vec<Output>) {
        self.advance(now, out);
        match self.router.outside(channel, payload) {
            Ok(delivery) => self.deliver(delivery, out),
            Err(Refused::Own | Refused::Copy) => {}
            Err(why) => out.push(Output::Notice(Notice::Message { channel: channel.into(), why })),
        }
    }

    /// The engine's own word on `system:update:<what>`.
    pub fn system(&mut self, now: Timestamp, what: &str, fields: Fields, out: &mut Vec<Output>) {
        self.advance(now, out);
        let message = message(format!("system:update:{what}").into(), Provenance::System, 0, fields);
        let delivery = self.router.stamp(self.now, message);
        self.deliver(delivery, out);
    }

    /// A person resets a rule's latches; `false` if there is no such rule.
    pub fn reset(&mut self, now: Timestamp, rule: &str, out: &mut Vec<Output>) -> bool {
        self.advance(now, out);
        let known = self.engine.status(self.now.mono).iter().any(|status| *status.name == *rule);
        self.engine.step(self.now, Event::Reset(rule), &self.last, &mut self.intents);
        self.settle(out);
        known
    }

    /// Why a rule, or one of its instances, acts or does not, and what it holds; `None` if there is no such rule.
    pub fn why(
        &mut self,
        now: Timestamp,
        rule: &str,
        instance: Option<&str>,
        out: &mut Vec<Output>,
    ) -> Option<(Why, Vec<Hold>)> {
        self.advance(now, out);
        let why = self.engine.why(self.now, rule, instance, &self.last)?;
        let about = |hold: &Hold| instance.is_none_or(|instance| *hold.instance == *instance);
        Some((why, self.guard.holds(rule).into_iter().filter(about).collect()))
    }

    /// What names the state of the files that decides now.
    #[must_use]
    pub fn revision(&self) -> &Name {
        self.engine.revision()
    }

    /// Fires every timer that is due at `now` or before, each at its own time.
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        while let Some(deadline) = self.next_deadline().filter(|deadline| *deadline <= now.mono) {
            // Both clocks as they stood at the deadline, so that a late wake-up decides as a punctual one.
            let late = now.mono.since(deadline);
            let at = Timestamp {
                mono: deadline.max(self.now.mono),
                utc: Utc(now.utc.0 - i64::try_from(late.as_nanos()).unwrap_or(0)),
            };
            self.now = at;
            self.due(out);
        }
        self.now = Timestamp { mono: now.mono.max(self.now.mono), utc: now.utc };
    }

    /// When `advance` must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let (gateway, engine, guard) = (&self.gateway, &self.engine, &self.guard);
        let deadlines = [gateway.next_deadline(), engine.next_deadline(), guard.next_deadline()];
        deadlines.into_iter().chain([self.book.next_deadline()]).flatten().min()
    }

    /// Every channel whose good fields changed since the last call, with their merged JSON text, for `growctl:last`.
    pub fn drain_last(&mut self) -> Vec<LastField> {
        self.last.drain_changed()
    }

    /// The last good values of every channel.
    #[must_use]
    pub fn last(&self) -> &Last {
        &self.last
    }

    /// The parts, for `status`.
    #[must_use]
    pub fn parts(&self) -> (&Gateway, &Router, &Engine, &Guard) {
        (&self.gateway, &self.router, &self.engine, &self.guard)
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> CoreCounts {
        self.counts
    }

    /// One moment at which at least one part has something due.
    fn due(&mut self, out: &mut Vec<Output>) {
        let at = self.now.mono;
        let is_due = |deadline: Option<Mono>| deadline.is_some_and(|deadline| deadline <= at);
        if is_due(self.gateway.next_deadline()) {
            let mut readings = std::mem::take(&mut self.readings);
            self.gateway.due(self.now, &mut readings);
            readings.drain(..).for_each(|reading| self.reading(&reading, out));
            self.readings = readings;
        }
        if is_due(self.guard.next_deadline()) {
            let mut outs = std::mem::take(&mut self.device_outs);
            self.guard.due(self.now, &mut outs);
            self.device_outs = outs;
            self.settle(out);
        }
        if is_due(self.engine.next_deadline()) {
            self.engine.due(self.now, &self.last, &mut self.intents);
            self.settle(out);
        }
        if is_due(self.book.next_deadline()) {
            self.tick_book(out);
        }
    }

    fn reading(&mut self, reading: &Reading, out: &mut Vec<Output>) {
        match reading.source.kind {
            SourceKind::Device => self.guard(GuardEvent::Reading(reading), out),
            SourceKind::Node => {
                // A limit looks at what is read, not at what is published, and it acts before the rules do.
                if self.guard.looks_at(reading) {
                    self.guard(GuardEvent::Reading(reading), out);
                }
                if reading.publication == Publication::HeldBack {
                    return;
                }
                let delivery = self.router.stamp(self.now, reading.to_message(&self.names));
                self.deliver(delivery, out);
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery, out: &mut Vec<Output>) {
        self.queue.push_back(Hop { delivery, trail: None });
        self.settle(out);
    }

    fn guard(&mut self, event: GuardEvent<'_>, out: &mut Vec<Output>) {
        self.guard.step(self.now, event, &mut self.device_outs);
        self.settle(out);
    }

    /// Works until nothing is left to do at this moment: first what the guard and the rules have just asked, then the
    /// messages in the order in which they came about, one hop further each (semantics 14).
    fn settle(&mut self, out: &mut Vec<Output>) {
        self.take_device_outs(0, None, out);
        self.take_intents(None, out);
        self.take_book_outs(0, None, out);
        while let Some(Hop { delivery, trail }) = self.queue.pop_front() {
            self.counts.messages += 1;
            let message = delivery.message.clone();
            self.counts.published += u64::from(delivery.text.is_some());
            out.push(Output::Publish(delivery));
            self.last.record(self.now, &message);
            if message.channel.starts_with("device:command:") {
                self.guard.step(self.now, GuardEvent::Command(&message), &mut self.device_outs);
                self.take_device_outs(message.hop, trail.clone(), out);
            }
            self.engine.step(self.now, Event::Message(&message), &self.last, &mut self.intents);
            self.take_intents(trail.as_ref(), out);
        }
        self.engine.drain_faults(&mut self.faults);
        out.extend(self.faults.drain(..).map(|fault| Output::Notice(Notice::Rule(fault))));
    }

    fn take_intents(&mut self, trail: Option<&Arc<Trail>>, out: &mut Vec<Output>) {
        // Most messages concern no rule that asks for anything, and the Guard looks at every device.
        if self.intents.is_empty() {
            return;
        }
        let mut intents = std::mem::take(&mut self.intents);
        let outermost = self.guard.hold(self.now, &mut self.device_outs);
        if outermost {
            self.take_device_outs(0, None, out);
        }
        let mut asked = None;
        for intent in intents.drain(..) {
            self.counts.intents += 1;
            if let Some(recorded) = &mut self.recorded {
                recorded.push(intent.clone());
            }
            if intent.origin.shadow {
                self.counts.shadowed += 1;
                continue;
            }
            if matches!(intent.ask, Ask::Set(_) | Ask::Release(_) | Ask::ReleaseAll) {
                asked = Some((intent.hop, intent.origin.rule.clone()));
            }
            self.act(intent, trail, out);
        }
        self.intents = intents;
        if outermost {
            self.guard.release_held(self.now, &mut self.device_outs);
            // Of several rules that asked at this moment, the last stands in the trail.
            let (hop, trail) = match asked {
                Some((hop, rule)) => (hop + 1, Some(Trail::behind(rule, trail))),
                None => (0, None),
            };
            self.take_device_outs(hop, trail, out);
        }
    }

    fn act(&mut self, intent: Intent, trail: Option<&Arc<Trail>>, out: &mut Vec<Output>) {
        let Intent { origin, hop, ask } = intent;
        let requester =
            |origin: &Origin| Requester::Rule { rule: origin.rule.clone(), instance: origin.instance.clone() };
        let priority = origin.priority;
        match ask {
            Ask::Set(request) => {
                let revision = origin.revision.as_ref();
                let requester = requester(&origin);
                let event = GuardEvent::Request { requester, priority, request: &request, revision };
                self.guard.step(self.now, event, &mut self.device_outs);
            }
            Ask::Release(device) => {
                let event = GuardEvent::Release { requester: &requester(&origin), device: &device };
                self.guard.step(self.now, event, &mut self.device_outs);
            }
            Ask::ReleaseAll => {
                let event = GuardEvent::ReleaseAll { requester: &requester(&origin) };
                self.guard.step(self.now, event, &mut self.device_outs);
            }
            Ask::Alert(ask) => {
                self.alert(&origin, ask);
                let trail = Trail::behind(origin.rule, trail);
                return self.take_book_outs(hop + 1, Some(&trail), out);
            }
            Ask::Publish { channel, fields } => return self.publish(origin, hop, (channel, fields), trail, out),
            ask @ Ask::Act(_) => return out.push(Output::Act(self.now, Intent { origin, hop, ask })),
        }
        let trail = Trail::behind(origin.rule, trail);
        self.take_device_outs(hop + 1, Some(trail), out);
    }
}

fn message(channel: Name, provenance: Provenance, hop: u8, fields: Fields) -> Message {
    let text = |key| fields.get(key).and_then(Value::as_text).map(Name::from);
    let source = text("node").or_else(|| text("device"));
    Message { channel, broad: None, source, provenance, stale: false, hop, fields }
}
