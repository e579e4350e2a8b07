//! What can fall silent, and what is said of it then: a source, one of several frames of a source, one part of a
//! multiplexed frame. Pure; [`Silence`] keeps the deadlines.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::can::BusId;
use crate::model::{Mono, Name, Source};

use super::codec::When;
use super::j1939::Address;
use super::map::Field;
use super::pace::Sampled;
use super::silence::Silence;

/// Everything that is watched, by number.
#[derive(Debug, Default)]
pub(super) struct Watches {
    silence: Silence,
    watched: Vec<Watched>,
    /// The watches of whole sources, by channel and name.
    sources: HashMap<(Name, Name), u32>,
}

/// One thing that can fall silent.
#[derive(Debug)]
struct Watched {
    source: Arc<Source>,
    scope: Scope,
    /// What it is part of: whatever says that this is silent says it of all that it has.
    above: Option<u32>,
    /// Parts that it has.
    parts: Vec<u32>,
    /// What becomes `null`.
    fields: Vec<Name>,
    /// Those that hear it, and which of their signals belong to it; none: all.
    consumers: Vec<(u32, Box<[u16]>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Scope {
    Source,
    /// One of several.
    Frame(BusId, Address),
    /// The signals that are there under one condition.
    Part(BusId, Address),
}

/// How long nothing must come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spans {
    /// Of the source; `None`: it is never stale.
    pub(super) source: Option<Duration>,
    pub(super) frame: Duration,
    pub(super) part: Duration,
}

/// The watches of one consumer.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Its source, and its frame if that is one of several.
    whole: [Option<u32>; 2],
    /// The part of each signal; empty where no signal is of one.
    parts: Box<[Option<u32>]>,
}

/// What has fallen silent.
#[derive(Debug)]
pub(super) struct Silent {
    pub(super) source: Arc<Source>,
    /// The source itself.
    pub(super) whole: bool,
    pub(super) fields: Vec<Name>,
    /// Who hears no more, and of which signals; none: of all.
    pub(super) consumers: Vec<(u32, Box<[u16]>)>,
}

impl Watches {
    /// The watches of a consumer, which count as heard now. `several`: its source has other frames.
    pub(super) fn add(
        &mut self,
        number: u32,
        source: &Arc<Source>,
        at: (BusId, Address),
        fields: &[&Field],
        (spans, several): (Spans, bool),
        now: Mono,
    ) -> Own {
        let Some(span) = spans.source else { return Own::default() };
        let key = (source.channel.clone(), source.name.clone());
        let whole = match self.sources.get(&key) {
            Some(whole) => *whole,
            None => self.watch(source, (Scope::Source, None), source.frames.iter().flatten().cloned(), span, now),
        };
        self.sources.insert(key, whole);
        let names = fields.iter().map(|field| field.name.clone());
        let frame =
            several.then(|| self.watch(source, (Scope::Frame(at.0, at.1), Some(whole)), names, spans.frame, now));
        for watch in [Some(whole), frame].into_iter().flatten() {
            self.watched[watch as usize].consumers.push((number, Box::default()));
        }
        let mut parts: Box<[Option<u32>]> = Box::default();
        for positions in parts_of(fields) {
            let above = frame.unwrap_or(whole);
            let names = positions.iter().map(|at| fields[usize::from(*at)].name.clone());
            let part = self.watch(source, (Scope::Part(at.0, at.1), Some(above)), names, spans.part, now);
            self.watched[above as usize].parts.push(part);
            if parts.is_empty() {
                parts = vec![None; fields.len()].into();
            }
            positions.iter().for_each(|at| parts[usize::from(*at)] = Some(part));
            self.watched[part as usize].consumers.push((number, positions.into()));
        }
        Own { whole: [Some(whole), frame], parts }
    }

    fn watch(
        &mut self,
        source: &Arc<Source>,
        (scope, above): (Scope, Option<u32>),
        fields: impl Iterator<Item = Name>,
        span: Duration,
        now: Mono,
    ) -> u32 {
        let (source, fields) = (source.clone(), fields.collect());
        self.watched.push(Watched { source, scope, above, parts: Vec::new(), fields, consumers: Vec::new() });
        self.silence.add(span, now)
    }

    /// A frame of a consumer arrived.
    #[inline]
    pub(super) fn heard(&mut self, own: &Own, samples: &[Sampled], now: Mono) {
        for watch in own.whole.into_iter().flatten() {
            self.silence.heard(watch, now);
        }
        if own.parts.is_empty() {
            return;
        }
        let mut last = None;
        for (at, _) in samples {
            let part = own.parts[usize::from(*at)];
            if let Some(watch) = part.filter(|_| part != last) {
                self.silence.heard(watch, now);
                last = part;
            }
        }
    }

    /// Goes on where another one was: what is still there was heard when it was heard, or is as stale as it was.
    pub(super) fn inherit(&mut self, before: &Watches) {
        let known: HashMap<_, u32> = before.watched.iter().map(Watched::key).zip(0..).collect();
        for (number, watched) in (0..).zip(&self.watched) {
            if let Some(old) = known.get(&watched.key()) {
                self.silence.inherit(number, &before.silence, *old);
            }
        }
        self.silence.arm_all();
        for (number, watched) in (0..).zip(&self.watched) {
            if self.silence.is_stale(number) && !watched.parts.is_empty() {
                self.silence.end(&watched.parts);
            }
        }
    }

    /// When something falls silent, unless a frame comes before.
    pub(super) fn next(&self) -> Option<Mono> {
        self.silence.next().map(|(deadline, _)| deadline)
    }

    /// What has fallen silent by now; `None`: nothing, or what another word has said already.
    pub(super) fn due(&mut self, now: Mono) -> Option<Silent> {
        let number = self.silence.due(now)?;
        let Watched { source, scope, above, parts, fields, consumers } = &self.watched[number as usize];
        self.silence.end(parts);
        // The word about the source says it of all that it has; it is the first of those of one moment.
        let mut over = *above;
        while let Some(one) = over {
            if self.silence.is_stale(one) {
                return None;
            }
            over = self.watched[one as usize].above;
        }
        let (whole, above) = (*scope == Scope::Source, *above);
        let mut silent = Silent { source: source.clone(), whole, fields: fields.clone(), consumers: consumers.clone() };
        if matches!(scope, Scope::Part(..)) {
            self.join(&mut silent, above, now);
        }
        Some(silent)
    }

    /// Parts of one frame that fall silent together make one word.
    fn join(&mut self, silent: &mut Silent, above: Option<u32>, now: Mono) {
        while let Some((deadline, number)) = self.silence.next() {
            let other = &self.watched[number as usize];
            if deadline > now || other.above != above || !matches!(other.scope, Scope::Part(..)) {
                return;
            }
            silent.fields.extend_from_slice(&other.fields);
            silent.consumers.extend_from_slice(&other.consumers);
            self.silence.due(now);
        }
    }
}

impl Watched {
    /// What makes it the same after a reload.
    fn key(&self) -> (&Name, &Name, &Scope, &[Name]) {
        let part = matches!(self.scope, Scope::Part(..));
        (&self.source.channel, &self.source.name, &self.scope, if part { &self.fields } else { &[] })
    }
}

/// The positions of the signals that are there under one condition, for each of these conditions.
fn parts_of(fields: &[&Field]) -> Vec<Vec<u16>> {
    let mut parts: Vec<(&[When], Vec<u16>)> = Vec::new();
    for (at, field) in (0..).zip(fields).filter(|(_, field)| !field.when.is_empty()) {
        match parts.iter_mut().find(|(when, _)| *when == &*field.when) {
            Some((_, positions)) => positions.push(at),
            None => parts.push((&field.when, vec![at])),
        }
    }
    parts.into_iter().map(|(_, positions)| positions).collect()
}
