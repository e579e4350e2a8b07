//! `growctl device why`: the chain behind a device's state, the reason first.

use std::path::Path;

use clap::Args;
use growctl_engine::app::Settings;
use serde_json::Value;

use super::{Key, Shown, fitted, settings, state, width};
use crate::commands::words::{Clock, list, span, text as word};
use crate::socket;

/// Arguments of `device why`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl device why 'Flower Room' exhaust\n  \
    growctl device why 'Veg Room' heater --format json | jq '.limits[] | select(.in_force)'\n\n\
    Exit codes: 0 told, 1 no engine runs on this site, 2 there is no such device.")]
pub(super) struct Why {
    #[command(flatten)]
    key: Key,
}

impl Why {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let why = socket::ask(folder, &format!("{}/why", self.key.path()), None).await?;
        Ok(if json { why.to_string() } else { text(&why, &settings(folder), width()) })
    }
}

/// All of it for people.
pub(super) fn text(why: &Value, settings: &Settings, width: usize) -> String {
    let clock = Clock { settings, now: why["now"].as_f64().unwrap_or_default() };
    let mut out: String = reason(why, &clock).lines().map(|line| fitted(line, 2, width)).collect();
    let parts = [
        ("requests, the one in force first", requests(why, &clock)),
        ("limits", limits(why, &clock)),
        ("readings that it needs", needs(why, &clock)),
        ("timers", timers(why, &clock)),
        ("command", command(why, &clock)),
        ("feedback", feedback(why, &clock)),
    ];
    for (head, lines) in parts.iter().filter(|(_, lines)| !lines.is_empty()) {
        out += &format!("\n{head}\n");
        // What a limit says stands in the last of its columns.
        let column = if *head == "limits" { 14 + longest_guard(why) } else { 4 };
        for line in lines {
            let hang = column.max(2 + line.len() - line.trim_start().len());
            out += &fitted(&format!("  {line}"), hang, width);
        }
    }
    out
}

/// The reason, in one sentence, and what is in the way below it.
fn reason(why: &Value, clock: &Clock<'_>) -> String {
    let name = format!("{}/{}", word(&why["room"]), word(&why["device"]));
    let is = match (&why["state"], why["quality"].as_str()) {
        (Value::Null, Some(quality)) => format!("says nothing (its feedback is {quality})"),
        (Value::Null, None) => "has not said how it is".to_owned(),
        (said, _) => format!("is {}", state(said)),
    };
    let wanted = match list(&why["requests"]).first() {
        Some(first) => {
            let place = first["place"].as_str().map(|place| format!(" ({place})")).unwrap_or_default();
            format!("{} is wanted by {}{place}", state(&first["level"]), word(&first["source"]))
        }
        None if why["keeps"] == true => "nobody asks for anything, and it keeps what it has".to_owned(),
        None => format!("nobody asks for anything, and safe is {}", state(&why["wanted"])),
    };
    let way = if let Some(fault) = why["fault"].as_str() {
        let until = clock.ends(&why["fault_until"]);
        format!("\nit is at fault: {fault}\nit is at safe until it is tried again at {until}")
    } else if let Some(held) = why["held_back"].as_str() {
        let until = &why["held_back_until"];
        let until = if until.is_null() { String::new() } else { format!(", until {}", clock.ends(until)) };
        format!("\nheld back by {held}{until}")
    } else if why["feedback"]["agrees"] == false {
        let told = state(&why["told"]);
        format!("\nit was told {told} and does not follow yet")
    } else {
        String::new()
    };
    format!("{name} {is}: {wanted}{way}")
}

fn requests(why: &Value, clock: &Clock<'_>) -> Vec<String> {
    let all = list(&why["requests"]);
    let width = all.iter().map(|one| state(&one["level"]).chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for one in all {
        let until = match one["until"].is_null() {
            true => "until its rule lets go".to_owned(),
            false => format!("until {}", clock.ends(&one["until"])),
        };
        let level = state(&one["level"]);
        lines.push(format!("{level:<width$}  {}, priority {}, {until}", word(&one["source"]), one["priority"]));
        let place = one["place"].as_str().map(str::to_owned);
        let reason = one["reason"].as_str().map(|reason| format!("\"{reason}\""));
        let more: Vec<String> = place.into_iter().chain(reason).collect();
        if !more.is_empty() {
            lines.push(format!("{:<width$}  {}", "", more.join("  ")));
        }
    }
    lines
}

fn longest_guard(why: &Value) -> usize {
    list(&why["limits"]).iter().map(|one| word(&one["guard"]).len()).max().unwrap_or(0)
}

fn limits(why: &Value, clock: &Clock<'_>) -> Vec<String> {
    let all = list(&why["limits"]);
    let width = longest_guard(why);
    let line = |one: &Value| {
        let stands = match one["in_force"].as_bool() {
            Some(true) => "in force",
            Some(false) => "-",
            None => "always",
        };
        let mut line = format!("{stands:<8}  {:<width$}  {}", word(&one["guard"]), word(&one["text"]));
        if let Some(found) = one["found"].as_str().filter(|found| *found != word(&one["text"])) {
            line += &format!(
                "; {}",
                found.strip_prefix(word(&one["text"])).map_or(found, |rest| rest.trim_start_matches(", "))
            );
        }
        if !one["until"].is_null() {
            line += &format!("; until {}", clock.ends(&one["until"]));
        } else if !one["begins"].is_null() {
            line += &format!("; at {}", clock.ends(&one["begins"]));
        }
        line
    };
    all.iter().map(line).collect()
}

fn needs(why: &Value, clock: &Clock<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for need in list(&why["needs"]) {
        lines.push(word(&need["text"]).to_owned());
        for one in list(&need["readings"]) {
            let name = format!("{} {}", word(&one["node"]), word(&one["field"]));
            lines.push(match (one["at"].is_null(), one["value"].is_null()) {
                (true, _) => format!("  {name}: nothing read yet"),
                (_, true) => format!("  {name}: no good value, since {}", clock.ago(&one["at"])),
                _ => format!("  {name}: {}, read {}", state(&one["value"]), clock.ago(&one["at"])),
            });
        }
    }
    lines
}

fn timers(why: &Value, clock: &Clock<'_>) -> Vec<String> {
    let timing = &why["timing"];
    let on = if timing["on"] == true { "on" } else { "off" };
    let since = &timing["since"];
    let mut lines = vec![match since.is_null() {
        true => format!("told to be {on}, nobody knows since when"),
        false => format!("told to be {on} since {}", clock.ago(since)),
    }];
    let starts = list(&timing["starts"]);
    if let Some(last) = starts.last() {
        lines.push(format!("switched on {} within the hour, last at {}", times(starts.len()), clock.ago(last)));
    }
    if !timing["locked_until"].is_null() {
        lines.push(format!("locked off until {}", clock.ends(&timing["locked_until"])));
    }
    lines
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn command(why: &Value, clock: &Clock<'_>) -> Vec<String> {
    let command = &why["command"];
    let mut lines = vec![match command["bytes"].as_str() {
        None => format!("{}: nothing sent yet", address(command)),
        Some(bytes) => format!("{}: {bytes}, last sent at {}", address(command), clock.ago(&command["sent"])),
    }];
    let mut more = vec![match command["next"].is_null() {
        true => "not repeated".to_owned(),
        false => format!("again at {}", clock.to_come(&command["next"])),
    }];
    more.push(format!("dropped if not on the wire within {}", span(command["ttl"].as_f64().unwrap_or_default())));
    if let Some(others) = command["shared_by"].as_u64().filter(|count| *count > 1) {
        more.push(format!("{others} devices share it"));
    }
    lines.push(more.join("; "));
    lines.push(match why["watchdog"].as_f64() {
        Some(watchdog) => format!("its node goes to safe by itself after {} of silence", span(watchdog)),
        None => "its node has no watchdog: outside of the promise, it stays as growctl leaves it".to_owned(),
    });
    lines
}

fn feedback(why: &Value, clock: &Clock<'_>) -> Vec<String> {
    let feedback = &why["feedback"];
    if feedback.is_null() {
        return vec!["none: whether it does what it is told, nobody knows".to_owned()];
    }
    let said = match (feedback["heard"].is_null(), why["quality"].as_str()) {
        (true, _) => "never heard".to_owned(),
        (_, Some(quality)) => format!("{quality}, last heard at {}", clock.ago(&feedback["heard"])),
        _ => format!("{}, heard at {}", state(&feedback["value"]), clock.ago(&feedback["heard"])),
    };
    let told = state(&why["told"]);
    let agrees = match feedback["agrees"].as_bool() {
        Some(true) => format!("agrees with what it was told, {told}"),
        Some(false) => format!("differs from what it was told, {told}"),
        None => format!("cannot be compared with what it was told, {told}"),
    };
    let within = span(feedback["within"].as_f64().unwrap_or_default());
    let tolerance = state(&feedback["tolerance"]);
    vec![format!("{}: {said}", address(feedback)), format!("{agrees} (tolerance {tolerance}, within {within})")]
}

/// `can0 0x301, fan_command.speed`
fn address(part: &Value) -> String {
    format!("{} {}, {}.{}", word(&part["bus"]), word(&part["id"]), word(&part["frame"]), word(&part["signal"]))
}
