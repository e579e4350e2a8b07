//! What a case is made of: a site of random devices with random limits, rules, and what happens to them. Everything that is
//! drawn becomes a site that the check of a map lets through.

use std::fmt::{self, Write as _};

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;

/// Relays of a command frame, bits of its first byte; a fan has one of the other bytes.
const RELAYS: u8 = 8;
const FANS: u8 = 7;

#[derive(Clone)]
pub(crate) struct Plan {
    /// The unit of all times is a second, or a minute: then an hour comes to an end.
    pub(crate) slow: bool,
    pub(crate) seed: u64,
    pub(crate) devices: Vec<DevicePlan>,
    pub(crate) limits: Vec<LimitPlan>,
    pub(crate) rules: Vec<RulePlan>,
    pub(crate) steps: Vec<Step>,
}

/// The devices and limits are in the map, which a failure shows.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<String> = self.rules().into_iter().map(|(_, text)| text.replace('\n', "; ")).collect();
        write!(f, "seed {}, rules {rules:?}, steps", self.seed)?;
        let short = |step: &Step| match step {
            Step::Reload(_, gone) => format!("Reload(…, {gone:?})"),
            step => format!("{step:?}"),
        };
        self.steps.iter().try_for_each(|step| write!(f, " {}", short(step)))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct DevicePlan {
    pub(crate) fan: bool,
    pub(crate) frame: u8,
    /// 0 off, 1 on, 2 keeps its state.
    pub(crate) safe: u8,
    pub(crate) feedback: bool,
    pub(crate) watchdog: u8,
    pub(crate) ttl: u8,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct LimitPlan {
    pub(crate) min_on: Option<u8>,
    pub(crate) min_off: Option<u8>,
    pub(crate) max_on: Option<(u8, u8)>,
    pub(crate) starts: Option<u8>,
    pub(crate) stagger: Option<u8>,
    pub(crate) ramp: Option<u8>,
    pub(crate) range: Option<(u8, u8)>,
    pub(crate) forbid: Option<(u8, u8)>,
    pub(crate) only: Option<(u8, u8)>,
    pub(crate) group: bool,
    pub(crate) needs: Option<(u8, u8)>,
}

#[derive(Clone, Debug)]
pub(crate) struct RulePlan {
    pub(crate) sensor: u8,
    pub(crate) device: u8,
    pub(crate) above: u8,
    pub(crate) level: u8,
    pub(crate) priority: u8,
    pub(crate) lasts: Option<u8>,
    pub(crate) each: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Quarters of a unit.
    Wait(u8),
    /// What a sensor says from now on; `None`: it is dead.
    Sensor(u8, Option<u8>),
    /// A client's wish, for so many units; level 0 to 9.
    Command(u8, u8, u8),
    Release(u8),
    Fault(u8, Fault),
    /// Days that the civil clock is set forwards or back.
    Clock(i16),
    /// Other limits; a device may be gone, until the next map.
    Reload(Vec<LimitPlan>, Option<u8>),
    /// Quarters of a unit that nobody is there, and the days that the clock is set meanwhile.
    Restart {
        clean: bool,
        down: u8,
        days: i16,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Silent,
    Stuck,
    Wrong(u8),
    Invalid,
    Dead,
}

pub(crate) fn limit() -> impl Strategy<Value = LimitPlan> {
    let times = (weighted(0.3, 2..8u8), weighted(0.4, 2..8u8), weighted(0.3, (4..10u8, 2..9u8)));
    let starts = (weighted(0.3, 1..4u8), weighted(0.3, 1..4u8), weighted(0.4, 1..9u8), weighted(0.2, (0..3u8, 5..9u8)));
    let others = (weighted(0.3, (0..8u8, 0..8u8)), weighted(0.25, (0..8u8, 0..8u8)), any::<bool>());
    (times, starts, others, weighted(0.25, (0..6u8, 2..6u8))).prop_map(|(times, starts, others, needs)| LimitPlan {
        min_on: times.0,
        min_off: times.1,
        max_on: times.2,
        starts: starts.0,
        stagger: starts.1,
        ramp: starts.2,
        range: starts.3,
        forbid: others.0,
        only: others.1,
        group: others.2,
        needs,
    })
}

fn device() -> impl Strategy<Value = DevicePlan> {
    let safe = prop_oneof![6 => Just(0u8), 1 => Just(1), 1 => Just(2)];
    (any::<bool>(), 0..3u8, safe, any::<bool>(), 3..10u8, 1..4u8).prop_map(
        |(fan, frame, safe, feedback, watchdog, ttl)| DevicePlan {
            fan,
            frame,
            safe,
            feedback: feedback || safe == 2,
            watchdog,
            ttl,
        },
    )
}

fn rule() -> impl Strategy<Value = RulePlan> {
    (0..2u8, 0..8u8, 20..180u8, 0..10u8, 0..3u8, of(1..9u8), weighted(0.2, Just(()))).prop_map(
        |(sensor, device, above, level, priority, lasts, each)| RulePlan {
            sensor,
            device,
            above,
            level,
            priority: 60 + priority * 10,
            lasts,
            each: each.is_some(),
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        2 => Just(Fault::None),
        1 => Just(Fault::Silent),
        1 => Just(Fault::Stuck),
        1 => (0..255u8).prop_map(Fault::Wrong),
        1 => Just(Fault::Invalid),
        1 => Just(Fault::Dead),
    ];
    let days = || prop_oneof![2 => Just(0i16), 1 => -3000..3000i16];
    prop_oneof![
        12 => (1..14u8).prop_map(Step::Wait),
        5 => (0..2u8, weighted(0.85, prop_oneof![4 => 0..200u8, 1 => Just(255)])).prop_map(|(which, value)| Step::Sensor(which, value)),
        10 => (0..8u8, 0..10u8, 1..12u8).prop_map(|(device, level, lasts)| Step::Command(device, level, lasts)),
        3 => (0..8u8).prop_map(Step::Release),
        2 => (0..8u8, fault).prop_map(|(device, fault)| Step::Fault(device, fault)),
        1 => (-3000..3000i16).prop_map(Step::Clock),
        1 => (vec(limit(), 8), weighted(0.4, 0..8u8)).prop_map(|(limits, gone)| Step::Reload(limits, gone)),
        1 => (any::<bool>(), 0..12u8, days()).prop_map(|(clean, down, days)| Step::Restart { clean, down, days }),
    ]
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let site = (vec(device(), 3..=8), vec(limit(), 8), vec(rule(), 0..4));
    (weighted(0.15, Just(())), any::<u64>(), site, vec(step(), 5..45)).prop_map(
        |(slow, seed, (devices, limits, rules), steps)| Plan {
            slow: slow.is_some(),
            seed,
            devices,
            limits,
            rules,
            steps,
        },
    )
}

/// Where a device's bits are in its frame: identifier, first bit, width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) fan: bool,
    pub(crate) id: u32,
    pub(crate) signal: u8,
}

/// The levels that are asked for: half percents that a raw step says, and some between two of them.
pub(crate) fn level(fan: bool, level: u8) -> String {
    match (fan, level) {
        (_, 0) => "\"off\"".to_owned(),
        (_, 1) => "\"on\"".to_owned(),
        (true, level) => ["10", "20.3", "35", "49.8", "50", "50.2", "66", "100"][usize::from(level - 2)].to_owned(),
        (false, level) => u8::from(level % 3 > 0).to_string(),
    }
}

impl Plan {
    /// Milliseconds.
    pub(crate) fn unit(&self) -> u64 {
        if self.slow { 60_000 } else { 1_000 }
    }

    /// The place of each device.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let mut used = [[0u8; 2]; 3];
        let place = |device: &DevicePlan| {
            let fan = device.fan && used[usize::from(device.frame)][1] < FANS;
            let next = &mut used[usize::from(device.frame)][usize::from(fan)];
            *next += 1;
            Slot { fan, id: 0x301 + u32::from(device.frame), signal: *next - 1 }
        };
        self.devices.iter().map(place).collect()
    }

    /// channels.yaml with these limits, without one of the devices.
    pub(crate) fn map(&self, limits: &[LimitPlan], gone: Option<u8>) -> String {
        let unit = self.unit();
        let mut text = format!(
            "version: 1\nbuses:\n  can0: {{simulate: true}}\nframes:\n  mixed:\n    length: 8\n    signals:\n{}{}  \
             relay_state:\n    length: 1\n    cycle: {unit}ms\n    signals:\n      state: {{byte: 0, bits: 0..1, \
             values: {{0: \"off\", 1: \"on\"}}, invalid: 3}}\n  fan_state:\n    length: 1\n    cycle: {unit}ms\n    \
             signals:\n      speed: {{byte: 0, type: u8, scale: 0.5, range: [0, 100], invalid: 0xFF}}\n  climate:\n    \
             length: 1\n    cycle: {unit}ms\n    signals:\n      t: {{byte: 0, type: u8, scale: 0.5, range: [0, 100], \
             invalid: 0xFF}}\nrooms:\n  R:\n    a: [{{node: A, frame: climate, bus: can0, id: 0x181}}]\n    b: \
             [{{node: B, frame: climate, bus: can0, id: 0x182}}]\ndevices:\n  R:\n",
            (0..RELAYS).fold(String::new(), |text, n| {
                text + &format!("      r{n}: {{byte: 0, bits: {n}, values: {{0: \"off\", 1: \"on\"}}}}\n")
            }),
            (0..FANS).fold(String::new(), |text, n| {
                text + &format!("      f{n}: {{byte: {}, type: u8, scale: 0.5, range: [0, 100]}}\n", n + 1)
            }),
        );
        let gone = gone.map(usize::from);
        let there: Vec<bool> = (0..self.devices.len()).map(|at| Some(at) != gone).collect();
        let drawn = super::drawn::Drawn::new(self, limits, &there);
        for at in (0..self.devices.len()).filter(|at| there[*at]) {
            drawn.device(at, &mut text);
        }
        text
    }

    /// The rule files.
    pub(crate) fn rules(&self) -> Vec<(String, String)> {
        (0..).zip(&self.rules).map(|(at, rule)| (format!("rules/r{at}.yaml"), self.rule(rule))).collect()
    }

    fn rule(&self, rule: &RulePlan) -> String {
        let device = usize::from(rule.device) % self.devices.len();
        let fan = self.slots()[device].fan;
        let cluster = if rule.sensor == 0 { "a" } else { "b" };
        let mut text = format!("subscribe: \"sensor:update:R:{cluster}\"\npriority: {}\n", rule.priority);
        let (on, above) = (format!("device(\"R\", \"d{device}\")"), f64::from(rule.above) / 2.0);
        if rule.each && fan {
            let _ = writeln!(text, "each: '{on}.set(msg.t);'");
            return text;
        }
        let _ = writeln!(text, "when: msg.t > {above:.1}");
        if let Some(lasts) = rule.lasts {
            let _ = writeln!(
                text,
                "until: [msg.t < {:.1}, {}ms]\ncooldown: {}ms",
                above - 5.0,
                u64::from(lasts) * self.unit(),
                self.unit()
            );
        }
        let act = match rule.level {
            0 => "off()".to_owned(),
            level if level == 1 || !fan => "on()".to_owned(),
            level => format!("set({})", self::level(true, level)),
        };
        let _ = writeln!(text, "then: '{on}.{act};'");
        text
    }
}
