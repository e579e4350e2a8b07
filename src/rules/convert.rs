//! Between our values and Rhai's.

use std::sync::Arc;

use rhai::{Array, Dynamic, Map};

use crate::model::{Fields, Value};

/// More nodes than this in one value are an accident; Rhai does not check the size of a map at `m[k] = v`.
const MOST_NODES: usize = 1_000;

/// The longest text of a message that scripts may see: each of their operations may walk all of it.
const LONGEST_TEXT: usize = 16_384;

/// A message as scripts see it; refuses one with which a few thousand operations would take long.
pub(super) fn to_message(fields: &Fields) -> Result<Map, String> {
    let mut nodes = 0;
    fields.iter().try_for_each(|(name, value)| affordable(name, value, &mut nodes))?;
    Ok(to_map(fields))
}

fn affordable(name: &str, value: &Value, nodes: &mut usize) -> Result<(), String> {
    *nodes += 1;
    if *nodes > MOST_NODES {
        return Err(format!("the message has more than {MOST_NODES} parts, too many for a script"));
    }
    match value {
        Value::Text(text) if text.len() > LONGEST_TEXT => {
            Err(format!("`{name}` of the message is longer than {LONGEST_TEXT} bytes, too long for a script"))
        }
        Value::List(items) => items.iter().try_for_each(|item| affordable(name, item, nodes)),
        Value::Map(fields) => fields.iter().try_for_each(|(name, value)| affordable(name, value, nodes)),
        _ => Ok(()),
    }
}

/// A value as scripts see it.
pub(super) fn to_dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => (*number).into(),
        Value::Text(text) => Dynamic::from(rhai::ImmutableString::from(&**text)),
        Value::List(items) => Dynamic::from_array(items.iter().map(to_dynamic).collect::<Array>()),
        Value::Map(fields) => Dynamic::from_map(to_map(fields)),
    }
}

/// Fields as a script's map.
pub(super) fn to_map(fields: &Fields) -> Map {
    fields.iter().map(|(name, value)| (name.as_ref().into(), to_dynamic(value))).collect()
}

/// A script's value as ours; refuses what JSON cannot say and what is far too large.
pub(super) fn to_value(value: &Dynamic) -> Result<Value, String> {
    convert(value, &mut 0)
}

/// A script's map as fields, in the order of their names.
pub(super) fn to_fields(map: &Map) -> Result<Fields, String> {
    fields(map, &mut 0)
}

fn fields(map: &Map, nodes: &mut usize) -> Result<Fields, String> {
    map.iter().map(|(name, value)| Ok((Arc::from(name.as_str()), convert(value, nodes)?))).collect()
}

fn convert(value: &Dynamic, nodes: &mut usize) -> Result<Value, String> {
    *nodes += 1;
    if *nodes > MOST_NODES {
        return Err(format!("a value has more than {MOST_NODES} parts"));
    }
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Value::Number(number as f64));
    }
    if let Ok(number) = value.as_float() {
        return if number.is_finite() { Ok(number.into()) } else { Err(format!("{number} is not a number of JSON")) };
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Value::text(&text));
    }
    if let Ok(letter) = value.as_char() {
        return Ok(Value::text(letter.encode_utf8(&mut [0; 4])));
    }
    if let Ok(items) = value.as_array_ref() {
        return Ok(Value::List(items.iter().map(|item| convert(item, nodes)).collect::<Result<_, _>>()?));
    }
    if let Ok(map) = value.as_map_ref() {
        return Ok(Value::Map(Box::new(fields(&map, nodes)?)));
    }
    Err(format!("a value of type {} cannot leave a script", value.type_name()))
}
