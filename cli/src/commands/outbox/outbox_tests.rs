use std::path::Path;

use growctl_engine::app::Settings;
use growctl_engine::files::SourceFile;
use serde_json::{Value, json};

use super::*;

/// 2026-01-01, noon.
const NOON: f64 = 1_767_268_800.0;

fn utc() -> Settings {
    let zone = SourceFile::new("growctl.yaml", "time_zone: UTC\n");
    Settings::load(&zone, Path::new("."), &mut Report::default()).expect("settings")
}

/// A row as the engine gives it, with these changes.
fn row(changes: &[(&str, Value)]) -> Value {
    let mut row = json!({ "id": 17, "class": "export", "to": "influx", "at": NOON - 61.0, "key": "k-17", "bytes": 12,
        "put_at": NOON - 60.0, "state": "waiting", "tries": 0, "next_try": NOON - 60.0, "error": null });
    changes.iter().for_each(|(key, value)| row[key] = value.clone());
    row
}

fn listed(rows: &[Value]) -> String {
    let list = list::List { to: None, state: None, limit: 50 };
    list.text(&json!({ "rows": rows }), &Clock { settings: &utc(), now: NOON })
}

#[test]
fn a_list_is_read_at_80_columns_with_what_went_wrong() {
    let why = "Twilio answered 503 Service Unavailable: the account is busy, try again later, it said";
    let told = listed(&[
        row(&[]),
        row(&[
            ("id", 18.into()),
            ("tries", 3.into()),
            ("next_try", (NOON + 72.0).into()),
            ("error", why.into()),
            ("class", "alert".into()),
            ("to", "head-grower/sms".into()),
        ]),
        row(&[("id", 19.into()), ("state", "dead".into()), ("tries", 1.into()), ("error", "no such number".into())]),
        row(&[("id", 0.into()), ("state", "memory".into()), ("class", "alert".into()), ("to", "night/push".into())]),
    ]);
    assert_eq!(
        told,
        "\
ID  PUT IN    IS       TRIES  TO
17  11:59:00  new      0      influx
18  11:59:00  waiting  3      head-grower/sms, an alert
      next try 12:01:12 (in 1m12s); Twilio answered 503 Service Unavailable: the
        account is busy, try again later, it said
19  11:59:00  dead     1      influx
      no such number
-   11:59:00  memory   0      night/push, an alert
"
    );
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    assert_eq!(listed(&[]), "nothing waits");
}

#[test]
fn stats_say_what_waits_since_when_and_why() {
    let outlet = |to: &str, next: Value, error: Value| {
        json!({ "to": to, "waiting": 12_000, "sending": 100, "dead": 3, "oldest": NOON - 90_000.0, "next_try": next,
            "last_error": error })
    };
    let all =
        [outlet("influx", (NOON + 30.0).into(), "connection refused".into()), outlet("file", NOON.into(), Value::Null)];
    let told = stats::text(&json!({ "outlets": all }), &Clock { settings: &utc(), now: NOON });
    assert_eq!(
        told,
        "\
WAITING  SENDING  DEAD  OLDEST  NEXT TRY  TO
12000    100      3     1d1h    12:00:30  influx
      connection refused
12000    100      3     1d1h    now       file
"
    );
}

#[test]
fn a_row_is_shown_with_its_body_as_json() {
    let shown = show::text(
        &row(&[
            ("body", r#"{"room":"Veg Room","temperature":21.5}"#.into()),
            ("state", "dead".into()),
            ("tries", 2.into()),
        ]),
        &Clock { settings: &utc(), now: NOON },
    );
    assert_eq!(
        shown,
        "\
export 17
  to        influx
  state     dead: `growctl outbox retry` tries it again, `drop` forgets it
  tries     2
  error     none
  event of  11:58:59 (1m1s ago)
  put in    11:59:00 (1m ago)
  key       k-17
{
  \"room\": \"Veg Room\",
  \"temperature\": 21.5
}"
    );
}

#[test]
fn what_a_person_decided_is_said_and_that_alerts_are_left() {
    assert_eq!(change::again(&json!({ "again": 1 })), "1 row is tried again");
    assert_eq!(change::dropped(&json!({ "dropped": 2, "left": 0 })), "2 rows dropped");
    let left = change::dropped(&json!({ "dropped": 0, "left": 1 }));
    assert_eq!(left, "nothing dropped; 1 alert left, for somebody is meant to hear it: --force drops it all the same");
}
