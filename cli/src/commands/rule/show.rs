//! `growctl rule show`: one rule, what it was understood to mean, and what it is doing if the engine runs.

use std::path::Path;
use std::process::ExitCode;

use growctl_engine::files::Report;
use growctl_engine::model::{Name, WellKnown, counted};
use growctl_engine::rules::{Rule, instances};
use serde_json::{Value, json};

use super::{files, heard};
use crate::{commands, socket};

/// Instances that are shown to people.
const MOST: usize = 12;

pub(super) async fn show(folder: &Path, name: &str, json: bool) -> ExitCode {
    let mut report = Report::default();
    let site = match super::load(folder, &mut report) {
        Ok(site) => site,
        Err(code) => return code,
    };
    // The faults of other files are `check`'s to tell.
    report.diagnostics.retain(|fault| fault.path() == files::rule_path(name));
    let Some(rule) = site.rules.iter().find(|rule| &*rule.name == name) else {
        if report.errors() == 0 {
            return super::no_rule(folder, name);
        }
        commands::show(&report);
        return commands::fail(2, &format!("the rule '{name}' is broken: it does not run"));
    };
    let inventory = &site.map.inventory;
    let heard = heard::heard(folder, rule, inventory).await;
    let status = socket::get(folder, "/status").await.ok();
    let live = status.as_ref().and_then(|status| status["rules"].as_array()?.iter().find(|one| one["name"] == *name));
    let instances = instances(rule, inventory);
    if json {
        let text = json!({ "name": rule.name, "mode": rule.mode, "priority": rule.priority, "file": rule.file.path,
            "fields": rule.fields, "patterns": patterns(rule), "devices": super::devices(rule), "listens": heard.rows,
            "instances": instances, "running": live, "warnings": report.diagnostics, "text": rule.file.text });
        commands::line(&text.to_string());
        return ExitCode::SUCCESS;
    }
    commands::show(&report);
    commands::line(&format!("# {}\n{}\n", rule.file.path.display(), rule.file.text.trim_end()));
    commands::line(&meaning(folder, rule, &instances));
    let table = heard.table();
    if !table.is_empty() {
        commands::line(&format!("\n{table}"));
    }
    commands::line(&format!("\n{}", doing(live, heard.silent.is_none())));
    ExitCode::SUCCESS
}

/// Each pattern, and the Redis pattern that it stands for where that is another.
fn patterns(rule: &Rule) -> Vec<String> {
    let one = |pattern: &growctl_engine::bus::Pattern| match pattern.text == pattern.redis {
        true => pattern.text.to_string(),
        false => format!("{} (in Redis {})", pattern.text, pattern.redis),
    };
    rule.patterns.iter().map(one).collect()
}

fn meaning(folder: &Path, rule: &Rule, instances: &[Name]) -> String {
    let mode = json!(rule.mode);
    let names = |names: &[Name]| names.iter().map(|name| &**name).collect::<Vec<_>>().join(", ");
    let some = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let shown = match instances {
        [only] if only.is_empty() => "one for all".to_owned(),
        all if all.len() > MOST => format!("{} and {} more", names(&all[..MOST]), all.len() - MOST),
        all => some(names(all)),
    };
    // What every message has is no condition.
    let is_measured = |field: &&Name| !WellKnown::RESERVED.contains(&&***field);
    let measured: Vec<Name> = rule.fields.iter().filter(is_measured).cloned().collect();
    let test = files::test_path(&rule.name);
    let test = if folder.join(&test).exists() { test.display().to_string() } else { "none".to_owned() };
    [
        ("mode", mode.as_str().unwrap_or_default().to_owned()),
        ("priority", rule.priority.to_string()),
        ("patterns", some(patterns(rule).join(", "))),
        ("needs fields", some(names(&measured))),
        ("instances", shown),
        ("asks for", some(super::devices(rule).join(", "))),
        ("test", test),
    ]
    .map(|(key, value)| format!("{key:<13} {value}"))
    .join("\n")
}

fn doing(live: Option<&Value>, runs: bool) -> String {
    let Some(live) = live else {
        return match runs {
            true => "the running engine does not have it".to_owned(),
            false => "no engine runs on this site".to_owned(),
        };
    };
    let last = live["last_run"]
        .as_u64()
        .map_or_else(|| "never ran".to_owned(), |ago| format!("last ran {}", super::list::ago(ago)));
    let count = |key: &str, what: &str| counted(live[key].as_u64().unwrap_or(0), what);
    let mut text = format!(
        "running       {} of {} active, {}, {}, {last}",
        live["active"],
        count("instances", "instance"),
        count("episodes", "episode"),
        count("runs", "run")
    );
    let counts = [
        (count("not_concerned", "message"), " did not concern it"),
        (count("unknown", "judgement"), " without a good value"),
        (count("suppressed", "run"), " held back by the cooldown"),
        (count("missed_ticks", "tick"), " missed"),
        (count("faults", "fault"), ""),
    ];
    for (count, words) in counts.iter().filter(|(count, _)| !count.starts_with("0 ")) {
        text += &format!("\n              {count}{words}");
    }
    if live["parked"] == true {
        text += "\n              parked: it takes too much time";
    }
    if let Some(error) = live["last_error"].as_str() {
        text += &format!("\nlast error    {error}");
    }
    text
}
