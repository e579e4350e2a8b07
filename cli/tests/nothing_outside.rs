//! Redis stopped, the disk full and no network, all at once: devices are commanded, confirmed and set by hand as by an engine that
//! lacks nothing. The proof needs a network and a small disk of its own, so it runs this test program again in namespaces.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)] // so the other process tells this one

#[path = "support/engine.rs"]
mod engine;
#[path = "../../tests/redis_server/mod.rs"]
mod redis_server;
mod support;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use engine::{Engine, hear};
use redis_server::Server;
use serde_json::Value;
use support::{copy_site, wait_for, wait_within};

const ROLE: &str = "GROWCTL_TEST_NOTHING_OUTSIDE";
const DONE: &str = "control went on";
/// The store tries again at most a minute after there is room, and makes its reserve anew half a minute after that.
const RECOVERY: Duration = Duration::from_secs(240);
/// Steps that are waited for at a time.
const STEPS: usize = 10;

/// A step is done when the feedback has confirmed the one before: how many steps there are is the machine's pace, which they are and
/// in which order is not. Each writes more than fits into the page that its log file has begun.
const RULE: &str = r##"schedule: every 100ms
state: {step: 0, asked: "off"}
each: |
  if device("Veg Room", "valve_1").state() == state.asked {
    state.step += 1;
    state.asked = if state.asked == "on" { "off" } else { "on" };
    device("Veg Room", "valve_1").set(state.asked, #{ reason: `step ${state.step.to_int()}` });
    let line = #{ step: state.step };
    for n in range(0, 64) { line[`n${n}`] = "0123456789012345678901234567890123456789012345678901234567890123"; }
    log_file("steps.jsonl", line);
  }
"##;

/// The shipped site on the simulator, with that rule alone. What the map says about time is generous, so that a slow machine is no
/// fault of a device.
fn site(settings: &str) -> tempfile::TempDir {
    let site = copy_site(settings);
    let rules = site.path().join("rules");
    fs::remove_dir_all(&rules).expect("it can be removed");
    fs::create_dir(&rules).expect("it can be made");
    fs::write(rules.join("steps.yaml"), RULE).expect("it can be written");
    let path = site.path().join("channels.yaml");
    let map = fs::read_to_string(&path).expect("it is shipped");
    let map = map.lines().map(|line| {
        let patient = ["within: ", "ttl: ", "watchdog: ", "stale_after: "].iter().find_map(|key| {
            let (before, after) = line.split_once(key).filter(|(before, _)| !before.contains('#'))?;
            let rest = after.find(['}', '#', ',']).map_or("", |at| &after[at..]);
            Some(format!("{before}{key}10m {rest}"))
        });
        patient.unwrap_or_else(|| line.to_owned())
    });
    fs::write(&path, map.collect::<Vec<_>>().join("\n")).expect("it can be written");
    site
}

fn run(words: &[&str]) {
    assert!(Command::new(words[0]).args(&words[1..]).status().expect("it is there").success(), "{words:?}");
}

/// Takes all the room of a disk, and what becomes free as well, until it is dropped.
struct Filler(Arc<AtomicBool>, Option<JoinHandle<()>>, PathBuf);

impl Filler {
    #[allow(clippy::disallowed_methods)] // between two looks for room it rests
    fn on(disk: &Path) -> Filler {
        let (path, end) = (disk.join("filler"), Arc::new(AtomicBool::new(false)));
        let (to, ended) = (path.clone(), end.clone());
        let fill = move || {
            let mut file = File::create(to).expect("it can be made");
            let block = [1; 4096];
            while !ended.load(Ordering::Relaxed) {
                if file.write_all(&block).is_err() {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        };
        Filler(end, Some(thread::spawn(fill)), path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let _ = self.1.take().map(JoinHandle::join);
        let _ = fs::remove_file(&self.2);
    }
}

fn json(engine: &Engine, arguments: &[&str]) -> Value {
    let output = engine.ask(&[&["--format", "json", "device"], arguments].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn device(engine: &Engine, room: &str, name: &str) -> Value {
    let list = json(engine, &["list", "--room", room]);
    let devices = list["devices"].as_array().expect("a list");
    devices.iter().find(|device| device["device"] == name).expect("it is there").clone()
}

/// The number of the valve's last step.
fn step(engine: &Engine) -> usize {
    let valve = device(engine, "Veg Room", "valve_1");
    assert_eq!((&valve["fault"], &valve["held_back"]), (&Value::Null, &Value::Null), "{valve}");
    let step = valve["reason"].as_str().and_then(|reason| reason.strip_prefix("step "));
    step.map_or(0, |step| step.parse().expect("a number"))
}

fn more_steps(engine: &Engine, what: &str) {
    let from = step(engine);
    wait_within(RECOVERY, &format!("{STEPS} more steps {what}"), || step(engine) >= from + STEPS);
}

/// What the valve did, step by step: why, what was wanted, what it was.
fn steps(engine: &Engine) -> Vec<[String; 3]> {
    let history = json(engine, &["history", "Veg Room", "valve_1", "--limit", "60000"]);
    let rows = history.as_array().expect("a list").iter().rev();
    let rows = rows.map(|row| ["reason", "wanted", "state"].map(|key| row[key].as_str().unwrap_or("-").to_owned()));
    rows.filter(|row| row[0].starts_with("step ")).collect()
}

/// As [`steps`] of an engine that was asked and answered each time: on with the odd ones.
fn gapless(count: usize) -> Vec<[String; 3]> {
    let row = |step: usize, at: usize| [format!("step {step}"), state(step), state(at)];
    (1..=count).flat_map(|step| [row(step, step - 1), row(step, step)]).collect()
}

fn state(step: usize) -> String {
    if step % 2 == 1 { "on".to_owned() } else { "off".to_owned() }
}

/// A person's request is obeyed, and the feedback says so.
fn obeys(engine: &Engine, level: &str) {
    let set = engine.ask(&["device", "set", "Flower Room", "exhaust", level, "--reason", "by hand"]);
    assert_eq!(set.status.code(), Some(0), "{}", String::from_utf8_lossy(&set.stderr));
    let wanted: f64 = level.parse().expect("a number");
    wait_within(RECOVERY, "the fan", || device(engine, "Flower Room", "exhaust")["state"] == wanted);
    let why = json(engine, &["why", "Flower Room", "exhaust"]);
    assert_eq!((&why["feedback"]["agrees"], &why["requests"][0]["reason"]), (&true.into(), &"by hand".into()), "{why}");
}

/// How Redis and the disk are, in the engine's own words.
fn outside(engine: &Engine) -> (bool, String, String) {
    let status = engine.status();
    let text = |of: &Value| of.as_str().unwrap_or("-").to_owned();
    let bridge = &status["redis"]["bridge"];
    (bridge["up"] == true, text(&bridge["reason"]), text(&status["store"]["reason"]))
}

/// Nothing outside is there, and it is seen.
fn nothing_is_there(engine: &Engine) -> bool {
    let (up, redis, store) = outside(engine);
    !up && redis != "-" && store.contains("the disk is full")
}

/// The account of what is to be saved, to the unit; what waits.
fn waits(engine: &Engine) -> u64 {
    let store = engine.status()["store"].clone();
    let waits = ["values", "changes"].map(|what| {
        let count = |key: &str| store[what][key].as_u64().unwrap_or(0);
        let dropped: u64 =
            store[what]["dropped"].as_object().map_or(0, |all| all.values().filter_map(Value::as_u64).sum());
        assert_eq!(count("received"), count("written") + count("superseded") + dropped + count("pending"), "{store}");
        assert_eq!(dropped, 0, "{store}");
        count("pending")
    });
    waits.iter().sum()
}

/// Lines for the rule's file that were written, and that were lost for want of room: to the unit, with what is told of it.
fn lines(engine: &Engine) -> (u64, u64) {
    let (text, status) = (engine.ask(&["status"]).stdout, engine.status());
    let files = status["actions"].as_array().and_then(|all| all.iter().find(|one| one["action"] == "log_file"));
    let files = files.expect("its account");
    let lost = files["failed"].as_object().map_or(0, |all| all.values().filter_map(Value::as_u64).sum());
    let written = files["performed"].as_u64().unwrap_or(0);
    assert_eq!(files["received"], written + lost, "{files}");
    assert_eq!(String::from_utf8_lossy(&text).contains("steps.jsonl cannot be written"), lost > 0, "{files}");
    (written, lost)
}

/// What is proved, where the network is this process's own; by itself it does nothing.
#[tokio::test]
async fn in_another_process() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let redis = Server::start(&[]).await;
    let url = redis.url();
    let well = Engine::start(site("redis: {embedded: false}\n"), None);
    let poor = site("state_dir: disk/state\n");
    let disk = poor.path().join("disk");
    fs::create_dir(&disk).expect("it can be made");
    run(&["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", &disk.to_string_lossy()]);
    symlink("disk", poor.path().join("logs")).expect("it can be made");
    let poor = Engine::start(poor, Some(&url));
    wait_for("that it has all it needs", || outside(&poor) == (true, "-".to_owned(), "-".to_owned()));
    more_steps(&poor, "while all is well");
    obeys(&poor, "30");

    redis.signal("STOP");
    wait_for("that Redis is missed", || !outside(&poor).0);
    run(&["ip", "link", "set", "lo", "down"]);
    let filler = Filler::on(&disk);
    wait_within(RECOVERY, "that nothing is there", || nothing_is_there(&poor));
    let text = String::from_utf8_lossy(&poor.ask(&["status"]).stdout).into_owned();
    assert!(text.contains(", does not answer") && text.contains("store    degraded"), "{text}");
    more_steps(&poor, "without anything outside");
    obeys(&poor, "60");
    let (code, waited) = (poor.ask(&["device", "release", "Flower Room", "exhaust"]).status.code(), waits(&poor));
    assert!(code == Some(0) && waited > 0, "{code:?} {waited}");
    wait_within(RECOVERY, "the fan at safe", || device(&poor, "Flower Room", "exhaust")["state"] == 15.0);
    obeys(&poor, "70");
    more_steps(&poor, "and still without");
    assert!(nothing_is_there(&poor), "it lasted: {:?}", outside(&poor));
    wait_for("the account of lost lines", || lines(&poor).1 >= STEPS as u64);
    let (written, _) = lines(&poor);

    drop(filler);
    run(&["ip", "link", "set", "lo", "up"]);
    redis.signal("CONT");
    wait_within(RECOVERY, "that all is well again", || outside(&poor) == (true, "-".to_owned(), "-".to_owned()));
    let heard = hear(poor.site.path(), Some(&url), 2, "device:update:Veg Room:valve_1");
    assert!(heard.iter().all(|(_, said)| said["reason"].as_str().is_some_and(|why| why.starts_with("step "))));
    more_steps(&poor, "and well again");
    wait_for("lines in the log file again", || lines(&poor).0 > written);
    wait_within(RECOVERY, "the last steps on the disk", || waits(&poor) == 0);

    let (of_poor, of_well) = (steps(&poor), steps(&well));
    let told =
        |what: &str, rows: &[[String; 3]]| assert_eq!(rows, &gapless(rows.len() / 2 + 1)[..rows.len()], "{what}");
    assert!(of_poor.len() >= 8 * STEPS, "{of_poor:?}");
    told("as one that lacks nothing does", &of_well);
    told("through it all", &of_poor);
    assert_eq!(well.stop().0, Some(0));

    // What was wrong was said, and what was asked for while nothing could be written is there after a `kill -9`.
    let until = device(&poor, "Flower Room", "exhaust")["until"].as_f64().expect("it ends");
    let (site, said) = poor.kill_and_read();
    for line in [
        "gives no answer to PING",
        "Redis is connected again",
        "the store is degraded: the disk is full",
        "steps.jsonl cannot be written: No space left",
        "the store is well",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let poor = Engine::start(site, Some(&url));
    let exhaust = device(&poor, "Flower Room", "exhaust");
    assert!(
        exhaust["wanted"] == 70.0 && exhaust["until"].as_f64().is_some_and(|at| (at - until).abs() < 1.0),
        "{exhaust}"
    );
    let (code, said) = poor.stop();
    assert_eq!(code, Some(0), "{said}");
    println!("{DONE}");
}

#[test]
fn redis_stopped_disk_full_and_no_network_at_once_leave_control_unchanged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let alone = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args([
            "--user",
            "--map-root-user",
            "--mount",
            "--net",
            "sh",
            "-c",
            "ip link set lo up && exec \"$@\"",
            "sh",
        ]);
        command.arg(program).args(arguments).env(ROLE, "1").env("TMPDIR", folder.path()).output()
    };
    if !alone(Path::new("true"), &[]).is_ok_and(|output| output.status.success()) {
        println!("not proved here: this system gives no user a network of his own, or has no `ip`");
        return;
    }
    let exe = std::env::current_exe().expect("this program");
    let output = alone(&exe, &["--exact", "in_another_process", "--nocapture"]).expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(DONE), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
