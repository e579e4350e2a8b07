//! `growctl rule show`: one rule, and what it was understood to mean.

use std::path::Path;
use std::process::ExitCode;

use growctl_engine::files::Report;
use growctl_engine::rules::Rule;
use serde_json::json;

use crate::commands;

pub(super) fn show(folder: &Path, name: &str, json: bool) -> ExitCode {
    let mut report = Report::default();
    let site = match super::load(folder, &mut report) {
        Ok(site) => site,
        Err(code) => return code,
    };
    let Some(rule) = site.rules.iter().find(|rule| &*rule.name == name) else {
        commands::show(&report);
        let names: Vec<&str> = site.rules.iter().map(|rule| &*rule.name).collect();
        return commands::fail(2, &format!("there is no rule '{name}'; there is: {}", names.join(", ")));
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
        commands::line(&text.to_string());
    } else {
        commands::line(&format!("# {}\n{}", rule.file.path.display(), rule.file.text.trim_end()));
        commands::line(&format!("\n# mode {}, priority {}", mode_name(rule), rule.priority));
        commands::line(&format!("# needs the fields: {}", or_none(&fields)));
        commands::line(&format!("# channels of this site: {}", or_none(&channels)));
    }
    ExitCode::SUCCESS
}

fn mode_name(rule: &Rule) -> String {
    json!(rule.mode).as_str().unwrap_or_default().to_owned()
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
