//! `growctl alert show`: everything about one alert.

use std::path::Path;

use clap::Args;
use serde_json::Value;

use super::{Shown, names, settings, whose};
use crate::commands::device::{fitted, width};
use crate::commands::words::{Clock, list, text as word};
use crate::socket;

/// Arguments of `alert show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl alert show K3F\n  growctl alert show heat-alert\n\n\
    Exit codes: 0 shown, 1 no engine runs on this site, 2 no such alert fires.")]
pub(super) struct Show {
    /// The alert's code, or its rule: then all of that rule.
    which: String,
}

impl Show {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let book = socket::ask(folder, "/alerts", None).await?;
        let is = |alert: &&Value| word(&alert["code"]).eq_ignore_ascii_case(&self.which) || alert["rule"] == self.which;
        let meant: Vec<Value> = list(&book["alerts"]).iter().filter(is).cloned().collect();
        if meant.is_empty() {
            return Err((2, format!("no alert '{}' fires; `growctl alert list` shows what does", self.which)));
        }
        if json {
            return Ok(Value::Array(meant).to_string());
        }
        let settings = settings(folder);
        let clock = Clock { settings: &settings, now: book["now"].as_f64().unwrap_or_default() };
        let texts: Vec<String> = meant.iter().map(|alert| text(alert, &clock)).collect();
        Ok(texts.join("\n"))
    }
}

/// One alert, a line for each thing that is known.
pub(super) fn text(alert: &Value, clock: &Clock<'_>) -> String {
    let mut lines = vec![
        format!("{} {}", word(&alert["code"]), whose(alert)),
        format!("  {}", word(&alert["summary"])),
        format!("  {}, {} since {}", word(&alert["severity"]), word(&alert["state"]), clock.ago(&alert["since"])),
    ];
    let about = &alert["about"];
    let places = [("room", ""), ("cluster", ""), ("node", ""), ("bus", "bus ")];
    let places = places.map(|(key, before)| (before, word(&about[key])));
    let places: Vec<String> =
        places.iter().filter(|(_, name)| !name.is_empty()).map(|(before, name)| format!("{before}{name}")).collect();
    if !places.is_empty() {
        lines.push(format!("  about {}", places.join(", ")));
    }
    if let Some(labels) = alert["labels"].as_object().filter(|labels| !labels.is_empty()) {
        let labels = labels.iter().map(|(key, value)| format!("{key}={}", word(value)));
        lines.push(format!("  labels {}", labels.collect::<Vec<_>>().join(" ")));
    }
    let told = names(&alert["told"]);
    lines.push(if told.is_empty() { "  nobody was told".to_owned() } else { format!("  told: {told}") });
    let waits = names(&alert["waits_for"]);
    if !waits.is_empty() {
        lines.push(format!("  not told yet: {waits}"));
    }
    if let Some(by) = alert["acknowledged_by"].as_str() {
        lines.push(format!("  acknowledged by {by} at {}", clock.ago(&alert["acknowledged_at"])));
    }
    if let Some(why) = alert["silenced"].as_str() {
        lines.push(format!("  silenced {why}"));
    }
    if let Some(times) = alert["repeats"].as_u64().filter(|times| *times > 0) {
        lines.push(format!("  said again {}", growctl_engine::model::counted(times, "time")));
    }
    if !alert["next_repeat"].is_null() {
        lines.push(format!("  said again at {}", clock.to_come(&alert["next_repeat"])));
    }
    if !alert["next_escalation"].is_null() {
        let to = names(&alert["escalates_to"]);
        lines.push(format!("  {to} told at {}", clock.to_come(&alert["next_escalation"])));
    }
    lines.iter().map(|line| fitted(line, 4, width())).collect()
}
