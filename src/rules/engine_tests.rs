//! The Engine against an obvious one: no cache, no timers, no positions. It looks at every rule for every event and at
//! every instance for every deadline, and shares the phase machine only, which has a reference of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::bus::Pattern;
use crate::files::{Report, SourceFile};
use crate::model::{Act, Ask, Fields, Name, Provenance, Source, SourceKind, Utc, Value};
use crate::rules::episode::{Judged, Settings};
use crate::rules::{Ended, Episode, HostFunction, Param, Phase, Site, StaleLimit, Truth, load};

pub(super) const S: u64 = 1_000_000_000;
pub(super) const INFO: HostFunction = HostFunction { name: "info", params: &[Param::Any], summary: "" };
const PATTERNS: [&str; 4] =
    ["sensor:update:{room}:{cluster}", "sensor:update:{room}:a", "sensor:update:one:{cluster}", "sensor:update"];
const PER: [&str; 4] = ["source", "room", "cluster", "rule"];

/// Name, room, cluster and frames of the sources of the map.
const SOURCES: [(&str, &str, &str, &[&[&str]]); 4] = [
    ("A", "one", "a", &[&["t"], &["h"]]),
    ("B", "one", "a", &[&["t", "h"]]),
    ("C", "one", "b", &[&["t"]]),
    ("D", "two", "a", &[&["h", "t"]]),
];

#[derive(Clone, Debug)]
pub(super) struct Shape {
    pattern: usize,
    per: usize,
    /// `t`, `h`, or both.
    fields: usize,
    hold: u64,
    until: Option<bool>,
    after: Option<u64>,
    cooldown: u64,
    stale: Option<u64>,
    pub(super) every: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// A source of the map, or a stranger, with what it says of `t` and `h`.
    Message(usize, Option<Option<i8>>, Option<Option<i8>>),
    Silent(usize),
    Reset(usize),
    /// The files are read again, the rules the same: with another rule before them or not, and with a map that is read
    /// again or not. Nobody may notice.
    Reload(bool, bool),
}

pub(super) fn shapes() -> impl Strategy<Value = Shape> {
    let spans = (0..4_u64, proptest::option::of(1..6_u64), 0..5_u64, proptest::option::of(1..8_u64));
    let every = proptest::option::weighted(0.3, 1..7_u64);
    (0..4_usize, 0..4_usize, 0..3_usize, proptest::option::of(any::<bool>()), spans, every).prop_map(
        |(pattern, per, fields, until, (hold, after, cooldown, stale), every)| {
            let named = PATTERNS[pattern].contains(PER[per]) || per == 0;
            let per = if named { per } else { 3 };
            Shape { pattern, per, fields, hold, until, after, cooldown, stale, every }
        },
    )
}

pub(super) fn happenings() -> impl Strategy<Value = Happening> {
    let said = || proptest::option::weighted(0.8, proptest::option::weighted(0.9, -3..4_i8));
    prop_oneof![
        8 => (0..6_usize, said(), said()).prop_map(|(source, t, h)| Happening::Message(source, t, h)),
        2 => (0..4_usize).prop_map(Happening::Silent),
        1 => (0..3_usize).prop_map(Happening::Reset),
        1 => Just(Happening::Reset(9)),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(shifts, map)| Happening::Reload(shifts, map)),
    ]
}

impl Shape {
    fn names(&self) -> &'static [&'static str] {
        [&["t"][..], &["h"], &["t", "h"]][self.fields]
    }

    fn yaml(&self) -> String {
        let all =
            |sign: &str| self.names().iter().map(|n| format!("msg.{n} {sign} 0.0")).collect::<Vec<_>>().join(" && ");
        let mut text =
            format!("subscribe: \"{}\"\nper: {}\nwhen: {}\n", PATTERNS[self.pattern], PER[self.per], all(">"));
        let first = self.names()[0];
        let until = self.until.map(|reset| if reset { "reset".to_owned() } else { format!("msg.{first} < -1.0") });
        let until: Vec<String> = until.into_iter().chain(self.after.map(|n| format!("{n}s"))).collect();
        if !until.is_empty() {
            text += &format!("until: [{}]\n", until.join(", "));
        }
        text += &format!("for: {}s\ncooldown: {}s\n", self.hold, self.cooldown);
        text += &self.stale.map_or(String::new(), |n| format!("stale: {n}s\n"));
        text += &self.every.map_or(String::new(), |n| format!("schedule: every {n}s\n"));
        text + "then: info(\"then\")\neach: info(\"each\")\nfinally: info(ended)\n"
    }
}

pub(super) fn inventory() -> Arc<Inventory> {
    let source = |(name, room, place, frames): &(&str, &str, &str, &[&[&str]])| Source {
        kind: SourceKind::Node,
        room: Name::from(*room),
        place: Name::from(*place),
        name: Name::from(*name),
        channel: Name::from(format!("sensor:update:{room}:{place}")),
        broad: Name::from("sensor:update"),
        stale_after: Some(Duration::from_secs(5)),
        frames: frames.iter().map(|frame| frame.iter().map(|field| Name::from(*field)).collect()).collect(),
        facts: Vec::new(),
    };
    Arc::new(Inventory { sources: SOURCES.iter().map(|s| Arc::new(source(s))).collect(), devices: Vec::new() })
}

pub(super) fn message(inventory: &Inventory, happening: &Happening) -> Option<Message> {
    let (source, said, stale) = match happening {
        Happening::Message(source, t, h) => (*source, [("t", *t), ("h", *h)], false),
        Happening::Silent(source) => (*source, [("t", Some(None)), ("h", Some(None))], true),
        Happening::Reset(_) | Happening::Reload(..) => return None,
    };
    let mapped = inventory.sources.get(source);
    let brought = |name: &str| mapped.is_none_or(|m| m.frames.iter().flatten().any(|field| **field == *name));
    let value = |said: Option<i8>| said.map_or(Value::Null, |n| Value::Number(f64::from(n)));
    let fields = said.iter().filter(|(name, _)| brought(name));
    Some(Message {
        channel: mapped.map_or("sensor:update:two:z".into(), |m| m.channel.clone()),
        broad: (source != 5).then(|| "sensor:update".into()),
        source: mapped.map(|m| m.name.clone()).or((source == 4).then(|| "X".into())),
        provenance: if mapped.is_some() { Provenance::Frames } else { Provenance::Outside },
        stale,
        hop: 0,
        fields: fields.filter_map(|(name, said)| Some((Name::from(*name), value((*said)?)))).collect(),
    })
}

pub(super) type Seen = Vec<(u64, String, String, String)>;

struct SlowInstance {
    episode: Episode,
    fields: Fields,
    sources: Vec<usize>,
}

struct SlowRule {
    name: String,
    shape: Shape,
    pattern: Pattern,
    instances: BTreeMap<String, SlowInstance>,
    tick: Option<u64>,
}

struct Slow {
    rules: Vec<SlowRule>,
    silent: [bool; 4],
    seen: Seen,
}

impl SlowRule {
    fn key(&self, channel: &str, broad: Option<&str>, source: Option<&str>) -> Option<String> {
        if !self.pattern.matches(channel) && !broad.is_some_and(|broad| self.pattern.matches(broad)) {
            return None;
        }
        let parts: Vec<&str> = channel.split(':').collect();
        Some(match PER[self.shape.per] {
            "source" => source.unwrap_or(channel).to_owned(),
            "room" => parts[2].to_owned(),
            "cluster" => parts[3].to_owned(),
            _ => String::new(),
        })
    }

    fn instance(&self, sources: Vec<usize>, now: u64) -> SlowInstance {
        let shape = &self.shape;
        let secs = Duration::from_secs;
        let mapped = !sources.is_empty();
        let settings = Settings {
            hold: secs(shape.hold),
            after: shape.after.map(secs),
            cooldown: secs(shape.cooldown),
            stale: match shape.stale {
                Some(n) => StaleLimit::After(secs(n)),
                None if mapped => StaleLimit::After(secs(0)),
                None => StaleLimit::Never,
            },
            stale_after: secs(if mapped { 5 } else { 0 }),
            mapped,
            names_stale: false,
        };
        SlowInstance { episode: Episode::new(settings, Mono(now * S)), fields: Fields::default(), sources }
    }

    /// What the event at an instance makes happen.
    fn judge(&mut self, key: &str, now: u64, silent: &[bool; 4], heard: bool, reset: bool, seen: &mut Seen) {
        let instance = self.instances.get_mut(key).expect("the caller made it");
        let value = |name: &str| instance.fields.get(name).and_then(Value::as_number);
        let truth = |name: &str, holds: fn(f64) -> bool| match value(name) {
            None => Truth::Unknown,
            Some(n) if holds(n) => Truth::True,
            Some(_) => Truth::False,
        };
        let each: Vec<Truth> = self.shape.names().iter().map(|name| truth(name, |n| n > 0.0)).collect();
        let when = [Truth::False, Truth::Unknown].into_iter().find(|t| each.contains(t)).unwrap_or(Truth::True);
        let until = self.shape.until.map(|by_reset| match by_reset {
            true if reset => Truth::True,
            true => Truth::False,
            false => truth(self.shape.names()[0], |n| n < -1.0),
        });
        let silent = !instance.sources.is_empty() && instance.sources.iter().all(|source| silent[*source]);
        let until: Vec<Truth> = until.into_iter().collect();
        let step = instance.episode.judge(Mono(now * S), &Judged { when, until: &until, silent, heard });
        self.note(key, now, step, seen);
    }

    fn note(&self, key: &str, now: u64, step: crate::rules::Step, seen: &mut Seen) {
        let begins = step.begin.then_some("then");
        let each = step.each.then_some("each");
        let ends = step.end.map(|why| if why == Ended::Until { "until" } else { "stale" });
        for mark in begins.into_iter().chain(each).chain(ends) {
            seen.push((now, self.name.clone(), key.to_owned(), mark.to_owned()));
        }
    }
}

impl Slow {
    fn new(shapes: &[Shape], inventory: &Inventory) -> Slow {
        let mut rules = Vec::new();
        for (at, shape) in shapes.iter().enumerate() {
            let pattern = Pattern::parse(PATTERNS[shape.pattern]).unwrap();
            let (name, tick) = (format!("r{at}"), shape.every);
            let mut rule = SlowRule { name, shape: shape.clone(), pattern, instances: BTreeMap::new(), tick };
            let mut sources: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            for (at, source) in inventory.sources.iter().enumerate() {
                let named = shape.names();
                let brings =
                    source.frames.iter().any(|f| named.iter().all(|name| f.iter().any(|field| **field == **name)));
                let key = rule.key(&source.channel, Some(&source.broad), Some(&source.name)).filter(|_| brings);
                key.into_iter().for_each(|key| sources.entry(key).or_default().push(at));
            }
            if PER[shape.per] == "rule" {
                sources.entry(String::new()).or_default();
            }
            for (key, sources) in sources {
                let instance = rule.instance(sources, 0);
                rule.instances.insert(key, instance);
            }
            rules.push(rule);
        }
        Slow { rules, silent: [false; 4], seen: Vec::new() }
    }

    /// Everything that is due at one whole second: the timers of all, then the ticks.
    fn second(&mut self, now: u64) {
        let Slow { rules, silent, seen } = self;
        loop {
            let mut fired = false;
            for rule in &mut *rules {
                for key in rule.instances.keys().cloned().collect::<Vec<_>>() {
                    let episode = &mut rule.instances.get_mut(&key).unwrap().episode;
                    if episode.next_deadline().is_some_and(|at| at <= Mono(now * S)) {
                        fired = true;
                        let step = episode.due(Mono(now * S));
                        rule.note(&key, now, step, seen);
                    }
                }
            }
            if !fired {
                break;
            }
        }
        for rule in rules.iter_mut().filter(|rule| rule.tick == Some(now)) {
            rule.tick = rule.shape.every.map(|period| now + period);
            for key in rule.instances.keys().cloned().collect::<Vec<_>>() {
                rule.judge(&key, now, silent, false, false, seen);
            }
        }
    }

    fn event(&mut self, now: u64, happening: &Happening, message: Option<&Message>) {
        let Slow { rules, silent, seen } = self;
        if let Happening::Message(source @ 0..4, ..) | Happening::Silent(source) = happening {
            silent[*source] = message.is_some_and(|message| message.stale);
        }
        for (at, rule) in rules.iter_mut().enumerate() {
            let Some(message) = message else {
                if matches!(happening, Happening::Reset(which) if *which == at) {
                    for key in rule.instances.keys().cloned().collect::<Vec<_>>() {
                        rule.judge(&key, now, silent, false, true, seen);
                    }
                }
                continue;
            };
            let key = rule.key(&message.channel, message.broad.as_deref(), message.source.as_deref());
            let Some(key) = key else { continue };
            let together = |source: usize| {
                let mut frames = SOURCES[source].3.iter();
                frames.any(|frame| rule.shape.names().iter().all(|name| frame.contains(name)))
            };
            let concerned = match happening {
                Happening::Silent(source) => together(*source),
                _ => rule.shape.names().iter().all(|name| message.fields.get(name).is_some()),
            };
            if concerned {
                let new = rule.instance(Vec::new(), now);
                rule.instances.entry(key.clone()).or_insert(new).fields = message.fields.clone();
                rule.judge(&key, now, silent, true, false, seen);
            }
        }
    }
}

pub(super) fn note(now: u64, out: &mut Vec<Intent>, seen: &mut Seen) {
    for intent in out.drain(..) {
        let Ask::Act(Act { args, .. }) = intent.ask else { continue };
        seen.push((now, intent.origin.rule.to_string(), intent.origin.instance.to_string(), args[0].to_string()));
    }
}

/// The rules of the shapes, and, if `shifts`, another one before them, which nothing concerns.
pub(super) fn book(shapes: &[Shape], shifts: bool, inventory: &Arc<Inventory>) -> Rulebook {
    try_book(shapes, shifts, inventory).expect("the map brings what they name")
}

/// `None` if no node of the map brings what a rule names: such a site is refused.
pub(super) fn try_book(shapes: &[Shape], shifts: bool, inventory: &Arc<Inventory>) -> Option<Rulebook> {
    let (host, mut report) = (Host::new(&[INFO]), Report::default());
    let site = Site { host: &host, inventory };
    let before =
        shifts.then(|| ("a.yaml".to_owned(), "subscribe: elsewhere\nschedule: every 1h\neach: info(1)\n".to_owned()));
    let files = shapes.iter().enumerate().map(|(at, shape)| (format!("r{at}.yaml"), shape.yaml()));
    let files: Vec<_> = before.into_iter().chain(files).collect();
    let load = |(name, text): &(String, String)| load(&SourceFile::new(name, text.as_str()), &site, &mut report);
    let rules: Vec<Arc<Rule>> = files.iter().filter_map(load).map(Arc::new).collect();
    let all = rules.len() == files.len();
    all.then(|| Rulebook::new(rules, inventory.clone(), Place::default(), "test".into()))
}

proptest! {
    #[test]
    fn the_engine_does_what_an_obvious_one_does(
        shapes in proptest::collection::vec(shapes(), 1..4),
        events in proptest::collection::vec((0..4_u64, happenings()), 1..40),
    ) {
        let inventory = inventory();
        let book = book(&shapes, false, &inventory);
        let at = |second: u64| Timestamp { mono: Mono(second * S), utc: Utc(0) + Duration::from_secs(second) };
        let mut fast = Engine::new(book, Host::new(&[INFO]), at(0));
        let mut slow = Slow::new(&shapes, &inventory);
        let (last, mut out, mut seen, mut now) = (Last::default(), Vec::new(), Seen::new(), 0);
        for (gap, happening) in &events {
            for _ in 0..*gap {
                now += 1;
                slow.second(now);
                while fast.next_deadline().is_some_and(|deadline| deadline <= Mono(now * S)) {
                    fast.due(at(now), &last, &mut out);
                }
                note(now, &mut out, &mut seen);
            }
            let message = message(&inventory, happening).map(Arc::new);
            slow.event(now, happening, message.as_deref());
            match (&message, happening) {
                (Some(message), _) => fast.step(at(now), Event::Message(message), &last, &mut out),
                (None, Happening::Reset(which)) => fast.step(at(now), Event::Reset(&format!("r{which}")), &last, &mut out),
                (None, Happening::Reload(shifts, map)) => {
                    let map = if *map { self::inventory() } else { fast.silence.inventory.clone() };
                    fast.reload(at(now), self::book(&shapes, *shifts, &map), (&last, &last), &mut out);
                }
                _ => {}
            }
            // To ask changes nothing.
            for rule in 0..shapes.len() {
                let why = fast.why(at(now), &format!("r{rule}"), None, &last).expect("it is there");
                prop_assert_eq!(why.instances.len(), slow.rules[rule].instances.len());
            }
            note(now, &mut out, &mut seen);
            prop_assert_eq!(&seen, &slow.seen, "at {}:\n{}", now, shapes.iter().map(Shape::yaml).collect::<Vec<_>>().join("---\n"));
        }
        let active = fast.status(Mono(now * S)).iter().map(|status| status.active).sum::<usize>();
        let episodes = slow.rules.iter().flat_map(|rule| rule.instances.values());
        prop_assert_eq!(active, episodes.filter(|instance| matches!(instance.episode.phase(), Phase::Active(_))).count());
    }
}
