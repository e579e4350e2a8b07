//! What the outbox takes, beside SQLite alone, in one run on one disk:
//!
//!     cargo bench -p growctl-engine --bench outbox
//!
//! Rows a second through `Store::post` until all are committed, against inserts of the same rows in transactions of the same size with
//! the same durability (WAL, FULL), five times each in turn; then how long a single post takes to be committed.

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use growctl_engine::app::Clock;
use growctl_engine::model::{Class, Outgoing, Utc};
use growctl_engine::store::{Question, Store, StoreConfig};
use rusqlite::{Connection, params};
use support::{median, now};
use tokio::sync::oneshot;

const ROWS: usize = 100_000;
const ROUNDS: usize = 5;
/// As many as the store puts into one transaction.
const BATCH: usize = 4_000;
/// Single posts, one every few milliseconds.
const POSTS: usize = 1_000;

fn main() {
    let (mut outbox, mut plain) = (Vec::new(), Vec::new());
    let mut sizes = Vec::new();
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (rate, commits) = through_the_outbox(folder.path());
        outbox.push(rate);
        sizes.push(ROWS as f64 / commits as f64);
        plain.push(by_hand(folder.path()));
    }
    let mut ratios: Vec<f64> = outbox.iter().zip(&plain).map(|(outbox, plain)| outbox / plain).collect();
    println!("{ROWS} exports of {} bytes, median of {ROUNDS} rounds in turn", body(0).len());
    println!("  through the outbox   {:>9.0} rows/s, {:.0} rows a commit", median(&mut outbox), median(&mut sizes));
    println!("  plain SQLite inserts {:>9.0} rows/s, {BATCH} rows a commit", median(&mut plain));
    println!("  ratio                {:>9.2}  (goal: at least 0.5)", median(&mut ratios));
    let (mut idle, mut busy) = (latencies(0), latencies(20));
    println!("from post to committed, {POSTS} posts a few milliseconds apart");
    for (what, spans) in [("alone", &mut idle), ("beside 20 exports each", &mut busy)] {
        spans.sort_by(f64::total_cmp);
        let at = |share: f64| spans[(spans.len() as f64 * share) as usize] * 1e3;
        println!("  {what:<22} p50 {:>5.1} ms, p99 {:>5.1} ms  (goal: p99 under 50 ms)", at(0.5), at(0.99));
    }
}

fn body(number: usize) -> String {
    format!(
        r#"{{"id":"k2j4h5g6","ts":1790000000.123,"room":"Flower Room","cluster":"Front","node":"FR-C1","temperature":{}.25,"humidity":61.5,"number":{number}}}"#,
        20 + number % 10
    )
}

fn export(number: usize) -> Outgoing {
    let key = format!("k2j4h5g6-{number}");
    Outgoing { class: Class::Export, to: "influx".into(), at: Utc(number as i64), key: key.into(), body: body(number) }
}

fn open(folder: &Path) -> Store {
    let clock = Clock::start();
    let config = StoreConfig::new(folder.join("growctl.db"), Arc::new(move || clock.now()));
    Store::open(config, Box::new(|_| {})).0
}

fn settled(store: &Store) {
    let (answer, wait) = oneshot::channel();
    store.ask(Question::Settled(answer)).expect("the store takes questions");
    assert!(wait.blocking_recv().expect("it answers"), "{:?}", store.status());
}

/// Rows a second, and the commits that it took.
fn through_the_outbox(folder: &Path) -> (f64, u64) {
    let store = open(folder);
    settled(&store);
    let rows: Vec<Outgoing> = (0..ROWS).map(export).collect();
    let before = store.status().commits;
    let start = now();
    for (number, row) in rows.into_iter().enumerate() {
        // The oldest of 10,000 gives way: here nobody may be faster than the disk.
        while number % 1_000 == 0 && store.status().outbox.exports.in_memory > 8_000 {
            std::thread::yield_now();
        }
        store.post(row).expect("there is room");
    }
    settled(&store);
    let took = start.elapsed().as_secs_f64();
    let status = store.status();
    assert_eq!(status.outbox.exports.committed, ROWS as u64, "{:?}", status.outbox);
    assert!(store.close(Duration::from_secs(20)));
    (ROWS as f64 / took, status.commits - before)
}

/// The same rows into the same table, a new one.
fn by_hand(folder: &Path) -> f64 {
    let mut connection = Connection::open(folder.join("plain.db")).expect("a new database");
    let schema = Connection::open(folder.join("growctl.db")).expect("the outbox's");
    let tables = "SELECT sql FROM sqlite_schema WHERE name IN ('outbox', 'outbox_of') ORDER BY type DESC";
    let tables: Vec<String> = schema
        .prepare(tables)
        .and_then(|mut tables| tables.query_map([], |row| row.get(0))?.collect())
        .expect("its tables");
    connection.pragma_update(None, "journal_mode", "wal").expect("a journal");
    connection.pragma_update(None, "synchronous", "full").expect("as durable");
    connection.execute_batch(&tables.join(";")).expect("the same table");
    let rows: Vec<Outgoing> = (0..ROWS).map(export).collect();
    let start = now();
    for batch in rows.chunks(BATCH) {
        let transaction = connection.transaction().expect("it is ours alone");
        let mut insert = transaction
            .prepare("INSERT INTO outbox VALUES (NULL, 'export', ?1, ?2, ?3, ?4, 0, 0.0, 'waiting', 0, 0.0, NULL)")
            .expect("the table has these");
        for row in batch {
            insert.execute(params![row.to, row.at.seconds(), row.key, row.body]).expect("there is room");
        }
        drop(insert);
        transaction.commit().expect("there is room");
    }
    ROWS as f64 / start.elapsed().as_secs_f64()
}

/// Seconds from each post to the commit that has it, with so many exports beside it.
fn latencies(beside: usize) -> Vec<f64> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open(folder.path());
    settled(&store);
    let mut random = fastrand::Rng::with_seed(3);
    let mut spans = Vec::new();
    for number in 0..POSTS {
        pass(Duration::from_micros(random.u64(1_000..9_000)));
        (0..beside).for_each(|other| drop(store.post(export(number * 100 + other))));
        let start = now();
        let alert = Outgoing { class: Class::Alert, to: "grower/sms".into(), ..export(number) };
        store.post(alert).expect("there is room");
        while store.status().outbox.alerts.committed <= number as u64 {
            std::thread::yield_now();
        }
        spans.push(start.elapsed().as_secs_f64());
    }
    assert!(store.close(Duration::from_secs(20)));
    spans
}

/// Lets time pass without giving up the processor for longer.
fn pass(span: Duration) {
    let start: Instant = now();
    while start.elapsed() < span {
        std::thread::yield_now();
    }
}
