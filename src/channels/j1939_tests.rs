//! J1939 nodes from the map to readings.

use super::super::load;
use super::super::{Catalog, Gateway, rows};
use super::*;
use crate::can::Frame;
use crate::files::{Report, SourceFile};
use crate::model::{Reading, Timestamp};

const MAP: &str = r#"
version: 1
buses: {can0: {simulate: true}}
frames:
  engine:
    length: 8
    signals:
      starter: {byte: 0, bits: 0..1, values: {0: "off", 1: "on"}}
      named: {byte: 0, bits: 2..3, values: {0: "off", 1: "on", 2: "broken"}}
      load: {byte: 1, type: u8, unit: "%"}
      own: {byte: 2, type: u8, invalid: 0}
      speed: {byte: 3, type: u16le, scale: 0.125, unit: rpm}
      torque: {byte: 5, type: i8}
      part: {byte: 6, bits: 0..3}
      hours: {byte: 7, type: u8, publish: never}
rooms:
  Plant:
    gensets:
      - {node: ANY, frame: engine, bus: can0, pgn: 0xF004, name: "a_{signal}"}
      - {node: ONE, frame: engine, bus: can0, pgn: 0xF004, source: 1, name: "b_{signal}"}
      - {node: SENT, frame: engine, bus: can0, pgn: 0xEF00, source: any, name: "c_{signal}"}
      - {node: ID, frame: engine, bus: can0, id: 0x18FEF501, name: "d_{signal}"}
"#;

fn heard(gateway: &mut Gateway, id: u32, data: [u8; 8]) -> Vec<String> {
    let frame = Frame::data(Timestamp::default(), BusId(0), CanId::Extended(id), &data).expect("eight bytes");
    let mut readings: Vec<Reading> = Vec::new();
    gateway.step(Timestamp::default(), &frame, &mut readings);
    let values =
        |reading: &Reading| reading.values.iter().map(|(_, value)| value.to_string()).collect::<Vec<_>>().join(" ");
    readings.iter().map(|reading| format!("{}: {}", reading.source.name, values(reading))).collect()
}

#[test]
fn j1939_nodes_are_known_by_group_and_say_when_they_have_no_value() {
    let mut report = Report::default();
    let map = load(&SourceFile::new("channels.yaml", MAP), &mut report);
    let map = map.unwrap_or_else(|| panic!("{}", report.render(false)));
    let mut gateway = Gateway::new(&map, Timestamp::default());
    let good = [0b0101, 250, 1, 0x40, 0x1F, 0x7F, 0x0F, 0];
    let words = "on on 250 1 1000 127 15";
    for (id, node) in [
        (0x0CF0_0400, "ANY"),
        (0x18F0_04AB, "ANY"),
        (0x0CF0_0401, "ONE"),
        (0x00F0_0401, "ONE"),
        (0x18EF_0322, "SENT"),
        (0x18EF_FF22, "SENT"),
        (0x18FE_F501, "ID"),
    ] {
        assert_eq!(heard(&mut gateway, id, good), [format!("{node}: {words}")], "{id:08X}");
    }
    for other in [0x19F0_0400, 0x0CF0_0500, 0x0CFE_F501, 0x18F0_0300] {
        assert!(heard(&mut gateway, other, good).is_empty(), "{other:08X}");
    }
    // Error and not available, in each width; a signal with its own `invalid` or text has that alone.
    assert_eq!(
        heard(&mut gateway, 0xCF0_0400, [0b1010, 0xFE, 0, 0x00, 0xFE, 0xFE, 0x0E, 0]),
        ["ANY: no value broken no value no value no value -2 14"]
    );
    assert_eq!(heard(&mut gateway, 0xCF0_0400, [0xFF; 8]), ["ANY: no value no value no value 255 no value -1 15"]);
    assert_eq!(heard(&mut gateway, 0xCF0_0400, [0, 0xFD, 1, 0xFF, 0xFD, 0, 0, 0]), ["ANY: off off 253 1 8127.875 0 0"]);
    // The same frame from a node that is no J1939 node is what it is.
    assert_eq!(heard(&mut gateway, 0x18FE_F501, [0xFF; 8]), ["ID: 3 3 255 255 8191.875 -1 15"]);
    let frame = Frame::data(Timestamp::default(), BusId(0), CanId::Extended(0x00F0_0401), &good).expect("eight bytes");
    let decoded = Catalog::new(&map).decode(&frame).map(|all| (all.node.map(str::to_owned), all.signals.len()));
    assert_eq!(decoded, Some((Some("ONE".to_owned()), 8)), "`decode` shows all signals");
    let ids: Vec<String> = rows(&map).into_iter().map(|row| row.id).collect();
    assert_eq!((&*ids[0], &*ids[8], &*ids[24]), ("PGN 0xF004", "PGN 0xF004 from 0x01", "0x18FEF501"));
    assert!(map.nodes.iter().all(|node| node.sends(node.id)) && map.nodes[0].sends(CanId::Extended(0x00F0_0477)));
    assert!(!map.nodes[1].sends(CanId::Extended(0x00F0_0477)) && !map.nodes[0].sends(CanId::Standard(1)));
}
