use std::path::Path;
use std::time::Duration;

use growctl_engine::app::Settings;
use growctl_engine::files::SourceFile;
use serde_json::{Value, json};

use super::*;

/// 2026-01-01, noon.
const NOON: i64 = 1_767_268_800;

fn at(seconds: i64) -> Value {
    json!((NOON + seconds) as f64)
}

fn utc() -> Settings {
    let zone = SourceFile::new("growctl.yaml", "time_zone: UTC\n");
    Settings::load(&zone, Path::new("."), &mut Report::default()).expect("settings")
}

/// What the engine says of a device at rest, with these changes.
fn device(changes: &[(&str, Value)]) -> Value {
    let mut device = json!({ "now": NOON as f64, "room": "Flower Room", "device": "exhaust", "kind": "fan", "state": 15.0,
        "quality": null, "wanted": 15.0, "source": "safe", "reason": null, "until": null, "requests": [],
        "held_back": null, "held_back_until": null, "fault": null, "fault_until": null, "no_watchdog": false,
        "watchdog": 15.0, "limited_from": null, "forgiven": null, "released": false });
    changes.iter().for_each(|(key, value)| device[key] = value.clone());
    device
}

fn request(source: &str, priority: u8, level: Value, until: Value) -> Value {
    json!({ "source": source, "priority": priority, "level": level, "reason": null, "until": until })
}

#[test]
fn a_list_is_read_at_80_columns_with_all_that_is_in_the_way() {
    let held = device(&[
        ("device", "dehumidifier".into()),
        ("state", "off".into()),
        ("wanted", "on".into()),
        ("source", "growctl device set".into()),
        ("until", at(3_600)),
        ("held_back", "min_off: off for at least 5m".into()),
        ("held_back_until", at(90)),
    ]);
    let fault = device(&[
        ("room", "Veg Room".into()),
        ("device", "lamp".into()),
        ("state", Value::Null),
        ("quality", "stale".into()),
        ("fault", "told on, and its feedback is stale".into()),
        ("fault_until", at(600)),
        ("no_watchdog", true.into()),
        ("watchdog", Value::Null),
    ]);
    let answer = json!({ "now": NOON as f64, "devices": [device(&[]), held, fault] });
    let told = list::text(&answer, &utc(), 80);
    assert_eq!(
        told,
        "\
\x20 DEVICE        IS   WANTED  WATCHDOG  BY
Flower Room
  exhaust       15   15      15s       safe
  dehumidifier  off  on      15s       growctl device set
      until 13:00 (1 h left)
      held back by min_off: off for at least 5m, until 12:01:30 (90 s left)
Veg Room
  lamp          -    15      none      safe
      fault: told on, and its feedback is stale
             it is at safe, and tried again at 12:10 (10 min left)

3 devices, 1 at fault, 1 held back
1 device outside of the promise: no watchdog, stays as growctl leaves it
"
    );
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
}

#[test]
fn a_person_is_told_what_is_stronger_than_the_request() {
    let own = request("growctl device set", 70, json!(100.0), at(3_600));
    let rule = request("rule smoke (FR-C1)", 90, json!(0.0), Value::Null);
    let said = device(&[
        ("source", "rule smoke (FR-C1)".into()),
        ("wanted", json!(0.0)),
        ("requests", json!([own, rule])),
        ("limited_from", json!(130.0)),
        ("forgiven", "told 30, and its feedback says 95".into()),
    ]);
    assert_eq!(
        person::taken(&said, &utc(), 80),
        "\
Flower Room/exhaust: 100 is wanted; 130 was asked for, and the map allows no
  such number
it was at fault (told 30, and its feedback says 95): it is tried again now
not now: rule smoke (FR-C1) has the higher priority and is in force: 0, priority
  90 against 70
it ends at 13:00 by itself (1 h left)
`growctl device release 'Flower Room' exhaust` ends it now
"
    );
    let held = device(&[
        ("source", "growctl device set".into()),
        ("requests", json!([own])),
        ("held_back", "forbid_while: Flower Room/exhaust > 50".into()),
    ]);
    let told = person::taken(&held, &utc(), 80);
    let wanted = "held back by forbid_while: Flower Room/exhaust > 50; it is done as soon as that\n  allows it\n";
    assert!(told.contains(wanted), "{told}");
    let released =
        device(&[("released", true.into()), ("source", "rule smoke (FR-C1)".into()), ("requests", json!([rule]))]);
    assert_eq!(
        person::released(&released, &utc(), 80),
        "Flower Room/exhaust: the request of `growctl device set` is ended\nrule smoke (FR-C1) is in force: 0\n"
    );
}

#[test]
fn why_goes_from_who_asks_to_what_is_heard_the_reason_first() {
    let mut rule = request("rule co2-day (Flower Room)", 50, "on".into(), Value::Null);
    rule["place"] = "rules/co2-day.yaml:9".into();
    rule["reason"] = "620 ppm".into();
    let limit = |guard: &str, text: &str, in_force: Value, found: Value, until: Value| {
        json!({ "guard": guard, "text": text,
        "in_force": in_force, "found": found, "until": until, "begins": null })
    };
    let why = device(&[
        ("device", "co2".into()),
        ("state", "off".into()),
        ("wanted", "on".into()),
        ("told", "off".into()),
        ("keeps", false.into()),
        ("held_back", "forbid_while: Flower Room/exhaust > 50".into()),
        ("requests", json!([rule])),
        (
            "limits",
            json!([
                limit("max_on", "on for at most 10m, then off for 30m", false.into(), Value::Null, Value::Null),
                limit("forbid_while", "Flower Room/exhaust > 50", true.into(), "it is 60".into(), Value::Null),
                limit("needs", "co2 below 1500", true.into(), "co2 below 1500, and one is 1600".into(), Value::Null),
                limit("range", "0 to 1", Value::Null, Value::Null, Value::Null),
            ]),
        ),
        ("timing", json!({ "on": false, "since": at(-120), "starts": [at(-700)], "locked_until": null })),
        (
            "command",
            json!({ "bus": "can0", "id": "0x310", "frame": "relays", "signal": "relay_1", "shared_by": 2,
            "bytes": "00", "sent": at(-4), "next": at(1), "ttl": 2.0 }),
        ),
        (
            "feedback",
            json!({ "bus": "can0", "id": "0x390", "frame": "relays", "signal": "relay_1", "value": "off",
            "heard": at(-1), "agrees": true, "tolerance": 0.0, "within": 1.0, "looked_at": null }),
        ),
        (
            "needs",
            json!([{ "text": "co2 below 1500", "fresh": 30.0, "readings": [
            { "node": "FR-C1", "field": "co2", "value": 1600.0, "at": at(-2) },
            { "node": "FR-C2", "field": "co2", "value": null, "at": null }] }]),
        ),
    ]);
    let told = why::text(&why, &utc(), 80);
    assert_eq!(
        told,
        "\
Flower Room/co2 is off: on is wanted by rule co2-day (Flower Room)
  (rules/co2-day.yaml:9)
held back by forbid_while: Flower Room/exhaust > 50

requests, the one in force first
  on  rule co2-day (Flower Room), priority 50, until its rule lets go
      rules/co2-day.yaml:9  \"620 ppm\"

limits
  -         max_on        on for at most 10m, then off for 30m
  in force  forbid_while  Flower Room/exhaust > 50; it is 60
  in force  needs         co2 below 1500; and one is 1600
  always    range         0 to 1

readings that it needs
  co2 below 1500
    FR-C1 co2: 1600, read 11:59:58 (2s ago)
    FR-C2 co2: nothing read yet

timers
  told to be off since 11:58:00 (2m ago)
  switched on once within the hour, last at 11:48:20 (11m40s ago)

command
  can0 0x310, relays.relay_1: 00, last sent at 11:59:56 (4s ago)
  again at 12:00:01 (in 1s); dropped if not on the wire within 2s; 2 devices
    share it
  its node goes to safe by itself after 15s of silence

feedback
  can0 0x390, relays.relay_1: off, heard at 11:59:59 (1s ago)
  agrees with what it was told, off (tolerance 0, within 1s)
"
    );
    let wide = why::text(&why, &utc(), 120);
    assert!(
        wide.starts_with("Flower Room/co2 is off: on is wanted by rule co2-day (Flower Room) (rules/co2-day.yaml:9)\n")
    );
    assert!(wide.contains("  again at 12:00:01 (in 1s); dropped if not on the wire within 2s; 2 devices share it\n"));
}

#[test]
fn a_history_has_the_newest_first_and_says_what_was_in_the_way() {
    let change = |seconds, is: Value, why: Value| {
        json!({ "at": at(seconds), "room": "R", "device": "fan", "state": is, "wanted": 60.0,
        "source": "rule hot", "reason": "29.5 °C", "until": null, "revision": "a", "held_back": why })
    };
    let changes = json!([
        change(-5, 0.0.into(), "fault: told 60, and its feedback says 0".into()),
        change(-90_000, Value::Null, "min_off: off for at least 5m".into()),
    ]);
    let key = Key { room: "R".to_owned(), device: "fan".to_owned() };
    let history = history::History { key, since: Duration::from_secs(172_800), limit: 50 };
    let clock = words::Clock { settings: &utc(), now: NOON as f64 };
    assert_eq!(
        history.text(&changes, &clock, 80),
        "\
AT                   IS  WANTED  BY
11:59:55             0   60      rule hot \"29.5 °C\"
      fault: told 60, and its feedback says 0
2025-12-31 11:00:00  -   60      rule hot \"29.5 °C\"
      held back by min_off: off for at least 5m
"
    );
    assert_eq!(history.text(&json!([]), &clock, 80), "R/fan did not change within 2d");
}
