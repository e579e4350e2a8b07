//! A real InfluxDB 1.x (Debian's package `influxdb`) takes what the sender writes, and keeps it as it was.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use growctl_engine::model::{Parcel, Utc, Verdict};
use growctl_engine::senders::{SenderContext, Transcript, influx};
use serde_json::{Value, json};

struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its name").port()
}

fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "reporting-disabled = true\nbind-address = \"127.0.0.1:{}\"\n\
         [meta]\ndir = \"{folder}/meta\"\n[data]\ndir = \"{folder}/data\"\nwal-dir = \"{folder}/wal\"\n\
         [http]\nbind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n",
        free_port()
    )
}

impl Server {
    /// One of its own; `None`: it is not installed.
    fn start() -> Option<Server> {
        let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let file = folder.path().join("influxdb.conf");
        std::fs::write(&file, settings(folder.path(), port)).expect("it can be written");
        let mut command = Command::new("influxd");
        command.arg("-config").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Past the test's own capture, so that it is seen.
                let _ = writeln!(std::io::stderr(), "skipped: influxd is not installed (apt-get install influxdb)");
                return None;
            }
            Err(error) => panic!("influxd cannot be started: {error}"),
        };
        let server = Server { child, port, _folder: folder };
        for _ in 0..300 {
            if server.asked("GET", "/ping").is_some_and(|answer| answer.starts_with("HTTP/1.0 204")) {
                return Some(server);
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        panic!("influxd does not answer within 30 s");
    }

    fn asked(&self, method: &str, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "{method} {path} HTTP/1.0\r\nhost: x\r\ncontent-length: 0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The first series of a query's answer.
    fn query(&self, query: &str) -> Value {
        let method = if query.starts_with("CREATE") { "POST" } else { "GET" };
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.asked(method, &format!("/query?db=grow&epoch=ns&q={query}")).expect("an answer");
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).expect("a body");
        let json: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
        json["results"][0]["series"][0].clone()
    }

    fn config(&self) -> influx::Config {
        influx::Config {
            url: format!("http://127.0.0.1:{}", self.port),
            bucket: "grow".to_owned(),
            org: None,
            token: None,
            login: None,
            version_1: true,
            measurement: "air, \"fresh\"".to_owned(),
            allow_private: true,
        }
    }
}

fn parcel(id: i64, body: &Value) -> Parcel {
    Parcel { id, key: format!("k{id}").into(), at: Utc(1_785_000_000_000_000_000), tries: 1, body: body.to_string() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_there_and_one_bad_point_costs_no_other() {
    let Some(server) = Server::start() else { return };
    let context = SenderContext {
        folder: ".".into(),
        zone: jiff::tz::TimeZone::UTC,
        site: "farm-1".to_owned(),
        transcript: Transcript::kept(),
    };
    let mut sender = influx::sender(&server.config(), &context).expect("it can work");
    let nasty = "a, b=c \"q\" \\ é";
    let mut parcels: Vec<Parcel> = (0..1_000)
        .map(|n| {
            parcel(
                n,
                &json!({"ts": 1_785_000_000.5 + n as f64, "id": "x", "room": nasty, "t": n, "on": true, "word": nasty}),
            )
        })
        .collect();
    let early = sender.send(&parcels).await;
    assert!(early.iter().all(|verdict| matches!(verdict, Verdict::Failed { .. })), "no database yet: {:?}", early[0]);
    server.query("CREATE DATABASE grow");
    parcels[421] = parcel(421, &json!({"ts": 1_785_000_421.5, "room": nasty, "t": "no number"}));
    // The type of a field is the first one that is written.
    assert_eq!(sender.send(&parcels[..1]).await, [Verdict::Delivered]);
    for (at, verdict) in sender.send(&parcels).await.iter().enumerate() {
        match at {
            421 => {
                assert!(matches!(verdict, Verdict::Refused(why) if why.contains("field type conflict")), "{verdict:?}")
            }
            _ => assert_eq!(*verdict, Verdict::Delivered, "{at}\n{}", context.transcript.lines().join("\n")),
        }
    }
    assert_eq!(server.query("SELECT count(t) FROM \"air, \\\"fresh\\\"\"")["values"][0][1], json!(999));
    let first = server.query("SELECT * FROM \"air, \\\"fresh\\\"\" LIMIT 1");
    assert_eq!(first["columns"], json!(["time", "on", "room", "t", "word"]));
    let expected = json!([1_785_000_000_500_000_000_i64, true, "a, b=c \"q\" / é", 0, nasty]);
    assert_eq!(first["values"][0], expected);
}
