//! Windows and what growers compute from temperature and humidity.

use rhai::{Dynamic, Engine};

use super::super::{Stats, dew_point, vpd};
use super::{Answer, Shared, fail, not_good, number};

pub(super) fn register(engine: &mut Engine, shared: &Shared) {
    windows(engine, shared);
    engine.register_fn("vpd", |temperature: Dynamic, humidity: Dynamic| {
        let (temperature, humidity) = (number("temperature", &temperature)?, number("humidity", &humidity)?);
        vpd(temperature, humidity).map_or_else(not_good, Ok)
    });
    engine.register_fn("dew_point", |temperature: Dynamic, humidity: Dynamic| {
        let (temperature, humidity) = (number("temperature", &temperature)?, number("humidity", &humidity)?);
        dew_point(temperature, humidity).map_or_else(not_good, Ok)
    });
}

fn windows(engine: &mut Engine, shared: &Shared) {
    let notes = shared.clone();
    engine.register_fn("window", move |field: &str, span: &str| window(&notes, None, field, span));
    let notes = shared.clone();
    engine.register_fn("window", move |pattern: &str, field: &str, span: &str| {
        window(&notes, Some(pattern), field, span)
    });
    engine.register_type_with_name::<Stats>("window");
    for (name, pick) in [
        ("mean", (|stats| stats.mean) as fn(&Stats) -> Option<f64>),
        ("min", |stats| stats.min),
        ("max", |stats| stats.max),
        ("slope", |stats| stats.slope),
        ("stddev", |stats| stats.stddev),
    ] {
        let answer = move |stats: &mut Stats| pick(stats).map_or_else(not_good, Ok);
        engine.register_fn(name, answer).register_get(name, answer);
    }
    let count = |stats: &mut Stats| stats.count.map_or_else(not_good, |count| Ok(count as i64));
    engine.register_fn("count", count).register_get("count", count);
}

fn window(shared: &Shared, pattern: Option<&str>, field: &str, span: &str) -> Answer<Stats> {
    shared.with(|notes| {
        let planned =
            notes.plan.windows.iter().position(|(p, f, s, _)| p.as_deref() == pattern && *f == field && *s == span);
        match planned.and_then(|at| notes.windows.get(at)) {
            Some(stats) => Ok(*stats),
            // Only by a call that the walk at load cannot see, as Fn("window").call(…).
            None => fail("`window` must be called by its name with constant texts"),
        }
    })
}
