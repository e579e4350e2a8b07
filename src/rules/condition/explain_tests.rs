use proptest::prelude::*;

use super::*;
use crate::rules::fixture::{World, host, segments};

fn explained(text: &str, fields: &[(&str, Value)]) -> Vec<Checked> {
    let (mut host, mut world) = (host(), World::with(fields));
    let condition = Condition::compile(&host, text, &segments(), &mut Vec::new()).expect(text);
    let mut checks = Vec::new();
    condition.explain(&mut host, &world.env(), &mut checks);
    checks
}

#[test]
fn every_part_is_shown_as_it_is_written() {
    for (text, parts) in [
        ("msg.t > 28.0", &["msg.t > 28.0"][..]),
        ("msg.t > 28.0 && msg.h < 3", &["msg.t > 28.0", "msg.h < 3"]),
        ("(msg.t > 28.0 || msg.h < 3) && stale", &["msg.t > 28.0", "msg.h < 3", "stale"]),
        ("!(msg.t > 28.0) || !stale", &["msg.t > 28.0", "stale"]),
        ("(msg.t + 1.0) * 2.0 > 3 && reset", &["(msg.t + 1.0) * 2.0 > 3", "reset"]),
        ("3 < (msg.t * (2.0 + msg.h))", &["3 < (msg.t * (2.0 + msg.h))"]),
        ("-msg.t < -5 || msg.t == -1.5", &["-msg.t < -5", "msg.t == -1.5"]),
        ("runs(\"24h\") < 8 && now() > 1.0", &["runs(\"24h\") < 8", "now() > 1.0"]),
        ("between(\"06:00\", \"18:00\") && !reset", &["between(\"06:00\", \"18:00\")", "reset"]),
        (
            "readings(\"a:*\", \"v_*\").mean() < 55.0 && vpd(msg.t, msg.h) > 1.2",
            &["readings(\"a:*\", \"v_*\").mean() < 55.0", "vpd(msg.t, msg.h) > 1.2"],
        ),
        ("msg.get(\"t\") == () || (msg.t ?? 3.0) > 2.0", &["msg.get(\"t\") == ()", "(msg.t ?? 3.0) > 2.0"]),
        ("room == \"a && (b\" && msg.t >\n    3.0", &["room == \"a && (b\"", "msg.t > 3.0"]),
        ("true || /* (why */ msg.t > 2", &["true", "msg.t > 2"]),
        ("(((msg.t > 2)))", &["msg.t > 2"]),
        ("state.n > 3 && msg[\"t\"] > 1.0", &["state.n > 3", "msg[\"t\"] > 1.0"]),
        ("last(`a:${room}`, \"t\") > 3.0", &["last(`a:${room}`, \"t\") > 3.0"]),
    ] {
        let got = explained(text, &[("t", 1.0.into()), ("h", 2.0.into())]);
        let got: Vec<&str> = got.iter().map(|check| &*check.text).collect();
        assert_eq!(got, parts, "{text}");
    }
}

#[test]
fn each_has_its_own_answer_and_the_values_that_it_looks_at() {
    let fields = [("t", 29.5.into()), ("h", Value::Null), ("word", "x".repeat(200).as_str().into())];
    let got = explained("msg.t > 28.0 || msg.h < 3 && vpd(msg.t, 50) > 1.0 || msg.word == \"y\"", &fields);
    let of = |at: usize| {
        let values = got[at].values.iter().map(|(name, value)| format!("{name}={value}"));
        (got[at].truth, values.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(of(0), (Truth::True, "msg.t=29.5".to_owned()));
    assert_eq!(of(1), (Truth::Unknown, "msg.h=no value".to_owned()), "it need not be looked at, and is");
    let (truth, values) = of(2);
    assert!(
        truth == Truth::True && values.starts_with("vpd(msg.t, 50)=2.05") && values.ends_with("msg.t=29.5"),
        "{values}"
    );
    assert_eq!(of(3).1.chars().count(), "msg.word=".len() + MOST_LETTERS + 1, "no long texts are kept");
    let failed = explained("msg.t", &[("t", 3.0.into())]);
    assert!(failed[0].truth == Truth::Unknown && failed[0].error.as_deref().is_some_and(|e| e.contains("compare it")));
}

/// Texts of conditions, and the parts of each.
fn conditions() -> impl Strategy<Value = (String, Vec<String>)> {
    let ends = ["msg.t > 1.0", "stale", "runs(\"1h\") < 2", "(msg.t + 1.0) * 2.0 < 3", "now() > -1.0", "-msg.t < 0"];
    let end = (0..ends.len()).prop_map(move |at| (ends[at].to_owned(), vec![ends[at].to_owned()]));
    end.prop_recursive(4, 20, 2, |inner| {
        let joined = |(a, b): ((String, Vec<String>), (String, Vec<String>)), sign: &str| {
            (format!("({}) {sign} ( {} )", a.0, b.0), [a.1, b.1].concat())
        };
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(move |pair| joined(pair, "&&")),
            (inner.clone(), inner.clone()).prop_map(move |pair| joined(pair, "||")),
            inner.prop_map(|(text, parts)| (format!("!({text})"), parts)),
        ]
    })
}

proptest! {
    #[test]
    fn brackets_never_tear_a_part((text, parts) in conditions()) {
        let got: Vec<String> = explained(&text, &[("t", 1.0.into())]).iter().map(|check| check.text.to_string()).collect();
        prop_assert_eq!(got, parts.into_iter().take(MOST_PARTS).collect::<Vec<_>>(), "{}", text);
    }
}
