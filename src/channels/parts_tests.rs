//! Multiplexed frames from the map to the message.

use std::path::Path;

use super::*;
use crate::can::{BusId, CanId, Frame};
use crate::files::{Report, SourceFile};
use crate::model::{Mono, Publication, Reading, Timestamp, Utc};

const MAP: &str = r#"
version: 1
buses: {can0: {simulate: true}}
databases: {db: nested.dbc}
frames:
  substrate:
    length: 8
    cycle: 10s
    signals:
      probe: {byte: 0, type: u8, publish: never}
      air: {byte: 7, type: u8}
      vwc: {byte: 1, type: u16le, scale: 0.01, when: {probe: [1, 2]}}
      ec: {byte: 3, type: u16le, scale: 0.001, when: {probe: [1, 2]}}
      firmware: {byte: 1, type: u32le, when: {probe: [255]}}
rooms:
  Veg Room:
    benches:
      - {node: S1, frame: substrate, bus: can0, id: 0x100, name: "{signal}_{probe}"}
    tank:
      - {node: T1, frame: db.Tank, bus: can0}
"#;

const DATABASE: &str = r#"BO_ 512 Tank: 8 A
 SG_ mode M : 0|8@1- (1,0) [0|0] "" B
 SG_ sub m1M : 8|8@1+ (1,0) [0|0] "" B
 SG_ level m2 : 16|8@1+ (0.5,0) [0|0] "" B
 SG_ high m200 : 16|8@1+ (1,0) [0|0] "" B
 SG_ pump : 56|1@1+ (1,0) [0|0] "" B

VAL_ 512 pump 0 "off" 1 "on" ;
SG_MUL_VAL_ 512 sub mode 1-1, 3-4;
SG_MUL_VAL_ 512 level sub 2-9;
SG_MUL_VAL_ 512 high mode 200-200;
"#;

fn map() -> ChannelMap {
    map_of(MAP)
}

fn map_of(text: &str) -> ChannelMap {
    let mut report = Report::default();
    let database = |path: &Path, _: &mut Report| Some(SourceFile::new(path, DATABASE));
    let map = load_with(&SourceFile::new("channels.yaml", text), &database, &mut report);
    map.unwrap_or_else(|| panic!("{}", report.render(false)))
}

fn at(seconds: u64) -> Timestamp {
    Timestamp { mono: Mono(seconds * 1_000_000_000), utc: Utc::default() }
}

fn show(reading: &Reading) -> String {
    let values = reading.values.iter().map(|(name, value)| format!(" {name}={value}"));
    let quality = reading.quality.iter().map(|(name, why)| format!(" {name}:{why}"));
    format!("{}{}{}", reading.source.name, values.collect::<String>(), quality.collect::<String>())
}

fn says(gateway: &mut Gateway, id: u16, data: &[u8]) -> String {
    let mut out = Vec::new();
    let frame = Frame::data(at(1), BusId(0), CanId::Standard(id), data).expect("short enough");
    gateway.step(at(1), &frame, &mut out);
    out.iter().map(show).collect()
}

#[test]
fn a_message_has_the_parts_that_its_frame_has() {
    let mut gateway = Gateway::new(&map(), at(0));
    let mut says = |data: &[u8]| says(&mut gateway, 0x100, data);
    assert_eq!(says(&[1, 0x10, 0x0E, 0xD0, 7, 0, 0, 20]), "S1 air=20 vwc_1=36 ec_1=2");
    assert_eq!(says(&[2, 0x10, 0x0E, 0xD0, 7, 0, 0, 20]), "S1 air=20 vwc_2=36 ec_2=2");
    assert_eq!(says(&[255, 1, 2, 0, 0, 0, 0, 20]), "S1 air=20 firmware_255=513");
    assert_eq!(says(&[9, 1, 2, 0, 0, 0, 0, 20]), "S1 air=20", "an unknown part");
    assert_eq!(says(&[1, 0x10, 0x0E]), "S1 air=no value vwc_1=36 ec_1=no value air:short ec_1:short");
    assert_eq!(says(&[]), "S1 air=no value air:short", "no multiplexer");
}

#[test]
fn multiplexers_nest_have_ranges_and_are_bits_without_a_sign() {
    let mut gateway = Gateway::new(&map(), at(0));
    let mut says = |data: &[u8]| says(&mut gateway, 0x200, data);
    assert_eq!(says(&[4, 5, 7, 0, 0, 0, 0, 1]), "T1 mode=4 sub=5 level=3.5 pump=on");
    assert_eq!(says(&[1, 10, 7, 0, 0, 0, 0, 0]), "T1 mode=1 sub=10 pump=off");
    assert_eq!(says(&[2, 5, 7, 0, 0, 0, 0, 0]), "T1 mode=2 pump=off", "what chooses is not there itself");
    assert_eq!(says(&[200, 5, 7, 0, 0, 0, 0, 0]), "T1 mode=-56 high=7 pump=off");
}

#[test]
fn a_part_that_does_not_come_is_stale_alone_and_once() {
    let text =
        MAP.replace("    cycle: 10s\n", "    cycle: 10s\n    stale_after: 3 cycles\n    publish: {min_interval: 1h}\n");
    let mut gateway = Gateway::new(&map_of(&text), at(0));
    let mut told = Vec::new();
    // Probe 2 is dead; 3 cycles of 3 parts are 90 s. The tank's own 60 s are over first.
    for now in (0..400).step_by(10) {
        let mut out = Vec::new();
        gateway.due(at(now), &mut out);
        let probe = if now < 300 { [1, 0x10, 0x0E, 0xD0, 7, 0, 0, 20] } else { [2, 0x10, 0x0E, 0xD0, 7, 0, 0, 20] };
        let frame = Frame::data(at(now), BusId(0), CanId::Standard(0x100), &probe).expect("short enough");
        gateway.step(at(now), &frame, &mut out);
        let published = out.iter().filter(|reading| reading.publication != Publication::HeldBack);
        told.extend(published.map(|reading| format!("{now} {} {}", reading.stale, show(reading))));
    }
    assert_eq!(
        told,
        [
            "0 false S1 air=20 vwc_1=36 ec_1=2",
            "60 true T1 mode=no value sub=no value level=no value pump=no value high=no value mode:stale sub:stale \
             level:stale pump:stale high:stale",
            "90 false S1 vwc_2=no value ec_2=no value firmware_255=no value vwc_2:stale ec_2:stale firmware_255:stale",
            "300 false S1 air=20 vwc_2=36 ec_2=2",
            "380 false S1 vwc_1=no value ec_1=no value vwc_1:stale ec_1:stale",
        ]
    );
}

#[test]
fn a_silent_node_says_so_of_every_part_once() {
    let map = map();
    let mut gateway = Gateway::new(&map, at(0));
    let mut out = Vec::new();
    gateway.due(at(31), &mut out);
    let names: Vec<&str> = out[0].values.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["air", "vwc_1", "ec_1", "vwc_2", "ec_2", "firmware_255"]);
    assert!(out[0].stale && out[0].values.iter().all(|(_, value)| value.is_null()));
}
