use std::path::Path;

use super::*;
use crate::model::{Name, Origin, Utc, Value};

/// 2024-12-27T03:34:56Z, and seconds after it.
fn at(seconds: u64) -> Timestamp {
    let start = Timestamp { mono: Mono(0), utc: Utc(1_735_270_496_000_000_000) };
    start + Duration::from_secs(seconds)
}

struct Bench {
    folder: tempfile::TempDir,
    action: LogFile,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let zone = TimeZone::get("America/New_York").unwrap();
        let action = LogFile::new(folder.path(), zone);
        Bench { folder, action }
    }

    fn log(&mut self, seconds: u64, name: &str, value: Value) -> Result<(), Failure> {
        let origin = Origin { rule: "r".into(), instance: "".into(), priority: 50, shadow: false, revision: None };
        let args = [Value::text(name), value];
        self.action.perform(&Job { at: at(seconds), function: "log_file", args: &args, origin: &origin })
    }

    fn flush(&mut self) -> Vec<Lost> {
        let mut lost = Vec::new();
        self.action.flush(&mut lost);
        lost
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("logs").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

#[test]
fn a_line_of_json_goes_into_the_file_of_the_local_day() {
    let mut bench = Bench::new();
    let fields = [(Name::from("t"), Value::Number(24.0)), (Name::from("n"), Value::text("a\nb"))];
    bench.log(0, "x/readings-%Y-%m-%d.jsonl", Value::Map(Box::new(fields.into_iter().collect()))).unwrap();
    bench.log(1, "x/readings-%Y-%m-%d.jsonl", Value::Null).unwrap();
    bench.log(6 * 3600, "x/readings-%Y-%m-%d.jsonl", Value::Bool(true)).unwrap();
    assert_eq!(bench.flush(), []);
    assert_eq!(bench.text("x/readings-2024-12-26.jsonl"), "{\"t\":24.0,\"n\":\"a\\nb\"}\nnull\n");
    assert_eq!(bench.text("x/readings-2024-12-27.jsonl"), "true\n");
    assert_eq!(bench.action.sinks.len(), 1, "yesterday's file is closed");
}

#[test]
fn a_name_stays_within_the_folder() {
    let mut bench = Bench::new();
    for bad in
        ["", "/etc/x", "../x", "a/../../x", "a//b", ".", "a/", "a\\b", "a\nb", "a\0b", "%", "%Y/%", &"x".repeat(201)]
    {
        assert!(matches!(bench.log(0, bad, Value::Null), Err(Failure::Call(_))), "{bad:?}");
    }
    assert_eq!(bench.flush(), []);
    assert!(!bench.folder.path().join("logs").exists());
}

#[test]
fn a_file_that_was_moved_or_deleted_is_begun_again() {
    let mut bench = Bench::new();
    bench.log(0, "a", Value::Number(1.0)).unwrap();
    bench.flush();
    fs::rename(bench.path("a"), bench.path("a.1")).unwrap();
    bench.log(1, "a", Value::Number(2.0)).unwrap();
    bench.flush();
    fs::remove_dir_all(bench.folder.path().join("logs")).unwrap();
    bench.log(2, "a", Value::Number(3.0)).unwrap();
    bench.log(3, "a", Value::Number(4.0)).unwrap();
    assert_eq!(bench.flush(), []);
    assert_eq!(bench.text("a"), "3.0\n4.0\n");
}

#[test]
fn a_full_disk_loses_the_lines_and_says_how_many() {
    let mut bench = Bench::new();
    if !Path::new("/dev/full").exists() {
        return;
    }
    fs::create_dir(bench.folder.path().join("logs")).unwrap();
    std::os::unix::fs::symlink("/dev/full", bench.path("a")).unwrap();
    bench.log(0, "a", Value::Number(1.0)).unwrap();
    bench.log(0, "a", Value::Number(2.0)).unwrap();
    bench.log(0, "b", Value::Number(3.0)).unwrap();
    let lost = bench.flush();
    assert!(
        matches!(&lost[..], [Lost { jobs: 2, failure: Failure::Outside(why) }] if why.contains("logs/a cannot")),
        "{lost:?}"
    );
    fs::remove_file(bench.path("a")).unwrap();
    bench.log(1, "a", Value::Number(4.0)).unwrap();
    assert_eq!(bench.flush(), []);
    assert_eq!((bench.text("a"), bench.text("b")), ("4.0\n".to_owned(), "3.0\n".to_owned()));
}

#[test]
fn a_line_that_was_torn_does_not_spoil_the_next() {
    let mut bench = Bench::new();
    bench.log(0, "a", Value::Number(1.0)).unwrap();
    bench.flush();
    bench.action.sinks.get_mut("a").unwrap().torn = true;
    bench.log(1, "a", Value::Number(2.0)).unwrap();
    bench.log(1, "a", Value::Number(3.0)).unwrap();
    assert_eq!(bench.flush(), []);
    assert_eq!(bench.text("a"), "1.0\n\n2.0\n3.0\n");
}

#[test]
fn open_files_are_bounded_and_nothing_is_lost_by_it() {
    let mut bench = Bench::new();
    for i in 0..MOST_OPEN as u64 + 10 {
        bench.log(i / 10, &format!("{i}"), Value::Null).unwrap();
        assert!(bench.action.sinks.len() <= MOST_OPEN);
    }
    assert_eq!(bench.flush(), []);
    for i in 0..MOST_OPEN + 10 {
        assert_eq!(bench.text(&format!("{i}")), "null\n");
    }
}
