//! `growctl channels list`: every identifier, signal, channel and unit that the channel map resolves to. `channels import`
//! makes a map of a DBC file.

mod import;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use growctl_engine::app;
use growctl_engine::channels::{Row, RowKind, rows};
use growctl_engine::files::Report;

/// Arguments of `channels`.
#[derive(Debug, Args)]
pub(crate) struct Channels {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every signal with its identifier, channel, field, unit and bits, and the raw frames.
    #[command(after_help = "Examples:\n  growctl channels list\n  growctl channels list --format json")]
    List,
    /// A starting channels.yaml for a DBC file, on stdout.
    Import(import::ImportArguments),
}

const HEADINGS: [&str; 10] = ["BUS", "ID", "FRAME", "NODE", "CHANNEL", "FIELD", "UNIT", "BITS", "RANGE", "VALUES"];

impl Channels {
    pub(crate) fn run(self, folder: &Path, json: bool) -> ExitCode {
        match self.what {
            What::List => list(folder, json),
            What::Import(arguments) => arguments.run(),
        }
    }
}

fn list(folder: &Path, json: bool) -> ExitCode {
    let mut report = Report::default();
    let map = app::load_map(folder, &mut report);
    super::show(&report);
    let Some(map) = map else { return ExitCode::from(2) };
    let rows = rows(&map);
    let text = match json {
        true => serde_json::json!(rows).to_string(),
        false => super::table(&HEADINGS, rows.iter().map(cells).collect()),
    };
    // Nobody reads on: that is the reader's choice, no failure.
    let _ = super::line(&text);
    ExitCode::SUCCESS
}

fn cells(row: &Row) -> Vec<String> {
    let text = |name: &str| name.to_owned();
    let channel = match (&row.channel, row.kind) {
        (Some(channel), _) => text(channel),
        (None, RowKind::Start) => "(sent raw at the start)".to_owned(),
        (None, RowKind::Boot) => format!("(sent raw after {})", row.when.as_deref().unwrap_or_default()),
        (None, _) => "(never published)".to_owned(),
    };
    let node = match row.kind {
        RowKind::Node | RowKind::Start | RowKind::Boot => text(&row.node),
        RowKind::Feedback | RowKind::Command => format!("{}/{}", row.room, row.node),
    };
    let range = row.range.map(|(low, high)| format!("{low} to {high}")).unwrap_or_default();
    let values: Vec<&str> = row.values.iter().map(|value| &**value).collect();
    let unit = row.unit.as_deref().unwrap_or_default();
    vec![
        text(&row.bus),
        text(&row.id),
        text(&row.frame),
        node,
        channel,
        text(&row.field),
        text(unit),
        match &row.when {
            Some(when) if row.kind != RowKind::Boot => format!("{} when {when}", row.layout),
            _ => text(&row.layout),
        },
        range,
        values.join(", "),
    ]
}
