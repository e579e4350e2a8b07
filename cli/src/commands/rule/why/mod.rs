//! `growctl rule why`: why a rule of the running engine acts or does not, and what it decided lately.

mod decisions;
mod instances;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use growctl_engine::app::{Settings, load_settings};
use growctl_engine::files::{Report, closest};
use growctl_engine::model::parse_duration;
use growctl_engine::rules::rule_files;
use serde_json::Value;

use crate::commands::words::{self, Clock};
use crate::{commands, socket};

/// Arguments of `rule why`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl rule why flower-cooling\n  growctl rule why flower-cooling --instance FR-C1\n  \
    growctl rule why irrigation --since 8h\n  growctl rule why lights --format json | jq '.decisions[-1]'\n\n\
    The engine keeps the last 200 decisions of each rule in memory, over reloads, until it stops.\n\
    Exit codes: 0 it is told, 1 no engine runs on this site, 2 there is no such rule or instance."
)]
pub(super) struct Why {
    /// The rule's name: its file's, without .yaml.
    name: String,
    /// Only this instance: a node, a device, or the values of `per` with `/` between them.
    #[arg(long)]
    instance: Option<String>,
    /// All decisions of the last 10m, 8h, 2d; without it the newest ones.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION")]
    since: Option<Duration>,
}

impl Why {
    pub(super) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let mut path = format!("/rules/{}/why", socket::escaped(&self.name));
        if let Some(instance) = self.instance.as_deref().filter(|instance| !instance.is_empty()) {
            path += &format!("/{}", socket::escaped(instance));
        }
        let mut why = match socket::look_up(folder, &path).await {
            Ok(Some(why)) => why,
            Ok(None) => return not_running(folder, &self.name),
            Err(_) if !is_there(folder, &self.name) => return super::no_rule(folder, &self.name),
            Err(error) => return commands::fail(1, &error),
        };
        if let Some(code) = self.instance.as_deref().and_then(|instance| unknown(instance, &why)) {
            return code;
        }
        let now = why["now"].as_f64().unwrap_or_default();
        if let (Some(since), Some(decisions)) = (self.since, why["decisions"].as_array_mut()) {
            let first = now - since.as_secs_f64();
            decisions.retain(|decision| decision["at"].as_f64().is_some_and(|at| at >= first));
        }
        if json {
            commands::line(&why.to_string());
        } else {
            let settings = load_settings(folder, &mut Report::default()).unwrap_or_default();
            commands::line(text(&why, &settings, self.instance.is_some(), self.since.is_some()).trim_end());
        }
        ExitCode::SUCCESS
    }
}

fn is_there(folder: &Path, name: &str) -> bool {
    rule_files(folder, &mut Report::default()).contains(&super::files::rule_path(name))
}

fn not_running(folder: &Path, name: &str) -> ExitCode {
    if !is_there(folder, name) {
        return super::no_rule(folder, name);
    }
    let what = format!("the running engine does not have the rule '{name}': `growctl reload` tells why");
    commands::fail(2, &what)
}

/// Says that the rule has no such instance.
fn unknown(instance: &str, why: &Value) -> Option<ExitCode> {
    if !words::list(&why["instances"]).is_empty() {
        return None;
    }
    let others: Vec<&str> = words::list(&why["others"]).iter().filter_map(Value::as_str).collect();
    let known = closest(instance, others.iter().copied()).map(|near| format!("did you mean '{near}'?"));
    let known = known.unwrap_or_else(|| match others.as_slice() {
        [] => "it has none yet".to_owned(),
        [""] => "it has one for all, without a name".to_owned(),
        all => format!("there is: {}", all[..all.len().min(12)].join(", ")),
    });
    Some(commands::fail(2, &format!("the rule has no instance '{instance}': {known}")))
}

/// All of it for people, the reason first.
fn text(why: &Value, settings: &Settings, one: bool, all: bool) -> String {
    let clock = Clock { settings, now: why["now"].as_f64().unwrap_or_default() };
    let word = |key: &str| why[key].as_str().unwrap_or("-");
    let mut out =
        format!("{} at {}: {}, revision {}\n", word("rule"), clock.at(&why["now"]), word("file"), word("revision"));
    if let Some(stopped) = stopped(why, &clock) {
        out += &format!("{stopped}\n");
    } else {
        out += &instances::all(why, &clock, one);
    }
    out += &ticks(why, &clock);
    out += &decisions::devices(why, &clock);
    out + &decisions::text(why, &clock, all)
}

/// Why the rule as a whole does nothing.
fn stopped(why: &Value, clock: &Clock<'_>) -> Option<String> {
    if why["mode"] == "off" {
        return Some("it does nothing: its file says `mode: off`".to_owned());
    }
    let until = Some(&why["parked_until"]).filter(|until| !until.is_null())?;
    let what = "it is left alone: it took over 20 % of the time, and its requests are released";
    Some(format!("{what}. It is tried again at {}, or after a reload", clock.to_come(until)))
}

fn ticks(why: &Value, clock: &Clock<'_>) -> String {
    match (why["ticks"] == true, &why["next_tick"]) {
        (false, _) => String::new(),
        (true, Value::Null) => {
            "no tick is planned: the clock is not set yet, or growctl.yaml has no `location` for the sun\n".to_owned()
        }
        (true, next) => format!("next tick at {}\n", clock.to_come(next)),
    }
}

#[cfg(test)]
#[path = "why_tests.rs"]
mod tests;
