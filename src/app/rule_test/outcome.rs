//! What came of the tests of a rule, for people and for programs.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::model::{Name, counted, format_duration};
use crate::rules::{PartRuns, Rule};

use super::difference::{Pair, Row, align, row};
use super::expected::Got;
use super::play::{Played, play};
use super::test::Test;
use super::timeline::{self, Line};
use super::{Bench, State};

/// So many messages before the first difference are shown.
const BEFORE: usize = 3;

/// The tests of one rule.
#[derive(Clone, Debug, Serialize)]
pub struct Suite {
    /// The rule.
    pub rule: Name,
    /// Its test file; `None`: it has no test.
    pub file: Option<PathBuf>,
    /// The rule or its test file has errors, which the report tells: nothing was run.
    pub broken: bool,
    /// Each test.
    pub tests: Vec<Outcome>,
    /// Scripts of the rule that ran in none of the tests.
    pub never_ran: Vec<&'static str>,
}

/// One test.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// The line of its file.
    pub line: usize,
    /// Everything was as expected.
    pub passed: bool,
    /// What failed on the way: a script, a request, a message.
    pub faults: Vec<String>,
    /// Intents, expected and got; empty if they are as expected.
    pub intents: Vec<Row>,
    /// Commands to devices, likewise.
    pub commands: Vec<Row>,
    /// What the rule went by when something differed first.
    pub context: Vec<String>,
    /// Everything that happened, if it was asked for.
    pub timeline: Vec<String>,
}

impl Suite {
    /// Whether every test ran and passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.broken && self.tests.iter().all(|test| test.passed)
    }

    /// Whether there is something that `--strict` refuses.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        !self.broken && (self.tests.is_empty() || !self.never_ran.is_empty())
    }
}

/// Plays the tests of a rule.
pub(super) fn run(bench: &Bench<'_>, rule: &Rule, tests: &[Test], verbose: bool) -> (Vec<Outcome>, Vec<&'static str>) {
    let mut parts = PartRuns::default();
    let outcomes = tests.iter().map(|test| outcome(bench, rule, test, verbose, &mut parts)).collect();
    let scripts = [
        ("then", rule.then.is_some(), parts.then),
        ("each", rule.each.is_some(), parts.each),
        ("finally", rule.finally.is_some(), parts.finally),
    ];
    let never = scripts.into_iter().filter(|(_, there, runs)| *there && *runs == 0).map(|(part, ..)| part);
    (outcomes, never.collect())
}

fn outcome(bench: &Bench<'_>, rule: &Rule, test: &Test, verbose: bool, parts: &mut PartRuns) -> Outcome {
    let mut played = play(bench, rule, test, verbose);
    *parts = *parts + played.parts;
    let (intents, commands) = (intents(test, &played), commands(test, &played));
    let differs = |rows: &[Row]| rows.iter().any(|row| row.state != State::Same);
    let passed = played.faults.is_empty() && !differs(&intents) && !differs(&commands);
    if !passed && !verbose {
        // Once more, with the time line: what happened is only kept where somebody looks at it.
        played = play(bench, rule, test, true);
    }
    let kept = |rows: Vec<Row>| if differs(&rows) { rows } else { Vec::new() };
    Outcome {
        name: test.name.clone(),
        line: test.line,
        passed,
        faults: played.faults.iter().map(|(at, text)| format!("at {}: {text}", format_duration(*at))).collect(),
        context: if passed { Vec::new() } else { context(rule, test, &played, &intents, &commands) },
        intents: kept(intents),
        commands: kept(commands),
        timeline: if verbose {
            played.timeline.iter().map(|line| line.shown(&test.calendar)).collect()
        } else {
            Vec::new()
        },
    }
}

fn intents(test: &Test, played: &Played) -> Vec<Row> {
    let (Some(expected), got) = (&test.expect, &played.got) else { return Vec::new() };
    let text = |got: &Got| Some(got.to_string());
    let pairs = align(expected.len(), got.len(), |i, j| expected[i].differs(&got[j]));
    let one = |pair| match pair {
        Pair::Both(i, j, differences) => {
            let one = &expected[i];
            row(one.at, Some(one.line), Some(one.to_string()), text(&got[j]), differences)
        }
        Pair::Missing(i) => {
            row(expected[i].at, Some(expected[i].line), Some(expected[i].to_string()), None, Vec::new())
        }
        Pair::Unexpected(j) => row(got[j].at, None, None, text(&got[j]), Vec::new()),
    };
    pairs.into_iter().map(one).collect()
}

fn commands(test: &Test, played: &Played) -> Vec<Row> {
    let (Some(expected), told) = (&test.commands, &played.told) else { return Vec::new() };
    let pairs = align(expected.len(), told.len(), |i, j| expected[i].differs(&told[j]));
    let one = |pair| match pair {
        Pair::Both(i, j, differences) => {
            let one = &expected[i];
            row(one.at, Some(one.line), Some(one.to_string()), Some(told[j].to_string()), differences)
        }
        Pair::Missing(i) => {
            row(expected[i].at, Some(expected[i].line), Some(expected[i].to_string()), None, Vec::new())
        }
        Pair::Unexpected(j) => row(told[j].at, None, None, Some(told[j].to_string()), Vec::new()),
    };
    pairs.into_iter().map(one).collect()
}

/// `when`, and what the rule heard before the first difference.
fn context(rule: &Rule, test: &Test, played: &Played, intents: &[Row], commands: &[Row]) -> Vec<String> {
    let wrong = intents.iter().chain(commands).filter(|row| row.state != State::Same);
    let Some(at) = wrong.map(|row| Duration::from_secs_f64(row.at)).min() else { return Vec::new() };
    let expected = test.expect.iter().flatten().find(|one| one.at == at);
    let instance = expected.and_then(|one| one.instance.as_deref());
    let mut lines = Vec::new();
    for (key, text) in rule.texts.iter().filter(|(key, _)| matches!(*key, "when" | "until")) {
        lines.push(format!("{key}: {}", text.value.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    let of_instance = |line: &&Line| {
        let source = line.heard.as_ref().and_then(|message| message.source.as_deref());
        instance.is_none() || instance == source
    };
    let before = played.timeline.iter().filter(|line| line.heard.is_some() && line.at <= at);
    let mut heard: Vec<&Line> = before.clone().filter(of_instance).collect();
    if heard.is_empty() {
        heard = before.collect();
    }
    let shown = heard.iter().skip(heard.len().saturating_sub(BEFORE));
    lines.extend(shown.map(|line| heard_line(rule, line)));
    if heard.is_empty() && !rule.patterns.is_empty() {
        lines.push(format!("no message concerned the rule until {}", format_duration(at)));
    }
    for (count, what) in [
        (played.unknown, "what it needs had no good value, so that it knew nothing"),
        (played.not_concerned, "a message of its channels lacked a field that it names"),
    ] {
        if count > 0 {
            lines.push(format!("{what}: {}", counted(count, "time")));
        }
    }
    lines
}

/// A message with the fields that the rule names; with all, if it names none.
fn heard_line(rule: &Rule, line: &Line) -> String {
    let Some(message) = line.heard.as_ref().filter(|message| !rule.fields.is_empty() && !message.stale) else {
        return format!("at {} {}", format_duration(line.at), line.text);
    };
    let value = |field: &Name| message.fields.get(field).map(|value| timeline::pair(field, value));
    let values: Vec<String> = rule.fields.iter().filter(|field| !timeline::is_name(field)).filter_map(value).collect();
    format!("at {} {}: {}", format_duration(line.at), timeline::speaker(message), values.join(", "))
}
