use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use jiff::tz::TimeZone;

use super::names::Pattern;
use super::tidy::Tidy;
use super::{Config, Format, sender};
use crate::model::{Parcel, Utc, Verdict};
use crate::senders::{Sender, SenderContext, Transcript};

/// 2026-11-25 23:30 UTC, which is the 26th in Amsterdam.
const LATE: i64 = 1_795_649_400_000_000_000;
const HOUR: i64 = 3_600_000_000_000;

fn context(folder: &Path) -> SenderContext {
    let zone = TimeZone::get("Europe/Amsterdam").expect("a zone");
    SenderContext { folder: folder.to_owned(), zone, site: "farm".to_owned(), transcript: Transcript::default() }
}

fn config(path: &str, format: Format, rotate: Option<u64>) -> Config {
    Config { path: path.to_owned(), format, compress: false, rotate, keep: None }
}

fn made(folder: &Path, path: &str, format: Format, rotate: Option<u64>) -> Box<dyn Sender> {
    sender(&config(path, format, rotate), &context(folder)).expect("it can work")
}

fn parcel(id: i64, at: i64, tries: u32, body: &str) -> Parcel {
    Parcel { id, key: format!("key-{id}").into(), at: Utc(at), tries, body: body.to_owned() }
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn each_value_is_a_line_in_the_file_of_its_local_day() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sender = made(folder.path(), "a/%Y-%m-%d.jsonl", Format::Jsonl, None);
    let parcels =
        [parcel(1, LATE - 2 * HOUR, 1, r#"{"t": 1}"#), parcel(2, LATE, 1, r#"{"t":2}"#), parcel(3, LATE, 1, "no JSON")];
    let verdicts = sender.send(&parcels).await;
    assert_eq!(verdicts[..2], [Verdict::Delivered, Verdict::Delivered]);
    assert!(matches!(verdicts[2], Verdict::Refused(_)), "{verdicts:?}");
    assert_eq!(read(folder.path(), "a/2026-11-25.jsonl"), "{\"t\":1}\n");
    assert_eq!(read(folder.path(), "a/2026-11-26.jsonl"), "{\"t\":2}\n");
}

#[tokio::test]
async fn after_a_kill_a_batch_that_was_written_is_not_written_again_and_a_torn_line_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let batch = |tries| {
        [
            parcel(1, LATE, tries, r#"{"t":1}"#),
            parcel(2, LATE, tries, r#"{"t":1}"#),
            parcel(3, LATE, tries, r#"{"t":3}"#),
        ]
    };
    made(folder.path(), "x.jsonl", Format::Jsonl, None).send(&batch(1)).await;
    let path = folder.path().join("x.jsonl");
    fs::write(&path, "{\"t\":1}\n{\"t\":1}\n{\"t\"").expect("as a kill left it");
    let mut after = made(folder.path(), "x.jsonl", Format::Jsonl, None);
    assert_eq!(after.send(&batch(2)).await, vec![Verdict::Delivered; 3]);
    assert_eq!(read(folder.path(), "x.jsonl"), "{\"t\":1}\n{\"t\":1}\n{\"t\":3}\n");
    after.send(&[parcel(4, LATE, 1, r#"{"t":1}"#)]).await;
    assert_eq!(read(folder.path(), "x.jsonl").lines().count(), 4, "the first try of an equal value is a value");
}

#[tokio::test]
async fn csv_has_the_columns_of_the_first_batch_and_one_for_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = [
        parcel(1, LATE, 1, r#"{"temperature":21.5,"room":"1","ts":5}"#),
        parcel(2, LATE, 1, r#"{"co2":400,"room":"a,\"b\""}"#),
    ];
    made(folder.path(), "x.csv", Format::Csv, None).send(&first).await;
    let later = [parcel(3, LATE, 1, r#"{"room":"2","note":"two\nlines","co2":null}"#)];
    made(folder.path(), "x.csv", Format::Csv, None).send(&later).await;
    let expected = "ts,room,co2,temperature,extra\n5,1,,21.5,\n,\"a,\"\"b\"\"\",400,,\n,2,,,\"{\"\"note\"\":\"\"two\\nlines\"\"}\"\n";
    assert_eq!(read(folder.path(), "x.csv"), expected);
}

#[tokio::test]
async fn a_full_file_is_followed_by_the_next_part_and_restarts_go_on_with_the_last() {
    let folder = tempfile::tempdir().expect("a folder");
    for id in 0..4 {
        made(folder.path(), "x.jsonl", Format::Jsonl, Some(10)).send(&[parcel(id, LATE, 1, r#"{"t":1}"#)]).await;
    }
    assert_eq!(read(folder.path(), "x.jsonl").lines().count(), 2);
    assert_eq!(read(folder.path(), "x.2.jsonl").lines().count(), 2);
    fs::rename(folder.path().join("x.2.jsonl"), folder.path().join("x.2.jsonl.zst")).expect("as if compressed");
    made(folder.path(), "x.jsonl", Format::Jsonl, Some(10)).send(&[parcel(9, LATE, 1, "9")]).await;
    assert_eq!(read(folder.path(), "x.3.jsonl"), "9\n");
}

#[tokio::test]
async fn what_cannot_be_written_fails_and_is_written_later() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a"), "a file where a folder should be").expect("written");
    let mut sender = made(folder.path(), "a/x.jsonl", Format::Jsonl, None);
    let verdicts = sender.send(&[parcel(1, LATE, 1, "1")]).await;
    let [Verdict::Failed { why, .. }] = &verdicts[..] else { panic!("{verdicts:?}") };
    assert!(why.contains("a/x.jsonl cannot be written"), "{why}");
    fs::remove_file(folder.path().join("a")).expect("removed");
    assert_eq!(sender.send(&[parcel(1, LATE, 2, "1")]).await, [Verdict::Delivered]);
    fs::remove_dir_all(folder.path().join("a")).expect("removed behind its back");
    assert_eq!(sender.send(&[parcel(2, LATE, 1, "2")]).await, [Verdict::Delivered]);
    assert_eq!(read(folder.path(), "a/x.jsonl"), "2\n");
}

#[test]
fn a_path_stays_under_the_site_folder_and_is_no_file_of_the_site() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = [
        "../x.jsonl",
        "/x.jsonl",
        "a//x.jsonl",
        "a/../x.jsonl",
        "growctl.yaml",
        "%Q.jsonl",
        "x%Y",
        "",
        "a\n.csv",
        "a\\b.csv",
    ];
    for path in wrong {
        let refused = sender(&config(path, Format::Jsonl, None), &context(folder.path())).err();
        assert!(refused.is_some_and(|why| !why.is_empty()), "{path:?}");
    }
    for path in ["x.csv", "archive/%Y/%m/readings-%d.jsonl", "%H.%M.log"] {
        assert!(sender(&config(path, Format::Jsonl, None), &context(folder.path())).is_ok(), "{path}");
    }
}

#[test]
fn only_own_files_that_are_over_are_compressed_and_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let ages = [
        ("2026-11-25.jsonl", 0),
        ("2026-11-24.jsonl", 5),
        ("2026-11-24.2.jsonl", 60),
        ("2026-11-23.jsonl", 1500),
        ("2026-10-01.jsonl.zst", 3000),
        ("2026-10-02.jsonl", 3000),
        ("notes.jsonl", 9000),
        ("2026-11-01.csv", 9000),
    ];
    fs::create_dir(folder.path().join("a")).expect("made");
    for (name, minutes) in ages {
        let path = folder.path().join("a").join(name);
        fs::write(&path, name.repeat(100)).expect("written");
        let time = UNIX_EPOCH + Duration::from_secs(1_795_000_000 - minutes * 60);
        fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("its age");
    }
    let pattern = Pattern::new("a/%Y-%m-%d.jsonl", TimeZone::UTC).expect("a pattern");
    let tidy = Tidy::new(folder.path(), &pattern, true, Some(Duration::from_secs(2000 * 60)));
    tidy.run(&folder.path().join("a/2026-11-25.jsonl"));
    let mut left: Vec<String> = fs::read_dir(folder.path().join("a"))
        .expect("read")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    left.sort();
    let expected = [
        "2026-11-01.csv",
        "2026-11-23.jsonl.zst",
        "2026-11-24.2.jsonl.zst",
        "2026-11-24.jsonl",
        "2026-11-25.jsonl",
        "notes.jsonl",
    ];
    assert_eq!(left, expected);
    let packed = fs::read(folder.path().join("a/2026-11-23.jsonl.zst")).expect("read");
    let text = zstd::stream::decode_all(&packed[..]).expect("zstd");
    assert_eq!(text, "2026-11-23.jsonl".repeat(100).as_bytes());
    assert!(packed.len() < 200, "{} bytes", packed.len());
}
