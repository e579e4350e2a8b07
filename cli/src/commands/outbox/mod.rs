//! `growctl outbox`: one file per verb; each adds a variant here and an arm below. `list`, `show` and `stats` also read the database
//! that the last run has left.

mod change;
mod list;
mod show;
mod stats;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use growctl_engine::app::{Clock as Clocks, Settings, load_settings, store_path};
use growctl_engine::files::Report;
use serde_json::{Value, json};

use super::device::{fitted, width};
use super::words::Clock;
use crate::socket;

/// Arguments of `outbox`.
#[derive(Debug, Args)]
pub(crate) struct Outbox {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What has not arrived: alerts and exports that wait, are under way, or were given up.
    List(list::List),
    /// One row with its body.
    Show(show::Show),
    /// Try again now: dead letters too.
    Retry(change::Retry),
    /// Drop rows that nobody needs any more.
    Drop(change::Drop),
    /// Every outlet in numbers: what waits, since when, and why.
    Stats(stats::Stats),
}

impl Outbox {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let done = match self.what {
            What::List(list) => list.run(folder, json).await,
            What::Show(show) => show.run(folder, json).await,
            What::Retry(retry) => retry.run(folder, json).await,
            What::Drop(drop) => drop.run(folder, json).await,
            What::Stats(stats) => stats.run(folder, json).await,
        };
        match done {
            Ok(text) => {
                super::line(text.trim_end());
                ExitCode::SUCCESS
            }
            Err((code, why)) => super::fail(code, &why),
        }
    }
}

/// What is shown, or the exit code and why.
type Shown = Result<String, (u8, String)>;

/// Broken settings are `check`'s to tell; here the default clocks do.
fn settings(folder: &Path) -> Settings {
    load_settings(folder, &mut Report::default()).unwrap_or_default()
}

fn now() -> f64 {
    Clocks::start().now().utc.seconds()
}

/// The engine's answer, or what is in the database that it left.
async fn asked(
    folder: &Path,
    path: &str,
    body: Option<Value>,
    left_behind: impl FnOnce(PathBuf) -> Result<Value, String>,
) -> Result<Value, (u8, String)> {
    match socket::ask(folder, path, body).await {
        Err((1, why)) => {
            let found = left_behind(store_path(folder, &settings(folder)));
            let found = found.map_err(|other| (1, format!("{why}; {other}")))?;
            super::say(&format!("growctl: {why}; this is what the last run has left"));
            Ok(found)
        }
        answer => answer,
    }
}

/// How a row stands, in a word or two.
fn standing(row: &Value) -> &str {
    match row["state"].as_str().unwrap_or_default() {
        "waiting" if row["tries"] == 0 => "new",
        state => state,
    }
}

/// Below a row: when it is tried again, and what went wrong.
fn notes(row: &Value, clock: &Clock<'_>) -> String {
    let error = row["error"].as_str();
    let next = match (row["state"].as_str(), row["tries"].as_u64(), row["next_try"].as_f64()) {
        (Some("waiting"), Some(1..), Some(next)) if next > clock.now => {
            Some(format!("next try {}", clock.to_come(&row["next_try"])))
        }
        (Some("waiting"), Some(1..), _) => Some("next try now".to_owned()),
        _ => None,
    };
    let notes: Vec<String> = next.into_iter().chain(error.map(str::to_owned)).collect();
    if notes.is_empty() { String::new() } else { fitted(&format!("      {}", notes.join("; ")), 8, width()) }
}

/// Rows as JSON, as the engine gives them.
fn rows(rows: &[growctl_engine::store::OutboxRow]) -> Value {
    json!({ "rows": rows })
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
