//! An engine that is restarted at any moment against one that never was; and that what is written costs what has changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::Value as Json;

use super::super::tests::{Happening, INFO, inventory as nodes, message};
use super::*;
use crate::files::{Report, SourceFile};
use crate::model::{Ask, DeviceKey, Inventory, Utc};
use crate::rules::{Event, Host, Place, Rule, Rulebook, Site, load};

const RULES: [(&str, &str); 5] = [
    (
        "hot",
        "subscribe: 'sensor:update:{room}:{cluster}'\nwhen: msg.t > 1\nuntil: msg.t < 0\nstate: { n: 0, m: none }\nstale: 1h\n\
         then: |\n  state.n += 1;\n  device(room, \"fan\").set(state.n, #{ reason: `${msg.t}` });\nfinally: state.m = `${ended} ${state.n}`\n",
    ),
    (
        "shot",
        "subscribe: 'sensor:update:{room}:{cluster}'\nwhen: msg.t > 0 && runs(\"20s\") < 3\nuntil: 7s\nstate: { n: 0 }\nstale: 1h\n\
         then: |\n  device(room, \"valve\").on(#{ lease: \"5s\" })\nfinally: state.n += 1\n",
    ),
    (
        "sum",
        "subscribe: 'sensor:update:{room}:{cluster}'\nper: room\nwhen: msg.t > 1\nstate: { sum: 0, seen: 0 }\nstale: 1h\n\
         each: |\n  state.sum += msg.t;\n  state.seen += 1;\n  if state.sum > 9 { device(room, \"fan\").on(); }\n  if state.sum < 0 { device(room, \"fan\").release(); }\n",
    ),
    (
        "loop",
        "subscribe: 'sensor:update:{room}:{cluster}'\ncooldown: 2s\nstate: { n: 0 }\nstale: 1h\n\
         each: |\n  state.n += runs(\"1h\");\n  let p = pid(2.0, msg.t, #{ kp: 3, ki: 0.7, kd: 2, max: 9 });\n  info(p);\n  info(pid(1, p, #{ ki: 0.1 }));\n",
    ),
    (
        "latch",
        "subscribe: 'sensor:update:{room}:{cluster}'\nper: rule\nwhen: msg.t > 2\nuntil: reset && msg.t < 1\nstale: never\nstate: { n: 0 }\n\
         then: |\n  state.n += 1;\n  device(room, \"valve\").off();\nfinally: state.n += 10\n",
    ),
];

#[derive(Clone, Debug)]
enum Step {
    Message(usize, Option<i8>),
    /// All sources say that it is cold, and the latch is reset.
    Reset,
    Restart,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..6_usize, proptest::option::weighted(0.8, -2..4_i8)).prop_map(|(source, t)| Step::Message(source, t)),
        1 => proptest::strategy::Just(Step::Reset),
        3 => proptest::strategy::Just(Step::Restart),
    ]
}

fn inventory() -> Arc<Inventory> {
    let device = |(room, device): (&str, &str)| DeviceKey { room: room.into(), device: device.into() };
    let devices = [("one", "fan"), ("one", "valve"), ("two", "fan"), ("two", "valve")].map(device);
    Arc::new(Inventory { devices: devices.into_iter().collect(), ..(*nodes()).clone() })
}

fn rule(name: &str, text: &str, inventory: &Arc<Inventory>) -> Arc<Rule> {
    let (host, mut report) = (Host::new(&[INFO]), Report::default());
    let file = SourceFile::new(format!("rules/{name}.yaml"), text);
    let rule = load(&file, &Site { host: &host, inventory }, &mut report);
    Arc::new(rule.unwrap_or_else(|| panic!("{}", report.render(false))))
}

fn rules() -> Vec<Arc<Rule>> {
    let inventory = inventory();
    RULES.iter().map(|(name, text)| rule(name, text, &inventory)).collect()
}

/// One engine after the other, on clocks that begin anew with each.
struct Life {
    rules: Vec<Arc<Rule>>,
    engine: Engine,
    /// When this one began, in seconds.
    began: u64,
    store: BTreeMap<(Name, Name), String>,
    /// What loops have put out.
    told: Vec<(u64, Name, Name, f64)>,
}

impl Life {
    fn new(rules: &[Arc<Rule>]) -> Life {
        let book = Rulebook::new(rules.to_vec(), inventory(), Place::default(), "r".into());
        let (engine, store) = (Engine::new(book, Host::new(&[INFO]), at(0, 0)), BTreeMap::new());
        Life { rules: rules.to_vec(), engine, began: 0, store, told: Vec::new() }
    }

    fn step(&mut self, second: u64, event: Event<'_>) {
        let mut out = Vec::new();
        let now = at(second, self.began);
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= now.mono) {
            let late = now.mono.since(due).as_nanos() as i64;
            self.engine.due(Timestamp { mono: due, utc: Utc(now.utc.0 - late) }, &Last::default(), &mut out);
        }
        self.engine.step(now, event, &Last::default(), &mut out);
        for intent in out {
            if let Ask::Act(act) = &intent.ask {
                let number = act.args[0].as_number().expect("a number");
                self.told.push((second, intent.origin.rule.clone(), intent.origin.instance.clone(), number));
            }
        }
        let mut faults = Vec::new();
        self.engine.drain_faults(&mut faults);
        assert!(faults.is_empty(), "{faults:?}");
    }

    fn drain(&mut self, second: u64) {
        let mut rows = Vec::new();
        self.engine.drain_saved(at(second, self.began), &mut rows);
        for Saved { key, value, .. } in rows {
            match value {
                Some(text) => _ = self.store.insert(key, text),
                None => _ = self.store.remove(&key),
            }
        }
    }

    fn restart(&mut self, second: u64) {
        self.step(second, Event::Shutdown);
        self.drain(second);
        let store = self.store.clone();
        *self = Life { told: std::mem::take(&mut self.told), began: second, store, ..Life::new(&self.rules) };
        let row = |(key, text): (&(Name, Name), &String)| Saved {
            shelf: Shelf::Rules,
            key: key.clone(),
            value: Some(text.clone()),
        };
        let rows = self.store.iter().map(row).collect();
        let book = Rulebook::new(self.rules.clone(), inventory(), Place::default(), "r".into());
        self.engine = Engine::new(book, Host::new(&[INFO]), at(second, second));
        self.engine.restore(at(second, second), rows, &Last::default(), &mut Vec::new());
    }

    fn message(&mut self, second: u64, source: usize, t: Option<i8>) {
        let message = message(&inventory(), &Happening::Message(source, Some(t), None)).map(Arc::new).expect("one");
        self.step(second, Event::Message(&message));
    }

    fn take(&mut self, second: u64, step: &Step) {
        match step {
            Step::Message(source, t) => self.message(second, *source, *t),
            Step::Reset => {
                (0..6).for_each(|source| self.message(second, source, Some(-2)));
                self.step(second, Event::Reset("latch"));
            }
            Step::Restart => {}
        }
    }

    /// All that is remembered, as it is written.
    fn kept(&mut self, second: u64) -> BTreeMap<(Name, Name), Json> {
        let now = at(second, self.began);
        let Engine { rules, keeping, .. } = &mut self.engine;
        rules.iter_mut().for_each(|rule| rule.list_all(false, now, keeping));
        self.drain(second);
        let mut rows: BTreeMap<(Name, Name), Json> = BTreeMap::new();
        for (key, text) in self.store.iter().filter(|(key, _)| !key.0.is_empty()) {
            let mut row: Json = serde_json::from_str(text).expect("JSON");
            if *key.0 == *"loop" {
                // Without `when` it begins with any event; of an instance that has done nothing yet, nothing is kept.
                row.as_object_mut().expect("a row").remove("episode");
            }
            rows.insert(key.clone(), row);
        }
        rows
    }
}

fn at(second: u64, began: u64) -> Timestamp {
    let utc = Utc(1_800_000_000_000_000_000) + Duration::from_secs(second);
    Timestamp { mono: Mono::START + Duration::from_secs(second - began), utc }
}

/// JSON rounds the last bit of a number.
fn alike(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            let (one, other) = (one.as_f64().expect("a number"), other.as_f64().expect("a number"));
            (one - other).abs() <= 1e-9 * one.abs().max(1.0)
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| alike(one, other)))
        }
        _ => one == other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn semantics_16_a_restart_changes_nothing_beyond_the_next_good_event(
        steps in proptest::collection::vec((0..4_u64, steps()), 1..60),
    ) {
        let rules = rules();
        let (mut steady, mut restarted) = (Life::new(&rules), Life::new(&rules));
        let mut now = 0;
        for (gap, step) in &steps {
            now += gap;
            if matches!(step, Step::Restart) {
                restarted.restart(now);
            }
            for life in [&mut steady, &mut restarted] {
                life.take(now, step);
                life.drain(now);
            }
        }
        now += 2;
        for life in [&mut steady, &mut restarted] {
            (0..6).for_each(|source| life.message(now, source, Some(1)));
        }
        let (one, other) = (steady.kept(now), restarted.kept(now));
        prop_assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        for (key, one) in &one {
            prop_assert!(alike(one, &other[key]), "{:?}\n{}\n{}", key, one, other[key]);
        }
        prop_assert_eq!(steady.told.len(), restarted.told.len());
        for (one, other) in steady.told.iter().zip(&restarted.told) {
            prop_assert!((&one.0, &one.1, &one.2) == (&other.0, &other.1, &other.2) && (one.3 - other.3).abs() < 1e-6, "{:?} {:?}", one, other);
        }
    }
}

#[derive(Clone, Debug)]
enum Change {
    Step(Step),
    /// This rule is now another version, off, or gone.
    Edit(usize, usize),
    /// This source leaves the map or comes back.
    Map(usize),
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        9 => steps().prop_map(Change::Step),
        2 => (0..5_usize, 0..4_usize).prop_map(|(rule, version)| Change::Edit(rule, version)),
        1 => (0..4_usize).prop_map(Change::Map),
    ]
}

/// The map with these sources.
fn map(there: [bool; 4]) -> Arc<Inventory> {
    let mut inventory = (*inventory()).clone();
    let mut there = there.iter();
    inventory.sources.retain(|_| there.next().copied().unwrap_or_default());
    Arc::new(inventory)
}

/// The files at a moment: which version of each rule.
fn book(versions: [usize; 5], inventory: &Arc<Inventory>) -> Rulebook {
    let of = |((name, text), version): (&(&str, &str), usize)| match version {
        0 => Some(rule(name, text, inventory)),
        1 => Some(rule(name, &format!("{text}priority: 60\n"), inventory)),
        2 => Some(rule(name, &format!("{text}mode: off\n"), inventory)),
        _ => None,
    };
    Rulebook::new(RULES.iter().zip(versions).filter_map(of).collect(), inventory.clone(), Place::default(), "r".into())
}

/// A row with moments in place of ages, without what is over by then.
fn timeless(rule: &str, row: &Json, now: i64) -> Option<Json> {
    let mut row = row.clone();
    let at = row["at"].as_i64().expect("a moment");
    let map = row.as_object_mut().expect("a row");
    map.remove("at");
    let moment = |age: &Json| at - age.as_i64().expect("an age");
    if let Some(episode) = map.get_mut("episode") {
        episode["since"] = moment(&episode["since"]).into();
    }
    let rests = at + map["rests"].as_i64().expect("a span");
    map.insert("rests".into(), if rests > now { rests } else { 0 }.into());
    let span = if rule == "shot" { 20 } else { 3_600 };
    let runs = map.remove("runs").into_iter().flat_map(|runs| runs.as_array().cloned().unwrap_or_default());
    let runs: Vec<i64> = runs.map(|age| moment(&age)).filter(|run| now - run <= span * 1_000_000_000).collect();
    map.insert("runs".into(), runs.into());
    if let Some(state) = map.get_mut("state").and_then(Json::as_object_mut) {
        for (_, memory) in state.iter_mut().filter(|(name, _)| name.starts_with("#pid")) {
            let age = memory[0].as_f64().expect("seconds") * 1e9 + memory[1].as_f64().expect("nanoseconds");
            (memory[0], memory[1]) = ((at - age as i64).into(), 0.into());
        }
    }
    for requests in ["requests", "parting"] {
        let requests = map.get_mut(requests).and_then(Json::as_array_mut);
        requests.into_iter().for_each(|requests| {
            requests.iter_mut().filter(|request| request.get("left").is_some()).for_each(|request| {
                request["left"] = (at + request["left"].as_i64().expect("a span")).into();
            });
            requests.retain(|request| request.get("left").is_none_or(|end| end.as_i64() > Some(now)));
        });
    }
    let empty = |map: &serde_json::Map<String, Json>, key: &str| {
        map.get(key).is_none_or(|list| list.as_array().is_some_and(Vec::is_empty))
    };
    let idle = !map.contains_key("episode") && map["rests"] == 0;
    let asks = !empty(map, "requests") || !empty(map, "parting") || !empty(map, "runs");
    map.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
    (!idle || asks || map["state"] != map["first"]).then_some(row)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_bit_by_bit_is_all_there_is_to_write(
        changes in proptest::collection::vec((0..4_u64, changes()), 1..50),
    ) {
        let mut life = Life::new(&[]);
        let (mut versions, mut there, mut now, mut nodes) = ([0; 5], [true; 4], 0, map([true; 4]));
        life.engine = Engine::new(book(versions, &nodes), Host::new(&[INFO]), at(0, 0));
        for (gap, change) in &changes {
            now += gap;
            match change {
                Change::Step(Step::Message(source, _)) if there.get(*source) == Some(&false) => {}
                Change::Step(Step::Reset) => life.step(now, Event::Reset("latch")),
                Change::Step(step) => life.take(now, step),
                Change::Edit(..) | Change::Map(_) => {
                    match change {
                        Change::Edit(rule, version) => versions[*rule] = *version,
                        Change::Map(source) if there.iter().filter(|there| **there).count() > 1 => there[*source] = !there[*source],
                        _ => there = [true; 4],
                    }
                    if matches!(change, Change::Map(_)) {
                        nodes = map(there);
                    }
                    life.step(now, Event::Startup);
                    let last = Last::default();
                    life.engine.reload(at(now, 0), book(versions, &nodes), (&last, &last), &mut Vec::new());
                    life.engine.drain_faults(&mut Vec::new());
                }
            }
            if gap % 2 == 0 {
                life.drain(now);
            }
        }
        life.step(now, Event::Shutdown);
        life.drain(now);
        let moment = at(now, 0).utc.0;
        let shown = |store: &BTreeMap<(Name, Name), String>| -> BTreeMap<(Name, Name), Json> {
            let rows = store.iter().filter(|(key, _)| !key.0.is_empty());
            rows.filter_map(|(key, text)| Some((key.clone(), timeless(&key.0, &serde_json::from_str(text).expect("JSON"), moment)?))).collect()
        };
        let before = shown(&life.store);
        let there = |rule: &Name| versions[RULES.iter().position(|(name, _)| **name == **rule).expect("known")] < 2;
        life.store.retain(|(rule, _), _| rule.is_empty() || !there(rule));
        life.kept(now);
        prop_assert_eq!(before, shown(&life.store));
    }
}

fn drained(life: &mut Life, second: u64) -> Vec<(Name, Name)> {
    let mut rows = Vec::new();
    life.engine.drain_saved(at(second, life.began), &mut rows);
    rows.into_iter().map(|row| row.key).filter(|key| !key.0.is_empty()).collect()
}

#[test]
fn what_has_not_changed_is_not_written_and_what_loops_change_is_not_written_at_once() {
    let inventory = inventory();
    let text =
        "subscribe: 'sensor:update:{room}:{cluster}'\nstale: 1h\neach: |\n  info(pid(1, msg.t, #{ ki: 0.1 }));\n";
    let mut life = Life::new(&[rule("hot", RULES[0].1, &inventory), rule("loop", text, &inventory)]);
    life.message(1, 0, Some(3));
    assert_eq!(drained(&mut life, 1), [("hot".into(), "A".into())]);
    for second in 2..11 {
        life.message(second, 0, Some(3));
        assert_eq!(drained(&mut life, second), []);
    }
    life.message(11, 0, Some(3));
    assert_eq!(drained(&mut life, 11), [("loop".into(), "A".into())]);
    life.message(12, 0, Some(-1));
    assert_eq!(drained(&mut life, 12), [("hot".into(), "A".into())]);
    life.step(13, Event::Shutdown);
    assert_eq!(drained(&mut life, 13), [("loop".into(), "A".into())]);
}

#[test]
fn a_state_that_is_too_large_is_told_and_nothing_older_comes_back() {
    let text = "subscribe: 'sensor:update:{room}:{cluster}'\nper: rule\nstate: { s: none }\n\
        each: |\n  let s = \"x\";\n  s.pad(1000, \"x\");\n  state[`s${msg.t}`] = s;\n";
    let mut life = Life::new(&[rule("large", text, &inventory())]);
    let mut written = Vec::new();
    for second in 1..80 {
        life.message(second, 0, i8::try_from(second).ok());
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        life.engine.drain_saved(at(second, 0), &mut rows);
        life.engine.drain_faults(&mut faults);
        written.extend(rows.iter().filter(|row| !row.key.0.is_empty()).map(|row| row.value.is_some()));
        let is_first = written.len() == second as usize && written.last() == Some(&false);
        assert_eq!(
            faults.iter().filter(|fault| fault.message.contains("too many to keep")).count(),
            usize::from(is_first)
        );
    }
    // The row that was there is deleted, once.
    assert!(written.len() > 60 && written.iter().position(|row| !row) == Some(written.len() - 1), "{written:?}");
}

#[test]
fn rows_of_a_rule_that_is_gone_wait_for_a_month() {
    let mut life = Life::new(&[rule("hot", RULES[0].1, &inventory())]);
    life.message(1, 0, Some(3));
    life.rules.clear();
    life.restart(2);
    assert_eq!(drained(&mut life, 3), []);
    life.restart(40 * 86_400);
    assert_eq!(drained(&mut life, 40 * 86_400), [("hot".into(), "A".into())]);
}
