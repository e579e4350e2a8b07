//! `growctl outbox list`: a line for each row, and below it what is in its way.

use std::path::Path;

use clap::{Args, ValueEnum};
use growctl_engine::model::counted;
use growctl_engine::store::{RowState, read_outbox};
use serde_json::{Value, json};

use super::{Shown, asked, notes, now, rows, settings, standing};
use crate::commands;
use crate::commands::words::{Clock, list, text as word};

/// Arguments of `outbox list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl outbox list\n  growctl outbox list --to head-grower/sms\n  \
    growctl outbox list --state dead --format json | jq '.rows[].error'\n\n\
    The oldest is first: in this order they are sent, each outlet by itself. `new` was not tried yet, `sending` is under way, \
    `dead` was given up and waits for you: `growctl outbox retry` or `drop`. Where the database cannot be written, `memory` \
    is what would be lost with the process.\n\
    Where no engine runs, the database of the last run is read.\n\
    Exit codes: 0 shown, 1 there is nothing to read from, 2 the call is wrong.")]
pub(super) struct List {
    /// Only of this outlet: a target, or a receiver and the way to it.
    #[arg(long, value_name = "OUTLET")]
    pub(super) to: Option<String>,
    /// Only in this state.
    #[arg(long)]
    pub(super) state: Option<State>,
    /// So many rows at most, the oldest.
    #[arg(long, value_name = "N", default_value = "50")]
    pub(super) limit: u16,
}

/// How a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum State {
    /// For its next try.
    Waiting,
    /// Under way.
    Sending,
    /// Given up.
    Dead,
}

impl From<State> for RowState {
    fn from(state: State) -> RowState {
        match state {
            State::Waiting => RowState::Waiting,
            State::Sending => RowState::Sending,
            State::Dead => RowState::Dead,
        }
    }
}

impl List {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let state = self.state.map(RowState::from);
        let body = json!({ "to": self.to, "state": state, "limit": self.limit });
        let answer = asked(folder, "/outbox/list", Some(body), |path| {
            read_outbox(&path, self.to.as_deref(), state, self.limit.into()).map(|found| rows(&found))
        });
        let answer = answer.await?;
        let settings = settings(folder);
        Ok(if json { answer.to_string() } else { self.text(&answer, &Clock { settings: &settings, now: now() }) })
    }

    pub(super) fn text(&self, answer: &Value, clock: &Clock<'_>) -> String {
        let all = list(&answer["rows"]);
        if all.is_empty() {
            let to = self.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
            let what = if self.state == Some(State::Dead) { "no dead letters" } else { "nothing waits" };
            return format!("{what}{to}");
        }
        let table =
            commands::table(&["ID", "PUT IN", "IS", "TRIES", "TO"], all.iter().map(|row| cells(row, clock)).collect());
        let mut lines = table.lines();
        let mut out = format!("{}\n", lines.next().unwrap_or_default());
        for (row, line) in all.iter().zip(lines) {
            out += &format!("{line}\n{}", notes(row, clock));
        }
        if all.len() == usize::from(self.limit) {
            out += &format!("\nthese are the oldest {}: --limit shows more\n", counted(all.len() as u64, "row"));
        }
        out
    }
}

fn cells(row: &Value, clock: &Clock<'_>) -> Vec<String> {
    let class = if row["class"] == "alert" { ", an alert" } else { "" };
    // What is only in memory has no place yet.
    let id = row["id"].as_i64().filter(|id| *id != 0).map_or("-".to_owned(), |id| id.to_string());
    vec![
        id,
        clock.at(&row["put_at"]),
        standing(row).to_owned(),
        row["tries"].to_string(),
        format!("{}{class}", word(&row["to"])),
    ]
}
