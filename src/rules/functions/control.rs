//! `pid`: a control loop that remembers between the runs of its script.
//!
//! The law is the one of K. J. Åström and T. Hägglund, *PID Controllers: Theory, Design, and Tuning* (2nd ed., ISA 1995),
//! chapter 3: derivative on the measured value behind a first-order filter, integral by conditional integration, and
//! parameters that change without a bump.

use rhai::{Dynamic, Engine, Map, NativeCallContext};

use crate::model::{Fields, Name, Value};

use super::{Answer, Notes, Shared, fail, not_good, number};

/// After a longer pause nothing is integrated over it: nobody knows what happened meanwhile.
const LONGEST_STEP: f64 = 600.0;
/// The time constant of the derivative's filter is `kd / kp` divided by this (theirs is 2 to 20).
const FILTER: f64 = 8.0;

/// `kp, ki, kd, min, max` of a loop, and the output that it begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gains {
    pub(super) kp: f64,
    pub(super) ki: f64,
    pub(super) kd: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) start: Option<f64>,
}

/// What a loop remembers of its last run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Memory {
    /// When, in nanoseconds of the monotonic clock; negative before it began.
    pub(super) at: i64,
    pub(super) value: f64,
    pub(super) error: f64,
    pub(super) integral: f64,
    /// Of the value, filtered, in units per second.
    pub(super) slope: f64,
    pub(super) output: f64,
}

pub(super) fn register(engine: &mut Engine, shared: &Shared) {
    let notes = shared.clone();
    engine.register_fn("pid", move |at: NativeCallContext<'_>, setpoint: Dynamic, value: Dynamic, options: Map| {
        let (setpoint, value) = (finite("the setpoint of pid", &setpoint)?, finite("the value of pid", &value)?);
        let gains = gains(&options)?;
        notes.with(|notes| {
            // A loop is known by its place among the calls of `pid` in the script.
            let position = at.call_position();
            match notes.plan.loops.iter().position(|known| *known == position) {
                Some(index) => {
                    let key = format!("#pid {} {index}", notes.part);
                    Ok(turn(notes, &key, setpoint, value, &gains))
                }
                None => fail("`pid` must be called by its name"),
            }
        })
    });
}

fn finite(what: &str, value: &Dynamic) -> Answer<f64> {
    let number = number(what, value)?;
    if number.is_finite() { Ok(number) } else { not_good() }
}

fn gains(options: &Map) -> Answer<Gains> {
    let mut gains = Gains { kp: 0.0, ki: 0.0, kd: 0.0, min: 0.0, max: 100.0, start: None };
    for (name, value) in options {
        let slot = match name.as_str() {
            "kp" => &mut gains.kp,
            "ki" => &mut gains.ki,
            "kd" => &mut gains.kd,
            "min" => &mut gains.min,
            "max" => &mut gains.max,
            "start" => gains.start.insert(0.0),
            _ => return fail(format!("unknown option '{name}' of pid: kp, ki, kd, min, max and start are known")),
        };
        *slot = number(name, value)?;
        if !slot.is_finite() {
            return fail(format!("{name} of pid must be a finite number"));
        }
    }
    if gains.min > gains.max {
        return fail(format!("pid has its min {} above its max {}", gains.min, gains.max));
    }
    Ok(gains)
}

fn turn(notes: &mut Notes, key: &str, setpoint: f64, value: f64, gains: &Gains) -> f64 {
    let now = i64::try_from(notes.now.mono.0).unwrap_or(i64::MAX);
    let begun = notes.begun.map_or(i64::MIN, |begun| i64::try_from(begun.mono.0).unwrap_or(i64::MAX));
    // A loop begins anew with its episode.
    let before = notes.hidden.get(key).and_then(Memory::read).filter(|memory| memory.at >= begun);
    let memory = gains.step(before, now, setpoint, value);
    notes.hidden.set(&Name::from(key), memory.write());
    memory.output
}

/// Gives what loops remember in a `state` other moments: they are written as ages, and read as moments again.
pub(in crate::rules) fn shift_loops(state: &mut Fields, moment: impl Fn(i64) -> i64) {
    let loops: Vec<(Name, Memory)> = state
        .iter()
        .filter(|(name, _)| name.starts_with("#pid"))
        .filter_map(|(name, value)| Some((name.clone(), Memory::read(value)?)))
        .collect();
    for (name, memory) in loops {
        state.set(&name, Memory { at: moment(memory.at), ..memory }.write());
    }
}

impl Memory {
    fn read(value: &Value) -> Option<Memory> {
        let Value::List(kept) = value else { return None };
        let numbers: Option<Vec<f64>> = kept.iter().map(Value::as_number).collect();
        let [seconds, nanos, value, error, integral, slope, output] = *numbers?.as_slice() else { return None };
        let at = (seconds as i64).saturating_mul(1_000_000_000).saturating_add(nanos as i64);
        Some(Memory { at, value, error, integral, slope, output })
    }

    fn write(self) -> Value {
        let (seconds, nanos) = (self.at.div_euclid(1_000_000_000) as f64, self.at.rem_euclid(1_000_000_000) as f64);
        let kept = [seconds, nanos, self.value, self.error, self.integral, self.slope, self.output];
        Value::List(Box::new(kept.map(Value::Number)))
    }
}

impl Gains {
    /// `u = kp·e + I − kd·s`, limited to `min..=max`, with `e = setpoint − value`, `I += ki·e·dt` and `s` the filtered slope
    /// of the value.
    ///
    /// The derivative is that of the value, so that a new setpoint gives no kick. Against wind-up, `I` goes no further than
    /// brings the output to its limit. With other gains or limits than before, `I` is set so that the last sample would have
    /// given the last output: they take effect without a bump. Without integral action there is nothing to set.
    pub(super) fn step(&self, before: Option<Memory>, now: i64, setpoint: f64, value: f64) -> Memory {
        let error = setpoint - value;
        let since = before.map(|memory| now.saturating_sub(memory.at) as f64 / 1e9);
        let step = since.filter(|dt| *dt > 0.0 && *dt <= LONGEST_STEP);
        let slope = match (before, step) {
            (Some(memory), Some(dt)) => self.slope(&memory, value, dt),
            (Some(memory), None) if since == Some(0.0) => memory.slope,
            _ => 0.0,
        };
        let held = match before {
            _ if self.ki == 0.0 => 0.0,
            Some(memory) => self.bumpless(memory.integral, self.rest(memory.error, memory.slope), memory.output),
            None => self.start.map_or(0.0, |start| self.limit(start) - self.rest(error, slope)),
        };
        let rest = self.rest(error, slope);
        let integral = self.integrate(held, self.ki * error * step.unwrap_or(0.0), rest);
        Memory { at: now, value, error, integral, slope, output: self.limit(rest + integral) }
    }

    fn rest(&self, error: f64, slope: f64) -> f64 {
        self.kp * error - self.kd * slope
    }

    fn limit(&self, output: f64) -> f64 {
        output.clamp(self.min, self.max)
    }

    /// Backward differences, which no length of a step makes unstable.
    fn slope(&self, memory: &Memory, value: f64, dt: f64) -> f64 {
        let filter = if self.kp == 0.0 { 0.0 } else { (self.kd / self.kp).abs() / FILTER };
        (filter * memory.slope + (value - memory.value)) / (filter + dt)
    }

    /// The integral with which the last sample gives the last output.
    fn bumpless(&self, integral: f64, rest: f64, output: f64) -> f64 {
        let wanted = self.limit(output);
        if self.limit(rest + integral) == wanted { integral } else { wanted - rest }
    }

    fn integrate(&self, held: f64, by: f64, rest: f64) -> f64 {
        let grown = held + by;
        match rest + grown {
            raw if raw > self.max && by > 0.0 => held.max(self.max - rest),
            raw if raw < self.min && by < 0.0 => held.min(self.min - rest),
            _ => grown,
        }
    }
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
