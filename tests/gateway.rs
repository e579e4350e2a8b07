//! Frames through the Core: what rules hear of them, what guards hear, and the raw frames that the map asks for.

#![allow(clippy::unwrap_used)] // a test may panic

use std::sync::Arc;

use growctl_engine::app::{Core, Next, Output, Site};
use growctl_engine::can::{BusId, CanId, Frame};
use growctl_engine::channels::{ChannelMap, load};
use growctl_engine::files::{Report, SourceFile};
use growctl_engine::model::{CommandsFrom, Mono, Timestamp, Utc, Value};
use growctl_engine::rules::{Engine, Place, Rulebook};

const MAP: &str = r#"
version: 1
buses:
  can0:
    simulate: true
    send_on_start: ["605#2F0018012800", "000#8105", "000#0105"]
    send_on_boot: {0x705: ["000#0105", "000#0106"]}
  can1: {simulate: true}
defaults: {publish: {min_interval: 1s, max_interval: 30s}}
frames:
  climate:
    length: 3
    signals:
      temperature: {byte: 0, type: u16be, scale: 0.1, range: [0, 60], deadband: 0.5}
      state: {byte: 2, type: u8, values: {0: "ok", 1: "fault"}}
  level: {length: 1, signals: {level: {byte: 0, type: u8, deadband: 5}}}
rooms:
  Veg Room:
    middle:
      - {node: C1, frame: climate, bus: can0, id: 0x181}
    back:
      - {node: C2, frame: climate, bus: can0, id: 0x182}
devices:
  Veg Room:
    fan: {kind: fan, command: {bus: can1, id: 0x301, frame: level, signal: level}, feedback: {bus: can1, id: 0x381, frame: level, signal: level}, safe: 0, watchdog: 15s}
"#;

fn map(text: &str) -> ChannelMap {
    let mut report = Report::default();
    let map = load(&SourceFile::new("channels.yaml", text), &mut report);
    map.unwrap_or_else(|| panic!("{}", report.render(false)))
}

fn at(seconds: f64) -> Timestamp {
    Timestamp { mono: Mono((seconds * 1e9) as u64), utc: Utc((seconds * 1e9) as i64) }
}

fn book(map: &ChannelMap) -> Rulebook {
    Rulebook::new(Vec::new(), map.inventory.clone(), Place::default(), "test".into())
}

fn core(map: &ChannelMap) -> Core {
    let mut core = Core::new(map, Engine::new(book(map), Site::host(), at(0.0)), *b"00000000", at(0.0));
    core.expect_no_answers();
    core
}

fn frame(bus: u8, id: u16, data: &[u8]) -> Frame {
    Frame::data(at(0.0), BusId(bus), CanId::Standard(id), data).unwrap()
}

/// `605#2F… on 0`, commands in brackets.
fn sent(outputs: &mut Vec<Output>) -> Vec<String> {
    let shown = |frame: &Frame| {
        let bytes: String = frame.bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        format!("{:03X}#{bytes} on {}", frame.id.raw(), frame.bus.0)
    };
    let sent = |output: Output| match output {
        Output::Raw { frame, .. } => Some(shown(&frame)),
        Output::Transmit { frame, .. } => Some(format!("[{}]", shown(&frame))),
        _ => None,
    };
    outputs.drain(..).filter_map(sent).collect()
}

/// Channel, time in the message, and the first field that its source said.
fn published(outputs: &mut Vec<Output>) -> Vec<(String, f64, String)> {
    let message = |output: Output| {
        let Output::Publish(delivery) = output else { return None };
        let message = &delivery.message;
        let ts = message.fields.get("ts").and_then(Value::as_number).unwrap_or_default();
        let said = ["temperature", "level", "state"].into_iter().find_map(|field| message.fields.get(field));
        Some((message.channel.to_string(), ts, said.map(ToString::to_string).unwrap_or_default()))
    };
    outputs.drain(..).filter_map(message).collect()
}

#[test]
fn raw_frames_go_first_and_in_their_order() {
    let (first, mut outputs) = (map(MAP), Vec::new());
    let mut core = core(&first);
    core.start(at(0.0), &mut outputs);
    assert!(outputs.iter().all(|output| !matches!(output, Output::Raw { frame, .. } if frame.at != at(0.0))));
    let start = ["605#2F0018012800 on 0", "000#8105 on 0", "000#0105 on 0"];
    assert_eq!(sent(&mut outputs), [&start[..], &["[301#00 on 1]"]].concat());
    // A boot-up is one byte 00, or none; a heartbeat, another bus or a remote request is no boot-up.
    for (bus, id, data) in [(0, 0x705, &[5][..]), (0, 0x705, &[0, 0]), (1, 0x705, &[0]), (0, 0x706, &[0])] {
        core.frame(at(1.0), &frame(bus, id, data), &mut outputs);
    }
    core.frame(at(1.0), &Frame::remote(at(1.0), BusId(0), CanId::Standard(0x705), 0), &mut outputs);
    assert_eq!(sent(&mut outputs), [""; 0]);
    core.frame(at(2.0), &frame(0, 0x705, &[0]), &mut outputs);
    assert!(matches!(outputs[0], Output::Raw { frame, .. } if frame.at == at(2.0)));
    assert_eq!(sent(&mut outputs), ["000#0105 on 0", "000#0106 on 0"]);
    core.connected(at(3.0), BusId(1), &mut outputs);
    core.connected(at(3.0), BusId(9), &mut outputs);
    assert_eq!(sent(&mut outputs), ["[301#00 on 1]"], "what its devices are to be");
    core.connected(at(3.0), BusId(0), &mut outputs);
    assert_eq!(sent(&mut outputs), start);
    // Another map: what is new at the start is sent now, and the new boot-up counts.
    let text = MAP.replace("\"000#8105\", ", "\"000#8107\", ").replace("0x705:", "0x707:");
    let next = map(&text);
    let book = book(&next);
    core.reload(
        at(4.0),
        Next { map: Some(Arc::new(next)), book, commands_from: CommandsFrom::All, alerts: None },
        &mut outputs,
    );
    assert_eq!(sent(&mut outputs), ["000#8107 on 0"]);
    core.frame(at(4.5), &frame(0, 0x705, &[0]), &mut outputs);
    assert_eq!(sent(&mut outputs), [""; 0]);
    core.frame(at(4.5), &frame(0, 0x707, &[]), &mut outputs);
    assert_eq!(sent(&mut outputs).len(), 2);
    assert_eq!((core.counts().raw_frames, core.counts().commands), (11, 2));
    let (gateway, ..) = core.parts();
    let counts = gateway.counts();
    assert_eq!((counts.unpublished, counts.unknown), (4, 3), "{counts:?}");
}

#[test]
fn rules_see_what_is_published_and_guards_see_every_reading() {
    let (map, mut outputs) = (map(MAP), Vec::new());
    let mut core = core(&map);
    core.start(at(0.0), &mut outputs);
    published(&mut outputs);
    let level = |core: &Core| core.parts().3.status()[0].state.to_string();
    core.frame(at(1.0), &frame(1, 0x381, &[50]), &mut outputs);
    assert_eq!(published(&mut outputs).len(), 1);
    core.frame(at(1.5), &frame(1, 0x381, &[53]), &mut outputs);
    assert_eq!((published(&mut outputs).len(), &*level(&core)), (0, "53"), "within the deadband, and the guard knows");
    core.frame(at(1.6), &frame(1, 0x381, &[90]), &mut outputs);
    assert_eq!((published(&mut outputs).len(), &*level(&core)), (0, "90"), "within the interval, and the guard knows");
    core.advance(at(2.0), &mut outputs);
    assert_eq!(published(&mut outputs).iter().map(|said| &*said.2).collect::<Vec<_>>(), ["90"]);
    core.frame(at(2.1), &frame(0, 0x181, &[0, 200, 0]), &mut outputs);
    core.frame(at(2.2), &frame(0, 0x181, &[0, 220, 0]), &mut outputs);
    let last = |core: &Core| {
        core.last().get("sensor:update:Veg Room:middle", "temperature").map(|(value, _)| value.to_string())
    };
    assert_eq!(last(&core).as_deref(), Some("20"), "a value that is not published is in no rule's hands");
    outputs.clear();
    core.advance(at(3.1), &mut outputs);
    let said = published(&mut outputs);
    assert_eq!(said, [("sensor:update:Veg Room:middle".to_owned(), 2.2, "22".to_owned())], "`ts` is the frame's");
    assert_eq!(last(&core).as_deref(), Some("22"));
}

/// A full bus of 1 Mbit/s from one node, another once a second.
#[test]
fn a_babbling_node_neither_floods_nor_delays_another() {
    let (map, mut outputs) = (map(MAP), Vec::new());
    let mut core = core(&map);
    core.start(at(0.0), &mut outputs);
    outputs.clear();
    let (mut babble, mut other) = (0, Vec::new());
    let mut random = fastrand::Rng::with_seed(7);
    for n in 0..8745 * 10_u32 {
        let now = 1.0 + f64::from(n) / 8745.0;
        core.frame(at(now), &frame(0, 0x181, &[random.u8(..3), random.u8(..), random.u8(..4)]), &mut outputs);
        if n % 8745 == 4000 {
            core.frame(at(now), &frame(0, 0x182, &[0, 100 + (n / 8745) as u8 * 10, 0]), &mut outputs);
        }
        for (channel, ts, _) in published(&mut outputs) {
            if channel.ends_with("back") { other.push((now, ts)) } else { babble += 1 }
        }
    }
    assert!((100..=230).contains(&babble), "{babble}");
    assert_eq!(other.len(), 10);
    assert!(other.iter().all(|(now, ts)| (now - ts).abs() < 1e-6), "{other:?}");
    let counts = core.parts().0.counts();
    assert_eq!(counts.readings, counts.published + counts.waiting + counts.held_back.sum());
    assert_eq!(counts.decoded, counts.readings, "one source a frame here");
}
