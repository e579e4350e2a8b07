//! The main job as a user runs it: the built binary on a copy of the shipped site, with and without a Redis server.

#[path = "support/engine.rs"]
mod engine;
#[path = "../../tests/redis_server/mod.rs"]
mod redis_server;
mod support;

use std::process::Stdio;

use engine::{Engine, hear};
use redis_server::Server;
use support::{copy_site, growctl, wait_for};

#[test]
fn two_simulated_rooms_come_alive_without_redis_and_stop_cleanly() {
    let engine = Engine::start(copy_site("redis: {embedded: \"127.0.0.1:0\"}\n"), None);
    let url = engine.status()["redis"]["serves"].as_str().expect("the endpoint answers").to_owned();
    let heard = hear(engine.site.path(), Some(&url), 4, "sensor:update:Flower Room:*");
    assert_eq!(heard.len(), 4);
    for (channel, message) in &heard {
        assert!(channel.starts_with("sensor:update:Flower Room:"), "{channel}");
        assert!(message["temperature"].as_f64().is_some_and(|t| (0.0..60.0).contains(&t)), "{message}");
    }
    assert_eq!(hear(engine.site.path(), Some(&url), 2, "sensor:update").len(), 2);
    let (channel, vpd) = &hear(engine.site.path(), Some(&url), 1, "analytics:update:*")[0];
    assert!(channel.starts_with("analytics:update:") && vpd["vpd"].is_f64(), "{channel} {vpd}");
    wait_for("the feedback of a device", || engine.status()["devices"][0]["state"].is_number());

    assert_eq!(engine.ask(&["sim", "fault", "FR-C1", "silent"]).status.code(), Some(0));
    // The word of its silence comes once: it is looked for in the log of readings, where it cannot be missed.
    let logs = engine.site.path().join("logs");
    wait_for("the silence of a sensor", || {
        let files = std::fs::read_dir(&logs).into_iter().flatten().flatten();
        files.filter_map(|file| std::fs::read_to_string(file.path()).ok()).any(|text| {
            text.lines().any(|line| line.contains("\"FR-C1\"") && line.contains("\"temperature\":\"stale\""))
        })
    });
    assert_eq!(engine.ask(&["sim", "fault", "FR-C1", "none"]).stdout, b"nothing is made to fail\n");
    assert!(String::from_utf8_lossy(&engine.ask(&["sim", "fault", "FR-C9", "stuck"]).stderr).contains("did you mean"));

    // Another site whose port is taken goes on without it, and says so.
    let port = url.rsplit(':').next().expect("a port");
    let other = Engine::start(copy_site(&format!("redis: {{embedded: \"127.0.0.1:{port}\"}}\n")), None);
    wait_for("readings of the other site", || other.status()["core"]["messages"].as_u64() > Some(4));
    let (code, said) = other.stop();
    assert!(code == Some(0) && said.contains("cannot be taken"), "{said}");

    let second = engine.ask(&["run"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another engine"));

    let status = engine.status();
    assert!(status["rules"].as_array().is_some_and(|rules| rules.iter().all(|rule| rule["faults"] == 0)), "{status}");
    let (code, said) = engine.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped: "), "{said}");
}

#[tokio::test]
async fn a_real_redis_hears_both_channels_and_a_foreign_message_runs_a_rule() {
    let redis = Server::start(&[]).await;
    let url = redis.url();
    let site = copy_site("");
    let rule = "subscribe: \"sensor:update:Dry Room:*\"\neach: |\n  publish(\"out\", #{ twice: msg.t * 2 });\n";
    std::fs::write(site.path().join("rules/foreign.yaml"), rule).expect("it can be written");
    let engine = Engine::start(site, Some(&url));
    let folder = engine.site.path();
    let broad = hear(folder, Some(&url), 1, "sensor:update");
    let specific = hear(folder, Some(&url), 1, "sensor:update:Veg Room:*");
    assert!(broad[0].1["id"].is_string() && specific[0].1["room"] == "Veg Room");

    let mut sub = growctl(folder);
    let sub = sub.args(["--redis", &url, "--format", "json", "sub", "--count", "1", "out"]);
    let mut sub = sub.stdout(Stdio::piped()).spawn().expect("growctl starts");
    // Neither subscriber is there at once: say it until it is heard.
    wait_for("the rule's answer", || {
        let said = engine.ask(&["--redis", &url, "pub", "sensor:update:Dry Room:a", r#"{"t": 21}"#]);
        assert!(said.status.success());
        sub.try_wait().is_ok_and(|ended| ended.is_some())
    });
    let out = sub.wait_with_output().expect("its output can be read").stdout;
    let line: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(line["message"]["twice"], 42.0);

    // What is no message is refused and counted, and hurts nobody.
    let long = "x".repeat(100_000);
    for text in ["not json", "[1]", &long] {
        // `growctl pub` would refuse these.
        redis.run::<i64>(&["PUBLISH", "sensor:update:Dry Room:a", text]).await;
    }
    wait_for("the account of refused messages", || {
        let foreign = &engine.status()["foreign"];
        ["not_json", "not_object", "too_long"].iter().all(|reason| foreign[reason] == 1)
    });
    let (code, said) = engine.stop();
    assert_eq!(code, Some(0), "{said}");
}

/// A pager that is left open, a terminal that is held: whoever should read the log does not.
#[test]
fn nobody_reads_the_log_and_the_engine_goes_on() {
    let site = copy_site("redis: {embedded: \"127.0.0.1:0\"}\n");
    let text = "x".repeat(1_000);
    let loud = format!("schedule: every 10ms\neach: 'warn(\"{text}\");'\n");
    std::fs::write(site.path().join("rules/loud.yaml"), loud).expect("it can be written");
    let engine = Engine::start(site, None);
    let runs = |status: &serde_json::Value| {
        let rules = status["rules"].as_array().cloned().unwrap_or_default();
        rules.iter().find(|rule| rule["name"] == "loud").and_then(|rule| rule["runs"].as_u64()).unwrap_or(0)
    };
    // A pipe holds 64 kB.
    wait_for("more log than a pipe holds", || runs(&engine.status()) > 200);
    // And now something that the control thread itself has to say, on as many channels as it takes.
    let url = engine.status()["redis"]["serves"].as_str().expect("the endpoint answers").to_owned();
    let mut client = redis::Client::open(url).and_then(|client| client.get_connection()).expect("it answers");
    for n in 0..20 {
        redis::cmd("PUBLISH").arg(format!("junk:{n}")).arg("not json").exec(&mut client).expect("it is taken");
    }
    wait_for("the account of the junk", || engine.status()["foreign"]["not_json"] == 20);
    let frames = engine.status()["core"]["frames"].as_u64();
    wait_for("further frames", || engine.status()["core"]["frames"].as_u64() > frames);
    let (code, said) = engine.stop();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn redis_away_and_a_broken_rule_stop_nothing_else() {
    let site = copy_site("");
    std::fs::write(site.path().join("rules/broken.yaml"), "subscribe: \"x\"\nwen: true\n").expect("it can be written");
    std::fs::write(site.path().join("rules/loop.yaml"), "subscribe: \"sensor:update\"\neach: \"loop {}\"\n")
        .expect("ok");
    std::fs::write(
        site.path().join("rules/ring.yaml"),
        "subscribe: [ring, sensor:update]\neach: 'publish(\"ring\", #{});'\n",
    )
    .expect("it can be written");
    let engine = Engine::start(site, Some("redis://127.0.0.1:1"));
    wait_for("readings through the rules", || engine.status()["core"]["commands"].as_u64() > Some(4));
    let status = engine.status();
    assert_eq!(status["redis"]["bridge"]["up"], false);
    assert!(status["core"]["circles"].as_u64() > Some(0), "{status}");
    let rules = status["rules"].as_array().cloned().unwrap_or_default();
    assert!(rules.iter().any(|rule| rule["name"] == "loop" && rule["faults"].as_u64() > Some(0)), "{status}");
    assert!(!rules.iter().any(|rule| rule["name"] == "broken"));
    let (code, said) = engine.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("unknown key `wen`") && said.contains("ring → ring"), "{said}");
}

#[test]
fn replay_checks_and_shows() {
    let site = copy_site("");
    let log = site.path().join("x.log");
    let text = "(1735270496.000000) can0 181#00F8025803 2C0000\n(1735270496.000000) can0 181#00F80258032C0000\n\
        (1735270498.000000) can0 7FF#00\n(1735270499.000000) can9 181#00\n";
    std::fs::write(&log, text).expect("it can be written");
    let run = |args: &[&str]| growctl(site.path()).args(args).output().expect("growctl starts");
    let replayed = run(&["--format", "json", "replay", "--speed", "max", &log.to_string_lossy()]);
    let done: serde_json::Value = serde_json::from_slice(&replayed.stdout).expect("JSON");
    assert_eq!((&done["core"]["frames"], &done["frames"]["unknown"]), (&2.into(), &1.into()), "{done}");
    assert_eq!((&done["broken_lines"], &done["other_buses"]["can9"]), (&1.into(), &1.into()), "{done}");
    assert!(done["acts_not_done"].as_u64() > Some(0) && done["rule_runs"].as_u64() > Some(0), "{done}");
    let decoded = run(&["decode", "--log", &log.to_string_lossy()]);
    let frame: serde_json::Value = serde_json::from_slice(&decoded.stdout).expect("one JSON object");
    assert_eq!((&frame["node"], &frame["signals"]["temperature"]), (&"FR-C1".into(), &24.8.into()), "{frame}");
    let said = String::from_utf8_lossy(&decoded.stderr).into_owned();
    assert!(said.contains("3 frames: 1 decoded, 1 of unknown ids (can0 0x7FF: 1)"), "{said}");
    assert!(said.contains("1 of interfaces without a bus (can9: 1)") && said.contains(":1: a broken line"), "{said}");
    let channels = String::from_utf8_lossy(&run(&["channels", "list"]).stdout).into_owned();
    assert!(channels.contains("0x181") && channels.contains("sensor:update:Flower Room:front"), "{channels}");
    assert_eq!(run(&["check", "--strict"]).status.code(), Some(0));
    assert!(String::from_utf8_lossy(&run(&["rule", "list"]).stdout).contains("flower-cooling"));
    assert!(String::from_utf8_lossy(&run(&["rule", "show", "vpd-trend"]).stdout).contains("temperature"));
    assert_eq!(run(&["status"]).status.code(), Some(1), "no engine runs");
    std::fs::write(site.path().join("channels.yaml"), "version: 1\nbusses: {}\n").expect("it can be written");
    let wrong = run(&["check"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean `buses`"));
}
