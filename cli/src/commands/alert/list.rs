//! `growctl alert list`: a line for each alert, what it says below it, then silences and what waits to be told.

use std::path::Path;

use clap::Args;
use growctl_engine::app::Settings;
use serde_json::Value;

use super::{Shown, names, settings, whose};
use crate::commands::device::{fitted, width};
use crate::commands::words::{Clock, list, text as word};
use crate::{commands, socket};

/// Arguments of `alert list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl alert list\n  \
    growctl alert list --format json | jq '.alerts[] | select(.state == \"firing\") | .summary'\n\n\
    The worst is first. An alert that is `pending` waits for its `for`, and nobody is told yet.\n\
    Exit codes: 0 shown, 1 no engine runs on this site.")]
pub(super) struct List {}

impl List {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let book = socket::ask(folder, "/alerts", None).await?;
        Ok(if json { book.to_string() } else { text(&book, &settings(folder)) })
    }
}

/// All of it for people.
pub(super) fn text(book: &Value, settings: &Settings) -> String {
    let clock = Clock { settings, now: book["now"].as_f64().unwrap_or_default() };
    let alerts = list(&book["alerts"]);
    let mut out = String::new();
    if alerts.is_empty() {
        out += "no alert fires\n";
    } else {
        let rows = alerts.iter().map(|alert| row(alert, &clock)).collect();
        let table = commands::table(&["CODE", "SEVERITY", "STATE", "SINCE", "RULE"], rows);
        let mut lines = table.lines();
        out += &format!("{}\n", lines.next().unwrap_or_default());
        for (alert, line) in alerts.iter().zip(lines) {
            out += &format!("{line}\n");
            out += &fitted(&format!("      {}", word(&alert["summary"])), 6, width());
            out += &notes(alert);
        }
    }
    for silence in list(&book["silences"]) {
        out += &fitted(&format!("silence {}", super::silence::line(silence, &clock)), 8, width());
    }
    for desk in list(&book["waiting"]) {
        out += &fitted(&waiting(desk), 4, width());
    }
    out
}

fn row(alert: &Value, clock: &Clock<'_>) -> Vec<String> {
    let code = word(&alert["code"]);
    vec![
        if code.is_empty() { "-".to_owned() } else { code.to_owned() },
        word(&alert["severity"]).to_owned(),
        word(&alert["state"]).to_owned(),
        clock.at(&alert["since"]),
        whose(alert),
    ]
}

/// Who was told, who sees to it, and why nothing is said: a line for each, indented.
fn notes(alert: &Value) -> String {
    let mut notes = Vec::new();
    match names(&alert["told"]) {
        told if !told.is_empty() => notes.push(format!("told: {told}")),
        _ if alert["state"] == "pending" || !list(&alert["waits_for"]).is_empty() => {}
        _ => notes.push("nobody was told".to_owned()),
    }
    let waits = names(&alert["waits_for"]);
    if !waits.is_empty() {
        notes.push(format!("not told yet: {waits}"));
    }
    if let Some(by) = alert["acknowledged_by"].as_str() {
        notes.push(format!("acknowledged by {by}"));
    }
    if let Some(why) = alert["silenced"].as_str() {
        notes.push(format!("silenced {why}"));
    }
    notes.iter().map(|note| fitted(&format!("      {note}"), 8, width())).collect()
}

fn waiting(desk: &Value) -> String {
    let count = |key: &str, why: &str| {
        let count = desk[key].as_u64().filter(|count| *count > 0)?;
        Some(format!("{count} {why}"))
    };
    let parts = [
        count("gathered", "gathered, told within 30 s"),
        count("quiet", "until the quiet hours end"),
        count("rate", "until there is room in the hour"),
    ];
    format!("for {} wait: {}", word(&desk["receiver"]), parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}
