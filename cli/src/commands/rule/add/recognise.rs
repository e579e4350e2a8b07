//! The test of a rule that was written key by key, as far as it can be told from the text what the rule will do: where
//! it compares one field with one number. What cannot be told is not made up.

use std::time::Duration;

use growctl_engine::channels::ChannelMap;
use growctl_engine::model::{Inventory, parse_duration};
use growctl_engine::rules::{Rule, audience};

use super::fill::fill_tests;
use super::keys::KeyFlags;
use super::plant::{self, Ask};
use super::recipes::{self, Limits};

const SWITCH: &str = include_str!("../../../../templates/rules/switch_test.yaml");
const QUIET: &str = include_str!("../../../../templates/rules/quiet_test.yaml");

/// `msg.temperature > 28`
#[derive(Clone, Copy, Debug, PartialEq)]
struct Comparison<'t> {
    field: &'t str,
    above: bool,
    limit: f64,
}

/// The test file, or `None` where it cannot be told what the rule does.
pub(super) fn test_of(keys: &KeyFlags, rule: &Rule, map: &ChannelMap, inventory: &Inventory) -> Option<String> {
    let plain = keys.schedule.is_empty() && keys.each.is_none() && keys.finally.is_none() && keys.stale.is_none();
    let when = comparison(keys.when.as_deref()?).filter(|_| plain && keys.mode != Some(super::keys::Mode::Off))?;
    let off = match keys.until.as_slice() {
        [] => Some(when.limit),
        [only] => {
            comparison(only).filter(|end| end.field == when.field && end.above != when.above).map(|end| end.limit)
        }
        _ => None,
    };
    let listeners = audience(rule, inventory);
    let heard = |reading: &plant::Reading<'_>| {
        let source = &reading.node.source;
        listeners
            .iter()
            .find(|one| one.source == source.name && one.channel == source.channel && one.instance.is_some())
    };
    let (reading, listener) = plant::readings(map)
        .filter(|reading| reading.field == when.field)
        .find_map(|reading| Some((reading, heard(&reading)?)))?;
    let hold = keys.hold.as_deref().map_or(Some(Duration::ZERO), |text| parse_duration(text).ok())?;
    let limits = Limits { on: when.limit, off: off.unwrap_or(when.limit), up: when.above };
    let mut values = recipes::switching::trip(hold, &reading, limits).ok()?;
    values.plain("name", &rule.name);
    let alone = *listener.instance.as_deref().unwrap_or_default() == *reading.node.source.name;
    let asked = keys.then.as_deref().and_then(asked).filter(|_| off.is_some() && alone);
    let Some((room, device, ask)) = asked else { return fill_tests(QUIET, &values) };
    values.text("room", room);
    values.text("device", device);
    values.plain("to", ask.expected());
    fill_tests(SWITCH, &values)
}

fn comparison(text: &str) -> Option<Comparison<'_>> {
    let rest = text.trim().strip_prefix("msg.")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (field, rest) = rest.split_at(end);
    let rest = rest.trim_start();
    let above = match rest.as_bytes().first()? {
        b'>' => true,
        b'<' => false,
        _ => return None,
    };
    let number = rest[1..].strip_prefix('=').unwrap_or(&rest[1..]);
    Some(Comparison { field, above, limit: number.trim().parse().ok()? })
}

/// Room, device and state of a script that asks for exactly one thing: `device("Room", "fan").set(60, …);`
fn asked(script: &str) -> Option<(&str, &str, Ask)> {
    let script = script.trim().strip_suffix(';').unwrap_or(script.trim());
    if script.contains([';', '\n']) || script.contains("lease") {
        return None;
    }
    let names = script.strip_prefix("device(\"")?;
    let (room, rest) = names.split_once("\",")?;
    let (device, call) = rest.trim_start().strip_prefix('"')?.split_once("\").")?;
    let (method, arguments) = call.split_once('(')?;
    let ask = match method {
        "on" => Ask::On,
        "off" => Ask::Off,
        "set" => Ask::At(arguments[..arguments.find([',', ')'])?].trim().parse().ok()?),
        _ => return None,
    };
    Some((room, device, ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_plain_is_recognised() {
        assert_eq!(comparison("msg.co2 >= 1500"), Some(Comparison { field: "co2", above: true, limit: 1500.0 }));
        assert_eq!(comparison(" msg.t < -2.5 "), Some(Comparison { field: "t", above: false, limit: -2.5 }));
        for other in ["msg.t > 1 && stale", "msg.t == 3", "msg.t > x", "t > 3", "msg.t"] {
            assert_eq!(comparison(other), None, "{other}");
        }
        let script = "device(\"Veg Room\", \"heater\").set(60, #{ reason: `x` });\n";
        assert_eq!(asked(script), Some(("Veg Room", "heater", Ask::At(60.0))));
        assert_eq!(asked("device(\"a\", \"b\").on()"), Some(("a", "b", Ask::On)));
        for other in
            ["device(room, \"b\").on()", "device(\"a\", \"b\").on(); warn(1);", "device(\"a\", \"b\").release()"]
        {
            assert_eq!(asked(other), None, "{other}");
        }
        assert_eq!(asked("device(\"a\", \"b\").set(msg.t)"), None);
    }
}
