use jiff::tz::TimeZone;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::*;
use crate::model::Utc;

fn config(port: u16) -> Config {
    let (from, to) = ("g@farm.example".to_owned(), "a@b.example".to_owned());
    Config { host: "127.0.0.1".to_owned(), port, security: Security::None, login: None, from, to, allow_private: true }
}

fn built(config: &Config) -> Result<Box<dyn Sender>, String> {
    let transcript = Transcript::kept();
    sender(config, &SenderContext { folder: "/".into(), zone: TimeZone::UTC, site: "farm".to_owned(), transcript })
}

fn parcel(id: i64) -> Parcel {
    let body = serde_json::to_string(&Note { summary: format!("note {id}"), ..Note::default() }).expect("JSON");
    Parcel { id, key: format!("k{id}").into(), at: Utc(1_795_649_400_000_000_000), tries: 1, body }
}

/// A server that gives these answers to the commands, one each, and ends.
async fn scripted(answers: Vec<(&'static str, &'static str)>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 hello\r\n").await.expect("written");
        for (command, answer) in answers {
            while !lines.next_line().await.expect("read").is_some_and(|line| line.starts_with(command)) {}
            write.write_all(format!("{answer}\r\n").as_bytes()).await.expect("written");
        }
    });
    port
}

#[tokio::test]
async fn an_address_that_is_refused_does_not_hold_up_the_next_letter() {
    let answers = vec![
        ("EHLO", "250 hello"),
        ("MAIL", "250 ok"),
        ("RCPT", "550 no such user"),
        ("RSET", "250 ok"),
        ("MAIL", "250 ok"),
        ("RCPT", "451 come back later"),
        ("RSET", "250 ok"),
        ("MAIL", "250 ok"),
        ("RCPT", "250 ok"),
        ("DATA", "354 go on"),
        (".", "250 queued"),
        ("MAIL", "530 log in first"),
    ];
    let port = scripted(answers).await;
    let verdicts = built(&config(port)).expect("it can work").send(&[1, 2, 3, 4, 5].map(parcel)).await;
    let failed = |why: &str| Verdict::Failed { why: format!("127.0.0.1 answers {why}"), retry_after: None };
    let expected = [
        Verdict::Refused("127.0.0.1 answers 550 no such user".to_owned()),
        failed("451 come back later"),
        Verdict::Delivered,
        failed("530 log in first"),
        failed("530 log in first"),
    ];
    assert_eq!(verdicts, expected);
}

#[tokio::test]
async fn without_tls_nothing_is_said_to_a_public_server_and_nothing_at_all_to_a_private_one_that_is_not_meant() {
    let public = Config { host: "8.8.8.8".to_owned(), ..config(25) };
    let private = Config { allow_private: false, ..config(25) };
    for (config, wanted) in [(public, "`security: starttls`"), (private, "allow_private")] {
        let verdicts = built(&config).expect("it can work").send(&[parcel(1)]).await;
        let [Verdict::Failed { why, .. }] = &verdicts[..] else { panic!("{verdicts:?}") };
        assert!(why.contains(wanted), "{why}");
    }
}

#[tokio::test]
async fn a_server_that_offers_no_tls_gets_no_letter_and_no_login() {
    let port = scripted(vec![("EHLO", "250 hello")]).await;
    let login = Some(("g".to_owned(), Secret::new("canary".to_owned())));
    let config = Config { security: Security::StartTls, login, ..config(port) };
    let verdicts = built(&config).expect("it can work").send(&[parcel(1)]).await;
    let [Verdict::Failed { why, .. }] = &verdicts[..] else { panic!("{verdicts:?}") };
    assert!(why.contains("offers no STARTTLS"), "{why}");
}

#[test]
fn an_address_that_would_add_a_header_is_refused() {
    for to in ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "nobody", ""] {
        assert!(built(&Config { to: to.to_owned(), ..config(25) }).is_err(), "{to:?}");
    }
    assert!(built(&Config { host: "mail\r\nx".to_owned(), ..config(25) }).is_err());
}
