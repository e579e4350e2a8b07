//! Sites that would run and are probably not meant: `tests/cases/checks/<check>/` → `report.txt`. What a case does not
//! have itself is that of the folder above. A rule called `good…` and a device called `good_…` must stay unmentioned.

#[allow(dead_code, reason = "other golden tests use the rest of it")]
mod support;

use std::fs;
use std::path::Path;

use growctl_engine::app::Site;
use growctl_engine::channels;
use growctl_engine::files::{Report, Severity, SourceFile};
use growctl_engine::rules::{self, Host, LINTS};

/// What loading the case's site says.
fn outcome(case: &Path) -> Report {
    let site = tempfile::tempdir().expect("a folder");
    let copy = |from: &Path, name: &str| {
        let (from, to) = (from.join(name), site.path().join(name));
        if from.exists() {
            fs::copy(&from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        }
    };
    fs::create_dir(site.path().join("rules")).expect("it is new");
    for folder in [case.parent().expect("it is in a folder"), case] {
        ["channels.yaml", "growctl.yaml"].iter().for_each(|name| copy(folder, name));
    }
    for entry in fs::read_dir(case.join("rules")).into_iter().flatten() {
        let name = entry.expect("it can be listed").file_name();
        copy(case, &format!("rules/{}", name.to_string_lossy()));
    }
    let mut report = Report::default();
    Site::load(site.path(), &mut report);
    report
}

#[test]
fn every_site_says_what_is_expected() {
    let mut wrong = Vec::new();
    for case in support::cases("checks") {
        let report = outcome(&case);
        support::compare(&case.join("report.txt"), &report.render(false), &mut wrong);
        let good = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("good"));
        for fault in report.diagnostics.iter().filter(|fault| fault.message.ends_with(']')) {
            let named = fault.message.contains(" good") || good(fault.path()) || fault.message.contains("/good_");
            assert!(!named, "{}: {fault}", case.display());
        }
    }
    support::conclude(&wrong);
}

/// The rules of all cases with one word replaced by something that does not belong there: a report or a rule, never a
/// panic, and every place is within its file.
#[test]
fn a_spoilt_rule_is_refused_or_looked_at() {
    const ODD: [&str; 9] = ["\"", "(", "é`${", "&&", "msg.", "", "-1.5e9", "'\\'", "/*"];
    let cases = support::cases("checks");
    let map = cases[0].with_file_name("channels.yaml");
    let map = SourceFile::new("channels.yaml", fs::read_to_string(map).expect("it is there"));
    let map = channels::load(&map, &mut Report::default()).expect("it is right");
    let host = Host::new(&growctl_engine::actions::host_functions());
    let site = rules::Site { host: &host, inventory: &map.inventory };
    let (mut loaded, mut report) = (Vec::new(), Report::default());
    for file in cases.iter().flat_map(|case| fs::read_dir(case.join("rules")).into_iter().flatten()) {
        let text = fs::read_to_string(file.expect("it can be listed").path()).expect("it is text");
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts = text.match_indices(letters).map(|(at, _)| at).filter(|at| !text[..*at].ends_with(letters));
        for (number, start) in starts.enumerate() {
            let end = text[start..].find(|c| !letters(c)).map_or(text.len(), |length| start + length);
            let spoilt = format!("{}{}{}", &text[..start], ODD[number % ODD.len()], &text[end..]);
            let name = format!("rules/r{}.yaml", loaded.len());
            loaded.extend(rules::load(&SourceFile::new(name, spoilt), &site, &mut report));
        }
    }
    rules::cross_check(&loaded, &map.inventory, [&[], &[]], &mut report);
    assert!(loaded.len() > 100 && report.errors() > 100, "{} {}", loaded.len(), report.errors());
    for fault in &report.diagnostics {
        assert!(fault.place.line <= fault.file.text.lines().count() + 1, "{fault}");
    }
    drop(report.render(false));
}

#[test]
fn every_check_is_in_the_reference_and_has_a_case_of_both_kinds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = fs::read_to_string(root.join("docs/reference.md")).expect("it is there");
    let mut seen: Vec<&str> = Vec::new();
    for lint in LINTS {
        assert!(!seen.contains(&lint.id), "{} is twice in the table", lint.id);
        seen.push(lint.id);
        let severity = if lint.severity == Severity::Error { "error" } else { "warning" };
        let row = format!("| `{}` | {severity} | {} |", lint.id, lint.finds);
        assert!(reference.contains(&row), "docs/reference.md lacks: {row}");
        let case = root.join("tests/cases/checks").join(lint.id);
        let report = outcome(&case);
        let own = report.diagnostics.iter().filter(|fault| fault.message.ends_with(&format!(" [{}]", lint.id)));
        assert!(own.clone().count() > 0, "{} finds nothing in its own case", lint.id);
        assert!(own.clone().all(|fault| fault.severity == lint.severity && fault.place.line > 0), "{}", lint.id);
        let names = fs::read_dir(case.join("rules")).into_iter().flatten();
        let names: Vec<String> =
            names.map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned()).collect();
        let silent = names.iter().any(|name| name.starts_with("good"));
        let devices = fs::read_to_string(case.join("channels.yaml")).is_ok_and(|map| map.contains(" good_"));
        assert!(silent || devices, "{} has no case that must stay silent", lint.id);
    }
}
