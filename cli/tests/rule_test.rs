//! `rule test` and `check` with the built binary: exit codes, and what goes to stdout and stderr.

#[allow(dead_code)] // what only the tests of a running engine need
mod support;

use std::path::Path;
use std::process::Output;

use support::{copy_site, growctl};

fn run(site: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = growctl(site).args(args).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_shipped_rules_pass_by_name_by_file_and_all_together() {
    let site = copy_site("");
    let (code, out, err) = run(site.path(), &["rule", "test", "--strict"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.lines().last().is_some_and(|line| line.contains(" 0 failed; 8 rules")), "{out}");
    assert!(!out.contains('\x1b'), "no colours where nobody looks: {out}");
    let all = |out: &str| out.lines().filter(|line| line.starts_with("ok ")).count();
    let (_, by_name, _) = run(site.path(), &["rule", "test", "lights"]);
    for file in ["rules/lights_test.yaml", "rules/lights.yaml"] {
        let (code, by_file, err) = run(site.path(), &["rule", "test", file]);
        assert_eq!((code, all(&by_file)), (Some(0), all(&by_name)), "{by_file}{err}");
    }
    assert!(all(&by_name) > 1 && all(&by_name) < all(&out));
    let (code, out, _) = run(site.path(), &["rule", "test", "lights", "-v"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("> set Flower Room/lights to 100"), "{out}");
}

#[test]
fn a_failed_test_a_wrong_file_and_a_wrong_name_exit_with_2() {
    let site = copy_site("");
    let rules = site.path().join("rules");
    let write = |name: &str, text: &str| std::fs::write(rules.join(name), text).expect("it can be written");
    write("log_test.yaml", "tests:\n  - { name: silence, expect: [] }\n");
    let (code, out, err) = run(site.path(), &["rule", "test", "log"]);
    assert_eq!((code, err.as_str()), (Some(2), ""));
    assert!(out.contains("FAILED   log: silence  rules/log_test.yaml:2"), "{out}");
    assert!(out.contains("UNEXPECTED 0s"), "{out}");

    let (code, out, _) = run(site.path(), &["--format", "json", "rule", "test", "log", "lights"]);
    let json: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(code, Some(2));
    assert_eq!((&json["failed"], &json["rules"][0]["rule"]), (&1.into(), &"log".into()));
    let first = &json["rules"][0]["tests"][0];
    assert_eq!((&first["passed"], &first["intents"][0]["state"]), (&false.into(), &"unexpected".into()));

    write("log_test.yaml", "tests:\n  - { name: silence, expct: [] }\n");
    for command in [&["rule", "test"][..], &["check"]] {
        let (code, _, err) = run(site.path(), command);
        assert!(err.contains("rules/log_test.yaml:2:") && err.contains("did you mean `expect`?"), "{err}");
        assert_eq!(code, Some(2), "{command:?}");
    }

    let (code, out, err) = run(site.path(), &["rule", "test", "ligths"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("did you mean 'lights'?"), "{err}");
    let (code, _, err) = run(site.path(), &["rule", "test", "elsewhere/lights.yaml"]);
    assert!(code == Some(2) && err.contains("no file in"), "{err}");
}

#[test]
fn gaps_are_told_and_refused_with_strict() {
    let site = copy_site("");
    let rules = site.path().join("rules");
    std::fs::remove_file(rules.join("log_test.yaml")).expect("it is there");
    std::fs::write(
        rules.join("lights_test.yaml"),
        "tests:\n  - { name: none, start: 2026-01-01 12:00:00, until: 0s, commands: [] }\n",
    )
    .expect("it can be written");
    std::fs::write(rules.join("lights.yaml"), "schedule: every 1m\neach: info(\"x\");\n").expect("it can be written");
    let args = ["rule", "test", "log", "lights"];
    let (code, out, _) = run(site.path(), &args);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("no test  log") && out.contains("lights: no test runs its each"), "{out}");
    let (code, ..) = run(site.path(), &[&args[..], &["--strict"]].concat());
    assert_eq!(code, Some(2));
    std::fs::rename(rules.join("lights_test.yaml"), rules.join("lamps_test.yaml")).expect("it can be renamed");
    let (code, _, err) = run(site.path(), &["check"]);
    assert!(code == Some(0) && err.contains("there is no rule `lamps` beside this test"), "{err}");
}
