//! `growctl device set` and `release`: a person's word on a device, and what came of it.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use growctl_engine::app::Settings;
use growctl_engine::devices::PERSONS_LONGEST;
use growctl_engine::model::{format_duration, parse_duration};
use serde_json::{Value, json};

use super::{Key, Shown, fitted, settings, state, width};
use crate::commands::words::{Clock, list, text as word};
use crate::socket;

/// Who a person's requests are by, in the engine's words.
const PERSON: &str = "growctl device set";

/// Arguments of `device set`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl device set 'Flower Room' exhaust 60\n  \
    growctl device set 'Veg Room' valve_1 on --for 5m --reason 'flushing the line'\n\n\
    It ends by itself: after an hour, or after --for. That is 24h at the most, as it stands above the rules, and \
    somebody who has forgotten it would wonder why they do nothing. It outlives a restart of growctl.\n\n\
    The limits of the map hold for people too: what they hold back is done when they allow it. \
    A fault of the device is forgotten: it is tried again at once.\n\n\
    Exit codes: 0 taken, also where a limit or a stronger request is in the way, 1 no engine runs on this site, \
    2 there is no such device, it cannot be so, or --for is too long.")]
pub(super) struct Set {
    #[command(flatten)]
    key: Key,
    /// A number in the unit of the device's signal, on, off, or a state that the signal has.
    #[arg(allow_hyphen_values = true)]
    state: String,
    /// How long: 30m, 2h. One hour if nothing is said.
    #[arg(long = "for", value_parser = lease, value_name = "DURATION")]
    lease: Option<Duration>,
    /// Why, for whoever looks at it later.
    #[arg(long)]
    reason: Option<String>,
}

/// Arguments of `device release`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  growctl device release 'Flower Room' exhaust\n\n\
    What rules and clients ask for decides from now on.\n\
    Exit codes: 0 ended, also where there was nothing to end, 1 no engine runs on this site, 2 there is no such device.")]
pub(super) struct Release {
    #[command(flatten)]
    key: Key,
}

fn lease(text: &str) -> Result<Duration, String> {
    let longest = PERSONS_LONGEST.as_secs() / 3_600;
    match parse_duration(text)? {
        Duration::ZERO => Err("it is over at once: `growctl device release` ends a request".to_owned()),
        span if span > PERSONS_LONGEST => Err(format!(
            "{longest}h at the most: it stands above the rules, and nobody should forget it; for longer make a rule"
        )),
        span => Ok(span),
    }
}

impl Set {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        // A number that is none, as `nan`, is a state that no signal has.
        let number = self.state.parse::<f64>().ok().filter(|number| number.is_finite());
        let mut body = json!({ "set": number.map_or_else(|| json!(self.state), |number| json!(number)) });
        if let Some(lease) = self.lease {
            body["for"] = format_duration(lease).into();
        }
        if let Some(reason) = &self.reason {
            body["reason"] = reason.as_str().into();
        }
        let word = socket::ask(folder, &self.key.path(), Some(body)).await?;
        Ok(if json { word.to_string() } else { taken(&word, &settings(folder), width()) })
    }
}

impl Release {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let word = socket::ask(folder, &self.key.path(), Some(json!({ "release": true }))).await?;
        Ok(if json { word.to_string() } else { released(&word, &settings(folder), width()) })
    }
}

/// What became of a request, its end said aloud.
pub(super) fn taken(said: &Value, settings: &Settings, width: usize) -> String {
    let clock = Clock { settings, now: said["now"].as_f64().unwrap_or_default() };
    let name = name(said);
    let Some(own) = list(&said["requests"]).iter().find(|request| request["source"] == PERSON) else {
        return format!("{name}: the request is over already");
    };
    let mut out = format!("{name}: {} is wanted", state(&own["level"]));
    if let Some(asked) = said["limited_from"].as_f64() {
        out += &format!("; {asked} was asked for, and the map allows no such number");
    }
    out += "\n";
    if let Some(fault) = said["forgiven"].as_str() {
        out += &format!("it was at fault ({fault}): it is tried again now\n");
    }
    out += &in_the_way(said, own, &clock);
    let mut out: String = out.lines().map(|line| fitted(line, 2, width)).collect();
    let command = format!("growctl device release {} {}", quoted(word(&said["room"])), quoted(word(&said["device"])));
    out += &format!(
        "it ends at {} by itself ({} left)\n`{command}` ends it now\n",
        clock.until(&own["until"]),
        clock.left(&own["until"])
    );
    out
}

/// Who or what is stronger than a person's request.
fn in_the_way(said: &Value, own: &Value, clock: &Clock<'_>) -> String {
    let mut out = String::new();
    let winner = list(&said["requests"]).iter().find(|request| request["source"] == said["source"]);
    if let Some(winner) = winner.filter(|winner| winner["source"] != PERSON) {
        let why = if winner["priority"] == own["priority"] { "wants more" } else { "has the higher priority" };
        let (who, level) = (word(&winner["source"]), state(&winner["level"]));
        out += &format!(
            "not now: {who} {why} and is in force: {level}, priority {} against {}\n",
            winner["priority"], own["priority"]
        );
    }
    if let Some(why) = said["held_back"].as_str() {
        let until = &said["held_back_until"];
        let until = match why.starts_with("ramp:") {
            true => "; it is on its way".to_owned(),
            false if until.is_null() => "; it is done as soon as that allows it".to_owned(),
            false => format!(", until {}; it is done then", clock.ends(until)),
        };
        out += &format!("held back by {why}{until}\n");
    }
    out
}

/// What became of a release, and who decides now.
pub(super) fn released(said: &Value, settings: &Settings, width: usize) -> String {
    let clock = Clock { settings, now: said["now"].as_f64().unwrap_or_default() };
    let name = name(said);
    let mut out = match said["released"] == true {
        true => format!("{name}: the request of `{PERSON}` is ended\n"),
        false => format!("{name}: nothing to end, `{PERSON}` asked for nothing\n"),
    };
    out += &match list(&said["requests"]).iter().find(|request| request["source"] == said["source"]) {
        None if said["wanted"].is_null() => "nobody asks for anything: it stays as it is\n".to_owned(),
        None => format!("nobody asks for anything: it belongs at safe, {}\n", state(&said["wanted"])),
        Some(winner) => format!("{} is in force: {}\n", word(&winner["source"]), state(&winner["level"])),
    };
    out + &super::list::notes(said, &clock, width)
}

fn name(said: &Value) -> String {
    format!("{}/{}", word(&said["room"]), word(&said["device"]))
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = word.chars().all(|letter| letter.is_alphanumeric() || "-_./".contains(letter));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
