use std::io::Read;

use serde_json::json;

use super::super::test_server::{
    Asked, CANARY, Mode, TestServer, attempt, context, fine, parcel, patient, says, secret, why,
};
use super::*;

fn config(server: &TestServer) -> Config {
    Config {
        url: Secret::new(server.url("/in")),
        format: Format::Json,
        body: None,
        headers: vec![("X-Site".to_owned(), secret("site"))],
        auth: Some(Auth::Bearer(secret("token"))),
        compress: false,
        allow_private: true,
    }
}

fn three() -> Vec<Parcel> {
    (1..4).map(|n| parcel(n, &json!({"id": "T1", "temperature": n}))).collect()
}

async fn sent(change: impl FnOnce(&mut Config), parcels: &[Parcel]) -> Asked {
    let (server, context) = (TestServer::answering([fine()]).await, context());
    let mut config = config(&server);
    change(&mut config);
    let mut sender = build(&config, &context, patient()).expect("it can work");
    assert!(!format!("{sender:?} {config:?}").contains(CANARY));
    let verdicts = attempt(&mut sender, &context, parcels).await;
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Delivered), "{verdicts:?}");
    server.asked()[0].clone()
}

#[tokio::test]
async fn many_values_go_in_one_array_or_in_lines() {
    let asked = sent(|_| (), &three()).await;
    assert_eq!(asked.line, "POST /in");
    assert_eq!(asked.header("authorization"), Some(&*format!("Bearer token{CANARY}")));
    assert_eq!(asked.header("x-site"), Some(&*format!("site{CANARY}")));
    assert_eq!(asked.json()[2], json!({"id": "T1", "temperature": 3}));
    let asked = sent(|config| config.format = Format::Ndjson, &three()).await;
    assert_eq!(asked.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(asked.text().lines().count(), 3);
}

#[tokio::test]
async fn a_compressed_body_is_signed_as_it_is_sent() {
    let asked = sent(
        |config| {
            config.auth = Some(Auth::Hmac(secret("key")));
            config.compress = true;
        },
        &three(),
    )
    .await;
    let signed = format!("sha256={}", signature(&secret("key"), &asked.body).expect("it can be signed"));
    assert_eq!(asked.header("x-signature-256"), Some(&*signed));
    assert_eq!(asked.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*asked.body).read_to_string(&mut text).expect("it is gzip");
    assert!(text.starts_with(r#"[{"id":"T1","temperature":1}"#), "{text}");
}

#[tokio::test]
async fn one_bad_value_holds_up_no_other() {
    let judge = |asked: &Asked| match asked.text().contains("\"bad\"") {
        true => says("400 Bad Request", "no such unit"),
        false => fine(),
    };
    let (server, context) = (TestServer::judging(judge).await, context());
    let mut parcels: Vec<Parcel> = (0..100).map(|n| parcel(n, &json!({"n": n}))).collect();
    parcels[37] = parcel(37, &json!({"unit": "bad"}));
    parcels[50].body = "no JSON".to_owned();
    let verdicts =
        attempt(&mut build(&config(&server), &context, patient()).expect("it can work"), &context, &parcels).await;
    for (at, verdict) in verdicts.iter().enumerate() {
        match at {
            37 => assert_eq!(*verdict, Verdict::Refused("127.0.0.1 answered 400 Bad Request: no such unit".to_owned())),
            50 => assert!(why(verdict).starts_with("what is to be sent cannot be read"), "{verdict:?}"),
            _ => assert_eq!(*verdict, Verdict::Delivered, "{at}"),
        }
    }
    let asked = server.asked();
    assert!(asked.len() < 20, "{} requests", asked.len());
    let keys: std::collections::BTreeSet<&str> =
        asked.iter().filter_map(|asked| asked.header("idempotency-key")).collect();
    assert_eq!(keys.len(), asked.len(), "each company has its own key");
}

#[tokio::test]
async fn a_server_that_fails_half_way_is_left_alone() {
    let modes = [says("413 Payload Too Large", ""), fine(), Mode::Hangup];
    let (server, context) = (TestServer::answering(modes).await, context());
    let mut sender = build(&config(&server), &context, patient()).expect("it can work");
    let parcels: Vec<Parcel> = (0..8).map(|n| parcel(n, &json!({"n": n}))).collect();
    let verdicts = attempt(&mut sender, &context, &parcels).await;
    assert_eq!(verdicts[..4], [const { Verdict::Delivered }; 4]);
    assert!(verdicts[4..].iter().all(|verdict| matches!(verdict, Verdict::Failed { .. })), "{verdicts:?}");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_wrong_address_or_token_costs_no_data() {
    for status in ["401 Unauthorized", "403 Forbidden", "404 Not Found"] {
        let (server, context) = (TestServer::answering([Mode::Echo(status)]).await, context());
        let mut sender = build(&config(&server), &context, patient()).expect("it can work");
        let verdicts = attempt(&mut sender, &context, &three()).await;
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Failed { .. })), "{verdicts:?}");
        assert_eq!(server.asked().len(), 1);
    }
}
