//! What scripts can call. Each function only notes an `Ask`: the host hands the notes over if the whole run succeeds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rhai::{Dynamic, Engine, EvalAltResult, Map, Position};

use crate::model::{Act, Ask, DeviceKey, DeviceRequest, Level, Name, Timestamp, Utc, Value, parse_duration};

use super::convert::{to_fields, to_value};
use super::growing::{dew_point, vpd};

/// More asks than this in one run are an endless loop's.
const MOST_ASKS: usize = 256;

type Answer<T> = Result<T, Box<EvalAltResult>>;

/// The end of a run at a value that is not good; no `catch` of a script holds it.
#[derive(Clone, Debug)]
pub(super) struct NotGood;

/// A last value that the script wants and the host has not looked up yet: the host does and runs the script again.
#[derive(Clone, Debug)]
pub(super) struct Wanted;

/// What one run reads and leaves.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) asks: Vec<Ask>,
    pub(super) now: Option<Timestamp>,
    /// Channel, field, and the value with its age.
    pub(super) known: Vec<(Name, Name, Dynamic, Duration)>,
    pub(super) wanted: Option<(Name, Name)>,
}

/// Notes that the functions and the host share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<Notes>>);

impl Shared {
    /// Runs `f` on the notes; those of a run that panicked are cleared by the next, so poison does not matter.
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Notes) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, ask: Ask) -> Answer<()> {
        self.with(|notes| {
            if notes.asks.len() >= MOST_ASKS {
                return fail(format!("more than {MOST_ASKS} requests in one run"));
            }
            notes.asks.push(ask);
            Ok(())
        })
    }
}

fn fail<T>(text: impl Into<String>) -> Answer<T> {
    Err(text.into().into())
}

fn stop<T>(token: Dynamic) -> Answer<T> {
    Err(Box::new(EvalAltResult::ErrorTerminated(token, Position::NONE)))
}

#[derive(Clone, Debug)]
struct Device(DeviceKey);

/// Registers every function of the host.
pub(super) fn register(engine: &mut Engine, shared: &Shared) {
    messages(engine, shared);
    devices(engine, shared);
    numbers(engine);
    unknowns(engine);
    engine.register_fn("sleep", |_: i64| fail::<()>("scripts cannot sleep: use `for` or `schedule`"));
    engine.register_fn("sleep", |_: f64| fail::<()>("scripts cannot sleep: use `for` or `schedule`"));
}

fn messages(engine: &mut Engine, shared: &Shared) {
    let notes = shared.clone();
    engine.register_fn("publish", move |channel: &str, map: Map| {
        if ["sensor:", "device:", "alert:", "system:"].iter().any(|own| channel.starts_with(own)) {
            return fail(format!("rules may not publish to '{channel}'"));
        }
        notes.ask(Ask::Publish { channel: channel.into(), fields: to_fields(&map)? })
    });
    let notes = shared.clone();
    engine.register_fn("log_file", move |name: &str, value: Dynamic| {
        notes.ask(Ask::Act(Act { action: "log_file", args: vec![name.into(), to_value(&value)?] }))
    });
    for action in ["info", "warn", "error"] {
        let notes = shared.clone();
        engine.register_fn(action, move |value: Dynamic| {
            notes.ask(Ask::Act(Act { action, args: vec![Value::text(&value.to_string())] }))
        });
    }
    let notes = shared.clone();
    engine.register_fn("now", move || notes.with(|n| n.now.map_or(Utc(0), |now| now.utc).seconds()));
    let notes = shared.clone();
    engine.register_fn("last", move |channel: &str, field: &str| last(&notes, channel, field, Duration::MAX));
    let notes = shared.clone();
    engine.register_fn("last", move |channel: &str, field: &str, age: &str| {
        last(&notes, channel, field, parse_duration(age)?)
    });
}

fn last(shared: &Shared, channel: &str, field: &str, oldest: Duration) -> Answer<Dynamic> {
    shared.with(|notes| match notes.known.iter().find(|(c, f, ..)| &**c == channel && &**f == field) {
        Some((.., value, age)) => Ok(if *age <= oldest { value.clone() } else { Dynamic::UNIT }),
        None => {
            notes.wanted = Some((channel.into(), field.into()));
            stop(Dynamic::from(Wanted))
        }
    })
}

fn devices(engine: &mut Engine, shared: &Shared) {
    engine.register_type_with_name::<Device>("device");
    engine.register_fn("device", |room: &str, device: &str| {
        Device(DeviceKey { room: room.into(), device: device.into() })
    });
    for (name, level) in [("on", Level::On), ("off", Level::Off)] {
        let notes = shared.clone();
        engine.register_fn(name, move |device: &mut Device| notes.ask(request(device, level, &Map::new())?));
        let notes = shared.clone();
        engine.register_fn(name, move |device: &mut Device, options: Map| notes.ask(request(device, level, &options)?));
    }
    let notes = shared.clone();
    engine.register_fn("set", move |device: &mut Device, level: Dynamic| {
        notes.ask(request(device, number(&level)?, &Map::new())?)
    });
    let notes = shared.clone();
    engine.register_fn("set", move |device: &mut Device, level: Dynamic, options: Map| {
        notes.ask(request(device, number(&level)?, &options)?)
    });
    let notes = shared.clone();
    engine.register_fn("release", move |device: &mut Device| notes.ask(Ask::Release(device.0.clone())));
}

fn number(level: &Dynamic) -> Answer<Level> {
    if level.is_unit() {
        return stop(Dynamic::from(NotGood));
    }
    match to_value(level)? {
        Value::Number(number) => Ok(Level::At(number)),
        _ => fail(format!("set needs a number, not {}", level.type_name())),
    }
}

fn request(device: &Device, level: Level, options: &Map) -> Answer<Ask> {
    let mut request = DeviceRequest { device: device.0.clone(), level, lease: None, reason: None };
    for (name, value) in options {
        match name.as_str() {
            "lease" => request.lease = Some(parse_duration(&value.to_string())?),
            "reason" => request.reason = Some(value.to_string().into()),
            _ => return fail(format!("unknown option '{name}' of a device: lease and reason are known")),
        }
    }
    Ok(Ask::Set(request))
}

fn numbers(engine: &mut Engine) {
    for (name, formula) in [("vpd", vpd as fn(f64, f64) -> Option<f64>), ("dew_point", dew_point)] {
        let good = move |t: f64, rh: f64| formula(t, rh).map_or_else(|| stop(Dynamic::from(NotGood)), Ok);
        engine.register_fn(name, good);
        engine.register_fn(name, |_: (), _: f64| stop::<f64>(Dynamic::from(NotGood)));
        engine.register_fn(name, |_: f64, _: ()| stop::<f64>(Dynamic::from(NotGood)));
        engine.register_fn(name, |_: (), _: ()| stop::<f64>(Dynamic::from(NotGood)));
    }
    engine.register_fn("round", |x: f64, digits: i64| {
        let scale = 10_f64.powi(digits.clamp(0, 12) as i32);
        (x * scale).round() / scale
    });
    engine.register_fn("clamp", |x: f64, low: f64, high: f64| x.max(low).min(high));
    engine.register_fn("clamp", |x: i64, low: i64, high: i64| x.max(low).min(high));
}

/// Comparing or calculating with what is not good ends the run. `x == ()` stays a question that may be asked.
fn unknowns(engine: &mut Engine) {
    macro_rules! pair {
        ($names:expr, $left:ty, $right:ty) => {
            for name in $names {
                engine.register_fn(name, |_: $left, _: $right| stop::<bool>(Dynamic::from(NotGood)));
            }
        };
    }
    const ORDER: [&str; 4] = ["<", "<=", ">", ">="];
    const EQUAL: [&str; 2] = ["==", "!="];
    const REST: [&str; 5] = ["-", "*", "/", "%", "**"];
    macro_rules! unit_with {
        ($($other:ty),*) => {$(
            pair!(ORDER, (), $other);
            pair!(ORDER, $other, ());
            pair!(EQUAL, (), $other);
        )*};
    }
    unit_with!(f64, i64, bool, rhai::ImmutableString);
    pair!(ORDER, (), ());
    macro_rules! text_with {
        ($($number:ty),*) => {$(
            pair!(ORDER, rhai::ImmutableString, $number);
            pair!(ORDER, $number, rhai::ImmutableString);
            pair!(EQUAL, rhai::ImmutableString, $number);
            pair!(EQUAL, $number, rhai::ImmutableString);
            pair!(REST, (), $number);
            pair!(REST, $number, ());
            pair!(["+"], (), $number);
            pair!(["+"], $number, ());
        )*};
    }
    text_with!(f64, i64);
}
