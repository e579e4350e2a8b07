//! By PostgreSQL.

use std::time::Duration;

use growctl_engine::model::{Parcel, Secret, Verdict};
use growctl_engine::senders::postgres::{Config, sender};
use growctl_engine::senders::{Sender, Transcript};
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls};

use crate::{canary, context, control, parcel, port, sent, why};

/// One test at a time has the server.
static SERVER: Mutex<()> = Mutex::const_new(());

fn config(url: String, table: &str) -> Config {
    Config { url: Secret::new(url), table: table.to_owned(), allow_private: true }
}

fn url(port: u16) -> String {
    format!("postgres://grow:{}@localhost:{port}/postgres", canary().expose())
}

fn made(config: &Config, transcript: &Transcript) -> Box<dyn Sender> {
    sender(config, &context(transcript)).expect("it can work")
}

async fn client(port: u16) -> Client {
    let (client, connection) = tokio_postgres::connect(&url(port), NoTls).await.expect("it is there");
    tokio::spawn(connection);
    client
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn readings_are_rows_and_a_batch_that_comes_again_adds_none() {
    let port = port("PG_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let body = r#"{"id":"a-1","ts":1795649400.25,"room":"Flower Room","cluster":"front","node":"n1","temperature":21.5,"state":"ok"}"#;
    let batch = |tries| [parcel(1, tries, body), parcel(2, tries, "42"), parcel(3, tries, "no JSON")];
    // A sender for each: as after a restart.
    for (tries, url) in [(1, url(port)), (2, format!("{}?sslmode=verify-full", url(port)))] {
        let verdicts = sent(&mut made(&config(url, "grow\"s.readings"), &transcript), &transcript, &batch(tries)).await;
        if tries == 1 {
            assert!(why(&verdicts[0]).contains("schema"), "{verdicts:?}");
            client(port).await.batch_execute("CREATE SCHEMA \"grow\"\"s\"").await.expect("made");
        }
    }
    for tries in [3, 4] {
        let config = config(format!("{}?sslmode=require", url(port)), "grow\"s.readings");
        let verdicts = sent(&mut made(&config, &transcript), &transcript, &batch(tries)).await;
        assert_eq!(verdicts[..2], [Verdict::Delivered, Verdict::Delivered], "{:#?}", transcript.lines());
        assert!(matches!(verdicts[2], Verdict::Refused(_)), "{verdicts:?}");
    }
    let sql = "SELECT extract(epoch FROM time)::float8, room, cluster, node, field, value, text, id, key FROM \"grow\"\"s\".readings \
ORDER BY key, field";
    let rows = client(port).await.query(sql, &[]).await.expect("read");
    assert_eq!(rows.len(), 3, "{rows:?}");
    let text = |row: usize, column: usize| rows[row].get::<_, Option<String>>(column);
    assert_eq!(
        (text(0, 1), text(0, 3), text(0, 4)),
        (Some("Flower Room".to_owned()), Some("n1".to_owned()), Some("state".to_owned()))
    );
    assert_eq!(
        (text(0, 6), text(1, 4), text(1, 7)),
        (Some("ok".to_owned()), Some("temperature".to_owned()), Some("a-1".to_owned()))
    );
    assert_eq!((rows[1].get::<_, f64>(0), rows[1].get::<_, Option<f64>>(5)), (1_795_649_400.25, Some(21.5)));
    assert_eq!((rows[2].get::<_, Option<f64>>(5), text(2, 8)), (Some(42.0), Some("key-2".to_owned())));
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn what_the_table_refuses_holds_up_nothing_else() {
    let port = port("PG_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let mut sender = made(&config(url(port), "limited"), &transcript);
    assert_eq!(sent(&mut sender, &transcript, &[parcel(1, 1, "1")]).await, [Verdict::Delivered]);
    client(port).await.batch_execute("ALTER TABLE limited ADD CHECK (value < 100)").await.expect("altered");
    // Not compressible, and larger than a row of an index may be.
    let mut random = fastrand::Rng::with_seed(1);
    let name: String = (0..5_000).map(|_| random.lowercase()).collect();
    let large = format!("{{\"{name}\":1}}");
    let batch = [parcel(2, 1, "2"), parcel(3, 1, "300"), parcel(4, 1, "4"), parcel(5, 1, &large)];
    let verdicts = sent(&mut sender, &transcript, &batch).await;
    assert!(matches!(&verdicts[3], Verdict::Refused(why) if why.contains("index row")), "{verdicts:?}");
    assert!(matches!(&verdicts[1], Verdict::Refused(why) if why.contains("check constraint")), "{verdicts:?}");
    assert_eq!((&verdicts[0], &verdicts[2]), (&Verdict::Delivered, &Verdict::Delivered));
    let count = client(port).await.query_one("SELECT count(*) FROM limited", &[]).await.expect("read");
    assert_eq!(count.get::<_, i64>(0), 3);
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_large_batch_is_stored_once_however_often_it_is_broken_off() {
    let port = port("PG_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let mut sender = made(&config(url(port), "large"), &transcript);
    let batch: Vec<Parcel> =
        (0..10_000).map(|id| parcel(id, 1, r#"{"room":"1","temperature":21.5,"humidity":60}"#)).collect();
    for pause in [0, 5, 20, 50, 100] {
        let broken_off = tokio::time::timeout(Duration::from_millis(pause), sender.send(&batch)).await;
        drop(broken_off);
    }
    assert_eq!(sent(&mut sender, &transcript, &batch).await, vec![Verdict::Delivered; 10_000]);
    let count =
        client(port).await.query_one("SELECT count(*), count(DISTINCT key) FROM large", &[]).await.expect("read");
    assert_eq!((count.get::<_, i64>(0), count.get::<_, i64>(1)), (20_000, 10_000));
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_database_that_was_away_gets_it_later() {
    let port = port("PG_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let mut sender = made(&config(url(port), "later"), &transcript);
    assert_eq!(sent(&mut sender, &transcript, &[parcel(1, 1, "1")]).await, [Verdict::Delivered]);
    control("stop", "postgres");
    let verdicts = sent(&mut sender, &transcript, &[parcel(2, 1, "2")]).await;
    assert!(!why(&verdicts[0]).is_empty());
    control("start", "postgres");
    assert_eq!(sent(&mut sender, &transcript, &[parcel(2, 2, "2")]).await, [Verdict::Delivered]);
    control("stop", "postgres");
    control("start", "postgres");
    let verdicts = sent(&mut sender, &transcript, &[parcel(3, 1, "3")]).await;
    assert_eq!(verdicts, [Verdict::Delivered], "a connection that died meanwhile is no try");
    let count = client(port).await.query_one("SELECT count(*) FROM later", &[]).await.expect("read");
    assert_eq!(count.get::<_, i64>(0), 3);
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_wrong_password_waits_for_a_person_and_is_not_shown() {
    let port = port("PG_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let config = config(format!("postgres://grow:canary-wrong@127.0.0.1:{port}/postgres"), "x");
    let verdicts = sent(&mut made(&config, &transcript), &transcript, &[parcel(1, 1, "1")]).await;
    assert!(why(&verdicts[0]).contains("password authentication failed"), "{verdicts:?}");
    for unreadable in ["postgres://grow:a@canary@host/db", "postgres://grow:canary@host:port/db", "canary"] {
        let refused =
            sender(&Config { url: Secret::new(unreadable.to_owned()), ..config.clone() }, &context(&transcript)).err();
        assert!(
            refused.as_ref().is_some_and(|why| !why.contains("canary") && why.contains("%40")),
            "{unreadable}: {refused:?}"
        );
    }
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_certificate_of_another_name_is_refused() {
    let port = port("PG_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let config = config(format!("{}?sslmode=require", url(port).replace("localhost", "127.0.0.1")), "x");
    let verdicts = sent(&mut made(&config, &transcript), &transcript, &[parcel(1, 1, "1")]).await;
    assert!(why(&verdicts[0]).contains("certificate"), "{verdicts:?}");
}

/// The extension is in no package of Debian: this one has its name and the function that is called, and no more.
#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn where_timescale_is_the_table_is_made_a_hypertable_or_not_at_all() {
    let port = port("PG_PORT");
    let _server = SERVER.lock().await;
    let other = |url: String| url.replace("/postgres", "/timescale");
    client(port).await.batch_execute("CREATE DATABASE timescale").await.expect("made");
    let (client, connection) = tokio_postgres::connect(&other(url(port)), NoTls).await.expect("it is there");
    tokio::spawn(connection);
    let extension = "SET allow_system_table_mods = on; INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, \
extversion) VALUES (99999, 'timescaledb', 10, 2200, false, '2')";
    client.batch_execute(extension).await.expect("pretended");
    let transcript = Transcript::kept();
    let mut sender = made(&config(other(url(port)), "o'clock"), &transcript);
    assert!(why(&sent(&mut sender, &transcript, &[parcel(1, 1, "1")]).await[0]).contains("create_hypertable"));
    let function = "CREATE TABLE calls (it text); CREATE FUNCTION create_hypertable(relation regclass, time_column_name name, \
if_not_exists boolean) RETURNS TABLE (hypertable_id int, created bool) LANGUAGE sql AS \
$$ INSERT INTO calls VALUES (relation || ' ' || time_column_name); SELECT 1, true $$";
    client.batch_execute(function).await.expect("made");
    for _ in 0..2 {
        let mut sender = made(&config(other(url(port)), "o'clock"), &transcript);
        assert_eq!(sent(&mut sender, &transcript, &[parcel(1, 2, "1")]).await, [Verdict::Delivered]);
    }
    let calls = client.query("SELECT it FROM calls", &[]).await.expect("read");
    let calls: Vec<&str> = calls.iter().map(|row| row.get(0)).collect();
    assert_eq!(calls, ["\"o'clock\" time"]);
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_private_database_is_spoken_to_only_if_that_is_meant() {
    let port = port("PG_PORT");
    let transcript = Transcript::kept();
    for url in [url(port), "postgres://grow@%2Ftmp/postgres".to_owned()] {
        let config = Config { allow_private: false, ..config(url, "x") };
        let verdicts = sent(&mut made(&config, &transcript), &transcript, &[parcel(1, 1, "1")]).await;
        assert!(why(&verdicts[0]).contains("allow_private"), "{verdicts:?}");
    }
}
