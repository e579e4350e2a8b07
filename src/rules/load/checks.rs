//! A rule against the channel map: channels that nobody speaks on, fields that nobody sends, devices without an end.

use std::collections::BTreeSet;

use crate::bus::Pattern;
use crate::files::{Spanned, closest};
use crate::model::Source;

use super::super::rule::StaleLimit;
use super::super::sources::{always_there, brings};
use super::super::{RuleSpec, spec::OneOrMore};
use super::Loading;

impl Loading<'_> {
    pub(super) fn against_the_map(&mut self, spec: &RuleSpec, patterns: &[Pattern], stale: Option<StaleLimit>) {
        let texts: &[Spanned<String>] = spec.subscribe.as_ref().map_or(&[], |OneOrMore(texts)| texts);
        // A pattern that was refused has been reported; without all of them nothing else can be told.
        if !self.map || self.unknown_segments || patterns.is_empty() {
            return;
        }
        let sources = &self.site.inventory.sources;
        let hears =
            |pattern: &Pattern, source: &Source| pattern.matches(&source.channel) || pattern.matches(&source.broad);
        for (pattern, text) in patterns.iter().zip(texts) {
            self.known_channel(pattern, text);
        }
        let unmapped = patterns.iter().zip(texts).find(|(p, _)| !sources.iter().any(|source| hears(p, source)));
        let under: Vec<&Source> =
            sources.iter().map(|s| &**s).filter(|source| patterns.iter().any(|p| hears(p, source))).collect();
        let given = spec.stale.is_some() || self.gaps.key("stale");
        let stale = stale.or_else(|| given.then_some(StaleLimit::Never));
        if let (Some((pattern, text)), Some(_), None | Some(StaleLimit::After(std::time::Duration::ZERO))) =
            (unmapped, self.names.asks, stale)
        {
            let message = format!(
                "the map does not know `{}`: say with `stale:` how long a device may follow it without a message",
                pattern.text
            );
            self.report.error(self.file, text.place, message).help("add `stale: 5m`, or `stale: never`");
        }
        if let (true, Some(place)) = (under.is_empty(), self.names.stale) {
            self.report.warning(self.file, place, "`stale` is never true here: the map knows none of these channels");
        }
        if patterns.iter().all(only_mapped) && !under.is_empty() {
            self.fields(&under, &texts[0]);
        }
    }

    /// Warns of a pattern that no channel of the site matches, if it looks like one of the site's.
    fn known_channel(&mut self, pattern: &Pattern, text: &Spanned<String>) {
        let known = self.channels();
        if known.iter().any(|channel| pattern.matches(channel)) {
            return;
        }
        // What stands for anything is not what is wrong: it is taken over before names are compared.
        let alike: Vec<String> = known.iter().filter_map(|channel| with_globs_of(&pattern.text, channel)).collect();
        let near = closest(&pattern.text, alike.iter().map(String::as_str)).filter(|near| **near != *pattern.text);
        let ours = ["sensor:", "device:"].iter().any(|own| pattern.text.starts_with(own));
        if near.is_none() && !ours {
            return;
        }
        let message = format!("no channel of the map matches `{}`", pattern.text);
        let fault = self.report.warning(self.file, text.place, message);
        fault.help = near.map(|near| format!("did you mean `{near}`?")).or_else(|| Some(list(&known)));
    }

    /// Every channel that this site speaks on.
    fn channels(&self) -> BTreeSet<String> {
        let inventory = self.site.inventory;
        let sources =
            inventory.sources.iter().flat_map(|source| [source.channel.to_string(), source.broad.to_string()]);
        let devices = inventory.devices.iter().flat_map(|key| {
            let name = |kind: &str| format!("device:{kind}:{}:{}", key.room, key.device);
            [name("update"), name("command"), "device:update".to_owned()]
        });
        sources.chain(devices).collect()
    }

    /// Every field that a script names must come from a node under the patterns, all of them in one frame.
    fn fields(&mut self, under: &[&Source], subscribe: &Spanned<String>) {
        let sent: BTreeSet<&str> =
            under.iter().flat_map(|source| source.frames.iter().flatten()).map(|field| &**field).collect();
        let there = |field: &str| under.iter().any(|source| always_there(source.kind).contains(&field));
        let mut missing = false;
        for (field, place) in &self.names.fields {
            if !sent.contains(&**field) && !there(field) {
                missing = true;
                let message = format!("nobody under `{}` sends `{field}`", subscribe.value);
                self.report.error(self.file, *place, message).did_you_mean(field, sent.iter().copied());
            }
        }
        let fields: Vec<_> = self.names.fields.iter().map(|(field, _)| field.clone()).collect();
        if missing || under.iter().any(|source| brings(source, &fields)) {
            return;
        }
        let names: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        let place = self.names.fields.last().map_or(subscribe.place, |(_, place)| *place);
        let message = format!("no single frame has all of {}: no message would concern this rule", names.join(", "));
        self.report.error(self.file, place, message).help("take the others from last(channel, field)");
    }
}

/// Whether only channels in the map's own name space can match.
fn only_mapped(pattern: &Pattern) -> bool {
    ["sensor:update", "device:update"].iter().any(|own| pattern.redis.starts_with(own))
}

/// The channel with the globs of the pattern in their segments; `None` if they have not the same number of segments.
fn with_globs_of(pattern: &str, channel: &str) -> Option<String> {
    let (wanted, given): (Vec<&str>, Vec<&str>) = (pattern.split(':').collect(), channel.split(':').collect());
    let open = |part: &str| part.contains(['*', '?', '[', '{']);
    let parts = wanted.iter().zip(&given).map(|(wanted, given)| if open(wanted) { *wanted } else { *given });
    (wanted.len() == given.len()).then(|| parts.collect::<Vec<_>>().join(":"))
}

fn list(known: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = known.iter().map(String::as_str).take(12).collect();
    format!("there is: {}", shown.join(", "))
}
