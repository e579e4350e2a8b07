//! `growctl alert history`: what became of alerts, from the running engine or, where none runs, from its database.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use growctl_engine::app::{Clock as Clocks, store_path};
use growctl_engine::model::{format_duration, parse_duration};
use growctl_engine::store::read_alert_history;
use serde_json::{Value, json};

use super::{Shown, settings, whose};
use crate::commands::device::{fitted, width};
use crate::commands::words::{Clock, list, text as word};
use crate::{commands, complete, socket};

/// Arguments of `alert history`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl alert history\n  growctl alert history heat-alert --since 7d --limit 500\n\n\
    The newest is first. It is kept for 90 days. Where no engine runs, the database of the last run is read.\n\
    Exit codes: 0 shown, 1 there is nothing to read from."
)]
pub(super) struct History {
    /// Of this rule only; `system` for growctl's own.
    #[arg(add = complete::rules())]
    rule: Option<String>,
    /// How far back: 8h, 7d.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION", default_value = "24h")]
    since: Duration,
    /// So many rows at most, the newest.
    #[arg(long, value_name = "N", default_value = "50")]
    limit: u16,
}

impl History {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let settings = settings(folder);
        let now = Clocks::start().now().utc.seconds();
        let rule = self.rule.as_ref().map(|rule| format!("/{}", socket::escaped(rule))).unwrap_or_default();
        let path = format!("/alerts/history/{}/{}{rule}", self.since.as_secs_f64(), self.limit);
        let rows = match socket::ask(folder, &path, None).await {
            Err((1, why)) => {
                let since = now - self.since.as_secs_f64();
                let path = store_path(folder, &settings);
                let rows = read_alert_history(&path, self.rule.as_deref(), since, self.limit.into())
                    .map_err(|other| (1, format!("{why}; {other}")))?;
                commands::say(&format!("growctl: {why}; this is what the last run has written"));
                json!(rows)
            }
            answer => answer?,
        };
        Ok(if json { rows.to_string() } else { self.text(&rows, &Clock { settings: &settings, now }) })
    }

    fn text(&self, rows: &Value, clock: &Clock<'_>) -> String {
        let all = list(rows);
        let Some(last) = all.last() else {
            return format!("no alert within {}", format_duration(self.since));
        };
        let mut out = table(all, clock);
        if all.len() == usize::from(self.limit) {
            out += &format!("\nthere may be more before {}: --limit shows them\n", clock.at(&last["at"]));
        }
        out
    }
}

/// A line for each, and what it said below.
pub(super) fn table(rows: &[Value], clock: &Clock<'_>) -> String {
    let cells = |row: &Value| {
        vec![clock.at(&row["at"]), word(&row["severity"]).to_owned(), word(&row["event"]).to_owned(), whose(row)]
    };
    let table = commands::table(&["AT", "SEVERITY", "WHAT", "RULE"], rows.iter().map(cells).collect());
    let mut lines = table.lines();
    let mut out = format!("{}\n", lines.next().unwrap_or_default());
    for (row, line) in rows.iter().zip(lines) {
        let told = row["told"].as_str().map(|told| format!("; told: {told}")).unwrap_or_default();
        let by = row["by"].as_str().map(|by| format!("; by {by}")).unwrap_or_default();
        out += &format!("{line}\n");
        out += &fitted(&format!("      {}{told}{by}", word(&row["summary"])), 6, width());
    }
    out
}
