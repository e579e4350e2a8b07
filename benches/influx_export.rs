//! Readings into InfluxDB 1.x, beside a Python client that writes the same in batches of the same size, in one run:
//!
//!     cargo bench -p growctl-engine --bench influx_export
//!
//! It needs `influxd` (Debian's package `influxdb`) and, in `target/clients/python` or in the system's Python, the client `influxdb` of PyPI.
//! Both begin with the JSON texts of messages and end when the server has answered for the last batch; three rounds in turn.

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use growctl_engine::model::{Parcel, Utc, Verdict};
use growctl_engine::senders::{SenderContext, Transcript, influx};
use support::{median, now};

const READINGS: usize = 100_000;
const BATCH: usize = 5_000;
const ROUNDS: usize = 3;

struct Server(Child, u16, #[allow(dead_code)] tempfile::TempDir);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its name").port()
}

impl Server {
    fn start() -> Server {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let shown = folder.path().display();
        let settings = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:{}\"\n[meta]\ndir = \"{shown}/meta\"\n\
             [data]\ndir = \"{shown}/data\"\nwal-dir = \"{shown}/wal\"\n[http]\nbind-address = \"127.0.0.1:{port}\"\n\
             log-enabled = false\n[monitor]\nstore-enabled = false\n",
            free_port()
        );
        let file = folder.path().join("influxdb.conf");
        std::fs::write(&file, settings).expect("it can be written");
        let mut command = Command::new("influxd");
        command.arg("-config").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server(command.spawn().expect("influxd is installed"), port, folder);
        while !server.post("/query?q=CREATE%20DATABASE%20grow").is_some_and(|answer| answer.contains(" 200 ")) {
            std::thread::park_timeout(Duration::from_millis(100));
        }
        server
    }

    fn post(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.1)).ok()?;
        write!(stream, "POST {path} HTTP/1.0\r\nhost: x\r\ncontent-length: 0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

/// A message every millisecond; each round has its own time.
fn bodies(round: usize) -> Vec<String> {
    let body = |number: usize| {
        let ts = 1_790_000_000.0 + (round * 1_000) as f64 + number as f64 / 1e3;
        format!(
            r#"{{"id":"k2j4h5g6-{number}","ts":{ts},"room":"Flower Room","cluster":"front","node":"FR-C{}","temperature":{}.25,"humidity":61.5,"co2":812.0,"sensor_state":"ok"}}"#,
            number % 8,
            20 + number % 10
        )
    };
    (0..READINGS).map(body).collect()
}

fn main() {
    let server = Server::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (mut own, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let bodies = bodies(round);
        let file = folder.path().join("messages.jsonl");
        std::fs::write(&file, bodies.join("\n")).expect("it can be written");
        let rate = runtime.block_on(export(server.1, bodies));
        let python = python(server.1, &file);
        own.push(rate);
        theirs.push(python);
        ratios.push(rate / python);
    }
    println!("{READINGS} readings in batches of {BATCH}, median of {ROUNDS} rounds in turn");
    println!("  growctl       {:>9.0} readings/s", median(&mut own));
    println!("  Python client {:>9.0} readings/s", median(&mut theirs));
    println!("  ratio         {:>9.1}  (goal: at least 3)", median(&mut ratios));
}

async fn export(port: u16, bodies: Vec<String>) -> f64 {
    let config = influx::Config {
        url: format!("http://127.0.0.1:{port}"),
        bucket: "grow".to_owned(),
        org: None,
        token: None,
        login: None,
        version_1: true,
        measurement: "own".to_owned(),
        allow_private: true,
    };
    let context = SenderContext {
        folder: ".".into(),
        zone: jiff::tz::TimeZone::UTC,
        site: "bench".to_owned(),
        transcript: Transcript::default(),
    };
    let mut sender = influx::sender(&config, &context).expect("it can work");
    let parcel = |(id, body): (i64, String)| Parcel { id, key: id.to_string().into(), at: Utc(0), tries: 1, body };
    let parcels: Vec<Parcel> = (0..).zip(bodies).map(parcel).collect();
    let begin: Instant = now();
    for batch in parcels.chunks(BATCH) {
        let verdicts = sender.send(batch).await;
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Delivered), "{:?}", verdicts[0]);
    }
    READINGS as f64 / begin.elapsed().as_secs_f64()
}

fn python(port: u16, messages: &Path) -> f64 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("target/clients/python/bin/python");
    let python = if own.exists() { own } else { "python3".into() };
    let script = root.join("benches/influx_client.py");
    let done = Command::new(python).arg(script).arg(port.to_string()).arg(messages).arg(BATCH.to_string()).output();
    let done = done.expect("Python is installed");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    text.trim().parse().unwrap_or_else(|_| panic!("pip install influxdb: {}", String::from_utf8_lossy(&done.stderr)))
}
