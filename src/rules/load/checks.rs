//! A rule against the channel map: fields that nobody sends, devices without an end. What would run all the same is for
//! `lint`.

use std::collections::BTreeSet;

use crate::bus::Pattern;
use crate::files::Spanned;
use crate::model::Source;

use super::super::lint::{NO_SUCH_FIELD, only_mapped};
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
        if patterns.iter().all(|pattern| only_mapped(&pattern.redis)) && !under.is_empty() {
            self.fields(&under, &texts[0]);
        }
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
                self.report
                    .error(self.file, *place, NO_SUCH_FIELD.tag(message))
                    .did_you_mean(field, sent.iter().copied());
            }
        }
        let fields: Vec<_> = self.names.fields.iter().map(|(field, _)| field.clone()).collect();
        if missing || under.iter().any(|source| brings(source, &fields)) {
            return;
        }
        let names: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        let place = self.names.fields.last().map_or(subscribe.place, |(_, place)| *place);
        let message = format!("no single frame has all of {}: no message would concern this rule", names.join(", "));
        self.report
            .error(self.file, place, NO_SUCH_FIELD.tag(message))
            .help("take the others from last(channel, field)");
    }
}
