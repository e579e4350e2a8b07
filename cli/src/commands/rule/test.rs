//! `growctl rule test`: the tests of rules, on clocks of their own.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use growctl_engine::app::rule_test::{Bench, Outcome, Suite};
use growctl_engine::app::{load_map, load_settings};
use growctl_engine::files::{Report, closest};
use growctl_engine::model;
use serde_json::json;

use crate::commands;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// Arguments of `rule test`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl rule test\n  growctl rule test flower-cooling -v\n  \
    growctl rule test rules/lights_test.yaml --strict\n\n\
    How a test is written: docs/rule-tests.md.\n\n\
    Exit codes: 0 all passed, 2 a test failed or a file is wrong; with --strict also where a script never ran.")]
pub(super) struct Test {
    /// Rules by name, or by a file of theirs; none: all.
    #[arg(value_name = "NAME|FILE", add = crate::complete::rules())]
    names: Vec<String>,
    /// A script that no test runs, or a rule without a test, counts as a failure.
    #[arg(long)]
    strict: bool,
    /// Show everything that happens in a test.
    #[arg(short, long)]
    verbose: bool,
}

impl Test {
    #[allow(clippy::disallowed_methods)] // how long it took is told to a person, and decides nothing
    pub(super) fn run(self, folder: &Path, json: bool) -> ExitCode {
        let began = Instant::now();
        let mut report = Report::default();
        let (settings, map) = (load_settings(folder, &mut report), load_map(folder, &mut report));
        let (Some(settings), Some(map)) = (settings, map) else {
            commands::show(&report);
            return ExitCode::from(2);
        };
        let bench = Bench::new(folder, &map, &settings, &mut report);
        let names = match self.wanted(folder, &bench) {
            Ok(names) => names,
            Err(why) => return commands::fail(2, &why),
        };
        let suites: Vec<Suite> = names.iter().filter_map(|name| bench.run(name, self.verbose, &mut report)).collect();
        let seconds = began.elapsed().as_secs_f64();
        if json {
            show_json(&suites, &report, seconds);
        } else {
            commands::show(&report);
            show(&suites, seconds);
        }
        let passed = report.errors() == 0 && suites.iter().all(Suite::passed);
        let gaps = self.strict && suites.iter().any(Suite::has_gaps);
        if passed && !gaps { ExitCode::SUCCESS } else { ExitCode::from(2) }
    }

    /// The names of the rules that are meant.
    fn wanted(&self, folder: &Path, bench: &Bench<'_>) -> Result<Vec<String>, String> {
        if self.names.is_empty() {
            return Ok(bench.names().map(str::to_owned).collect());
        }
        self.names.iter().map(|given| resolve(given, folder, bench)).collect()
    }
}

/// A rule by its name, or by its file or its test's.
fn resolve(given: &str, folder: &Path, bench: &Bench<'_>) -> Result<String, String> {
    let name = match given.strip_suffix("_test.yaml").or(given.strip_suffix(".yaml")) {
        None => given,
        Some(stem) => {
            let file = Path::new(given);
            let name = file.file_name().map(|name| folder.join("rules").join(name)).unwrap_or_default();
            let same = |path: &Path| path.canonicalize().ok() == name.canonicalize().ok() && path.exists();
            if !same(file) && !same(&folder.join(file)) {
                return Err(format!("{given} is no file in {}", folder.join("rules").display()));
            }
            Path::new(stem).file_name().and_then(|name| name.to_str()).unwrap_or_default()
        }
    };
    if bench.names().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = bench.names().collect();
    Err(match closest(name, names.iter().copied()) {
        Some(near) => format!("there is no rule '{name}'; did you mean '{near}'?"),
        None => format!("there is no rule '{name}'; there is: {}", names.join(", ")),
    })
}

fn show_json(suites: &[Suite], report: &Report, seconds: f64) {
    let (passed, failed) = counted(suites);
    let all = json!({ "passed": passed, "failed": failed, "seconds": seconds, "rules": suites,
        "diagnostics": report.diagnostics });
    commands::line(&all.to_string());
}

fn show(suites: &[Suite], seconds: f64) {
    for suite in suites {
        let rule = &suite.rule;
        match &suite.file {
            Some(file) if suite.broken => {
                commands::line(&format!("{RED}not run{PLAIN}  {rule}: the rule or {} has errors", file.display()));
            }
            Some(file) if !suite.tests.is_empty() => suite.tests.iter().for_each(|test| {
                let place = format!("{}:{}", file.display(), test.line);
                one(rule, test, &place);
            }),
            _ => drop(commands::line(&format!("no test  {rule}"))),
        }
    }
    for suite in suites.iter().filter(|suite| !suite.never_ran.is_empty()) {
        commands::line(&format!("note     {}: no test runs its {}", suite.rule, suite.never_ran.join(", ")));
    }
    let (passed, failed) = counted(suites);
    let broken = suites.iter().filter(|suite| suite.broken).count();
    let rules = model::counted(suites.len() as u64, "rule");
    let broken = if broken == 0 { String::new() } else { format!(", {broken} not run") };
    commands::line(&format!("{passed} passed, {failed} failed; {rules}{broken}, {seconds:.2} s"));
}

fn one(rule: &str, test: &Outcome, place: &str) {
    let (colour, word) = if test.passed { (GREEN, "ok") } else { (RED, "FAILED") };
    let place = if test.passed { String::new() } else { format!("  {place}") };
    commands::line(&format!("{colour}{word:<7}{PLAIN}  {rule}: {}{place}", test.name));
    let why = test.explain();
    if !why.is_empty() {
        commands::line(why.trim_end());
    }
}

fn counted(suites: &[Suite]) -> (usize, usize) {
    let tests = || suites.iter().flat_map(|suite| &suite.tests);
    (tests().filter(|test| test.passed).count(), tests().filter(|test| !test.passed).count())
}
