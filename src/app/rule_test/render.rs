//! A failed test as people read it: expected and got side by side.

use std::fmt::Write as _;
use std::time::Duration;

use crate::model::format_duration;

use super::{Outcome, Row, State};

/// A wider column of expectations would push what came off the screen.
const WIDEST: usize = 56;
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
            let _ = writeln!(text, "    {} {line}", if at == 0 { "what the rule went by:" } else { "                      " });
        }
        text
    }
}

fn compare(what: &str, rows: &[Row], text: &mut String) {
    if rows.is_empty() {
        return;
    }
    let expected = |row: &Row| row.expected.clone().unwrap_or_else(|| "nothing".to_owned());
    let near: Vec<bool> = (0..rows.len()).map(|at| is_near(rows, at)).collect();
    let shown = || rows.iter().zip(&near).filter(|(_, near)| **near).map(|(row, _)| row);
    let width = shown().map(|row| expected(row).chars().count()).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let width = width.max("expected".len());
    let _ = writeln!(text, "    {what:<10} {:<9} {:<9} {:<width$}  got", "at", "line", "expected");
    let mut skipped = 0;
    for (row, near) in rows.iter().zip(&near) {
        if !near {
            skipped += 1;
            continue;
        }
        elide(&mut skipped, text);
        let sign = match row.state {
            State::Same => "same",
            State::Differs => "DIFFERS",
            State::Missing => "MISSING",
            State::Unexpected => "UNEXPECTED",
        };
        let (at, line) = (format_duration(Duration::from_secs_f64(row.at)), row.line.map(|line| line.to_string()).unwrap_or_default());
        let (expected, got) = (expected(row), row.got.as_deref().unwrap_or("nothing"));
        let _ = match expected.chars().count() <= width {
            true => writeln!(text, "    {sign:<10} {at:<9} {line:<9} {expected:<width$}  {got}"),
            false => writeln!(text, "    {sign:<10} {at:<9} {line:<9} {expected}\n{:36}{:width$}{got}", "", ""),
        };
        if !row.differences.is_empty() {
            let _ = writeln!(text, "{:36}{:width$}(here: {})", "", "", row.differences.join("; "));
        }
    }
    elide(&mut skipped, text);
}

fn is_near(rows: &[Row], at: usize) -> bool {
    let (from, to) = (at.saturating_sub(AROUND), (at + AROUND + 1).min(rows.len()));
    rows[from..to].iter().any(|row| row.state != State::Same)
}

fn elide(skipped: &mut usize, text: &mut String) {
    if *skipped > 0 {
        let _ = writeln!(text, "    …          {skipped} more as expected");
        *skipped = 0;
    }
}
