use std::time::Duration;

use super::super::fixture::*;
use super::*;
use crate::channels::{Comparison, Limits, MaxOn, Need, Safe, Test, Watched, While};
use crate::model::{Level, Saved, Source, SourceKind, Utc, Value};

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The site of the fixture with limits on some of its devices.
pub(super) fn limited(limits: &[(&str, Limits)]) -> Bench {
    Bench::started(&limited_map(limits))
}

pub(super) fn limited_map(limits: &[(&str, Limits)]) -> ChannelMap {
    let mut map = site(false);
    (map.devices[0].repeat, map.devices[2].safe) = (None, Safe::At(Level::Off));
    for (name, limits) in limits {
        let device = map.devices.iter_mut().find(|device| *device.key.device == **name).unwrap();
        device.limits = limits.clone();
        device.repeat = None;
        device.ttl = seconds(2);
    }
    map
}

pub(super) fn set(bench: &mut Bench, at: f64, who: &str, device: &str, level: Level) -> Vec<u8> {
    bench.ask(at, &rule(who), 50, &ask(device, level));
    bytes(bench)
}

pub(super) fn release(bench: &mut Bench, at: f64, who: &str, device: &str) -> Vec<u8> {
    bench.step(at, GuardEvent::Release { requester: &rule(who), device: &key(device) });
    bytes(bench)
}

pub(super) fn due(bench: &mut Bench, at: f64) -> Vec<u8> {
    bench.due(at);
    bytes(bench)
}

/// The first byte of each frame: half a percent of the fan, or the relays.
pub(super) fn bytes(bench: &Bench) -> Vec<u8> {
    bench.frames().iter().map(|(_, bytes, _)| bytes[0]).collect()
}

pub(super) fn held_back(bench: &Bench, device: &str) -> Option<String> {
    bench.guard.status().into_iter().find(|status| status.device == device).unwrap().held_back
}

pub(super) fn node(field: &str, value: Value, stale: bool) -> Reading {
    let mut reading = reading("N1", "{}", stale);
    let channel = "sensor:update:Veg Room:middle".into();
    reading.source = std::sync::Arc::new(Source {
        kind: SourceKind::Node,
        room: "Veg Room".into(),
        place: "middle".into(),
        name: "N1".into(),
        channel,
        broad: "sensor:update".into(),
        stale_after: None,
        frames: Vec::new(),
        facts: Vec::new(),
    });
    reading.values.set(&field.into(), value);
    reading
}

pub(super) fn watched(field: &str) -> Vec<Watched> {
    vec![Watched { channel: "sensor:update:Veg Room:middle".into(), node: "N1".into(), field: field.into() }]
}

fn forbid(device: &str, test: Test) -> Limits {
    Limits { forbid_while: vec![While { text: device.into(), device: key(device), test }], ..Limits::default() }
}

pub(super) const NONE: [u8; 0] = [];
pub(super) const PUMP: u8 = 0b001;
pub(super) const VALVE: u8 = 0b010;
pub(super) const HEATER: u8 = 0b100;

#[test]
fn min_on_and_min_off_hold_a_compressor_and_what_is_wanted_then_is_done() {
    let limits = Limits { min_on: seconds(300), min_off: seconds(200), ..Limits::default() };
    let mut bench = limited(&[("pump", limits)]);
    assert_eq!(set(&mut bench, 1.0, "a", "pump", Level::On), NONE, "how long it has been off, nobody knows");
    assert_eq!(held_back(&bench, "pump").as_deref(), Some("min_off: off for at least 3m20s"));
    assert_eq!(bench.guard.next_deadline(), Some(at(200.0).mono));
    assert_eq!(due(&mut bench, 200.0), [PUMP]);
    assert_eq!(held_back(&bench, "pump"), None);
    assert_eq!(release(&mut bench, 250.0, "a", "pump"), NONE);
    assert_eq!(held_back(&bench, "pump").as_deref(), Some("min_on: on for at least 5m"));
    assert_eq!(set(&mut bench, 260.0, "a", "pump", Level::On), NONE, "wanted again: it was never off");
    assert_eq!(release(&mut bench, 270.0, "a", "pump"), NONE);
    assert_eq!(due(&mut bench, 499.9), NONE);
    assert_eq!(due(&mut bench, 500.0), [0]);
    assert_eq!(set(&mut bench, 501.0, "a", "pump", Level::On), NONE);
    assert_eq!(release(&mut bench, 502.0, "a", "pump"), NONE);
    assert_eq!(due(&mut bench, 700.0), NONE, "nobody wants it any more");
    assert_eq!(set(&mut bench, 800.0, "a", "pump", Level::On), [PUMP]);
    bench.step(801.0, GuardEvent::Stop);
    assert_eq!(bytes(&bench), [80, 0], "the last word is the safe state, at once");
}

#[test]
fn max_on_locks_off_for_the_stated_time_whatever_the_rules_say() {
    let max_on = Some(MaxOn { time: seconds(600), lockout: seconds(1_200) });
    let mut bench = limited(&[("valve", Limits { max_on, ..Limits::default() })]);
    assert_eq!(set(&mut bench, 1.0, "a", "valve", Level::On), [VALVE]);
    assert_eq!(due(&mut bench, 600.9), NONE);
    assert_eq!(due(&mut bench, 601.0), [0]);
    bench.ask(700.0, &Requester::Person, 100, &ask("valve", Level::On));
    assert_eq!(bytes(&bench), NONE, "nor does a person loosen it");
    assert_eq!(held_back(&bench, "valve").as_deref(), Some("max_on: was on for 10m, off for 20m after that"));
    assert_eq!(due(&mut bench, 1_800.9), NONE);
    assert_eq!(due(&mut bench, 1_801.0), [VALVE]);
}

#[test]
fn max_starts_per_hour_counts_within_any_hour() {
    let mut bench = limited(&[("pump", Limits { max_starts_per_hour: Some(2), ..Limits::default() })]);
    for start in [0.0, 1_000.0] {
        assert_eq!(set(&mut bench, start + 1.0, "a", "pump", Level::On), [PUMP]);
        assert_eq!(release(&mut bench, start + 2.0, "a", "pump"), [0]);
    }
    assert_eq!(set(&mut bench, 2_000.0, "a", "pump", Level::On), NONE);
    assert_eq!(due(&mut bench, 3_600.9), NONE);
    assert_eq!(due(&mut bench, 3_601.0), [PUMP]);
    assert_eq!(release(&mut bench, 3_602.0, "a", "pump"), [0]);
    assert_eq!(set(&mut bench, 4_600.9, "a", "pump", Level::On), NONE);
    assert_eq!(due(&mut bench, 4_601.0), [PUMP]);
}

#[test]
fn a_ramp_takes_its_time_from_where_the_device_is_and_a_limit_does_not() {
    let fan = Limits { ramp: Some(10.0), ..forbid("pump", Test::On) };
    let mut bench = limited(&[("exhaust", fan)]);
    assert_eq!(set(&mut bench, 100.0, "a", "exhaust", Level::At(50.0)), NONE, "not at once: it has been still");
    let mut told = Vec::new();
    for quarter in 1..=5 {
        told.extend(due(&mut bench, 100.0 + f64::from(quarter) * 0.25));
    }
    assert_eq!(told, [85, 90, 95, 100], "2.5 a quarter of a second, in halves");
    assert_eq!(held_back(&bench, "exhaust"), None);
    assert_eq!(set(&mut bench, 110.0, "a", "pump", Level::On), [0, PUMP], "what forbids it does not wait");
}

#[test]
fn forbid_while_is_judged_with_what_is_decided_at_the_same_moment() {
    let above = Test::Compare(Comparison::Greater, 50.0);
    let mut bench = limited(&[("pump", forbid("exhaust", above))]);
    bench.guard.hold(at(1.0), &mut Vec::new());
    set(&mut bench, 1.0, "a", "pump", Level::On);
    set(&mut bench, 1.0, "a", "exhaust", Level::At(60.0));
    bench.out.clear();
    bench.guard.release_held(at(1.0), &mut bench.out);
    assert_eq!(bytes(&bench), [120], "the fan runs, the pump waits");
    assert_eq!(held_back(&bench, "pump").as_deref(), Some("forbid_while: exhaust"));
    assert_eq!(set(&mut bench, 2.0, "a", "exhaust", Level::At(50.0)), [100]);
    assert_eq!(
        due(&mut bench, 4.0),
        [PUMP],
        "without feedback it has come down when its frame is through or has failed"
    );
    assert_eq!(set(&mut bench, 5.0, "a", "exhaust", Level::At(51.0)), [102, 0]);
}

#[test]
fn forbid_while_believes_the_feedback_and_the_command() {
    let mut bench = limited(&[("pump", forbid("exhaust", Test::Compare(Comparison::Greater, 50.0)))]);
    let says = |speed: u32| reading("exhaust", &format!(r#"{{"speed":{speed}}}"#), false);
    bench.step(1.0, GuardEvent::Reading(&says(60)));
    assert_eq!(set(&mut bench, 10.0, "a", "pump", Level::On), NONE, "told 40, but it says 60");
    bench.step(11.0, GuardEvent::Reading(&says(45)));
    assert_eq!(bytes(&bench), [PUMP]);
    bench.step(12.0, GuardEvent::Reading(&says(51)));
    assert_eq!(bytes(&bench), [0]);
    bench.step(12.1, GuardEvent::Reading(&says(45)));
    assert_eq!(bytes(&bench), NONE, "switched off by a limit it stays so for a moment");
    assert_eq!(due(&mut bench, 13.0), [PUMP]);
}

#[test]
fn two_that_forbid_each_other_do_not_flutter_and_the_one_that_runs_goes_on() {
    let mut bench = limited(&[("pump", forbid("heater", Test::On)), ("heater", forbid("pump", Test::On))]);
    assert_eq!(set(&mut bench, 1.0, "a", "heater", Level::On), [HEATER]);
    bench.ask(2.0, &rule("a"), 90, &ask("pump", Level::On));
    assert_eq!(bytes(&bench), NONE);
    assert_eq!(release(&mut bench, 3.0, "a", "heater"), [0]);
    assert_eq!(due(&mut bench, 5.0), [PUMP]);
}

#[test]
fn only_while_needs_the_other_to_run() {
    let fan = While { text: "pump".into(), device: key("pump"), test: Test::State { is: true, state: "on".into() } };
    let mut bench = limited(&[("heater", Limits { only_while: vec![fan], ..Limits::default() })]);
    assert_eq!(set(&mut bench, 1.0, "a", "heater", Level::On), NONE);
    assert_eq!(set(&mut bench, 2.0, "a", "pump", Level::On), [PUMP]);
    assert_eq!(due(&mut bench, 4.0), [PUMP | HEATER]);
    assert_eq!(release(&mut bench, 5.0, "a", "pump"), [0], "both at once");
}

#[test]
fn an_interlock_breaks_before_it_makes_and_the_higher_priority_has_it() {
    let group = || Limits { interlocks: vec!["heat or pump".into()], ..Limits::default() };
    let mut bench = limited(&[("pump", group()), ("heater", Limits { min_on: seconds(10), ..group() })]);
    bench.guard.hold(at(1.0), &mut Vec::new());
    set(&mut bench, 1.0, "a", "pump", Level::On);
    set(&mut bench, 1.0, "a", "heater", Level::On);
    bench.out.clear();
    bench.guard.release_held(at(1.0), &mut bench.out);
    assert_eq!(bytes(&bench), [PUMP], "of equals the first of the map");
    bench.ask(5.0, &rule("b"), 60, &ask("heater", Level::On));
    assert_eq!(bytes(&bench), [0]);
    assert_eq!(held_back(&bench, "heater").as_deref(), Some("interlock: waits for Veg Room/pump to be off"));
    assert_eq!(due(&mut bench, 7.0), [HEATER]);
    bench.ask(8.0, &rule("b"), 70, &ask("pump", Level::On));
    assert_eq!(bytes(&bench), NONE, "one that must stay on stays on");
    assert_eq!(due(&mut bench, 17.0), [0]);
    assert_eq!(due(&mut bench, 19.0), [PUMP]);
}

#[test]
fn devices_start_one_after_the_other() {
    let stagger = || Limits { stagger: seconds(5), ..Limits::default() };
    let mut bench = limited(&[("pump", stagger()), ("valve", stagger()), ("heater", stagger())]);
    bench.guard.hold(at(10.0), &mut Vec::new());
    for device in ["pump", "valve", "heater"] {
        set(&mut bench, 10.0, "a", device, Level::On);
    }
    bench.out.clear();
    bench.guard.release_held(at(10.0), &mut bench.out);
    assert_eq!(bytes(&bench), [PUMP]);
    assert_eq!(due(&mut bench, 15.0), [PUMP | VALVE]);
    assert_eq!(due(&mut bench, 20.0), [PUMP | VALVE | HEATER]);
}

#[test]
fn a_need_wants_a_fresh_reading_within_its_limits() {
    let need = Need {
        text: "co2 below 1500".into(),
        readings: watched("co2"),
        below: Some(1_500.0),
        above: None,
        fresh: Some(seconds(30)),
    };
    let mut bench = limited(&[("pump", Limits { needs: vec![need], ..Limits::default() })]);
    assert_eq!(set(&mut bench, 1.0, "a", "pump", Level::On), NONE);
    assert_eq!(held_back(&bench, "pump").as_deref(), Some("needs: co2 below 1500, and none is fresh"));
    bench.step(2.0, GuardEvent::Reading(&node("co2", Value::Number(900.0), false)));
    assert_eq!(bytes(&bench), [PUMP]);
    bench.step(3.0, GuardEvent::Reading(&node("other", Value::Number(9_000.0), false)));
    assert_eq!(bytes(&bench), NONE);
    bench.step(20.0, GuardEvent::Reading(&node("co2", Value::Number(1_500.0), false)));
    assert_eq!(bytes(&bench), [0]);
    bench.step(30.0, GuardEvent::Reading(&node("co2", Value::Number(1_499.0), false)));
    assert_eq!(bytes(&bench), [PUMP]);
    bench.step(31.0, GuardEvent::Reading(&node("co2", Value::Null, false)));
    assert_eq!(bytes(&bench), [0], "a sensor that says that it has no value");
    bench.step(40.0, GuardEvent::Reading(&node("co2", Value::Number(1_000.0), false)));
    assert_eq!(bytes(&bench), [PUMP]);
    assert_eq!(due(&mut bench, 69.9), NONE);
    assert_eq!(due(&mut bench, 70.0), [0], "silence");
}

#[test]
fn a_command_that_did_not_leave_in_time_is_decided_anew() {
    let mut bench = limited(&[]);
    assert_eq!(set(&mut bench, 1.0, "a", "pump", Level::On), [PUMP]);
    set(&mut bench, 2.0, "a", "valve", Level::On);
    bench.step(3.5, GuardEvent::Expired(BusId(0), RELAYS));
    assert_eq!(bench.frames(), [(RELAYS, vec![PUMP | VALVE], 1)]);
    bench.step(4.0, GuardEvent::Expired(BusId(1), RELAYS));
    assert_eq!(bytes(&bench), NONE);
}

#[test]
fn timers_and_manual_requests_outlive_a_restart_whatever_the_clock_does() {
    let max_on = Some(MaxOn { time: seconds(600), lockout: seconds(600) });
    let limits = Limits { min_off: seconds(300), max_starts_per_hour: Some(1), max_on, ..Limits::default() };
    let map = limited_map(&[("pump", limits)]);
    let mut bench = Bench::started(&map);
    bench.due(300.0);
    set(&mut bench, 300.0, "a", "pump", Level::On);
    bench.command(400.0, "exhaust", r#"{"set": 70, "for": "1h", "reason": "flush"}"#);
    let mut saved: Vec<Saved> = Vec::new();
    bench.guard.drain_saved(bench.guard.now, &mut saved);
    assert_eq!(saved.len(), 2);
    bench.guard.drain_saved(bench.guard.now, &mut saved);
    assert_eq!(saved.len(), 2, "nothing has changed since");
    let restart = |mono: f64, utc: f64| {
        let start = Timestamp { mono: Mono::START + Duration::from_secs_f64(mono), utc: Utc::from_seconds(utc) };
        let mut bench = Bench::new(&map);
        assert_eq!(bench.guard.restore(start, &saved), Vec::<String>::new());
        bench.guard.step(start, GuardEvent::Start, &mut bench.out);
        bench
    };
    let status = |bench: &Bench| bench.guard.status()[0].clone();
    // The fixture's clocks: 1000 s after 1970 at 0.
    let hour_later = restart(5.0, 1_400.0 + 1_800.0);
    assert_eq!(status(&hour_later).wanted, Value::Number(70.0));
    assert_eq!((bytes(&hour_later)[0], status(&hour_later).until), (140, Some(5_000.0)));
    let mut one = restart(5.0, 1_400.0 + 1_800.0);
    let later = |seconds| Timestamp { mono: Mono::START + Duration::from_secs(seconds), ..at(0.0) };
    one.out.clear();
    let request = ask("pump", Level::On);
    let event = GuardEvent::Request { requester: rule("a"), priority: 50, request: &request, revision: None };
    one.guard.step(later(6), event, &mut one.out);
    assert_eq!(bytes(&one), NONE, "how long it has been off, nobody knows");
    one.guard.due(later(305), &mut one.out);
    assert!(held_back(&one, "pump").unwrap().contains("max_starts_per_hour"), "{:?}", held_back(&one, "pump"));
    assert_eq!(status(&restart(5.0, 1_400.0 + 4_000.0)).wanted, Value::Number(40.0), "it has ended meanwhile");
    let back = restart(5.0, 10.0);
    assert_eq!(status(&back).until, Some(10.0 + 3_600.0), "no more time than it had");
}
