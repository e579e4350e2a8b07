//! The store against files that are full, locked, damaged, taken away or of another version, and against a model.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use proptest::prelude::*;
use rusqlite::Connection;

use super::database::Opening;
use super::files::with;
use super::*;
use crate::model::{Mono, Shelf, Utc, Value};

/// A store in a folder of its own, and what it said.
struct Bench {
    store: Store,
    restored: BTreeMap<String, String>,
    said: Arc<Mutex<Vec<StoreHealth>>>,
    config: fn(&mut StoreConfig),
}

#[allow(clippy::disallowed_methods, reason = "the tests' own clock")]
fn clock() -> Now {
    let start = Instant::now();
    let at = move || start.elapsed().as_nanos() as u64;
    Arc::new(move || Timestamp { mono: Mono(at()), utc: Utc(1_790_000_000_000_000_000 + at() as i64) })
}

fn open_with(path: &Path, config: fn(&mut StoreConfig)) -> Bench {
    let said = Arc::new(Mutex::new(Vec::new()));
    let mut set = StoreConfig::new(path.to_owned(), clock());
    config(&mut set);
    let told = said.clone();
    let (store, saved) = Store::open(set, Box::new(move |health| told.lock().unwrap().push(health.clone())));
    let restored = saved.into_iter().map(|saved| (saved.key.0.to_string(), saved.value.unwrap())).collect();
    Bench { store, restored, said, config }
}

fn open(path: &Path) -> Bench {
    open_with(path, |_| {})
}

fn rule(key: &str, value: Option<&str>) -> Saved {
    Saved { shelf: Shelf::Rules, key: (key.into(), "".into()), value: value.map(str::to_owned) }
}

fn change(at: f64, device: &str) -> DeviceChange {
    let at = 1_790_000_000.0 + at;
    DeviceChange { at, room: "R".into(), device: device.into(), wanted: 60.0.into(), ..DeviceChange::default() }
}

impl Bench {
    fn save(&self, key: &str, value: &str) {
        self.store.save(clock()(), &mut vec![rule(key, Some(value))]);
    }

    fn forget(&self, key: &str) {
        self.store.save(clock()(), &mut vec![rule(key, None)]);
    }

    fn settled(&self) -> bool {
        let (answer, wait) = oneshot::channel();
        self.store.ask(Question::Settled(answer)).unwrap();
        wait.blocking_recv().unwrap()
    }

    fn history(&self, device: Option<&str>, limit: usize) -> Result<Vec<DeviceChange>, String> {
        let (answer, wait) = oneshot::channel();
        let of = device.map(|device| ("R".into(), device.into()));
        self.store.ask(Question::History { of, since: 0.0, limit, answer }).unwrap();
        wait.blocking_recv().unwrap()
    }

    /// Closes it and opens it anew.
    fn again(self) -> Bench {
        assert!(self.store.close(Duration::from_secs(20)), "{:?}", self.store.status());
        self.balances();
        open_with(self.store.path(), self.config)
    }

    fn balances(&self) {
        let status = self.store.status();
        assert!(status.values.balances() && status.changes.balances(), "{status:?}");
    }

    fn why(&self) -> String {
        self.store.health().trouble().map(|(why, remedy)| format!("{why} | {remedy}")).unwrap_or_default()
    }
}

fn fixture() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growctl.db");
    (folder, path)
}

/// A database with the values `a` and `b` and 300 changes, closed.
fn filled() -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = fixture();
    let bench = open(&path);
    bench.save("a", "1");
    bench.save("b", "2");
    (0..300).for_each(|at| bench.store.record(change(f64::from(at), "fan")));
    assert!(bench.store.close(Duration::from_secs(20)));
    (folder, path)
}

fn aside(folder: &tempfile::TempDir) -> Vec<String> {
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".corrupt-") && !name.ends_with("-wal") && !name.ends_with("-shm")).collect()
}

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
    let damages: [(&str, fn(&mut Vec<u8>)); 4] = [
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

#[test]
fn an_older_database_is_brought_to_this_version_and_a_copy_is_kept() {
    let (folder, path) = fixture();
    let fixture = Connection::open(&path).unwrap();
    fixture
        .execute_batch(&format!("{OLDER} INSERT INTO rule_state VALUES ('a', '', '1'); PRAGMA user_version = 1"))
        .unwrap();
    drop(fixture);
    let bench = open_with(&path, |config| config.migrations = &[OLDER, TO_THIS]);
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

#[derive(Clone, Debug)]
enum Step {
    Save(u8, u16),
    Forget(u8),
    Change,
    Settle,
    /// The process is gone at once: only what the files say is left.
    Crash,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6_u8, any::<u16>()).prop_map(|(key, value)| Step::Save(key, value)),
        2 => (0..6_u8).prop_map(Step::Forget),
        2 => Just(Step::Change),
        2 => Just(Step::Settle),
        1 => Just(Step::Crash),
        1 => Just(Step::Reopen),
    ]
}

/// What a key may be worth after a crash: what was acknowledged, or anything handed over since.
type Model = BTreeMap<String, Vec<Option<String>>>;

fn agrees(model: &Model, restored: &BTreeMap<String, String>) -> Result<(), TestCaseError> {
    prop_assert!(restored.keys().all(|key| model.contains_key(key)));
    for (key, possible) in model {
        prop_assert!(possible.contains(&restored.get(key).cloned()), "{} {:?} {:?}", key, possible, restored.get(key));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_is_there_after_any_crash(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut run = 0;
        let at = |run: u32| folder.path().join(run.to_string()).join("growctl.db");
        let (mut bench, mut model) = (open(&at(run)), Model::new());
        let (mut changes, mut acknowledged) = (0_usize, 0_usize);
        for step in steps {
            match step {
                Step::Save(key, value) => {
                    bench.save(&key.to_string(), &value.to_string());
                    model.entry(key.to_string()).or_insert_with(|| vec![None]).push(Some(value.to_string()));
                }
                Step::Forget(key) => {
                    bench.forget(&key.to_string());
                    model.entry(key.to_string()).or_insert_with(|| vec![None]).push(None);
                }
                Step::Change => {
                    changes += 1;
                    bench.store.record(change(changes as f64, "fan"));
                }
                Step::Settle => {
                    prop_assert!(bench.settled());
                    model.values_mut().for_each(|possible| { possible.drain(..possible.len() - 1); });
                    acknowledged = changes;
                }
                Step::Reopen => {
                    bench = bench.again();
                    model.values_mut().for_each(|possible| { possible.drain(..possible.len() - 1); });
                    acknowledged = changes;
                    agrees(&model, &bench.restored)?;
                }
                Step::Crash => {
                    let (from, to) = (at(run), at(run + 1));
                    fs::create_dir(to.parent().unwrap()).unwrap();
                    fs::copy(&from, &to).unwrap();
                    fs::copy(with(&from, "-wal"), with(&to, "-wal")).unwrap();
                    run += 1;
                    bench = open(&to);
                    agrees(&model, &bench.restored)?;
                    for (key, possible) in &mut model {
                        *possible = vec![bench.restored.get(key).cloned()];
                    }
                    let rows = bench.history(None, MOST_ROWS).unwrap().len();
                    prop_assert!(acknowledged <= rows && rows <= changes);
                    (changes, acknowledged) = (rows, rows);
                }
            }
            bench.balances();
        }
    }
}
