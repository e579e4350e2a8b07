use std::time::Duration;

use super::*;
use crate::model::{Level, Value};
use crate::rules::fixture::{World, at, host, message, segments};
use crate::rules::{Fault, Host, Run, WindowSpec, Windows, dew_point};

/// Runs a script whose `warn(…)` shows what it found.
fn run(world: &mut World, text: &str) -> Result<Run, Fault> {
    run_on(&mut host(), world, text)
}

fn run_on(host: &mut Host, world: &mut World, text: &str) -> Result<Run, Fault> {
    let script = host.compile(text, &segments(), &mut Vec::new()).expect(text);
    host.run(&script, &mut world.env())
}

fn shown(world: &mut World, expression: &str) -> Value {
    let run = run(world, &format!("warn({expression})")).expect(expression);
    match &run.asks[..] {
        [Ask::Act(act)] => act.args[0].clone(),
        asks => panic!("{expression}: {asks:?}"),
    }
}

fn unknown(world: &mut World, expression: &str) {
    assert_eq!(run(world, &format!("warn({expression})")), Err(Fault::Unknown), "{expression}");
}

fn refused(text: &str) -> String {
    host().compile(text, &segments(), &mut Vec::new()).expect_err(text).to_string()
}

#[test]
fn semantics_12_last_and_readings_give_good_values_only() {
    let mut world = World::with(&[("t", 24.0.into())]);
    world
        .last
        .record(at(10.0), &message("s:a", &[("vwc_1", 30.0.into()), ("vwc_2", Value::Null), ("word", "x".into())]));
    world.last.record(at(20.0), &message("s:b", &[("vwc_1", 50.0.into()), ("t", 1.0.into())]));
    world.last.record(at(30.0), &message("s:a", &[("vwc_1", Value::Null)]));
    world.now = at(40.0);
    for (expression, value) in [
        (r#"last("s:a", "vwc_1")"#, 30.0.into()),
        (r#"last("s:a", "vwc_1", "30s")"#, 30.0.into()),
        (r#"last("s:a", "vwc_1", "29s")"#, Value::Null),
        (r#"last("s:a", "vwc_2") ?? 7"#, 7.0.into()),
        (r#"last(`s:${"b"}`, "t")"#, 1.0.into()),
        (r#"readings("s:*", "vwc_*").mean()"#, 40.0.into()),
        (r#"readings("s:*", "vwc_*").min"#, 30.0.into()),
        (r#"readings("s:*", "vwc_?").max"#, 50.0.into()),
        (r#"readings("s:*", "vwc_*").len()"#, 2.0.into()),
        (r#"readings("s:{which}", "*").len"#, 3.0.into()),
        (r#"readings("nowhere", "*").len"#, 0.0.into()),
    ] {
        assert_eq!(shown(&mut world, expression), value, "{expression}");
    }
    unknown(&mut world, r#"readings("nowhere", "*").mean"#);
    unknown(&mut world, r#"last("nowhere", "t") + 1"#);
    assert!(refused(r#"last("a", "b", "30")"#).contains("its unit is missing"));
}

#[test]
fn a_run_holds_last_values_no_longer_than_it_takes() {
    let (mut host, mut world) = (host(), World::with(&[]));
    for text in ["last(\"a\", \"b\")", "last(\"a\", \"b\"); throw 1", "last(\"a\", \"b\") > 1"] {
        let _ = run_on(&mut host, &mut world, text);
        assert!(host.notes().with(|notes| notes.last.is_none()), "{text}");
    }
}

#[test]
fn windows_are_unknown_until_half_is_covered_and_their_specs_belong_to_the_rule() {
    let (mut host, mut world, mut specs) = (host(), World::with(&[]), Vec::new());
    let text = r#"let w = window("t", "10s"); warn(w.mean()); warn(w.max); warn(window("s:*", "t", "1m").count)"#;
    let script = host.compile(text, &segments(), &mut specs).expect(text);
    host.compile(r#"warn(window("t", "10s").slope)"#, &segments(), &mut specs).expect("right");
    let seconds: Vec<u64> = specs.iter().map(|spec: &WindowSpec| spec.span.as_secs()).collect();
    assert_eq!(seconds, [10, 60]);
    world.windows = Windows::new(&specs);
    let one = message("s:a", &[]);
    for (index, value) in [(0, 20.0), (1, 5.0)] {
        world.windows.feed(index, at(0.0).mono, &one, Some(value));
    }
    world.now = at(4.0);
    assert_eq!(host.run(&script, &mut world.env()), Err(Fault::Unknown));
    world.now = at(30.0);
    let asks = host.run(&script, &mut world.env()).expect("covered").asks;
    assert_eq!(asks.len(), 3, "{asks:?}");
    for (text, why) in [
        (r#"window(room, "10s")"#, "needs constant texts"),
        (r#"window("t", 10)"#, "needs constant texts"),
        (r#"window("s:{room}", "t", "10s")"#, "a window's pattern has no names"),
        (r#"window("t", "0s")"#, "a window of no length"),
        (r#"runs(room)"#, "needs a constant span"),
    ] {
        assert!(refused(text).contains(why), "{text}: {}", refused(text));
    }
}

#[test]
fn devices_are_asked_and_tell_their_state() {
    let mut world = World::with(&[]);
    world.last.record(at(0.0), &message("device:update:Flower:fan", &[("state", 60.0.into())]));
    let text = r#"let d = device(room, "fan"); d.on(); d.off(#{ lease: "5m" }); d.set(60, #{ reason: "x" }); d.set(true);
        d.set(d.state() + 1); d.release(); if device(room, "pump").state() == () { d.set(7.5); }
        d.set("on"); d.set("closed");"#;
    let asks = run(&mut world, text).expect("it runs").asks;
    let levels: Vec<Option<Level>> =
        asks.iter().map(|ask| if let Ask::Set(request) = ask { Some(request.level) } else { None }).collect();
    let expected = [Level::On, Level::Off, Level::At(60.0), Level::On, Level::At(61.0)].map(Some).into_iter().chain([
        None,
        Some(Level::At(7.5)),
        Some(Level::On),
        Some(Level::Off),
    ]);
    assert_eq!(levels, expected.collect::<Vec<_>>());
    assert!(matches!(&asks[1], Ask::Set(request) if request.lease == Some(Duration::from_secs(300))));
    for no_state in [r#"msg.get("t")"#, r#""fault""#] {
        assert_eq!(run(&mut world, &format!(r#"device("a", "b").set({no_state})"#)), Err(Fault::Unknown));
    }
    assert!(matches!(run(&mut world, r#"device("a", "b").set(1.0 / 0.0)"#), Err(Fault::Failed { .. })));
    assert!(matches!(run(&mut world, r#"device("a", "b").on(#{ leese: "5m" })"#), Err(Fault::Failed { .. })));
}

#[test]
fn functions_of_actions_are_noted_with_their_arguments() {
    let mut world = World::with(&[("t", 1.0.into())]);
    let asks = run(&mut world, r#"log_file("a.jsonl", msg); warn(());"#).expect("it runs").asks;
    assert!(matches!(&asks[0], Ask::Act(act) if act.action == "log_file" && act.args[0] == "a.jsonl".into()
        && matches!(&act.args[1], Value::Map(fields) if fields.get("t") == Some(&1.0.into()))));
    assert!(matches!(&asks[1], Ask::Act(act) if act.args == [Value::Null]));
    assert!(
        matches!(run(&mut world, "log_file(5, msg)"), Err(Fault::Failed { message }) if message.contains("argument 1"))
    );
    assert_eq!(run(&mut world, "log_file(msg.get(\"no\"), msg)"), Err(Fault::Unknown));
    assert!(refused("log_fil(\"a\", msg)").contains("did you mean `log_file`?"));
    assert!(refused("log_file(\"a\")").contains("`log_file` takes 2 arguments, not 1"));
}

#[test]
fn civil_time_is_the_sites() {
    let mut world = World::with(&[]);
    // 2026-03-28T23:30Z, half an hour after midnight in Berlin, the night before the clocks change.
    world.now = at(1_774_740_600.0);
    for (zone, date, days, night) in [("UTC", "2026-03-28", 86.0, true), ("Europe/Berlin", "2026-03-29", 87.0, true)] {
        world.zone = jiff::tz::TimeZone::get(zone).expect(zone);
        assert_eq!(shown(&mut world, "today()"), date.into());
        assert_eq!(shown(&mut world, "days_since(\"2026-01-01\")"), days.into());
        assert_eq!(shown(&mut world, "between(\"22:00\", \"06:00\")"), night.into());
        assert_eq!(shown(&mut world, "between(\"06:00\", \"22:00\")"), (!night).into());
    }
    assert_eq!(shown(&mut world, "between(\"00:30\", \"01:00\")"), true.into());
    assert_eq!(shown(&mut world, "between(\"00:00\", \"00:30\")"), false.into());
    assert_eq!(shown(&mut world, "between(\"18:00\", \"24:00\")"), false.into());
    assert_eq!(shown(&mut world, "days_since(\"2027-01-01\")"), Value::from(-278.0));
    assert_eq!(shown(&mut world, "now()"), 1_774_740_600.0.into());
    for text in [
        "between(\"6:00\", \"22:00\")",
        "between(\"06:60\", \"22:00\")",
        "days_since(\"1.2.2026\")",
        "ramp(1, 2, \"3\")",
    ] {
        assert!(refused(text).contains("write it as"), "{text}");
    }
}

#[test]
fn ramps_and_runs_count_from_episodes() {
    let mut world = World::with(&[]);
    world.now = at(100.0);
    unknown(&mut world, "ramp(20, 30, \"100s\")");
    world.begun = Some(at(75.0));
    assert_eq!(shown(&mut world, "ramp(20, 30.0, \"100s\")"), 22.5.into());
    assert_eq!(shown(&mut world, "ramp(20, 30, \"20s\")"), 30.0.into());
    for second in [10.0, 60.0, 90.0] {
        world.runs.record(at(second).mono);
    }
    assert_eq!(shown(&mut world, "runs(\"40s\") + runs(\"1d\")"), 5.0.into());
}

#[test]
fn numbers_mix_and_what_is_not_good_stops() {
    let mut world = World::with(&[("t", 25.0.into()), ("none", Value::Null), ("word", "x".into())]);
    for (expression, value) in [
        ("clamp(7, 0, 5)", 5.0),
        ("clamp(7, 0.5, 6.5)", 6.5),
        ("clamp(-1.0, 0, 5)", 0.0),
        ("round(2.345, 2)", 2.35),
        ("round(3, 1) + round(2.5)", 6.0),
        ("dew_point(msg.t, 60)", dew_point(25.0, 60.0).expect("valid")),
    ] {
        assert_eq!(shown(&mut world, expression), value.into(), "{expression}");
    }
    assert!(matches!(shown(&mut world, "vpd(25, 60.0)"), Value::Number(kpa) if (kpa - 1.267).abs() < 0.01));
    for expression in [
        "vpd(msg.none, 60)",
        "vpd(25, 120)",
        "dew_point(msg.word, 60)",
        "clamp(msg.none, 0, 1)",
        "round(msg.word, 1)",
        "abs(msg.none)",
        "-msg.none",
        "msg.t + msg.none",
        "0.0 / 0.0 > 1.0",
        "msg.t == msg.none",
        "msg.none != msg.none",
        "if msg.none { 1 } else { 2 }",
    ] {
        unknown(&mut world, expression);
    }
    assert!(matches!(run(&mut world, "clamp(1, 5, 0)"), Err(Fault::Failed { .. })));
}

#[test]
fn numbers_compare_exactly_as_in_conditions() {
    let mut world = World::with(&[]);
    assert_eq!(shown(&mut world, "0.1 + 0.2 == 0.3"), false.into());
    assert_eq!(shown(&mut world, "24.0 > 23.999999999999996"), true.into());
    assert_eq!(shown(&mut world, "3 == 3.0 && 3.0 <= 3"), true.into());
}

#[test]
fn a_pid_loop_remembers_limits_and_begins_anew_with_its_episode() {
    let mut world = World::with(&[("t", 20.0.into())]);
    let (mut host, text) = (host(), "warn(pid(24.0, msg.t, #{ kp: 2, ki: 0.5, min: 0, max: 10 }))");
    let script = host.compile(text, &segments(), &mut Vec::new()).expect(text);
    let mut turn = |world: &mut World, second: f64| {
        world.now = at(second);
        match &host.run(&script, &mut world.env()).expect("it runs").asks[..] {
            [Ask::Act(act)] => act.args[0].as_number().expect("a number"),
            asks => panic!("{asks:?}"),
        }
    };
    // e = 4: kp·e = 8, then 8 + 0.5·4·0.5 = 9; the integral goes no further than to the limit.
    assert_eq!([0.0, 0.5, 10.0, 20.0].map(|second| turn(&mut world, second)), [8.0, 9.0, 10.0, 10.0]);
    let kept = world.state.clone();
    assert!(!kept.is_empty());
    // A pause of more than ten minutes is not integrated; a new episode begins at nothing.
    assert_eq!(turn(&mut world, 2_000.0), 10.0);
    world.begun = Some(at(3_000.0));
    assert_eq!(turn(&mut world, 3_000.0), 8.0);
    assert!(refused("pid(1.0, 2.0)").contains("takes 3 arguments"));
    assert!(matches!(run(&mut world, "pid(1.0, 2.0, #{ kb: 1 })"), Err(Fault::Failed { .. })));
}

#[test]
fn a_script_neither_sees_nor_loses_what_loops_remember() {
    let mut world = World::with(&[("t", 20.0.into())]);
    world.state.push("n".into(), 1.0.into());
    let text = "state.n += 1.0; pid(24.0, msg.t, #{ ki: 1 }); warn(state.len())";
    for _ in 0..2 {
        assert!(
            matches!(&run(&mut world, text).expect("it runs").asks[..], [Ask::Act(act)] if act.args == [1.0.into()])
        );
    }
    assert_eq!((world.state.get("n"), world.state.len()), (Some(&3.0.into()), 2));
    run(&mut world, "state.n = 0.0").expect("it runs");
    assert_eq!(world.state.len(), 2);
}
