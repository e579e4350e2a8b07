//! The outbox as its receivers see it: an engine that is killed at random moments, and an other side that fails half of the
//! time, before it has taken anything or after it. Whatever was committed arrives. `KILLS` sets how often it is killed.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::Engine;
use support::{copy_site, growctl, wait_for};

/// Kills of the engine, unless the environment says otherwise.
const MANY: u64 = 50;

/// By key, how often it was taken.
type Taken = Arc<Mutex<BTreeMap<String, u32>>>;

/// A web service that fails half of the time: with 500 before it has taken anything, or by hanging up after it has.
fn service(seed: u64) -> (u16, Taken) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it has one").port();
    let (taken, random) = (Taken::default(), Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))));
    let shared = taken.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (taken, random) = (shared.clone(), random.clone());
            std::thread::spawn(move || while serve(&stream, &taken, &random).is_some() {});
        }
    });
    (port, taken)
}

/// One request; `None`: the connection is over.
fn serve(mut stream: &TcpStream, taken: &Taken, random: &Mutex<fastrand::Rng>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key, mut line) = (0, String::new(), String::new());
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let (name, value) = line.trim_end().split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "idempotency-key" => key = value.to_owned(),
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let chance = random.lock().expect("nobody panics").u32(0..4);
    if chance > 0 {
        *taken.lock().expect("nobody panics").entry(key).or_default() += 1;
    }
    match chance {
        0 => stream.write_all(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").ok(),
        1 => None,
        _ => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok(),
    }
}

const RULE: &str = "subscribe: \"sensor:update\"\neach: |\n  for i in 0..5 { send(\"web\", msg); }\n  \
                    notify(\"boss\", `${msg.id}`);\n";

fn site(port: u16) -> tempfile::TempDir {
    let retry = "retry: {first: 10ms, longest: 20ms}";
    let site = copy_site(&format!(
        "redis: {{embedded: false}}\n\
         receivers: {{boss: {{webhook: {{url: \"http://127.0.0.1:{port}/a\", body: {{text: \"{{{{summary}}}}\"}}, \
         allow_private: true}}, {retry}}}}}\n\
         targets: {{web: {{kind: http, url: \"http://127.0.0.1:{port}/e\", body: {{id: \"{{{{value.id}}}}\"}}, \
         batch: {{max: 20, every: 10ms}}, allow_private: true, {retry}}}}}\n"
    ));
    std::fs::remove_dir_all(site.path().join("rules")).expect("it can be removed");
    std::fs::create_dir(site.path().join("rules")).expect("it can be made");
    std::fs::write(site.path().join("rules/all.yaml"), RULE).expect("it can be written");
    site
}

/// The keys of what is committed and has not been settled, by the database that a killed engine has left.
fn committed(site: &std::path::Path) -> BTreeSet<String> {
    let asked = growctl(site).args(["--format", "json", "outbox", "list", "--limit", "60000"]).output();
    let rows: serde_json::Value = serde_json::from_slice(&asked.expect("growctl starts").stdout).expect("JSON");
    let rows = rows["rows"].as_array().cloned().unwrap_or_default();
    rows.iter().filter_map(|row| row["key"].as_str().map(str::to_owned)).collect()
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the moment of a kill is drawn, and nothing waits for it")]
fn nothing_that_was_committed_is_lost_by_kills_and_failures() {
    let many = std::env::var("KILLS").ok().and_then(|many| many.parse().ok()).unwrap_or(MANY);
    let (port, taken) = service(7);
    let mut random = fastrand::Rng::with_seed(11);
    let mut site = site(port);
    let mut all = BTreeSet::new();
    for _ in 0..many {
        let engine = Engine::start(site, None);
        std::thread::sleep(Duration::from_millis(random.u64(0..700)));
        site = engine.kill();
        all.extend(committed(site.path()));
    }
    // Nothing new: only what waits is to go.
    std::fs::remove_file(site.path().join("rules/all.yaml")).expect("it is there");
    let engine = Engine::start(site, None);
    wait_for("an empty outbox", || {
        let status = engine.status();
        ["alerts", "exports"].iter().all(|class| status["store"]["outbox"][class]["pending"] == 0)
    });
    let taken = taken.lock().expect("nobody panics");
    let lost: Vec<&String> = all.iter().filter(|key| !taken.contains_key(*key)).collect();
    let twice = taken.values().filter(|times| **times > 1).count();
    let line = format!(
        "{many} kills, {} seen to wait at one, {} taken, {twice} of them more than once",
        all.len(),
        taken.len()
    );
    let _ = writeln!(std::io::stderr(), "{line}: {} lost", lost.len());
    assert!(all.len() > 10 && twice > 0, "{line}");
    assert!(lost.is_empty(), "{line}: {lost:?}");
}
