//! The channel map's grammar is read whole, and nothing else is.

use super::*;
use crate::files::{Report, SourceFile, read};

const EXAMPLE: &str = include_str!("../../tests/fixtures/channels.example.yaml");

#[test]
fn the_example_is_read_whole() {
    let mut report = Report::default();
    let spec: Option<MapSpec> = read(&SourceFile::new("channels.yaml", EXAMPLE), &mut report);
    let spec = spec.unwrap_or_else(|| panic!("{}", report.render(false)));
    assert_eq!((spec.buses.0.len(), spec.frames.0.len(), spec.rooms.0.len()), (2, 6, 2));
    let climate = spec.frames.get("climate").expect("it is there");
    assert_eq!(climate.signals.get("co2").and_then(|s| s.invalid.as_ref()).map(|i| i.value), Some(0xFFFF));
    let room = spec.devices.get("Flower Room").expect("it is there");
    assert_eq!(room.get("co2").map(|d| d.forbid_while.len()), Some(2));
}

#[test]
fn an_unknown_key_is_refused() {
    let mut report = Report::default();
    let text = EXAMPLE.replace("deadband: 10,", "dedband: 10,");
    let spec: Option<MapSpec> = read(&SourceFile::new("channels.yaml", text), &mut report);
    assert!(spec.is_none() && report.render(false).contains("`deadband`"));
}
