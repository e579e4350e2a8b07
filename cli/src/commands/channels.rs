//! `growctl channels list`: every identifier, signal, channel and unit that the channel map resolves to.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use growctl_engine::channels::{Row, RowKind, rows};

use crate::Format;

/// Arguments of `channels`.
#[derive(Debug, Args)]
pub(crate) struct Channels {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every signal with its identifier, channel, field, unit and bits.
    #[command(after_help = "With --format json one object a line.")]
    List,
}

const HEADINGS: [&str; 10] = ["BUS", "ID", "FRAME", "NODE", "CHANNEL", "FIELD", "UNIT", "BITS", "RANGE", "VALUES"];

impl Channels {
    pub(crate) fn run(self, dir: &Path, format: Format) -> ExitCode {
        let What::List = self.what;
        let rows = match super::channel_map(dir) {
            Ok(map) => rows(&map),
            Err(code) => return code,
        };
        let lines = match format {
            Format::Text => table(&rows),
            Format::Json => match rows.iter().map(serde_json::to_string).collect() {
                Ok(lines) => lines,
                Err(error) => return super::fail(1, &format!("a row cannot be written: {error}")),
            },
        };
        // Nobody reads on: that is the reader's choice, no failure.
        let _ = lines.iter().all(|line| super::line(line));
        ExitCode::SUCCESS
    }
}

fn cells(row: &Row) -> [String; 10] {
    let text = |name: &str| name.to_owned();
    let channel = match (&row.channel, row.kind) {
        (Some(channel), _) => text(channel),
        (None, _) => "(never published)".to_owned(),
    };
    let node = match row.kind {
        RowKind::Node => text(&row.node),
        RowKind::Feedback | RowKind::Command => format!("{}/{}", row.room, row.node),
    };
    let range = row.range.map(|(low, high)| format!("{low} to {high}")).unwrap_or_default();
    let values: Vec<&str> = row.values.iter().map(|value| &**value).collect();
    let unit = row.unit.as_deref().unwrap_or_default();
    [
        text(&row.bus),
        text(&row.id),
        text(&row.frame),
        node,
        channel,
        text(&row.field),
        text(unit),
        text(&row.layout),
        range,
        values.join(", "),
    ]
}

/// Columns as wide as their widest cell, without spaces at the ends of lines.
fn table(rows: &[Row]) -> Vec<String> {
    let mut all = vec![HEADINGS.map(str::to_owned)];
    all.extend(rows.iter().map(cells));
    let mut widths = [0; HEADINGS.len()];
    for cells in &all {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: &[String; 10]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}
