//! The publish policy and staleness against a slow model that looks at everything once a second.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::load;
use super::*;
use crate::can::CanId;
use crate::files::{Report, SourceFile};
use crate::model::Utc;

/// What a signal's policy says, in seconds and units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rule {
    deadband: Option<f64>,
    min: Option<u64>,
    max: Option<u64>,
}

/// A kind of frame: bytes `n` (a number), `t` (a text) and `q` (a number, or 255 for none).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind {
    name: &'static str,
    rules: [Rule; 3],
    stale: u64,
}

const fn rule(deadband: Option<f64>, min: Option<u64>, max: Option<u64>) -> Rule {
    Rule { deadband, min, max }
}

const FREE: Rule = rule(None, None, None);
const BOTH: Rule = rule(None, Some(2), Some(7));
/// Here `n` chooses: with 100 and 101 `t` is there, with 102 `q`, with any other neither.
const PARTS: &str = "parts";
/// Cycles of 2 s, 3 of them, 3 parts.
const PART_STALE: u64 = 18;
const KINDS: [Kind; 6] = [
    Kind { name: "free", rules: [FREE; 3], stale: 9 },
    Kind { name: "paced", rules: [rule(Some(5.0), Some(2), Some(7)), BOTH, BOTH], stale: 5 },
    Kind { name: "rate", rules: [rule(None, Some(3), None); 3], stale: 4 },
    Kind { name: "band", rules: [rule(Some(3.0), None, None), FREE, FREE], stale: 40 },
    Kind { name: PARTS, rules: [FREE; 3], stale: 6 },
    Kind { name: "mixed", rules: [rule(Some(2.0), Some(6), Some(9)), FREE, rule(None, Some(1), Some(4))], stale: 12 },
];

/// Who sends which kind with which identifier: D sends two.
type Line = (&'static str, u16, Kind);

fn site(variant: bool) -> Vec<Line> {
    let mut lines = vec![
        ("A", 0x10, KINDS[1]),
        ("B", 0x11, KINDS[2]),
        ("C", 0x12, KINDS[3]),
        ("D", 0x13, KINDS[1]),
        ("D", 0x14, KINDS[0]),
        ("M", 0x16, KINDS[4]),
        ("V", 0x20, KINDS[5]),
    ];
    if variant {
        // Another policy, a node less, a node more.
        lines[0].2.rules[0].deadband = Some(1.0);
        lines[3].2 = lines[0].2;
        lines.remove(1);
        lines.push(("E", 0x15, KINDS[5]));
    }
    lines
}

fn text(lines: &[Line]) -> String {
    let publish = |rule: &Rule| {
        let min = rule.min.map(|min| format!("min_interval: {min}s"));
        let max = rule.max.map(|max| format!("max_interval: {max}s"));
        let pace: Vec<String> = min.into_iter().chain(max).collect();
        let band = rule.deadband.map(|band| format!(", deadband: {band}")).unwrap_or_default();
        if pace.is_empty() { band } else { format!("{band}, publish: {{{}}}", pace.join(", ")) }
    };
    let kinds: BTreeMap<&str, Kind> = lines.iter().map(|(_, _, kind)| (kind.name, *kind)).collect();
    let frames: String = kinds
        .values()
        .map(|Kind { name, rules: [n, t, q], stale }| {
            let (n, t, q) = (publish(n), publish(t), publish(q));
            let parts = *name == PARTS;
            let with = |values: &str| if parts { format!(", when: {{n: {values}}}") } else { String::new() };
            let (with_t, with_q) = (with("[100, 101]"), with("[102]"));
            let n = format!("n: {{byte: 0, type: u8{n}}}");
            let t = format!("t: {{byte: 1, bits: 0, values: {{0: \"off\", 1: \"on\"}}{t}{with_t}}}");
            let q = format!("q: {{byte: 2, type: u8, invalid: 255{q}{with_q}}}");
            let stale = if parts { "3 cycles, cycle: 2s".to_owned() } else { format!("{stale}s") };
            format!("  {name}: {{length: 3, stale_after: {stale}, signals: {{{n}, {t}, {q}}}}}\n")
        })
        .collect();
    let nodes: String = lines
        .iter()
        .filter(|line| line.0 != "V")
        .map(|(node, id, kind)| {
            let kind = kind.name;
            format!("      - {{node: {node}, frame: {kind}, bus: can0, id: {id}, name: \"{{signal}}_{id}\"}}\n")
        })
        .collect();
    format!(
        "version: 1\nbuses: {{can0: {{simulate: true}}}}\nframes:\n{frames}  out: {{length: 1, signals: {{n: {{byte: 0, type: u8}}}}}}\n\
         rooms:\n  R:\n    c:\n{nodes}devices:\n  R:\n    V: {{kind: fan, command: {{bus: can0, id: 0x30, frame: out, signal: n}}, \
         feedback: {{bus: can0, id: 0x20, frame: mixed, signal: n}}, safe: 0, watchdog: 15s}}\n"
    )
}

fn map(lines: &[Line]) -> ChannelMap {
    let mut report = Report::default();
    let map = load(&SourceFile::new("channels.yaml", text(lines)), &mut report);
    map.unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// The slow one: what a frame says is its three bytes.
#[derive(Clone, Debug, Default)]
struct Remembered {
    said: Option<(u64, [u8; 3])>,
    waits: Option<[u8; 3]>,
}

#[derive(Debug)]
struct Model {
    lines: Vec<Line>,
    remembered: Vec<Remembered>,
    /// When each source was heard, and whether it is stale.
    heard: BTreeMap<&'static str, (u64, bool)>,
    /// The same of each frame, by its identifier.
    frames: BTreeMap<u16, (u64, bool)>,
    /// The same of `t` and `q` in frames of parts.
    parts: BTreeMap<(u16, char), (u64, bool)>,
    /// Readings, and those that were published.
    counts: (u64, u64),
}

impl Rule {
    /// Whether a number asks for a message at `now`.
    fn number_asks(self, alone: bool, (since, before): (u64, u8), value: u8, now: u64) -> bool {
        let changed = match self.deadband {
            Some(band) => value != before && f64::from(value.abs_diff(before)) >= band,
            None => value != before,
        };
        let age = now - since;
        let every = if self.deadband.is_none() && self.max.is_none() { self.min } else { None };
        let rested = age >= self.min.unwrap_or(0);
        alone || (changed && rested) || self.max.is_some_and(|max| age >= max) || every.is_some_and(|min| age >= min)
    }
}

impl Model {
    fn asks(kind: &Kind, (since, before): (u64, [u8; 3]), value: [u8; 3], now: u64) -> bool {
        let alone = kind.rules == [FREE; 3];
        let [n, t, q] = kind.rules;
        let quality_changed = (before[2] == 255) != (value[2] == 255);
        n.number_asks(alone, (since, before[0]), value[0], now)
            || before[1] != value[1]
            || t.number_asks(alone, (since, 0), 0, now)
            || quality_changed
            || q.number_asks(alone, (since, before[2]), value[2], now)
    }

    fn look(&mut self, at: usize, now: u64, out: &mut Vec<String>) {
        let (name, id, kind) = &self.lines[at];
        let Remembered { said, waits } = &mut self.remembered[at];
        let Some(value) = *waits else { return };
        if said.is_none_or(|said| Model::asks(kind, said, value, now)) {
            (*said, *waits) = (Some((now, value)), None);
            self.counts.1 += 1;
            out.push(words(name, *id, value, kind));
        }
    }

    fn second(&mut self, now: u64, out: &mut Vec<String>) {
        for at in 0..self.lines.len() {
            self.look(at, now, out);
        }
        for (name, (heard, stale)) in &mut self.heard {
            let own = |line: &&Line| line.0 == *name;
            let span = self.lines.iter().filter(own).map(|line| line.2.stale).max().unwrap_or(0);
            if !*stale && now >= *heard + span {
                *stale = true;
                out.push(format!("{name} is stale"));
                for (line, remembered) in self.lines.iter().zip(&mut self.remembered) {
                    if line.0 == *name {
                        *remembered = Remembered::default();
                        self.parts
                            .iter_mut()
                            .filter(|((id, _), _)| *id == line.1)
                            .for_each(|(_, (_, stale))| *stale = true);
                    }
                }
            }
        }
        for (at, (name, id, kind)) in self.lines.iter().enumerate() {
            let several = self.lines.iter().filter(|line| line.0 == *name).count() > 1;
            let (heard, stale) = self.frames.get_mut(id).expect("of each line");
            if several && !*stale && now >= *heard + kind.stale {
                *stale = true;
                if !self.heard[name].1 {
                    out.push(format!("{name} n_{id}=no value t_{id}=no value q_{id}=no value"));
                    self.remembered[at] = Remembered::default();
                }
            }
        }
        for (name, id, _) in self.lines.iter().filter(|line| line.2.name == PARTS) {
            let due = self
                .parts
                .iter_mut()
                .filter(|((of, _), (heard, stale))| of == id && !*stale && now >= *heard + PART_STALE);
            let words: String = due
                .map(|((_, part), (_, stale))| {
                    *stale = true;
                    format!(" {part}_{id}=no value")
                })
                .rev()
                .collect();
            if !words.is_empty() {
                out.push(format!("{name}{words}"));
            }
        }
    }

    fn frame(&mut self, at: usize, value: [u8; 3], now: u64, out: &mut Vec<String>) {
        self.counts.0 += 1;
        self.heard.insert(self.lines[at].0, (now, false));
        self.frames.insert(self.lines[at].1, (now, false));
        if let Some(part) = part_of(value).filter(|_| self.lines[at].2.name == PARTS) {
            self.parts.insert((self.lines[at].1, part), (now, false));
        }
        self.remembered[at].waits = Some(value);
        self.look(at, now, out);
    }

    /// What will still be published if nothing more comes.
    fn waiting(&self, now: u64) -> u64 {
        let waits = |(line, remembered): (&Line, &Remembered)| match (remembered.said, remembered.waits) {
            (Some(said), Some(value)) => Model::asks(&line.2, said, value, now + 1000),
            _ => false,
        };
        self.lines.iter().zip(&self.remembered).map(waits).filter(|waits| *waits).count() as u64
    }

    fn new(lines: Vec<Line>, now: u64) -> Model {
        let heard = lines.iter().map(|line| (line.0, (now, false))).collect();
        let frames = lines.iter().map(|line| (line.1, (now, false))).collect();
        let parts = lines.iter().filter(|line| line.2.name == PARTS).flat_map(|line| [(line.1, 't'), (line.1, 'q')]);
        let parts = parts.map(|part| (part, (now, false))).collect();
        Model { remembered: vec![Remembered::default(); lines.len()], lines, heard, frames, parts, counts: (0, 0) }
    }

    fn reload(&mut self, lines: Vec<Line>, now: u64) {
        let mut next = Model { counts: self.counts, ..Model::new(lines, now) };
        for (line, remembered) in next.lines.iter().zip(&mut next.remembered) {
            let same = self.lines.iter().position(|old| old == line);
            *remembered = same.map_or_else(Remembered::default, |at| self.remembered[at].clone());
        }
        for (name, heard) in &mut next.heard {
            *heard = self.heard.get(name).copied().unwrap_or(*heard);
        }
        for (id, heard) in &mut next.frames {
            *heard = self.frames.get(id).copied().unwrap_or(*heard);
        }
        for (part, heard) in &mut next.parts {
            *heard = self.parts.get(part).copied().unwrap_or(*heard);
        }
        *self = next;
    }
}

fn part_of([n, ..]: [u8; 3]) -> Option<char> {
    match n {
        100 | 101 => Some('t'),
        102 => Some('q'),
        _ => None,
    }
}

fn words(name: &str, id: u16, [n, t, q]: [u8; 3], kind: &Kind) -> String {
    let part = part_of([n, t, q]);
    let suffix = if name == "V" { String::new() } else { format!("_{id}") };
    let t = if t == 1 { "on" } else { "off" };
    let q = if q == 255 { "no value".to_owned() } else { q.to_string() };
    let (t, q) = (format!(" t{suffix}={t}"), format!(" q{suffix}={q}"));
    match part {
        _ if kind.name != PARTS => format!("{name} n{suffix}={n}{t}{q}"),
        Some('t') => format!("{name} n{suffix}={n}{t}"),
        Some(_) => format!("{name} n{suffix}={n}{q}"),
        None => format!("{name} n{suffix}={n}"),
    }
}

fn told(readings: &[Reading]) -> Vec<String> {
    let published = readings.iter().filter(|reading| reading.publication != Publication::HeldBack);
    let told = published.map(|reading| match reading.stale {
        true => format!("{} is stale", reading.source.name),
        false => {
            let values = reading.values.iter().map(|(name, value)| format!(" {name}={value}"));
            format!("{}{}", reading.source.name, values.collect::<String>())
        }
    });
    told.collect()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp { mono: Mono(seconds * 1_000_000_000), utc: Utc(seconds as i64 * 1_000_000_000) }
}

#[derive(Clone, Debug)]
enum Step {
    Frame(usize, [u8; 3]),
    Wait(u64),
    Reload(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let number = || prop_oneof![3 => 100u8..104, 1 => 100u8..120];
    let bytes = (number(), prop_oneof![4 => Just(0u8), 1 => Just(1u8)], prop_oneof![6 => 50u8..52, 1 => Just(255u8)]);
    prop_oneof![
        12 => (0usize..7, bytes).prop_map(|(line, (n, t, q))| Step::Frame(line, [n, t, q])),
        6 => (1u64..3).prop_map(Step::Wait),
        1 => (1u64..50).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Reload),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn policy_and_staleness_are_as_a_look_once_a_second_has_them(steps in proptest::collection::vec(step(), 1..120)) {
        let mut model = Model::new(site(false), 0);
        let mut gateway = Gateway::new(&map(&model.lines), at(0));
        let mut now = 0;
        for step in steps {
            let (mut want, mut got) = (Vec::new(), Vec::new());
            match step {
                Step::Frame(line, value) => {
                    let line = line % model.lines.len();
                    model.frame(line, value, now, &mut want);
                    let id = CanId::Standard(model.lines[line].1);
                    let frame = Frame::data(at(now), BusId(0), id, &value).expect("three bytes");
                    gateway.step(at(now), &frame, &mut got);
                    prop_assert_eq!(got.len(), 1, "who guards sees every frame once");
                }
                Step::Wait(seconds) => {
                    for _ in 0..seconds {
                        now += 1;
                        let mut at_once = Vec::new();
                        model.second(now, &mut at_once);
                        let is_due = gateway.next_deadline().is_some_and(|next| next <= at(now).mono);
                        prop_assert_eq!(is_due, !at_once.is_empty(), "a deadline is when something happens, at {} s", now);
                        gateway.due(at(now), &mut got);
                        want.append(&mut at_once);
                    }
                }
                Step::Reload(variant) => {
                    model.reload(site(variant), now);
                    gateway.reload(&map(&model.lines), at(now));
                }
            }
            // Of several sources at one moment, the order is not the model's business.
            let mut got = told(&got);
            got.sort_unstable();
            want.sort_unstable();
            prop_assert_eq!(got, want, "at {} s", now);
            let counts = gateway.counts();
            prop_assert_eq!((counts.readings, counts.published, counts.waiting), (model.counts.0, model.counts.1, model.waiting(now)));
            prop_assert_eq!(counts.readings, counts.published + counts.waiting + counts.held_back.sum());
        }
    }
}
