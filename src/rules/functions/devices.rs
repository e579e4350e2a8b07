//! Devices: requests are leases on an absolute state, `state()` is what the Guard last said.

use rhai::{Dynamic, Engine, ImmutableString, Map};

use crate::model::{Ask, DeviceKey, DeviceRequest, Level, parse_duration};

use super::super::convert::to_dynamic;
use super::{Answer, Shared, fail, number};

#[derive(Clone, Debug)]
struct Device(DeviceKey);

pub(super) fn register(engine: &mut Engine, shared: &Shared) {
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
    engine.register_fn("set", move |device: &mut Device, to: Dynamic| {
        notes.ask(request(device, level(&to)?, &Map::new())?)
    });
    let notes = shared.clone();
    engine.register_fn("set", move |device: &mut Device, to: Dynamic, options: Map| {
        notes.ask(request(device, level(&to)?, &options)?)
    });
    let notes = shared.clone();
    engine.register_fn("release", move |device: &mut Device| notes.ask(Ask::Release(device.0.clone())));
    let notes = shared.clone();
    engine.register_fn("state", move |device: &mut Device| state(&notes, &device.0));
}

/// A state as a number, and what people and `state()` call the ends of it; a device of two states also takes a boolean.
fn level(to: &Dynamic) -> Answer<Level> {
    match to.read_lock::<ImmutableString>().as_deref().map(ImmutableString::as_str) {
        Some("on" | "open") => return Ok(Level::On),
        Some("off" | "closed") => return Ok(Level::Off),
        _ => {}
    }
    match to.as_bool() {
        Ok(true) => Ok(Level::On),
        Ok(false) => Ok(Level::Off),
        Err(_) => {
            let number = number("the level of a device", to)?;
            if number.is_finite() { Ok(Level::At(number)) } else { fail(format!("a device cannot be set to {number}")) }
        }
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

/// The field `state` of its latest `device:update`; `()` before the first.
fn state(shared: &Shared, key: &DeviceKey) -> Dynamic {
    let channel = key.channel();
    shared.with(|notes| {
        let found = notes.last.as_ref().and_then(|last| last.get(&channel, "state"));
        found.map_or(Dynamic::UNIT, |(value, _)| to_dynamic(value))
    })
}
