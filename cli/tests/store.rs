//! The store as a user meets it: the built binary on a copy of the shipped site.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::fs;
use std::process::Command;

use engine::Engine;
use support::{copy_site, wait_for};

const NO_ENDPOINT: &str = "redis: {embedded: false}\n";

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

/// What `ulimit -f` and `LimitFSIZE` do: unless it is asked for, the signal of the first write beyond ends the process.
#[test]
#[cfg(target_os = "linux")]
fn a_limit_on_the_size_of_files_is_told_and_costs_no_control() {
    let engine = Engine::start(copy_site(NO_ENDPOINT), None);
    let limit = |size: &str| {
        let pid = engine.status()["pid"].to_string();
        let limit = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={size}:")]).status();
        assert!(limit.expect("prlimit is there").success());
    };
    wait_for("the store", || engine.status()["store"]["state"] == "ok");
    limit("0");
    wait_for("that it is told", || engine.status()["store"]["state"] == "degraded");
    let commands = engine.status()["core"]["commands"].as_u64();
    wait_for("the control going on", || engine.status()["core"]["commands"].as_u64() > commands);
    limit("unlimited");
    wait_for("that it is well again", || engine.status()["store"]["state"] == "ok");
    let (code, said) = engine.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("File too large") && said.contains("the store is well"), "{said}");
}
