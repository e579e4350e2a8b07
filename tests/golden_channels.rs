//! Every `tests/cases/channels/<case>/channels.yaml`, with the DBC files beside it, gives the report in its `error.txt`, to the letter.
//! `UPDATE_GOLDEN=1 cargo test -p growctl-engine --test golden_channels` writes the reports anew; the review is the diff.

#[allow(dead_code, reason = "other golden tests use the rest of it")]
mod support;

use std::fs;
use std::path::Path;

use growctl_engine::channels::{Catalog, Gateway, load_with, rows};
use growctl_engine::files::{Report, SourceFile, read_database};
use growctl_engine::model::Timestamp;

/// What loading the case's map says, and whether there is a map.
fn outcome(case: &Path) -> (String, bool) {
    let text = fs::read_to_string(case.join("channels.yaml")).expect("every case has a channels.yaml");
    let mut report = Report::default();
    let database = |path: &Path, report: &mut Report| read_database(case, path, report);
    let map = load_with(&SourceFile::new("channels.yaml", text), &database, &mut report);
    assert_eq!(map.is_some(), report.errors() == 0, "{}: a map means no errors", case.display());
    (report.render(false), map.is_some())
}

#[test]
fn every_bad_map_gives_its_report() {
    let mut wrong = Vec::new();
    for case in support::cases("channels") {
        let (report, _) = outcome(&case);
        assert!(!report.is_empty(), "{} has no fault", case.display());
        support::compare(&case.join("error.txt"), &report, &mut wrong);
    }
    support::conclude(&wrong);
}

#[test]
fn a_map_with_warnings_alone_loads() {
    let cases = support::cases("channels");
    let name = |case: &Path| case.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let odd = cases.iter().filter(|case| outcome(case).1 != name(case).starts_with("warn-"));
    assert_eq!(odd.map(|case| name(case)).collect::<Vec<_>>(), Vec::<String>::new());
    assert!(cases.iter().any(|case| outcome(case).1));
}

/// The example with one word replaced by something that does not belong there: a report or a map, never a panic.
#[test]
fn a_spoilt_example_is_refused_or_loads() {
    const EXAMPLE: &str = include_str!("fixtures/channels.example.yaml");
    const ODD: [&str; 8] = ["\"\"", "-1", "99999999999999999999", "[]", "{}", "true", "{n}", ".nan"];
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let body = EXAMPLE.find("version:").expect("it has one");
    let words = EXAMPLE.match_indices(letters).map(|(at, _)| at).filter(|at| *at > body);
    let starts = words.filter(|at| !EXAMPLE[..*at].ends_with(letters) && !EXAMPLE[..*at].ends_with('#'));
    let (mut refused, mut loaded) = (0, 0);
    for (number, start) in starts.enumerate().filter(|(number, _)| number % 3 == 0) {
        let end = EXAMPLE[start..].find(|c| !letters(c)).map_or(EXAMPLE.len(), |length| start + length);
        let odd = ODD[number / 3 % ODD.len()];
        let mut report = Report::default();
        let text = format!("{}{odd}{}", &EXAMPLE[..start], &EXAMPLE[end..]);
        let database = |path: &Path, report: &mut Report| read_database(&fixtures, path, report);
        match load_with(&SourceFile::new("channels.yaml", text), &database, &mut report) {
            Some(map) => {
                let _ = (Gateway::new(&map, Timestamp::default()), Catalog::new(&map), rows(&map).len());
                loaded += 1;
            }
            None => {
                assert!(!report.render(false).is_empty(), "{odd} at {start}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100 && loaded > 100, "{refused} {loaded}");
}
