use super::super::answer::Audience;
use super::super::test_server::{CANARY, Mode, TestServer, context, fine, hasty, patient, says, secret};
use super::*;
use crate::model::Verdict;

fn client(url: &str, context: &SenderContext, limits: Limits) -> Result<Client, String> {
    let hidden = secret("hidden");
    let reach = Reach { url, url_is_secret: true, allow_private: true, secrets: &[&hidden] };
    Client::new(reach, Some(Login::Bearer(secret("token"))), context, limits)
}

async fn tried(mode: Mode) -> (Verdict, SenderContext) {
    let limits = if matches!(mode, Mode::Silence | Mode::Slowly) { hasty() } else { patient() };
    let (server, context) = (TestServer::answering([mode]).await, context());
    let client = client(&server.url(&format!("/hook/{CANARY}?key={CANARY}")), &context, limits).expect("it can work");
    let body = format!("a\n\"hidden{CANARY}\"");
    let verdict = match client.ask(client.post("text/plain", body)).await {
        Ok(answer) => answer.verdict(Audience::Person),
        Err(why) => Verdict::Failed { why, retry_after: None },
    };
    assert!(!format!("{verdict:?} {:?} {client:?}", context.transcript.lines()).contains(CANARY), "{verdict:?}");
    (verdict, context)
}

fn failed(why: &str) -> Verdict {
    Verdict::Failed { why: why.to_owned(), retry_after: None }
}

#[tokio::test]
async fn it_waits_for_nobody_for_ever() {
    assert_eq!(tried(Mode::Silence).await.0, failed("127.0.0.1: no answer within 300ms"));
    assert_eq!(tried(Mode::Slowly).await.0, failed("127.0.0.1: no answer within 300ms"));
}

#[tokio::test]
async fn a_gigabyte_does_not_come_in() {
    let (verdict, _) = tried(Mode::Gigabyte).await;
    let expected = format!("127.0.0.1 answered 400 Bad Request: {}…", "x".repeat(199));
    assert_eq!(verdict, Verdict::Refused(expected));
}

#[tokio::test]
async fn who_hangs_up_or_is_not_there_may_answer_later() {
    let (verdict, _) = tried(Mode::Hangup).await;
    assert_eq!(verdict, failed("127.0.0.1: no answer: connection closed before message completed"));
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its name").port();
    let context = context();
    let client = client(&format!("http://127.0.0.1:{free}/"), &context, patient()).expect("it can work");
    let refused = client.ask(client.post("text/plain", "x")).await.expect_err("nobody listens");
    assert!(refused.starts_with("127.0.0.1: no connection: "), "{refused}");
}

#[tokio::test]
async fn what_each_answer_means() {
    for status in ["408 Request Timeout", "425 Too Early", "500 Internal Server Error", "503 Service Unavailable"] {
        assert_eq!(tried(says(status, "")).await.0, failed(&format!("127.0.0.1 answered {status}")));
    }
    for status in ["400 Bad Request", "404 Not Found", "410 Gone", "422 Unprocessable Entity"] {
        assert_eq!(tried(says(status, "")).await.0, Verdict::Refused(format!("127.0.0.1 answered {status}")));
    }
    assert_eq!(tried(says("204 No Content", "")).await.0, Verdict::Delivered);
    let (verdict, _) = tried(Mode::Echo("401 Unauthorized")).await;
    assert!(matches!(verdict, Verdict::Failed { .. }), "a wrong token is mended by a person: {verdict:?}");
}

#[tokio::test]
async fn who_asks_to_be_left_alone_is() {
    let headers = [
        ("retry-after: 17\r\n", 17),
        ("retry-after: 17.0\r\n", 17),
        ("date: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 07:29:30 GMT\r\n", 90),
        ("date: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 07:20:00 GMT\r\n", 0),
        ("retry-after: 99999999\r\n", 24 * 3600),
    ];
    for (headers, seconds) in headers {
        let (verdict, _) = tried(Mode::Answer("429 Too Many Requests", headers, String::new())).await;
        let Verdict::Failed { retry_after, .. } = verdict else { panic!("{verdict:?}") };
        assert_eq!(retry_after, Some(Duration::from_secs(seconds)), "{headers}");
    }
    let (verdict, _) = tried(Mode::Answer("429 Too Many Requests", "retry-after: soon\r\n", String::new())).await;
    assert_eq!(verdict, failed("127.0.0.1 answered 429 Too Many Requests"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let headers = "location: http://127.0.0.1:6379/c4n4ryS3cr3t\r\n";
    let (verdict, context) = tried(Mode::Answer("302 Found", headers, String::new())).await;
    let Verdict::Failed { why, .. } = verdict else { panic!("{verdict:?}") };
    assert!(why.contains("points to 127.0.0.1; redirects are not followed"), "{why}");
    assert_eq!(context.transcript.lines().iter().filter(|line| line.starts_with("> POST")).count(), 1);
}

#[tokio::test]
async fn the_conversation_is_written_down_without_secrets() {
    let (_, context) =
        tried(Mode::Answer("201 Created", "content-type: text/plain\r\n", "made\r\n\u{1b}[31mred".to_owned())).await;
    let mut lines = context.transcript.lines();
    assert!(lines[0].starts_with("> POST http://127.0.0.1:") && lines[0].ends_with("/…"), "{lines:?}");
    assert_eq!(
        lines.split_off(1),
        [
            "> authorization: ***",
            "> content-type: text/plain",
            "> a \"***\"",
            "< 201 Created",
            "< content-type: text/plain",
            "< made   [31mred"
        ]
    );
}

#[test]
fn it_goes_only_where_it_is_told_to() {
    let told = |url: &str, allow_private: bool| {
        let reach = Reach { url, url_is_secret: true, allow_private, secrets: &[] };
        Client::new(reach, None, &context(), patient()).map(|_| "fine".to_owned()).unwrap_or_else(|why| why)
    };
    let public = [
        ("https://127.0.0.1/x", "allow_private"),
        ("https://0x7f.1/x", "allow_private"),
        ("https://2130706433/", "allow_private"),
        ("https://[::ffff:10.0.0.1]/", "allow_private"),
        ("https://169.254.169.254/latest", "allow_private"),
        ("http://example.com/", "plain http"),
        ("ftp://example.com/", "expected https://"),
        ("example.com/hook", "https://host/path"),
        ("https://example.com/\r\nx: y", "line break"),
        ("https://exam\tple.com/", "line break"),
        ("https://user:c4n4ryS3cr3t@example.com/", "keys of their own"),
        ("https://example.com/hook", "fine"),
    ];
    for (url, expected) in public {
        let said = told(url, false);
        assert!(said.contains(expected) && !said.contains(CANARY), "{url}: {said}");
    }
    assert!(told("http://8.8.8.8/", true).contains("only https://"));
    assert_eq!(told("http://10.0.0.1/", true), "fine");
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_leads_to() {
    let context = context();
    let reach = Reach { url: "https://localhost/", url_is_secret: false, allow_private: false, secrets: &[] };
    let client = Client::new(reach, None, &context, patient()).expect("it is a name");
    let refused = client.ask(client.post("text/plain", "x")).await.expect_err("it is this machine");
    assert!(refused.starts_with("localhost leads to ") && refused.contains("allow_private: true"), "{refused}");
}

#[tokio::test]
async fn it_says_who_it_is() {
    let server = TestServer::answering([fine()]).await;
    let context = context();
    let client = client(&server.url("/direct"), &context, patient()).expect("it can work");
    client.ask(client.post("text/plain", "x")).await.expect("an answer");
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /direct");
    assert_eq!(asked.header("user-agent"), Some(concat!("growctl/", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn nothing_can_begin_another_header() {
    for (name, value) in
        [("x", "a\r\nevil: 1"), ("x\r\nevil", "1"), ("x y", "1"), ("Host", "elsewhere"), ("content-length", "0")]
    {
        let refused = header(name, &Secret::new(value.to_owned())).expect_err(name);
        assert!(!refused.contains(['\r', '\n']), "{refused:?}");
    }
    let token = Login::Bearer(Secret::new(format!("{CANARY}\n")));
    let reach = Reach { url: "https://example.com/", url_is_secret: false, allow_private: false, secrets: &[] };
    let refused = Client::new(reach, Some(token), &context(), patient()).expect_err("a line break");
    assert!(refused.contains("line break") && !refused.contains(CANARY), "{refused}");
}
