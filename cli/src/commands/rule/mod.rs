//! `growctl rule`: one file per verb; each adds a variant here and an arm below.

mod list;
mod show;
mod test;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use growctl_engine::app::Site;
use growctl_engine::files::Report;
use serde_json::Value;

use crate::{complete, socket};

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
        #[arg(add = complete::rules())]
        name: String,
    },
    /// Run the tests of rules: rules/<name>_test.yaml.
    Test(test::Test),
    /// Reset a rule's latches: `reset` is true for one event.
    #[command(after_help = "Example:\n  growctl rule reset leak")]
    Reset {
        /// The rule's name.
        #[arg(add = complete::rules())]
        name: String,
    },
}

impl Rule {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        match self.what {
            What::List => list::list(folder, json).await,
            What::Test(command) => command.run(folder, json),
            What::Show { name } => show::show(folder, &name, json),
            What::Reset { name } => match socket::post(folder, &format!("/rules/{name}/reset"), Value::Null).await {
                Ok(_) => ExitCode::SUCCESS,
                Err(why) => super::fail(1, &why),
            },
        }
    }
}

/// Reads the site, or shows why it cannot be read.
fn load(folder: &Path, report: &mut Report) -> Result<Site, ExitCode> {
    Site::load(folder, report).ok_or_else(|| {
        super::show(report);
        ExitCode::from(2)
    })
}
