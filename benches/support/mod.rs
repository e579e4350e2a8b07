//! What the benchmarks share: a private redis-server, raw RESP over a socket, processor time of a process.

#![allow(dead_code)] // each benchmark uses its share

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A redis-server on a free port, ended when dropped.
pub(crate) struct Redis {
    process: Child,
    pub(crate) port: u16,
}

impl Redis {
    pub(crate) fn start() -> Redis {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let redis = Redis { process, port };
        wait_for("redis-server", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it answers");
        stream.set_nodelay(true).expect("a TCP socket");
        stream
    }

    /// Stops it with SIGSTOP: it takes connections and never answers.
    pub(crate) fn stop(&self) {
        let stopped = Command::new("kill").args(["-STOP", &self.process.id().to_string()]).status();
        assert!(stopped.is_ok_and(|status| status.success()), "it can be stopped");
    }

    /// The reply to one command, as its first line.
    pub(crate) fn ask(&self, command: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(format!("{command}\r\n").as_bytes()).expect("it takes commands");
        let mut lines = String::new();
        let mut reader = BufReader::new(stream);
        reader.read_line(&mut lines).expect("it answers");
        lines.trim().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Polls a condition for 60 s at the most.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = now() + Duration::from_secs(60);
    while !done() {
        assert!(now() < end, "{what}: not ready after 60 s");
        pause();
    }
}

#[allow(clippy::disallowed_methods)] // a benchmark measures
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)] // between two looks at a condition
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// One RESP command of bulk strings.
pub(crate) fn resp(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Counts the answers of `count` PUBLISH commands, `:N` each.
pub(crate) fn drain_integers(mut stream: impl Read, count: u64) {
    let mut chunk = vec![0; 256 * 1024];
    let mut seen = 0;
    while seen < count {
        let read = stream.read(&mut chunk).expect("the server answers");
        assert!(read > 0, "the server closed the connection");
        seen += chunk[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}

/// Processor time of a living process and its threads, user and system.
pub(crate) fn cpu_of(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    ticks(&stat, 11, 12)
}

/// Processor time of all children that have ended.
pub(crate) fn cpu_of_children() -> Duration {
    ticks(&std::fs::read_to_string("/proc/self/stat").expect("Linux"), 13, 14)
}

fn ticks(stat: &str, user: usize, system: usize) -> Duration {
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let number = |at: usize| fields[at].parse::<u64>().expect("a count of ticks");
    // Linux reports 100 ticks a second to every program, whatever the kernel's own rate.
    Duration::from_millis((number(user) + number(system)) * 10)
}

/// The middle one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// `growctl` as built for release, beside this benchmark.
pub(crate) fn growctl() -> std::path::PathBuf {
    let own = std::env::current_exe().expect("a benchmark has a path");
    let folder = own.parent().and_then(|deps| deps.parent()).expect("target/release/deps");
    let path = folder.join("growctl");
    assert!(path.exists(), "{} is missing: build it first with `cargo build --release`", path.display());
    path
}
