//! `sub` and `pub` against a real Redis server of the test's own.

use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

const ROUNDS: usize = 200;

struct Redis {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Redis {
    fn start() -> Redis {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed; scripts/test installs it");
        let redis = Redis { process, url: format!("redis://127.0.0.1:{port}"), _folder: folder };
        let answers = |_| growctl(&redis.url, &["pub", "ready", "{}"]).status.success();
        assert!((0..ROUNDS).any(answers), "redis-server does not answer");
        redis
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn growctl(url: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_growctl")).args(["--redis", url]).args(args).output().expect("growctl runs")
}

#[test]
fn a_published_message_reaches_a_pattern_subscriber() {
    let redis = Redis::start();
    let sub = Command::new(env!("CARGO_BIN_EXE_growctl"))
        .args(["--redis", &redis.url, "sub", "--count", "1", "--format", "json", "sensor:update:Flower Room:*"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("growctl runs");
    let mut sub = Some(sub);
    // The subscriber needs a moment to connect: publish until it has its one message and ends.
    for _ in 0..ROUNDS {
        let sent = growctl(&redis.url, &["pub", "sensor:update:Flower Room:front", r#"{"temperature": 24.8}"#]);
        assert!(sent.status.success());
        if sub.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_some())) {
            break;
        }
    }
    let output = sub.take().expect("it was not taken before").wait_with_output().expect("its output can be read");
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(line["channel"], "sensor:update:Flower Room:front");
    assert_eq!(line["message"]["temperature"], 24.8);
}

#[test]
fn a_wrong_call_says_what_would_be_right() {
    let not_json = growctl("redis://127.0.0.1:1", &["pub", "x", "24.8"]);
    assert_eq!(not_json.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&not_json.stderr).contains("not a JSON object"));
    let no_url = growctl("flowers", &["sub", "*"]);
    assert_eq!(no_url.status.code(), Some(2));
    let nobody = growctl("redis://127.0.0.1:1", &["sub", "*"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("--redis"));
}
