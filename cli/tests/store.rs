//! The store as a user meets it: the built binary on a copy of the shipped site.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::fs;

use engine::Engine;
use serde_json::Value;
use support::{copy_site, growctl, wait_for};

const NO_ENDPOINT: &str = "redis: {embedded: false}\n";

fn history(engine: &Engine, arguments: &[&str]) -> Vec<Value> {
    let output = engine.ask(&[&["--format", "json", "device", "history"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a list")
}

#[test]
fn what_was_switched_is_told_across_a_restart() {
    let site = copy_site(NO_ENDPOINT);
    let alone = growctl(site.path()).args(["device", "history"]).output().expect("growctl starts");
    assert_eq!(alone.status.code(), Some(1));
    let wrong = growctl(site.path()).args(["device", "history", "heater"]).output().expect("growctl starts");
    assert_eq!(wrong.status.code(), Some(2));

    let engine = Engine::start(site, None);
    let heated = |row: &Value| row["source"].as_str().is_some_and(|source| source.starts_with("rule veg-heating"));
    wait_for("the heating", || history(&engine, &["Veg Room/heater"]).iter().any(heated));
    let before = history(&engine, &["Veg Room/heater"]);
    assert!(before.iter().all(|row| row["device"] == "heater") && before[0]["source"] == "safe", "{before:?}");
    let copy = copy_site(NO_ENDPOINT);
    let state = |site: &tempfile::TempDir| site.path().join(".growctl");
    let from = state(&engine.site);
    let keep = tempfile::tempdir().expect("a folder");
    let (code, said) = {
        // The site's folder goes with the engine; what it left is looked at in another.
        let (hard_link, kept) = (from.join("growctl.db"), keep.path().join("growctl.db"));
        fs::hard_link(hard_link, kept).expect("one file system");
        engine.stop()
    };
    assert_eq!(code, Some(0), "{said}");
    fs::create_dir(state(&copy)).expect("a new site has none");
    fs::copy(keep.path().join("growctl.db"), state(&copy).join("growctl.db")).expect("a clean stop leaves one file");
    let engine = Engine::start(copy, None);
    let after = history(&engine, &["Veg Room/heater"]);
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(engine.status()["store"]["state"], "ok");
    let shown = String::from_utf8_lossy(&engine.ask(&["device", "history", "-n", "3"]).stdout).into_owned();
    assert!(shown.starts_with("AT ") && shown.lines().count() == 4, "{shown}");
}

#[test]
fn a_store_in_trouble_is_told_and_costs_no_control() {
    let site = copy_site(NO_ENDPOINT);
    let engine = Engine::start(site, None);
    wait_for("the store", || engine.status()["store"]["changes"]["written"].as_u64() > Some(0));
    let path = engine.site.path().join(".growctl/growctl.db");
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("a folder where the database should be");
    wait_for("that it is told", || engine.status()["store"]["state"] == "degraded");
    let commands = engine.status()["core"]["commands"].as_u64();
    wait_for("the control going on", || engine.status()["core"]["commands"].as_u64() > commands);
    let text = String::from_utf8_lossy(&engine.ask(&["status"]).stdout).into_owned();
    assert!(text.contains("store    degraded") && text.contains("try: "), "{text}");
    fs::remove_dir(&path).expect("it is empty");
    wait_for("that it is well again", || engine.status()["store"]["state"] == "ok");
    let (code, said) = engine.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the store is degraded") && said.contains("the store is well"), "{said}");
}
