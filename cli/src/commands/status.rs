//! `growctl status`: what the running engine of the site is doing, from its control socket.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use growctl_engine::app::{Clock as Clocks, load_settings};
use growctl_engine::files::Report;
use growctl_engine::model::counted;
use serde_json::Value;

use super::device;
use super::words::{self, Clock};
use crate::socket;

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl status\n  growctl status --format json | jq .devices\n\n\
    Exit codes: 0 it runs, 1 no engine runs on this site.")]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, folder: &Path, json: bool) -> ExitCode {
        let status = match socket::get(folder, "/status").await {
            Ok(status) => status,
            Err(why) => return super::fail(1, &why),
        };
        let text = || {
            let settings = load_settings(folder, &mut Report::default()).unwrap_or_default();
            show(&status, &Clock { settings: &settings, now: Clocks::start().now().utc.seconds() }, device::width())
        };
        super::line(&if json { status.to_string() } else { text() });
        ExitCode::SUCCESS
    }
}

fn show(status: &Value, clock: &Clock<'_>, width: usize) -> String {
    let mut out = format!(
        "{}, version {}, process {}, up {}\n",
        text(&status["name"]),
        text(&status["version"]),
        status["pid"],
        span(&status["uptime"])
    );
    out += &format!("redis    {}\n", redis(&status["redis"]));
    out += &files(status);
    out += &store(&status["store"]);
    for bus in list(&status["buses"]) {
        out += &bus_lines(bus);
    }
    let core = &status["core"];
    out += &format!(
        "done     {}, {}, {}, {} published, {}\n",
        counts(core, "frames", "frame"),
        counts(core, "messages", "message"),
        counts(core, "intents", "intent"),
        core["published"],
        counts(core, "commands", "command")
    );
    let frames = &status["frames"];
    out += &format!(
        "readings {}: {} published, held back {} by deadband, {} by interval, {} for babbling; {} waiting\n",
        frames["readings"],
        frames["published"],
        frames["held_by_deadband"],
        frames["held_by_interval"],
        frames["held_by_babbling"],
        frames["waiting"]
    );
    out += &section("rules", &RULES, list(&status["rules"]));
    out += &section("devices", &DEVICES, list(&status["devices"]));
    out += &in_the_way(list(&status["devices"]), clock, width);
    out + &lost(list(&status["actions"])) + &dropped(&status["queues"])
}

/// `store    ok, .growctl/growctl.db, 12 values and 3 changes of devices written`, and below it what is wrong and what mends it.
fn store(store: &Value) -> String {
    let written = |what: &str| store[what]["written"].as_u64().unwrap_or(0);
    let mut out = format!(
        "store    {}, {}, {} values and {} changes of devices written",
        text(&store["state"]),
        text(&store["path"]),
        written("values"),
        written("changes")
    );
    let waiting = ["values", "changes"].iter().filter_map(|what| store[*what]["pending"].as_u64()).sum::<u64>();
    if waiting > 0 {
        out += &format!(", {waiting} wait");
    }
    for (reason, count) in ["values", "changes"].iter().filter_map(|what| store[*what]["dropped"].as_object()).flatten()
    {
        out += &format!("\n           lost: {count}, {reason}");
    }
    out += &outbox(&store["outbox"]);
    if let Some(aside) = store["set_aside"].as_str() {
        out += &format!("\n           the database was damaged; it was set aside as {aside}");
    }
    out + &troubles(store) + "\n"
}

/// `outbox   2 alerts and 15 exports wait, 3 were given up`, and below it what was lost; nothing where nothing is for the outside.
fn outbox(outbox: &Value) -> String {
    let count = |class: &str, what: &str| outbox[class][what].as_u64().unwrap_or(0);
    let both = |what: &str| count("alerts", what) + count("exports", what);
    if both("found") + both("received") == 0 {
        return String::new();
    }
    let mut out = format!(
        "\noutbox   {} and {} wait, {} delivered",
        counted(count("alerts", "pending"), "alert"),
        counted(count("exports", "pending"), "export"),
        both("delivered")
    );
    if both("dead") > 0 {
        out += &format!(", {} given up: `growctl outbox list --state dead`", both("dead"));
    }
    for class in ["alerts", "exports"] {
        for (reason, lost) in outbox[class]["dropped"].as_object().into_iter().flatten() {
            out += &format!("\n           lost: {lost} {class}, {reason}");
        }
        if count(class, "refused") > 0 {
            out += &format!("\n           refused: {} {class}", count(class, "refused"));
        }
    }
    out
}

/// What is wrong and what mends it, each on a line of its own.
fn troubles(part: &Value) -> String {
    let wrong = part["reason"].as_str().map(|reason| format!("\n           {reason}")).unwrap_or_default();
    wrong + &part["remedy"].as_str().map(|remedy| format!("\n           try: {remedy}")).unwrap_or_default()
}

fn counts(of: &Value, key: &str, what: &str) -> String {
    counted(of[key].as_u64().unwrap_or(0), what)
}

/// `bus      can0  up (interface can0, 250000 bit/s), 1200 received, 30 sent`, and below it what is wrong and what mends it.
fn bus_lines(bus: &Value) -> String {
    let link = match bus["interface"].as_str() {
        Some(interface) => format!("interface {interface}"),
        None => text(&bus["link"]).to_owned(),
    };
    let rate = bus["bitrate"].as_u64().map(|rate| format!(", {rate} bit/s")).unwrap_or_default();
    let count = |key: &str| bus["frames"][key].as_u64().unwrap_or(0);
    let mut out = format!("bus      {}  {} ({link}{rate})", text(&bus["bus"]), text(&bus["state"]));
    if bus["frames"].is_object() {
        out += &format!(", {} received, {} sent", count("received"), count("sent"));
    }
    let losses = [
        ("lost", "frame", " lost because not read in time"),
        ("dropped", "frame", " dropped because not handled in time"),
        ("overruns", "loss", " in the controller"),
        ("error_frames", "error frame", ""),
        ("refused", "command", " refused by the interface"),
    ];
    for (key, what, how) in losses.iter().filter(|(key, ..)| count(key) > 0) {
        out += &format!(", {}{how}", counted(count(key), what));
    }
    out + &troubles(bus) + "\n"
}

/// A column: its heading, and the key of its value.
type Column = (&'static str, &'static str);
const RULES: [Column; 7] = [
    ("RULE", "name"),
    ("MODE", "mode"),
    ("ACTIVE", "active"),
    ("RUNS", "runs"),
    ("EPISODES", "episodes"),
    ("FAULTS", "faults"),
    ("LAST ERROR", "last_error"),
];
const DEVICES: [Column; 6] = [
    ("ROOM", "room"),
    ("DEVICE", "device"),
    ("STATE", "state"),
    ("WANTED", "wanted"),
    ("BY", "source"),
    ("REASON", "reason"),
];

/// The devices that are at fault, or that something holds back.
fn in_the_way(devices: &[Value], clock: &Clock<'_>, width: usize) -> String {
    let mut out = String::new();
    for device in devices.iter().filter(|device| !device["fault"].is_null() || !device["held_back"].is_null()) {
        out += &format!("{}/{}\n", text(&device["room"]), text(&device["device"]));
        out += &device::notes(device, clock, width);
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}

fn section(what: &str, columns: &[Column], rows: &[Value]) -> String {
    if rows.is_empty() {
        return format!("\nno {what}\n");
    }
    let cells = rows.iter().map(|row| columns.iter().map(|(_, key)| cell(&row[*key])).collect());
    format!("\n{}\n", super::table(&columns.iter().map(|(head, _)| *head).collect::<Vec<_>>(), cells.collect()))
}

/// What actions could not do since the start, by reason.
fn lost(actions: &[Value]) -> String {
    let mut out = String::new();
    for action in actions {
        for (reason, count) in action["failed"].as_object().into_iter().flatten() {
            out += &format!("lost     {count} of {} for {}: {reason}\n", action["received"], text(&action["action"]));
        }
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}

fn dropped(queues: &Value) -> String {
    let lost: Vec<String> = queues
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, counts)| counts["dropped"].as_u64().unwrap_or(0) > 0)
        .map(|(name, counts)| {
            format!("dropped  {} of {} in the queue '{name}'\n", counts["dropped"], counts["received"])
        })
        .collect();
    if lost.is_empty() { String::new() } else { format!("\n{}", lost.concat()) }
}

/// Which state of the files decides, and what is wrong with those that do not.
fn files(status: &Value) -> String {
    let files = &status["files"];
    let of = match (files["commit"].as_str(), files["dirty"].as_bool()) {
        (None, _) => " (not in git)",
        (_, Some(true)) => " (with changes that are not committed)",
        _ => "",
    };
    let faults = list(&files["diagnostics"]);
    let faults: Vec<String> = faults.iter().filter(|fault| fault["severity"] == "error").map(fault).collect();
    let why = match files["outcome"].as_str() {
        Some("refused") => Some("the files are another and were refused"),
        Some("failed") => Some("the files could not be looked at"),
        _ => None,
    };
    if let Some(why) = why {
        let now = text(&status["revision"]);
        return format!("files    revision {now} decides; {why}:\n") + &faults.concat();
    }
    let left_out = if faults.is_empty() { String::new() } else { "         left out:\n".to_owned() + &faults.concat() };
    format!("files    revision {}{of}\n{left_out}", text(&status["revision"]))
}

fn fault(fault: &Value) -> String {
    format!("         {}:{}:{}: {}\n", text(&fault["file"]), fault["line"], fault["column"], text(&fault["message"]))
}

fn redis(redis: &Value) -> String {
    let state = redis["bridge"]["up"].as_bool().map_or("", |up| if up { ", up" } else { ", does not answer" });
    match redis["serves"].as_str() {
        Some(url) => format!("{url}{state}"),
        None => "none: neither redis.url nor the embedded endpoint".to_owned(),
    }
}

fn span(seconds: &Value) -> String {
    let span = std::time::Duration::from_secs(seconds.as_f64().unwrap_or(0.0) as u64);
    growctl_engine::model::format_duration(span)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        known => words::value(known),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
