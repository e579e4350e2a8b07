//! `growctl alert`: one file per verb; each adds a variant here and an arm below.

mod ack;
mod history;
mod list;
mod show;
mod silence;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use growctl_engine::app::{Settings, load_settings};
use growctl_engine::files::Report;

/// Arguments of `alert`.
#[derive(Debug, Args)]
pub(crate) struct Alert {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What fires: since when, how bad, who was told, who has acknowledged it.
    List(list::List),
    /// Everything about one alert.
    Show(show::Show),
    /// Say that somebody sees to it: it is not repeated and not escalated any more.
    Ack(ack::Ack),
    /// Hear nothing of some alerts for a while.
    Silence(silence::Silence),
    /// What became of alerts.
    History(history::History),
}

impl Alert {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let done = match self.what {
            What::List(list) => list.run(folder, json).await,
            What::Show(show) => show.run(folder, json).await,
            What::Ack(ack) => ack.run(folder, json).await,
            What::Silence(silence) => silence.run(folder, json).await,
            What::History(history) => history.run(folder, json).await,
        };
        match done {
            Ok(text) => {
                super::line(text.trim_end());
                ExitCode::SUCCESS
            }
            Err((code, why)) => super::fail(code, &why),
        }
    }
}

/// What is shown, or the exit code and why.
type Shown = Result<String, (u8, String)>;

/// Broken settings are `check`'s to tell; here the default clocks do.
fn settings(folder: &Path) -> Settings {
    load_settings(folder, &mut Report::default()).unwrap_or_default()
}

/// Who sits here, if nobody says who.
fn person() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.trim().is_empty())
        .unwrap_or_else(|| "somebody".to_owned())
}

/// `heat-alert (FR-C1)`.
fn whose(alert: &serde_json::Value) -> String {
    let (rule, instance) = (super::words::text(&alert["rule"]), super::words::text(&alert["instance"]));
    if instance.is_empty() { rule.to_owned() } else { format!("{rule} ({instance})") }
}

/// Names with commas between them.
fn names(value: &serde_json::Value) -> String {
    super::words::list(value).iter().map(super::words::text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "alert_tests.rs"]
mod tests;
