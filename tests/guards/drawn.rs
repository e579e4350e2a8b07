//! Random limits, made to agree with each other and written into the map.

use std::fmt::Write as _;

use super::plan::{LimitPlan, Plan, Slot};

/// The limits of one map.
pub(crate) struct Drawn<'a> {
    plan: &'a Plan,
    limits: Vec<LimitPlan>,
    slots: Vec<Slot>,
    safe: Vec<Safe>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Safe {
    Off,
    On(f64),
    Keep,
}

const TESTS: [&str; 8] = ["", " > 50", " >= 20", " < 30", " == off", " != off", " >= 50", " <= 49.5"];
const OF_STATES: [&str; 4] = ["", " == \"on\"", " != \"off\"", ""];

impl<'a> Drawn<'a> {
    pub(crate) fn new(plan: &'a Plan, limits: &[LimitPlan], there: &[bool]) -> Drawn<'a> {
        let count = plan.devices.len();
        let mut drawn =
            Drawn { plan, limits: limits[..count].to_vec(), slots: plan.slots(), safe: vec![Safe::Off; count] };
        for at in 0..count {
            drawn.alone(at);
        }
        drawn.groups(there);
        for at in 0..count {
            drawn.whiles(at, there);
        }
        drawn
    }

    /// What agrees with the device itself.
    fn alone(&mut self, at: usize) {
        let (fan, safe) = (self.slots[at].fan, self.plan.devices[at].safe);
        let limits = &mut self.limits[at];
        if !fan {
            (limits.range, limits.ramp) = (None, None);
        }
        let least = limits.range.map_or(0.0, |(low, _)| f64::from(low) * 10.0);
        let forced = limits.max_on.is_some() || limits.needs.is_some() || limits.forbid.is_some();
        self.safe[at] = match safe {
            2 => Safe::Keep,
            1 if fan => Safe::On(40.0),
            1 => Safe::On(1.0),
            _ if least > 0.0 && !forced => Safe::On(least),
            _ => Safe::Off,
        };
        let limits = &mut self.limits[at];
        if matches!(self.safe[at], Safe::On(_)) {
            (limits.max_on, limits.needs, limits.forbid, limits.only, limits.group) = (None, None, None, None, false);
        }
        if self.safe[at] == Safe::Keep {
            limits.group = false;
        }
        if let (Some((_, high)), true) = (limits.range, self.safe[at] == Safe::Off) {
            limits.range = Some((0, high));
        }
        if self.safe[at] == Safe::Keep && limits.range.is_some() {
            limits.range = limits.range.map(|(_, high)| (0, high));
        }
        if let (Some(min_on), Some((max_on, _))) = (limits.min_on, limits.max_on) {
            limits.min_on = Some(min_on.min(max_on));
        }
    }

    fn groups(&mut self, there: &[bool]) {
        let members: Vec<usize> = (0..self.limits.len()).filter(|at| self.limits[*at].group && there[*at]).collect();
        if members.len() < 2 {
            self.limits.iter_mut().for_each(|limits| limits.group = false);
        }
    }

    fn whiles(&mut self, at: usize, there: &[bool]) {
        let count = self.limits.len();
        let other = |drawn: u8| usize::from(drawn) % count;
        let limits = &self.limits[at];
        let forbid = limits.forbid.filter(|(drawn, _)| other(*drawn) != at && there[other(*drawn)]);
        let only = limits.only.filter(|(drawn, _)| {
            let other = other(*drawn);
            let both = limits.group && self.limits[other].group;
            let forbids = |own: usize, whom: usize| {
                self.limits[own].forbid.is_some_and(|(drawn, _)| usize::from(drawn) % count == whom)
            };
            other < at && there[other] && !both && !forbids(other, at) && !forbids(at, other)
        });
        let limits = &mut self.limits[at];
        (limits.forbid, limits.only) = (forbid, only);
    }

    fn test(&self, (drawn, test): (u8, u8)) -> String {
        let other = usize::from(drawn) % self.limits.len();
        let test = if self.slots[other].fan { TESTS[usize::from(test)] } else { OF_STATES[usize::from(test) % 4] };
        format!("'R/d{other}{test}'")
    }

    pub(crate) fn device(&self, at: usize, text: &mut String) {
        let (device, slot, limits, unit) = (&self.plan.devices[at], self.slots[at], &self.limits[at], self.plan.unit());
        let (kind, signal) = if slot.fan { ("fan", 'f') } else { ("switch", 'r') };
        let _ = writeln!(text, "    d{at}:\n      kind: {kind}");
        let mut line = |line: String| {
            let _ = writeln!(text, "      {line}");
        };
        line(format!("command: {{bus: can0, id: {:#x}, frame: mixed, signal: {signal}{}}}", slot.id, slot.signal));
        if device.feedback {
            let (frame, state) = if slot.fan { ("fan_state", "speed") } else { ("relay_state", "state") };
            let tolerance = if slot.fan { ", tolerance: 1" } else { "" };
            line(format!(
                "feedback: {{bus: can0, id: {:#x}, frame: {frame}, signal: {state}, within: {}ms, retries: {}{tolerance}}}",
                0x381 + at,
                2 * unit,
                device.ttl - 1,
            ));
        }
        line(match self.safe[at] {
            Safe::Off if slot.fan => "safe: 0".to_owned(),
            Safe::Off => "safe: \"off\"".to_owned(),
            Safe::On(number) if slot.fan => format!("safe: {}", self.clamped(at, number)),
            Safe::On(_) => "safe: \"on\"".to_owned(),
            Safe::Keep => "safe: keep".to_owned(),
        });
        match self.safe[at] {
            Safe::Keep => line("watchdog: none".to_owned()),
            _ => line(format!("watchdog: {}ms", u64::from(device.watchdog) * unit)),
        }
        line(format!("ttl: {}ms", u64::from(device.ttl) * 700));
        self.limits_of(limits, &mut line);
    }

    fn clamped(&self, at: usize, number: f64) -> f64 {
        let (low, high) =
            self.limits[at].range.map_or((0.0, 100.0), |(low, high)| (f64::from(low) * 10.0, f64::from(high) * 10.0));
        number.clamp(low, high)
    }

    fn limits_of(&self, limits: &LimitPlan, line: &mut impl FnMut(String)) {
        let unit = self.plan.unit();
        let span = |units: u8| u64::from(units) * unit;
        let mut say = |what: Option<String>| what.into_iter().for_each(&mut *line);
        say(limits.min_on.map(|units| format!("min_on: {}ms", span(units))));
        say(limits.min_off.map(|units| format!("min_off: {}ms", span(units))));
        // Not at a moment at which something else ends.
        say(limits.max_on.map(|(on, off)| format!("max_on: {{time: {}ms, lockout: {}ms}}", span(on) + 7, span(off))));
        say(limits.starts.map(|starts| format!("max_starts_per_hour: {starts}")));
        say(limits.stagger.map(|units| format!("stagger: {}ms", u64::from(units) * 800)));
        say(limits.ramp.map(|ramp| format!("ramp: {}/s", u32::from(ramp) * 8)));
        say(limits.range.map(|(low, high)| format!("range: [{}, {}]", u32::from(low) * 10, u32::from(high) * 10)));
        say(limits.forbid.map(|forbid| format!("forbid_while: [{}]", self.test(forbid))));
        say(limits.only.map(|only| format!("only_while: [{}]", self.test(only))));
        say(limits.group.then(|| "interlock: [one]".to_owned()));
        say(limits.needs.map(|(which, fresh)| {
            let channel = ["R:a", "R:b", "R:*"][usize::from(which % 3)];
            let fresh =
                if fresh < 4 { format!(", fresh: {}ms", u64::from(fresh) * unit * 3 / 4) } else { String::new() };
            let least = if which < 3 { "below: 70" } else { "above: 20" };
            format!("needs: {{channel: \"sensor:update:{channel}\", field: t, {least}{fresh}}}")
        }));
    }
}
