use std::io::Read;

use serde_json::json;

use super::super::test_server::{Asked, CANARY, Mode, TestServer, attempt, context, parcel, patient, says, secret};
use super::*;
use crate::model::Verdict;

fn config(server: &TestServer) -> Config {
    Config {
        url: server.url(""),
        bucket: "grow & co".to_owned(),
        org: Some("farm".to_owned()),
        token: Some(secret("token")),
        login: None,
        version_1: false,
        measurement: "air".to_owned(),
        allow_private: true,
    }
}

fn lines(asked: &Asked) -> Vec<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*asked.body).read_to_string(&mut text).expect("it is gzip");
    text.lines().map(ToOwned::to_owned).collect()
}

fn readings(count: i64) -> Vec<Parcel> {
    (0..count).map(|n| parcel(n, &json!({"ts": 10 + n, "node": "N1", "t": n}))).collect()
}

#[tokio::test]
async fn each_version_is_written_to_where_it_listens() {
    let (server, context) = (TestServer::answering([says("204 No Content", "")]).await, context());
    let mut config = config(&server);
    let mut sender = build(&config, &context, patient()).expect("it can work");
    assert_eq!(attempt(&mut sender, &context, &readings(2)).await, [Verdict::Delivered, Verdict::Delivered]);
    assert!(!format!("{sender:?} {config:?}").contains(CANARY));
    (config.token, config.login, config.version_1) = (None, Some(("me".to_owned(), secret("password"))), true);
    let mut sender = build(&config, &context, patient()).expect("it can work");
    assert_eq!(attempt(&mut sender, &context, &readings(1)).await, [Verdict::Delivered]);
    assert!(!format!("{sender:?} {config:?}").contains(CANARY));
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /api/v2/write?org=farm&bucket=grow+%26+co&precision=ns");
    assert_eq!(asked[0].header("authorization"), Some(&*format!("Token token{CANARY}")));
    assert_eq!(lines(&asked[0]), ["air,node=N1 t=0.0 10000000000", "air,node=N1 t=1.0 11000000000"]);
    assert_eq!(asked[1].line, "POST /write?db=grow+%26+co&precision=ns");
    assert!(asked[1].header("authorization").is_some_and(|login| login.starts_with("Basic ")));
    assert!(
        context
            .transcript
            .lines()
            .contains(&"> air,node=N1 t=0.0 10000000000 air,node=N1 t=1.0 11000000000".to_owned())
    );
}

#[tokio::test]
async fn of_a_write_that_was_refused_in_part_only_the_bad_point_is() {
    let judge = |asked: &Asked| match lines(asked).iter().any(|line| line.contains("t=5.0")) {
        true => says("400 Bad Request", r#"{"error":"partial write: field type conflict dropped=1"}"#),
        false => says("204 No Content", ""),
    };
    let (server, context) = (TestServer::judging(judge).await, context());
    let mut sender = build(&config(&server), &context, patient()).expect("it can work");
    let verdicts = attempt(&mut sender, &context, &readings(8)).await;
    let why = "127.0.0.1 answered 400 Bad Request: partial write: field type conflict dropped=1".to_owned();
    for (at, verdict) in verdicts.iter().enumerate() {
        assert_eq!(*verdict, if at == 5 { Verdict::Refused(why.clone()) } else { Verdict::Delivered }, "{at}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_costs_no_data() {
    let modes = [says("404 Not Found", r#"{"error":"database not found: \"grow\""}"#), Mode::Echo("401 Unauthorized")];
    let (server, context) = (TestServer::answering(modes).await, context());
    let mut sender = build(&config(&server), &context, patient()).expect("it can work");
    for _ in 0..2 {
        let verdicts = attempt(&mut sender, &context, &readings(3)).await;
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Failed { .. })), "{verdicts:?}");
    }
    assert_eq!(server.asked().len(), 2);
}
