//! The outbox: what is committed arrives, in order, and what became of it adds up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fixture::{clock, fixture, open, open_with, outgoing};
use super::schedule::{self, Policy};
use super::schema::MIGRATIONS;
use super::{OutboxAsk, Question, Removed, RowState, Step, StoreConfig, Which};
use crate::model::{Class, Outgoing, Utc, Verdict};

const ALERT: Class = Class::Alert;
const EXPORT: Class = Class::Export;

fn retry(at: Utc) -> Step {
    Step::Retry { at, why: "no answer".to_owned() }
}

fn later(seconds: i64) -> Utc {
    Utc(1_790_000_000_000_000_000 + seconds * 1_000_000_000)
}

#[test]
fn what_is_taken_comes_in_order_and_leaves_when_it_has_arrived() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    for key in ["1", "2", "3"] {
        bench.post(EXPORT, "influx", key).unwrap();
        bench.post(ALERT, "grower/sms", key).unwrap();
    }
    assert!(bench.settled());
    let taken = bench.take("influx", 2);
    assert_eq!(taken.parcels.iter().map(|p| (&*p.key, p.tries)).collect::<Vec<_>>(), [("1", 1), ("2", 1)]);
    assert_eq!((taken.parcels[0].body.as_str(), taken.parcels[0].at), (r#"{"n":"1"}"#, Utc(1_790_000_000_123_456_000)));
    taken.parcels.iter().for_each(|parcel| bench.settle(parcel.id, Step::Done));
    assert_eq!(bench.taken("influx", 9), [("3".to_owned(), 1)]);
    assert_eq!(bench.take("nobody", 9), super::Taken::default());
    let status = bench.store.status().outbox;
    assert_eq!((status.exports.delivered, status.exports.pending, status.alerts.pending, status.rows), (2, 1, 3, 4));
    bench.balances();
    let bench = bench.again();
    assert!(bench.settled());
    assert_eq!((bench.store.status().outbox.exports.found, bench.store.status().outbox.alerts.found), (1, 3));
    // It was under way when the run ended: it may have arrived.
    assert_eq!(bench.taken("influx", 9), [("3".to_owned(), 2)]);
    bench.balances();
}

#[test]
fn nothing_overtakes_what_waits_for_its_next_try() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    (1..=3).for_each(|key| bench.post(EXPORT, "influx", &key.to_string()).unwrap());
    assert!(bench.settled());
    let taken = bench.take("influx", 2);
    bench.settle(taken.parcels[0].id, retry(later(600)));
    bench.settle(taken.parcels[1].id, Step::Dead { why: "refused".to_owned() });
    let waits = bench.take("influx", 9);
    assert_eq!((waits.parcels.len(), waits.next), (0, Some(later(600))));
    let status = bench.store.status().outbox.exports;
    assert_eq!((status.retried, status.dead, status.pending), (1, 1, 2));
    // The clock was set back by years: what would have to wait for years is due.
    bench.settle(taken.parcels[0].id, Step::Done);
    bench.post(EXPORT, "file", "4").unwrap();
    assert!(bench.settled());
    let id = bench.take("file", 1).parcels[0].id;
    bench.settle(id, retry(later(100_000_000)));
    assert_eq!(bench.taken("file", 1), [("4".to_owned(), 2)]);
    bench.balances();
}

#[test]
fn what_was_taken_and_not_settled_comes_again_and_tells_so() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    bench.post(ALERT, "a", "1").unwrap();
    assert!(bench.settled());
    assert_eq!(bench.taken("a", 1), [("1".to_owned(), 1)]);
    let again = bench.take("a", 1);
    assert_eq!(again.parcels[0].tries, 2);
    bench.settle(again.parcels[0].id, Step::Done);
    assert!(bench.settled());
    assert_eq!(bench.store.status().outbox.alerts.maybe_twice, 1);
    bench.balances();
}

#[test]
fn a_damaged_row_is_set_aside_and_never_handed_out() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    (1..=3).for_each(|key| bench.post(ALERT, "a", &key.to_string()).unwrap());
    assert!(bench.store.close(Duration::from_secs(20)));
    let stranger = Connection::open(&path).unwrap();
    stranger.execute("UPDATE outbox SET body = replace(body, '1', '7') WHERE key = '1'", []).unwrap();
    stranger.execute("UPDATE outbox SET state = 'wbiting' WHERE key = '2'", []).unwrap();
    drop(stranger);
    let bench = open(&path);
    assert_eq!(bench.taken("a", 9), [("3".to_owned(), 1)], "{}", bench.why());
    let status = bench.store.status().outbox;
    assert_eq!((status.damaged, status.alerts.dead, status.alerts.found), (2, 2, 3));
    bench.balances();
}

#[test]
fn beyond_the_cap_the_oldest_exports_go_and_no_alert() {
    let (_folder, path) = fixture();
    let bench = open_with(&path, |config| config.outbox_most.rows = 20);
    for key in 0..30 {
        bench.post(if key < 10 { ALERT } else { EXPORT }, "a", &key.to_string()).unwrap();
    }
    assert!(bench.settled());
    let status = bench.store.status().outbox;
    assert_eq!((status.alerts.pending, status.exports.dropped["outbox full"], status.rows), (10, 10, 20));
    let keys: Vec<u32> = bench.taken("a", 99).into_iter().map(|(key, _)| key.parse().unwrap()).collect();
    assert_eq!(keys, (0..10).chain(20..30).collect::<Vec<u32>>());
    bench.balances();
    let bench = open_with(&path.with_file_name("bytes.db"), |config| config.outbox_most.bytes = 1_500);
    (0..20).for_each(|key| bench.post(EXPORT, "a", &key.to_string()).unwrap());
    assert!(bench.settled());
    assert!(bench.store.status().outbox.bytes <= 1_500, "{:?}", bench.store.status());
    bench.balances();
}

#[test]
fn a_database_of_before_the_outbox_is_brought_to_it() {
    let (_folder, path) = fixture();
    let older = Connection::open(&path).unwrap();
    older.execute_batch(MIGRATIONS[0]).unwrap();
    older.execute_batch("INSERT INTO rule_state VALUES ('a', '', '1', 0.0); PRAGMA user_version = 1").unwrap();
    drop(older);
    let bench = open(&path);
    assert_eq!(bench.restored["a"], "1", "{}", bench.why());
    bench.post(ALERT, "a", "1").unwrap();
    assert!(bench.settled(), "{}", bench.why());
    assert_eq!(bench.again().taken("a", 9), [("1".to_owned(), 1)]);
}

#[test]
fn while_nothing_can_be_written_alerts_still_go_out_once_and_exports_wait() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    bench.post(ALERT, "sms", "on disk").unwrap();
    bench.post(EXPORT, "influx", "on disk").unwrap();
    assert!(bench.settled());
    let stranger = Connection::open(&path).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let moves = bench.store.outbox_moves();
    ["first", "second"].into_iter().for_each(|key| bench.post(ALERT, "sms", key).unwrap());
    bench.post(EXPORT, "influx", "in memory").unwrap();
    assert!(!bench.settled());
    let taken = bench.take("sms", 9);
    let ids: Vec<(i64, &str)> = taken.parcels.iter().map(|parcel| (parcel.id, &*parcel.key)).collect();
    assert_eq!(ids, [(1, "on disk"), (-1, "first"), (-2, "second")]);
    assert_eq!((bench.take("sms", 9).parcels.len(), bench.take("influx", 9).parcels.len()), (0, 0));
    assert!(moves.has_changed().unwrap(), "whoever waits for alerts is woken");
    bench.settle(1, Step::Done);
    bench.settle(-1, Step::Done);
    assert!(!bench.settled());
    let status = bench.store.status().outbox;
    assert_eq!((status.alerts.in_memory, status.exports.in_memory, status.alerts.delivered), (1, 1, 1));
    bench.balances();
    stranger.execute_batch("COMMIT").unwrap();
    assert!(bench.settled(), "{}", bench.why());
    // It is on disk now, and what was handed out from memory is still under way.
    bench.settle(-2, retry(later(0)));
    assert_eq!(bench.taken("sms", 9), [("second".to_owned(), 2)]);
    assert_eq!(bench.taken("influx", 9), [("on disk".to_owned(), 1), ("in memory".to_owned(), 1)]);
    let status = bench.store.status().outbox;
    assert_eq!((status.alerts.delivered, status.alerts.pending, status.exports.pending), (2, 1, 2));
    bench.balances();
}

#[test]
fn a_full_database_takes_alerts_before_exports_and_what_has_arrived_makes_room() {
    let (_folder, path) = fixture();
    let bench = open_with(&path, |config| config.most_pages = Some(60));
    let big = |class: Class, key: &str, kilobytes: usize| {
        let body = format!("\"{}\"", "x".repeat(kilobytes << 10));
        bench.store.post(Outgoing { body, ..outgoing(class, "a", key) }).unwrap();
    };
    big(EXPORT, "1", 60);
    assert!(bench.settled(), "{}", bench.why());
    let id = bench.take("a", 1).parcels[0].id;
    big(ALERT, "2", 20);
    big(EXPORT, "3", 150);
    assert!(!bench.settled());
    assert!(bench.why().contains("the disk is full"), "{}", bench.why());
    let status = bench.store.status().outbox;
    assert_eq!((status.alerts.committed, status.exports.in_memory), (1, 1), "the alert is on disk");
    bench.balances();
    bench.settle(id, Step::Done);
    assert!(bench.settled(), "{:?}", bench.store.status());
    let status = bench.store.status().outbox;
    assert_eq!((status.exports.committed, status.exports.delivered, status.exports.in_memory), (2, 1, 0));
    bench.balances();
}

#[test]
fn in_a_run_without_a_store_alerts_go_out_from_memory() {
    let (_folder, path) = fixture();
    drop(open(&path).again());
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let bench = open(&path);
    bench.post(ALERT, "sms", "1").unwrap();
    assert!(bench.post(EXPORT, "influx", "1").is_err());
    assert_eq!(bench.taken("sms", 9), [("1".to_owned(), 1)]);
    bench.settle(-1, Step::Done);
    assert!(bench.taken("sms", 9).is_empty());
    assert_eq!((bench.store.status().outbox.alerts.delivered, bench.store.status().outbox.exports.refused), (1, 1));
    bench.balances();
}

#[test]
fn a_database_that_goes_takes_its_rows_and_says_so_and_no_place_is_given_twice() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    bench.post(ALERT, "a", "1").unwrap();
    assert!(bench.settled());
    let old = bench.take("a", 1).parcels[0].id;
    for ending in ["", "-wal", "-shm"] {
        std::fs::remove_file(super::files::with(&path, ending)).unwrap();
    }
    bench.post(ALERT, "a", "2").unwrap();
    assert!(bench.settled(), "{}", bench.why());
    bench.settle(old, Step::Done);
    assert_eq!(bench.taken("a", 9), [("2".to_owned(), 1)], "it is not taken for the old one");
    let status = bench.store.status().outbox.alerts;
    assert_eq!((status.dropped["lost with a damaged or deleted database"], status.pending), (1, 1));
    bench.balances();
}

#[test]
fn a_person_sees_retries_and_drops() {
    let (_folder, path) = fixture();
    let bench = open(&path);
    for (class, to) in [(ALERT, "sms"), (EXPORT, "influx"), (EXPORT, "influx"), (EXPORT, "file")] {
        bench.post(class, to, "k").unwrap();
    }
    assert!(bench.settled());
    let id = bench.take("influx", 1).parcels[0].id;
    bench.settle(id, Step::Dead { why: "no such table".to_owned() });
    let (answer, wait) = oneshot::channel();
    let dead = OutboxAsk::List { to: None, state: Some(RowState::Dead), limit: 9, answer };
    bench.store.ask(Question::Outbox(dead)).unwrap();
    let rows = wait.blocking_recv().unwrap().unwrap();
    assert_eq!(
        rows.iter().map(|row| (&*row.to, row.error.as_deref())).collect::<Vec<_>>(),
        [("influx", Some("no such table"))]
    );
    let (answer, wait) = oneshot::channel();
    bench.store.ask(Question::Outbox(OutboxAsk::Show(id, answer))).unwrap();
    assert_eq!(wait.blocking_recv().unwrap().unwrap().unwrap().body.as_deref(), Some(r#"{"n":"k"}"#));
    let (answer, wait) = oneshot::channel();
    bench.store.ask(Question::Outbox(OutboxAsk::Stats(answer))).unwrap();
    let stats = wait.blocking_recv().unwrap().unwrap();
    let numbers: Vec<(&str, u64, u64)> = stats.iter().map(|one| (&*one.to, one.waiting, one.dead)).collect();
    assert_eq!(numbers, [("file", 1, 0), ("influx", 1, 1), ("sms", 1, 0)]);
    assert_eq!(bench.retry(Which::Dead), 1);
    assert_eq!(bench.taken("influx", 1), [("k".to_owned(), 2)], "at its old place, and it tells");
    assert_eq!(bench.remove(Which::Outlet("sms".into()), false), Removed { dropped: 0, left: 1 });
    assert_eq!(bench.remove(Which::Outlet("sms".into()), true), Removed { dropped: 1, left: 0 });
    assert_eq!(bench.remove(Which::Ids(vec![id, 4, 99]), false), Removed { dropped: 2, left: 0 });
    let status = bench.store.status().outbox;
    assert_eq!((status.alerts.dropped_by_person, status.exports.dropped_by_person, status.rows), (1, 2, 1));
    bench.balances();
}

/// How far the tests' clock is ahead of the machine's, in nanoseconds.
static AHEAD: AtomicU64 = AtomicU64::new(0);

fn ahead(config: &mut StoreConfig) {
    let machine = clock();
    config.now = Arc::new(move || machine() + Duration::from_nanos(AHEAD.load(Ordering::Relaxed)));
}

#[test]
fn a_week_without_network_loses_nothing_and_then_all_arrives_in_order() {
    const WEEK: u64 = 7 * 24 * 3_600 * 1_000_000_000;
    let (_folder, path) = fixture();
    let mut bench = open_with(&path, ahead);
    (1..=100).for_each(|key| bench.post(EXPORT, "influx", &key.to_string()).unwrap());
    ["1", "2", "3"].into_iter().for_each(|key| bench.post(ALERT, "grower/sms", key).unwrap());
    assert!(bench.settled());
    let day = Duration::from_secs(24 * 3_600);
    let policy = Policy { keep_trying: 8 * day, longest_pause: Duration::from_secs(3_600), ..Policy::default() };
    let now = || ahead_of(later(0));
    let nobody = Verdict::Failed { why: "no route to host".to_owned(), retry_after: None };
    let (mut failed, mut restarted) = (0, false);
    while AHEAD.load(Ordering::Relaxed) < WEEK {
        let mut next = u64::MAX;
        for (to, most) in [("influx", 1_000), ("grower/sms", 1)] {
            let taken = bench.take(to, most);
            for (parcel, put_at) in taken.parcels.iter().zip(&taken.put_at) {
                failed += 1;
                bench.settle(parcel.id, schedule::step(&nobody, parcel.tries, *put_at, now(), &policy, 1.0));
            }
            next = next.min(taken.next.map_or(0, |due| due.0.saturating_sub(now().0).max(0) as u64));
        }
        AHEAD.fetch_add(next, Ordering::Relaxed);
        if !restarted && AHEAD.load(Ordering::Relaxed) > WEEK / 2 {
            (bench, restarted) = (bench.again(), true);
        }
    }
    AHEAD.fetch_add(3_600_000_000_000, Ordering::Relaxed);
    let keys = |taken: &super::Taken| taken.parcels.iter().map(|parcel| parcel.key.to_string()).collect::<Vec<_>>();
    let exports = bench.take("influx", 1_000);
    assert_eq!(keys(&exports), (1..=100).map(|key| key.to_string()).collect::<Vec<_>>());
    let tries = exports.parcels[0].tries;
    assert!((170..200).contains(&tries) && failed > 17_000, "about one an hour: {tries}, {failed} in all");
    exports.parcels.iter().for_each(|parcel| bench.settle(parcel.id, Step::Done));
    for key in ["1", "2", "3"] {
        let alert = bench.take("grower/sms", 1);
        assert_eq!(keys(&alert), [key]);
        bench.settle(alert.parcels[0].id, Step::Done);
    }
    assert!(bench.settled());
    assert_eq!(bench.store.status().outbox.rows, 0);
    bench.balances();
}

fn ahead_of(base: Utc) -> Utc {
    Utc(base.0 + AHEAD.load(Ordering::Relaxed) as i64)
}
