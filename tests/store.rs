//! The store against the system: a process that is killed, a user who may not write, a disk that is full. Each case runs this test
//! program again as a process of its own.

#![allow(clippy::unwrap_used)] // a test may panic
#![allow(clippy::print_stdout)] // so the other process tells this one

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use growctl_engine::app::Clock;
use growctl_engine::model::{Class, Mono, Outgoing, Saved, Shelf, Utc};
use growctl_engine::store::{DeviceChange, Question, Settled, Step, Store, StoreConfig, StoreHealth, Taken};
use tokio::sync::oneshot;

const ROLE: &str = "GROWCTL_STORE_TEST_ROLE";
const FOLDER: &str = "GROWCTL_STORE_TEST_FOLDER";

fn open(folder: &Path) -> (Store, BTreeMap<String, String>) {
    let clock = Clock::start();
    let config = StoreConfig::new(folder.join("growctl.db"), Arc::new(move || clock.now()));
    let (store, saved) = Store::open(config, Box::new(|_| {}));
    (store, saved.into_iter().map(|saved| (saved.key.0.to_string(), saved.value.unwrap())).collect())
}

fn save(store: &Store, key: &str, value: &str) {
    let saved = Saved { shelf: Shelf::Rules, key: (key.into(), "".into()), value: Some(value.to_owned()) };
    store.save(Clock::start().now(), &mut vec![saved]);
}

fn settled(store: &Store) -> bool {
    let (answer, wait) = oneshot::channel();
    store.ask(Question::Settled(answer)).unwrap();
    wait.blocking_recv().unwrap()
}

fn rows(store: &Store) -> usize {
    let (answer, wait) = oneshot::channel();
    store.ask(Question::History { of: None, since: 0.0, limit: 10_000, answer }).unwrap();
    wait.blocking_recv().unwrap().unwrap().len()
}

/// This program, in a role and a folder.
fn myself(role: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "in_another_process", "--nocapture"]).env(ROLE, role).env(FOLDER, folder);
    command
}

/// What the other processes do; by itself it does nothing.
#[test]
fn in_another_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let folder = std::env::var(FOLDER).unwrap();
    let folder = Path::new(&folder);
    match role.as_str() {
        "writes for ever" => write_for_ever(folder),
        "may not write" => may_not_write(folder),
        "has a small disk" => has_a_small_disk(folder),
        "has an outbox on a tiny disk" => has_an_outbox_on_a_tiny_disk(folder),
        other => panic!("no such role: {other}"),
    }
}

fn write_for_ever(folder: &Path) {
    let (store, _) = open(folder);
    for count in 0_u32.. {
        save(&store, &(count % 50).to_string(), &count.to_string());
        store.record(DeviceChange { at: Clock::start().now().utc.seconds(), ..DeviceChange::default() });
        assert!(settled(&store));
        println!("on disk: {count}");
        std::io::stdout().flush().unwrap();
    }
}

/// Counts up to the last number that the process said is on disk, killing it once `enough` are.
fn killed_after(mut child: Child, enough: u32, mid_write: Duration) -> u32 {
    let mut last = None;
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Some(count) = line.unwrap().strip_prefix("on disk: ").map(|count| count.parse::<u32>().unwrap()) else {
            continue;
        };
        last = Some(count);
        if count >= enough && !killed {
            let (clock, end) = (Clock::start(), Mono(0) + mid_write);
            // Somewhere within the next transaction.
            while clock.now().mono < end {}
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    last.expect("it wrote something")
}

#[test]
fn a_process_killed_in_the_middle_of_writing_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(5);
    let mut all_rows = 0;
    for _ in 0..12 {
        let child = myself("writes for ever", folder.path()).stdout(Stdio::piped()).spawn().unwrap();
        let last = killed_after(child, random.u32(0..30), Duration::from_micros(random.u64(0..4_000)));
        let (store, restored) = open(folder.path());
        assert_eq!(store.health(), StoreHealth::Ok);
        for count in last.saturating_sub(49)..=last {
            let found: u32 = restored[&(count % 50).to_string()].parse().unwrap();
            // The one under way when it was killed may be there as well; it was not acknowledged.
            assert!(found == count || found == last + 1 || found > last, "{count}: {found}");
        }
        let now = rows(&store);
        let (least, most) = (all_rows + last as usize + 1, all_rows + last as usize + 2);
        assert!((least..=most).contains(&now), "{least} {now}");
        all_rows = now;
        assert!(store.close(Duration::from_secs(20)));
    }
}

fn may_not_write(folder: &Path) {
    let (store, restored) = open(folder);
    assert_eq!(restored, BTreeMap::from([("a".to_owned(), "1".to_owned())]), "what was saved is read all the same");
    let health = store.health();
    let (why, remedy) = health.trouble().unwrap_or_else(|| {
        panic!("that it cannot write is told at once: {:?} {:?}", store.status(), fs::metadata(folder))
    });
    assert!(why.contains("cannot be written") && remedy.contains("let the user of growctl write"), "{why}; {remedy}");
    save(&store, "a", "2");
    assert!(!settled(&store));
    let status = store.status();
    assert_eq!((status.values.pending, status.values.balances()), (1, true));
    assert!(!store.close(Duration::from_secs(20)));
    assert_eq!(store.status().values.dropped["could not be written before the stop"], 1);
    println!("done as it should");
}

/// As a user who may read but not write: nobody, where this is run by root, who may write anything.
fn unprivileged(folder: &Path) -> std::process::Output {
    let mut command = myself("may not write", folder);
    if fs::metadata(folder).unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    command.output().unwrap()
}

#[test]
fn a_folder_or_file_that_may_not_be_written_is_read_and_told() {
    let allow = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    for (folder_mode, file_mode) in [(0o555, 0o444), (0o777, 0o444)] {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = open(folder.path());
        save(&store, "a", "1");
        assert!(store.close(Duration::from_secs(20)));
        allow(&folder.path().join("growctl.db"), file_mode);
        allow(folder.path(), folder_mode);
        let output = unprivileged(folder.path());
        allow(folder.path(), 0o755);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("done as it should"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn has_a_small_disk(folder: &Path) {
    let (store, _) = open(folder);
    save(&store, "a", "1");
    assert!(settled(&store));
    assert!(folder.join("ballast").exists(), "{:?}", store.health());
    let mut filler = fs::File::create(folder.join("filler")).unwrap();
    let block = [0x55; 1 << 12];
    while filler.write_all(&block).is_ok() {}
    // With the reserve the last things still get through.
    for count in 0..20 {
        save(&store, &format!("last {count}"), &"x".repeat(20_000));
        assert!(settled(&store), "{count}: {:?}", store.status());
    }
    assert!(!folder.join("ballast").exists());
    assert!(store.health().trouble().is_some_and(|(why, _)| why.contains("nearly full")), "{:?}", store.health());
    // Without, they wait in memory.
    for count in 0..30 {
        save(&store, &format!("more {count}"), &"y".repeat(200_000));
    }
    assert!(!settled(&store));
    assert!(store.health().trouble().is_some_and(|(why, _)| why.contains("the disk is full")), "{:?}", store.health());
    assert_eq!((store.status().values.pending, store.status().values.balances()), (30, true));
    drop(filler);
    fs::remove_file(folder.join("filler")).unwrap();
    assert!(settled(&store), "{:?}", store.status());
    assert!(store.close(Duration::from_secs(20)), "{:?}", store.status());
    let (store, restored) = open(folder);
    assert_eq!((restored.len(), store.health()), (51, StoreHealth::Ok));
    assert!(folder.join("ballast").exists(), "made again at the start");
    println!("done as it should");
}

fn take(store: &Store, to: &str) -> Taken {
    let (answer, wait) = oneshot::channel();
    store.ask(Question::Take { to: to.into(), most: 1_000, answer }).unwrap();
    wait.blocking_recv().unwrap()
}

fn post(store: &Store, class: Class, number: usize, bytes: usize) {
    let to = if class == Class::Alert { "sms" } else { "influx" };
    let body = format!("\"{}\"", "x".repeat(bytes));
    let key = format!("{to} {number}");
    store.post(Outgoing { class, to: to.into(), at: Utc(number as i64), key: key.into(), body }).unwrap();
}

fn has_an_outbox_on_a_tiny_disk(folder: &Path) {
    let (store, _) = open(folder);
    post(&store, Class::Alert, 0, 100);
    (0..10).for_each(|number| post(&store, Class::Export, number, 1_000));
    assert!(settled(&store), "{:?}", store.status());
    let mut filler = fs::File::create(folder.join("filler")).unwrap();
    while filler.write_all(&[0x55; 1 << 12]).is_ok() {}
    let mut exports = 10;
    while settled(&store) {
        post(&store, Class::Export, exports, 50_000);
        exports += 1;
        assert!(exports < 200, "3 MB are not so much");
    }
    assert!(store.health().trouble().is_some_and(|(why, _)| why.contains("the disk is full")), "{:?}", store.health());
    (1..4).for_each(|number| post(&store, Class::Alert, number, 100));
    // Alerts go out by the way that still works, and nothing else does.
    let mut moves = store.outbox_moves();
    let mut alerts = Vec::new();
    while alerts.len() < 4 {
        let parcels = take(&store, "sms").parcels;
        parcels.iter().for_each(|parcel| store.settle(Settled { id: parcel.id, step: Step::Done }));
        let none = parcels.is_empty();
        alerts.extend(parcels.into_iter().map(|parcel| (parcel.key.to_string(), parcel.tries)));
        if none {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::time::timeout(Duration::from_secs(20), moves.changed()).await.unwrap().unwrap()
            });
        }
    }
    assert_eq!(alerts, [0, 1, 2, 3].map(|number| (format!("sms {number}"), 1)));
    drop(filler);
    fs::remove_file(folder.join("filler")).unwrap();
    assert!(settled(&store), "{:?}", store.status());
    let mut arrived = Vec::new();
    while arrived.len() < exports {
        let parcels = take(&store, "influx").parcels;
        assert!(!parcels.is_empty(), "{arrived:?} of {exports}: {:?}", store.status());
        parcels.iter().for_each(|parcel| store.settle(Settled { id: parcel.id, step: Step::Done }));
        arrived.extend(parcels.into_iter().map(|parcel| parcel.key.to_string()));
    }
    assert_eq!(arrived, (0..exports).map(|number| format!("influx {number}")).collect::<Vec<_>>());
    assert!(settled(&store));
    let outbox = store.status().outbox;
    assert_eq!((outbox.alerts.delivered, outbox.exports.delivered, outbox.rows), (4, exports as u64, 0), "{outbox:?}");
    assert!(outbox.alerts.balances() && outbox.exports.balances(), "{outbox:?}");
    println!("done as it should");
}

/// On a file system of its own, of such a size, in a namespace where anyone may mount one.
#[cfg(target_os = "linux")]
fn on_a_disk_of(size: &str, role: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs -o size={size} tmpfs \"$1\" && shift && exec \"$@\"");
    let mount = |then: Vec<std::ffi::OsString>| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]).arg(folder.path()).args(then);
        command.env(ROLE, role).env(FOLDER, folder.path()).output()
    };
    if !mount(vec!["true".into()]).is_ok_and(|output| output.status.success()) {
        println!("not proved here: this system lets no user mount a file system of his own");
        return;
    }
    let exe = std::env::current_exe().unwrap();
    let output = mount(vec![exe.into(), "--exact".into(), "in_another_process".into(), "--nocapture".into()]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("done as it should"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_takes_the_last_values_by_the_reserve_and_the_rest_when_there_is_room() {
    on_a_disk_of("24m", "has a small disk");
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_full_disk_alerts_go_out_and_exports_wait_until_there_is_room() {
    on_a_disk_of("3m", "has an outbox on a tiny disk");
}
