//! Redis in → rule → Redis out, beside Node-RED with the same flow, in one run:
//!
//!     cargo build --release && cargo bench --bench redis_loop
//!
//! Node-RED is installed from npm under `target/` the first time. Messages go round in a closed loop: so many are under way
//! at most, so that nothing is lost on either side, and the rate is what the slowest part carries.

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{Redis, cpu_of, growctl, median, now, resp, wait_for};

const ROUNDS: usize = 3;
/// Messages of one block have the same value: a rule that publishes on a change publishes once a block.
const BLOCK: u64 = 100;
const UNDER_WAY: u64 = 2_000;
const MESSAGES: u64 = 300_000;

fn main() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("node-red");
    install(&folder);
    println!(
        "{:<8} {:>14} {:>14} {:>8} {:>14} {:>14} {:>8}",
        "rule", "growctl/s", "node-red/s", "ratio", "growctl µs", "node-red µs", "ratio"
    );
    for kind in ["change", "every"] {
        let mut rows: Vec<[f64; 4]> = Vec::new();
        for _ in 0..ROUNDS {
            let (ours, our_cpu) = measure(kind, |redis| start_growctl(redis, kind));
            let (theirs, their_cpu) = measure(kind, |redis| start_node_red(redis, kind, &folder));
            rows.push([ours, theirs, our_cpu, their_cpu]);
        }
        let middle = |f: &dyn Fn(&[f64; 4]) -> f64| median(&mut rows.iter().map(f).collect::<Vec<_>>());
        println!(
            "{kind:<8} {:>14.0} {:>14.0} {:>8.2} {:>14.2} {:>14.2} {:>8.2}",
            middle(&|r| r[0]),
            middle(&|r| r[1]),
            middle(&|r| r[0] / r[1]),
            middle(&|r| r[2]),
            middle(&|r| r[3]),
            middle(&|r| r[2] / r[3]),
        );
    }
}

fn install(folder: &Path) {
    if folder.join("node_modules").exists() {
        return;
    }
    std::fs::create_dir_all(folder).expect("the target folder can be written");
    let done = Command::new("npm")
        .args(["install", "--no-fund", "--no-audit", "--prefix"])
        .arg(folder)
        .args(["node-red", "node-red-contrib-redis"])
        .stdout(Stdio::null())
        .status();
    assert!(done.expect("npm is installed").success(), "npm could not install node-red");
}

fn start_growctl(redis: &Redis, kind: &str) -> Child {
    let site = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("site-{kind}"));
    std::fs::create_dir_all(site.join("rules")).expect("the target folder can be written");
    std::fs::write(site.join("channels.yaml"), "version: 1\n").expect("it can be written");
    let each = match kind {
        "change" => "if msg.v != state.v { state.v = msg.v; publish(\"bench:out\", #{ v: msg.v }); }",
        _ => "publish(\"bench:out\", #{ v: msg.v });",
    };
    let rule = format!("subscribe: \"bench:in*\"\nper: rule\nstate: {{ v: -1 }}\neach: |\n  {each}\n");
    std::fs::write(site.join("rules/bench.yaml"), rule).expect("it can be written");
    Command::new(growctl())
        .args(["--redis", &redis.url(), "-C"])
        .arg(&site)
        .arg("run")
        .stderr(Stdio::null())
        .spawn()
        .expect("growctl starts")
}

fn start_node_red(redis: &Redis, kind: &str, folder: &Path) -> Child {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/node_red");
    let flow = Command::new("node").arg(here.join("flow.js")).args([&redis.port.to_string(), kind]).output();
    let path = folder.join("flows.json");
    std::fs::write(&path, flow.expect("node is installed").stdout).expect("it can be written");
    Command::new("node")
        .arg(folder.join("node_modules/node-red/red.js"))
        .args(["--userDir"])
        .arg(folder)
        .arg("--settings")
        .arg(here.join("settings.js"))
        .arg(&path)
        .stdout(Stdio::null())
        .spawn()
        .expect("node-red starts")
}

/// Messages a second, and processor time a message of the process in the middle, in µs.
fn measure(kind: &str, start: impl FnOnce(&Redis) -> Child) -> (f64, f64) {
    let redis = Redis::start();
    let mut child = start(&redis);
    wait_for("a subscriber", || redis.ask("PUBSUB NUMPAT") != ":0");
    let mut out = redis.connect();
    out.write_all(&resp(&[b"SUBSCRIBE", b"bench:out"])).expect("it takes commands");
    out.set_read_timeout(Some(Duration::from_secs(20))).expect("a TCP socket");
    let per_output = if kind == "change" { BLOCK } else { 1 };
    // Once around first, so that both have compiled what they compile.
    let mut turn = Loop { publisher: redis.connect(), out, per_output, next: 0 };
    turn.go(20_000);
    let (began, cpu) = (now(), cpu_of(child.id()));
    turn.go(MESSAGES);
    let (took, cpu) = (began.elapsed(), cpu_of(child.id()) - cpu);
    let _ = child.kill();
    let _ = child.wait();
    (MESSAGES as f64 / took.as_secs_f64(), cpu.as_secs_f64() * 1e6 / MESSAGES as f64)
}

struct Loop {
    publisher: TcpStream,
    out: TcpStream,
    per_output: u64,
    next: u64,
}

impl Loop {
    fn go(&mut self, messages: u64) {
        let mut answers = self.publisher.try_clone().expect("a socket can be cloned");
        let drained = std::thread::spawn(move || support::drain_integers(&mut answers, messages));
        let (mut sent, mut done) = (0, 0);
        let mut chunk = vec![0; 256 * 1024];
        let mut wire = Vec::new();
        while done < messages {
            wire.clear();
            while sent < messages && sent - done < UNDER_WAY {
                let value = (self.next + sent) / BLOCK;
                let payload =
                    format!("{{\"v\":{value},\"room\":\"Flower Room\",\"cluster\":\"front\",\"temperature\":24.8}}");
                wire.extend_from_slice(&resp(&[b"PUBLISH", b"bench:in", payload.as_bytes()]));
                sent += 1;
            }
            self.publisher.write_all(&wire).expect("the server takes it");
            let read = self.out.read(&mut chunk).expect("a message within 20 s: none may be lost");
            // Every pushed message has one line that begins with the payload's brace.
            done += chunk[..read].iter().filter(|byte| **byte == b'{').count() as u64 * self.per_output;
        }
        self.next += messages;
        drained.join().expect("it counts");
    }
}
