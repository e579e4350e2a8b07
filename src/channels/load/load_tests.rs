use std::time::Duration;

use super::super::map::{Link, Safe};
use super::*;
use crate::can::{BusId, CanId};
use crate::model::{Level, Name, SourceKind, Value};

const EXAMPLE: &str = include_str!("../../../tests/fixtures/channels.example.yaml");
const DATABASE: &str = include_str!("../../../tests/fixtures/site.dbc");

fn read_map(text: &str) -> (Option<ChannelMap>, String) {
    let mut report = Report::default();
    let database =
        |path: &Path, _: &mut Report| (path == Path::new("site.dbc")).then(|| SourceFile::new(path, DATABASE));
    let map = load_with(&SourceFile::new("channels.yaml", text), &database, &mut report);
    (map, report.render(false))
}

fn map(text: &str) -> ChannelMap {
    let (map, report) = read_map(text);
    map.unwrap_or_else(|| panic!("{report}"))
}

fn device<'a>(map: &'a ChannelMap, name: &str) -> &'a super::super::map::Device {
    map.devices.iter().find(|device| &*device.key.device == name).expect(name)
}

fn names(names: &[Name]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

#[test]
fn the_example_loads_without_a_word() {
    let (map, report) = read_map(EXAMPLE);
    let map = map.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(report, "");
    assert_eq!(map.buses.iter().map(|bus| &*bus.name).collect::<Vec<_>>(), ["can0", "can1"]);
    assert_eq!(map.buses[1].link, Link::Interface("can1".into()));
    // FR-C1, FR-S1, FR-C2, FR-L1, VR-C1, sixteen VR-M, VR-F1, VR-G1.
    assert_eq!(map.nodes.len(), 23);
    let sources: Vec<&str> = map.inventory.sources.iter().map(|source| &*source.name).collect();
    assert_eq!(sources[..5], ["FR-C1", "FR-S1", "FR-C2", "FR-L1", "VR-C1"]);
    assert_eq!(sources[20..], ["VR-M16", "VR-F1", "VR-G1", "exhaust", "dehumidifier", "lights", "valve_1"]);
    let keys: Vec<String> = map.inventory.devices.iter().map(ToString::to_string).collect();
    assert_eq!(
        keys,
        [
            "Flower Room/exhaust",
            "Flower Room/dehumidifier",
            "Flower Room/co2",
            "Flower Room/lights",
            "Veg Room/valve_1"
        ]
    );
}

#[test]
fn a_node_of_the_example_is_whole() {
    let map = map(EXAMPLE);
    let node = &map.nodes[0];
    assert_eq!((node.bus, node.id), (BusId(0), CanId::Standard(0x181)));
    assert_eq!(&*node.source.channel, "sensor:update:Flower Room:front");
    assert_eq!(node.source.stale_after, Some(Duration::from_secs(6)));
    assert_eq!(names(&node.source.frames[0]), ["temperature", "humidity", "co2", "sensor_state"]);
    assert_eq!(node.fields.iter().map(|field| field.published).collect::<Vec<_>>(), [true, true, true, true, false]);
    let temperature = &node.frame.signals[0];
    assert_eq!((temperature.decimals, temperature.invalid), (Some(1), Some(0x7FFF)));
    assert_eq!(temperature.range, Some((-20.0, 60.0)));
    assert_eq!(map.nodes[2].fields[0].adjust, Some((1.0, -0.4)));
    let row: Vec<_> = map.nodes.iter().filter(|node| node.source.name.starts_with("VR-M")).collect();
    assert_eq!((row.len(), row[15].id, &*row[15].source.name), (16, CanId::Standard(0x3F7), "VR-M16"));
    assert_eq!(&*row[15].fields[0].name, "probe_16");
    let benches: Vec<_> = row[15].fields.iter().filter(|field| field.published).map(|field| &*field.name).collect();
    assert_eq!(benches[..5], ["vwc_16_1", "vwc_16_2", "vwc_16_3", "vwc_16_4", "ec_16_1"]);
    let parts = &row[15].source.frames;
    assert_eq!(parts.len(), 4);
    assert_eq!(names(&parts[1]), ["vwc_16_2", "ec_16_2", "root_temperature_16_2"]);
    let flow = &map.nodes[21];
    assert_eq!(flow.frame.signals[1].layout.to_string(), "16|32@1- f32");
}

#[test]
fn a_frame_of_a_database_brings_its_id_bits_and_names() {
    let map = map(EXAMPLE);
    let node = map.nodes.iter().find(|node| &*node.source.name == "FR-L1").expect("it is there");
    assert_eq!((node.bus, node.id, node.frame.length), (BusId(1), CanId::Standard(0x520), 12));
    assert_eq!(names(&node.source.frames[0]), ["ppfd", "light_temperature"]);
    let ppfd = &node.frame.signals[1];
    assert_eq!((ppfd.unit.as_deref(), ppfd.range, ppfd.decimals), (Some("umol/m2/s"), Some((0.0, 3000.0)), Some(1)));
    assert_eq!(node.frame.signals[3].layout.to_string(), "64|32@1- f32");
    let lights = device(&map, "lights");
    assert_eq!((lights.command.id, lights.command.frame.length), (CanId::Standard(0x521), 2));
    assert_eq!(lights.feedback.as_ref().map(|feedback| feedback.id), Some(CanId::Standard(0x520)));
}

#[test]
fn a_device_of_the_example_is_whole() {
    let map = map(EXAMPLE);
    let exhaust = device(&map, "exhaust");
    assert_eq!((exhaust.safe, exhaust.ttl), (Safe::At(Level::At(40.0)), Duration::from_secs(2)));
    assert_eq!((exhaust.watchdog, exhaust.repeat), (Some(Duration::from_secs(15)), Some(Duration::from_secs(5))));
    assert_eq!(exhaust.command.with, [(1, Value::text("on"))]);
    let feedback = exhaust.feedback.as_ref().expect("it has one");
    assert_eq!((feedback.shown.as_slice(), feedback.tolerance), ([0, 1, 2].as_slice(), 3.0));
    assert_eq!(
        (feedback.source.kind, &*feedback.source.channel),
        (SourceKind::Device, "device:update:Flower Room:exhaust")
    );
    // Two devices tell their states in one frame: each its own.
    let feedback = device(&map, "valve_1").feedback.as_ref().expect("it has one");
    assert_eq!((feedback.shown.as_slice(), names(&feedback.source.frames[0])), ([1].as_slice(), vec!["relay_2"]));
    assert_eq!(device(&map, "co2").safe, Safe::At(Level::Off));
}

/// A map of one climate node and one switch, with room for more.
fn small(frame: &str, node: &str, device: &str) -> String {
    format!(
        "version: 1\nbuses: {{can0: {{simulate: true}}}}\nframes:\n  climate: {{length: 8, {frame} signals: {{t: {{byte: 0, type: u8}}, \
         h: {{byte: 1, type: u8, publish: never}}}}}}\n  extra: {{length: 1, cycle: 20s, signals: {{x: {{byte: 0, bits: 0, values: {{0: \"off\", 1: \"on\"}}}}}}}}\n\
         rooms: {{R: {{c: [{{node: N, frame: climate, bus: can0, id: 0x10 {node}}}]}}}}\n\
         devices: {{R: {{d: {{kind: switch, command: {{bus: can0, id: 0x20, frame: extra, signal: x}} {device}}}}}}}\n"
    )
}

#[test]
fn stale_after_is_cycles_or_a_time_or_a_minute() {
    let stale = |frame: &str, more: &str| {
        let text = small(frame, "", ", safe: off, watchdog: 3s") + more;
        map(&text).nodes[0].source.stale_after.expect("always known").as_millis()
    };
    assert_eq!(stale("", ""), 60_000);
    assert_eq!(stale("cycle: 2s,", ""), 6_000);
    assert_eq!(stale("cycle: 2s,", "defaults: {stale_after: 5 cycles}\n"), 10_000);
    assert_eq!(stale("", "defaults: {stale_after: 5 cycles}\n"), 60_000);
    assert_eq!(stale("cycle: 2s, stale_after: 1.5 cycles,", "defaults: {stale_after: 25s}\n"), 3_000);
    assert_eq!(stale("cycle: 2s,", "defaults: {stale_after: 25s}\n"), 25_000);
}

#[test]
fn a_node_of_two_frames_is_one_source_with_the_longer_patience() {
    let second = "}, {node: N, frame: extra, bus: can0, id: 0x11";
    let map = map(&small("cycle: 2s,", second, ", safe: off, watchdog: 3s"));
    let (first, second) = (&map.nodes[0].source, &map.nodes[1].source);
    assert!(Arc::ptr_eq(first, second));
    assert_eq!(first.stale_after, Some(Duration::from_secs(60)));
    assert_eq!(first.frames.iter().map(|frame| names(frame)).collect::<Vec<_>>(), [["t"], ["x"]]);
    assert_eq!(map.inventory.sources.len(), 1);
}

#[test]
fn safe_is_a_state_in_words_a_number_or_a_boolean() {
    let safe = |text: &str| map(&small("", "", &format!(", safe: {text}, watchdog: 3s"))).devices[0].safe;
    assert_eq!(safe("off"), Safe::At(Level::Off));
    assert_eq!(safe("false"), Safe::At(Level::Off));
    assert_eq!(safe("\"on\""), Safe::At(Level::On));
    assert_eq!(safe("true"), Safe::At(Level::On));
    assert_eq!(safe("1"), Safe::At(Level::At(1.0)));
    assert_eq!(safe("keep"), Safe::Keep);
}

#[test]
fn without_repeat_a_watchdog_is_fed_three_times_in_its_time() {
    let device = map(&small("", "", ", safe: off, watchdog: 30s")).devices.remove(0);
    assert_eq!((device.repeat, device.lease), (Some(Duration::from_secs(10)), Duration::from_secs(900)));
    let device = map(&small("", "", ", safe: off, watchdog: none")).devices.remove(0);
    assert_eq!((device.watchdog, device.repeat), (None, None));
}

#[test]
fn picked_signals_are_renamed_and_the_others_are_for_decode_only() {
    let node = map(&small("", ", signals: {t: air}, name: \"{signal}_top\"", ", safe: off, watchdog: 3s"));
    let node = &node.nodes[0];
    assert_eq!(
        node.fields.iter().map(|f| (&*f.name, f.published)).collect::<Vec<_>>(),
        [("air_top", true), ("h_top", false)]
    );
    assert_eq!(names(&node.source.frames[0]), ["air_top"]);
}

#[test]
fn states_need_no_quotes() {
    let text = small("", "", ", safe: off, watchdog: 3s").replace("{0: \"off\", 1: \"on\"}", "{0: off, 1: true}");
    let devices = map(&text).devices;
    let values: Vec<&str> = devices[0].command.frame.signals[0].values.iter().map(|(_, text)| &**text).collect();
    assert_eq!(values, ["off", "true"]);
    let with = |state: &str| {
        let text = small("", "", ", safe: keep, watchdog: none")
            .replace("signal: x}", &format!("signal: x, with: {{y: {state}}}}}"))
            .replace("1: \"on\"}}}}", "1: \"on\"}}, y: {byte: 0, bits: 1, values: {0: \"closed\", 1: \"open\"}}}}");
        map(&text).devices[0].command.with.clone()
    };
    assert_eq!(with("true"), [(1, Value::text("open"))]);
    assert_eq!(with("false"), [(1, Value::text("closed"))]);
    assert_eq!(with("1"), [(1, Value::Number(1.0))]);
}

#[test]
fn another_publish_policy_is_no_other_command() {
    let (was, is) = (map(EXAMPLE), map(&EXAMPLE.replace("min_interval: 1s", "min_interval: 2s")));
    assert_ne!(was.nodes[0].frame, is.nodes[0].frame);
    for (was, is) in was.devices.iter().zip(&is.devices) {
        assert_eq!((&was.command.frame, was.command.signal), (&is.command.frame, is.command.signal), "{}", was.key);
    }
}
