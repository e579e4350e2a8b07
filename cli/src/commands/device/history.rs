//! `growctl device history`: the rows of `device_change`, from the running engine.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use growctl_engine::app::{self, Clock, Settings};
use growctl_engine::files::Report;
use growctl_engine::model::parse_duration;
use serde_json::{Value, json};

use crate::{complete, socket};

/// Arguments of `device history`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl device history\n  growctl device history 'Veg Room/heater' --since 2h\n  \
    growctl device history --format json | jq '.[].reason'\n\n\
    Without a running engine, `sqlite3 -readonly .growctl/growctl.db` reads the table device_change.\n\
    Exit codes: 0 fine, 1 no engine runs or its store cannot be read, 2 the call is wrong."
)]
pub(crate) struct History {
    /// One device only, as `Room/device`.
    #[arg(value_name = "ROOM/DEVICE", add = complete::devices(), value_parser = device)]
    device: Option<(String, String)>,
    /// How far back.
    #[arg(long, value_name = "SPAN", default_value = "1d", value_parser = parse_duration)]
    since: std::time::Duration,
    /// At most so many, the latest.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
}

fn device(text: &str) -> Result<(String, String), String> {
    let (room, device) =
        text.rsplit_once('/').ok_or("a device is named by its room and its name: 'Veg Room/heater'")?;
    Ok((room.to_owned(), device.to_owned()))
}

impl History {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let since = Clock::start().now().utc.seconds() - self.since.as_secs_f64();
        let asked = json!({ "of": self.device, "since": since, "limit": self.limit });
        let mut rows = match socket::post(folder, "/devices/history", asked).await {
            Ok(Value::Array(rows)) => rows,
            Ok(_) => return super::super::fail(1, "the engine's answer is no list"),
            Err(why) => return super::super::fail(1, &why),
        };
        rows.reverse();
        let settings = app::load_settings(folder, &mut Report::default()).unwrap_or_default();
        let shown = if json { Value::Array(rows).to_string() } else { show(&settings, &rows) };
        super::super::line(&shown);
        ExitCode::SUCCESS
    }
}

fn show(settings: &Settings, rows: &[Value]) -> String {
    if rows.is_empty() {
        return "nothing was switched in this time".to_owned();
    }
    let time = |value: &Value| value.as_f64().map_or_else(|| "-".to_owned(), |seconds| settings.civil(seconds));
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cells = |row: &Value| {
        let texts = ["room", "device", "state", "wanted", "source", "reason", "held_back"].map(|key| text(&row[key]));
        std::iter::once(time(&row["at"])).chain(texts).chain([time(&row["until"])]).collect()
    };
    let heads = ["AT", "ROOM", "DEVICE", "STATE", "WANTED", "BY", "REASON", "HELD BACK", "UNTIL"];
    super::super::table(&heads, rows.iter().map(cells).collect())
}
