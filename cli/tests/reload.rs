//! Hot reload as a user meets it: the built binary on a copy of the shipped site, whose files are changed while it runs.

#[path = "support/engine.rs"]
mod engine;
#[path = "../../tests/redis_server/mod.rs"]
mod redis_server;
mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use engine::{Engine, hear};
use growctl_engine::app::Clock;
use growctl_engine::model::Mono;
use redis_server::Server;
use serde_json::Value;
use support::{copy_site, wait_for};

fn start() -> Engine {
    Engine::start(copy_site("redis: {embedded: \"127.0.0.1:0\"}\n"), None)
}

/// What a rule says about itself in `rule list` while it runs: `None` if it does not.
fn rule(engine: &Engine, name: &str) -> Option<Value> {
    engine.status()["rules"].as_array()?.iter().find(|rule| rule["name"] == *name).cloned()
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"];
    let done = Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).output().expect("git is there");
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

const LOUD: &str = "subscribe: \"sensor:update:Flower Room:*\"\neach: 'publish(\"loud\", #{ t: msg.temperature });'\n";

#[test]
fn every_way_of_writing_a_file_takes_effect() {
    let engine = start();
    let rules = engine.site.path().join("rules");
    fs::write(rules.join("a.yaml"), LOUD).expect("it can be written");
    wait_for("a new file", || rule(&engine, "a").is_some());

    fs::write(rules.join(".a.swp"), format!("{LOUD}mode: shadow\n")).expect("it can be written");
    fs::rename(rules.join(".a.swp"), rules.join("a.yaml")).expect("it can be renamed");
    wait_for("a file that another took the place of", || rule(&engine, "a").is_some_and(|a| a["mode"] == "shadow"));

    fs::rename(rules.join("a.yaml"), rules.join("b.yaml")).expect("it can be renamed");
    wait_for("another name", || rule(&engine, "a").is_none() && rule(&engine, "b").is_some());

    fs::remove_file(rules.join("b.yaml")).expect("it is there");
    wait_for("a file that is gone", || rule(&engine, "b").is_none());

    let (real, turned) = (engine.site.path().join("rules-2"), engine.site.path().join("turned"));
    fs::create_dir(&real).expect("it can be made");
    fs::write(real.join("only.yaml"), LOUD).expect("it can be written");
    fs::rename(&rules, engine.site.path().join("rules-1")).expect("it can be renamed");
    symlink("rules-2", &turned).expect("a link can be made");
    fs::rename(&turned, &rules).expect("it can be renamed");
    wait_for("another folder", || rule(&engine, "only").is_some() && rule(&engine, "lights").is_none());
    fs::write(real.join("behind.yaml"), LOUD).expect("it can be written");
    wait_for("a file behind a link", || rule(&engine, "behind").is_some());
    assert_eq!(engine.stop().0, Some(0));
}

#[test]
fn a_file_with_a_fault_changes_nothing_and_says_where_it_is() {
    let engine = start();
    let rules = engine.site.path().join("rules");
    let before = engine.status()["revision"].clone();
    fs::write(rules.join("new.yaml"), LOUD).expect("it can be written");
    fs::write(rules.join("broken.yaml"), "subscribe: a\nwen: x\neach: y(\n").expect("it can be written");
    // It reads both files or none: the new one does not run while the other is broken.
    let told = engine.ask(&["reload"]);
    assert_eq!(told.status.code(), Some(2));
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(text.contains("rules/broken.yaml:2:1") && text.contains("did you mean `when`?"), "{text}");
    let status = engine.status();
    assert_eq!(status["files"]["outcome"], "refused");
    assert_eq!(status["files"]["diagnostics"][0]["line"], 2);
    assert_eq!(status["revision"], before);
    assert!(rule(&engine, "new").is_none() && rule(&engine, "lights").is_some());

    fs::remove_file(rules.join("broken.yaml")).expect("it is there");
    wait_for("the mended files", || rule(&engine, "new").is_some());
    let told = engine.ask(&["--format", "json", "reload"]);
    let answer: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((told.status.code(), &answer["outcome"]), (Some(0), &Value::from("unchanged")));
    assert_eq!(engine.stop().0, Some(0));
}

#[test]
fn a_checkout_of_five_hundred_files_is_one_reload_and_decisions_carry_their_commit() {
    let site = copy_site("redis: {embedded: \"127.0.0.1:0\"}\n");
    let folder = site.path().to_owned();
    fs::write(folder.join(".gitignore"), ".growctl/\nlogs/\n").expect("it can be written");
    git(&folder, &["init", "-q", "-b", "main"]);
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "-qm", "few"]);
    git(&folder, &["checkout", "-q", "-b", "many"]);
    for at in 0..500 {
        fs::write(folder.join(format!("rules/many-{at:03}.yaml")), LOUD.replace("loud", "quiet")).expect("written");
    }
    fs::write(folder.join("rules/loud.yaml"), LOUD).expect("it can be written");
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "-qm", "many"]);
    git(&folder, &["checkout", "-q", "main"]);

    let engine = Engine::start(site, None);
    let status = engine.status();
    assert_eq!((&status["files"]["dirty"], &status["files"]["outcome"]), (&false.into(), &"started".into()));
    let url = status["redis"]["serves"].as_str().expect("the endpoint answers").to_owned();
    let reloads = std::thread::scope(|scope| {
        let reloads = scope.spawn(|| hear(&folder, Some(&url), 1, "system:update:reload"));
        wait_for("the subscriber", || engine.status()["redis"]["endpoint"]["clients"].as_u64() == Some(1));
        git(&folder, &["checkout", "-q", "many"]);
        reloads.join().expect("it heard")
    });
    let (_, told) = &reloads[0];
    assert_eq!(told["outcome"], "applied");
    assert_eq!(told["added"].as_array().map(Vec::len), Some(501), "all of them at once: {told}");
    assert_eq!(
        (&told["removed"], &told["unchanged"], &told["dirty"]),
        (&Value::Array(vec![]), &8.0.into(), &false.into())
    );
    let (_, decision) = &hear(&folder, Some(&url), 1, "loud")[0];
    assert_eq!(decision["revision"], told["revision"]);
    assert_ne!(told["revision"], status["revision"]);

    fs::write(folder.join("rules/loud.yaml"), format!("{LOUD}# dirty\n")).expect("it can be written");
    wait_for("what is not committed", || engine.status()["files"]["dirty"] == true);
    git(&folder, &["commit", "-qam", "clean"]);
    wait_for("the commit", || engine.status()["files"]["dirty"] == false);
    assert_eq!(engine.stop().0, Some(0));
}

#[tokio::test]
async fn another_map_and_other_patterns_reach_the_plant_and_redis() {
    let redis = Server::start(&[]).await;
    let site = copy_site("{}\n");
    let engine = Engine::start(site, Some(&redis.url()));
    let folder = engine.site.path().to_owned();
    let map = fs::read_to_string(folder.join("channels.yaml")).expect("it is there");
    let more = map.replacen(
        "  Flower Room:\n",
        "  Cold Room:\n    door:\n      - {node: CR-C1, frame: climate, bus: can0, id: 0x1F1}\n  Flower Room:\n",
        1,
    );
    assert_ne!(map, more, "the shipped map has a Flower Room");
    fs::write(folder.join("channels.yaml"), more).expect("it can be written");
    let heard = hear(&folder, Some(&redis.url()), 1, "sensor:update:Cold Room:door");
    assert_eq!(heard[0].1["node"], "CR-C1");

    // A rule on a channel that nobody listened to at the start.
    fs::write(
        folder.join("rules/far.yaml"),
        "subscribe: \"elsewhere:far\"\neach: 'publish(\"heard:far\", #{ n: msg.n });'\n",
    )
    .expect("it can be written");
    wait_for("the new rule", || rule(&engine, "far").is_some());
    let cover = || engine.status()["redis"]["bridge"]["cover"].to_string();
    wait_for("the new pattern", || cover().contains("elsewhere:far"));
    std::thread::scope(|scope| {
        let far = scope.spawn(|| hear(&folder, Some(&redis.url()), 1, "heard:far"));
        wait_for("the rule's answer", || {
            engine.ask(&["--redis", &redis.url(), "pub", "elsewhere:far", "{\"n\":1}"]);
            far.is_finished()
        });
    });

    let buses = fs::read_to_string(folder.join("channels.yaml")).expect("it is there");
    fs::write(folder.join("channels.yaml"), buses.replacen("buses:\n", "buses:\n  can9: {simulate: true}\n", 1))
        .expect("it can be written");
    let told = engine.ask(&["reload"]);
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(2), "{text}");
    assert!(text.contains("needs a restart"), "{text}");
    assert_eq!(engine.stop().0, Some(0));
}

#[test]
fn neither_a_pipe_nor_a_logger_nor_git_at_work_holds_anything_up() {
    let engine = start();
    let folder = engine.site.path().to_owned();
    // A log of the engine's own that is open all the time.
    let mut log = fs::File::create(folder.join("log")).expect("it can be made");
    writeln!(log, "growctl starts").expect("it can be written");
    let clock = Clock::start();
    fs::write(folder.join("rules/a.yaml"), LOUD).expect("it can be written");
    wait_for("the new file", || rule(&engine, "a").is_some());
    assert!(clock.now().mono < Mono(0) + Duration::from_secs(8), "the log is waited for");

    let pipe = folder.join("rules/pipe.yaml");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    let told = engine.ask(&["reload"]);
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.code() == Some(2) && text.contains("no ordinary file"), "{text}");
    fs::remove_file(&pipe).expect("it is there");

    fs::rename(folder.join("rules"), folder.join("away")).expect("it can be renamed");
    let told = engine.ask(&["reload"]);
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.code() == Some(2) && text.contains("the folder rules is gone"), "{text}");
    assert!(rule(&engine, "lights").is_some());
    fs::rename(folder.join("away"), folder.join("rules")).expect("it can be renamed");
    wait_for("the rules again", || engine.status()["files"]["outcome"] == "applied");

    git(&folder, &["init", "-q"]);
    fs::write(folder.join(".git/index.lock"), "").expect("it can be written");
    fs::write(folder.join("rules/b.yaml"), LOUD).expect("it can be written");
    let clock = Clock::start();
    assert_eq!(engine.stop().0, Some(0));
    assert!(clock.now().mono < Mono(0) + Duration::from_secs(8), "git is waited for");
}
