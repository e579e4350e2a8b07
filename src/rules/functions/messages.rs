//! Messages, last values, and the functions of actions.

use std::any::TypeId;
use std::time::Duration;

use rhai::{Dynamic, Engine, ImmutableString, Map, NativeCallContext};

use crate::bus::Pattern;
use crate::model::{Act, Ask, Value, parse_duration};

use super::super::convert::{to_dynamic, to_fields, to_value};
use super::super::{HostFunction, Param};
use super::{Answer, Shared, fail, not_good};

/// Namespaces in which only the engine speaks.
const OURS: [&str; 4] = ["sensor:", "device:", "alert:", "system:"];

pub(super) fn register(engine: &mut Engine, shared: &Shared) {
    let notes = shared.clone();
    engine.register_fn("publish", move |channel: &str, map: Map| publish(&notes, channel, &map));
    let notes = shared.clone();
    engine.register_fn("last", move |channel: &str, field: &str| last(&notes, channel, field, Duration::MAX));
    let notes = shared.clone();
    engine.register_fn("last", move |channel: &str, field: &str, age: &str| {
        last(&notes, channel, field, parse_duration(age)?)
    });
    let notes = shared.clone();
    engine.register_fn("readings", move |pattern: &str, field: &str| readings(&notes, pattern, field));
    engine.register_type_with_name::<Readings>("readings");
    for (name, pick) in [
        ("mean", Readings::mean as fn(&Readings) -> Option<f64>),
        ("min", |readings| readings.0.first().copied()),
        ("max", |readings| readings.0.last().copied()),
    ] {
        let answer = move |readings: &mut Readings| pick(readings).map_or_else(not_good, Ok);
        engine.register_fn(name, answer).register_get(name, answer);
    }
    let len = |readings: &mut Readings| readings.0.len() as i64;
    engine.register_fn("len", len).register_get("len", len);
}

fn publish(shared: &Shared, channel: &str, map: &Map) -> Answer<()> {
    if channel.is_empty() {
        return fail("a channel needs a name");
    }
    if let Some(own) = OURS.iter().find(|own| channel.starts_with(**own)) {
        return fail(format!("rules may not publish on `{channel}`: only growctl itself speaks on `{own}…`"));
    }
    shared.ask(Ask::Publish { channel: channel.into(), fields: to_fields(map)? })
}

/// The last good value, `()` where there is none or it is older than `oldest`.
fn last(shared: &Shared, channel: &str, field: &str, oldest: Duration) -> Answer<Dynamic> {
    Ok(shared.with(|notes| {
        let found = notes.last.as_ref().and_then(|last| last.get(channel, field));
        let fresh = found.filter(|(_, at)| notes.now.mono.since(at.mono) <= oldest);
        fresh.map_or(Dynamic::UNIT, |(value, _)| to_dynamic(value))
    }))
}

/// The good numbers of several channels or fields; sorted, so that the same ones add up to the same mean.
#[derive(Clone, Debug)]
struct Readings(Vec<f64>);

impl Readings {
    fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.iter().sum::<f64>() / self.0.len() as f64)
    }
}

fn readings(shared: &Shared, pattern: &str, field: &str) -> Answer<Readings> {
    let pattern = Pattern::parse(pattern)?;
    Ok(shared.with(|notes| {
        let found = notes.last.as_ref().map(|last| last.matching(&pattern, field));
        let mut numbers: Vec<f64> = found.into_iter().flatten().filter_map(|(_, value, _)| value.as_number()).collect();
        numbers.sort_by(f64::total_cmp);
        Readings(numbers)
    }))
}

/// Registers the functions that actions bring: each only notes its name and arguments.
pub(super) fn register_actions(engine: &mut Engine, shared: &Shared, actions: &[HostFunction]) {
    for function in actions {
        let (notes, name, params) = (shared.clone(), function.name, function.params);
        let types = vec![TypeId::of::<Dynamic>(); params.len()];
        engine.register_raw_fn(name, types, move |_: NativeCallContext<'_>, given: &mut [&mut Dynamic]| {
            let pairs = params.iter().zip(given.iter()).zip(1..);
            let args = pairs.map(|((param, value), at)| argument(name, at, *param, value)).collect::<Answer<_>>()?;
            notes.ask(Ask::Act(Act { action: name, args }))
        });
    }
}

fn argument(function: &str, at: usize, param: Param, value: &Dynamic) -> Answer<Value> {
    match param {
        Param::Any => Ok(to_value(value)?),
        Param::Text if value.is_unit() => not_good(),
        Param::Text => match value.read_lock::<ImmutableString>() {
            Some(text) => Ok(Value::text(&text)),
            None => fail(format!("argument {at} of `{function}` must be a text, not {}", value.type_name())),
        },
    }
}
