//! `rule add` by questions: they offer what the channel map has, and say of each key in a phrase what it is for. What comes
//! out is the same as from flags.

use std::collections::BTreeSet;
use std::time::Duration;

use growctl_engine::channels::ChannelMap;
use growctl_engine::model::parse_duration;

use super::super::ask::{Prompter, Stop, until_right};
use super::key_questions::key_by_key;
use super::keys::{KeyFlags, Mode};
use super::plant::{self, Refusal};
use super::templates::{TEMPLATES, Template};
use super::wishes::{self, Wishes};
use super::{Add, Made};

/// Why there is no rule; `None`: it has been said.
pub(super) type Ended = Option<Stop>;

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
    limits(person, template, &mut wishes, map)?;
    spans(person, template, &mut wishes, map)?;
    if takes("on-at") && wishes.on_at.is_none() {
        let help = "time of day, in the site's time zone";
        for (question, key) in [("When do they go on?", "on_time"), ("When do they go off?", "off_time")] {
            let proposed = proposed(template, &wishes, map, key);
            let at = Some(until_right(person, (question, help, &proposed), wishes::time_of_day)?);
            *(if key == "on_time" { &mut wishes.on_at } else { &mut wishes.off_at }) = at;
        }
    }
    Ok(wishes)
}

/// What the template would take of itself is what the questions propose.
fn proposed(template: &Template, wishes: &Wishes, map: &ChannelMap, key: &str) -> String {
    let prepared = (template.prepare)(wishes, map).ok();
    prepared.and_then(|prepared| prepared.values.get(key)).unwrap_or_default()
}

/// Where it begins and lets go.
fn limits(person: &mut dyn Prompter, template: &Template, wishes: &mut Wishes, map: &ChannelMap) -> Result<(), Stop> {
    let takes = |flag: &str| template.takes.contains(&flag);
    if !takes("below") || wishes.above.is_some() || wishes.below.is_some() {
        return Ok(());
    }
    let begins_below = proposed(template, wishes, map, "on_word") == "below" || !takes("above");
    let (first, second) = if begins_below { ("below", "above") } else { ("above", "below") };
    let help = "when: the condition that begins an episode";
    let usual = proposed(template, wishes, map, "on_limit");
    let limit = until_right(person, (&format!("It begins {first}"), help, &usual), wishes::number)?;
    *(if begins_below { &mut wishes.below } else { &mut wishes.above }) = Some(limit);
    if takes("above") {
        let help = "until: what ends the episode; far enough from the other that nothing flutters";
        let usual = proposed(template, wishes, map, "off_limit");
        let limit = until_right(person, (&format!("It lets go {second}"), help, &usual), wishes::number)?;
        *(if begins_below { &mut wishes.above } else { &mut wishes.below }) = Some(limit);
    }
    Ok(())
}

/// How long it holds, lasts and rests.
fn spans(person: &mut dyn Prompter, template: &Template, wishes: &mut Wishes, map: &ChannelMap) -> Result<(), Stop> {
    type Slot = fn(&mut Wishes) -> &mut Option<Duration>;
    let questions: [(&str, &str, Slot, &str, &str); 3] = [
        (
            "for",
            "hold",
            |all| &mut all.hold,
            "For how long without a break?",
            "for: how long it must hold, as 30s or 5m",
        ),
        ("until", "shot", |all| &mut all.until, "How long is one?", "until: a duration ends the episode to the moment"),
        (
            "cooldown",
            "rest",
            |all| &mut all.cooldown,
            "How long does it rest afterwards?",
            "cooldown: the next one begins no sooner, as 20m",
        ),
    ];
    for (flag, key, slot, question, help) in questions {
        if template.takes.contains(&flag) && slot(wishes).is_none() {
            let usual = proposed(template, wishes, map, key);
            *slot(wishes) = Some(until_right(person, (question, help, &usual), parse_duration)?);
        }
    }
    Ok(())
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
