//! `rule add` by questions: they offer what the channel map has, and say of each key in a phrase what it is for. What comes
//! out is the same as from flags.

use std::collections::BTreeSet;

use growctl_engine::bus::Pattern;
use growctl_engine::channels::ChannelMap;
use growctl_engine::model::parse_duration;
use growctl_engine::rules::Schedule;

use super::super::ask::{Prompter, Stop, until_right};
use super::fill::shown;
use super::keys::{KeyFlags, Mode};
use super::plant::{self, Reading, Refusal};
use super::templates::{TEMPLATES, Template};
use super::wishes::{self, Wishes};
use super::{Add, Made};

/// Why there is no rule; `None`: it has been said.
type Ended = Option<Stop>;

/// Asks for all of a rule, shows it, and has it confirmed.
///
/// # Errors
/// The person wants none, or the site does not have what it needs.
pub(super) fn ask(
    person: &mut dyn Prompter,
    add: &Add,
    name: &str,
    map: &ChannelMap,
) -> Result<(Made, Option<KeyFlags>), Ended> {
    let mut options: Vec<String> =
        TEMPLATES.iter().map(|template| format!("{}: {}", template.name, template.summary)).collect();
    options.push("something else, key by key".to_owned());
    let help = "a template is a ready rule that is fitted to this site; type to search";
    let at = person.choose("What is the rule to do?", help, &options)?;
    let mut keys = add.keys.clone();
    let (made, keys) = match TEMPLATES.get(at) {
        Some(template) => {
            let wishes = of_template(person, template, Wishes::new(name, &add.flags), map)?;
            if template.takes.contains(&"set") && keys.mode.is_none() {
                keys.mode = mode(person)?;
            }
            let made = template.make(&wishes, map).map_err(|refusal| said(person, &refusal))?;
            (Made { rule: keys.added_to(&made.rule), ..made }, None)
        }
        None => {
            key_by_key(person, &mut keys, map)?;
            (Made { rule: keys.yaml(), test: None, took: Vec::new() }, Some(keys))
        }
    };
    person.say(&format!("\n{}", made.rule));
    match person.confirm(&format!("Write it to rules/{name}.yaml?"), true)? {
        true => Ok((made, keys)),
        false => Err(Some(Stop::Person)),
    }
}

fn said(person: &mut dyn Prompter, refusal: &Refusal) -> Ended {
    person.say(&format!("growctl: {}; nothing is written", refusal.text()));
    None
}

fn mode(person: &mut dyn Prompter) -> Result<Option<Mode>, Stop> {
    let options = ["at once".to_owned(), "first only say what it would do (mode: shadow)".to_owned()];
    let at =
        person.choose("Is it to act?", "mode: a rule in shadow mode is tried out and touches nothing", &options)?;
    Ok((at == 1).then_some(Mode::Shadow))
}

/// What the template takes and the flags have not said.
fn of_template(
    person: &mut dyn Prompter,
    template: &Template,
    mut wishes: Wishes,
    map: &ChannelMap,
) -> Result<Wishes, Ended> {
    let takes = |flag: &str| template.takes.contains(&flag);
    room(person, template, &mut wishes, map)?;
    if takes("field") && !takes("device") && wishes.field.is_none() {
        let fields: BTreeSet<&str> = plant::readings(map)
            .filter(|reading| wishes.place.has(reading.node))
            .map(|reading| reading.field)
            .collect();
        let options: Vec<String> = fields.into_iter().map(str::to_owned).collect();
        let at = person.choose("Which field?", "what the nodes measure there", &options)?;
        wishes.field = options.get(at).cloned();
    }
    // What it would take of itself is what the questions propose.
    let proposed = |wishes: &Wishes, key: &str| {
        let prepared = (template.prepare)(wishes, map).ok();
        prepared.and_then(|prepared| prepared.values.get(key)).unwrap_or_default()
    };
    if takes("below") && wishes.above.is_none() && wishes.below.is_none() {
        let begins_below = proposed(&wishes, "on_word") == "below" || !takes("above");
        let first = if begins_below { "below" } else { "above" };
        let question = format!("It begins {first}");
        let limit = until_right(
            person,
            (&question, "when: the condition that begins an episode", &proposed(&wishes, "on_limit")),
            wishes::number,
        )?;
        *(if begins_below { &mut wishes.below } else { &mut wishes.above }) = Some(limit);
        if takes("above") {
            let question = format!("It lets go {}", if begins_below { "above" } else { "below" });
            let help = "until: what ends the episode; far enough from the other that nothing flutters";
            let limit = until_right(person, (&question, help, &proposed(&wishes, "off_limit")), wishes::number)?;
            *(if begins_below { &mut wishes.above } else { &mut wishes.below }) = Some(limit);
        }
    }
    for (flag, key, question, help) in [
        ("for", "hold", "For how long without a break?", "for: how long the condition must hold, as 30s or 5m"),
        ("until", "shot", "How long is one?", "until: a duration ends the episode to the moment"),
        ("cooldown", "rest", "How long does it rest afterwards?", "cooldown: the next one begins no sooner, as 20m"),
    ] {
        let slot = match flag {
            "for" => &wishes.hold,
            "until" => &wishes.until,
            _ => &wishes.cooldown,
        };
        if takes(flag) && slot.is_none() {
            let span = until_right(person, (question, help, &proposed(&wishes, key)), parse_duration)?;
            *(match flag {
                "for" => &mut wishes.hold,
                "until" => &mut wishes.until,
                _ => &mut wishes.cooldown,
            }) = Some(span);
        }
    }
    if takes("on-at") && wishes.on_at.is_none() {
        let read = |text: &str| wishes::time_of_day(text);
        let help = "time of day, in the site's time zone";
        wishes.on_at = Some(until_right(person, ("When do they go on?", help, &proposed(&wishes, "on_time")), read)?);
        wishes.off_at =
            Some(until_right(person, ("When do they go off?", help, &proposed(&wishes, "off_time")), read)?);
    }
    Ok(wishes)
}

/// The rooms in which the template finds what it needs.
fn room(person: &mut dyn Prompter, template: &Template, wishes: &mut Wishes, map: &ChannelMap) -> Result<(), Ended> {
    if wishes.place.room.is_some() || !template.takes.contains(&"room") {
        return Ok(());
    }
    let names = map.nodes.iter().map(|node| &*node.source.room);
    let rooms: BTreeSet<&str> = names.chain(map.devices.iter().map(|device| &*device.key.room)).collect();
    let with = |room: &str| {
        let mut wishes = wishes.clone();
        wishes.place.room = Some(room.to_owned());
        wishes
    };
    // A limit that is not known yet is no reason against a room.
    let fits = |room: &&&str| (template.prepare)(&with(room), map).is_ok();
    let mut options: Vec<String> = rooms.iter().filter(fits).map(|room| (*room).to_owned()).collect();
    if options.is_empty() {
        return match (template.prepare)(wishes, map) {
            Err(refusal) => Err(said(person, &refusal)),
            Ok(_) => Ok(()),
        };
    }
    let everywhere = !template.takes.contains(&"device");
    if everywhere {
        options.insert(0, "all of them".to_owned());
    }
    if options.len() > 1 {
        let at = person.choose("In which room?", "only those that have what it needs", &options)?;
        wishes.place.room = options.get(at).filter(|_| !everywhere || at > 0).cloned();
    } else {
        wishes.place.room = options.pop();
    }
    Ok(())
}

fn key_by_key(person: &mut dyn Prompter, keys: &mut KeyFlags, map: &ChannelMap) -> Result<(), Ended> {
    let listens = listen(person, keys, map)?;
    let begins = if listens { begin(person, keys, map)? } else { false };
    act(person, keys, map, begins)?;
    let description = person.text("In one line, what is it for?", "description: shown in lists", "")?;
    keys.description = Some(description.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(())
}

/// `subscribe` or `schedule`; whether it listens.
fn listen(person: &mut dyn Prompter, keys: &mut KeyFlags, map: &ChannelMap) -> Result<bool, Ended> {
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
fn begin(person: &mut dyn Prompter, keys: &mut KeyFlags, map: &ChannelMap) -> Result<bool, Ended> {
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
        let read =
            |text: &str| if text.is_empty() { Err("a condition is needed".to_owned()) } else { Ok(text.to_owned()) };
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

fn compare(person: &mut dyn Prompter, keys: &mut KeyFlags, reading: &Reading<'_>) -> Result<(), Ended> {
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
    let question = format!("{} what?{}", directions[usize::from(!up)], reading.unit());
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
            let end = until_right(person, (&format!("{back} what?{}", reading.unit()), "", ""), other)?;
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

/// `then`, or `each` where nothing begins.
fn act(person: &mut dyn Prompter, keys: &mut KeyFlags, map: &ChannelMap, begins: bool) -> Result<(), Ended> {
    let mut options: Vec<String> =
        map.devices.iter().map(|device| format!("switch {} ({})", device.key, device.kind)).collect();
    options.extend(
        ["say it in the log", "publish a message", "write it to a file", "a script of my own"].map(str::to_owned),
    );
    let help = if begins { "then: a script, once, when an episode begins" } else { "each: a script, at every event" };
    let at = person.choose("What does it do?", help, &options)?;
    let script = match map.devices.get(at) {
        Some(device) => {
            let help = "the device goes back to its safe state when the episode ends";
            let proposed =
                plant::level(device, None, 1.0).map(|ask| ask.expected().replace('"', "")).unwrap_or_default();
            let read = |text: &str| plant::level(device, Some(text), 1.0).map_err(|refusal| refusal.message);
            let question = format!("{} to what?", device.key);
            let ask = until_right(person, (&question, help, &proposed), read)?;
            let name = |name: &str| name.replace('"', "\\\"");
            let call = ask.verb().trim_end_matches(", ").to_owned();
            format!("device(\"{}\", \"{}\").{call});", name(&device.key.room), name(&device.key.device))
        }
        None => words(person, at - map.devices.len(), !keys.subscribe.is_empty())?,
    };
    *(if begins { &mut keys.then } else { &mut keys.each }) = Some(script);
    Ok(())
}

/// The script of something that is said.
fn words(person: &mut dyn Prompter, at: usize, hears: bool) -> Result<String, Ended> {
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
