//! `growctl device list`: every device in a line, and below it what is in the way.

use std::path::Path;

use clap::Args;
use growctl_engine::app::Settings;
use growctl_engine::files::closest;
use growctl_engine::model::counted;
use growctl_engine::model::format_duration;
use serde_json::Value;

use super::{Shown, fitted, settings, state, width};
use crate::commands::words::{Clock, list, text as word};
use crate::{commands, complete, socket};

/// Arguments of `device list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl device list\n  growctl device list --room 'Flower Room'\n  \
    growctl device list --format json | jq '.devices[] | select(.fault)'\n\n\
    A device without a watchdog stays as it is when growctl dies: it is outside of what growctl promises.\n\
    Exit codes: 0 shown, 1 no engine runs on this site, 2 there is no such room.")]
pub(super) struct List {
    /// Only the devices of this room.
    #[arg(long, add = complete::rooms())]
    room: Option<String>,
}

impl List {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let mut answer = socket::ask(folder, "/devices", None).await?;
        if let Some(room) = &self.room {
            only(room, &mut answer)?;
        }
        Ok(if json { answer.to_string() } else { text(&answer, &settings(folder), width()) })
    }
}

/// Leaves only the devices of a room.
fn only(room: &str, answer: &mut Value) -> Result<(), (u8, String)> {
    let mut rooms: Vec<String> = list(&answer["devices"]).iter().map(|one| word(&one["room"]).to_owned()).collect();
    rooms.dedup();
    if !rooms.iter().any(|known| known == room) {
        let meant = closest(room, rooms.iter().map(String::as_str)).map(|near| format!("did you mean '{near}'?"));
        let known = meant.unwrap_or_else(|| match rooms.is_empty() {
            true => "the site has no devices".to_owned(),
            false => format!("there is: {}", rooms.join(", ")),
        });
        return Err((2, format!("no room '{room}' with devices: {known}")));
    }
    if let Some(devices) = answer["devices"].as_array_mut() {
        devices.retain(|device| device["room"] == room);
    }
    Ok(())
}

/// All of it for people: a line for each device under the name of its room.
pub(super) fn text(answer: &Value, settings: &Settings, width: usize) -> String {
    let clock = Clock { settings, now: answer["now"].as_f64().unwrap_or_default() };
    let devices = list(&answer["devices"]);
    if devices.is_empty() {
        return "no devices: channels.yaml has none under `devices`".to_owned();
    }
    let rows = devices.iter().map(row).collect();
    let table = commands::table(&["  DEVICE", "IS", "WANTED", "WATCHDOG", "BY"], rows);
    let mut lines = table.lines();
    let mut out = format!("{}\n", lines.next().unwrap_or_default());
    let mut room = None;
    for (device, line) in devices.iter().zip(lines) {
        if room != Some(&device["room"]) {
            room = Some(&device["room"]);
            out += &format!("{}\n", word(&device["room"]));
        }
        out += &format!("{line}\n");
        out += &notes(device, &clock, width);
    }
    out + &summary(devices)
}

fn row(device: &Value) -> Vec<String> {
    let watchdog = device["watchdog"].as_f64().map(std::time::Duration::from_secs_f64);
    vec![
        format!("  {}", word(&device["device"])),
        state(&device["state"]),
        state(&device["wanted"]),
        watchdog.map_or("none".to_owned(), format_duration),
        word(&device["source"]).to_owned(),
    ]
}

/// When the request in force ends, and what keeps a device from what is wanted of it: a line for each, indented.
pub(crate) fn notes(device: &Value, clock: &Clock<'_>, width: usize) -> String {
    let mut notes = Vec::new();
    if !device["until"].is_null() {
        notes.push(format!("until {}", clock.ends(&device["until"])));
    }
    if let Some(fault) = device["fault"].as_str() {
        notes.push(format!("fault: {fault}"));
        notes.push(format!("       it is at safe, and tried again at {}", clock.ends(&device["fault_until"])));
    }
    if let Some(why) = device["held_back"].as_str() {
        let until = &device["held_back_until"];
        let until = if until.is_null() { String::new() } else { format!(", until {}", clock.ends(until)) };
        notes.push(format!("held back by {why}{until}"));
    }
    if let (Some(quality), None) = (device["quality"].as_str(), device["fault"].as_str()) {
        notes.push(format!("its feedback is {quality}"));
    }
    notes.iter().map(|note| fitted(&format!("      {note}"), 8, width)).collect()
}

/// How many are not as they should be, and how many are outside of the promise.
fn summary(devices: &[Value]) -> String {
    let count = |is: &dyn Fn(&&Value) -> bool| devices.iter().filter(is).count();
    let faults = count(&|device| !device["fault"].is_null());
    let held = count(&|device| !device["held_back"].is_null());
    let mut out = format!("\n{}, {faults} at fault, {held} held back\n", counted(devices.len() as u64, "device"));
    let without = count(&|device| device["no_watchdog"] == true);
    if without > 0 {
        let stays = if without == 1 { "stays as growctl leaves it" } else { "stay as growctl leaves them" };
        out += &format!("{} outside of the promise: no watchdog, {stays}\n", counted(without as u64, "device"));
    }
    out
}
