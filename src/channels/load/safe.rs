//! States in words: what `safe` and `with` mean to a signal, and whether its bits can say it.

use crate::files::Spanned;
use crate::model::{Level, Name, Value};

use super::super::codec::Signal;
use super::super::map::Safe;
use super::check::Check;

const OFF: [&str; 2] = ["off", "closed"];
const ON: [&str; 2] = ["on", "open"];

/// What `safe` says; `None` if the device cannot go there, which is reported.
pub(super) fn safe(check: &mut Check, spec: &Spanned<Value>, signal: &Signal) -> Option<Safe> {
    let level = match &spec.value {
        Value::Bool(on) => Ok(if *on { Level::On } else { Level::Off }),
        Value::Number(number) => Ok(Level::At(*number)),
        Value::Text(text) if &**text == "keep" => return Some(Safe::Keep),
        Value::Text(text) => level_of(signal, text),
        Value::Null => Err("it is empty".to_owned()),
        other => Err(format!("'{other}' is no state")),
    };
    match level.and_then(|level| sayable(signal, level).map(|()| level)) {
        Ok(level) => Some(Safe::At(level)),
        Err(why) => {
            let given = spec.as_text().unwrap_or_default();
            let diagnostic = check.unfit(spec.place, format!("the device cannot go to `safe`: {why}"));
            let mut words: Vec<&str> = signal.values.iter().map(|(_, text)| &**text).collect();
            words
                .extend(["off", "on", "keep"].iter().filter(|word| !signal.values.iter().any(|(_, v)| **v == ***word)));
            if given.is_empty() || words.contains(&given) || given.parse::<f64>().is_ok() {
                diagnostic.help(takes(signal));
            } else {
                diagnostic.did_you_mean(given, words);
            }
            None
        }
    }
}

fn takes(signal: &Signal) -> String {
    match signal.range {
        Some((low, high)) => format!("write a number from {low} to {high}, on, off or keep"),
        None if signal.values.is_empty() => "write a number or keep, or give the signal a `range`".to_owned(),
        None => "write on, off or keep".to_owned(),
    }
}

pub(super) fn level_of(signal: &Signal, text: &str) -> Result<Level, String> {
    let is = |words: [&str; 2]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(OFF) {
        return Ok(Level::Off);
    }
    if is(ON) {
        return Ok(Level::On);
    }
    let Some((raw, _)) = signal.values.iter().find(|(_, name)| &**name == text) else {
        return Err(match text.trim().parse::<f64>() {
            Ok(_) => format!("'{text}' is a text: write the number without quotes"),
            Err(_) => format!("'{text}' is no state of {}", signal.name),
        });
    };
    // Two named states are off and on, whatever they are called.
    if signal.values.len() == 2 && (signal.range.is_none() || signal.layout.width == 1) {
        let other = signal.values.iter().find(|(other, _)| other != raw);
        let named_on = other.is_some_and(|(_, name)| OFF.iter().any(|word| name.eq_ignore_ascii_case(word)));
        let named_off = other.is_some_and(|(_, name)| ON.iter().any(|word| name.eq_ignore_ascii_case(word)));
        let low = other.is_some_and(|(other, _)| raw < other);
        return Ok(if !named_on && (named_off || low) { Level::Off } else { Level::On });
    }
    let bare = Signal { values: Vec::new(), range: None, ..signal.clone() };
    let mut bytes = [0; 64];
    signal.encode(&Value::text(text), &mut bytes)?;
    match bare.decode(&bytes) {
        Ok(Value::Number(number)) => Ok(Level::At(number)),
        _ => Err(format!("'{text}' is no state of {}", signal.name)),
    }
}

/// Whether the signal's bits can say the level.
pub(super) fn sayable(signal: &Signal, level: Level) -> Result<(), String> {
    let named = |words: [&str; 2]| {
        signal.values.iter().any(|(_, name)| words.iter().any(|word| name.eq_ignore_ascii_case(word)))
    };
    let two = signal.values.len() == 2 && (signal.range.is_none() || signal.layout.width == 1);
    let bare = signal.values.is_empty();
    let missing = |word: &str| Err(format!("{} has no state '{word}' and no `range`", signal.name));
    match level {
        Level::Off if two || named(OFF) || signal.range.is_some() => Ok(()),
        Level::Off if bare => encodes(signal, &Value::Number(0.0)),
        Level::Off if signal.values.iter().any(|(raw, _)| *raw == 0) => Ok(()),
        Level::Off => missing("off"),
        Level::On if two || named(ON) || signal.range.is_some() || (bare && signal.layout.width == 1) => Ok(()),
        Level::On => missing("on"),
        Level::At(number) if two && number != 0.0 && number != 1.0 => {
            let names: Vec<&str> = signal.values.iter().map(|(_, name)| &**name).collect();
            Err(format!("{} cannot be {number}: it is one of {}", signal.name, names.join(", ")))
        }
        Level::At(_) if two => Ok(()),
        Level::At(number) => encodes(signal, &Value::Number(number)),
    }
}

/// Whether the signal's bits can say the value.
pub(super) fn encodes(signal: &Signal, value: &Value) -> Result<(), String> {
    signal.encode(value, &mut [0; 64])
}

/// The value of another signal of a command. YAML reads `on` and `off` as booleans here and there: a boolean is the
/// state that is called so.
pub(super) fn state(signal: &Signal, value: &Value) -> Value {
    let Value::Bool(on) = value else { return value.clone() };
    let words = if *on { ["on", "open", "true", "yes"] } else { ["off", "closed", "false", "no"] };
    let named = |word: &&str| signal.values.iter().find(|(_, name)| name.eq_ignore_ascii_case(word));
    let text: Option<&Name> = words.iter().find_map(named).map(|(_, name)| name);
    text.map_or(Value::Number(if *on { 1.0 } else { 0.0 }), |text| Value::Text(text.clone()))
}
