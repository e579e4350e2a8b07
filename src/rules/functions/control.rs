//! `pid`: a control loop that remembers between the runs of its script.

use rhai::{Dynamic, Engine, Map, NativeCallContext};

use crate::model::{Name, Value};

use super::{Answer, Notes, Shared, fail, number};

/// After a longer pause nothing is integrated over it: nobody knows what happened meanwhile.
const LONGEST_STEP: f64 = 600.0;

/// `kp, ki, kd, min, max` of a loop.
#[derive(Clone, Copy, Debug)]
struct Gains {
    kp: f64,
    ki: f64,
    kd: f64,
    min: f64,
    max: f64,
}

/// What a loop remembers: when it last ran (seconds on the monotonic clock), what it measured, and its integral.
#[derive(Clone, Copy, Debug)]
struct Memory {
    at: f64,
    value: f64,
    integral: f64,
}

pub(super) fn register(engine: &mut Engine, shared: &Shared) {
    let notes = shared.clone();
    engine.register_fn("pid", move |at: NativeCallContext<'_>, setpoint: Dynamic, value: Dynamic, options: Map| {
        let (setpoint, value) = (number("the setpoint of pid", &setpoint)?, number("the value of pid", &value)?);
        let gains = gains(&options)?;
        notes.with(|notes| {
            // A loop is known by its place among the calls of `pid` in the script.
            let position = at.call_position();
            match notes.plan.loops.iter().position(|known| *known == position) {
                Some(index) => Ok(turn(notes, &format!("#pid {index}"), setpoint, value, &gains)),
                None => fail("`pid` must be called by its name"),
            }
        })
    });
}

fn gains(options: &Map) -> Answer<Gains> {
    let mut gains = Gains { kp: 0.0, ki: 0.0, kd: 0.0, min: 0.0, max: 100.0 };
    for (name, value) in options {
        let slot = match name.as_str() {
            "kp" => &mut gains.kp,
            "ki" => &mut gains.ki,
            "kd" => &mut gains.kd,
            "min" => &mut gains.min,
            "max" => &mut gains.max,
            _ => return fail(format!("unknown option '{name}' of pid: kp, ki, kd, min and max are known")),
        };
        *slot = number(name, value)?;
    }
    if gains.min > gains.max {
        return fail(format!("pid has its min {} above its max {}", gains.min, gains.max));
    }
    Ok(gains)
}

fn turn(notes: &mut Notes, key: &str, setpoint: f64, value: f64, gains: &Gains) -> f64 {
    let now = notes.now.mono.0 as f64 / 1e9;
    let begun = notes.begun.map_or(0.0, |begun| begun.mono.0 as f64 / 1e9);
    // A loop begins anew with its episode.
    let before = recall(notes, key).filter(|memory| memory.at >= begun);
    let (output, memory) = gains.step(before, now, setpoint, value);
    let key = Name::from(key);
    let kept = [memory.at, memory.value, memory.integral].map(Value::Number);
    notes.hidden.set(&key, Value::List(Box::new(kept)));
    output
}

fn recall(notes: &Notes, key: &str) -> Option<Memory> {
    match notes.hidden.get(key) {
        Some(Value::List(kept)) => match **kept {
            [Value::Number(at), Value::Number(value), Value::Number(integral)] => Some(Memory { at, value, integral }),
            _ => None,
        },
        _ => None,
    }
}

impl Gains {
    /// `kp·e + I − kd·dv/dt`, limited to `min..=max`, with `e = setpoint − value` and `I += ki·e·dt`.
    ///
    /// The derivative is that of the value, so that a new setpoint gives no kick. Against wind-up, `I` stands still
    /// while the output is at a limit and the error would drive it further there, and never leaves `min..=max` itself.
    fn step(&self, before: Option<Memory>, now: f64, setpoint: f64, value: f64) -> (f64, Memory) {
        let error = setpoint - value;
        let step = before.map(|memory| now - memory.at).filter(|dt| *dt > 0.0 && *dt <= LONGEST_STEP);
        let (held, slope) = match (before, step) {
            (Some(memory), Some(dt)) => (memory.integral, (value - memory.value) / dt),
            (Some(memory), None) => (memory.integral, 0.0),
            (None, _) => (0.0, 0.0),
        };
        let rest = self.kp * error - self.kd * slope;
        let grown = held + self.ki * error * step.unwrap_or(0.0);
        let raw = rest + grown;
        let winds = (raw > self.max && grown > held) || (raw < self.min && grown < held);
        let integral = if winds { held } else { grown.clamp(self.min.min(0.0), self.max.max(0.0)) };
        let memory = Memory { at: now, value, integral };
        ((rest + integral).clamp(self.min, self.max), memory)
    }
}
