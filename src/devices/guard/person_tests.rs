use std::time::Duration;

use super::super::super::fixture::*;
use super::super::super::status::{PersonRefused, PersonsWord};
use super::super::{DeviceOut, GuardEvent};
use crate::channels::{Limits, Test, While};
use crate::model::{Level, Value};

const START: f64 = 1_000.0;

fn person(bench: &mut Bench, at_seconds: f64, device: &str, json: &str) -> Result<PersonsWord, PersonRefused> {
    bench.out.clear();
    bench.guard.person(at(at_seconds), &key(device), &serde_json::from_str(json).unwrap(), &mut bench.out)
}

fn wrong(bench: &mut Bench, device: &str, json: &str) -> String {
    match person(bench, 1.0, device, json) {
        Err(PersonRefused::Wrong(why)) => why,
        other => panic!("{device} {json}: {other:?}"),
    }
}

#[test]
fn a_persons_request_ends_by_itself_whatever_was_said_of_its_end() {
    let mut bench = Bench::started(&site(false));
    let word = person(&mut bench, 1.0, "exhaust", r#"{"set": 60, "reason": "smoke"}"#).unwrap();
    assert_eq!((word.device.source.as_str(), word.device.wanted), ("growctl device set", Value::Number(60.0)));
    assert_eq!((word.device.until, word.limited_from), (Some(START + 1.0 + 3_600.0), None));
    assert_eq!(bench.frames()[0].1[0], 120);
    let word = person(&mut bench, 2.0, "exhaust", r#"{"set": 130, "for": "24h"}"#).unwrap();
    assert_eq!((word.device.until, word.limited_from), (Some(START + 2.0 + 86_400.0), Some(130.0)));
    bench.due(86_401.0);
    assert_eq!(bench.guard.status()[0].source, "growctl device set");
    bench.due(86_402.0);
    assert_eq!(bench.guard.status()[0].source, "safe");
}

#[test]
fn what_is_wrong_with_a_persons_word_is_said_and_changes_nothing() {
    let mut bench = Bench::started(&site(false));
    for (device, json, why) in [
        (
            "exhuast",
            r#"{"set": 1}"#,
            "the channel map has no device 'Veg Room/exhuast', did you mean 'Veg Room/exhaust'?",
        ),
        ("pump", r#"{"set": "onn"}"#, "relay_0 cannot be 'onn': it takes off, on; did you mean 'on'?"),
        ("pump", r#"{"set": 3}"#, "relay_0 cannot be 3: it takes off, on"),
        (
            "pump",
            r#"{"set": "on", "for": "25h"}"#,
            "for is 1d1h, at most 24h: a forgotten request would stand above the rules",
        ),
    ] {
        assert_eq!(wrong(&mut bench, device, json), why);
        assert_eq!((bench.frames().len(), bench.refusals()), (0, vec![why]));
    }
    let counts = bench.guard.counts();
    assert_eq!((counts.received, counts.accepted, counts.refused()), (4, 0, 4));
    bench.step(2.0, GuardEvent::Stop);
    let refused = person(&mut bench, 3.0, "pump", r#"{"set": "on"}"#);
    assert!(matches!(refused, Err(PersonRefused::Stopping(_))), "{refused:?}");
}

#[test]
fn a_release_ends_the_persons_request_alone_and_says_who_decides_then() {
    let mut bench = Bench::started(&site(false));
    bench.ask(1.0, &rule("cool"), 50, &ask("exhaust", Level::At(30.0)));
    person(&mut bench, 2.0, "exhaust", r#"{"set": 60}"#).unwrap();
    let word = person(&mut bench, 3.0, "exhaust", r#"{"release": true}"#).unwrap();
    assert_eq!((word.released, word.device.source.as_str(), bench.frames()[0].1[0]), (true, "rule cool", 60));
    let word = person(&mut bench, 4.0, "exhaust", r#"{"release": true}"#).unwrap();
    assert_eq!((word.released, word.device.requests.len(), bench.frames().len()), (false, 1, 0));
}

#[test]
fn a_persons_state_ends_a_fault_and_a_refused_one_does_not() {
    let mut map = site(false);
    let feedback = map.devices[0].feedback.as_mut().unwrap();
    (feedback.within, feedback.retries) = (Duration::from_secs(3), 0);
    let mut bench = Bench::started(&map);
    bench.step(0.5, GuardEvent::Reading(&reading("exhaust", r#"{"speed": 0}"#, false)));
    bench.due(3.0);
    let fault = bench.guard.status()[0].fault.clone().expect("it does not follow");
    wrong(&mut bench, "exhaust", r#"{"set": "fast"}"#);
    assert_eq!(bench.guard.status()[0].fault.as_ref(), Some(&fault));
    let word = person(&mut bench, 4.0, "exhaust", r#"{"set": 70}"#).unwrap();
    assert_eq!((word.forgiven.as_deref(), word.device.fault), (Some(&*fault), None));
    assert!(bench.out.iter().any(|out| matches!(out, DeviceOut::Fault { fault: None, .. })), "{:?}", bench.out);
    assert_eq!(bench.frames()[0].1[0], 140);
    // It has the whole time to follow, and is at fault again if it does not.
    bench.due(6.9);
    assert_eq!(bench.guard.status()[0].fault, None);
    bench.due(7.0);
    assert!(bench.guard.status()[0].fault.is_some());
}

#[test]
fn why_tells_each_limit_for_itself_and_the_request_in_force_first() {
    let mut map = site(false);
    let fan = While {
        text: "Veg Room/exhaust > 50".into(),
        device: key("exhaust"),
        test: Test::Compare(crate::channels::Comparison::Greater, 50.0),
    };
    map.devices[1].limits = Limits {
        min_off: Duration::from_secs(300),
        max_starts_per_hour: Some(2),
        forbid_while: vec![fan],
        ..Limits::default()
    };
    let mut bench = Bench::started(&map);
    bench.ask(1.0, &rule("wet"), 50, &ask("pump", Level::On));
    person(&mut bench, 2.0, "pump", r#"{"set": "on"}"#).unwrap();
    let told = |bench: &mut Bench, at_seconds: f64| {
        let why = bench.guard.why(at(at_seconds), &key("pump")).unwrap();
        let limits = why.limits.iter().map(|one| (one.guard, one.in_force, one.until)).collect::<Vec<_>>();
        (why.clone(), limits)
    };
    let (why, limits) = told(&mut bench, 10.0);
    let sources: Vec<&str> = why.status.requests.iter().map(|one| one.source.as_str()).collect();
    assert_eq!(sources, ["growctl device set", "rule wet"]);
    assert_eq!(
        limits,
        [
            ("min_off", Some(true), Some(START + 300.0)),
            ("max_starts_per_hour", Some(false), None),
            ("forbid_while", Some(false), None)
        ]
    );
    assert_eq!((why.timing.on, why.timing.since, why.command.bytes.as_deref()), (false, Some(START), Some("02")));
    person(&mut bench, 20.0, "exhaust", r#"{"set": 60}"#).unwrap();
    let (why, limits) = told(&mut bench, 21.0);
    assert_eq!(limits[2], ("forbid_while", Some(true), None));
    assert_eq!(why.limits[2].found.as_deref(), Some("it is 60, or still 40"));
    person(&mut bench, 30.0, "exhaust", r#"{"set": 20}"#).unwrap();
    bench.due(300.0);
    let (why, limits) = told(&mut bench, 310.0);
    assert_eq!(limits.iter().filter(|one| one.1 == Some(true)).count(), 0, "{limits:?}");
    assert_eq!((why.timing.on, why.timing.starts.as_slice()), (true, &[START + 300.0][..]));
    assert!(bench.guard.why(at(311.0), &key("pmup")).unwrap_err().contains("did you mean 'Veg Room/pump'?"));
}
