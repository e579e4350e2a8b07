//! What the pure parts cost, each beside its measure, in one run:
//!
//!     cargo bench -p growctl-engine --bench core
//!
//! Decoding an 8-byte frame with four signals beside a struct decoded by hand; a typed message through 100 rules of which
//! one is concerned and compares a value; the same with 10 and 10,000 rules.

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

mod support;

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use growctl_engine::actions::host_functions;
use growctl_engine::bus::Last;
use growctl_engine::can::{BusId, CanId, Frame};
use growctl_engine::channels::{ChannelMap, Gateway, Plan, load as load_map};
use growctl_engine::files::{Report, SourceFile};
use growctl_engine::model::{Fields, Message, Mono, Name, Provenance, Timestamp, Utc, Value};
use growctl_engine::rules::{Engine, Event, Host, Place, Rulebook, Site, load};
use support::{median, now};

const ROUNDS: usize = 7;
const MAP: &str = "\
version: 1
buses: { can0: { simulate: true } }
frames:
  climate:
    length: 8
    cycle: 2s
    signals:
      temperature: { byte: 0, type: i16be, scale: 0.1, range: [-20, 60], invalid: 0x7FFF }
      humidity: { byte: 2, type: u16be, scale: 0.1, range: [0, 100], invalid: 0xFFFF }
      co2: { byte: 4, type: u16be, range: [0, 5000], invalid: 0xFFFF }
      sensor_state: { byte: 6, bits: 0..1, values: { 0: 'ok', 1: 'warming up', 2: 'fault' } }
rooms: { Flower Room: { front: [ { node: FR-C1, frame: climate, bus: can0, id: 0x181 } ] } }
";

fn main() {
    let map = map();
    let frames = frames();
    let plan = Plan::of_node(&map.nodes[0]);
    let hand = per_call(|n| black_box(by_hand(black_box(frames[n % 64].bytes()))).temperature);
    let numbers = per_call(|n| {
        let mut sum = 0.0;
        plan.samples(black_box(frames[n % 64].bytes()), |at, sample| sum += at as f64 + black_box(sample).number);
        sum
    });
    let mut gateway = Gateway::new(&map, at(0));
    let mut readings = Vec::new();
    let reading = per_call(|n| {
        gateway.step(at(n as u64), &frames[n % 64], &mut readings);
        readings.pop().map_or(0.0, |reading| reading.values.len() as f64)
    });
    println!("decode by hand           {hand:>8.1} ns");
    println!("decode by the map        {numbers:>8.1} ns   {:>6.2} times by hand", numbers / hand);
    println!("frame to reading         {reading:>8.1} ns   names, values, staleness");
    let [ten, hundred, many] = [10, 100, 10_000].map(through_rules);
    for (rules, took) in [(10, ten), (100, hundred), (10_000, many)] {
        println!("message, {rules:>6} rules    {took:>8.1} ns   {:>10.0} messages/s", 1e9 / took);
    }
    println!("10,000 rules to 10       {:>8.2}", many / ten);
}

/// Nanoseconds a call: the median of some rounds.
fn per_call(mut call: impl FnMut(usize) -> f64) -> f64 {
    const CALLS: usize = 1_000_000;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = now();
            black_box((0..CALLS).map(&mut call).sum::<f64>());
            began.elapsed().as_secs_f64() * 1e9 / CALLS as f64
        })
        .collect();
    median(&mut rounds)
}

fn at(nanos: u64) -> Timestamp {
    Timestamp { mono: Mono(nanos), utc: Utc(1_800_000_000_000_000_000 + nanos as i64) }
}

fn map() -> ChannelMap {
    let mut report = Report::default();
    let map = load_map(&SourceFile::new("channels.yaml", MAP), &mut report);
    map.unwrap_or_else(|| panic!("{}", report.render(false)))
}

fn frames() -> Vec<Frame> {
    let frame = |n: u8| {
        let bytes = [0x00, 0xB0 + n, 0x02, 0x58, 0x03, n, n % 3, 0];
        Frame::data(at(0), BusId(0), CanId::Standard(0x181), &bytes).expect("8 bytes")
    };
    (0..64).map(frame).collect()
}

struct ByHand {
    temperature: f64,
    #[allow(dead_code)] // decoded, as the map does
    rest: (Option<f64>, Option<f64>, u8),
}

/// What somebody would write for this one frame, with its ranges and invalid values.
fn by_hand(bytes: &[u8]) -> ByHand {
    let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let good =
        |raw: u16, value: f64, low: f64, high: f64| (raw != 0xFFFF && (low..=high).contains(&value)).then_some(value);
    let temperature = f64::from(word(0) as i16) / 10.0;
    let humidity = good(word(2), f64::from(word(2)) / 10.0, 0.0, 100.0);
    let co2 = good(word(4), f64::from(word(4)), 0.0, 5_000.0);
    let temperature = if word(0) != 0x7FFF && (-20.0..=60.0).contains(&temperature) { temperature } else { f64::NAN };
    ByHand { temperature, rest: (humidity, co2, bytes[6] & 3) }
}

/// Nanoseconds a message through so many rules, of which the first is concerned and compares a value.
fn through_rules(rules: usize) -> f64 {
    let map = map();
    let host = Host::new(&host_functions());
    let site = Site { host: &host, inventory: &map.inventory };
    let mut report = Report::default();
    let rule = |n: usize| {
        let pattern = if n == 0 { "sensor:update:Flower Room:*".to_owned() } else { format!("elsewhere:{n}:*") };
        let text = format!(
            "subscribe: \"{pattern}\"\nwhen: msg.temperature > 28.0\nuntil: msg.temperature < 20.0\nthen: 'info(\"hot\");'\n"
        );
        load(&SourceFile::new(PathBuf::from(format!("rules/r{n:05}.yaml")), text), &site, &mut report)
    };
    let rules: Vec<_> = (0..rules).map(rule).map(|rule| Arc::new(rule.expect("it is right"))).collect();
    let mut engine =
        Engine::new(Rulebook::new(rules, map.inventory.clone(), Place::default(), "bench".into()), host, at(0));
    let messages: Vec<Arc<Message>> = (0..64).map(|n| Arc::new(message(n))).collect();
    let (mut last, mut intents, mut now) = (Last::default(), Vec::new(), 0);
    per_call(|n| {
        now += 1_000;
        let message = &messages[n % 64];
        last.record(at(now), message);
        engine.step(at(now), Event::Message(message), &last, &mut intents);
        let asked = intents.len() as f64;
        intents.clear();
        asked
    })
}

fn message(n: u8) -> Message {
    let fields: [(&str, Value); 8] = [
        ("id", "k3v9x2mq-000042".into()),
        ("ts", 1_735_270_496.9.into()),
        ("room", "Flower Room".into()),
        ("cluster", "front".into()),
        ("node", "FR-C1".into()),
        ("temperature", (21.0 + f64::from(n) / 10.0).into()),
        ("humidity", 60.0.into()),
        ("sensor_state", "ok".into()),
    ];
    let fields: Fields = fields.into_iter().map(|(name, value)| (Name::from(name), value)).collect();
    Message {
        channel: "sensor:update:Flower Room:front".into(),
        broad: Some("sensor:update".into()),
        source: Some("FR-C1".into()),
        provenance: Provenance::Frames,
        stale: false,
        hop: 0,
        fields,
    }
}
