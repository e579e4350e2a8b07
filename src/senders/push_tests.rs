use serde_json::json;

use super::super::test_server::{
    CANARY, Mode, TestServer, attempt, context, fine, hot, patient, says, secret, told, why,
};
use super::*;
use crate::model::Verdict;

fn config(url: String) -> Config {
    Config { url, topic: secret("topic"), token: Some(secret("token")), allow_private: true }
}

#[tokio::test]
async fn a_note_arrives_with_its_weight_and_its_key() {
    let (server, context) = (TestServer::answering([fine()]).await, context());
    let mut sender = build(&config(server.url("")), &context, patient()).expect("it can work");
    let mut parcel = told(&hot());
    parcel.tries = 2;
    assert_eq!(attempt(&mut sender, &context, &[parcel]).await, [Verdict::Delivered]);
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /");
    assert_eq!(asked.header("authorization"), Some(&*format!("Bearer token{CANARY}")));
    assert_eq!(asked.header("idempotency-key"), Some("farm-1/7"));
    assert_eq!(
        asked.json(),
        json!({
            "topic": format!("topic{CANARY}"),
            "title": "farm-1 CRITICAL",
            "message": "FR-C3 is too hot: 31.2 °C (try 2, may be a repetition)\nAcknowledge it by: growctl alert ack 3f",
            "priority": 5,
            "tags": ["rotating_light", "too-hot"],
        })
    );
    assert!(!format!("{sender:?} {:?}", config(String::new())).contains(CANARY));
}

#[tokio::test]
async fn a_wrong_token_waits_for_a_person_and_is_not_shown() {
    let (server, context) = (TestServer::answering([Mode::Echo("403 Forbidden")]).await, context());
    let mut sender = build(&config(server.url("")), &context, patient()).expect("it can work");
    let verdicts = attempt(&mut sender, &context, &[told(&hot()), told(&hot())]).await;
    assert!(why(&verdicts[0]).starts_with("127.0.0.1 answered 403 Forbidden; the login"), "{verdicts:?}");
    assert!(why(&verdicts[1]).starts_with("not sent after one that failed"), "{verdicts:?}");
    assert_eq!(server.asked().len(), 1, "the second waits behind the first");
}

#[tokio::test]
async fn what_is_refused_is_passed_over() {
    let modes = [says("400 Bad Request", r#"{"error":"no such topic"}"#), fine()];
    let (server, context) = (TestServer::answering(modes).await, context());
    let mut sender = build(&config(server.url("")), &context, patient()).expect("it can work");
    let verdicts = attempt(&mut sender, &context, &[told(&hot()), told(&hot())]).await;
    assert_eq!(
        verdicts,
        [Verdict::Refused(r#"127.0.0.1 answered 400 Bad Request: no such topic"#.to_owned()), Verdict::Delivered]
    );
}

#[test]
fn a_topic_in_the_address_is_told_at_once() {
    let mut config = config("https://ntfy.sh/grow".to_owned());
    assert!(build(&config, &context(), patient()).expect_err("the server alone").contains("the server alone"));
    config.topic = Secret::new("a/b".to_owned());
    assert!(build(&config, &context(), patient()).expect_err("no topic").contains("letters"));
}
