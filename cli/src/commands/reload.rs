//! `growctl reload`: makes the running engine look at the files now, and shows what that came to.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use growctl_engine::model::counted;
use serde_json::Value;

use crate::socket;

/// Arguments of `reload`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl reload\n  git pull && growctl reload --format json | jq .changed\n\n\
    Changes of the files are noticed without it, within a second; it waits for the answer.\n\
    Exit codes: 0 the files decide, 1 no engine runs on this site, or it could not take them now (they do not come to rest,\n\
    it is stopping), 2 they have faults and everything runs as before.")]
pub(crate) struct Reload {}

impl Reload {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let answer = match socket::post(folder, "/reload", Value::Null).await {
            Ok(answer) => answer,
            Err(why) => return super::fail(1, &why),
        };
        let outcome = Outcome::of(&answer);
        if json {
            super::line(&answer.to_string());
        } else {
            let text = answer["text"].as_str().unwrap_or_default();
            if !text.is_empty() {
                super::say(text.trim_end());
            }
            match outcome {
                Outcome::Taken => drop(super::line(&summary(&answer))),
                Outcome::Refused => super::say("growctl: the files have faults: everything runs as before"),
                Outcome::NotNow => super::say("growctl: the files were not taken: everything runs as before"),
            }
        }
        match outcome {
            Outcome::Taken => ExitCode::SUCCESS,
            Outcome::Refused => ExitCode::from(2),
            Outcome::NotNow => ExitCode::from(1),
        }
    }
}

/// What the engine made of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// They decide.
    Taken,
    /// They have faults.
    Refused,
    /// They do not come to rest, the engine is stopping, or has a bug.
    NotNow,
}

impl Outcome {
    /// Reads it in an answer of `/reload`.
    pub(crate) fn of(answer: &Value) -> Outcome {
        match answer["outcome"].as_str() {
            Some("applied" | "unchanged") => Outcome::Taken,
            Some("refused") => Outcome::Refused,
            _ => Outcome::NotNow,
        }
    }
}

fn summary(answer: &Value) -> String {
    let revision = answer["revision"].as_str().unwrap_or("-");
    if answer["outcome"] == "unchanged" {
        return format!("the files are as they were, at revision {revision}");
    }
    let names = |key: &str| {
        let names: Vec<&str> = answer[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        (!names.is_empty()).then(|| format!("{key} {}", names.join(", ")))
    };
    let map = (answer["map_changed"] == true).then(|| "channel map changed".to_owned());
    let parts: Vec<String> = [names("added"), names("changed"), names("removed"), map].into_iter().flatten().collect();
    let what = if parts.is_empty() { "no rule has changed".to_owned() } else { parts.join("; ") };
    let (count, go) = match answer["unchanged"].as_u64().unwrap_or(0) {
        1 => (1, "goes"),
        more => (more, "go"),
    };
    format!("reloaded at revision {revision}: {what}; {} {go} on untouched", counted(count, "rule"))
}
