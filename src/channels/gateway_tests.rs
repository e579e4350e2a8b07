use super::*;
use crate::channels::load;
use crate::files::{Report, SourceFile};
use crate::model::Utc;

const EXAMPLE: &str = include_str!("../../tests/fixtures/channels.example.yaml");

fn map(text: &str) -> ChannelMap {
    let mut report = Report::default();
    let map = load(&SourceFile::new("channels.yaml", text), &mut report);
    map.unwrap_or_else(|| panic!("{}", report.render(false)))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp { mono: Mono(seconds * 1_000_000_000), utc: Utc(0) }
}

fn frame(seconds: u64, id: u32, data: &[u8]) -> Frame {
    Frame::data(at(seconds), BusId(0), CanId::standard(id).expect("11 bits"), data).expect("8 bytes")
}

fn json(reading: &Reading) -> String {
    serde_json::to_string(&reading.values).expect("JSON")
}

#[test]
fn frames_become_readings_with_their_quality() {
    let mut gateway = Gateway::new(&map(EXAMPLE), at(0));
    let mut out = Vec::new();
    gateway.step(at(1), &frame(1, 0x181, &[0x00, 0xF8, 0x02, 0x58, 0x03, 0x2C, 0, 0]), &mut out);
    assert_eq!(json(&out[0]), r#"{"temperature":24.8,"humidity":60.0,"co2":812.0,"sensor_state":"ok"}"#);
    assert_eq!(&*out[0].source.channel, "sensor:update:Flower Room:front");
    gateway.step(at(1), &frame(1, 0x182, &[0x00, 0xF8]), &mut out);
    assert_eq!(json(&out[1]), r#"{"temperature":24.4,"humidity":null,"co2":null,"sensor_state":null}"#);
    assert_eq!(out[1].quality.len(), 3);
    gateway.step(at(1), &frame(1, 0x7FE, &[]), &mut out);
    gateway.step(at(1), &Frame::remote(at(1), BusId(0), CanId::Standard(0x181), 8), &mut out);
    let counts = gateway.counts();
    assert_eq!((counts.received, counts.decoded, counts.unknown, counts.remote), (4, 2, 1, 1));
}

#[test]
fn semantics_10_silence_is_said_once_at_its_deadline_and_gone_with_the_next_frame() {
    let mut gateway = Gateway::new(&map(EXAMPLE), at(0));
    let mut out = Vec::new();
    let good = [0x00, 0xF8, 0x02, 0x58, 0x03, 0x2C, 0, 0];
    gateway.step(at(2), &frame(2, 0x181, &good), &mut out);
    out.clear();
    let stale = |out: &[Reading]| out.iter().filter(|r| r.stale && &*r.source.name == "FR-C1").count();
    gateway.due(at(7), &mut out);
    assert_eq!(stale(&out), 0, "heard at 2 s, stale after 6 s");
    gateway.due(at(8), &mut out);
    gateway.due(at(100), &mut out);
    assert_eq!(stale(&out), 1);
    out.clear();
    gateway.step(at(101), &frame(101, 0x181, &good), &mut out);
    assert!(!out[0].stale);
    gateway.due(at(107), &mut out);
    assert_eq!(stale(&out), 1, "and it may fall silent again");
}

#[test]
fn a_device_is_a_source_of_its_own_signals() {
    let mut gateway = Gateway::new(&map(EXAMPLE), at(0));
    let mut out = Vec::new();
    gateway.step(at(1), &frame(1, 0x390, &[0b10]), &mut out);
    let said: Vec<String> = out.iter().map(|r| format!("{} {}", r.source.channel, json(r))).collect();
    assert_eq!(
        said,
        [
            r#"device:update:Flower Room:dehumidifier {"relay_1":"off"}"#,
            r#"device:update:Veg Room:valve_1 {"relay_2":"on"}"#
        ]
    );
}

#[test]
fn every_fault_of_a_map_is_told_at_once() {
    let text = "version: 1\nbuses: { can0: { simulate: true } }\nframes:\n  a:\n    length: 2\n    signals:\n      \
        x: { byte: 0, type: u16be }\n      y: { byte: 1, type: u8 }\n      z: { byte: 2, type: u8 }\n      \
        w: { byte: 0, type: u8, scale: 0 }\nrooms:\n  'a:b':\n    c:\n      - { node: N, frame: aa, bus: can0, id: 1 }\n      \
        - { node: M, frame: a, bus: can1, id: 1 }\n      - { node: O, frame: a, bus: can0, id: 1, name: match }\n      \
        - { node: P, frame: a, bus: can0, id: 1, name: 'p_{signal}' }\n";
    let mut report = Report::default();
    assert!(load(&SourceFile::new("channels.yaml", text), &mut report).is_none());
    let text = report.render(false);
    for part in [
        "shares bits with `x`",
        "ends in byte 3",
        "other than 0",
        "cannot have ':'",
        "no frame `aa`",
        "no bus `can1`",
        "`match`: the word is reserved",
        "id 0x001 is node `O`'s already",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}
