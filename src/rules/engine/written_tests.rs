//! What is handed over to be kept: whatever changes is written, whatever has not is not, and what nobody will ask for any
//! more is deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::{ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};
use serde_json::Value as Json;

use super::super::tests::INFO;
use super::tests::{Life, RULES, Step, at, inventory, rule, steps};
use crate::bus::Last;
use crate::model::{Inventory, Name};
use crate::rules::{Engine, Event, Host, Place, Rulebook};

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
