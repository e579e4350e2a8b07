use std::time::Duration;

use proptest::prelude::*;

use crate::can::{BusId, CanId, Frame};
use crate::channels::Link;
use crate::model::{Mono, Value};

use super::fixture::{Rig, at, site, site_of};
use super::{Plant, PlantCounts};

fn stamped(frames: &[Frame]) -> Vec<(u64, i64, u32, Vec<u8>)> {
    frames.iter().map(|f| (f.at.mono.0, f.at.utc.0, f.id.raw(), f.bytes().to_vec())).collect()
}

/// An hour from noon in which somebody switches things at fixed moments, stepping by `gap` in between.
fn switched(seed: u64, mut gap: impl FnMut() -> Duration) -> Vec<Frame> {
    let mut rig = Rig::new(seed, 12.0);
    let mut orders = vec![
        (3.25, "Flower Room/lights", Value::Number(100.0)),
        (20.0, "Flower Room/exhaust", Value::Number(80.0)),
        (21.3, "Flower Room/exhaust", Value::Number(35.0)),
        (25.0, "Veg Room/valve_1", Value::text("on")),
        (26.0, "Veg Room/heater", Value::Number(60.0)),
    ];
    orders.reverse();
    let end = at(12.0 * 3600.0 + 300.0);
    while rig.now < end {
        let order = orders.last().map_or(end, |(seconds, ..)| at(12.0 * 3600.0 + seconds));
        rig.now = (rig.now + gap()).min(order);
        rig.run(0.0);
        if rig.now == order
            && let Some((_, device, value)) = orders.pop()
        {
            rig.set(device, value);
        }
    }
    rig.frames
}

#[test]
fn the_same_seed_gives_the_same_frames_to_the_byte() {
    let second = || Duration::from_millis(500);
    assert_eq!(stamped(&switched(1, second)), stamped(&switched(1, second)));
    assert_ne!(stamped(&switched(1, second)), stamped(&switched(2, second)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn it_does_not_matter_when_the_plant_is_called(gaps in proptest::collection::vec(1_u64..990, 8..40)) {
        let mut gaps = gaps.iter().cycle();
        let frames = stamped(&switched(1, || Duration::from_millis(*gaps.next().expect("it cycles"))));
        prop_assert!(frames.is_sorted_by_key(|frame| frame.0));
        prop_assert_eq!(frames, stamped(&switched(1, || Duration::from_millis(100))));
    }
}

#[test]
fn all_speak_at_the_start_and_then_in_a_cycle_of_their_own() {
    let mut plant = Plant::new(&site(), 1, at(0.0));
    assert_eq!(plant.next_deadline(), Some(at(0.0).mono));
    let mut frames = Vec::new();
    plant.step(at(0.0), None, &mut frames);
    assert!(frames.iter().all(|frame| frame.at == at(0.0)));
    assert_eq!(frames.len(), 5 + 5, "five nodes, and five identifiers of feedback for six devices");
    while let Some(next) = plant.next_deadline().filter(|next| *next < at(60.0).mono) {
        let before = frames.len();
        plant.step(at(next.since(at(0.0).mono).as_secs_f64()), None, &mut frames);
        assert!(frames.len() > before, "a deadline without a frame");
    }
    for (id, cycle, early) in [(0x181, 2.0, 1.0), (0x1A0, 2.0, 1.0), (0x381, 1.0, 0.5)] {
        let of_id = frames.iter().filter(|f| f.id == CanId::Standard(id));
        let times: Vec<f64> = of_id.map(|f| f.at.mono.since(at(0.0).mono).as_secs_f64()).collect();
        assert!((early..=cycle).contains(&times[1]), "{times:?}");
        assert!(times[1..].windows(2).all(|pair| (pair[1] - pair[0] - cycle).abs() < 1e-9), "{times:?}");
    }
    let second: Vec<Mono> = frames[10..15].iter().map(|frame| frame.at.mono).collect();
    assert!(second.windows(2).all(|pair| pair[0] < pair[1]), "they speak apart");
}

#[test]
fn who_slept_gets_no_burst_and_then_the_same_frames_as_who_did_not() {
    let (mut awake, mut slept) = (Rig::new(1, 9.0), Rig::new(1, 9.0));
    for rig in [&mut awake, &mut slept] {
        rig.set("Flower Room/lights", 100.0);
        rig.set("Flower Room/exhaust", 90.0);
    }
    (0..36_000).for_each(|_| awake.run(0.1));
    let before = slept.frames.len();
    slept.run(3600.0);
    let caught_up = &slept.frames[before..];
    assert!(caught_up.is_sorted_by_key(|frame| frame.at), "in the order of time");
    // One of each, and three out of turn: the exhaust arrived, its watchdog ran out, it arrived at safe.
    assert_eq!(caught_up.len(), 10 + 3, "{caught_up:?}");
    let (one, other) = (awake.plant.counts(), slept.plant.counts());
    assert_eq!((other.sent + other.skipped, other.commands), (one.sent, one.commands));
    assert!(one.skipped == 0 && other.skipped > 10_000, "{other:?}");
    for rig in [&mut awake, &mut slept] {
        rig.frames.clear();
        (0..100).for_each(|_| rig.run(0.1));
    }
    assert_eq!(stamped(&awake.frames), stamped(&slept.frames));
}

#[test]
fn a_controller_holds_the_room_that_runs_hot_without_it() {
    let run = |control: bool| {
        let mut rig = Rig::new(3, 10.0);
        let (mut highest, mut lowest, mut switches, mut fan) = (f64::MIN, f64::MAX, 0, 20.0);
        for second in 0..3600 {
            rig.run(1.0);
            let temperature = rig.number("FR-C1", "temperature");
            let wanted = if temperature > 28.0 {
                80.0
            } else if temperature < 26.0 {
                20.0
            } else {
                fan
            };
            switches += u32::from(wanted != fan && control);
            fan = if control { wanted } else { fan };
            if second % 4 == 0 {
                rig.set("Flower Room/lights", 100.0);
                rig.set("Flower Room/exhaust", fan);
                rig.frames.drain(..rig.frames.len().saturating_sub(50));
            }
            if second > 300 {
                (highest, lowest) = (highest.max(temperature), lowest.min(temperature));
            }
        }
        (highest, lowest, switches)
    };
    let (highest, lowest, switches) = run(true);
    assert!(highest < 28.7 && lowest > 25.3, "{lowest} to {highest} °C");
    assert!((6..60).contains(&switches), "{switches}");
    assert!(run(false).0 > 29.5);
}

#[test]
fn a_week_passes_in_good_order_and_costs_nothing() {
    let mut rig = Rig::new(1, 0.0);
    for hour in 0..7 * 24 {
        for _ in 0..60 {
            rig.run(60.0);
        }
        rig.set("Flower Room/lights", if (8..20).contains(&(hour % 24)) { 100.0 } else { 0.0 });
        for node in ["FR-C1", "FR-C2", "VR-C1"] {
            let (co2, humidity) = (rig.number(node, "co2"), rig.number(node, "humidity"));
            assert!((200.0..1500.0).contains(&co2), "{node}: {co2} ppm after {hour} h");
            assert!((15.0..=100.0).contains(&humidity), "{node}: {humidity} % after {hour} h");
            assert!((5.0..45.0).contains(&rig.number(node, "temperature")), "{node} after {hour} h");
        }
        rig.frames.drain(..rig.frames.len() - 50);
    }
}

#[test]
fn feedback_follows_at_once_and_fans_take_their_time() {
    let mut rig = Rig::new(1, 12.0);
    rig.run(0.3);
    rig.frames.clear();
    rig.set("Flower Room/exhaust", 100.0);
    assert_eq!(stamped(&rig.frames).len(), 1, "at once, before it has moved");
    assert_eq!(rig.number("Flower Room/exhaust", "speed"), 20.0);
    rig.run(0.8);
    rig.run(0.81);
    assert_eq!(rig.number("Flower Room/exhaust", "speed"), 100.0, "it says so when it has arrived, 1.6 s later");
    assert_eq!(rig.number("Flower Room/exhaust", "rpm"), 2900.0);
    rig.frames.clear();
    rig.set("Flower Room/exhaust", 100.0);
    assert!(rig.frames.is_empty(), "nothing has changed");
    rig.set("Veg Room/valve_1", "on");
    assert_eq!(rig.said("Veg Room/valve_1", "relay_2"), Ok(Value::text("on")), "a valve needs no time");
    assert_eq!(rig.said("Flower Room/dehumidifier", "relay_1"), Ok(Value::text("off")), "it shares the frame");
    rig.run(10.0);
    assert_eq!(rig.number("VR-F1", "flow"), 12.0);
    assert!((1.0..2.1).contains(&rig.number("VR-F1", "total")));
}

#[test]
fn a_node_without_commands_goes_to_safe_by_itself() {
    let mut rig = Rig::new(1, 12.0);
    for _ in 0..4 {
        rig.set("Flower Room/exhaust", 90.0);
        rig.set("Flower Room/lights", 70.0);
        rig.run(10.0);
    }
    assert_eq!(rig.number("Flower Room/exhaust", "speed"), 90.0, "every command winds the watchdog up");
    rig.run(4.9);
    assert_eq!(rig.number("Flower Room/exhaust", "speed"), 90.0);
    rig.run(0.1);
    let expiry = rig.frames.last().map(|frame| (frame.id, frame.at));
    assert_eq!(expiry, Some((CanId::Standard(0x381), rig.now)), "it says so at the very moment");
    rig.run(1.5);
    assert_eq!(rig.number("Flower Room/exhaust", "speed"), 20.0);
    rig.run(3600.0);
    assert_eq!(rig.number("Flower Room/lights", "level"), 70.0, "lights have no watchdog");
}

#[test]
fn a_command_counts_only_if_it_is_one() {
    let mut rig = Rig::new(1, 12.0);
    rig.set("Flower Room/exhaust", 90.0);
    rig.run(3.0);
    let now = rig.now;
    let good = rig.command("Flower Room/exhaust", 50.0);
    let other = |bus, id, data: &[u8]| Frame::data(now, BusId(bus), CanId::Standard(id), data).unwrap();
    let strangers =
        [other(1, 0x301, good.bytes()), other(0, 0x300, good.bytes()), Frame::remote(now, good.bus, good.id, 2)];
    for frame in strangers {
        rig.plant.step(now, Some(&frame), &mut rig.frames);
    }
    rig.plant.step(now, Some(&other(0, 0x301, &[])), &mut rig.frames);
    rig.plant.step(now, Some(&other(0, 0x301, &[255, 1])), &mut rig.frames);
    rig.run(3.0);
    assert_eq!(rig.number("Flower Room/exhaust", "speed"), 90.0);
    let PlantCounts { commands, unheard, .. } = rig.plant.counts();
    assert_eq!((commands, unheard), (3, 3), "two of the commands said nothing");
    rig.plant.step(rig.now, Some(&other(0, 0x301, &[180, 0])), &mut rig.frames);
    rig.run(3.0);
    assert_eq!(rig.number("Flower Room/exhaust", "speed"), 0.0, "90 %, but not enabled");
}

#[test]
fn only_simulated_buses_have_a_plant() {
    let mut map = site();
    map.buses[0].link = Link::Interface("can0".into());
    let mut plant = Plant::new(&map, 1, at(0.0));
    let mut frames = Vec::new();
    plant.step(at(60.0), None, &mut frames);
    assert_eq!((frames.len(), plant.next_deadline()), (0, None));
}

#[test]
fn a_calibrated_sensor_is_off_by_its_calibration() {
    let mut map = site();
    map.nodes[0].fields[0].adjust = Some((2.0, -0.4));
    let (raw, plain) = (Rig::of(map, 1, 12.0), Rig::new(1, 12.0));
    let (raw, plain) = (raw.number("FR-C1", "temperature"), plain.number("FR-C1", "temperature"));
    assert!((raw * 2.0 - 0.4 - plain).abs() < 0.11, "{raw} {plain}");
}

#[test]
fn one_frame_may_be_a_nodes_and_a_devices() {
    let map = site_of(
        "version: 1\nbuses: {can0: {simulate: true}}\n\
         frames:\n  rail: {length: 4, signals: {Dim: {byte: 0, type: u8, scale: 0.5, range: [0, 100]}, \
         Ppfd: {byte: 1, type: u16le}, LampTemp: {byte: 3, type: i8}}}\n\
         rooms: {R: {canopy: [{node: L1, frame: rail, bus: can0, id: 0x120, signals: {Ppfd: ppfd}}]}}\n\
         devices: {R: {lights: {kind: dimmer, safe: keep, watchdog: none, \
         command: {bus: can0, id: 0x121, frame: rail, signal: Dim}, \
         feedback: {bus: can0, id: 0x120, frame: rail, signal: Dim}}}}\n",
    );
    let mut rig = Rig::of(map, 1, 12.0);
    assert_eq!(rig.frames.len(), 1);
    rig.set("R/lights", 50.0);
    rig.run(2.5);
    assert_eq!(rig.number("L1", "Dim"), 50.0);
    assert!((rig.number("L1", "Ppfd") - 562.5).abs() < 3.0);
    assert!(rig.number("L1", "LampTemp") > 30.0);
}
