//! Key by key: what a rule listens to, when it begins and ends, what it does. Each question says which key it is.

use std::collections::BTreeSet;

use growctl_engine::actions::host_functions;
use growctl_engine::bus::Pattern;
use growctl_engine::channels::{ChannelMap, Device};
use growctl_engine::files::{Report, Severity, SourceFile};
use growctl_engine::model::parse_duration;
use growctl_engine::rules::{self, Host, Schedule};

use super::super::ask::{Prompter, Stop, until_right};
use super::fill::shown;
use super::keys::KeyFlags;
use super::plant::{self, Reading};
use super::wishes;

pub(super) fn key_by_key(person: &mut dyn Prompter, keys: &mut KeyFlags, map: &ChannelMap) -> Result<(), Stop> {
    let listens = listen(person, keys, map)?;
    let begins = if listens { begin(person, keys, map)? } else { false };
    act(person, keys, map, begins)?;
    let description = person.text("In one line, what is it for?", "description: shown in lists", "")?;
    keys.description = Some(description.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(())
}

/// `subscribe` or `schedule`; whether it listens.
fn listen(person: &mut dyn Prompter, keys: &mut KeyFlags, map: &ChannelMap) -> Result<bool, Stop> {
    let mut patterns = vec!["sensor:update:*".to_owned()];
    let mut options = vec!["every node of the site: sensor:update:*".to_owned()];
    let mut offer = |pattern: String, what: String| {
        if !patterns.contains(&pattern) {
            options.push(format!("{what}: {pattern}"));
            patterns.push(pattern);
        }
    };
    for node in &map.nodes {
        let source = &node.source;
        offer(format!("sensor:update:{}:*", source.room), format!("every node of {}", source.room));
        offer(source.channel.to_string(), fields_of(map, &source.channel));
    }
    for device in &map.devices {
        offer(device.channel.to_string(), format!("{} ({})", device.key, device.kind));
    }
    options.extend(["another pattern".to_owned(), "nothing: it runs by the clock".to_owned()]);
    let help = "subscribe: the channels whose messages run it; type to search";
    let at = person.choose("What does it listen to?", help, &options)?;
    if let Some(pattern) = patterns.get(at) {
        keys.subscribe = vec![pattern.clone()];
    } else if at == patterns.len() {
        let help = "a Redis glob; {room} stands for one part and becomes a variable";
        let read = |text: &str| Pattern::parse(text).map(|pattern| pattern.text.to_string());
        keys.subscribe = vec![until_right(person, ("Which pattern?", help, "sensor:update:{room}:{cluster}"), read)?];
    } else {
        let help = "schedule: as `every 30s`, `at 07:00`, `cron 0 6 * * 1`, `sunrise-30m`, `startup`";
        let read = |text: &str| Schedule::parse(text).map(|_| text.to_owned());
        keys.schedule = vec![until_right(person, ("When does it run?", help, "every 1m"), read)?];
        return Ok(false);
    }
    Ok(true)
}

fn fields_of(map: &ChannelMap, channel: &str) -> String {
    let fields = plant::readings(map).filter(|reading| *reading.node.source.channel == *channel);
    let fields: BTreeSet<&str> = fields.map(|reading| reading.field).collect();
    fields.into_iter().collect::<Vec<_>>().join(", ")
}

/// `when`, `for`, `until`; whether it has episodes.
fn begin(person: &mut dyn Prompter, keys: &mut KeyFlags, map: &ChannelMap) -> Result<bool, Stop> {
    let patterns: Vec<Pattern> = keys.subscribe.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
    let mut readings: Vec<Reading<'_>> = Vec::new();
    for reading in plant::readings(map) {
        let source = &reading.node.source;
        let heard = patterns.iter().any(|pattern| pattern.matches(&source.channel) || pattern.matches(&source.broad));
        if heard && !readings.iter().any(|known| known.field == reading.field) {
            readings.push(reading);
        }
    }
    let mut options: Vec<String> = readings.iter().map(offered).collect();
    options
        .extend(["a node has fallen silent", "a condition of my own", "always: at every message"].map(str::to_owned));
    let help = "when: the condition that begins an episode; without it the rule is always active";
    let at = person.choose("When does it act?", help, &options)?;
    let own = readings.len();
    if let Some(reading) = readings.get(at) {
        compare(person, keys, reading)?;
    } else if at == own {
        keys.when = Some("stale".to_owned());
    } else if at == own + 1 {
        let help = "when: as `msg.temperature > 28 && msg.humidity > 60`";
        let read = |text: &str| {
            let when = Some(text.to_owned()).filter(|text| !text.is_empty()).ok_or("a condition is needed")?;
            sound(&KeyFlags { when: Some(when.clone()), ..keys.clone() }, map).map(|()| when)
        };
        keys.when = Some(until_right(person, ("Which condition?", help, ""), read)?);
    } else {
        return Ok(false);
    }
    let help = "for: how long it must hold, as 30s or 5m; 0s acts at once";
    let read = |text: &str| parse_duration(text).map(shown);
    keys.hold = Some(until_right(person, ("For how long without a break?", help, "30s"), read)?);
    Ok(true)
}

fn offered(reading: &Reading<'_>) -> String {
    let range = reading.signal.range.map(|(low, high)| format!(", {low} to {high}{}", reading.unit()));
    format!("{} is above or below a limit{}", reading.field, range.unwrap_or_default())
}

fn how_much(direction: &str, reading: &Reading<'_>) -> String {
    let unit = reading.unit();
    if unit.is_empty() { format!("{direction} how much?") } else { format!("{direction} how much, in{unit}?") }
}

fn compare(person: &mut dyn Prompter, keys: &mut KeyFlags, reading: &Reading<'_>) -> Result<(), Stop> {
    let directions = ["above".to_owned(), "below".to_owned()];
    let up = person.choose(&format!("{} above or below?", reading.field), "", &directions)? == 0;
    let (sign, back, back_sign) = if up { (">", "below", "<") } else { ("<", "above", ">") };
    let inside = |text: &str| {
        let number = wishes::number(text)?;
        match reading.signal.range {
            Some((low, high)) if number < low || number > high => Err(format!("it goes from {low} to {high}")),
            _ => Ok(number),
        }
    };
    let question = how_much(&directions[usize::from(!up)], reading);
    let limit = until_right(person, (&question, "the limit at which it begins", ""), inside)?;
    keys.when = Some(format!("msg.{} {sign} {limit}", reading.field));
    let ends = [format!("it is {back} another limit"), "a time is over".to_owned(), "it no longer holds".to_owned()];
    let help = "until: what ends the episode; a second limit keeps it from fluttering";
    match person.choose("It lasts until", help, &ends)? {
        0 => {
            let other = |text: &str| match inside(text)? {
                number if up == (number > limit) && number != limit => Err(format!("{number} is not {back} {limit}")),
                number => Ok(number),
            };
            let end = until_right(person, (&how_much(back, reading), "", ""), other)?;
            keys.until = vec![format!("msg.{} {back_sign} {end}", reading.field)];
        }
        1 => {
            let read = |text: &str| parse_duration(text).map(shown);
            keys.until = vec![until_right(person, ("How long?", "as 90s or 10m", "90s"), read)?];
        }
        _ => {}
    }
    Ok(())
}

/// `then`, or `each` where nothing begins; asked again until the rule is right.
fn act(person: &mut dyn Prompter, keys: &mut KeyFlags, map: &ChannelMap, begins: bool) -> Result<(), Stop> {
    let mut options: Vec<String> =
        map.devices.iter().map(|device| format!("switch {} ({})", device.key, device.kind)).collect();
    options.extend(
        ["say it in the log", "publish a message", "write it to a file", "a script of my own"].map(str::to_owned),
    );
    let help = if begins { "then: a script, once, when an episode begins" } else { "each: a script, at every event" };
    loop {
        let at = person.choose("What does it do?", help, &options)?;
        let mut tried = keys.clone();
        let script = match map.devices.get(at) {
            Some(device) => switch(person, device)?,
            None => words(person, at - map.devices.len(), !keys.subscribe.is_empty())?,
        };
        if script.contains("device(") {
            blind(person, &mut tried, map)?;
        }
        *(if begins { &mut tried.then } else { &mut tried.each }) = Some(script);
        match sound(&tried, map) {
            Ok(()) => {
                *keys = tried;
                return Ok(());
            }
            Err(why) => person.say(&why),
        }
    }
}

fn switch(person: &mut dyn Prompter, device: &Device) -> Result<String, Stop> {
    let help = "the device goes back to its safe state when the episode ends";
    let proposed = plant::level(device, None, 1.0).map(|ask| ask.expected().replace('"', "")).unwrap_or_default();
    let read = |text: &str| plant::level(device, Some(text), 1.0).map_err(|refusal| refusal.message);
    let ask = until_right(person, (&format!("{} to what?", device.key), help, &proposed), read)?;
    let name = |name: &str| name.replace('"', "\\\"");
    let (room, device) = (name(&device.key.room), name(&device.key.device));
    Ok(format!("device(\"{room}\", \"{device}\").{});", ask.verb().trim_end_matches(", ")))
}

/// `stale`, where nobody tells that a channel has fallen silent.
fn blind(person: &mut dyn Prompter, keys: &mut KeyFlags, map: &ChannelMap) -> Result<(), Stop> {
    let patterns: Vec<Pattern> = keys.subscribe.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
    let heard = |pattern: &Pattern| {
        let sources = &map.inventory.sources;
        sources.iter().any(|source| pattern.matches(&source.channel) || pattern.matches(&source.broad))
    };
    if keys.stale.is_some() || patterns.iter().all(heard) {
        return Ok(());
    }
    let help = "stale: the map does not know this channel, so nobody else can tell that it has fallen silent";
    let read = |text: &str| parse_duration(text).map(shown);
    keys.stale = Some(until_right(person, ("How long may a device follow it without a message?", help, "5m"), read)?);
    Ok(())
}

/// Whether the rule could be loaded as far as it is; else what is wrong with it.
fn sound(keys: &KeyFlags, map: &ChannelMap) -> Result<(), String> {
    let mut report = Report::default();
    let host = Host::new(&host_functions());
    let file = SourceFile::new("rules/draft.yaml", keys.yaml());
    rules::load(&file, &rules::Site { host: &host, inventory: &map.inventory }, &mut report);
    let faults = report.diagnostics.into_iter().filter(|fault| fault.severity == Severity::Error);
    let told = faults.map(|fault| match fault.help {
        Some(help) => format!("{}: {help}", fault.message),
        None => fault.message,
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
}

/// The script of something that is said.
fn words(person: &mut dyn Prompter, at: usize, hears: bool) -> Result<String, Stop> {
    let needed = |text: &str| if text.is_empty() { Err("something is needed".to_owned()) } else { Ok(text.to_owned()) };
    let value = if hears { "msg" } else { "#{ now: now() }" };
    Ok(match at {
        0 => {
            let text = until_right(person, ("Which words?", "${msg.temperature} puts a value in", ""), needed)?;
            format!("warn(`{}`);", text.replace('`', "'"))
        }
        1 => {
            let ours = ["sensor:", "device:", "alert:", "system:"];
            let read = |text: &str| match ours.iter().find(|own| text.starts_with(**own)) {
                Some(own) => Err(format!("only growctl itself speaks on {own}…")),
                None => needed(text),
            };
            let channel = until_right(person, ("On which channel?", "a name of your own, as analytics:me", ""), read)?;
            format!("publish(\"{}\", {value});", channel.replace('"', "\\\""))
        }
        2 => {
            let file = until_right(
                person,
                ("Which file?", "in logs/; %Y-%m-%d is the date", "readings-%Y-%m-%d.jsonl"),
                needed,
            )?;
            format!("log_file(\"{}\", {value});", file.replace('"', "\\\""))
        }
        _ => until_right(person, ("Which script?", "docs/reference.md has all functions", ""), needed)?,
    })
}
