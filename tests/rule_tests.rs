//! Tests of rules, tested: `tests/cases/rule_tests/<case>/rules/*.yaml`, on the case's own or the shipped channel map →
//! `output.txt`. And the shipped rules, which must pass their own.

#[allow(dead_code)] // what only the other golden folders need
mod support;

use std::path::Path;

use growctl_engine::app::rule_test::{Bench, Suite};
use growctl_engine::app::{Settings, load_map, load_settings};
use growctl_engine::files::Report;
use jiff::tz::TimeZone;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a person would see, but for the time that it took.
fn output(case: &Path) -> String {
    let mut report = Report::default();
    let site = if case.join("channels.yaml").exists() { case } else { root() };
    let map = load_map(site, &mut report).expect("the map is right");
    let zone = TimeZone::get("Europe/Amsterdam").expect("it is known");
    let settings = Settings { zone, location: Some((52.1, 4.3)), ..Settings::default() };
    let bench = Bench::new(case, &map, &settings, &mut report);
    let mut text = String::new();
    for name in bench.names() {
        text += &shown(&bench.run(name, false, &mut report).expect("it is there"));
    }
    // What `run` reports, `check` reports too, and what lies about besides.
    let mut checked = Report::default();
    bench.check(&mut checked);
    let all = checked.render(false);
    for fault in report.diagnostics.iter().filter(|fault| fault.path().ends_with("_test.yaml")) {
        assert!(all.contains(&fault.render(false)), "{}", fault.render(false));
    }
    report.extend(checked);
    let mut faults: Vec<String> = Vec::new();
    for fault in &report.diagnostics {
        let fault = fault.render(false) + "\n";
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    faults.concat() + &text
}

fn shown(suite: &Suite) -> String {
    let mut text = String::new();
    if suite.file.is_none() {
        text += &format!("no test  {}\n", suite.rule);
    }
    if suite.broken {
        text += &format!("not run  {}\n", suite.rule);
    }
    for test in &suite.tests {
        let word = if test.passed { "ok" } else { "FAILED" };
        text += &format!("{word:<7}  {}: {}\n{}", suite.rule, test.name, test.explain());
    }
    if !suite.never_ran.is_empty() {
        text += &format!("never ran: {}\n", suite.never_ran.join(", "));
    }
    text
}

#[test]
fn every_case_says_what_is_expected() {
    let mut wrong = Vec::new();
    for case in support::cases("rule_tests") {
        support::compare(&case.join("output.txt"), &output(&case), &mut wrong);
    }
    support::conclude(&wrong);
}

#[test]
fn every_shipped_rule_has_a_test_that_passes_and_runs_all_its_scripts() {
    let mut report = Report::default();
    let (settings, map) = (load_settings(root(), &mut report), load_map(root(), &mut report));
    let (settings, map) = (settings.expect("right"), map.expect("right"));
    let bench = Bench::new(root(), &map, &settings, &mut report);
    for name in bench.names() {
        let suite = bench.run(name, false, &mut report).expect("it is there");
        assert!(suite.passed() && !suite.has_gaps() && !suite.tests.is_empty(), "{}", shown(&suite));
    }
    assert_eq!(report.render(false), "");
}

#[test]
fn the_same_test_gives_the_same_time_line_to_the_byte() {
    let mut report = Report::default();
    let map = load_map(root(), &mut report).expect("the shipped map is right");
    let settings = Settings { zone: TimeZone::UTC, ..Settings::default() };
    let bench = Bench::new(root(), &map, &settings, &mut report);
    let lines = |name| -> Vec<String> {
        let suite = bench.run(name, true, &mut Report::default()).expect("it is there");
        suite.tests.into_iter().flat_map(|test| test.timeline).collect()
    };
    for name in ["log", "irrigation"] {
        let first = lines(name);
        assert!(first.len() > 20, "{first:?}");
        assert_eq!(first, lines(name));
    }
}
