//! The outbox as its receivers see it: an engine that is killed at random moments, and an other side that fails half of the
//! time. Whatever was committed arrives; what arrives twice says that it may.

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

/// What came in and was answered with 200.
#[derive(Default)]
struct Taken {
    /// By key: how often, and whether the last time said that it may be a repetition.
    keys: BTreeMap<String, u32>,
    unmarked: Vec<String>,
    requests: u64,
    refused: u64,
}

/// A web service that fails half of the time: with 500 before it has taken anything, with 500 after it, or by hanging up.
struct Service {
    port: u16,
    taken: Arc<Mutex<Taken>>,
}

impl Service {
    fn start(seed: u64) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it has one").port();
        let taken = Arc::new(Mutex::new(Taken::default()));
        let (shared, random) = (taken.clone(), Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, random) = (shared.clone(), random.clone());
                std::thread::spawn(move || while serve(&stream, &shared, &random).is_some() {});
            }
        });
        Service { port, taken }
    }
}

/// One request; `None`: the connection is over.
fn serve(stream: &TcpStream, taken: &Mutex<Taken>, random: &Mutex<fastrand::Rng>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut key, mut tries) = (0, String::new(), 1_u32);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line == "\r\n" {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "idempotency-key" => key = value.to_owned(),
            "x-growctl-try" => tries = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let chance = random.lock().expect("nobody panics").u32(0..4);
    let mut all = taken.lock().expect("nobody panics");
    all.requests += 1;
    if chance > 0 {
        // Taken; with 1 it is not said.
        for key in key.split(',') {
            let times = all.keys.entry(key.to_owned()).or_default();
            *times += 1;
            if *times > 1 && tries < 2 {
                all.unmarked.push(key.to_owned());
            }
        }
    } else {
        all.refused += 1;
    }
    drop(all);
    let mut stream = stream;
    match chance {
        0 => stream.write_all(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").ok(),
        1 => None,
        _ => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok(),
    }
}
