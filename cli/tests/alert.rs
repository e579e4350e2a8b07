//! `growctl alert` as a user runs it: the built binary on a copy of the shipped site, through a crash.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::fs;
use std::process::Output;

use engine::Engine;
use serde_json::Value;
use support::{copy_site, growctl, wait_for};

const WARM: &str = r#"
description: Warm
subscribe: "sensor:update:{room}:{cluster}"
when: msg.temperature > 5.0
alert: { severity: critical, summary: "${room}/${cluster} is ${msg.temperature} °C", notify: [head-grower] }
"#;

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn alert(engine: &Engine, arguments: &[&str]) -> (Option<i32>, String, String) {
    said(&engine.ask(&[&["alert"], arguments].concat()))
}

fn listed(engine: &Engine) -> Vec<Value> {
    let output = engine.ask(&["--format", "json", "alert", "list"]);
    let book: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    book["alerts"].as_array().expect("a list").clone()
}

#[test]
fn an_alert_is_acknowledged_and_silenced_and_a_crash_changes_nothing_of_that() {
    let site = copy_site("redis: {embedded: false}\n");
    fs::write(site.path().join("rules/warm.yaml"), WARM).expect("it can be written");
    let engine = Engine::start(site, None);
    wait_for("alerts of three nodes", || listed(&engine).len() == 3);
    let (code, _, error) = alert(&engine, &["ack", "QQQ"]);
    assert!(code == Some(2) && error.contains("no alert `QQQ` fires; these do:"), "{error}");
    let (code, _, error) = alert(&engine, &["silence", "--for", "2h", "warm"]);
    assert!(code == Some(2) && error.contains("key=glob"), "{error}");
    let first = listed(&engine)[0]["code"].as_str().expect("a code").to_lowercase();
    let (code, text, error) = alert(&engine, &["ack", &first, "--by", "anna"]);
    assert!(code == Some(0) && text.starts_with("acknowledged: warm"), "{text}{error}");
    let (code, text, _) =
        alert(&engine, &["silence", "--for", "2h", "room=Veg*", "--by", "ben", "--reason", "filters"]);
    assert!(code == Some(0) && text.contains("by ben: filters; 1 alert is"), "{text}");
    let states = |engine: &Engine| {
        let mut states: Vec<String> = listed(engine).iter().map(|alert| alert["state"].to_string()).collect();
        states.sort();
        states
    };
    assert_eq!(states(&engine), ["\"acknowledged\"", "\"firing\"", "\"silenced\""]);
    wait_for("the history", || alert(&engine, &["history"]).1.contains("by anna"));
    // Those that began in the same moment are in no order.
    let codes = |engine: &Engine| {
        let mut codes: Vec<String> = listed(engine).iter().map(|alert| alert["code"].to_string()).collect();
        codes.sort();
        codes
    };
    let before = codes(&engine);
    wait_for("the disk", || engine.status()["store"]["values"]["pending"] == 0);
    let site = engine.kill();
    let (code, text, error) =
        said(&growctl(site.path()).args(["alert", "history", "warm"]).output().expect("it starts"));
    assert!(code == Some(0) && text.contains("acknowledged") && error.contains("the last run"), "{text}{error}");
    let engine = Engine::start(site, None);
    assert_eq!(states(&engine), ["\"acknowledged\"", "\"firing\"", "\"silenced\""]);
    assert_eq!(codes(&engine), before);
    let (code, text, _) = alert(&engine, &["silence", "end", "s1"]);
    assert!(code == Some(0) && text.contains("has ended"), "{text}");
    assert_eq!(states(&engine), ["\"acknowledged\"", "\"firing\"", "\"firing\""]);
    let (_, text, _) = alert(&engine, &["list"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}
