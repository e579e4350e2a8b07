//! Patterns and channels of the site's own kind that none of its channels is like.

use std::collections::BTreeSet;

use crate::files::{Severity, closest};
use crate::model::Inventory;

use super::glob::Glob;
use super::{Lint, Looking, Of, Says};

pub(super) static LINT: Lint = Lint {
    id: "no-such-channel",
    severity: Severity::Warning,
    finds: "a pattern or channel that no channel of the map matches",
    of: Of::Rule(check),
};

fn check(looking: &Looking<'_>, says: &mut Says<'_>) {
    let known = channels(looking.inventory);
    for (pattern, place) in &looking.patterns {
        let hears = known.iter().chain(&broad(looking.inventory)).any(|channel| pattern.matches(channel));
        if !hears && let Some(help) = help(&pattern.text, &known, looking.inventory) {
            says.say(*place, format!("no channel of the map matches `{}`", pattern.text)).help = Some(help);
        }
    }
    for (text, read) in looking.texts.iter().flat_map(|text| text.sight.reads.iter().map(move |read| (text, read))) {
        let Some(channel) = &read.from else { continue };
        if known.iter().any(|known| channel.meets(&Glob::channel(known))) {
            continue;
        }
        let (shown, place) = (channel.to_string(), text.written.place(&read.parts[0]));
        if broad(looking.inventory).contains(&shown) {
            let message = format!("nothing is kept by the name `{shown}`: values are kept by their specific channel");
            says.say(place, message).help(format!("name one, as `{}`", known.first().map_or("", String::as_str)));
        } else if let Some(help) = help(&shown, &known, looking.inventory) {
            says.say(place, format!("no channel of the map matches `{shown}`")).help = Some(help);
        }
    }
}

/// What to do about a pattern that matches nothing, if it is one of the map's kind or looks like a slip of one.
fn help(given: &str, known: &BTreeSet<String>, inventory: &Inventory) -> Option<String> {
    let all: Vec<String> = known.iter().cloned().chain(broad(inventory)).collect();
    let near: Vec<String> = all.iter().filter_map(|channel| alike(given, channel)).collect();
    if let Some(near) = closest(given, near.iter().map(String::as_str)).or(near.first().map(String::as_str)) {
        return Some(format!("did you mean `{near}`?"));
    }
    let ours = ["sensor:", "device:"].iter().any(|own| given.starts_with(own));
    let shown: Vec<&str> = all.iter().map(String::as_str).take(12).collect();
    ours.then(|| format!("there is: {}", shown.join(", ")))
}

/// Every specific channel that this site speaks on.
fn channels(inventory: &Inventory) -> BTreeSet<String> {
    let sources = inventory.sources.iter().map(|source| source.channel.to_string());
    let devices = inventory.devices.iter().flat_map(|key| {
        ["update", "command"].map(|kind| format!("device:{kind}:{}:{}", key.room, key.device))
    });
    sources.chain(devices).collect()
}

fn broad(inventory: &Inventory) -> BTreeSet<String> {
    let devices = (!inventory.devices.is_empty()).then(|| "device:update".to_owned());
    inventory.sources.iter().map(|source| source.broad.to_string()).chain(devices).collect()
}

/// The channel with the globs of the pattern in their segments, if each other segment is at most a slip away: what
/// stands for anything is not what is wrong, and another service's channel is none of ours.
fn alike(pattern: &str, channel: &str) -> Option<String> {
    let (wanted, given): (Vec<&str>, Vec<&str>) = (pattern.split(':').collect(), channel.split(':').collect());
    let part = |(wanted, given): (&&str, &&str)| match wanted.contains(['*', '?', '[', '{']) {
        true => Some((*wanted).to_owned()),
        false => closest(wanted, [*given]).map(str::to_owned),
    };
    let parts: Option<Vec<String>> = wanted.iter().zip(&given).map(part).collect();
    parts.filter(|_| wanted.len() == given.len()).map(|parts| parts.join(":"))
}
