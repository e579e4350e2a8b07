//! What a rule decided lately, and what it holds on devices.

use serde_json::Value;

use crate::commands::words::{Clock, list, text as word, value, values};

/// So many decisions are shown unless all of a time are asked for.
const MOST: usize = 12;

/// What it asks of devices, and who wins there.
pub(super) fn devices(why: &Value, clock: &Clock<'_>) -> String {
    let mut out = String::new();
    for hold in list(&why["devices"]) {
        let (room, device) = (word(&hold["room"]), word(&hold["device"]));
        out += &format!("  {room}/{device}: asks for {}", request(&hold["request"], clock));
        if !word(&hold["instance"]).is_empty() {
            out += &format!(", by {}", word(&hold["instance"]));
        }
        let winner = &hold["loses_to"];
        if winner.is_null() {
            out += "; it is in force";
        } else {
            let (own, other) = (&hold["request"]["priority"], &winner["priority"]);
            let why = if own == other { "the larger demand, or the earlier" } else { "the higher priority" };
            out += &format!("; {} has {why}: {}", word(&winner["source"]), request(winner, clock));
        }
        if let Some(why) = hold["held_back"].as_str() {
            out += &format!("; nothing is sent: {why}");
        }
        out += "\n";
    }
    if out.is_empty() { out } else { format!("\ndevices\n{out}") }
}

fn request(request: &Value, clock: &Clock<'_>) -> String {
    let reason = request["reason"].as_str().map(|reason| format!(" \"{reason}\"")).unwrap_or_default();
    let until =
        if request["until"].is_null() { String::new() } else { format!(", until {}", clock.at(&request["until"])) };
    format!("{} (priority {}{until}){reason}", value(&request["level"]), request["priority"])
}

/// The journal, the newest last.
pub(super) fn text(why: &Value, clock: &Clock<'_>, all: bool) -> String {
    let decisions = list(&why["decisions"]);
    if decisions.is_empty() {
        return match all {
            true => "\nit decided nothing in that time\n".to_owned(),
            false => "\nit decided nothing yet\n".to_owned(),
        };
    }
    let earlier = if all { 0 } else { decisions.len().saturating_sub(MOST) };
    let mut out = "\ndecisions\n".to_owned();
    if earlier > 0 {
        let first = clock.at(&decisions[0]["at"]);
        out += &format!("  {earlier} earlier ones, from {first} on: --since 1d shows them\n");
    }
    for decision in &decisions[earlier..] {
        out += &one(why, decision, clock);
    }
    out
}

fn one(why: &Value, decision: &Value, clock: &Clock<'_>) -> String {
    let times = match decision["times"].as_u64() {
        None | Some(0 | 1) => String::new(),
        Some(times) => format!(", {times} times since {}", clock.at(&decision["first"])),
    };
    let revision = match decision["revision"] == why["revision"] {
        true => String::new(),
        false => format!(" [revision {}]", word(&decision["revision"])),
    };
    let instance = match word(&decision["instance"]) {
        "" => String::new(),
        name => format!("{name} "),
    };
    let mut out = format!("  {}  {instance}{}{times}{revision}\n", clock.at(&decision["at"]), what(decision, clock));
    for check in list(&decision["checks"]) {
        let values = values(check);
        let values = if values.is_empty() { String::new() } else { format!(" ({values})") };
        out += &format!("      {} {}{values}\n", word(&check["text"]), word(&check["truth"]));
    }
    for asked in list(&decision["asked"]) {
        out += &format!("      asked: {}\n", wish(asked));
    }
    out
}

fn what(decision: &Value, clock: &Clock<'_>) -> String {
    let part = word(&decision["part"]);
    let held = || match decision["since"] == decision["at"] {
        true => String::new(),
        false => format!(", `when` had held since {}", clock.at(&decision["since"])),
    };
    match word(&decision["what"]) {
        "began" => format!("began{}", held()),
        "broke" => format!("did not begin: `when` had held since {} and broke off", clock.at(&decision["since"])),
        "resumed" => format!("went on after a restart; it began {}", clock.at(&decision["since"])),
        "ended" => ended(decision),
        "ran" => format!("`{part}` ran"),
        "stopped" => format!("`{part}` stopped at a value that is not good"),
        "failed" => format!("`{part}` failed: {}", word(&decision["error"])),
        "let_go" => "let go of what it held: it knew nothing for too long".to_owned(),
        _ => format!("took over 20 % of the time: left alone until {}", clock.at(&decision["until"])),
    }
}

fn ended(decision: &Value) -> String {
    match (word(&decision["ended"]), list(&decision["checks"])) {
        ("until", []) => "ended: the duration of `until` was over".to_owned(),
        ("until", _) => "ended".to_owned(),
        ("stale", _) => "ended as stale: it knew nothing for too long".to_owned(),
        ("changed", _) => "ended: the rule was edited".to_owned(),
        _ => "ended: the rule was deleted or switched off".to_owned(),
    }
}

fn wish(asked: &Value) -> String {
    if let Some(device) = asked["set"].as_str() {
        let reason = asked["reason"].as_str().map(|reason| format!(" \"{reason}\"")).unwrap_or_default();
        return format!("{device} at {}{reason}", value(&asked["to"]));
    }
    if asked["release"] == "all" {
        return "to let go of all that it held".to_owned();
    }
    let of = |key: &str| asked[key].as_str().map(|what| format!("{key} {what}"));
    if let Some(state) = asked["alert"].as_str() {
        let summary = asked["summary"].as_str().map(|summary| format!(": \"{summary}\"")).unwrap_or_default();
        return format!("the alert: {state}{summary}");
    }
    let called = || asked["call"].as_str().map(str::to_owned);
    of("release").or_else(|| of("publish")).or_else(called).unwrap_or_default()
}
