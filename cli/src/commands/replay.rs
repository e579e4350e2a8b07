//! `growctl replay LOG`: a recording through the rules, on the log's own time.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use growctl_engine::app::{self, Replayed};
use growctl_engine::can::Pace;
use growctl_engine::model::counted;
use serde_json::{Value, json};

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl replay logs/monday.log --speed max\n  \
    growctl --redis redis://127.0.0.1:6379 replay logs/monday.log --speed 10\n\n\
    What rules ask of the outside is counted, never done. With --redis it publishes and does not subscribe.")]
pub(crate) struct Replay {
    /// A log of `candump -l` or `candump -L`.
    log: PathBuf,
    /// 1 is as recorded, 10 ten times as fast, max as fast as possible.
    #[arg(long, default_value = "1", value_name = "N|max", value_parser = str::parse::<Pace>)]
    speed: Pace,
}

impl Replay {
    #[allow(clippy::disallowed_methods)] // how long it took is told to a person, and decides nothing
    pub(crate) async fn run(self, folder: &Path, redis: Option<&str>, json: bool) -> ExitCode {
        let _log = super::start_log(json);
        let (_, mut site, _) = match super::load_site(folder, redis) {
            Ok(opened) => opened,
            Err(code) => return code,
        };
        if redis.is_none() {
            // A recording on the site's own server would look like today's readings: only who says so gets that.
            site.settings.redis = None;
        }
        let began = Instant::now();
        match app::replay(site, &self.log, self.speed).await {
            Ok(done) => {
                show(&done, began.elapsed().as_secs_f64(), json);
                ExitCode::SUCCESS
            }
            Err(why) => super::fail(1, &why),
        }
    }
}

fn show(done: &Replayed, elapsed: f64, json: bool) {
    let summary = json!({ "core": done.core, "frames": done.frames, "rule_runs": done.rule_runs,
        "rule_faults": done.rule_faults, "acts_not_done": done.acts,
        "broken_lines": done.log.bad_lines, "other_buses": done.log.unknown_interface, "elapsed": elapsed });
    if json {
        super::line(&summary.to_string());
        return;
    }
    for (line, why) in &done.broken {
        super::say(&format!("line {line} is no frame: {why}"));
    }
    for part in ["frames", "core"] {
        let counts = summary[part].as_object().into_iter().flatten();
        let counts: Vec<String> = counts.map(|(name, count): (&String, &Value)| format!("{name} {count}")).collect();
        super::line(&format!("{part:<8} {}", counts.join(", ")));
    }
    super::line(&format!("rules    {}, {} failed", counted(done.rule_runs, "run"), done.rule_faults));
    super::line(&format!("outside  {} not carried out", counted(done.acts, "intent")));
    if done.core.notes > 0 {
        super::line(&format!("alerts   {} to people not sent", counted(done.core.notes, "note")));
    }
    let other: Vec<String> =
        done.log.unknown_interface.iter().map(|(bus, frames)| format!("{frames} of {bus}")).collect();
    let other = if other.is_empty() { "none".to_owned() } else { other.join(", ") };
    super::line(&format!(
        "log      {}; frames of interfaces not in the map: {other}",
        counted(done.log.bad_lines, "broken line")
    ));
    super::line(&format!("elapsed  {elapsed:.3} s"));
}
