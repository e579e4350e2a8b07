//! The store against files that are full, locked, damaged, taken away or of another version.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use super::database::Opening;
use super::files::with;
use super::fixture::{aside, change, clock, filled, fixture, open, open_with, rule};
use super::schema::MIGRATIONS;
use super::{DeviceChange, Store, StoreConfig, StoreHealth, read_alert_history};
use crate::model::{AlertChange, Saved, Severity, Shelf, Utc, Value};

#[test]
fn values_come_back_and_forgotten_ones_do_not() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    assert!(bench.restored.is_empty());
    let devices = Saved { shelf: Shelf::Devices, key: ("a".into(), "".into()), value: Some("d".to_owned()) };
    bench.store.save(clock()(), &mut vec![devices.clone(), rule("a", Some("1")), rule("b", Some("2"))]);
    assert!(bench.settled());
    bench.save("a", "3");
    bench.forget("b");
    let said = bench.said.clone();
    assert!(bench.store.close(Duration::from_secs(20)));
    bench.balances();
    let (_, mut saved) = Store::open(StoreConfig::new(path, clock()), Box::new(|_| {}));
    saved.sort_by_key(|saved| saved.shelf);
    assert_eq!(saved, [rule("a", Some("3")), devices]);
    assert_eq!(*said.lock().unwrap(), [], "a store that is well says nothing");
}

#[test]
fn history_is_by_device_newest_first_and_keeps_every_kind_of_value() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    for (at, state) in [(1.0, Value::Null), (2.0, "open".into()), (3.0, 55.5.into())] {
        bench.store.record(DeviceChange { state, reason: Some("hot".into()), until: Some(9.0), ..change(at, "fan") });
        bench.store.record(change(at, "pump"));
    }
    assert!(bench.settled());
    let rows = bench.history(Some("fan"), 2).unwrap();
    assert_eq!(rows.iter().map(|row| row.at).collect::<Vec<_>>(), [1_790_000_003.0, 1_790_000_002.0]);
    assert_eq!((&rows[0].state, &rows[1].state), (&Value::Number(55.5), &"open".into()));
    assert_eq!((rows[0].reason.as_deref(), rows[0].until, &rows[0].source), (Some("hot"), Some(9.0), &None));
    assert_eq!(bench.history(None, 100).unwrap().len(), 6);
    bench.balances();
}

#[test]
fn rows_of_alerts_are_kept_by_rule_newest_first_and_forgotten_when_they_are_old() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    for (at, rule) in [(1.0, "heat"), (2.0, "cold"), (3.0, "heat"), (-100.0 * 86_400.0, "heat")] {
        bench.store.record(AlertChange {
            at: Utc::from_seconds(1_790_000_000.0 + at),
            rule: rule.into(),
            instance: "C1".into(),
            severity: Severity::Critical,
            event: "firing",
            summary: "hot".into(),
            told: Some("ann, bea".to_owned()),
            by: None,
        });
    }
    assert!(bench.store.close(Duration::from_secs(20)));
    bench.balances();
    let rows = read_alert_history(&path, Some("heat"), 0.0, 10).unwrap();
    assert_eq!(rows.iter().map(|row| row.at - 1_790_000_000.0).collect::<Vec<_>>(), [3.0, 1.0, -8_640_000.0]);
    assert_eq!(
        (rows[0].severity.as_str(), rows[0].told.as_deref(), &rows[0].by),
        ("critical", Some("ann, bea"), &None)
    );
    assert_eq!(read_alert_history(&path, None, 1_790_000_002.0, 10).unwrap().len(), 2);
    let mut database =
        Opening { path: &path, now: &clock(), migrations: MIGRATIONS, most_pages: None }.open().database.unwrap();
    assert_eq!(database.prune_alerts(1_790_000_000.0, 1_000, 10).unwrap(), 1);
    assert_eq!(database.alert_history(None, 0.0, 10).unwrap().len(), 3);
}

#[test]
fn old_changes_and_those_beyond_the_cap_are_forgotten() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    for age in (0..20).rev() {
        bench.store.record(change(-3600.0 * f64::from(age), "fan"));
    }
    assert_eq!(bench.again().history(None, 100).unwrap().len(), 20);
    let rows = |config| {
        let bench = open_with(&path, config);
        // A step of forgetting comes before the first answer.
        let rows = bench.history(None, 100).unwrap();
        assert!(bench.store.close(Duration::from_secs(20)));
        rows.len()
    };
    let by_age: fn(&mut StoreConfig) = |config| config.keep_changes = Duration::from_secs(10 * 3600 - 60);
    let by_count: fn(&mut StoreConfig) = |config| config.most_changes = 3;
    assert_eq!([by_age, by_count].map(rows), [10, 3]);
}

#[test]
fn a_damaged_database_is_set_aside_and_a_new_one_begun() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 4] = [
        ("header", |bytes| bytes[..100].fill(0x55)),
        ("truncated", |bytes| bytes.truncate(bytes.len() / 2)),
        ("one page only", |bytes| bytes.truncate(4096)),
        ("random bytes", |bytes| {
            let mut random = fastrand::Rng::with_seed(7);
            let middle = bytes.len() / 2;
            random.fill(&mut bytes[4096..middle]);
        }),
    ];
    for (what, damage) in damages {
        let (folder, path) = filled();
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let bench = open(&path);
        let found = aside(&folder);
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        assert_eq!(fs::read(folder.path().join(&found[0])).unwrap(), bytes, "{what}: kept as it was");
        assert!(bench.restored.is_empty(), "{what}");
        bench.save("c", "3");
        assert!(bench.settled(), "{what}");
        let said = bench.said.lock().unwrap().clone();
        assert_eq!(said.iter().map(StoreHealth::name).collect::<Vec<_>>(), ["degraded", "ok"], "{what}");
        assert!(said[0].trouble().is_some_and(|(why, _)| why.contains("nothing of it is remembered")), "{said:?}");
        assert_eq!(bench.store.status().set_aside, Some(folder.path().join(&found[0])));
        assert_eq!(bench.again().restored, BTreeMap::from([("c".to_owned(), "3".to_owned())]), "{what}");
    }
}

#[test]
fn a_database_damaged_or_taken_away_while_in_use_loses_no_value() {
    let (folder, path) = filled();
    let bench = open(&path);
    let stranger = Connection::open(&path).unwrap();
    stranger.execute_batch("DROP TABLE rule_state").unwrap();
    bench.save("c", "3");
    assert!(bench.settled(), "{}", bench.why());
    assert_eq!(aside(&folder).len(), 1);
    for ending in ["", "-wal", "-shm"] {
        fs::remove_file(with(&path, ending)).unwrap();
    }
    bench.save("d", "4");
    assert!(bench.settled(), "{}", bench.why());
    let expected = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")];
    assert_eq!(bench.again().restored, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
}

#[test]
fn a_later_versions_database_is_left_untouched() {
    let (_folder, path) = filled();
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let before = fs::read(&path).unwrap();
    let bench = open(&path);
    assert!(matches!(bench.store.health(), StoreHealth::Off { .. }) && bench.restored.is_empty());
    assert!(bench.why().contains("schema version 99") && bench.why().contains("install that growctl again"));
    bench.save("a", "9");
    bench.store.record(change(1.0, "fan"));
    assert!(!bench.settled() && bench.history(None, 1).is_err());
    assert_eq!(bench.store.status().values.dropped["the store is off"], 1);
    bench.balances();
    bench.store.close(Duration::from_secs(20));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(bench.said.lock().unwrap().len(), 1);
}

const OLDER: &str = "CREATE TABLE rule_state (rule TEXT, instance TEXT, value TEXT);";
const TO_THIS: &str = "ALTER TABLE rule_state RENAME TO old;
    CREATE TABLE rule_state (rule TEXT NOT NULL, instance TEXT NOT NULL, saved TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (rule, instance)) STRICT, WITHOUT ROWID;
    INSERT INTO rule_state SELECT rule, instance, value, 0.0 FROM old;
    DROP TABLE old;
    CREATE TABLE device_state (room TEXT NOT NULL, device TEXT NOT NULL, saved TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (room, device)) STRICT, WITHOUT ROWID;
    CREATE TABLE device_change (at REAL, room TEXT, device TEXT, state ANY, wanted ANY, source TEXT, reason TEXT, until REAL,
        revision TEXT, held_back TEXT) STRICT;";

const STEPS: &[&str] = &[OLDER, TO_THIS, MIGRATIONS[1]];

#[test]
fn an_older_database_is_brought_to_this_version_and_a_copy_is_kept() {
    let (folder, path) = fixture();
    let fixture = Connection::open(&path).unwrap();
    fixture
        .execute_batch(&format!("{OLDER} INSERT INTO rule_state VALUES ('a', '', '1'); PRAGMA user_version = 1"))
        .unwrap();
    drop(fixture);
    let bench = open_with(&path, |config| config.migrations = STEPS);
    assert_eq!(bench.restored, BTreeMap::from([("a".to_owned(), "1".to_owned())]), "{}", bench.why());
    bench.save("b", "2");
    assert_eq!(bench.again().restored.len(), 2);
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let copy =
        names.into_iter().find(|name| name.starts_with("growctl.db.version-1-")).expect("a copy of the older one");
    let copy = Connection::open(folder.path().join(copy)).unwrap();
    assert_eq!(copy.query_row("SELECT value FROM rule_state", [], |row| row.get::<_, String>(0)).unwrap(), "1");
}

#[test]
fn a_step_that_fails_leaves_the_older_database_whole() {
    let (_folder, path) = fixture();
    let fixture = Connection::open(&path).unwrap();
    fixture
        .execute_batch(&format!("{OLDER} INSERT INTO rule_state VALUES ('a', '', '1'); PRAGMA user_version = 1"))
        .unwrap();
    let opening = Opening { path: &path, now: &clock(), migrations: &[OLDER, TO_THIS, "NO SQL"], most_pages: None };
    assert!(opening.open().database.is_err());
    let row =
        fixture.query_row("SELECT value, (SELECT user_version FROM pragma_user_version) FROM rule_state", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        });
    assert_eq!(row.unwrap(), ("1".to_owned(), 1));
}

#[test]
fn a_lock_is_waited_out_and_what_was_saved_is_read_all_the_same() {
    let (_folder, path) = filled();
    let stranger = Connection::open(&path).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let bench = open(&path);
    assert_eq!(bench.restored.len(), 2);
    assert!(matches!(bench.store.health(), StoreHealth::Degraded { .. }));
    assert!(bench.why().contains("locked") && bench.why().contains("sqlite3"), "{}", bench.why());
    bench.save("a", "5");
    assert!(!bench.settled());
    bench.save("a", "6");
    stranger.execute_batch("COMMIT").unwrap();
    assert!(bench.settled());
    assert_eq!(bench.store.health(), StoreHealth::Ok);
    let told: Vec<&str> = bench.said.lock().unwrap().iter().map(StoreHealth::name).collect();
    assert_eq!(told, ["degraded", "ok"]);
    assert_eq!(bench.again().restored["a"], "6");
}

#[test]
fn what_could_not_be_read_at_the_start_does_not_come_back_later() {
    let (_folder, path) = filled();
    let stranger = Connection::open(&path).unwrap();
    stranger.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE").unwrap();
    let bench = open(&path);
    assert!(bench.restored.is_empty() && !bench.why().is_empty(), "{:?} {:?}", bench.restored, bench.said);
    drop(stranger);
    bench.save("b", "7");
    assert!(bench.settled(), "{}", bench.why());
    assert_eq!(bench.again().restored, BTreeMap::from([("b".to_owned(), "7".to_owned())]));
}

#[test]
fn a_full_database_keeps_the_newest_values_in_memory_until_there_is_room() {
    let (folder, path) = fixture();
    let bench = open_with(&path, |config| config.most_pages = Some(40));
    let big = |text: &str| text.repeat(4_000);
    (0..20).for_each(|key| bench.save(&format!("first {key:02}"), &big("x")));
    assert!(bench.settled());
    assert!(folder.path().join("ballast").exists());
    (0..40).for_each(|key| bench.save(&format!("then {key:02}"), &big("y")));
    assert!(!bench.settled());
    assert!(bench.why().contains("the disk is full") && bench.why().contains("free some space"), "{}", bench.why());
    assert!(!folder.path().join("ballast").exists(), "the reserve is given up");
    bench.save("then 00", "newest");
    bench.balances();
    assert_eq!(bench.store.status().values.pending, 40);
    (1..40).for_each(|key| bench.forget(&format!("then {key:02}")));
    assert!(bench.settled(), "{}", bench.why());
    bench.balances();
    assert!(bench.why().contains("no room for the reserve"), "{}", bench.why());
    let restored = open(&path).restored;
    assert_eq!((restored.len(), restored["then 00"].as_str()), (21, "newest"));
}

#[test]
fn a_folder_that_cannot_be_used_costs_no_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let bench = open(&folder.path().join("file/growctl.db"));
    assert!(bench.why().contains("cannot be written"), "{}", bench.why());
    bench.save("a", "1");
    fs::remove_file(folder.path().join("file")).unwrap();
    assert!(bench.settled(), "{:?} {:?}", bench.store.status(), bench.said);
    assert_eq!(bench.again().restored["a"], "1");
}

#[test]
fn a_transaction_is_acknowledged_when_the_disk_has_it() {
    let (_folder, path) = fixture();
    let opening = Opening { path: &path, now: &clock(), migrations: MIGRATIONS, most_pages: None };
    let database = opening.open().database.expect("a new one");
    assert_eq!(database.durability(), ("wal".to_owned(), 2), "a journal, and FULL");
}

#[test]
fn a_disk_that_hangs_costs_bounded_memory_and_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    // The thread hangs in telling its first trouble, as it would in a write that never returns.
    let (disk, hangs) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
    let stuck = disk.lock().unwrap();
    let (waits_for, told) = (disk.clone(), hangs.clone());
    let tell = Box::new(move |_: &StoreHealth| {
        told.store(true, Ordering::Release);
        drop(waits_for.lock().unwrap());
    });
    let now = clock();
    let config = StoreConfig::new(folder.path().join("file/growctl.db"), now.clone());
    let (store, restored) = Store::open_within(config, tell, Duration::from_millis(500));
    assert!(restored.is_empty() && hangs.load(Ordering::Acquire));
    let began = now().mono;
    for count in 0..60_000 {
        store.save(now(), &mut vec![rule(&(count % 10).to_string(), Some(&count.to_string()))]);
        store.record(change(f64::from(count), "fan"));
    }
    let status = store.status();
    assert!(status.values.balances() && status.changes.balances(), "{status:?}");
    assert_eq!((status.values.pending, status.values.superseded), (10, 59_990));
    assert_eq!((status.changes.pending, status.changes.dropped["queue full"]), (50_000, 10_000));
    assert!(!store.close(Duration::from_millis(50)));
    assert!(now().mono.since(began) < Duration::from_secs(5));
    drop(stuck);
}
