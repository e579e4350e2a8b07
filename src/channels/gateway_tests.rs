use super::super::load;
use std::time::Duration;

use super::*;
use crate::can::CanId;
use crate::files::{Report, SourceFile};
use crate::model::{Name, SourceKind, Utc};

const MAP: &str = r#"
version: 1
buses: {can0: {simulate: true}, can1: {simulate: true}}
frames:
  climate:
    length: 4
    cycle: 1s
    signals:
      temperature: {byte: 0, type: i16be, scale: 0.1, range: [-20, 60], invalid: 0x7FFF}
      state: {byte: 2, bits: 0..1, values: {0: "ok", 1: "warming up"}}
      supply: {byte: 3, type: u8, publish: never}
  slow: {length: 1, cycle: 10s, signals: {level: {byte: 0, type: u8}}}
  quiet: {length: 1, signals: {debug_word: {byte: 0, type: u8, publish: never}}}
  relays:
    length: 1
    cycle: 2s
    signals: {relay_1: {byte: 0, bits: 0, values: {0: "off", 1: "on"}}, relay_2: {byte: 0, bits: 1, values: {0: "off", 1: "on"}}}
rooms:
  Veg Room:
    middle:
      - {node: C1, frame: climate, bus: can0, id: 0x181}
      - {node: Q1, frame: quiet, bus: can0, id: 0x183}
      - {node: T1, frame: slow, bus: can1, id: 0x181}
devices:
  Veg Room:
    valve: {kind: valve, command: {bus: can0, id: 0x310, frame: relays, signal: relay_1}, feedback: {bus: can0, id: 0x390, frame: relays, signal: relay_1}, safe: off, watchdog: 15s}
    pump: {kind: switch, command: {bus: can0, id: 0x310, frame: relays, signal: relay_2}, feedback: {bus: can0, id: 0x390, frame: relays, signal: relay_2}, safe: off, watchdog: 15s}
"#;

fn at(seconds: f64) -> Timestamp {
    Timestamp { mono: Mono((seconds * 1e9) as u64), utc: Utc((seconds * 1e9) as i64) }
}

fn gateway() -> Gateway {
    let mut report = Report::default();
    let map = load(&SourceFile::new("channels.yaml", MAP), &mut report);
    Gateway::new(&map.unwrap_or_else(|| panic!("{}", report.render(false))), at(0.0))
}

fn frame(bus: u8, id: u16, data: &[u8]) -> Frame {
    Frame::data(at(0.0), BusId(bus), CanId::Standard(id), data).expect("short enough")
}

fn step(gateway: &mut Gateway, seconds: f64, frame: &Frame) -> Vec<Reading> {
    let mut out = Vec::new();
    gateway.step(at(seconds), frame, &mut out);
    out
}

/// `C1 temperature=24.8 state=ok`, in the order of the map.
fn show(reading: &Reading) -> String {
    let values = reading.values.iter().map(|(name, value)| format!(" {name}={value}"));
    let quality = reading.quality.iter().map(|(name, why)| format!(" {name}:{why}"));
    format!("{}{}{}", reading.source.name, values.collect::<String>(), quality.collect::<String>())
}

fn shown(readings: &[Reading]) -> Vec<String> {
    readings.iter().map(show).collect()
}

fn due(gateway: &mut Gateway, seconds: f64) -> Vec<String> {
    let mut out = Vec::new();
    gateway.due(at(seconds), &mut out);
    assert!(out.iter().all(|reading| reading.stale && reading.at == at(seconds)));
    shown(&out)
}

#[test]
fn a_frame_gives_the_published_fields_of_its_node() {
    let mut gateway = gateway();
    let readings = step(&mut gateway, 0.5, &frame(0, 0x181, &[0x00, 0xF8, 1, 120]));
    assert_eq!(shown(&readings), ["C1 temperature=24.8 state=warming up"]);
    assert_eq!((readings[0].at, readings[0].stale), (at(0.5), false));
    // The same identifier on another bus is another node.
    assert_eq!(shown(&step(&mut gateway, 0.5, &frame(1, 0x181, &[7]))), ["T1 level=7"]);
    assert_eq!(
        shown(&step(&mut gateway, 0.6, &frame(0, 0x181, &[0x7F, 0xFF, 0, 0]))),
        ["C1 temperature=no value state=ok temperature:invalid"]
    );
}

#[test]
fn a_short_frame_gives_the_signals_that_fit() {
    let mut gateway = gateway();
    let readings = step(&mut gateway, 0.0, &frame(0, 0x181, &[0x00, 0xF8]));
    assert_eq!(shown(&readings), ["C1 temperature=24.8 state=no value state:short"]);
    assert_eq!(shown(&step(&mut gateway, 0.0, &frame(0, 0x181, &[])))[0].matches("short").count(), 2);
    assert_eq!(gateway.counts().short, 2);
}

#[test]
fn devices_that_share_a_feedback_frame_each_tell_their_own() {
    let mut gateway = gateway();
    let readings = step(&mut gateway, 0.0, &frame(0, 0x390, &[0b10]));
    assert_eq!(shown(&readings), ["valve relay_1=off", "pump relay_2=on"]);
    assert!(readings.iter().all(|reading| reading.source.kind == SourceKind::Device));
}

#[test]
fn every_frame_is_counted_once() {
    let mut gateway = gateway();
    let id = CanId::Standard(0x181);
    let frames = [
        frame(0, 0x181, &[0; 4]),
        frame(0, 0x183, &[0]),
        frame(0, 0x310, &[1]),
        frame(0, 0x390, &[1]),
        frame(0, 0x7AA, &[1]),
        frame(1, 0x390, &[1]),
        Frame::data(at(0.0), BusId(0), CanId::Extended(0x181), &[0; 4]).expect("short enough"),
        Frame::remote(at(0.0), BusId(0), id, 4),
        Frame::of_kind(at(0.0), BusId(0), CanId::Extended(4), FrameKind::Error, &[0; 8]).expect("short enough"),
    ];
    let readings: Vec<Reading> = frames.iter().flat_map(|frame| step(&mut gateway, 0.0, frame)).collect();
    assert_eq!(shown(&readings), ["C1 temperature=0 state=ok", "valve relay_1=on", "pump relay_2=off"]);
    let counts = gateway.counts();
    let want = GatewayCounts {
        received: 9,
        decoded: 2,
        unpublished: 1,
        commands: 1,
        unknown: 3,
        remote: 1,
        error: 1,
        readings: 3,
        published: 3,
        waiting: 0,
        held_back: HeldBack::default(),
        short: 0,
        stale: 0,
    };
    assert_eq!(counts, want);
    let GatewayCounts { decoded, unpublished, commands, unknown, remote, error, .. } = counts;
    assert_eq!(counts.received, decoded + unpublished + commands + unknown + remote + error);
}

#[test]
fn semantics_10_a_silent_source_is_stale_once_and_exactly_then() {
    let mut gateway = gateway();
    // Never heard: `stale_after` counts from the start. C1 after 3 s, the devices after 6 s, T1 after 30 s; Q1 publishes nothing.
    assert_eq!(gateway.next_deadline(), Some(at(3.0).mono));
    assert!(due(&mut gateway, 2.999_999).is_empty());
    let word = due(&mut gateway, 3.0);
    assert_eq!(word, ["C1 temperature=no value state=no value temperature:stale state:stale"]);
    assert_eq!((due(&mut gateway, 4.0).len(), gateway.next_deadline()), (0, Some(at(6.0).mono)));
    let frames = step(&mut gateway, 5.0, &frame(0, 0x181, &[0x00, 0xF8, 0, 0]));
    assert_eq!(shown(&frames), ["C1 temperature=24.8 state=ok"]);
    assert_eq!(due(&mut gateway, 6.0).len(), 2);
    // Heard again at 5 s: silent at 8 s, and until then every frame pushes it away.
    assert_eq!(gateway.next_deadline(), Some(at(8.0).mono));
    step(&mut gateway, 7.5, &frame(0, 0x181, &[0; 4]));
    assert_eq!(gateway.next_deadline(), Some(at(10.5).mono));
    assert_eq!((due(&mut gateway, 10.5).len(), gateway.counts().stale), (1, 4));
}

#[test]
fn remote_requests_and_foreign_frames_are_no_sign_of_life() {
    let mut gateway = gateway();
    step(&mut gateway, 2.0, &Frame::remote(at(2.0), BusId(0), CanId::Standard(0x181), 4));
    step(&mut gateway, 2.0, &frame(0, 0x310, &[1]));
    assert_eq!(gateway.next_deadline(), Some(at(3.0).mono));
    // A frame without one good value is: the node is there.
    step(&mut gateway, 2.0, &frame(0, 0x181, &[0x7F, 0xFF]));
    assert_eq!(gateway.next_deadline(), Some(at(5.0).mono));
}

#[test]
fn field_names_are_shared_not_copied() {
    let mut gateway = gateway();
    let readings = step(&mut gateway, 0.0, &frame(0, 0x181, &[0; 4]));
    let names: Vec<&Name> = readings[0].values.iter().map(|(name, _)| name).collect();
    assert!(Arc::ptr_eq(names[0], &readings[0].source.frames[0][0]));
    assert_eq!(readings[0].source.stale_after, Some(Duration::from_secs(3)));
}
