//! `growctl device` as a user runs it: the built binary on a copy of the shipped site.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use engine::Engine;
use serde_json::Value;
use support::{copy_site, growctl, wait_for};

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn device(engine: &Engine, arguments: &[&str]) -> (Option<i32>, String, String) {
    said(&engine.ask(&[&["device"], arguments].concat()))
}

/// The shipped site, whose dehumidifier stays off for 10 min and whose other lights have no watchdog.
fn site() -> tempfile::TempDir {
    let site = copy_site("redis: {embedded: false}\n");
    let path = site.path().join("channels.yaml");
    let map = fs::read_to_string(&path).expect("it is shipped");
    let map = map.replacen("    dehumidifier:\n", "    dehumidifier:\n      min_off: 10m\n", 1);
    let (before, lights) =
        map.rsplit_once("      watchdog: 1m\n      repeat: 10s\n").expect("the lights of the last room");
    fs::write(&path, format!("{before}      watchdog: none\n      allow: [no-watchdog]\n{lights}"))
        .expect("it can be written");
    site
}

fn listed(engine: &Engine, room: &str, name: &str) -> Value {
    let (_, json, error) = said(&engine.ask(&["--format", "json", "device", "list", "--room", room]));
    let list: Value = serde_json::from_str(&json).unwrap_or_else(|_| panic!("{error}"));
    let devices = list["devices"].as_array().expect("a list");
    devices.iter().find(|device| device["device"] == name).expect("it is there").clone()
}

/// Whether something is in the database or its journal.
fn is_written(site: &Path, what: &str) -> bool {
    ["growctl.db", "growctl.db-wal"].iter().any(|file| {
        let bytes = fs::read(site.join(".growctl").join(file)).unwrap_or_default();
        bytes.windows(what.len()).any(|window| window == what.as_bytes())
    })
}

#[test]
fn what_cannot_be_is_refused_with_what_could_be_and_what_is_outside_of_the_promise_is_named() {
    let site = site();
    for verb in [&["list"][..], &["why", "Flower Room", "exhaust"], &["set", "Flower Room", "exhaust", "60"]] {
        let (code, _, error) = said(&growctl(site.path()).arg("device").args(verb).output().expect("growctl starts"));
        assert_eq!(code, Some(1), "{verb:?}");
        assert!(error.contains("no engine runs on this site"), "{error}");
    }
    let (code, _, error) =
        said(&growctl(site.path()).args(["device", "history", "a", "b"]).output().expect("growctl starts"));
    assert_eq!(code, Some(1));
    assert!(error.contains("growctl has not run on this site yet"), "{error}");
    let (code, checked, _) = said(&growctl(site.path()).arg("check").output().expect("growctl starts"));
    assert_eq!(code, Some(0));
    assert!(checked.contains("outside of the promise") && checked.ends_with("  Veg Room/lights\n"), "{checked}");

    let engine = Engine::start(site, None);
    for (arguments, wanted) in [
        (&["set", "Flower Room", "exhuast", "60"][..], "did you mean 'Flower Room/exhaust'?"),
        (&["set", "Flower Room", "dehumidifier", "onn"], "it takes off, on; did you mean 'on'?"),
        (&["set", "Flower Room", "exhaust", "nan"], "cannot be 'nan'"),
        (&["set", "Flower Room", "exhaust", "60", "--for", "25h"], "24h at the most: it stands above the rules"),
        (&["set", "Flower Room", "exhaust", "60", "--for", "0s"], "it is over at once"),
        (&["release", "Flowr Room", "exhaust"], "did you mean 'Flower Room/exhaust'?"),
        (&["why", "Flower Room", "exhuast"], "did you mean 'Flower Room/exhaust'?"),
        (&["history", "Flower Room", "exhuast"], "did you mean 'Flower Room/exhaust'?"),
        (&["list", "--room", "Flowr Room"], "did you mean 'Flower Room'?"),
    ] {
        let (code, out, error) = device(&engine, arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {error}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
    }
    assert_eq!(listed(&engine, "Flower Room", "exhaust")["source"], "safe");

    let (_, all, _) = device(&engine, &["list"]);
    assert!(all.contains("1 device outside of the promise: no watchdog, stays as growctl leaves it"), "{all}");
    assert!(all.lines().all(|line| line.chars().count() <= 80), "{all}");
    assert_eq!(engine.stop().0, Some(0));
}

#[test]
fn a_persons_request_says_its_end_waits_for_limits_and_outlives_a_kill() {
    let engine = Engine::start(site(), None);
    let (code, told, error) = device(&engine, &["set", "Flower Room", "dehumidifier", "on"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(told.contains("held back by min_off: off for at least 10m, until "), "{told}");
    assert!(told.contains("\nit ends at ") && told.contains(" by itself (1 h left)\n"), "{told}");
    assert!(told.contains("`growctl device release 'Flower Room' dehumidifier` ends it now"), "{told}");
    let held = listed(&engine, "Flower Room", "dehumidifier");
    assert_eq!((&held["wanted"], &held["held_back"]), (&"on".into(), &"min_off: off for at least 10m".into()));

    let reason = "outlives a restart";
    let set = ["set", "Flower Room", "exhaust", "60", "--for", "20m", "--reason", reason];
    assert_eq!(device(&engine, &set).0, Some(0));
    wait_for("the fan", || listed(&engine, "Flower Room", "exhaust")["state"] == 60.0);
    let (_, why, _) = device(&engine, &["why", "Flower Room", "exhaust"]);
    for part in [
        "Flower Room/exhaust is 60: 60 is wanted by growctl device set\n",
        "60  growctl device set, priority 70, until ",
        "can0 0x301, fan_command.speed: 78 01, last sent at ",
        "agrees with what it was told, 60 (tolerance 3, within 3s)",
    ] {
        assert!(why.contains(part), "{part}\n{why}");
    }
    let (_, why, _) = device(&engine, &["why", "Veg Room", "lights"]);
    assert!(why.contains("rules/lights.yaml:10"), "{why}");
    let (_, history, _) = device(&engine, &["history", "Flower Room", "exhaust"]);
    assert!(history.contains(&format!("growctl device set \"{reason}\"")), "{history}");

    let until = listed(&engine, "Flower Room", "exhaust")["until"].as_f64().expect("it ends");
    wait_for("the store", || is_written(engine.site.path(), &format!("\"reason\":\"{reason}\"")));
    let site = engine.kill();
    let left = growctl(site.path()).args(["device", "history", "Flower Room", "exhaust"]).output();
    let (code, history, error) = said(&left.expect("growctl starts"));
    assert_eq!(code, Some(0), "{error}");
    assert!(history.contains(reason) && error.contains("this is what the last run has written"), "{history}{error}");

    let engine = Engine::start(site, None);
    let exhaust = listed(&engine, "Flower Room", "exhaust");
    assert_eq!((&exhaust["source"], &exhaust["wanted"]), (&"growctl device set".into(), &60.0.into()), "{exhaust}");
    assert!((exhaust["until"].as_f64().expect("it ends") - until).abs() < 1.0, "{exhaust}");
    let (_, history, _) = device(&engine, &["history", "Flower Room", "exhaust", "--since", "1h"]);
    assert!(history.matches(reason).count() >= 2, "of both runs: {history}");

    let (code, told, _) = device(&engine, &["release", "Flower Room", "exhaust"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("is ended\nnobody asks for anything: it belongs at safe, 15"), "{told}");
    let (code, told, _) = device(&engine, &["release", "Flower Room", "exhaust"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("nothing to end"), "{told}");
    assert_eq!(engine.stop().0, Some(0));
}

#[test]
fn a_fault_is_shown_and_a_person_tries_again() {
    let engine = Engine::start(site(), None);
    wait_for("its feedback", || listed(&engine, "Flower Room", "exhaust")["state"] == 15.0);
    engine.ask(&["sim", "fault", "Flower Room/exhaust", "stuck"]);
    device(&engine, &["set", "Flower Room", "exhaust", "60"]);
    wait_for("the fault", || !listed(&engine, "Flower Room", "exhaust")["fault"].is_null());
    let (_, status, _) = said(&engine.ask(&["status"]));
    assert!(status.contains("fault: told 60, and its feedback says 15\n"), "{status}");
    engine.ask(&["sim", "fault", "Flower Room/exhaust", "none"]);
    let (_, told, _) = device(&engine, &["set", "Flower Room", "exhaust", "60"]);
    assert!(told.contains("it was at fault (told 60, and its feedback says 15): it is tried again now"), "{told}");
    wait_for("the fan", || listed(&engine, "Flower Room", "exhaust")["state"] == 60.0);
    let (_, history, _) = device(&engine, &["history", "Flower Room", "exhaust"]);
    assert!(history.contains("fault: told 60, and its feedback says 15"), "{history}");
    assert_eq!(engine.stop().0, Some(0));
}
