//! `growctl alert ack`: somebody sees to it.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::{Shown, person, whose};
use crate::commands::words::list;
use crate::{complete, socket};

/// Arguments of `alert ack`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl alert ack K3F\n  growctl alert ack K3F 7PX --by anna\n  \
    growctl alert ack heat-alert\n  growctl alert ack all\n\n\
    It is not repeated and not escalated any more until it is over. Who was told is told when it ends, and when it \
    fires again that is a new alert.\n\
    Exit codes: 0 acknowledged, 1 no engine runs on this site, 2 no such alert fires.")]
pub(super) struct Ack {
    /// The alert's code, several of them, its rule, or `all`.
    #[arg(required = true, add = complete::rules())]
    which: Vec<String>,
    /// Who sees to it; you, if nothing is said.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Ack {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let body = json!({ "which": self.which.join(" "), "by": self.by.unwrap_or_else(person) });
        let said = socket::ask(folder, "/alerts/ack", Some(body)).await?;
        if json {
            return Ok(said.to_string());
        }
        let lines: Vec<String> =
            list(&said["acknowledged"]).iter().map(|alert| format!("acknowledged: {}", whose(alert))).collect();
        Ok(if lines.is_empty() { "no alert fires: nothing to acknowledge".to_owned() } else { lines.join("\n") })
    }
}
