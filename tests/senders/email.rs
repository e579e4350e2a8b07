//! By aiosmtpd.

use std::fs;
use std::path::PathBuf;

use growctl_engine::model::{Note, Secret, Severity, Standing, Verdict};
use growctl_engine::senders::email::{Config, Security, sender};
use growctl_engine::senders::{Sender, Transcript};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{canary, context, control, given, parcel, port, sent, why};

/// One test at a time has the server.
static SERVER: Mutex<()> = Mutex::const_new(());

fn config(port: u16, security: Security) -> Config {
    let login = Some(("grow".to_owned(), canary()));
    let (from, to) = ("growctl <grow@farm.example>".to_owned(), "boss@farm.example".to_owned());
    Config { host: "localhost".to_owned(), port, security, login, from, to, allow_private: true }
}

fn made(config: &Config, transcript: &Transcript) -> Box<dyn Sender> {
    sender(config, &context(transcript)).expect("it can work")
}

fn note(summary: &str) -> String {
    let note = Note {
        severity: Severity::Critical,
        standing: Standing::Firing,
        summary: summary.to_owned(),
        details: vec!["Ümläut <b>&</b> 31 °C".to_owned()],
        ..Note::default()
    };
    serde_json::to_string(&note).expect("JSON")
}

/// The letters that the server has, in order.
fn letters() -> Vec<Value> {
    let folder = PathBuf::from(given("SENDERS_TEST")).join("mail");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("read").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.iter().map(|file| serde_json::from_slice(&fs::read(file).expect("read")).expect("JSON")).collect()
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_letter_arrives_by_starttls_and_by_tls_as_it_was_sent() {
    let (starttls, tls) = (port("SMTP_PORT"), port("SMTPS_PORT"));
    let _server = SERVER.lock().await;
    for (port, security) in [(starttls, Security::StartTls), (tls, Security::Tls)] {
        let (before, transcript) = (letters().len(), Transcript::kept());
        let parcels = [parcel(1, 1, &note("too hot: 31 °C")), parcel(2, 1, &note("still too hot"))];
        let verdicts = sent(&mut made(&config(port, security), &transcript), &transcript, &parcels).await;
        assert_eq!(verdicts, [Verdict::Delivered, Verdict::Delivered], "{:#?}", transcript.lines());
        let letters = letters();
        assert_eq!(letters.len(), before + 2);
        let letter = &letters[before];
        assert_eq!(
            (&letter["from"], &letter["to"][0], &letter["tls"]),
            (&"grow@farm.example".into(), &"boss@farm.example".into(), &true.into())
        );
        let content = letter["content"].as_str().expect("text");
        for wanted in [
            "Message-ID: <key-1@farm.example>",
            "multipart/alternative",
            "Auto-Submitted: auto-generated",
            "X-Priority: 1",
        ] {
            assert!(content.contains(wanted), "{wanted}:\n{content}");
        }
        assert!(transcript.lines().iter().any(|line| line.starts_with("< 250 kept as")), "{:#?}", transcript.lines());
    }
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn each_receiver_is_answered_for_itself() {
    let port = port("SMTP_PORT");
    let _server = SERVER.lock().await;
    let to = async |to: &str| {
        let transcript = Transcript::kept();
        let config = Config { to: to.to_owned(), ..config(port, Security::StartTls) };
        sent(&mut made(&config, &transcript), &transcript, &[parcel(1, 1, &note("x"))]).await.remove(0)
    };
    assert_eq!(
        to("unknown@farm.example").await,
        Verdict::Refused("localhost answers 550 5.1.1 no such mailbox".to_owned())
    );
    assert!(why(&to("busy@farm.example").await).contains("451"));
    assert_eq!(to("boss@farm.example").await, Verdict::Delivered);
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_wrong_password_waits_for_a_person_and_is_not_shown() {
    let port = port("SMTP_PORT");
    let _server = SERVER.lock().await;
    for wrong in [Some(("grow".to_owned(), Secret::new("canary-wrong".to_owned()))), None] {
        let transcript = Transcript::kept();
        let config = Config { login: wrong, ..config(port, Security::StartTls) };
        let verdicts =
            sent(&mut made(&config, &transcript), &transcript, &[parcel(1, 1, &note("x")), parcel(2, 1, &note("x"))])
                .await;
        assert!(verdicts.iter().all(|verdict| why(verdict).contains("53")), "{verdicts:?}");
    }
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_server_that_was_away_gets_it_later() {
    let port = port("SMTP_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let mut sender = made(&config(port, Security::StartTls), &transcript);
    control("stop", "smtp");
    let verdicts = sent(&mut sender, &transcript, &[parcel(1, 1, &note("x"))]).await;
    assert!(why(&verdicts[0]).contains("refused"), "{verdicts:?}");
    control("start", "smtp");
    assert_eq!(sent(&mut sender, &transcript, &[parcel(1, 2, &note("x"))]).await, [Verdict::Delivered]);
    let last = letters().pop().expect("one");
    assert!(last["content"].as_str().expect("text").contains("try: 2"), "{last}");
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_certificate_of_another_name_is_refused() {
    let (starttls, tls) = (port("SMTP_PORT"), port("SMTPS_PORT"));
    let _server = SERVER.lock().await;
    for (port, security) in [(starttls, Security::StartTls), (tls, Security::Tls)] {
        let transcript = Transcript::kept();
        let config = Config { host: "127.0.0.1".to_owned(), ..config(port, security) };
        let verdicts = sent(&mut made(&config, &transcript), &transcript, &[parcel(1, 1, &note("x"))]).await;
        assert!(why(&verdicts[0]).contains("certificate"), "{verdicts:?}");
    }
}
