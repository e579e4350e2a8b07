//! `growctl device history`: what a device did, from the running engine or, where none runs, from its database.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use growctl_engine::app::{Clock as Clocks, Settings, load_map, store_path};
use growctl_engine::files::{Report, closest};
use growctl_engine::model::parse_duration;
use growctl_engine::store::read_history;
use serde_json::{Value, json};

use super::{Key, Shown, fitted, settings, state, width};
use crate::commands::words::{Clock, list, text as word};
use crate::{commands, socket};

/// Arguments of `device history`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl device history 'Flower Room' exhaust\n  \
    growctl device history 'Veg Room' valve_1 --since 7d --limit 500\n\n\
    The newest is first. Changes are kept for 90 days. Where no engine runs, the database of the last run is read.\n\
    Exit codes: 0 shown, 1 there is nothing to read from, 2 there is no such device.")]
pub(super) struct History {
    #[command(flatten)]
    pub(super) key: Key,
    /// How far back: 8h, 7d.
    #[arg(long, value_parser = parse_duration, value_name = "DURATION", default_value = "24h")]
    pub(super) since: Duration,
    /// So many changes at most, the newest.
    #[arg(long, value_name = "N", default_value = "50")]
    pub(super) limit: u16,
}

impl History {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let settings = settings(folder);
        let now = Clocks::start().now().utc.seconds();
        let path = format!("{}/history/{}/{}", self.key.path(), self.since.as_secs_f64(), self.limit);
        let changes = match socket::ask(folder, &path, None).await {
            Err((1, why)) => {
                let changes = self.left_behind(folder, &settings, now).map_err(|other| match why == other {
                    // An engine runs, and says the same of its database.
                    true => (1, other),
                    false => (1, format!("{why}; {other}")),
                })?;
                commands::say(&format!("growctl: {why}; this is what the last run has written"));
                changes
            }
            answer => answer?,
        };
        if list(&changes).is_empty() {
            self.is_there(folder)?;
        }
        let clock = Clock { settings: &settings, now };
        Ok(if json { changes.to_string() } else { self.text(&changes, &clock, width()) })
    }

    /// From the file of an engine that does not run.
    fn left_behind(&self, folder: &Path, settings: &Settings, now: f64) -> Result<Value, String> {
        let of = (self.key.room.as_str().into(), self.key.device.as_str().into());
        let since = now - self.since.as_secs_f64();
        read_history(&store_path(folder, settings), &of, since, self.limit.into()).map(|changes| json!(changes))
    }

    /// Of a device that did nothing, whether there is one of that name. A map that cannot be read knows none to compare with.
    fn is_there(&self, folder: &Path) -> Result<(), (u8, String)> {
        let Some(map) = load_map(folder, &mut Report::default()) else { return Ok(()) };
        let name = format!("{}/{}", self.key.room, self.key.device);
        let names: Vec<String> = map.devices.iter().map(|device| device.key.to_string()).collect();
        if names.contains(&name) {
            return Ok(());
        }
        let meant = closest(&name, names.iter().map(String::as_str));
        let meant = meant.map(|near| format!(", did you mean '{near}'?")).unwrap_or_default();
        Err((2, format!("the channel map has no device '{name}'{meant}")))
    }

    pub(super) fn text(&self, changes: &Value, clock: &Clock<'_>, width: usize) -> String {
        let since = growctl_engine::model::format_duration(self.since);
        let all = list(changes);
        let Some(last) = all.last() else {
            return format!("{}/{} did not change within {since}", self.key.room, self.key.device);
        };
        let rows = all.iter().map(|change| row(change, clock)).collect();
        let mut out = String::new();
        let table = commands::table(&["AT", "IS", "WANTED", "BY"], rows);
        let mut told = table.lines();
        // What a reason has to say goes on where it begins.
        let hang = told.clone().next().and_then(|heads| heads.find("BY")).unwrap_or_default();
        out += &format!("{}\n", told.next().unwrap_or_default());
        for (change, line) in all.iter().zip(told) {
            out += &fitted(line, hang, width);
            if let Some(why) = change["held_back"].as_str() {
                let said = if why.starts_with("fault:") { "" } else { "held back by " };
                out += &fitted(&format!("      {said}{why}"), 8, width);
            }
        }
        if all.len() == usize::from(self.limit) {
            out += &format!("\nthere may be more before {}: --limit shows them\n", clock.at(&last["at"]));
        }
        out
    }
}

fn row(change: &Value, clock: &Clock<'_>) -> Vec<String> {
    let reason = change["reason"].as_str().map(|reason| format!(" \"{reason}\"")).unwrap_or_default();
    vec![
        clock.at(&change["at"]),
        state(&change["state"]),
        state(&change["wanted"]),
        format!("{}{reason}", word(&change["source"])),
    ]
}
