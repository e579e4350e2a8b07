//! What random sites have found, each by itself.

use super::super::fixture::*;
use super::super::timing::Timing;
use super::limits_tests::*;
use super::*;
use crate::channels::{Comparison, Limits, MaxOn, Safe, Test, While};
use crate::model::{Level, Saved, Utc};

fn condition(device: &str, test: Test) -> Vec<While> {
    vec![While { text: device.into(), device: key(device), test }]
}

fn forbid(device: &str, test: Test) -> Limits {
    Limits { forbid_while: condition(device, test), ..Limits::default() }
}

fn min_on(seconds: u64) -> Limits {
    Limits { min_on: Duration::from_secs(seconds), ..Limits::default() }
}

fn reload(bench: &mut Bench, seconds: f64, map: &ChannelMap) -> Vec<u8> {
    bench.out.clear();
    bench.guard.reload(at(seconds), map, &mut bench.out);
    bytes(bench)
}

fn without(map: &ChannelMap, name: &str) -> ChannelMap {
    let devices = map.devices.iter().filter(|device| *device.key.device != *name);
    ChannelMap { devices: devices.cloned().collect(), ..ChannelMap::default() }
}

fn ask_at(bench: &mut Bench, at: f64, priority: u8, device: &str, level: Level) -> Vec<u8> {
    bench.ask(at, &rule("a"), priority, &ask(device, level));
    bytes(bench)
}

/// A pump that was on and is off, as it was saved at 1,310 s after 1970.
fn saved(map: &ChannelMap) -> Vec<Saved> {
    let mut bench = Bench::started(map);
    bench.due(300.0);
    set(&mut bench, 300.0, "a", "pump", Level::On);
    release(&mut bench, 310.0, "a", "pump");
    let mut saved = Vec::new();
    bench.guard.drain_saved(bench.guard.now, &mut saved);
    saved
}

/// How many rows are saved by a run that begins at `begins`, at its first save at `saves`, by the civil clock.
fn saved_by_the_next_run(begins: f64, saves: f64) -> usize {
    let limits = Limits { min_off: seconds(60), ..Limits::default() };
    let map = limited_map(&[("pump", limits)]);
    let civil = |utc| Timestamp { mono: Mono::START, utc: Utc::from_seconds(utc) };
    let mut bench = Bench::new(&map);
    bench.guard.restore(civil(begins), &saved(&map));
    bench.guard.step(civil(begins), GuardEvent::Start, &mut bench.out);
    let mut rows = Vec::new();
    bench.guard.drain_saved(civil(saves), &mut rows);
    rows.len()
}

#[test]
fn a_clock_that_is_set_between_the_start_and_the_first_save_has_everything_saved_anew() {
    assert_eq!(saved_by_the_next_run(2_000.0, 2_000.0), 0);
    assert_eq!(saved_by_the_next_run(2_000.0, 90_000.0), 1);
}

#[test]
fn a_past_that_has_not_been_yet_is_saved_anew_so_that_it_does_not_begin_with_each_start() {
    assert_eq!(saved_by_the_next_run(1_311.0, 1_311.0), 0);
    assert_eq!(saved_by_the_next_run(1_200.0, 1_200.0), 1);
}

#[test]
fn a_lock_ends_with_a_command_to_be_on_and_not_with_what_is_heard() {
    let mut timing = Timing::default();
    timing.locked_until = Some(Mono(100));
    timing.found(Mono(1), true);
    timing.told(Mono(2), false, true);
    assert_eq!(timing.locked_until, Some(Mono(100)));
    timing.told(Mono(3), true, false);
    assert_eq!(timing.locked_until, None);
}

#[test]
fn what_starts_gives_way_before_what_runs() {
    let loose = forbid("exhaust", Test::Compare(Comparison::Greater, 90.0));
    let heater = Limits { min_on: seconds(100), ..forbid("valve", Test::On) };
    let mut bench = limited(&[("heater", heater), ("valve", forbid("pump", Test::On)), ("pump", loose)]);
    assert_eq!(set(&mut bench, 10.0, "a", "heater", Level::On), [HEATER]);
    bench.guard.hold(at(20.0), &mut Vec::new());
    ask_at(&mut bench, 20.0, 60, "valve", Level::On);
    ask_at(&mut bench, 20.0, 50, "pump", Level::On);
    bench.out.clear();
    bench.guard.release_held(at(20.0), &mut bench.out);
    assert_eq!(bytes(&bench), [HEATER | PUMP], "the valve, which may not run beside the pump, stops no heater");
}

#[test]
fn what_could_not_run_without_the_one_that_it_stops_does_not_start() {
    for (running, starting) in [(60, 50), (50, 60)] {
        let mut bench = limited(&[("pump", forbid("heater", Test::On)), ("heater", forbid("pump", Test::Off))]);
        assert_eq!(ask_at(&mut bench, 10.0, running, "pump", Level::On), [PUMP]);
        assert_eq!(ask_at(&mut bench, 20.0, starting, "heater", Level::On), NONE, "{running} against {starting}");
        assert_eq!(due(&mut bench, 30.0), NONE);
    }
}

#[test]
fn nothing_jumps_for_what_does_not_start() {
    let fan = Limits { ramp: Some(10.0), ..forbid("pump", Test::On) };
    let pump = forbid("exhaust", Test::Compare(Comparison::Less, 30.0));
    let mut bench = limited(&[("exhaust", fan), ("pump", pump)]);
    // Until it is known that the pump is off, the fan waits.
    (0..100).for_each(|quarter| drop(due(&mut bench, f64::from(quarter) * 0.25)));
    assert_eq!(ask_at(&mut bench, 30.0, 90, "pump", Level::On), NONE);
    assert!(held_back(&bench, "pump").unwrap().contains("forbid_while"));
    assert_eq!(held_back(&bench, "exhaust"), None);
}

#[test]
fn what_rises_to_where_it_would_be_alone_stays_below() {
    let fan = Limits { ramp: Some(10.0), only_while: condition("pump", Test::On), ..Limits::default() };
    let pump = forbid("exhaust", Test::Compare(Comparison::Greater, 50.0));
    let mut bench = limited(&[("exhaust", fan), ("pump", pump)]);
    assert_eq!(set(&mut bench, 10.0, "a", "pump", Level::On), [PUMP]);
    due(&mut bench, 12.0);
    ask_at(&mut bench, 13.0, 90, "exhaust", Level::At(80.0));
    let told: Vec<u8> = (0..100).flat_map(|quarter| due(&mut bench, 13.0 + f64::from(quarter) * 0.25)).collect();
    assert!(told.is_sorted(), "{told:?}");
    assert_eq!(told.last(), Some(&100));
}

#[test]
fn a_number_that_min_on_keeps_is_within_the_range_of_a_new_map() {
    let mut map = limited_map(&[("exhaust", min_on(100))]);
    map.devices[0].safe = Safe::At(Level::Off);
    let mut bench = Bench::started(&map);
    set(&mut bench, 10.0, "a", "exhaust", Level::At(80.0));
    assert_eq!(release(&mut bench, 11.0, "a", "exhaust"), NONE);
    map.devices[0].limits.range = Some((0.0, 50.0));
    assert_eq!(reload(&mut bench, 12.0, &map), [100]);
}

#[test]
fn a_frame_that_is_sent_again_tells_a_neighbour_at_fault_only_what_its_limits_allow() {
    let mut map = limited_map(&[("pump", min_on(100))]);
    map.devices[0].feedback = None;
    for (which, signal, retries) in [(1, 0, 0), (3, 2, 1)] {
        let layout = map.devices[which].command.frame.clone();
        map.devices[which] = with_feedback(map.devices[which].clone(), &layout, signal);
        let feedback = map.devices[which].feedback.as_mut().unwrap();
        (feedback.within, feedback.retries) = (seconds(3), retries);
    }
    let mut bench = Bench { guard: Guard::new(&map, at(0.0)), out: Vec::new() };
    bench.step(0.0, GuardEvent::Start);
    bench.step(1.0, GuardEvent::Reading(&reading("pump", r#"{"relay_0":null}"#, false)));
    assert_eq!(set(&mut bench, 2.0, "a", "pump", Level::On), [PUMP]);
    bench.due(3.0);
    assert!(bench.out.iter().any(|out| matches!(out, DeviceOut::Fault { fault: Some(_), .. })), "{:?}", bench.out);
    assert_eq!(bytes(&bench), [PUMP], "the heater's retry");
}

#[test]
fn a_feedback_that_has_followed_has_the_whole_time_again() {
    let mut map = limited_map(&[]);
    map.devices[0].feedback.as_mut().unwrap().within = seconds(3);
    let mut bench = Bench { guard: Guard::new(&map, at(0.0)), out: Vec::new() };
    bench.step(0.0, GuardEvent::Start);
    for (at, speed) in [(1.0, 40), (2.0, 80)] {
        bench.step(at, GuardEvent::Reading(&reading("exhaust", &format!(r#"{{"speed":{speed}}}"#), false)));
    }
    assert_eq!(due(&mut bench, 4.9), NONE);
    assert_eq!(due(&mut bench, 5.0), [80], "told again");
}

#[test]
fn a_device_that_is_missing_from_two_maps_has_its_starts_still() {
    let map = limited_map(&[("pump", Limits { max_starts_per_hour: Some(1), ..Limits::default() })]);
    let mut bench = Bench::started(&map);
    assert_eq!(set(&mut bench, 10.0, "a", "pump", Level::On), [PUMP]);
    assert_eq!(reload(&mut bench, 11.0, &without(&map, "pump")), [0]);
    reload(&mut bench, 12.0, &without(&map, "pump"));
    reload(&mut bench, 13.0, &map);
    assert!(held_back(&bench, "pump").unwrap().contains("max_starts_per_hour"));
}

#[test]
fn a_device_that_leaves_on_its_way_is_left_at_its_safe_state() {
    let map = limited_map(&[("exhaust", Limits { ramp: Some(10.0), ..Limits::default() })]);
    let mut bench = Bench::started(&map);
    set(&mut bench, 10.0, "a", "exhaust", Level::At(80.0));
    assert_eq!(due(&mut bench, 10.25), [85]);
    assert_eq!(reload(&mut bench, 10.3, &without(&map, "exhaust")), [80]);
}

#[test]
fn a_keeper_that_returns_with_its_frame_is_as_it_was_told_and_for_as_long() {
    let mut map = limited_map(&[]);
    (map.devices[0].safe, map.devices[0].feedback) = (Safe::Keep, None);
    let mut bench = Bench::started(&map);
    assert_eq!(set(&mut bench, 10.0, "a", "exhaust", Level::At(80.0)), [160]);
    release(&mut bench, 11.0, "a", "exhaust");
    assert_eq!(reload(&mut bench, 12.0, &without(&map, "exhaust")), NONE, "alone in its frame it is left alone");
    map.devices[0].limits.max_on = Some(MaxOn { time: seconds(10), lockout: seconds(10) });
    assert_eq!(reload(&mut bench, 19.9, &map), NONE);
    assert_eq!(due(&mut bench, 20.0), [0]);
}

#[test]
fn one_that_was_on_and_is_told_so_again_by_the_next_run_has_been_started_once_more() {
    let map = limited_map(&[("pump", Limits { max_starts_per_hour: Some(2), ..Limits::default() })]);
    let mut before = Bench::started(&map);
    set(&mut before, 10.0, "a", "pump", Level::On);
    let mut saved = Vec::new();
    before.guard.drain_saved(at(20.0), &mut saved);
    let mut bench = Bench::new(&map);
    bench.guard.restore(at(30.0), &saved);
    bench.ask(30.0, &rule("a"), 50, &ask("pump", Level::On));
    bench.step(30.0, GuardEvent::Start);
    assert_eq!(bytes(&bench), [80, PUMP]);
    assert_eq!(release(&mut bench, 40.0, "a", "pump"), [0]);
    assert_eq!(set(&mut bench, 50.0, "a", "pump", Level::On), NONE);
    assert!(held_back(&bench, "pump").unwrap().contains("max_starts_per_hour"));
}
