//! `replay --speed max` into a Redis on the same machine, two publications a frame, beside a raw streaming publisher
//! (preformatted bytes, answers drained), in one run:
//!
//!     cargo build --release && cargo bench --bench replay_redis [-- FRAMES]

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use support::{Redis, cpu_of_children, drain_integers, growctl, median, now, resp};

const ROUNDS: usize = 3;
const MAP: &str = "\
version: 1
buses: { can0: { simulate: true } }
frames:
  climate:
    length: 8
    cycle: 2s
    signals:
      temperature: { byte: 0, type: i16be, scale: 0.1, unit: degC }
      humidity: { byte: 2, type: u16be, scale: 0.1, unit: '%RH' }
      co2: { byte: 4, type: u16be, unit: ppm }
      sensor_state: { byte: 6, bits: 0..1, values: { 0: 'ok', 1: 'warming up', 2: 'fault' } }
rooms:
  Flower Room:
    front:
      - { node: FR-C1, frame: climate, bus: can0, id: 0x181 }
";

fn main() {
    let frames: u64 = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(1_000_000);
    let site = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("site-replay");
    std::fs::create_dir_all(&site).expect("the target folder can be written");
    std::fs::write(site.join("channels.yaml"), MAP).expect("it can be written");
    let log = site.join("bench.log");
    std::fs::write(&log, recording(frames)).expect("it can be written");

    let mut rows: Vec<[f64; 3]> = Vec::new();
    for _ in 0..ROUNDS {
        let redis = Redis::start();
        let raw = raw_publisher(&redis, frames);
        let (cpu, began) = (cpu_of_children(), now());
        let done = Command::new(growctl())
            .args(["--redis", &redis.url(), "-C"])
            .arg(&site)
            .args(["replay", "--speed", "max"])
            .arg(&log)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(done.expect("growctl starts").success());
        let took = began.elapsed();
        let cpu = cpu_of_children() - cpu;
        rows.push([frames as f64 * 2.0 / took.as_secs_f64(), raw, cpu.as_secs_f64() * 1e6 / frames as f64]);
    }
    let middle = |f: &dyn Fn(&[f64; 3]) -> f64| median(&mut rows.iter().map(f).collect::<Vec<_>>());
    println!("{frames} frames, {ROUNDS} rounds, medians");
    println!("replay            {:>10.0} publications/s", middle(&|r| r[0]));
    println!("raw publisher     {:>10.0} publications/s", middle(&|r| r[1]));
    println!("ratio             {:>10.2}", middle(&|r| r[0] / r[1]));
    println!("own processor time{:>10.2} µs a frame", middle(&|r| r[2]));
}

fn recording(frames: u64) -> String {
    let mut text = String::with_capacity(frames as usize * 48);
    for n in 0..frames {
        let (seconds, micros) = (1_735_270_496 + n / 1_000, n % 1_000 * 1_000);
        let temperature = 200 + n % 100;
        let _ = writeln!(text, "({seconds}.{micros:06}) can0 181#{temperature:04X}0258032C0000");
    }
    text
}

/// Publications a second, twice as many as there are frames, of a payload like growctl's.
fn raw_publisher(redis: &Redis, frames: u64) -> f64 {
    let payload = br#"{"id":"k3v9x2mq-000042","ts":1735270496.916858,"room":"Flower Room","cluster":"front","node":"FR-C1","temperature":24.8,"humidity":60.0,"co2":812.0,"sensor_state":"ok"}"#;
    let mut pair = resp(&[b"PUBLISH", b"sensor:update:Flower Room:front", payload]);
    pair.extend(resp(&[b"PUBLISH", b"sensor:update", payload]));
    let wire = pair.repeat(250);
    let mut stream = redis.connect();
    let answers = stream.try_clone().expect("a socket can be cloned");
    let began = now();
    let drained = std::thread::spawn(move || drain_integers(answers, frames / 250 * 500));
    for _ in 0..frames / 250 {
        stream.write_all(&wire).expect("the server takes it");
    }
    drained.join().expect("it counts");
    (frames / 250 * 500) as f64 / began.elapsed().as_secs_f64()
}
