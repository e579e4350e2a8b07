use std::path::Path;
use std::time::Duration;

use super::*;
use crate::channels::map::ChannelMap;
use crate::channels::{Comparison, MaxOn, Need, Test, Verify, Watched, While, load, load_with};
use crate::files::{Report, SourceFile};

const EXAMPLE: &str = include_str!("../../../tests/fixtures/channels.example.yaml");
const DATABASE: &str = include_str!("../../../tests/fixtures/site.dbc");
/// A site with every limit, each in every form.
const WHOLE: &str = include_str!("../../../tests/fixtures/limits.yaml");

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn whole(text: &str) -> ChannelMap {
    let mut report = Report::default();
    let map = load(&SourceFile::new("channels.yaml", text), &mut report);
    assert_eq!(report.render(false), "");
    map.expect("there were no errors")
}

fn limits(map: &ChannelMap, name: &str) -> Limits {
    map.devices.iter().find(|device| device.key.to_string() == name).expect(name).limits.clone()
}

fn key(name: &str) -> DeviceKey {
    let (room, device) = name.split_once('/').expect(name);
    DeviceKey { room: room.into(), device: device.into() }
}

fn condition(text: &str, device: &str, test: Test) -> While {
    While { text: text.into(), device: key(device), test }
}

fn watched(channel: &str, node: &str, field: &str) -> Watched {
    Watched { channel: channel.into(), node: node.into(), field: field.into() }
}

#[test]
fn the_limits_of_the_example_are_filled_in() {
    let mut report = Report::default();
    let database = |path: &Path, _: &mut Report| Some(SourceFile::new(path, DATABASE));
    let map = load_with(&SourceFile::new("channels.yaml", EXAMPLE), &database, &mut report);
    let map = map.unwrap_or_else(|| panic!("{}", report.render(false)));
    let compressor = Limits { min_on: minutes(5), min_off: minutes(5), ..Limits::default() };
    assert_eq!(limits(&map, "Flower Room/dehumidifier"), compressor);
    let co2 = Limits {
        max_on: Some(MaxOn { time: minutes(20), lockout: minutes(20) }),
        forbid_while: vec![
            condition("Flower Room/exhaust > 50", "Flower Room/exhaust", Test::Compare(Comparison::Greater, 50.0)),
            condition("Flower Room/dehumidifier", "Flower Room/dehumidifier", Test::On),
        ],
        needs: vec![Need {
            text: "co2 of sensor:update:Flower Room:* below 1500, fresh within 30s".into(),
            readings: vec![
                watched("sensor:update:Flower Room:front", "FR-C1", "co2"),
                watched("sensor:update:Flower Room:back", "FR-C2", "co2"),
            ],
            below: Some(1500.0),
            above: None,
            fresh: Some(Duration::from_secs(30)),
        }],
        ..Limits::default()
    };
    assert_eq!(limits(&map, "Flower Room/co2"), co2);
    assert_eq!(limits(&map, "Flower Room/exhaust"), Limits::default());
    assert_eq!(limits(&map, "Flower Room/lights"), Limits::default());
    let valve = MaxOn { time: minutes(10), lockout: minutes(10) };
    assert_eq!(limits(&map, "Veg Room/valve_1"), Limits { max_on: Some(valve), ..Limits::default() });
    assert!(map.devices.iter().filter_map(|device| device.feedback.as_ref()).all(|feedback| feedback.retries == 2));
}

#[test]
fn every_limit_is_read_in_every_form() {
    let map = whole(WHOLE);
    let stagger = Duration::from_secs(2);
    let fan = limits(&map, "Grow/fan");
    assert_eq!((fan.range, fan.stagger), (Some((20.0, 80.0)), Duration::ZERO));
    assert_eq!(fan.ramp, Some(0.5), "30/min is half a percent a second");
    assert_eq!(map.devices[0].feedback.as_ref().map(|feedback| feedback.retries), Some(0));
    let heater = limits(&map, "Grow/heater");
    assert_eq!(heater.max_on, Some(MaxOn { time: minutes(30), lockout: minutes(5) }));
    assert_eq!((heater.max_starts_per_hour, heater.stagger), (Some(6), stagger));
    assert_eq!(heater.interlocks, [Name::from("heat-cool"), Name::from("main fuse")]);
    let verify = Verify {
        text: "temperature of sensor:update:Grow:* up by 0.5 within 15m".into(),
        readings: vec![
            watched("sensor:update:Grow:air", "C1", "temperature"),
            watched("sensor:update:Grow:door", "C2", "temperature"),
        ],
        change: 0.5,
        within: minutes(15),
    };
    assert_eq!(heater.verify, Some(verify));
    let cooler = limits(&map, "Grow/cooler");
    assert_eq!(cooler.interlocks, [Name::from("heat-cool")]);
    let on = |text: &str, device: &str, test| condition(text, device, test);
    let state = |is, state: &str| Test::State { is, state: state.into() };
    assert_eq!(
        cooler.only_while,
        [
            on("Grow/fan >= 20.5", "Grow/fan", Test::Compare(Comparison::AtLeast, 20.5)),
            on("Grow/valve != \"closed\"", "Grow/valve", state(false, "closed")),
        ]
    );
    assert_eq!(
        limits(&map, "Grow/valve").forbid_while,
        [
            on("Grow/mode == boost", "Grow/mode", state(true, "boost")),
            on("Grow/heater == off", "Grow/heater", Test::Off),
            on("Grow/lamp <= 0", "Grow/lamp", Test::Compare(Comparison::AtMost, 0.0)),
            on("Grow/heater > hot", "Grow/heater > hot", Test::On),
        ],
        "a device may have a sign in its name"
    );
}

#[test]
fn readings_need_not_be_published_and_fields_may_be_a_glob() {
    let map = whole(WHOLE);
    let lamp = limits(&map, "Grow/lamp").needs;
    let names: Vec<String> = lamp[0].readings.iter().map(|at| format!("{} {}", at.node, at.field)).collect();
    assert_eq!(names, ["C1 supply", "C2 supply"], "`publish: never` counts");
    assert_eq!((lamp[0].above, lamp[0].fresh, &*lamp[0].text), (Some(11.0), None, "supply of sensor:update above 11"));
    let names: Vec<String> = lamp[1].readings.iter().map(|at| format!("{} {}", at.node, at.field)).collect();
    assert_eq!(names, ["S1 vwc_1", "S2 vwc_2"]);
    assert_eq!(&*lamp[1].text, "vwc_* of sensor:update:Grow:soil above 5 and below 60.5, fresh within 10s");
}

#[test]
fn a_change_of_a_limit_alone_is_another_device() {
    let (was, is) = (whole(WHOLE), whole(&WHOLE.replace("max_starts_per_hour: 6", "max_starts_per_hour: 4")));
    let differ: Vec<String> = was
        .devices
        .iter()
        .zip(&is.devices)
        .filter(|(a, b)| a.limits != b.limits)
        .map(|(a, _)| a.key.to_string())
        .collect();
    assert_eq!(differ, ["Grow/heater"]);
}

/// Limits with one word replaced by something that does not belong there: a report or a map, never a panic.
#[test]
fn spoilt_limits_are_refused_or_load() {
    const ODD: [&str; 9] = ["\"\"", "-1", "99999999999999999999", "[]", "{}", "true", "{n}", "é/ü", "0"];
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '/';
    let body = WHOLE.find("devices:").expect("it has some");
    let words = WHOLE.match_indices(letters).map(|(at, _)| at).filter(|at| *at > body);
    let (mut refused, mut loaded) = (0, 0);
    for (number, start) in words.filter(|at| !WHOLE[..*at].ends_with(letters)).enumerate() {
        let end = WHOLE[start..].find(|c| !letters(c)).map_or(WHOLE.len(), |length| start + length);
        let text = format!("{}{}{}", &WHOLE[..start], ODD[number % ODD.len()], &WHOLE[end..]);
        let mut report = Report::default();
        match load(&SourceFile::new("channels.yaml", text), &mut report) {
            Some(_) => loaded += 1,
            None => refused += usize::from(!report.render(false).is_empty()),
        }
    }
    assert!(refused > 100 && loaded > 2, "{refused} {loaded}");
}
