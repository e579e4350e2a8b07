//! `growctl rule list`: every rule of the site, and what it is doing if the engine runs.

use std::path::Path;
use std::process::ExitCode;

use growctl_engine::files::Report;
use growctl_engine::rules::Rule;
use serde_json::{Value, json};

use crate::commands;
use crate::socket;

pub(super) async fn list(folder: &Path, json: bool) -> ExitCode {
    let mut report = Report::default();
    let site = match super::load(folder, &mut report) {
        Ok(site) => site,
        Err(code) => return code,
    };
    // Without a running engine the files alone are shown.
    let running = socket::get(folder, "/status").await.map(|status| status["rules"].clone()).unwrap_or_default();
    let rows: Vec<Value> = site.rules.iter().map(|rule| row(rule, &running)).collect();
    if json {
        commands::line(&Value::Array(rows).to_string());
    } else {
        let text = |row: &Value, key: &str| row[key].as_str().map_or_else(|| row[key].to_string(), str::to_owned);
        let keys = ["name", "mode", "active", "runs", "subscribe", "description"];
        let cells = rows.iter().map(|row| keys.iter().map(|key| text(row, key).replace("null", "-")).collect());
        commands::line(&commands::table(
            &["RULE", "MODE", "ACTIVE", "RUNS", "SUBSCRIBES TO", "DESCRIPTION"],
            cells.collect(),
        ));
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
        "subscribe": rule.patterns.iter().map(|pattern| &*pattern.text).collect::<Vec<_>>().join(", "),
        "description": rule.description,
    })
}
