//! Redis stopped, the disk full and no network, all at once: what devices are told is the same as without.

#![allow(clippy::disallowed_methods)] // a test of the built binary runs in real time

mod support;

#[path = "../../tests/redis_server/mod.rs"]
mod redis_server;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis_server::Server;
use support::{copy_site, growctl, wait_for};

/// On and off by the clock, so that the commands of two engines can be compared.
const RULE: &str = "schedule: every 1s\nstate: {on: false}\neach: |\n  state.on = !state.on;\n  \
                    if state.on { device(\"Veg Room\", \"valve_1\").on(); } else { device(\"Veg Room\", \"valve_1\").release(); }\n  \
                    log_file(\"log.jsonl\", #{ at: now() });\n  send(\"nowhere\", #{ on: state.on });\n";

/// An engine, and whether files of it may grow.
struct Engine(Child, tempfile::TempDir);

impl Engine {
    fn start(settings: &str, full: bool) -> Engine {
        let site = copy_site(settings);
        let rules = site.path().join("rules");
        std::fs::remove_dir_all(&rules).expect("it can be removed");
        std::fs::create_dir(&rules).expect("it can be made");
        std::fs::write(rules.join("clock.yaml"), RULE.replace("  send(\"nowhere\", #{ on: state.on });\n", "")).expect("it can be written");
        let run = growctl(site.path()).arg("run").stderr(Stdio::null()).spawn();
        let engine = Engine(run.expect("growctl starts"), site);
        wait_for("the control socket", || engine.status().is_some());
        if full {
            // No file may grow any more: what a full disk does, to this process alone.
            let pid = engine.0.id().to_string();
            assert!(Command::new("prlimit").args(["--pid", &pid, "--fsize=0"]).status().expect("prlimit is there").success());
        }
        engine
    }

    fn status(&self) -> Option<serde_json::Value> {
        let asked = growctl(self.1.path()).args(["--format", "json", "status"]).stderr(Stdio::null()).output();
        serde_json::from_slice(&asked.expect("growctl starts").stdout).ok()
    }

    fn commands(&self) -> u64 {
        self.status().and_then(|status| status["core"]["commands"].as_u64()).expect("it answers")
    }

    fn runs(&self) -> u64 {
        self.status().and_then(|status| status["rules"][0]["runs"].as_u64()).expect("it answers")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn redis_stopped_disk_full_and_no_network_at_once_change_no_command() {
    let redis = Server::start(&[]).await;
    let settings = format!("redis: {{url: \"{}\"}}\n", redis.url());
    let (well, poor) = (Engine::start(&settings, false), Engine::start("redis: {url: \"redis://192.0.2.1:6379\"}\n", true));
    let stopped = Engine::start(&settings, true);
    redis.signal("STOP");
    let began: Vec<(u64, u64)> = [&well, &poor, &stopped].map(|engine| (engine.commands(), engine.runs())).into();
    let end = Instant::now() + Duration::from_secs(12);
    let mut slowest = Duration::ZERO;
    while Instant::now() < end {
        let asked = Instant::now();
        assert!(poor.status().is_some() && stopped.status().is_some(), "it answers");
        slowest = slowest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(500));
    }
    let done: Vec<(u64, u64)> = [&well, &poor, &stopped].map(|engine| (engine.commands(), engine.runs())).into();
    redis.signal("CONT");
    let of = |at: usize| (done[at].0 - began[at].0, done[at].1 - began[at].1);
    let counts = format!("commands and runs: well {:?}, no network {:?}, all at once {:?}", of(0), of(1), of(2));
    for at in [1, 2] {
        assert!(of(at).1 >= 10, "{counts}");
        assert!(of(at).0.abs_diff(of(0).0) <= 3, "{counts}");
    }
    assert!(slowest < Duration::from_secs(5), "two answers took {slowest:?}");
    let store = stopped.status().map(|status| status["store"].clone()).expect("it answers");
    assert_ne!(store["state"], "ok", "the full disk is seen: {store}");
}
