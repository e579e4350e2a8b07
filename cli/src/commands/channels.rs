//! `growctl channels list`: every node's signal and what it is called.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use growctl_engine::app;
use growctl_engine::files::Report;
use serde_json::json;

/// Arguments of `channels`.
#[derive(Debug, Args)]
pub(crate) struct Channels {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every id, signal, channel and unit of the nodes.
    #[command(after_help = "Examples:\n  growctl channels list\n  growctl channels list --format json")]
    List,
}

impl Channels {
    pub(crate) fn run(self, folder: &Path, json: bool) -> ExitCode {
        let What::List = self.what;
        let mut report = Report::default();
        let map = app::load_map(folder, &mut report);
        super::show(&report);
        let Some(map) = map else { return ExitCode::from(2) };
        let mut rows = Vec::new();
        for node in &map.nodes {
            for field in &node.fields {
                let signal = &node.frame.signals[field.signal];
                let channel = if field.published { &*node.source.channel } else { "(not published)" };
                rows.push(vec![
                    map.buses[usize::from(node.bus.0)].name.to_string(),
                    node.id.to_string(),
                    node.frame.name.to_string(),
                    node.source.name.to_string(),
                    channel.to_owned(),
                    field.name.to_string(),
                    signal.unit.as_deref().unwrap_or("-").to_owned(),
                ]);
            }
        }
        let keys = ["bus", "id", "frame", "node", "channel", "field", "unit"];
        if json {
            let object = |row: &Vec<String>| keys.iter().zip(row).map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
            let rows: Vec<serde_json::Map<String, serde_json::Value>> = rows.iter().map(object).collect();
            super::line(&json!(rows).to_string());
        } else {
            super::line(&super::table(&["BUS", "ID", "FRAME", "NODE", "CHANNEL", "FIELD", "UNIT"], rows));
        }
        ExitCode::SUCCESS
    }
}
