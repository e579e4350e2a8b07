//! `sub` and `pub` against a real Redis server of the test's own.

#[path = "../../tests/redis_server/mod.rs"]
mod redis_server;
#[allow(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use redis_server::{Server, free_port};
use support::wait_for;

const ROUNDS: usize = 500;

fn growctl(url: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_growctl")).args(["--redis", url]).args(args).output().expect("growctl runs")
}

fn subscriber(url: &str, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_growctl"))
        .args(["--redis", url, "sub"])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("growctl runs")
}

/// Publishes until `done`: a subscriber needs a moment to connect.
async fn publish_until(server: &Server, what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..ROUNDS {
        let sent = growctl(&server.url(), &["pub", "sensor:update:Flower Room:front", r#"{"temperature": 24.8}"#]);
        assert!(sent.status.success());
        if done() {
            return;
        }
    }
    panic!("in vain: {what}");
}

#[tokio::test]
async fn a_published_message_reaches_a_pattern_subscriber() {
    let server = Server::start(&[]).await;
    let mut sub = subscriber(&server.url(), &["--count", "1", "--format", "json", "sensor:update:Flower Room:*"]);
    publish_until(&server, "the subscriber ends", || sub.try_wait().is_ok_and(|ended| ended.is_some())).await;
    let output = sub.wait_with_output().expect("its output can be read");
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(line["channel"], "sensor:update:Flower Room:front");
    assert_eq!(line["message"]["temperature"], 24.8);
}

#[tokio::test]
async fn a_subscriber_outlives_its_server() {
    let mut server = Server::start(&[]).await;
    let mut sub = subscriber(&server.url(), &["sensor:*"]);
    let mut lines = BufReader::new(sub.stdout.take().expect("piped")).lines();
    let mut errors = BufReader::new(sub.stderr.take().expect("piped")).lines();
    let line = std::thread::spawn(move || (lines.next(), lines));
    publish_until(&server, "a first message", || line.is_finished()).await;
    let (first, mut lines) = line.join().expect("it reads");
    assert_eq!(first.expect("a line").expect("text"), "sensor:update:Flower Room:front  temperature=24.8");
    server.kill();
    let said = errors.next().expect("a line").expect("text");
    assert!(said.contains("trying again"), "{said}");
    server.restart(&[]).await;
    let said = errors.next().expect("a line").expect("text");
    assert!(said.contains("connected again"), "{said}");
    let _: u64 = server.run(&["PUBLISH", "sensor:x", "the last"]).await;
    assert!(lines.any(|line| line.is_ok_and(|line| line == "sensor:x  the last")));
    sub.kill().expect("it still runs");
    sub.wait().expect("it ends");
}

#[test]
fn a_wrong_call_says_what_would_be_right() {
    let not_json = growctl("redis://127.0.0.1:1", &["pub", "x", "24.8"]);
    assert_eq!(not_json.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&not_json.stderr).contains("not a JSON object"));
    let no_url = growctl("flowers", &["sub", "*"]);
    assert_eq!(no_url.status.code(), Some(2));
    let url = format!("redis://user:secret@127.0.0.1:{}", free_port());
    for command in [&["sub", "*"][..], &["pub", "x", "{}"]] {
        let nobody = growctl(&url, command);
        let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
        assert_eq!(nobody.status.code(), Some(1));
        assert!(said.contains("--redis") && said.contains("127.0.0.1:") && !said.contains("secret"), "{said}");
    }
    let insecure = growctl("rediss://127.0.0.1:1/#insecure", &["sub", "*"]);
    assert_eq!(insecure.status.code(), Some(2), "a server that nobody vouches for is none");
}

/// A certificate for localhost, and the authority that signed it, in a folder.
fn certificates() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let openssl = |args: &str| {
        let done = Command::new("openssl").args(args.split(' ')).current_dir(folder.path()).output();
        assert!(done.expect("openssl is installed").status.success(), "openssl {args}");
    };
    std::fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost\n").expect("it can be written");
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority");
    openssl("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost");
    openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names");
    folder
}

#[test]
fn tls_reaches_a_server_that_the_system_trusts_and_no_other() {
    let (folder, port) = (certificates(), free_port());
    let port = port.to_string();
    let options = ["--port", "0", "--tls-port", &port, "--tls-cert-file", "server.pem", "--tls-key-file", "server.key"];
    let more = ["--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no", "--save", "", "--bind", "127.0.0.1"];
    let mut server = Command::new("redis-server");
    server.args(options).args(more).current_dir(folder.path()).stdout(Stdio::null());
    let mut server = server.spawn().expect("redis-server is installed");
    let publish = |trusted: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_growctl"));
        command.args(["--redis", &format!("rediss://localhost:{port}"), "pub", "x", "{}"]);
        if trusted {
            command.env("SSL_CERT_FILE", folder.path().join("ca.pem"));
        }
        command.output().expect("growctl starts")
    };
    wait_for("the server", || publish(true).status.success());
    let refused = publish(false);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    let _ = server.kill();
    let _ = server.wait();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("certificate"), "{said}");
}
