//! `growctl rule list|show|reset`.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use growctl_engine::app::Site;
use growctl_engine::files::Report;
use growctl_engine::rules::Rule as Loaded;
use serde_json::{Value, json};

use crate::socket;

/// Arguments of `rule`.
#[derive(Debug, Args)]
pub(crate) struct Rule {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every rule of the site, and what it is doing if the engine runs.
    List,
    /// One rule: its file, and what it was understood to mean.
    #[command(after_help = "Example:\n  growctl rule show flower-cooling")]
    Show {
        /// The rule's name: its file's, without .yaml.
        name: String,
    },
    /// Reset a rule's latches: `reset` is true for one event.
    #[command(after_help = "Example:\n  growctl rule reset leak")]
    Reset {
        /// The rule's name.
        name: String,
    },
}

impl Rule {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        match self.what {
            What::List => list(folder, json).await,
            What::Show { name } => show(folder, &name, json),
            What::Reset { name } => match socket::post(folder, &format!("/rules/{name}/reset"), Value::Null).await {
                Ok(_) => ExitCode::SUCCESS,
                Err(why) => super::fail(1, &why),
            },
        }
    }
}

async fn list(folder: &Path, json: bool) -> ExitCode {
    let mut report = Report::default();
    let Some(site) = Site::load(folder, &mut report) else {
        super::show(&report);
        return ExitCode::from(2);
    };
    // Without a running engine the files alone are shown.
    let running = socket::get(folder, "/status").await.map(|status| status["rules"].clone()).unwrap_or_default();
    let rows: Vec<Value> = site.rules.iter().map(|rule| row(rule, &running)).collect();
    if json {
        super::line(&Value::Array(rows).to_string());
    } else {
        let text = |row: &Value, key: &str| row[key].as_str().map_or_else(|| row[key].to_string(), str::to_owned);
        let keys = ["name", "mode", "active", "runs", "subscribe", "description"];
        let cells = rows.iter().map(|row| keys.iter().map(|key| text(row, key).replace("null", "-")).collect());
        super::line(&super::table(
            &["RULE", "MODE", "ACTIVE", "RUNS", "SUBSCRIBES TO", "DESCRIPTION"],
            cells.collect(),
        ));
    }
    if report.errors() > 0 {
        super::show(&report);
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

fn row(rule: &Loaded, running: &Value) -> Value {
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

fn show(folder: &Path, name: &str, json: bool) -> ExitCode {
    let mut report = Report::default();
    let Some(site) = Site::load(folder, &mut report) else {
        super::show(&report);
        return ExitCode::from(2);
    };
    let Some(rule) = site.rules.iter().find(|rule| &*rule.name == name) else {
        super::show(&report);
        let names: Vec<&str> = site.rules.iter().map(|rule| &*rule.name).collect();
        return super::fail(2, &format!("there is no rule '{name}'; there is: {}", names.join(", ")));
    };
    let fields: Vec<&str> = rule.fields.iter().map(|field| &**field).collect();
    let channels: Vec<&str> = site
        .map
        .inventory
        .sources
        .iter()
        .filter(|source| rule.patterns.iter().any(|p| p.matches(&source.channel) || p.matches(&source.broad)))
        .map(|source| &*source.channel)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    if json {
        let text = json!({ "name": rule.name, "mode": rule.mode, "priority": rule.priority,
            "file": rule.file.path, "fields": fields, "channels": channels, "text": rule.file.text });
        super::line(&text.to_string());
    } else {
        super::line(&format!("# {}\n{}", rule.file.path.display(), rule.file.text.trim_end()));
        super::line(&format!("\n# mode {}, priority {}", mode_name(rule), rule.priority));
        super::line(&format!("# needs the fields: {}", or_none(&fields)));
        super::line(&format!("# channels of this site: {}", or_none(&channels)));
    }
    ExitCode::SUCCESS
}

fn mode_name(rule: &Loaded) -> String {
    json!(rule.mode).as_str().unwrap_or_default().to_owned()
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
