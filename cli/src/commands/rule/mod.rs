//! `growctl rule`: one file per verb; each adds a variant here and an arm below.

mod add;
mod ask;
mod files;
mod heard;
mod list;
mod rename;
mod rm;
mod show;
mod test;
mod why;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use growctl_engine::app::Site;
use growctl_engine::files::{Report, closest};
use growctl_engine::rules::rule_files;
use serde_json::Value;

use crate::commands::reload::Outcome;
use crate::{complete, socket};

/// Arguments of `rule`.
#[derive(Debug, Args)]
pub(crate) struct Rule {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A new rule with its test: from a template, from flags, or by questions.
    Add(Box<add::Add>),
    /// Every rule of the site, and what it is doing if the engine runs.
    #[command(after_help = "Exit codes: 0 fine, 2 a rule is broken; the others are shown all the same.")]
    List,
    /// One rule: its file, what it was understood to mean, and what it is doing if the engine runs.
    #[command(
        after_help = "Example:\n  growctl rule show flower-cooling\n\nExit codes: 0 fine, 2 it is broken or not there."
    )]
    Show {
        /// The rule's name: its file's, without .yaml.
        #[arg(add = complete::rules())]
        name: String,
    },
    /// Give a rule and its test another name.
    #[command(after_help = "Example:\n  growctl rule rename cooling flower-cooling\n\n\
        Episodes of the old name end, what they asked of devices is let go, and the new name starts anew.\n\n\
        Exit codes: 0 renamed, 1 the files cannot be renamed, 2 there is no such rule, or the new name is taken.")]
    Rename {
        /// The rule's name.
        #[arg(add = complete::rules())]
        old: String,
        /// What it is to be called.
        new: String,
    },
    /// Remove a rule and its test.
    #[command(after_help = "Example:\n  growctl rule rm flower-cooling-trial\n\n\
        Exit codes: 0 removed, 1 not removed, 2 there is no such rule, or nobody can be asked and --yes is missing.")]
    Rm {
        /// The rule's name.
        #[arg(add = complete::rules())]
        name: String,
        /// Ask nothing.
        #[arg(long, short)]
        yes: bool,
    },
    /// Why a rule acts or does not: how each instance stands, and what it decided lately.
    Why(why::Why),
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
            What::Add(add) => add::add(*add, folder, json).await,
            What::List => list::list(folder, json).await,
            What::Test(command) => command.run(folder, json),
            What::Why(command) => command.run(folder, json).await,
            What::Show { name } => show::show(folder, &name, json).await,
            What::Rename { old, new } => rename::rename(folder, &old, &new, json).await,
            What::Rm { name, yes } => rm::rm(folder, &name, yes, json).await,
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

/// Says that there is no rule of that name, and which there are.
fn no_rule(folder: &Path, name: &str) -> ExitCode {
    let paths = rule_files(folder, &mut Report::default());
    let names: BTreeSet<String> =
        paths.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    let known = closest(name, names.iter().map(String::as_str)).map(|near| format!("did you mean '{near}'?"));
    let known = known.unwrap_or_else(|| match names.is_empty() {
        true => "the site has none; `growctl rule add` makes one".to_owned(),
        false => format!("there is: {}", names.into_iter().collect::<Vec<_>>().join(", ")),
    });
    super::fail(2, &format!("there is no rule '{name}': {known}"))
}

/// The devices that a rule's scripts ask for, as far as they are constants: `Room/device`.
fn devices(rule: &growctl_engine::rules::Rule) -> Vec<String> {
    let scripts = [&rule.then, &rule.each, &rule.finally].into_iter().flatten();
    let asks = |script: &&growctl_engine::rules::Script| {
        script.calls.iter().any(|call| matches!(&**call, "on" | "off" | "set"))
    };
    let named = scripts.filter(asks).flat_map(|script| &script.devices);
    let devices: BTreeSet<String> =
        named.filter_map(|(room, device)| Some(format!("{}/{}", room.as_ref()?, device.as_ref()?))).collect();
    devices.into_iter().collect()
}

/// Makes the running engine look at the files, and says what it made of them.
async fn taken(folder: &Path) -> String {
    match socket::post(folder, "/reload", Value::Null).await {
        Ok(answer) => {
            let text = answer["text"].as_str().unwrap_or_default().trim_end();
            match Outcome::of(&answer) {
                Outcome::Taken => "the running engine has taken it".to_owned(),
                Outcome::Refused => {
                    format!("{text}\nthe running engine goes on as before, until the files are mended")
                }
                Outcome::NotNow => format!("{text}\nthe running engine has not taken it and goes on as before"),
            }
        }
        Err(why) => format!("the running engine does not say whether it has taken it: {why}"),
    }
}

/// What the running engine says about a rule's hold on devices.
struct Held {
    running: bool,
    /// `Flower Room/exhaust (at 70)`
    devices: Vec<String>,
}

async fn held(folder: &Path, name: &str) -> Held {
    let Ok(status) = socket::get(folder, "/status").await else {
        return Held { running: false, devices: Vec::new() };
    };
    let source = format!("rule {name}");
    let is_its = |request: &&Value| {
        let by = request["source"].as_str().unwrap_or_default();
        by == source || by.starts_with(&format!("{source} ("))
    };
    let devices = status["devices"].as_array().into_iter().flatten().filter_map(|device| {
        let request = device["requests"].as_array()?.iter().find(is_its)?;
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(format!("{}/{} (at {})", text(&device["room"]), text(&device["device"]), text(&request["level"])))
    });
    Held { running: true, devices: devices.collect() }
}
