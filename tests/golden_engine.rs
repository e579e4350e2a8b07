//! What rules do: `tests/cases/engine/<case>/{rules/*.yaml, events.jsonl}` → `intents.jsonl`. Most cases are named after
//! the numbered statement of docs/semantics.md that they prove.
//!
//! An event has `at` in seconds, and one of `channel` with `msg`, `silent` (a node), `reset` (a rule), `startup`,
//! `shutdown`, `restart` (killed, and away for so many seconds; what the engine wanted kept comes back, with the rules of the
//! folder `reload` if there is one), `forget` (what was kept of a rule is lost), `spoil` (it becomes unreadable),
//! `reload` (a folder of the case: the rules are now those in it; with `without`, a list of nodes, the map is
//! read anew, and does not have these; `moved`, a list of node, room and cluster, has them elsewhere, and `lost`, a list of
//! node and field, without that field), `why` (a rule: its answer is written), or
//! nothing: time passes. `utc` sets the civil clock; `times` and `every` (seconds) repeat the event. Between any two events
//! every rule is asked why: nothing may come of that.

#![allow(clippy::unwrap_used)] // a test may panic

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use growctl_engine::bus::Last;
use growctl_engine::files::Report;
use growctl_engine::model::{
    Ask, Fields, Intent, Inventory, Level, Message, Mono, Name, Provenance, Saved, Shelf, Source, Timestamp, Utc,
    Value, format_duration,
};
use growctl_engine::rules::{Engine, Event, Host, Place, Rulebook, Site, load_folder};

/// 2026-01-01T00:00:00Z, in seconds.
const NEW_YEAR: f64 = 1_767_225_600.0;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Line {
    at: f64,
    times: Option<u32>,
    every: Option<f64>,
    channel: Option<Name>,
    msg: Fields,
    silent: Option<Name>,
    reset: Option<String>,
    startup: bool,
    shutdown: bool,
    restart: Option<f64>,
    forget: Option<Name>,
    spoil: Option<Name>,
    reload: Option<String>,
    without: Option<Vec<Name>>,
    moved: Vec<(Name, Name, Name)>,
    lost: Vec<(Name, Name)>,
    why: Option<String>,
    utc: Option<f64>,
    hop: u8,
}

impl Line {
    /// A source as the new map has it.
    fn refit(&self, old: &Source) -> Source {
        let Source { kind, name, .. } = old;
        let is_lost = |field: &Name| self.lost.iter().any(|(node, lost)| node == name && lost == field);
        let left = |frame: &Vec<Name>| frame.iter().filter(|field| !is_lost(field)).cloned().collect();
        let moved = self.moved.iter().find(|(node, ..)| node == name);
        let (room, place) = moved.map_or((&old.room, &old.place), |(_, room, place)| (room, place));
        Source {
            kind: *kind,
            room: room.clone(),
            place: place.clone(),
            name: name.clone(),
            channel: format!("{}:{room}:{place}", old.broad).into(),
            broad: old.broad.clone(),
            stale_after: old.stale_after,
            frames: old.frames.iter().map(left).collect(),
            facts: old.facts.clone(),
        }
    }
}

struct Play<'a> {
    case: &'a Path,
    engine: Engine,
    inventory: Arc<Inventory>,
    last: Last,
    last_event: Mono,
    store: BTreeMap<(Name, Name), String>,
    /// Civil time at mono 0, in seconds.
    civil: f64,
    out: String,
}

#[test]
fn every_case_does_what_is_expected() {
    let mut wrong = Vec::new();
    for case in support::cases("engine") {
        let got = play(&case);
        support::compare(&case.join("intents.jsonl"), &got, &mut wrong);
    }
    support::conclude(&wrong);
}

fn play(case: &Path) -> String {
    let (inventory, host) = (support::inventory(), Host::new(&growctl_engine::actions::host_functions()));
    let book = book(case, &host, &inventory);
    let text = fs::read_to_string(case.join("events.jsonl")).expect("a case has events");
    let lines: Vec<Line> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {line}: {error}", case.display())))
        .collect();
    let civil = lines.first().and_then(|line| line.utc).unwrap_or(NEW_YEAR);
    let start = Timestamp { mono: Mono::START, utc: Utc::from_seconds(civil) };
    let engine = Engine::new(book, host, start);
    let (last, store) = (Last::default(), BTreeMap::new());
    let mut play = Play { case, engine, inventory, last, last_event: Mono::START, store, civil, out: String::new() };
    for line in &lines {
        for n in 0..line.times.unwrap_or(1) {
            // What repeats for hours is asked about as it begins.
            if n < 20 {
                play.ask_all();
            }
            play.line(line, line.at + f64::from(n) * line.every.unwrap_or(0.0));
            play.save();
        }
    }
    play.counts(lines.last().map_or(0.0, |line| line.at));
    play.out
}

fn book(folder: &Path, host: &Host, inventory: &Arc<Inventory>) -> Rulebook {
    let mut report = Report::default();
    let rules = load_folder(folder, &Site { host, inventory }, &mut report);
    assert_eq!(report.errors(), 0, "{}: {}", folder.display(), report.render(false));
    let revision = folder.file_name().unwrap().to_string_lossy().into();
    Rulebook::new(rules, inventory.clone(), Place::default(), revision)
}

impl Play<'_> {
    fn now(&self, mono: Mono) -> Timestamp {
        Timestamp { mono, utc: Utc::from_seconds(self.civil) + mono.since(Mono::START) }
    }

    fn line(&mut self, line: &Line, at: f64) {
        let at = Mono::START + Duration::from_nanos((at * 1e9).round() as u64);
        while let Some(deadline) = self.engine.next_deadline().filter(|deadline| *deadline <= at) {
            let mut out = Vec::new();
            self.engine.due(self.now(deadline), &self.last, &mut out);
            self.write(deadline, &out);
        }
        self.last_event = self.last_event.max(Mono(at.0 - u64::from(at > self.last_event)));
        self.save();
        if let Some(utc) = line.utc {
            self.civil = utc - line.at - line.restart.unwrap_or(0.0);
        }
        self.last_event = at;
        let (now, mut out) = (self.now(at), Vec::new());
        if let Some(rule) = &line.why {
            let why = self.engine.why(now, rule, None, &self.last).expect("the case has the rule");
            self.out += &(serde_json::to_string(&why).expect("facts are JSON") + "\n");
            return;
        }
        if let Some(down) = line.restart {
            return self.restart(line, at, Duration::from_secs_f64(down));
        }
        if let Some(rule) = line.forget.as_ref().or(line.spoil.as_ref()) {
            self.store.retain(|key, _| line.spoil.is_some() || key.0 != *rule);
            let spoiled = self.store.iter_mut().filter(|(key, _)| line.spoil.as_ref() == Some(&key.0));
            spoiled.for_each(|(_, text)| text.truncate(text.len() / 2));
            return;
        }
        if let Some(folder) = &line.reload {
            let host = Host::new(&growctl_engine::actions::host_functions());
            self.refit(line);
            let book = book(&self.case.join(folder), &host, &self.inventory);
            let before = self.last.share();
            self.last.refit(self.engine.inventory(), book.inventory());
            self.engine.reload(now, book, (&before, &self.last), &mut out);
            return self.write(at, &out);
        }
        let message = self.message(line).map(Arc::new);
        let event = match (&message, &line.reset) {
            (Some(message), _) => {
                self.last.record(now, message);
                Event::Message(message)
            }
            (None, Some(rule)) => Event::Reset(rule),
            (None, None) if line.startup => Event::Startup,
            (None, None) if line.shutdown => Event::Shutdown,
            (None, None) => return,
        };
        self.engine.step(now, event, &self.last, &mut out);
        self.write(at, &out);
    }

    /// Another map, if the line tells of one.
    fn refit(&mut self, line: &Line) {
        let Some(without) = &line.without else { return };
        let mut inventory = (*support::inventory()).clone();
        inventory.sources.retain(|source| !without.contains(&source.name));
        for source in &mut inventory.sources {
            *source = Arc::new(line.refit(source));
        }
        self.inventory = Arc::new(inventory);
    }

    /// As after `kill -9`: what was not drained by then is lost.
    fn restart(&mut self, line: &Line, at: Mono, down: Duration) {
        let host = Host::new(&growctl_engine::actions::host_functions());
        self.refit(line);
        let folder = line.reload.as_ref().map_or(self.case.to_owned(), |folder| self.case.join(folder));
        let book = book(&folder, &host, &self.inventory);
        let now = self.now(at + down);
        (self.engine, self.last, self.last_event) = (Engine::new(book, host, now), Last::default(), now.mono);
        let row = |(key, text): (&(Name, Name), &String)| Saved {
            shelf: Shelf::Rules,
            key: key.clone(),
            value: Some(text.clone()),
        };
        let rows = self.store.iter().map(row).collect();
        let mut out = Vec::new();
        self.engine.restore(now, rows, &self.last, &mut out);
        self.write(now.mono, &out);
    }

    fn save(&mut self) {
        let mut rows = Vec::new();
        self.engine.drain_saved(self.now(self.last_event), &mut rows);
        for Saved { key, value, .. } in rows {
            match value {
                Some(text) => _ = self.store.insert(key, text),
                None => _ = self.store.remove(&key),
            }
        }
    }

    /// Asks every rule why, as it stands after the last event.
    fn ask_all(&mut self) {
        let now = self.now(self.last_event);
        for rule in self.engine.status(now.mono) {
            assert!(self.engine.why(now, &rule.name, None, &self.last).is_some());
        }
        assert!(self.engine.why(now, "no-such-rule", None, &self.last).is_none());
    }

    /// What was counted, where it was anything.
    fn counts(&mut self, at: f64) {
        for rule in self.engine.status(Mono::START + Duration::from_secs_f64(at)) {
            let counts = [
                ("runs", rule.runs),
                ("episodes", rule.episodes),
                ("suppressed", rule.suppressed),
                ("not_concerned", rule.not_concerned),
                ("unknown", rule.unknown),
                ("faults", rule.faults),
                ("missed_ticks", rule.missed_ticks),
                ("parked_events", rule.parked_events),
            ];
            let mut line = pairs(&[("counts", rule.name.clone().into())]);
            for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
                line.push(Name::from(*name), Value::Number(*count as f64));
            }
            self.out += &(serde_json::to_string(&line).expect("fields are JSON") + "\n");
        }
    }

    fn message(&self, line: &Line) -> Option<Message> {
        let text = |name: &str| line.msg.get(name).and_then(Value::as_text);
        let speaker = line.silent.as_deref().or(text("node")).or(text("device"));
        let source = self.inventory.sources.iter().find(|source| Some(&*source.name) == speaker);
        let mut fields = line.msg.clone();
        if line.silent.is_some() {
            let silent = source.expect("a node of the site").frames.iter().flatten();
            fields = silent.map(|name| (name.clone(), Value::Null)).collect();
        }
        let mapped = source.filter(|source| line.channel.as_ref().is_none_or(|channel| *channel == source.channel));
        Some(Message {
            channel: line.channel.clone().or_else(|| Some(mapped?.channel.clone()))?,
            broad: mapped.map(|source| source.broad.clone()),
            source: speaker.map(Name::from),
            provenance: if mapped.is_some() { Provenance::Frames } else { Provenance::Outside },
            stale: line.silent.is_some(),
            hop: line.hop,
            fields,
        })
    }

    fn write(&mut self, at: Mono, out: &[Intent]) {
        let mut faults = Vec::new();
        self.engine.drain_faults(&mut faults);
        let mut lines: Vec<Fields> = out.iter().map(shown).collect();
        lines.extend(faults.iter().map(|fault| {
            let message = format!("{}: {}", fault.part, fault.message);
            pairs(&[
                ("rule", (&*fault.rule).into()),
                ("instance", (&*fault.instance).into()),
                ("fault", (&*message).into()),
            ])
        }));
        for mut line in lines {
            line.push_front(Name::from("at"), Value::Number(at.since(Mono::START).as_nanos() as f64 / 1e9));
            self.out += &(serde_json::to_string(&line).expect("fields are JSON") + "\n");
        }
    }
}

fn pairs(pairs: &[(&str, Value)]) -> Fields {
    pairs.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect()
}

fn shown(intent: &Intent) -> Fields {
    let origin = &intent.origin;
    let mut line = pairs(&[("rule", origin.rule.clone().into()), ("instance", origin.instance.clone().into())]);
    let mut add = |name: &str, value: Value| line.push(Name::from(name), value);
    if origin.shadow {
        add("shadow", true.into());
    }
    if intent.hop > 0 {
        add("hop", f64::from(intent.hop).into());
    }
    match &intent.ask {
        Ask::Set(request) => {
            add("set", Value::text(&request.device.to_string()));
            add(
                "to",
                match request.level {
                    Level::On => "on".into(),
                    Level::Off => "off".into(),
                    Level::At(number) => number.into(),
                },
            );
            request.lease.into_iter().for_each(|lease| add("lease", Value::text(&format_duration(lease))));
            request.reason.iter().for_each(|reason| add("reason", reason.clone().into()));
        }
        Ask::Release(device) => add("release", Value::text(&device.to_string())),
        Ask::ReleaseAll => add("release", "all".into()),
        Ask::Publish { channel, fields } => {
            add("publish", channel.clone().into());
            add("fields", Value::Map(Box::new(fields.clone())));
        }
        Ask::Alert(ask) => {
            add("alert", ask.name().into());
            if let Some(raised) = ask.raised() {
                add("severity", raised.plan.severity.name().into());
                add("summary", Value::Text(raised.summary.clone()));
            }
        }
        Ask::Act(act) => add(act.action, Value::List(act.args.clone().into())),
    }
    line
}
