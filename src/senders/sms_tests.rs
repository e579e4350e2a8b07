use super::super::test_server::{
    CANARY, Mode, TestServer, attempt, context, fine, hot, patient, says, secret, told, why,
};
use super::*;
use crate::model::{Standing, Verdict};

fn config(server: &TestServer) -> Config {
    Config {
        account: "AC0000".to_owned(),
        token: secret("token"),
        from: "+15550000001".to_owned(),
        to: "+31600000001".to_owned(),
        base_url: server.url("/gateway/"),
        allow_private: true,
    }
}

fn fields(body: &str) -> Vec<(String, String)> {
    Url::parse(&format!("http://form?{body}")).expect("a form").query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_message_goes_out_as_twilio_takes_it() {
    let (server, context) = (TestServer::answering([says("201 Created", r#"{"sid":"SM1"}"#)]).await, context());
    let mut config = config(&server);
    let mut sender = build(&config, &context, patient()).expect("it can work");
    assert_eq!(attempt(&mut sender, &context, &[told(&hot())]).await, [Verdict::Delivered]);
    let readable =
        "> To=+31600000001 From=+15550000001 Body=farm-1 CRITICAL: FR-C3 is too hot: 31.2 °C Answer 'ok 3f'.";
    assert!(context.transcript.lines().contains(&readable.to_owned()));
    config.from = "MG123".to_owned();
    let mut sender = build(&config, &context, patient()).expect("it can work");
    assert_eq!(attempt(&mut sender, &context, &[told(&hot())]).await, [Verdict::Delivered]);
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /gateway/2010-04-01/Accounts/AC0000/Messages.json");
    assert!(asked[0].header("authorization").is_some_and(|login| login.starts_with("Basic QUMwMDAwOnRva2Vu")));
    let said = "farm-1 CRITICAL: FR-C3 is too hot: 31.2 °C\nAnswer 'ok 3f'.".to_owned();
    let expected = [("To", "+31600000001"), ("From", "+15550000001"), ("Body", &said)];
    assert_eq!(fields(&asked[0].text()), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(fields(&asked[1].text())[1], ("MessagingServiceSid".to_owned(), "MG123".to_owned()));
    assert!(!format!("{sender:?} {config:?}").contains(CANARY));
}

#[tokio::test]
async fn what_twilio_refuses_is_told_in_its_words() {
    let body = r#"{"code": 21211, "message": "The 'To' number 0 is not a valid phone number.", "status": 400}"#;
    let modes = [says("400 Bad Request", body), Mode::Echo("401 Unauthorized"), says("503 Service Unavailable", "")];
    let (server, context) = (TestServer::answering(modes).await, context());
    let mut sender = build(&config(&server), &context, patient()).expect("it can work");
    let verdicts = attempt(&mut sender, &context, &[told(&hot()), told(&hot())]).await;
    let refused = "127.0.0.1 answered 400 Bad Request: The 'To' number 0 is not a valid phone number. (21211)";
    assert_eq!(verdicts[0], Verdict::Refused(refused.to_owned()));
    assert!(why(&verdicts[1]).contains("401"), "{verdicts:?}");
    let verdicts = attempt(&mut sender, &context, &[told(&hot())]).await;
    assert!(matches!(verdicts[0], Verdict::Failed { .. }), "{verdicts:?}");
}

#[test]
fn a_long_text_is_cut_and_still_says_how_to_acknowledge() {
    let mut note = hot();
    note.details = (0..40).map(|n| format!("Küche {n} ist zu heiß: 31 °C")).collect();
    let said = text(&note, 2);
    assert_eq!(said.chars().count(), 480);
    assert!(said.starts_with("farm-1 CRITICAL: (try 2, may be a repetition) FR-C3"), "{said}");
    assert!(said.ends_with("…\nAnswer 'ok 3f'."), "{said}");
    let over = Note { standing: Standing::Resolved, ack: String::new(), repeats: 3, ..hot() };
    assert_eq!(text(&over, 1), "farm-1 RESOLVED: (reminder 3) FR-C3 is too hot: 31.2 °C");
}

#[tokio::test]
async fn replies_are_read_since_a_moment_the_oldest_first() {
    let message = |sid: &str, direction: &str, date: &str, body: &str| {
        format!(
            r#"{{"sid":"{sid}","direction":"{direction}","from":"+316","to":"+1555","body":"{body}","date_sent":{date}}}"#
        )
    };
    let list = [
        message("SM4", "inbound", r#""Sat, 25 Jul 2026 17:20:00 +0000""#, "ok 3f"),
        message("SM3", "outbound-api", r#""Sat, 25 Jul 2026 17:20:00 +0000""#, "hot"),
        message("SM2", "inbound", r#""Sat, 25 Jul 2026 17:20:00 +0000""#, "ok"),
        message("SM1", "inbound", r#""Sat, 25 Jul 2026 17:19:59 +0000""#, "old"),
        message("SM0", "inbound", "null", "on its way"),
    ];
    let body = format!(r#"{{"messages":[{}],"next_page_uri":null}}"#, list.join(","));
    let server = TestServer::answering([says("200 OK", &body), fine(), Mode::Echo("401 Unauthorized")]).await;
    let since = Utc(1_785_000_000_500_000_000);
    let replies = read_replies(&config(&server), since, patient()).await.expect("a list");
    assert_eq!(
        replies.iter().map(|reply| (&*reply.id, &*reply.text)).collect::<Vec<_>>(),
        [("SM2", "ok"), ("SM4", "ok 3f")]
    );
    let path =
        "GET /gateway/2010-04-01/Accounts/AC0000/Messages.json?PageSize=50&DateSent%3E=2026-07-25&To=%2B15550000001";
    assert_eq!(server.asked()[0].line, path);
    let strange = read_replies(&config(&server), since, patient()).await.expect_err("no list");
    assert!(strange.contains("no list of messages"), "{strange}");
    let wrong = read_replies(&config(&server), since, patient()).await.expect_err("a wrong token");
    assert!(wrong.contains("401") && !wrong.contains(CANARY), "{wrong}");
}

#[test]
fn only_an_ok_acknowledges() {
    for (said, expected) in [
        ("ok", Some("")),
        (" OK.\n", Some("")),
        ("OK 3F", Some("3F")),
        ("ok KHJ, 3f", Some("KHJ, 3f")),
        ("ok too-hot/FR-C3", Some("too-hot/FR-C3")),
        ("ok, 3f!", Some("3f")),
        ("'ok 3f'", Some("3f")),
        ("Okay", Some("")),
        ("not ok", None),
        ("okra", None),
        ("", None),
        ("STOP", None),
    ] {
        assert_eq!(acknowledges(said).as_deref(), expected, "{said:?}");
    }
}

#[test]
fn what_would_end_in_an_address_is_checked() {
    let account = |account: &str| Config {
        account: account.to_owned(),
        token: secret("token"),
        from: "+1".to_owned(),
        to: "+2".to_owned(),
        base_url: "https://api.twilio.com".to_owned(),
        allow_private: false,
    };
    assert!(build(&account("AC00"), &context(), patient()).is_ok());
    assert!(build(&account("../AC00"), &context(), patient()).is_err());
    assert!(build(&Config { to: "+3\r\n1".to_owned(), ..account("AC00") }, &context(), patient()).is_err());
}
