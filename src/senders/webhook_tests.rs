use serde_json::json;

use super::super::test_server::{
    Asked, CANARY, Mode, TestServer, attempt, context, fine, hot, patient, secret, told, why,
};
use super::*;
use crate::model::Verdict;

fn config(server: &TestServer, body: Body) -> Config {
    let headers = vec![("x-key".to_owned(), secret("header"))];
    Config { url: Secret::new(server.url(&format!("/hook/{CANARY}"))), body, headers, allow_private: true }
}

fn given(shipped: &Shipped) -> Vec<(String, Secret)> {
    shipped.asks.iter().map(|name| ((*name).to_owned(), secret(name))).collect()
}

async fn posted(body: Body, note: &Note) -> Asked {
    let (server, context) = (TestServer::answering([fine()]).await, context());
    let config = config(&server, body);
    let mut sender = build(&config, &context, patient()).expect("it can work");
    assert!(!format!("{sender:?} {config:?}").contains(CANARY));
    assert_eq!(attempt(&mut sender, &context, &[told(note)]).await, [Verdict::Delivered]);
    let asked = server.asked()[0].clone();
    assert_eq!(asked.line, format!("POST /hook/{CANARY}"));
    assert_eq!(asked.header("x-key"), Some(&*format!("header{CANARY}")));
    asked
}

#[tokio::test]
async fn every_shipped_template_says_what_happened() {
    for shipped in SHIPPED {
        let asked = posted(Body::Shipped(shipped.name.to_owned(), given(shipped)), &hot()).await;
        let text = asked.text();
        for said in ["farm-1", "CRITICAL", "FR-C3 is too hot: 31.2 °C"] {
            assert!(text.contains(said), "{}: {text}", shipped.name);
        }
        for name in shipped.asks {
            assert_eq!(asked.json()[*name], json!(format!("{name}{CANARY}")), "{}", shipped.name);
        }
    }
}

#[tokio::test]
async fn what_a_service_would_read_as_a_call_of_everybody_is_words() {
    let note = Note { summary: "<!channel> @everyone & co".to_owned(), ..hot() };
    let slack = posted(Body::Shipped("slack".to_owned(), vec![]), &note).await;
    assert!(slack.json()["text"].as_str().expect("text").contains("&lt;!channel&gt; @everyone &amp; co"));
    let discord = posted(Body::Shipped("discord".to_owned(), vec![]), &note).await;
    assert_eq!(discord.json()["allowed_mentions"], json!({"parse": []}));
}

#[tokio::test]
async fn an_own_body_is_filled_without_breaking_out() {
    let own = json!({"text": "{{severity}} at {{site}}: {{summary}}", "n": "{{count}}", "since": "{{since}}",
        "what": ["{{standing}}", "{{rule}}", "{{details}}", "{{ack}}", "{{escalated}}"]});
    let note = Note { summary: "\"}, \"n\": 7\n".to_owned(), details: vec!["a".into(), "b".into()], ..hot() };
    let asked = posted(Body::Own(own), &note).await;
    let expected = json!({"text": "critical at farm-1: \"}, \"n\": 7\n", "n": 1, "since": "2026-07-25 17:20:00 UTC",
        "what": ["firing", "too-hot", "a\nb", "3f", false]});
    assert_eq!(asked.json(), expected);
}

#[tokio::test]
async fn every_name_stands_for_something_and_is_in_the_reference() {
    let own: Json = NAMES.iter().map(|name| ((*name).to_owned(), json!(format!("{{{{{name}}}}}")))).collect();
    let note = Note { details: vec!["more".to_owned()], repeats: 2, ..hot() };
    let filled = posted(Body::Own(own), &note).await.json();
    let reference = include_str!("../../docs/reference.md");
    for name in NAMES {
        assert_ne!(filled[name], json!(""), "{name}");
        assert_eq!(filled[name] == filled["summary"], name == "summary", "{name}");
        assert!(reference.contains(&format!("`{name}`")), "{name}");
    }
    assert!(SHIPPED.iter().all(|shipped| reference.contains(&format!("| `{}` | ", shipped.name))));
}

#[tokio::test]
async fn an_error_page_that_repeats_the_address_gives_nothing_away() {
    let (server, context) = (TestServer::answering([Mode::Echo("404 Not Found")]).await, context());
    let shipped = &SHIPPED[4];
    let body = Body::Shipped(shipped.name.to_owned(), given(shipped));
    let mut sender = build(&config(&server, body), &context, patient()).expect("it can work");
    let verdicts = attempt(&mut sender, &context, &[told(&hot())]).await;
    assert!(matches!(verdicts[0], Verdict::Refused(_)), "{verdicts:?}");
    assert!(why(&verdicts[0]).contains("POST ***"), "{verdicts:?}");
}

#[tokio::test]
async fn what_cannot_work_is_told_when_it_is_built() {
    let server = TestServer::answering([fine()]).await;
    let wrong = |body: Body| build(&config(&server, body), &context(), patient()).expect_err("it is wrong");
    let of = |name: &str, given: Vec<(String, Secret)>| Body::Shipped(name.to_owned(), given);
    assert_eq!(wrong(of("slak", vec![])), "no template `slak` is shipped, did you mean `slack`?");
    assert_eq!(wrong(of("telegram", vec![])), "`telegram` needs `chat_id`");
    assert_eq!(wrong(of("slack", vec![("user".to_owned(), secret("u"))])), "`slack` has no use for `user`");
    let own = json!({"text": "{{sumary}}"});
    assert_eq!(wrong(Body::Own(own)), "`{{sumary}}` names nothing, did you mean `summary`?");
}
