//! Every `tests/cases/settings/<case>/growctl.yaml` gives the report in its `error.txt`, to the letter.

#[allow(dead_code, reason = "other golden tests use the rest of it")]
mod support;

use std::fs;
use std::path::Path;

use growctl_engine::app::Settings;
use growctl_engine::files::{Report, SourceFile};

#[test]
fn every_faulty_file_of_settings_gives_its_report() {
    let mut wrong = Vec::new();
    for case in support::cases("settings") {
        let text = fs::read_to_string(case.join("growctl.yaml")).expect("every case has a growctl.yaml");
        let mut report = Report::default();
        let settings = Settings::load(&SourceFile::new("growctl.yaml", text), Path::new("."), &mut report);
        assert_eq!(settings.is_some(), report.errors() == 0, "{}: settings mean no errors", case.display());
        assert!(!report.diagnostics.is_empty(), "{} has no fault", case.display());
        support::compare(&case.join("error.txt"), &report.render(false), &mut wrong);
    }
    support::conclude(&wrong);
}
