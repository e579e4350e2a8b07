//! One frame that the plant sends: when, and what stands in it.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::can::{BusId, CanId, Frame};
use crate::channels::codec::Signal;
use crate::channels::{Feedback, FrameLayout, NodeFrame};
use crate::model::{Mono, Timestamp, Value};

use super::actuator::{Actuator, shown};
use super::climate::Outside;
use super::fault::FaultKind;
use super::quantity::{Quantity, ill, put, reach, scatter, well};
use super::room::Room;

/// How often a node sends whose frame gives no cycle, and a device's feedback.
const NODE_CYCLE: Duration = Duration::from_secs(2);
const FEEDBACK_CYCLE: Duration = Duration::from_secs(1);
/// Parts of a multiplexed frame that are shown, where a range has many.
const MOST_PARTS: usize = 64;
/// A fan at full speed.
const FULL_RPM: f64 = 2_900.0;

/// What one signal of a frame shows.
#[derive(Clone, Debug)]
enum Show {
    /// A number of the room, with this sensor's own error and the most that a reading scatters.
    Room { quantity: Quantity, bias: f64, scatter: f64 },
    /// Where a device stands.
    Level(usize),
    /// How fast its fan turns.
    Rpm(usize),
    /// These bits, always.
    Bits(u64),
}

#[derive(Clone, Debug)]
struct Slot {
    show: Show,
    reach: (f64, f64),
    /// The node's calibration, which the sensor is off by.
    adjust: (f64, f64),
}

/// The world as a frame reports it.
pub(super) struct World<'a> {
    pub(super) rooms: &'a [Room],
    pub(super) actuators: &'a [Actuator],
    pub(super) outside: &'a Outside,
}

/// One identifier on one bus. A node's frame and a device's feedback may be the same frame.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) bus: BusId,
    pub(super) id: CanId,
    pub(super) fault: Option<FaultKind>,
    /// The next regular frame, and one out of turn.
    pub(super) due: Mono,
    pub(super) extra: Option<Mono>,
    room: usize,
    frame: Arc<FrameLayout>,
    cycle: Duration,
    /// One for each signal of the frame.
    slots: Vec<Slot>,
    seed: u64,
    start: Mono,
    /// Frames so far: a multiplexed frame shows its parts in turn.
    turn: u64,
    /// The bytes that it sent last.
    last: Option<Frame>,
}

impl Sender {
    /// `fan` is the room's exhaust, for nodes that report on it.
    pub(super) fn of_node(node: &NodeFrame, room: usize, fan: Option<usize>, rng: &mut Rng, start: Mono) -> Sender {
        let cycle = node.frame.cycle.unwrap_or(NODE_CYCLE);
        let mut sender = Sender::new((node.bus, node.id), &node.frame, cycle, room, fan, rng, start);
        for field in &node.fields {
            sender.slots[field.signal].adjust = field.adjust.unwrap_or((1.0, 0.0));
        }
        sender
    }

    /// `device` is the position of the device whose state it tells.
    pub(super) fn of_feedback(feedback: &Feedback, room: usize, device: usize, rng: &mut Rng, start: Mono) -> Sender {
        let cycle = feedback.frame.cycle.unwrap_or(FEEDBACK_CYCLE);
        Sender::new((feedback.bus, feedback.id), &feedback.frame, cycle, room, Some(device), rng, start)
    }

    fn new(
        (bus, id): (BusId, CanId),
        frame: &Arc<FrameLayout>,
        cycle: Duration,
        room: usize,
        fan: Option<usize>,
        rng: &mut Rng,
        start: Mono,
    ) -> Sender {
        let mut rng = Rng::with_seed(rng.u64(..));
        let slot = |signal| Slot { show: show(signal, fan, &mut rng), reach: reach(signal), adjust: (1.0, 0.0) };
        let slots = frame.signals.iter().map(slot).collect();
        let (frame, cycle, seed) = (frame.clone(), cycle.max(Duration::from_millis(1)), rng.u64(..));
        let last = None;
        Sender { bus, id, fault: None, due: start, extra: None, room, frame, cycle, slots, seed, start, turn: 0, last }
    }

    /// The same identifier was sent on an earlier map: it keeps its pace, and its sensors their errors.
    pub(super) fn inherit(&mut self, old: &Sender) {
        (self.seed, self.start, self.due, self.extra) = (old.seed, old.start, old.due, old.extra);
        self.turn = old.turn;
        for (signal, slot) in self.frame.signals.iter().zip(&mut self.slots) {
            let before = old.frame.signal(&signal.name).map(|at| &old.slots[at].show);
            if let (Show::Room { bias, .. }, Some(Show::Room { bias: was, .. })) = (&mut slot.show, before) {
                *bias = *was;
            }
        }
    }

    /// One of its signals tells the state of a device.
    pub(super) fn tell(&mut self, signal: usize, device: usize) {
        // Where a node says other things with the same identifier the map is wrong, and says so.
        if let Some(slot) = self.slots.get_mut(signal) {
            slot.show = Show::Level(device);
        }
    }

    /// Whether it tells the state of a device.
    pub(super) fn tells(&self, device: usize) -> bool {
        self.slots.iter().any(|slot| matches!(slot.show, Show::Level(of) if of == device))
    }

    /// When it sends next.
    pub(super) fn next(&self) -> Mono {
        self.extra.map_or(self.due, |extra| extra.min(self.due))
    }

    /// The frame sent at `at` is behind it. All speak at the start; later each has its own place in the cycle.
    pub(super) fn sent(&mut self, at: Mono) {
        if self.extra.is_some_and(|extra| extra <= at) {
            self.extra = None;
        }
        if self.due > at {
            return;
        }
        self.due = match at == self.start {
            true => {
                let millis = self.cycle.as_millis() as u64;
                at + Duration::from_millis(millis / 2 + Rng::with_seed(self.seed).u64(0..=millis / 2))
            }
            false => self.due + self.cycle,
        };
    }

    /// Passes over all missed cycles but the last, says how many.
    pub(super) fn skip(&mut self, now: Mono) -> u64 {
        let behind = now.since(self.due).as_nanos() / self.cycle.as_nanos();
        // The first frame belongs to no cycle yet.
        let missed = if self.due == self.start { 0 } else { u64::try_from(behind).unwrap_or(u64::MAX) };
        self.due = Mono(self.due.0.saturating_add(missed.saturating_mul(self.cycle.as_nanos() as u64)));
        missed
    }

    /// The frame as it is sent at `at`; `None` while it is silent.
    pub(super) fn compose(&mut self, at: Timestamp, world: &World<'_>) -> Option<Frame> {
        let mut frame = match (self.fault, self.last) {
            (Some(FaultKind::Silent), _) => return None,
            (Some(FaultKind::Stuck), Some(last)) => last,
            _ => {
                let mut data = [0; 64];
                let data = &mut data[..usize::from(self.frame.length).min(64)];
                choose(&self.frame, self.turn, data);
                self.turn += 1;
                self.fill(at.mono, world, data);
                Frame::data(at, self.bus, self.id, data)?
            }
        };
        frame.at = at;
        self.last = Some(frame);
        Some(frame)
    }

    fn fill(&self, at: Mono, world: &World<'_>, data: &mut [u8]) {
        // Seeded by the moment, so that a reading does not depend on how many went before it.
        let moment = at.since(self.start).as_nanos() as u64;
        let mut rng = Rng::with_seed(self.seed ^ moment.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let multiplexer =
            |at: usize| self.frame.signals.iter().any(|signal| signal.when.iter().any(|when| when.multiplexer == at));
        for (position, (signal, slot)) in self.frame.signals.iter().zip(&self.slots).enumerate() {
            if multiplexer(position) || !signal.present(data) {
                continue;
            }
            let wrong = if self.fault == Some(FaultKind::Invalid) { ill(signal) } else { None };
            match (wrong, &slot.show) {
                // A frame too short for a signal is the map's mistake, which it reports itself: here the bits are lost.
                (Some(bits), _) | (None, &Show::Bits(bits)) => _ = signal.layout.put(bits, data),
                (None, Show::Level(device)) => match shown(signal, world.actuators[*device].level(at)) {
                    Value::Number(number) => put(signal, slot.reach, number, data),
                    state => _ = signal.encode(&state, data),
                },
                (None, Show::Rpm(device)) => {
                    put(signal, slot.reach, FULL_RPM * world.actuators[*device].level(at), data);
                }
                (None, Show::Room { quantity, bias, scatter: most }) => {
                    let (scale, offset) = slot.adjust;
                    let truth = quantity.of_room(&world.rooms[self.room], world.outside);
                    put(signal, slot.reach, (truth + bias + scatter(&mut rng, *most) - offset) / scale, data);
                }
            }
        }
    }
}

/// Writes the multiplexers of a frame, those that choose others first: each goes through the values that choose something.
fn choose(frame: &FrameLayout, turn: u64, data: &mut [u8]) {
    let signals = &frame.signals;
    let mut order: Vec<usize> = (0..signals.len()).collect();
    order.sort_by_key(|at| signals[*at].when.len());
    let mut turn = turn;
    for at in order {
        let chosen = signals.iter().flat_map(|signal| &signal.when).filter(|when| when.multiplexer == at);
        let mut values: Vec<u64> = chosen.flat_map(|when| when.each().take(MOST_PARTS)).collect();
        values.sort_unstable();
        values.dedup();
        if values.is_empty() || !signals[at].present(data) {
            continue;
        }
        let count = values.len() as u64;
        // A frame too short for it is the map's mistake, which it reports itself.
        let _ = signals[at].layout.put(values[(turn % count) as usize], data);
        turn /= count;
    }
}

fn show(signal: &Signal, fan: Option<usize>, rng: &mut Rng) -> Show {
    if let Some(bits) = well(signal) {
        return Show::Bits(bits);
    }
    let name = signal.name.to_lowercase();
    match fan {
        Some(fan) if name.contains("rpm") => Show::Rpm(fan),
        Some(fan) if name.contains("speed") => Show::Level(fan),
        _ => {
            let quantity = Quantity::of(signal);
            let (off, most) = quantity.errors();
            Show::Room { quantity, bias: scatter(rng, off), scatter: most }
        }
    }
}
