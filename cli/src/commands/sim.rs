//! `growctl sim`: faults of the simulated plant, to see what rules and devices do about them.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::{complete, socket};

/// Arguments of `sim`.
#[derive(Debug, Args)]
pub(crate) struct Sim {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a simulated node or device fail, or well again.
    #[command(
        after_help = "Examples:\n  growctl sim fault FR-C1 silent\n  growctl sim fault 'Flower Room/exhaust' stuck\n  \
        growctl sim fault FR-C1 none"
    )]
    Fault {
        /// A node, or `room/device`.
        #[arg(add = complete::plant())]
        target: String,
        /// How.
        kind: Kind,
    },
    /// What is made to fail.
    Faults,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// It sends nothing.
    Silent,
    /// It sends its "no value".
    Invalid,
    /// A node repeats its last frame, a device moves no more.
    Stuck,
    /// It is well again.
    None,
}

impl Sim {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let answer = match self.what {
            What::Faults => socket::get(folder, "/sim/faults").await,
            What::Fault { target, kind } => {
                let kind = kind.to_possible_value().filter(|_| !matches!(kind, Kind::None));
                let body = json!({ "target": target, "kind": kind.map(|kind| kind.get_name().to_owned()) });
                socket::post(folder, "/sim/faults", body).await
            }
        };
        match answer {
            Ok(faults) if json => drop(super::line(&faults.to_string())),
            Ok(faults) => show(&faults),
            Err(why) => return super::fail(1, &why),
        }
        ExitCode::SUCCESS
    }
}

fn show(faults: &Value) {
    let faults = faults.as_object().filter(|faults| !faults.is_empty());
    match faults {
        None => drop(super::line("nothing is made to fail")),
        Some(faults) => faults.iter().for_each(|(name, kind)| {
            super::line(&format!("{name}  {}", kind.as_str().unwrap_or_default()));
        }),
    }
}
