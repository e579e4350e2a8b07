//! InfluxDB's line protocol: `measurement,tag=value field=1.5,other="text" nanoseconds`.

use crate::model::{Fields, Parcel, Utc, Value};

/// The texts by which points are told apart; every other field is measured.
const TAGS: [&str; 4] = ["room", "cluster", "node", "device"];

/// A value of `send` as one point. A field `time` becomes `time_`, for that name is InfluxDB's own; `id` is left out, as it
/// differs in every message.
///
/// # Errors
/// There is nothing in it to write.
pub(super) fn line(measurement: &str, parcel: &Parcel) -> Result<String, String> {
    let value: Value =
        serde_json::from_str(&parcel.body).map_err(|error| format!("what is to be sent cannot be read: {error}"))?;
    let mut fields = Fields::default();
    match value {
        Value::Map(map) => fields = *map,
        Value::List(_) => return Err("a list is no point: send its values one by one".to_owned()),
        single => fields.push("value".into(), single),
    }
    let mut line = escaped(measurement, &[',', ' ']);
    for tag in TAGS {
        if let Some(text) = fields.get(tag).and_then(Value::as_text).filter(|text| !text.is_empty()) {
            line += &format!(",{tag}={}", escaped(text, &[',', '=', ' ']));
        }
    }
    let measured: Vec<String> = fields.iter().filter_map(|(name, value)| field(name, value)).collect();
    if measured.is_empty() {
        return Err("it has no field with a value in it: there is nothing to write".to_owned());
    }
    let at = fields.get("ts").and_then(Value::as_number).map_or(parcel.at, whole_microseconds);
    Ok(format!("{line} {} {}", measured.join(","), at.0))
}

/// A float of seconds has no more than microseconds in it; the digits after them would be made up.
fn whole_microseconds(seconds: f64) -> Utc {
    Utc(((seconds * 1e6).round() as i64).saturating_mul(1_000))
}

fn field(name: &str, value: &Value) -> Option<String> {
    if name.is_empty() || name == "id" || name == "ts" || (TAGS.contains(&name) && value.as_text().is_some()) {
        return None;
    }
    let text = match value {
        Value::Null => return None,
        Value::Bool(on) => on.to_string(),
        // With a point or an exponent always: `{}` would write 300 digits of 1e300.
        Value::Number(number) => format!("{number:?}"),
        Value::Text(text) => quoted(text),
        Value::List(_) | Value::Map(_) => quoted(&serde_json::to_string(value).ok()?),
    };
    let name = if name == "time" { "time_" } else { name };
    Some(format!("{}={text}", escaped(name, &[',', '=', ' '])))
}

/// Outside of quotation marks a backslash cannot be written so that every version reads it alike; `/` stands for it. A line
/// break would end the line; a space stands for it and its like.
fn escaped(text: &str, special: &[char]) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        match c {
            '\\' => written.push('/'),
            _ if special.contains(&c) => written.extend(['\\', c]),
            _ => written.push(c),
        }
    }
    written
}

fn quoted(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\"{}\"", clean.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
#[path = "line_protocol_tests.rs"]
mod tests;
