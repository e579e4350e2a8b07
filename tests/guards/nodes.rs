//! The other end of the bus: nodes that switch what they are told, after a while, that fall to their own safe state when
//! nobody speaks to them any more, and that break.

use std::collections::VecDeque;

use super::plan::{Fault, Plan};

pub(crate) const MS: u64 = 1_000_000;
/// When the world begins: there is a time before it.
pub(crate) const BEGIN: u64 = 7_200_000 * MS;
/// A node has done what it was told after this at the latest.
pub(crate) const DELAY: u64 = 300 * MS;

/// One device's output.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) id: u32,
    byte: usize,
    shift: u32,
    mask: u8,
    feedback: Option<u32>,
    pub(crate) safe: u8,
    pub(crate) watchdog: Option<u64>,
    pub(crate) raw: u8,
    pub(crate) fault: Fault,
    /// When it heard its frame last, or was switched on.
    pub(crate) heard: Option<u64>,
    waiting: VecDeque<(u64, u8)>,
    says_at: u64,
    fan: bool,
}

/// All nodes of a site.
pub(crate) struct Nodes {
    pub(crate) outputs: Vec<Output>,
    /// Two sensors: what they say, and when.
    pub(crate) sensors: [(Option<u8>, u64); 2],
    unit: u64,
    random: fastrand::Rng,
}

/// A frame that a node sends.
pub(crate) type Said = (u32, u8);

impl Nodes {
    pub(crate) fn new(plan: &Plan) -> Nodes {
        let unit = plan.unit() * MS;
        let slots = plan.slots();
        let output = |(at, (device, slot)): (usize, (&super::plan::DevicePlan, &super::plan::Slot))| Output {
            id: slot.id,
            byte: if slot.fan { usize::from(slot.signal) + 1 } else { 0 },
            shift: if slot.fan { 0 } else { u32::from(slot.signal) },
            mask: if slot.fan { 0xFF } else { 1 },
            feedback: device.feedback.then_some(0x381 + at as u32),
            safe: if device.safe == 1 { if slot.fan { 80 } else { 1 } } else { 0 },
            watchdog: (device.safe < 2).then_some(u64::from(device.watchdog) * unit),
            raw: 0,
            fault: Fault::None,
            heard: Some(BEGIN),
            waiting: VecDeque::new(),
            says_at: BEGIN + (at as u64 * 137 + 50) * MS,
            fan: slot.fan,
        };
        let outputs = plan.devices.iter().zip(&slots).enumerate().map(output).collect();
        let sensors = [(Some(60), BEGIN + 11 * MS), (Some(60), BEGIN + 400 * MS)];
        Nodes { outputs, sensors, unit, random: fastrand::Rng::with_seed(plan.seed) }
    }

    /// A command frame is on the bus.
    pub(crate) fn hear(&mut self, now: u64, id: u32, bytes: &[u8]) {
        for output in self.outputs.iter_mut().filter(|output| output.id == id && output.fault != Fault::Dead) {
            output.heard = Some(now);
            let raw = bytes[output.byte] >> output.shift & output.mask;
            let at = now + self.random.u64(0..DELAY);
            let at = output.waiting.back().map_or(at, |(last, _)| at.max(*last));
            output.waiting.push_back((at, raw));
        }
    }

    pub(crate) fn next(&self) -> u64 {
        let outputs = self.outputs.iter().filter_map(|output| {
            [output.applies_at(), output.falls_at(), output.speaks_at()].into_iter().flatten().min()
        });
        outputs.chain(self.sensors.iter().map(|(_, at)| *at)).min().unwrap_or(u64::MAX)
    }

    /// What is due at `now` happens; the frames that come of it.
    pub(crate) fn step(&mut self, now: u64, said: &mut Vec<Said>) {
        for output in &mut self.outputs {
            while output.applies_at().is_some_and(|at| at <= now) {
                let raw = output.waiting.pop_front().map(|(_, raw)| raw);
                if !matches!(output.fault, Fault::Stuck | Fault::Dead) {
                    output.raw = raw.unwrap_or(output.raw);
                }
            }
            if output.falls_at().is_some_and(|at| at <= now) {
                output.heard = None;
                output.waiting.clear();
                if output.fault != Fault::Stuck {
                    output.raw = output.safe;
                }
            }
            if output.says_at <= now {
                output.says_at += self.unit;
                said.extend(output.says());
            }
        }
        for (which, (value, at)) in (0..).zip(&mut self.sensors) {
            if *at <= now {
                *at += self.unit;
                said.extend(value.map(|value| (0x181 + which, value)));
            }
        }
    }
}

impl Output {
    fn applies_at(&self) -> Option<u64> {
        self.waiting.front().map(|(at, _)| *at)
    }

    pub(crate) fn falls_at(&self) -> Option<u64> {
        Some(self.heard? + self.watchdog?)
    }

    fn speaks_at(&self) -> Option<u64> {
        Some(self.says_at)
    }

    fn says(&self) -> Option<Said> {
        let invalid = if self.fan { 0xFF } else { 3 };
        let raw = match self.fault {
            Fault::Silent | Fault::Dead => return None,
            Fault::Invalid => invalid,
            Fault::Wrong(raw) if self.fan => raw,
            Fault::Wrong(raw) => raw % 3,
            Fault::None | Fault::Stuck => self.raw,
        };
        Some((self.feedback?, raw))
    }
}
