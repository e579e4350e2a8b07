//! `growctl rule list`: every rule of the site, the broken ones too, and what it is doing if the engine runs.

use std::path::Path;
use std::process::ExitCode;

use growctl_engine::files::{Report, Severity};
use growctl_engine::model::format_duration;
use growctl_engine::rules::Rule;
use serde_json::{Value, json};

use crate::commands;
use crate::socket;

const COLUMNS: [(&str, &str); 7] = [
    ("RULE", "name"),
    ("MODE", "mode"),
    ("ACTIVE", "active"),
    ("RUNS", "runs"),
    ("LAST RUN", "last_run"),
    ("SUBSCRIBES TO", "subscribe"),
    ("DESCRIPTION", "description"),
];

pub(super) async fn list(folder: &Path, json: bool) -> ExitCode {
    let mut report = Report::default();
    let site = match super::load(folder, &mut report) {
        Ok(site) => site,
        Err(code) => return code,
    };
    // Without a running engine the files alone are shown.
    let running = socket::get(folder, "/status").await.map(|status| status["rules"].clone()).unwrap_or_default();
    let mut rows: Vec<Value> = site.rules.iter().map(|rule| row(rule, &running)).collect();
    rows.extend(broken(&report, &rows));
    rows.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    if json {
        commands::line(&Value::Array(rows).to_string());
    } else {
        let cells = rows.iter().map(|row| COLUMNS.iter().map(|(_, key)| cell(key, &row[*key])).collect());
        commands::line(&commands::table(&COLUMNS.map(|(head, _)| head), cells.collect()));
    }
    if report.errors() > 0 {
        commands::show(&report);
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

fn row(rule: &Rule, running: &Value) -> Value {
    let live = running.as_array().into_iter().flatten().find(|live| live["name"] == *rule.name);
    let live = live.cloned().unwrap_or_default();
    json!({
        "name": rule.name,
        "mode": rule.mode,
        "active": live["active"],
        "runs": live["runs"],
        "last_run": live["last_run"],
        "subscribe": rule.patterns.iter().map(|pattern| &*pattern.text).collect::<Vec<_>>().join(", "),
        "description": rule.description,
    })
}

/// The rules that did not load, each with the first of its faults.
fn broken(report: &Report, rows: &[Value]) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for fault in report.diagnostics.iter().filter(|fault| fault.severity == Severity::Error) {
        let name = fault.path().strip_prefix("rules").ok().and_then(|path| path.to_str()?.strip_suffix(".yaml"));
        let Some(name) = name else { continue };
        if !rows.iter().chain(&found).any(|row| row["name"] == *name) {
            let place = &fault.place;
            let at = if place.line > 0 { format!("{}:{}: ", place.line, place.column) } else { String::new() };
            found.push(json!({ "name": name, "mode": "broken", "fault": format!("{at}{}", fault.message),
                "description": format!("{at}{}", fault.message) }));
        }
    }
    found
}

fn cell(key: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(seconds) if key == "last_run" => ago(seconds.as_u64().unwrap_or(0)),
        other => other.to_string(),
    }
}

/// `5s ago`; of what is long ago, without the seconds.
pub(super) fn ago(seconds: u64) -> String {
    let whole = if seconds < 600 { seconds } else { seconds / 60 * 60 };
    format!("{} ago", format_duration(std::time::Duration::from_secs(whole)))
}
