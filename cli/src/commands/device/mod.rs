//! `growctl device`: one file per verb; each adds a variant here and an arm below.

mod history;
mod list;
mod person;
mod why;

pub(crate) use list::notes;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use growctl_engine::app::{Settings, load_settings};
use growctl_engine::files::Report;

use super::words;
use crate::{complete, socket};

/// Arguments of `device`.
#[derive(Debug, Args)]
pub(crate) struct Device {
    #[command(subcommand)]
    what: What,
}

/// One device.
#[derive(Debug, Args)]
struct Key {
    /// Its room.
    #[arg(add = complete::rooms())]
    room: String,
    /// Its name there.
    #[arg(add = complete::devices())]
    device: String,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every device: what it is, what it should be, who wants that and until when, and what is in the way.
    List(list::List),
    /// Ask for a state of a device, for an hour or for a stated time.
    Set(person::Set),
    /// End what `device set` asked for.
    Release(person::Release),
    /// Why a device is as it is: who asks, which limits are in force, what was sent and heard.
    Why(why::Why),
    /// What a device did, and who wanted that.
    History(history::History),
}

impl Device {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let done = match self.what {
            What::List(list) => list.run(folder, json).await,
            What::Set(set) => set.run(folder, json).await,
            What::Release(release) => release.run(folder, json).await,
            What::Why(why) => why.run(folder, json).await,
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

impl Key {
    fn path(&self) -> String {
        format!("/devices/{}/{}", socket::escaped(&self.room), socket::escaped(&self.device))
    }
}

/// A state as people read it; `-` where nobody knows it.
fn state(value: &serde_json::Value) -> String {
    if value.is_null() { "-".to_owned() } else { words::value(value) }
}

/// Columns where there is no terminal to ask.
const USUAL_WIDTH: usize = 80;
/// No narrower: a column that hangs would hold single words.
const LEAST_WIDTH: usize = 60;

/// How many columns a line has: those of the terminal it goes to.
pub(crate) fn width() -> usize {
    let terminal = terminal_size::terminal_size_of(std::io::stdout());
    terminal.map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0).max(LEAST_WIDTH))
}

/// A line that fits, broken between words: what goes on does so `hang` columns in.
pub(crate) fn fitted(line: &str, hang: usize, width: usize) -> String {
    let mut out = String::new();
    let mut rest = line.to_owned();
    while let Some((end, letter)) = rest.char_indices().nth(width) {
        let end = end + usize::from(letter == ' ');
        let Some(at) = rest[..end].rfind(' ').filter(|at| *at > hang) else { break };
        out += &format!("{}\n", rest[..at].trim_end());
        rest = format!("{:hang$}{}", "", rest[at..].trim_start());
    }
    out + &rest + "\n"
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
