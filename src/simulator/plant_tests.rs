use super::*;
use crate::channels::{Gateway, load};
use crate::files::{Report, SourceFile};
use crate::model::{Reading, Utc};

const MAP: &str = "\
version: 1
buses: { can0: { simulate: true } }
frames:
  climate:
    length: 8
    cycle: 2s
    signals:
      temperature: { byte: 0, type: i16be, scale: 0.1, range: [-20, 60] }
      humidity: { byte: 2, type: u16be, scale: 0.1, range: [0, 100] }
  fan: { length: 1, cycle: 1s, signals: { speed: { byte: 0, type: u8, scale: 0.5, range: [0, 100] } } }
rooms: { A: { front: [ { node: N, frame: climate, bus: can0, id: 0x181 } ] } }
devices:
  A:
    exhaust:
      kind: fan
      command: { bus: can0, id: 0x301, frame: fan, signal: speed }
      feedback: { bus: can0, id: 0x381, frame: fan, signal: speed }
      safe: 0
      watchdog: 15s
      repeat: 5s
";

fn at(millis: u64) -> Timestamp {
    Timestamp { mono: Mono(millis * 1_000_000), utc: Utc(0) }
}

fn map() -> ChannelMap {
    let mut report = Report::default();
    load(&SourceFile::new("channels.yaml", MAP), &mut report).unwrap_or_else(|| panic!("{}", report.render(false)))
}

fn value(readings: &[Reading], field: &str) -> f64 {
    readings.iter().rev().find_map(|r| r.values.get(field)).and_then(Value::as_number).expect("it was sent")
}

#[test]
fn the_same_seed_gives_the_same_frames_however_often_it_is_asked() {
    let run = |step: u64| {
        let (mut plant, mut out) = (Plant::new(&map(), 7, at(0)), Vec::new());
        (0..=60_000 / step).for_each(|n| plant.step(at(n * step), None, &mut out));
        out
    };
    let frames = run(500);
    assert_eq!(frames, run(250));
    assert!(frames.len() > 80 && frames.iter().take(2).all(|frame| frame.at == at(0)), "from the first instant");
}

#[test]
fn a_command_cools_the_room_and_the_watchdog_lets_go() {
    let (map, mut out) = (map(), Vec::new());
    let (mut warm, mut cooled) = (Plant::new(&map, 7, at(0)), Plant::new(&map, 7, at(0)));
    let full = Frame::data(at(0), BusId(0), CanId::Standard(0x301), &[200]).expect("one byte");
    let mut gateway = Gateway::new(&map, at(0));
    let mut show = |frames: &mut Vec<Frame>| {
        let mut readings = Vec::new();
        frames.drain(..).for_each(|frame| gateway.step(frame.at, &frame, &mut readings));
        readings
    };
    for second in 0..300 {
        warm.step(at(second * 1_000), None, &mut out);
    }
    let hot = value(&show(&mut out), "temperature");
    for second in 0..300 {
        cooled.step(at(second * 1_000), Some(&full), &mut out);
    }
    let readings = show(&mut out);
    assert!(value(&readings, "temperature") < hot - 1.0, "{} {hot}", value(&readings, "temperature"));
    assert_eq!(value(&readings, "speed"), 100.0);
    (300..314).for_each(|second| cooled.step(at(second * 1_000), None, &mut out));
    assert_eq!(value(&show(&mut out), "speed"), 100.0);
    (314..318).for_each(|second| cooled.step(at(second * 1_000), None, &mut out));
    assert_eq!(value(&show(&mut out), "speed"), 0.0, "15 s of silence");
}
