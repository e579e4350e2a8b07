//! `growctl outbox show`: all of one row.

use std::path::Path;

use clap::Args;
use growctl_engine::store::read_outbox_row;
use serde_json::{Value, json};

use super::{Shown, asked, now, settings};
use crate::commands::words::{Clock, text as word};

/// Arguments of `outbox show`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  growctl outbox show 4711\n\n\
    The key is the same at every try, so that whoever receives it can tell that it is the same. \
    Where no engine runs, the database of the last run is read.\n\
    Exit codes: 0 shown, 1 there is nothing to read from, 2 there is no such row: it has arrived, or was dropped.")]
pub(super) struct Show {
    /// As `outbox list` shows it.
    #[arg(allow_negative_numbers = true)]
    id: i64,
}

impl Show {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let id = self.id;
        let path = format!("/outbox/rows/{id}");
        let row = asked(folder, &path, None, |path| read_outbox_row(&path, id).map(|row| json!(row))).await?;
        if row.is_null() {
            return Err((2, format!("the outbox has no row {id}: it has arrived, or was dropped")));
        }
        let settings = settings(folder);
        Ok(if json { row.to_string() } else { text(&row, &Clock { settings: &settings, now: now() }) })
    }
}

pub(super) fn text(row: &Value, clock: &Clock<'_>) -> String {
    let state = match row["state"].as_str().unwrap_or_default() {
        "waiting" if row["next_try"].as_f64().is_some_and(|next| next > clock.now) => {
            format!("waiting, next try {}", clock.to_come(&row["next_try"]))
        }
        "dead" => "dead: `growctl outbox retry` tries it again, `drop` forgets it".to_owned(),
        "memory" => "only in memory: the database cannot be written".to_owned(),
        other => other.to_owned(),
    };
    let mut out = format!("{} {}\n", word(&row["class"]), row["id"]);
    let lines = [
        ("to", word(&row["to"]).to_owned()),
        ("state", state),
        ("tries", row["tries"].to_string()),
        ("error", row["error"].as_str().unwrap_or("none").to_owned()),
        ("event of", clock.ago(&row["at"])),
        ("put in", clock.ago(&row["put_at"])),
        ("key", word(&row["key"]).to_owned()),
    ];
    for (what, said) in lines {
        out += &super::fitted(&format!("  {what:<9} {said}"), 12, super::width());
    }
    let body = row["body"].as_str().unwrap_or_default();
    let shown = serde_json::from_str::<Value>(body).ok().and_then(|body| serde_json::to_string_pretty(&body).ok());
    out + &shown.unwrap_or_else(|| body.to_owned())
}
