//! A site that `growctl init` makes: it is right, it runs, it overwrites nothing, and git asks it before each commit.

#[allow(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::{growctl, wait_for};
use tempfile::TempDir;

/// Git as it is without anybody's settings, also for a growctl that calls it.
fn without_settings(command: &mut Command) -> &mut Command {
    for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1")
}

fn init(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = growctl(folder);
    without_settings(command.arg("init").args(arguments)).output().expect("growctl starts")
}

fn git(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    let who = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"];
    // The hook finds the growctl that is tested.
    let own = Path::new(env!("CARGO_BIN_EXE_growctl")).parent().expect("it lies in a folder").display().to_string();
    let path = format!("{own}:{}", std::env::var("PATH").unwrap_or_default());
    without_settings(command.arg("-C").arg(folder).args(who).args(arguments).env("PATH", path)).output().expect("git")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn a_new_site_is_right_and_runs_at_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let made = init(folder.path(), &["north house"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let site = folder.path().join("north house");
    let checked = growctl(&site).args(["check", "--strict"]).output().expect("growctl starts");
    assert_eq!((checked.status.code(), text(&checked.stderr)), (Some(0), String::new()));
    let tested = growctl(&site).args(["rule", "test", "--strict"]).output().expect("growctl starts");
    assert_eq!(tested.status.code(), Some(0), "{}{}", text(&tested.stdout), text(&tested.stderr));
    // Another engine may have the port of the endpoint.
    fs::write(site.join("growctl.yaml"), "redis: {embedded: \"127.0.0.1:0\"}\n").expect("it can be written");
    let mut engine = growctl(&site).arg("run").stderr(Stdio::null()).spawn().expect("growctl starts");
    let status = || growctl(&site).args(["--format", "json", "status"]).output().expect("growctl starts");
    let runs = |status: &Output| {
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        status["rules"].as_array().into_iter().flatten().any(|rule| rule["runs"].as_u64() > Some(0))
    };
    wait_for("a rule that runs", || runs(&status()));
    engine.kill().and_then(|()| engine.wait()).expect("it ends");
}

#[test]
fn nothing_is_overwritten_and_a_dry_run_writes_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    let listed = init(folder.path(), &["--dry-run", "new"]);
    assert_eq!(listed.status.code(), Some(0));
    assert!(text(&listed.stdout).contains("channels.yaml") && !folder.path().join("new").exists());
    let site = folder.path().join("old");
    fs::create_dir_all(site.join("rules")).expect("it can be made");
    fs::write(site.join("rules/log.yaml"), "mine").expect("it can be written");
    let refused = init(folder.path(), &["old"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("old has rules/log.yaml already"), "{}", text(&refused.stderr));
    assert_eq!(fs::read_to_string(site.join("rules/log.yaml")).expect("it is there"), "mine");
    assert!(!site.join("channels.yaml").exists() && !site.join(".git").exists());
    // Other files are nobody's business.
    fs::rename(site.join("rules/log.yaml"), site.join("rules/own.yaml")).expect("it can be moved");
    assert_eq!(init(folder.path(), &["--no-git", "old"]).status.code(), Some(0));
    assert!(site.join("channels.yaml").exists() && !site.join(".git").exists());
}

#[test]
fn git_asks_the_site_before_each_commit_and_hooks_of_others_stay() {
    let folder = TempDir::new().expect("a temporary folder");
    let hooks = |folder: &Path| text(&git(folder, &["config", "core.hooksPath"]).stdout);
    init(folder.path(), &["alone"]);
    let alone = folder.path().join("alone");
    assert!(alone.join(".git").is_dir());
    assert_eq!(hooks(&alone), ".githooks");

    let large = folder.path().join("large");
    fs::create_dir(&large).expect("it can be made");
    assert!(git(&large, &["init", "--quiet"]).status.success());
    init(&large, &["sites/a"]);
    assert_eq!(hooks(&large), "sites/a/.githooks");
    assert!(!large.join("sites/a/.git").exists());
    let said = init(&large, &["sites/b"]);
    assert!(text(&said.stderr).contains("hooks of its own (core.hooksPath is sites/a/.githooks)"), "{said:?}");

    let mut command = growctl(folder.path());
    let said = command.args(["init", "nogit"]).env("PATH", "/nowhere").output().expect("growctl starts");
    assert_eq!(said.status.code(), Some(0));
    assert!(text(&said.stderr).contains("git is not installed"), "{said:?}");
}

#[test]
fn a_commit_with_a_fault_in_what_is_staged_is_refused() {
    let folder = TempDir::new().expect("a temporary folder");
    init(folder.path(), &["."]);
    let site = folder.path();
    let commit = |message: &str| git(site, &["commit", "--quiet", "-m", message]);
    git(site, &["add", "--all"]);
    let first = commit("a new site");
    assert!(first.status.success(), "{}", text(&first.stderr));
    let rule = site.join("rules/flower-cooling.yaml");
    let right = fs::read_to_string(&rule).expect("it is there");
    fs::write(&rule, right.replace("temperature", "temprature")).expect("it can be written");
    git(site, &["add", "--all"]);
    // What lies in the folder is right again, and what would be committed is not.
    fs::write(&rule, right).expect("it can be written");
    let refused = commit("a fault");
    assert!(!refused.status.success() && text(&refused.stderr).contains("rules/flower-cooling.yaml:"), "{refused:?}");
    git(site, &["add", "--all"]);
    fs::write(site.join("rules/half-done.yaml"), "subscribe: [").expect("it can be written");
    fs::write(site.join("README.md"), "mine").expect("it can be written");
    git(site, &["add", "README.md"]);
    let taken = commit("a fault that is not staged");
    assert!(taken.status.success(), "{}", text(&taken.stderr));
}

#[test]
fn schemas_are_renewed_after_an_upgrade() {
    let folder = TempDir::new().expect("a temporary folder");
    init(folder.path(), &["--no-git", "."]);
    let path = folder.path().join("schemas/rule.json");
    let current = fs::read_to_string(&path).expect("it is there");
    fs::write(&path, "{}").expect("it can be written");
    let written = growctl(folder.path()).args(["schema", "--write"]).output().expect("growctl starts");
    let said = text(&written.stdout);
    assert!(said.contains("rule.json  renewed") && said.contains("channels.json  is current"), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), current);
    let printed = growctl(folder.path()).args(["schema", "rule"]).output().expect("growctl starts");
    assert_eq!(text(&printed.stdout), current.trim());
}
