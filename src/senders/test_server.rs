//! An HTTP server for tests that answers as it is told: well, badly, slowly, with a gigabyte, or not at all. And what every test
//! of a sender needs: a canary that must not be seen, short time-outs, parcels.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client::Limits;
use super::{Sender, SenderContext, Transcript};
use crate::model::{Note, Parcel, Secret, Severity, Utc, Verdict};

/// In every secret field of every test; nowhere in what is shown.
pub(super) const CANARY: &str = "c4n4ryS3cr3t";

/// What it answers.
#[derive(Clone, Debug)]
pub(super) enum Mode {
    /// A status line without its beginning, further headers with their line ends, and a body.
    Answer(&'static str, &'static str, String),
    /// A byte a little.
    Slowly,
    /// Without end.
    Gigabyte,
    /// Hangs up when it has read the request.
    Hangup,
    /// Takes the request and says nothing.
    Silence,
    /// Says the request back, as some error pages do.
    Echo(&'static str),
}

/// What it was asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Method and path.
    pub(super) line: String,
    /// As they came, in small letters.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

type Judge = Arc<dyn Fn(&Asked) -> Mode + Send + Sync>;

/// It runs as long as the runtime of the test.
#[derive(Clone)]
pub(super) struct TestServer {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl TestServer {
    /// Answers so, one after the other; the last one always after that.
    pub(super) async fn answering(modes: impl IntoIterator<Item = Mode>) -> TestServer {
        let modes: Mutex<VecDeque<Mode>> = Mutex::new(modes.into_iter().collect());
        TestServer::judging(move |_| {
            let mut modes = modes.lock().unwrap();
            if modes.len() > 1 { modes.pop_front().unwrap() } else { modes[0].clone() }
        })
        .await
    }

    /// Answers by what it is asked.
    pub(super) async fn judging(judge: impl Fn(&Asked) -> Mode + Send + Sync + 'static) -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = TestServer { port: listener.local_addr().unwrap().port(), asked: Arc::default() };
        let (asked, judge): (_, Judge) = (server.asked.clone(), Arc::new(judge));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, asked.clone(), judge.clone()));
            }
        });
        server
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// `200 OK` and no more.
pub(super) fn fine() -> Mode {
    says("200 OK", "")
}

/// This status and this body.
pub(super) fn says(status: &'static str, body: &str) -> Mode {
    Mode::Answer(status, "", body.to_owned())
}

async fn serve(mut stream: TcpStream, all: Arc<Mutex<Vec<Asked>>>, judge: Judge) {
    while let Some(asked) = read(&mut stream).await {
        all.lock().unwrap().push(asked.clone());
        let result = match judge(&asked) {
            Mode::Hangup => return,
            Mode::Silence => return std::future::pending().await,
            Mode::Answer(status, headers, body) => answer(&mut stream, status, headers, &body).await,
            Mode::Echo(status) => answer(&mut stream, status, "", &format!("{asked:?} {}", asked.text())).await,
            Mode::Slowly => slowly(&mut stream).await,
            Mode::Gigabyte => gigabyte(&mut stream).await,
        };
        if result.is_err() {
            return;
        }
    }
}

async fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> std::io::Result<()> {
    let text = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await
}

async fn slowly(stream: &mut TcpStream) -> std::io::Result<()> {
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".iter().cycle() {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn gigabyte(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 1073741824\r\n\r\n").await?;
    for _ in 0..1024 {
        stream.write_all(&[b'x'; 1024 * 1024]).await?;
    }
    Ok(())
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut text = Vec::new();
    let end = loop {
        if let Some(at) = text.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&text[..end]).into_owned();
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: Vec<(String, String)> = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let mut asked = Asked { line, headers, body: text.split_off(end) };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while asked.body.len() < length {
        if stream.read_buf(&mut asked.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(asked)
}

/// For tests that wait for a time-out.
pub(super) fn hasty() -> Limits {
    let short = Duration::from_millis(300);
    Limits { connect: short, read: short, whole: Duration::from_millis(400), begin: short }
}

/// For all others, on a machine that has much else to do.
pub(super) fn patient() -> Limits {
    let long = Duration::from_secs(10);
    Limits { connect: long, read: long, whole: long, begin: long }
}

/// Takes down what is said.
pub(super) fn context() -> SenderContext {
    let (folder, site) = (".".into(), "farm-1".to_owned());
    SenderContext { folder, zone: TimeZone::UTC, site, transcript: Transcript::kept() }
}

/// The canary with a name, so that two secrets differ.
pub(super) fn secret(name: &str) -> Secret {
    Secret::new(format!("{name}{CANARY}"))
}

/// A parcel with this body.
pub(super) fn parcel(id: i64, body: &serde_json::Value) -> Parcel {
    let at = Utc(1_785_000_000_123_456_789);
    Parcel { id, key: format!("farm-1/{id}").into(), at, tries: 1, body: body.to_string() }
}

/// A room that is too hot.
pub(super) fn hot() -> Note {
    Note {
        severity: Severity::Critical,
        standing: crate::model::Standing::Firing,
        summary: "FR-C3 is too hot: 31.2 °C".to_owned(),
        rule: "too-hot".into(),
        site: "farm-1".to_owned(),
        since: 1_785_000_000.0,
        count: 1,
        ack: "3f".to_owned(),
        ..Note::default()
    }
}

/// A parcel with this note.
pub(super) fn told(note: &Note) -> Parcel {
    parcel(7, &serde_json::to_value(note).expect("a note is JSON"))
}

/// One try; whatever is said of it holds no canary.
pub(super) async fn attempt(sender: &mut dyn Sender, context: &SenderContext, parcels: &[Parcel]) -> Vec<Verdict> {
    let verdicts = sender.send(parcels).await;
    assert_eq!(verdicts.len(), parcels.len(), "a verdict for each");
    let said = format!("{verdicts:?}\n{}", context.transcript.lines().join("\n"));
    assert!(!said.contains(CANARY), "{said}");
    assert!(context.transcript.lines().iter().all(|line| !line.contains(char::is_control)), "{said}");
    verdicts
}

/// Why it failed.
pub(super) fn why(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Failed { why, .. } | Verdict::Refused(why) => why,
    }
}
