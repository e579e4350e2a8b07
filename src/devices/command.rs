//! What a client's message on `device:command:<room>:<device>` asks for.

use std::time::Duration;

use crate::files::closest;
use crate::model::{DeviceKey, Fields, Name, Value, parse_duration};

const PREFIX: &str = "device:command:";
const FIELDS: [&str; 4] = ["set", "for", "reason", "release"];
/// Fields that say who and when, and change nothing: many clients put them into every message.
const PASSED_OVER: [&str; 4] = ["id", "ts", "room", "device"];
const LONGEST_REASON: usize = 500;

/// A well-formed command.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    /// To a number, a text or a boolean; for how long, and why.
    Set { value: Value, lease: Option<Duration>, reason: Option<Name> },
    /// The client's request ends.
    Release,
}

/// The device that a command channel names; `None` for any other channel.
pub(super) fn device_of(channel: &str) -> Option<DeviceKey> {
    let (room, device) = channel.strip_prefix(PREFIX)?.split_once(':')?;
    Some(DeviceKey { room: room.into(), device: device.into() })
}

/// Reads a command's fields.
pub(super) fn read(fields: &Fields) -> Result<Command, String> {
    let known = |name: &str| FIELDS.contains(&name) || PASSED_OVER.contains(&name);
    if let Some((name, _)) = fields.iter().find(|(name, _)| !known(name)) {
        let meant = closest(name, FIELDS).map(|near| format!(", did you mean '{near}'?")).unwrap_or_default();
        return Err(format!("a command has no field '{name}'{meant} It has set, for and reason, or release"));
    }
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    match (given("release"), fields.get("set")) {
        (Some(_), Some(_)) => Err("a command is either set or release".to_owned()),
        (Some(Value::Bool(true)), None) => Ok(Command::Release),
        (Some(other), None) => Err(format!("release is true or left out, not '{other}'")),
        (None, None) => Err("a command needs set or release, as {\"set\": 60, \"for\": \"10m\"}".to_owned()),
        (None, Some(value)) => {
            let value = read_set(value)?;
            Ok(Command::Set {
                value,
                lease: given("for").map(read_for).transpose()?,
                reason: read_reason(given("reason"))?,
            })
        }
    }
}

fn read_set(value: &Value) -> Result<Value, String> {
    match value {
        Value::Bool(_) | Value::Number(_) | Value::Text(_) => Ok(value.clone()),
        other => Err(format!("set is a number, on or off, not '{other}'")),
    }
}

fn read_for(value: &Value) -> Result<Duration, String> {
    let Value::Text(text) = value else {
        return Err(format!("for needs a unit: write \"{value}s\" or \"{value}m\""));
    };
    match parse_duration(text).map_err(|why| format!("for: {why}"))? {
        Duration::ZERO => Err("for is 0s: to end a request publish {\"release\": true}".to_owned()),
        span => Ok(span),
    }
}

fn read_reason(value: Option<&Value>) -> Result<Option<Name>, String> {
    match value {
        None => Ok(None),
        Some(Value::Text(text)) if text.len() > LONGEST_REASON => {
            Err(format!("reason has {} bytes, at most {LONGEST_REASON}", text.len()))
        }
        Some(Value::Text(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("reason is a text, not '{other}'")),
    }
}
