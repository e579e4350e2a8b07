//! `growctl rule why` as a user runs it: the built binary on a copy of the shipped site.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::fs;
use std::process::Output;

use engine::Engine;
use serde_json::Value;
use support::{copy_site, growctl, wait_for};

const NO_ENDPOINT: &str = "redis: {embedded: false}\n";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn why(engine: &Engine, arguments: &[&str]) -> Value {
    let output = engine.ask(&[&["--format", "json", "rule", "why"], arguments].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", said(&output)))
}

fn text(engine: &Engine, arguments: &[&str]) -> String {
    String::from_utf8_lossy(&engine.ask(&[&["rule", "why"], arguments].concat()).stdout).into_owned()
}

#[test]
fn it_is_told_why_a_rule_of_the_running_engine_acts_or_does_not() {
    let site = copy_site(NO_ENDPOINT);
    let alone = growctl(site.path()).args(["rule", "why", "lights"]).output().expect("growctl starts");
    assert_eq!(alone.status.code(), Some(1));
    assert!(said(&alone).contains("no engine runs on this site"), "{}", said(&alone));

    let engine = Engine::start(site, None);
    for (arguments, wanted) in [
        (&["ligths"][..], "there is no rule 'ligths': did you mean 'lights'?"),
        (&["vpd-trend", "--instance", "FR-C3"], "the rule has no instance 'FR-C3': did you mean 'FR-C1'?"),
    ] {
        let output = engine.ask(&[&["rule", "why"], arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(wanted), "{}", said(&output));
    }

    // The lights are asked for at the start, and at every tick.
    let lights = why(&engine, &["lights"]);
    assert_eq!((&lights["instances"][0]["reason"], &lights["ticks"]), (&"runs".into(), &true.into()), "{lights}");
    assert_eq!(lights["devices"].as_array().map(Vec::len), Some(2), "{lights}");
    assert_eq!(lights["devices"][0]["loses_to"], Value::Null);
    assert!(text(&engine, &["lights"]).contains("asked: Veg Room/lights at "));

    wait_for("a word of the node", || {
        why(&engine, &["flower-cooling", "--instance", "FR-C1"])["instances"][0]["judged"] != Value::Null
    });
    let told = text(&engine, &["flower-cooling", "--instance", "FR-C1"]);
    assert!(told.contains("msg.temperature > 28.0") && told.contains("rules/flower-cooling.yaml:6:7"), "{told}");
    assert!(!told.contains("FR-C2"), "{told}");

    engine.ask(&["sim", "fault", "FR-C1", "silent"]);
    wait_for("its silence", || {
        text(&engine, &["flower-cooling"]).contains("FR-C1: did not begin: its source is silent")
    });

    // What was decided under other files is told with their revision.
    let edited = fs::read_to_string(engine.site.path().join("rules/lights.yaml")).expect("it is shipped");
    fs::write(engine.site.path().join("rules/lights.yaml"), edited.replace("40.0", "50.0")).expect("it can be written");
    wait_for("the edit", || why(&engine, &["lights"])["revision"] != lights["revision"]);
    let now = why(&engine, &["lights"]);
    assert_eq!(now["decisions"][0]["revision"], lights["revision"], "{now}");
    fs::remove_file(engine.site.path().join("rules/irrigation.yaml")).expect("it is shipped");
    wait_for("the deleted rule", || said(&engine.ask(&["rule", "why", "irrigation"])).contains("there is no rule"));
    assert_eq!(engine.stop().0, Some(0));
}
