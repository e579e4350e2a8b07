//! Patterns and channels of the site's own kind that none of its channels is like.

use std::collections::BTreeSet;

use crate::files::{Severity, closest};
use crate::model::{DeviceKey, Inventory};

use super::{Lint, Looking, Of, Says};

pub(super) static LINT: Lint = Lint {
    id: "no-such-channel",
    severity: Severity::Warning,
    finds: "a pattern or channel that no channel of the map matches",
    of: Of::Rule(check),
};

fn check(looking: &Looking<'_>, says: &mut Says<'_>) {
    let inventory = looking.inventory;
    for (pattern, place) in &looking.patterns {
        let spoken = inventory.sources.iter().any(|s| pattern.matches(&s.channel) || pattern.matches(&s.broad));
        let heard =
            spoken || devices(inventory).chain(broad_of_devices(inventory)).any(|channel| pattern.matches(&channel));
        if !heard && let Some(help) = help(&pattern.text, inventory) {
            says.say(*place, format!("no channel of the map matches `{}`", pattern.text)).help = Some(help);
        }
    }
    for (text, read) in looking.texts.iter().flat_map(|text| text.sight.reads.iter().map(move |read| (text, read))) {
        let Some(channel) = &read.from else { continue };
        let spoken = inventory.sources.iter().any(|source| channel.fits(&source.channel));
        if spoken || devices(inventory).any(|known| channel.fits(&known)) {
            continue;
        }
        let (shown, place) = (channel.to_string(), text.written.place(&read.parts[0]));
        if broad(inventory).contains(&shown) {
            let message = format!("nothing is kept by the name `{shown}`: values are kept by their specific channel");
            let known = channels(inventory);
            let one = known.iter().find(|known| known.starts_with(&shown)).map_or("", String::as_str);
            says.say(place, message).help(format!("name one, as `{one}`"));
        } else if let Some(help) = help(&shown, inventory) {
            says.say(place, format!("no channel of the map matches `{shown}`")).help = Some(help);
        }
    }
}

/// What to do about a pattern that matches nothing, if it is one of the map's kind or looks like a slip of one.
fn help(given: &str, inventory: &Inventory) -> Option<String> {
    let all: Vec<String> = channels(inventory).into_iter().chain(broad(inventory)).collect();
    let near: Vec<String> = all.iter().filter_map(|channel| alike(given, channel)).collect();
    if let Some(near) = closest(given, near.iter().map(String::as_str)).or(near.first().map(String::as_str)) {
        return Some(format!("did you mean `{near}`?"));
    }
    let ours = ["sensor:", "device:"].iter().any(|own| given.starts_with(own));
    ours.then(|| format!("there is: {}", beside(given, &all).join(", ")))
}

/// The channels that have most segments in common with what was given.
fn beside<'a>(given: &str, all: &'a [String]) -> Vec<&'a str> {
    let common = |channel: &str| given.split(':').zip(channel.split(':')).take_while(|(a, b)| a == b).count();
    let most = all.iter().map(|channel| common(channel)).max().unwrap_or_default();
    all.iter().filter(|channel| common(channel) == most).map(String::as_str).take(12).collect()
}

/// Every specific channel that this site speaks on.
fn channels(inventory: &Inventory) -> BTreeSet<String> {
    inventory.sources.iter().map(|source| source.channel.to_string()).chain(devices(inventory)).collect()
}

fn devices(inventory: &Inventory) -> impl Iterator<Item = String> {
    let of = |key: &DeviceKey| ["update", "command"].map(|kind| format!("device:{kind}:{}:{}", key.room, key.device));
    inventory.devices.iter().flat_map(of)
}

fn broad_of_devices(inventory: &Inventory) -> Option<String> {
    (!inventory.devices.is_empty()).then(|| "device:update".to_owned())
}

fn broad(inventory: &Inventory) -> BTreeSet<String> {
    inventory.sources.iter().map(|source| source.broad.to_string()).chain(broad_of_devices(inventory)).collect()
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
