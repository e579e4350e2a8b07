//! `growctl rule add`, `list`, `show`, `rename` and `rm` as a user runs them: the built binary on a copy of the shipped site.

mod support;

use std::path::Path;
use std::process::{Child, Output, Stdio};

use serde_json::Value;
use support::{copy_site, growctl, wait_for};

const NO_ENDPOINT: &str = "redis: {embedded: false}\n";

fn run(site: &Path, args: &[&str]) -> Output {
    growctl(site).args(args).stdin(Stdio::null()).output().expect("growctl starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(site: &Path, args: &[&str]) -> Value {
    let output = run(site, &[&["--format", "json"], args].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}\n{}", said(&output)))
}

/// The shipped channel map without the shipped rules.
fn bare_site() -> tempfile::TempDir {
    let site = copy_site(NO_ENDPOINT);
    std::fs::remove_dir_all(site.path().join("rules")).expect("it can be removed");
    site
}

fn rules(site: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(site.join("rules")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_template_makes_a_rule_that_strict_checks_accept() {
    let site = bare_site();
    let templates = json(site.path(), &["rule", "add", "--list-templates"]);
    let templates: Vec<&str> =
        templates.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
    assert!(templates.len() >= 11, "{templates:?}");
    for template in &templates {
        let name = format!("my-{template}");
        let dry = run(site.path(), &["rule", "add", &name, "--template", template, "--dry-run"]);
        assert!(
            told(&dry).contains("# ---- rules/my-") && !site.path().join("rules").join(format!("{name}.yaml")).exists()
        );
        let added = json(site.path(), &["rule", "add", &name, "--template", template]);
        assert_eq!((&added["written"], &added["running"]), (&true.into(), &false.into()), "{added}");
        let read = |file: &Value| std::fs::read_to_string(site.path().join(file.as_str().unwrap_or_default()));
        let rule = read(&added["rule"]).expect("it is written");
        assert!(rule.starts_with("# "), "{rule}");
        assert!(read(&added["test"]).expect("its test, too").contains(&format!("rules/{name}.yaml")));
        assert!(told(&dry).contains(rule.trim_end()), "what is shown is what is written");
    }
    let checked = run(site.path(), &["check", "--strict"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert_eq!(rules(site.path()).len(), 2 * templates.len());
    let tested = run(site.path(), &["rule", "test", "--strict"]);
    assert_eq!(tested.status.code(), Some(0), "{}{}", told(&tested), said(&tested));
}

#[test]
fn nothing_is_written_over_anything_and_nothing_that_is_wrong() {
    let site = copy_site(NO_ENDPOINT);
    let before = std::fs::read_to_string(site.path().join("rules/flower-cooling.yaml")).expect("it is shipped");
    let files = rules(site.path());
    let refuse = |args: &[&str], wanted: &[&str]| {
        let output = run(site.path(), &[&["rule", "add"], args].concat());
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{said}\nwanted: {wanted:?}");
    };
    refuse(&["flower-cooling", "--template", "cooling"], &["rules/flower-cooling.yaml is there already"]);
    refuse(&["a b", "--template", "cooling"], &["letters, digits", "'a-b'"]);
    refuse(&["log_test", "--template", "log"], &["the test of another"]);
    refuse(&["x", "--template", "coolin"], &["did you mean 'cooling'?"]);
    refuse(&["x", "--template", "cooling", "--above", "hot"], &["--above", "'hot' is not a number"]);
    refuse(&["x", "--template", "cooling", "--for", "30"], &["--for", "its unit is missing"]);
    refuse(&["x", "--template", "cooling", "--when", "msg.t > 1"], &["--when: a template has its own"]);
    refuse(
        &["x", "--above", "3", "--each", "info(1);", "--subscribe", "a"],
        &["--above: means something to a template"],
    );
    refuse(&["x"], &["what is the rule to do?", "--template"]);
    let wrong = ["x", "--subscribe", "sensor:update:Veg Room:*", "--when", "msg.temprature > 3", "--then"];
    refuse(
        &[&wrong[..], &["device(\"Veg Room\", \"heatr\").on();"]].concat(),
        &["did you mean `temperature`", "did you mean `heater`", "rules/x.yaml:2:", "mend --then and --when"],
    );
    assert_eq!(rules(site.path()), files);
    assert_eq!(std::fs::read_to_string(site.path().join("rules/flower-cooling.yaml")).expect("it stays"), before);
}

#[test]
fn flags_make_a_rule_with_its_test_as_far_as_it_can_be_told() {
    let site = copy_site(NO_ENDPOINT);
    let args =
        ["rule", "add", "warm", "--subscribe", "sensor:update:Flower Room:back", "--when", "msg.temperature > 27.5"];
    let then = "device(\"Flower Room\", \"exhaust\").set(60, #{ reason: \"warm\" });";
    let more =
        ["--for", "10s", "--until", "msg.temperature < 26", "--then", then, "--priority", "60", "--label", "zone=a"];
    let added = run(site.path(), &[&args[..], &more[..]].concat());
    assert_eq!(added.status.code(), Some(0), "{}", said(&added));
    assert!(said(&added).contains("flower-cooling asks for Flower Room/exhaust too"), "{}", said(&added));
    let read = |name: &str| std::fs::read_to_string(site.path().join("rules").join(name)).expect("it is written");
    let test = read("warm_test.yaml");
    // One of 25 at 0 s, 28.5 from 2 s on: 10 s later it begins.
    assert!(
        test.contains("set: \"Flower Room/exhaust\", to: 60, instance: \"FR-C2\"") && test.contains("at: 12s"),
        "{test}"
    );
    assert!(read("warm.yaml").contains("priority: 60\nlabels:\n  zone: a\n"));
    let each =
        run(site.path(), &["rule", "add", "all", "--subscribe", "sensor:update", "--each", "log_file(\"a\", msg);"]);
    assert!(each.status.success() && said(&each).contains("no test is written"), "{}", said(&each));
    assert!(!site.path().join("rules/all_test.yaml").exists());
}

#[test]
fn a_rule_is_renamed_and_removed_with_its_test() {
    let site = copy_site(NO_ENDPOINT);
    let run = |args: &[&str]| run(site.path(), &[&["rule"], args].concat());
    assert!(run(&["add", "old", "--template", "alert"]).status.success());
    let renamed = run(&["rename", "old", "new"]);
    assert!(renamed.status.success() && said(&renamed).contains("rules/old_test.yaml is now rules/new_test.yaml"));
    assert!(!rules(site.path()).iter().any(|name| name.starts_with("old")));
    let taken = run(&["rename", "new", "log"]);
    assert_eq!(taken.status.code(), Some(2), "{}", said(&taken));
    assert!(said(&run(&["rename", "nwe", "other"])).contains("did you mean 'new'?"));
    for outside in ["../channels", "new_test", ".new"] {
        assert_eq!(run(&["rm", outside, "--yes"]).status.code(), Some(2), "{outside}");
    }
    let asked = run(&["rm", "new"]);
    assert!(asked.status.code() == Some(2) && said(&asked).contains("--yes"), "{}", said(&asked));
    assert!(site.path().join("rules/new.yaml").exists() && site.path().join("channels.yaml").exists());
    assert!(run(&["rm", "new", "--yes"]).status.success());
    assert!(!rules(site.path()).iter().any(|name| name.starts_with("new")));
}

/// An engine that ends with the test.
struct Engine(Child);

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_running_engine_says_what_was_heard_and_what_is_held() {
    let site = copy_site(NO_ENDPOINT);
    let folder = site.path();
    std::fs::write(folder.join("rules/bad.yaml"), "subscribe: x\nwen: true\n").expect("it can be written");
    let _engine = Engine(growctl(folder).arg("run").stderr(Stdio::null()).spawn().expect("growctl starts"));
    wait_for("a reading", || {
        let shown = run(folder, &["rule", "show", "flower-cooling"]);
        told(&shown).lines().any(|line| line.contains("FR-C1") && line.contains("temperature "))
    });
    let shown = json(folder, &["rule", "show", "vpd-trend"]);
    assert_eq!(shown["patterns"][0], "sensor:update:{room}:{cluster} (in Redis sensor:update:*:*)");
    assert_eq!(shown["instances"], serde_json::json!(["FR-C1", "FR-C2", "VR-C1"]));
    let probe = shown["listens"].as_array().into_iter().flatten().find(|row| row["source"] == "VR-M1");
    assert!(probe.is_some_and(|row| row["instance"].is_null()), "a probe has no temperature: {shown}");
    wait_for("a run, and a word of the other room", || {
        let shown = json(folder, &["rule", "show", "vpd-trend"]);
        let other = shown["listens"].as_array().into_iter().flatten().find(|row| row["source"] == "VR-C1");
        shown["running"]["last_run"].is_u64() && other.is_some_and(|row| row["age"].is_number())
    });

    let listed = json(folder, &["rule", "list"]);
    let bad = listed.as_array().into_iter().flatten().find(|row| row["name"] == "bad").expect("it is listed");
    assert_eq!((&bad["mode"], &bad["fault"]), (&"broken".into(), &"2:1: unknown key `wen`".into()));
    let broken = run(folder, &["rule", "show", "bad"]);
    assert!(broken.status.code() == Some(2) && said(&broken).contains("the rule 'bad' is broken"), "{}", said(&broken));

    // The broad channels ask for all of their own, and a room's name has a space in it.
    let pattern = "device:update:{room}:exhaust";
    let add =
        ["rule", "add", "ears", "--subscribe", "sensor:update", "--subscribe", pattern, "--each", "info(channel);"];
    let added = json(folder, &add);
    let heard = |source: &str| {
        let row = added["listens"].as_array().into_iter().flatten().find(|row| row["source"] == source);
        row.is_some_and(|row| row["age"].is_number())
    };
    assert!(added["running"] == true && heard("VR-C1"), "{added}");
    wait_for("what the lights' rule asks for", || {
        said(&run(folder, &["rule", "rm", "lights"])).contains("Flower Room/lights")
    });
    let removed = json(folder, &["rule", "rm", "lights", "--yes"]);
    let held: Vec<&str> = removed["held"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(held.len() == 2 && held[0].starts_with("Flower Room/lights (at "), "{removed}");
}
