//! From a channel to the rules that a message concerns. The first message of a channel looks at every pattern of every
//! rule, the first with new fields at every rule of the channel; after that it is a look-up, and a rule that a message
//! does not concern costs nothing.

mod edit;

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use hashbrown::hash_map::EntryRef;
use hashbrown::{DefaultHashBuilder, HashMap};

use crate::bus::Pattern;
use crate::model::{Inventory, Message, Mono, Name, Provenance};

use super::instance::Segments;
use super::rule::{Mode, Per, Rule};
use super::sources::brings;

/// Channels and fields are made by others: when the cache has grown to this many parts, it begins anew.
const MOST_PARTS: usize = 1_000_000;
/// So many different sets of fields are remembered of one channel.
const MOST_SHAPES: usize = 256;

/// What is known about channels.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// Channels whose messages come without and with a broad copy.
    channels: [HashMap<Name, Entry>; 2],
    hasher: DefaultHashBuilder,
    parts: usize,
    /// Messages that did not concern a rule, of entries that are gone, by rule.
    gone: Vec<u64>,
}

/// What is known about one channel.
#[derive(Debug, Default)]
struct Entry {
    broad: Option<Name>,
    subscribed: Vec<Subscribed>,
    windows: Vec<(u32, u32)>,
    sources: Vec<(Name, u32)>,
    shapes: HashMap<u64, Shape>,
}

/// One rule that is subscribed to a channel.
#[derive(Debug)]
pub(super) struct Subscribed {
    pub(super) rule: u32,
    pub(super) segments: Segments,
    pub(super) target: Target,
}

/// Which instance of the rule a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// This one.
    Instance(u32),
    /// The one of this key, which may not exist yet.
    Key(Name),
    /// The one of the message's source; without one, of its channel.
    Source,
}

/// Messages that look alike: they concern the same rules.
#[derive(Debug)]
struct Shape {
    names: Box<[Name]>,
    /// The source, if they say that it has fallen silent.
    silent: Option<u32>,
    rules: Box<[(u32, bool)]>,
    /// From this follows how many did not concern a rule.
    hits: u64,
    /// When the last one came.
    at: Mono,
}

/// What is known about one message.
pub(super) struct Found<'a> {
    /// Rules of its channel, in order of their names.
    pub(super) subscribed: &'a mut [Subscribed],
    /// Positions in `subscribed` that matter, and whether it concerns the rule or only feeds its windows.
    pub(super) rules: &'a [(u32, bool)],
    /// Windows whose pattern its channel matches: rule and window.
    pub(super) windows: &'a [(u32, u32)],
    /// The source of the map that it is from.
    pub(super) source: Option<u32>,
}

impl Cache {
    /// Messages of its channels that did not concern a rule, since the cache began anew: the channel, which of the rule's
    /// fields they lacked, when the last one came, and how many they were. The newest first.
    pub(super) fn lacking(&self, rule: u32, fields: &[Name]) -> Vec<(Name, Vec<Name>, Mono, u64)> {
        let mut found: Vec<(Name, Vec<Name>, Mono, u64)> = Vec::new();
        for (channel, entry) in self.channels.iter().flatten() {
            let Some(at) = entry.subscribed.iter().position(|subscribed| subscribed.rule == rule) else { continue };
            let concerned = |shape: &Shape| shape.rules.iter().any(|(position, yes)| *position as usize == at && *yes);
            for shape in entry.shapes.values().filter(|shape| shape.hits > 0 && !concerned(shape)) {
                let lacks: Vec<Name> = fields.iter().filter(|field| !shape.names.contains(field)).cloned().collect();
                match found.iter_mut().find(|known| (&known.0, &known.1) == (channel, &lacks)) {
                    Some(known) => (known.2, known.3) = (known.2.max(shape.at), known.3 + shape.hits),
                    None => found.push((channel.clone(), lacks, shape.at, shape.hits)),
                }
            }
        }
        found.sort_by(|a, b| (b.2, &a.0, &a.1).cmp(&(a.2, &b.0, &b.1)));
        found
    }

    /// Looks a message up.
    pub(super) fn find<'r>(
        &mut self,
        message: &Message,
        now: Mono,
        rules: impl Fn(usize) -> Option<&'r Rule>,
        inventory: &Inventory,
    ) -> Found<'_> {
        if self.parts > MOST_PARTS {
            self.clear();
        }
        let entry = match self.channels[usize::from(message.broad.is_some())].entry_ref(&message.channel) {
            EntryRef::Occupied(entry) => entry.into_mut(),
            EntryRef::Vacant(entry) => {
                let resolved = Entry::resolve(message, &rules, inventory);
                self.parts += resolved.parts();
                entry.insert(resolved)
            }
        };
        if entry.broad != message.broad {
            count_gone(&mut self.gone, entry);
            *entry = Entry::resolve(message, &rules, inventory);
        }
        let source = message.source.as_ref().filter(|_| speaks_for_source(message));
        let source = source.and_then(|name| entry.sources.iter().find(|(known, _)| known == name)).map(|(_, at)| *at);
        let silent = source.filter(|_| message.stale);
        if entry.subscribed.is_empty() {
            return Found { subscribed: &mut [], rules: &[], windows: &entry.windows, source };
        }
        let hash = hash_of(&self.hasher, message, silent);
        let known = entry.shapes.get(&hash).is_some_and(|shape| shape.fits(message, silent));
        if !known {
            let shape = Shape::of(message, silent, &entry.subscribed, &rules, inventory);
            self.parts += shape.names.len() + shape.rules.len();
            if entry.shapes.len() >= MOST_SHAPES {
                count_gone(&mut self.gone, entry);
            }
            if let Some(old) = entry.shapes.insert(hash, shape) {
                old.count(&entry.subscribed, &mut self.gone);
            }
        }
        let Entry { subscribed, windows, shapes, .. } = entry;
        let rules = shapes.get_mut(&hash).map_or(&[][..], |shape| {
            shape.hits += 1;
            shape.at = now;
            &shape.rules
        });
        Found { subscribed, rules, windows, source }
    }

    fn clear(&mut self) {
        for channels in &mut self.channels {
            for (_, mut entry) in channels.drain() {
                count_gone(&mut self.gone, &mut entry);
            }
        }
        self.parts = 0;
    }

    /// How many messages did not concern each rule, by its position.
    pub(super) fn not_concerned(&self, rules: usize) -> Vec<u64> {
        let mut counts = self.gone.clone();
        counts.resize(rules, 0);
        for entry in self.channels.iter().flat_map(HashMap::values) {
            for shape in entry.shapes.values() {
                shape.count(&entry.subscribed, &mut counts);
            }
        }
        counts
    }
}

fn count_gone(gone: &mut Vec<u64>, entry: &mut Entry) {
    for (_, shape) in entry.shapes.drain() {
        shape.count(&entry.subscribed, gone);
    }
}

/// Only the engine itself speaks for the sources of its map; whoever else uses their names does not.
fn speaks_for_source(message: &Message) -> bool {
    matches!(message.provenance, Provenance::Frames | Provenance::Guard)
}

fn hash_of(hasher: &DefaultHashBuilder, message: &Message, silent: Option<u32>) -> u64 {
    let mut hash = hasher.build_hasher();
    hash.write_u32(silent.map_or(u32::MAX, |source| source));
    for (name, _) in &message.fields {
        hash.write(name.as_bytes());
        hash.write_u8(0xff);
    }
    hash.finish()
}

impl Shape {
    fn of<'r>(
        message: &Message,
        silent: Option<u32>,
        subscribed: &[Subscribed],
        rules: &impl Fn(usize) -> Option<&'r Rule>,
        inventory: &Inventory,
    ) -> Shape {
        let names: Box<[Name]> = message.fields.iter().map(|(name, _)| name.clone()).collect();
        let mut shape = Shape { names, silent, rules: Box::default(), hits: 0, at: Mono(0) };
        let matters = |(position, subscribed): (u32, &Subscribed)| {
            let concerned = shape.concerns(rules(subscribed.rule as usize)?, inventory)?;
            Some((position, concerned))
        };
        let matter = (0..).zip(subscribed).filter_map(matters).collect();
        shape.rules = matter;
        shape
    }

    /// Whether such messages concern a rule, or (`false`) only feed its windows.
    fn concerns(&self, rule: &Rule, inventory: &Inventory) -> Option<bool> {
        let silenced = self.silent.and_then(|source| inventory.sources.get(source as usize));
        // The word of silence has the fields of all frames at once, and no message ever has.
        let concerned = match silenced {
            Some(source) => brings(source, &rule.fields),
            None => rule.fields.iter().all(|field| self.names.contains(field)),
        };
        let feeds = rule.windows.iter().any(|window| window.pattern.is_none() && self.names.contains(&window.field));
        (concerned || feeds).then_some(concerned)
    }

    fn fits(&self, message: &Message, silent: Option<u32>) -> bool {
        let same = |(known, (name, _)): (&Name, &(Name, _))| Arc::ptr_eq(known, name) || known == name;
        self.silent == silent
            && self.names.len() == message.fields.len()
            && self.names.iter().zip(&message.fields).all(same)
    }

    fn count(&self, subscribed: &[Subscribed], counts: &mut Vec<u64>) {
        let mut concerned = self.rules.iter().filter(|(_, concerned)| *concerned).map(|(at, _)| *at).peekable();
        for (position, subscribed) in (0_u32..).zip(subscribed) {
            if concerned.next_if_eq(&position).is_some() {
                continue;
            }
            let rule = subscribed.rule as usize;
            if counts.len() <= rule {
                counts.resize(rule + 1, 0);
            }
            counts[rule] += self.hits;
        }
    }
}

impl Entry {
    fn resolve<'r>(message: &Message, rules: &impl Fn(usize) -> Option<&'r Rule>, inventory: &Inventory) -> Entry {
        let (channel, broad) = (&message.channel, message.broad.as_deref());
        let mut entry = Entry { broad: message.broad.clone(), ..Entry::default() };
        for (position, source) in (0..).zip(&inventory.sources) {
            if source.channel == *channel {
                entry.sources.push((source.name.clone(), position));
            }
        }
        let mut at = 0_u32;
        while let Some(rule) = rules(at as usize) {
            if rule.mode != Mode::Off {
                entry.subscribed.extend(Subscribed::of(at, rule, channel, broad));
                entry.windows.extend(windows(at, rule, channel, broad));
            }
            at += 1;
        }
        entry
    }

    fn parts(&self) -> usize {
        16 + self.subscribed.len() + self.windows.len() + self.sources.len()
    }
}

impl Subscribed {
    /// The rule at that position, if it is subscribed to the channel.
    fn of(at: u32, rule: &Rule, channel: &Name, broad: Option<&str>) -> Option<Subscribed> {
        let segments = subscribes(rule, channel, broad)?;
        let target = target(rule, channel, &segments);
        Some(Subscribed { rule: at, segments, target })
    }
}

/// Its windows over a pattern that the channel matches.
fn windows(at: u32, rule: &Rule, channel: &str, broad: Option<&str>) -> impl Iterator<Item = (u32, u32)> {
    let heard = (0_u32..)
        .zip(&rule.windows)
        .filter(move |(_, window)| window.pattern.as_ref().is_some_and(|pattern| hears(pattern, channel, broad)));
    heard.map(move |(index, _)| (at, index))
}

/// Broad and specific copy are one message.
fn hears(pattern: &Pattern, channel: &str, broad: Option<&str>) -> bool {
    pattern.matches(channel) || broad.is_some_and(|broad| pattern.matches(broad))
}

/// What the named segments stand for, if the rule is subscribed to the channel.
pub(super) fn subscribes(rule: &Rule, channel: &str, broad: Option<&str>) -> Option<Segments> {
    let specific = rule.patterns.iter().find(|pattern| pattern.matches(channel));
    let pattern = specific.or_else(|| rule.patterns.iter().find(|pattern| hears(pattern, channel, broad)))?;
    let captured = pattern.capture(channel);
    let value = |name: &Name| {
        let at = pattern.names.iter().position(|known| known == name)?;
        Some((name.clone(), captured.get(at)?.clone()))
    };
    Some(rule.segments.iter().filter_map(value).collect())
}

/// The instance of a channel's messages, as far as the channel tells.
pub(super) fn target(rule: &Rule, channel: &Name, segments: &Segments) -> Target {
    match &rule.per {
        Per::Rule => Target::Key(Name::from("")),
        Per::Names(names) => {
            let value = |name: &Name| segments.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
            Target::Key(joined(names.iter().map(value)))
        }
        // Devices are called alike in several rooms.
        Per::Source => match channel.strip_prefix("device:update:") {
            Some(rest) => Target::Key(joined(rest.split(':'))),
            None => Target::Source,
        },
    }
}

/// The values with `/` between them; what would make two different lists alike is escaped.
fn joined<'a>(values: impl Iterator<Item = &'a str>) -> Name {
    let escaped = values.map(|value| value.replace('\\', "\\\\").replace('/', "\\/"));
    Name::from(escaped.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
