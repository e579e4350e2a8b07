//! `growctl outbox stats`: every outlet in a line, and below it what went wrong last.

use std::path::Path;

use clap::Args;
use growctl_engine::store::read_outbox_stats;
use serde_json::{Value, json};

use super::{Shown, asked, fitted, now, settings, width};
use crate::commands;
use crate::commands::words::{Clock, list, text as word};

/// Arguments of `outbox stats`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl outbox stats\n  growctl outbox stats --format json | jq '.outlets[] | select(.dead > 0)'\n\n\
    An outlet that has nothing to send is not shown. What arrived, was dropped or given up since the start is in \
    `growctl status --format json` under store.outbox.\n\
    Where no engine runs, the database of the last run is read.\n\
    Exit codes: 0 shown, 1 there is nothing to read from."
)]
pub(super) struct Stats {}

impl Stats {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let answer = asked(folder, "/outbox", None, |path| {
            read_outbox_stats(&path).map(|outlets| json!({ "outlets": outlets }))
        });
        let answer = answer.await?;
        let settings = settings(folder);
        Ok(if json { answer.to_string() } else { text(&answer, &Clock { settings: &settings, now: now() }) })
    }
}

pub(super) fn text(answer: &Value, clock: &Clock<'_>) -> String {
    let all = list(&answer["outlets"]);
    if all.is_empty() {
        return "nothing waits, and nothing was given up".to_owned();
    }
    let table = commands::table(
        &["WAITING", "SENDING", "DEAD", "OLDEST", "NEXT TRY", "TO"],
        all.iter().map(|outlet| cells(outlet, clock)).collect(),
    );
    let mut lines = table.lines();
    let mut out = format!("{}\n", lines.next().unwrap_or_default());
    for (outlet, line) in all.iter().zip(lines) {
        out += &format!("{line}\n");
        if let Some(error) = outlet["last_error"].as_str() {
            out += &fitted(&format!("      {error}"), 8, width());
        }
    }
    out
}

fn cells(outlet: &Value, clock: &Clock<'_>) -> Vec<String> {
    let next = match outlet["next_try"].as_f64() {
        None => "-".to_owned(),
        Some(next) if next <= clock.now => "now".to_owned(),
        Some(_) => clock.at(&outlet["next_try"]),
    };
    let count = |what: &str| outlet[what].to_string();
    let oldest = if outlet["oldest"].is_null() { "-".to_owned() } else { clock.since(&outlet["oldest"]) };
    vec![count("waiting"), count("sending"), count("dead"), oldest, next, word(&outlet["to"]).to_owned()]
}
