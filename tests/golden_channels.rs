//! Every `tests/cases/channels/<case>/channels.yaml` gives the report in its `error.txt`, to the letter.
//! `UPDATE_GOLDEN=1 cargo test -p growctl-engine --test golden_channels` writes the reports anew; the review is the diff.

use std::fs;
use std::path::{Path, PathBuf};

use growctl_engine::channels::load;
use growctl_engine::files::{Report, SourceFile};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/channels");
    let entries = fs::read_dir(folder).expect("the folder of cases can be read");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("its entries too").path()).collect();
    cases.sort();
    cases
}

/// What loading the case's map says, and whether there is a map.
fn outcome(case: &Path) -> (String, bool) {
    let text = fs::read_to_string(case.join("channels.yaml")).expect("every case has a channels.yaml");
    let mut report = Report::default();
    let map = load(&SourceFile::new("channels.yaml", text), &mut report);
    assert_eq!(map.is_some(), report.errors() == 0, "{}: a map means no errors", case.display());
    (report.render(false), map.is_some())
}

#[test]
fn every_bad_map_gives_its_report() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (report, _) = outcome(&case);
        let golden = case.join("error.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &report).expect("the report can be written");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if report != expected || report.is_empty() {
            wrong.push(format!("{}\n-- expected\n{expected}-- got\n{report}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_map_with_warnings_alone_loads() {
    let cases = cases();
    let name = |case: &Path| case.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let odd = cases.iter().filter(|case| outcome(case).1 != name(case).starts_with("warn-"));
    assert_eq!(odd.map(|case| name(case)).collect::<Vec<_>>(), Vec::<String>::new());
    assert!(cases.iter().any(|case| outcome(case).1));
}
