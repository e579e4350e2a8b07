//! A failed test as people read it: expected and got side by side.

use std::fmt::Write as _;
use std::time::Duration;

use crate::model::format_duration;

use super::{Outcome, Row, State};

/// Wider columns do not stand side by side on a screen.
const WIDEST: usize = 70;
/// So many lines that are as expected are shown around one that is not.
const AROUND: usize = 2;

impl Outcome {
    /// What is wrong, in indented lines; the time line first, if there is one. Empty for a test that passed without.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text = String::new();
        for line in &self.timeline {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "    {line}");
        }
        for fault in &self.faults {
            let _ = writeln!(text, "    failed {fault}");
        }
        compare("intents", &self.intents, &mut text);
        compare("commands", &self.commands, &mut text);
        for (at, line) in self.context.iter().enumerate() {
            let _ = writeln!(
                text,
                "    {} {line}",
                if at == 0 { "what the rule went by:" } else { "                      " }
            );
        }
        text
    }
}

fn compare(what: &str, rows: &[Row], text: &mut String) {
    if rows.is_empty() {
        return;
    }
    let shown = || rows.iter().enumerate().filter(|(at, _)| is_near(rows, *at)).map(|(_, row)| row);
    let widest = |side: fn(&Row) -> &str| shown().map(|row| side(row).chars().count()).max().unwrap_or(0);
    let width = widest(expected).max("expected".len());
    let beside = width <= WIDEST && widest(got) <= WIDEST;
    let moment = shown().map(|row| moment(row).len()).max().unwrap_or(0).max(5);
    let heads = if beside { format!("{:<width$}  got", "expected") } else { String::new() };
    let _ = writeln!(text, "{}", format!("    {what:<10} {:<moment$} {:<5} {heads}", "at", "line").trim_end());
    let mut skipped = 0;
    for (at, row) in rows.iter().enumerate() {
        if !is_near(rows, at) {
            skipped += 1;
            continue;
        }
        elide(&mut skipped, text);
        line(row, moment, beside.then_some(width), text);
    }
    elide(&mut skipped, text);
}

/// One row: side by side in columns of this width, else one below the other.
fn line(row: &Row, moment: usize, width: Option<usize>, text: &mut String) {
    let sign = match row.state {
        State::Same => "same",
        State::Differs => "DIFFERS",
        State::Missing => "MISSING",
        State::Unexpected => "UNEXPECTED",
    };
    let number = row.line.map(|line| line.to_string()).unwrap_or_default();
    let head = format!("    {sign:<10} {:<moment$} {number:<5} ", self::moment(row));
    let margin = " ".repeat(22 + moment);
    let (expected, got, here) = (expected(row), got(row), row.differences.join("; "));
    let _ = match width {
        Some(width) => writeln!(text, "{head}{expected:<width$}  {got}"),
        None if row.state == State::Same => writeln!(text, "{head}{got}"),
        None => writeln!(text, "{head}expected  {expected}\n{margin}got       {got}"),
    };
    if !here.is_empty() {
        let _ = writeln!(text, "{margin}{:width$}here: {here}", "", width = width.map_or(0, |width| width + 2));
    }
}

fn moment(row: &Row) -> String {
    format_duration(Duration::from_secs_f64(row.at))
}

fn expected(row: &Row) -> &str {
    row.expected.as_deref().unwrap_or("nothing")
}

fn got(row: &Row) -> &str {
    row.got.as_deref().unwrap_or("nothing")
}

fn is_near(rows: &[Row], at: usize) -> bool {
    let (from, to) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(rows.len()));
    rows[from..to].iter().any(|row| row.state != State::Same)
}

fn elide(skipped: &mut usize, text: &mut String) {
    if *skipped > 0 {
        let _ = writeln!(text, "    …          {skipped} as expected");
        *skipped = 0;
    }
}
