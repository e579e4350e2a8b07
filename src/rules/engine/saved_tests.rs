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

pub(super) const RULES: [(&str, &str); 5] = [
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
pub(super) enum Step {
    Message(usize, Option<i8>),
    /// All sources say that it is cold, and the latch is reset.
    Reset,
    Restart,
}

pub(super) fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..6_usize, proptest::option::weighted(0.8, -2..4_i8)).prop_map(|(source, t)| Step::Message(source, t)),
        1 => proptest::strategy::Just(Step::Reset),
        3 => proptest::strategy::Just(Step::Restart),
    ]
}

pub(super) fn inventory() -> Arc<Inventory> {
    let device = |(room, device): (&str, &str)| DeviceKey { room: room.into(), device: device.into() };
    let devices = [("one", "fan"), ("one", "valve"), ("two", "fan"), ("two", "valve")].map(device);
    Arc::new(Inventory { devices: devices.into_iter().collect(), ..(*nodes()).clone() })
}

pub(super) fn rule(name: &str, text: &str, inventory: &Arc<Inventory>) -> Arc<Rule> {
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
pub(super) struct Life {
    pub(super) rules: Vec<Arc<Rule>>,
    pub(super) engine: Engine,
    /// When this one began, in seconds.
    pub(super) began: u64,
    pub(super) store: BTreeMap<(Name, Name), String>,
    /// What loops have put out.
    told: Vec<(u64, Name, Name, f64)>,
}

impl Life {
    pub(super) fn new(rules: &[Arc<Rule>]) -> Life {
        let book = Rulebook::new(rules.to_vec(), inventory(), Place::default(), "r".into());
        let (engine, store) = (Engine::new(book, Host::new(&[INFO]), at(0, 0)), BTreeMap::new());
        Life { rules: rules.to_vec(), engine, began: 0, store, told: Vec::new() }
    }

    pub(super) fn step(&mut self, second: u64, event: Event<'_>) {
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

    pub(super) fn drain(&mut self, second: u64) {
        let mut rows = Vec::new();
        self.engine.drain_saved(at(second, self.began), &mut rows);
        for Saved { key, value, .. } in rows {
            match value {
                Some(text) => _ = self.store.insert(key, text),
                None => _ = self.store.remove(&key),
            }
        }
    }

    pub(super) fn restart(&mut self, second: u64) {
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

    pub(super) fn message(&mut self, second: u64, source: usize, t: Option<i8>) {
        let message = message(&inventory(), &Happening::Message(source, Some(t), None)).map(Arc::new).expect("one");
        self.step(second, Event::Message(&message));
    }

    pub(super) fn take(&mut self, second: u64, step: &Step) {
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
    pub(super) fn kept(&mut self, second: u64) -> BTreeMap<(Name, Name), Json> {
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

pub(super) fn at(second: u64, began: u64) -> Timestamp {
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
