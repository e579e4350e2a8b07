//! Frames through a DBC file, beside cantools (Python) on the same frames, in one run:
//!
//!     cargo bench -p growctl-engine --bench dbc_decode
//!
//! cantools is taken from `python3`, or from $PYTHON; without it only growctl is measured. Frames are those of
//! messages without multiplexers of cantools' own `vehicle.dbc`.

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

mod support;

use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use growctl_engine::can::CanId;
use growctl_engine::channels::dbc::{Database, Import, Value};
use growctl_engine::channels::{Plan, load_with};
use growctl_engine::files::{Report, SourceFile, read_database};
use hashbrown::HashMap;
use support::{median, now};

const ROUNDS: usize = 7;
/// Frames of each message.
const FRAMES: usize = 8;

/// Reads `id hex` lines, decodes all of them for two seconds, says nanoseconds a frame and the sum of all numbers.
const PYTHON: &str = r#"
import sys, time, cantools
database = cantools.database.load_file(sys.argv[1], strict=False)
frames = [(int(i), bytes.fromhex(d)) for i, d in (line.split() for line in sys.stdin)]
total = sum(sum(database.decode_message(i, d, decode_choices=False).values()) for i, d in frames)
rounds, best = [], time.perf_counter() + 2
while time.perf_counter() < best:
    began = time.perf_counter()
    for i, d in frames:
        database.decode_message(i, d, decode_choices=False)
    rounds.append((time.perf_counter() - began) / len(frames) * 1e9)
print(sorted(rounds)[len(rounds) // 2], total)
"#;

/// As `struct can_frame` has it.
struct Recorded {
    id: CanId,
    len: u8,
    data: [u8; 8],
}

impl Recorded {
    fn bytes(&self) -> &[u8] {
        &self.data[..usize::from(self.len)]
    }
}

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/dbc/vehicle.dbc");
    let mut report = Report::default();
    let file = read_database(Path::new(""), &path, &mut report).expect("it can be read");
    let database = Database::load(&file, &mut report).expect("it is right");
    let frames = frames(&database);
    let signals: usize = frames.iter().map(|frame| decode(&database, frame).1).sum();
    let ours_total: f64 = frames.iter().map(|frame| decode(&database, frame).0).sum();
    let ours = per_frame(frames.len(), || frames.iter().for_each(|frame| read(&database, black_box(frame))));
    println!("{} frames, {:.1} signals each", frames.len(), signals as f64 / frames.len() as f64);
    println!("growctl     {ours:>10.1} ns a frame");
    let by_map = by_map(&database, &frames);
    println!("  in a map  {by_map:>10.1} ns a frame   as the gateway reads it: ranges, texts, rounded");
    match python(&path, &frames) {
        Some((theirs, total)) => {
            assert!((total - ours_total).abs() <= 1e-9 * total.abs(), "{total} is not {ours_total}");
            println!(
                "cantools    {theirs:>10.1} ns a frame   {:>8.1} times growctl, {:.1} times in a map",
                theirs / ours,
                theirs / by_map
            );
        }
        None => println!("cantools    is not there: pip install cantools, or set PYTHON"),
    }
}

/// Random bytes for every message without multiplexers.
fn frames(database: &Database) -> Vec<Recorded> {
    let mut rng = fastrand::Rng::with_seed(1);
    let plain =
        database.messages().filter(|message| message.layout.signals.iter().all(|signal| signal.when.is_empty()));
    let whole = plain.filter(|message| (1..=8).contains(&message.size) && !message.layout.signals.is_empty());
    let ids: Vec<(CanId, u64)> = whole.filter_map(|message| Some((message.id()?, message.size))).collect();
    let recorded = |(id, size): (CanId, u64)| {
        let (mut data, len) = ([0; 8], size as u8);
        rng.fill(&mut data[..usize::from(len)]);
        Recorded { id, len, data }
    };
    ids.iter().copied().cycle().take(ids.len() * FRAMES).map(recorded).collect()
}

/// The sum of a frame's numbers, and how many there are.
fn decode(database: &Database, frame: &Recorded) -> (f64, usize) {
    let message = database.with_id(frame.id).expect("it is of the file");
    let number = |(_, value)| match value {
        Value::Number(number, _) => number.as_f64(),
        Value::Bad(_) => 0.0,
    };
    message.read(frame.bytes()).map(number).fold((0.0, 0), |(sum, count), number| (sum + number, count + 1))
}

/// What is measured: every number goes somewhere. Adding them up would be measured too, which is not done in cantools' rounds.
fn read(database: &Database, frame: &Recorded) {
    let message = database.with_id(frame.id).expect("it is of the file");
    message.read(frame.bytes()).for_each(|(_, value)| {
        if let Value::Number(number, _) = value {
            black_box(number.as_f64());
        }
    });
}

/// The same frames through the channel map that is made of the file.
fn by_map(database: &Database, frames: &[Recorded]) -> f64 {
    let import = Import { path: "vehicle.dbc", name: "vehicle", bus: "can0", room: "Room", sender: None };
    let read = |_: &Path, _: &mut Report| Some(database.file().clone());
    let file = SourceFile::new("channels.yaml", import.write(database));
    let map = load_with(&file, &read, &mut Report::default()).expect("what is imported loads");
    let plans: HashMap<CanId, Plan> = map.nodes.iter().map(|node| (node.id, Plan::of_node(node))).collect();
    let read = |frame: &Recorded| {
        plans[&frame.id].samples(black_box(frame.bytes()), |_, sample| {
            black_box(sample.number);
        });
    };
    per_frame(frames.len(), || frames.iter().for_each(read))
}

/// Nanoseconds a frame: the median of some rounds of 100 ms.
fn per_frame(frames: usize, mut all: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (began, mut times) = (now(), 0.0);
            while began.elapsed().as_millis() < 100 {
                all();
                times += 1.0;
            }
            began.elapsed().as_secs_f64() * 1e9 / (times * frames as f64)
        })
        .collect();
    median(&mut rounds)
}

/// cantools on the same frames: nanoseconds a frame, and the sum of all numbers.
fn python(path: &PathBuf, frames: &[Recorded]) -> Option<(f64, f64)> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut child = Command::new(python)
        .args(["-c", PYTHON])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let hex = |data: &[u8]| data.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let lines: String = frames.iter().map(|frame| format!("{} {}\n", frame.id.raw(), hex(frame.bytes()))).collect();
    // A Python without cantools ends before it has read all.
    let _ = child.stdin.take()?.write_all(lines.as_bytes());
    let output = child.wait_with_output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (took, total) = text.trim().split_once(' ')?;
    Some((took.parse().ok()?, total.parse().ok()?))
}
