//! `growctl device`: what devices do and did.

mod history;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Arguments of `device`.
#[derive(Debug, Args)]
pub(crate) struct Device {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What was switched when, by whom and why, the latest last.
    History(history::History),
}

impl Device {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        match self.what {
            What::History(history) => history.run(folder, json).await,
        }
    }
}
