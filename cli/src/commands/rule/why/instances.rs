//! How the instances of a rule stand, the reason first.

use growctl_engine::model::counted;
use serde_json::Value;

use crate::commands::words::{Clock, list, not_good, span, text, values};

/// So many instances are shown at once.
const MOST: usize = 12;

pub(super) fn all(why: &Value, clock: &Clock<'_>, one: bool) -> String {
    let all = list(&why["instances"]);
    let mut out = String::new();
    if why["mode"] == "shadow" {
        out += "it is in shadow mode: it decides, and nothing of it leaves\n";
    }
    if all.is_empty() {
        out += "it has no instance yet: no message that concerns it has come\n";
        return out + &not_concerned(why, clock);
    }
    let unheard = all.iter().all(|standing| standing["reason"] == "never_heard");
    // Those that do something are shown first where there are many.
    let (busy, idle): (Vec<&Value>, Vec<&Value>) =
        all.iter().partition(|standing| standing["phase"] == "pending" || standing["phase"] == "active");
    let order: Vec<&Value> =
        if all.len() > MOST { busy.into_iter().chain(idle).collect() } else { all.iter().collect() };
    for standing in order.iter().take(MOST) {
        out += &instance(why, standing, clock);
    }
    let more = all.len().saturating_sub(MOST) + if one { 0 } else { list(&why["others"]).len() };
    if more > 0 {
        out += &format!("and {more} more instances: --instance NAME shows one\n");
    }
    // Where it has heard nothing that concerns it, this is the reason.
    if unheard { out + &not_concerned(why, clock) } else { out }
}

fn instance(why: &Value, standing: &Value, clock: &Clock<'_>) -> String {
    let name = text_of(&standing["instance"]);
    let mut out = format!("\n{name}{}\n", reason(why, standing, clock));
    let judged = &standing["judged"];
    if !judged.is_null() {
        out += &format!("  last judged at {}: {}\n", clock.ago(&judged["at"]), event(standing, clock));
    }
    let checks = list(&standing["checks"]);
    let key = if standing["phase"] == "active" && has(why, "until", true) { "until" } else { "when" };
    let width = checks.iter().map(|check| text(&check["text"]).chars().count()).max().unwrap_or(0);
    for check in checks {
        let (said, values) = (text(&check["text"]), values(check));
        let values = if values.is_empty() { String::new() } else { format!("({values})") };
        let place = format!("{}:{}:{}", text(&why["file"]), check["line"], check["column"]);
        let line = format!("  {key:<5}  {said:<width$}  {:<7}  {values:<12}  {place}", text(&check["truth"]));
        out += &format!("{}\n", line.trim_end());
        if let Some(error) = check["error"].as_str() {
            out += &format!("         {error}\n");
        }
    }
    if standing["drifted"] == true {
        let then = text(&judged["truth"]);
        out += &format!(
            "  at the event it was {then}: windows, last values or `state` have gone on since, and are shown as now\n"
        );
    }
    out
}

/// `FR-C1: `, or nothing for the only instance.
fn text_of(instance: &Value) -> String {
    match text(instance) {
        "" => String::new(),
        name => format!("{name}: "),
    }
}

fn event(standing: &Value, clock: &Clock<'_>) -> String {
    let judged = &standing["judged"];
    let last = || match standing["heard"].is_null() {
        true => "without a message".to_owned(),
        false => format!("on the message of {}", clock.ago(&standing["heard"])),
    };
    match text(&judged["event"]) {
        "message" => format!("a message on {}", text(&standing["channel"])),
        "silence" => "the word that a source has fallen silent".to_owned(),
        "reset" => format!("a person's reset, {}", last()),
        "edit" => format!("an edit of the rule, {}", last()),
        _ => format!("a tick, {}", last()),
    }
}

/// The reason, in one sentence.
fn reason(why: &Value, standing: &Value, clock: &Clock<'_>) -> String {
    let at = |key: &str| clock.at(&standing[key]);
    let error = standing["error"].as_str();
    match text(&standing["reason"]) {
        "never_heard" if why["subscribes"] == true => {
            "did not begin: no message that concerns it has come yet".to_owned()
        }
        "never_heard" => "nothing has happened to it yet".to_owned(),
        "silent" => silent(standing, clock),
        "false" => format!("did not begin: `when` is false{}", resting(standing, clock)),
        "unknown" => format!("did not begin: `when` is unknown{}{}", lacking(standing), resting(standing, clock)),
        "failed" => format!("did not begin: `when` failed: {}", error.unwrap_or("-")),
        "ended" => {
            format!("is idle: its episode is over, and `when` is judged at the next event{}", resting(standing, clock))
        }
        "holds" => "did not begin: `when` is judged again at the next event".to_owned(),
        "waiting" => waiting(why, standing, clock),
        "interrupted" => {
            let told = if error.is_some() { format!(": {}", error.unwrap_or_default()) } else { lacking(standing) };
            format!(
                "waits: `when` has held since {}, but the last event told nothing{told}; `for` goes on when it is known again",
                at("since")
            )
        }
        "cooldown" => {
            format!(
                "did not begin: the cooldown lasts until {}; `when` has held since {}",
                clock.to_come(&standing["rests_until"]),
                at("since")
            )
        }
        "active" => format!("active since {}: {}", clock.ago(&standing["since"]), ends(why, standing, clock)),
        "resuming" => format!(
            "waits for the first good event since a restart: its episode, active since {}, goes on then{}",
            clock.ago(&standing["since"]),
            lacking(standing)
        ),
        "owed" => {
            let what = error
                .map_or_else(|| format!("it stopped at a value that is not good{}", lacking(standing)), str::to_owned);
            format!(
                "active since {}, but `then` has not run to its end: {what}; it is tried again at each event",
                clock.ago(&standing["since"])
            )
        }
        "blind" => blind(standing, clock),
        "runs" => "acts: `each` ran at the last event".to_owned(),
        "resting" => {
            format!("waits: the cooldown after the last run lasts until {}", clock.to_come(&standing["rests_until"]))
        }
        "stopped" => format!("`each` did not run to its end: a value is not good{}", lacking(standing)),
        "each_failed" => format!("`each` failed: {}", error.unwrap_or("-")),
        _ => format!("asks for nothing: it has known nothing since {}", clock.ago(&standing["blind_since"])),
    }
}

fn waiting(why: &Value, standing: &Value, clock: &Clock<'_>) -> String {
    let hold = list(&why["conditions"]).iter().find(|one| one["key"] == "for").map_or("0s", |one| text(&one["text"]));
    let (held, begins) = (clock.since(&standing["since"]), clock.to_come(&standing["begins"]));
    let cooldown = if standing["rests_until"] == standing["begins"] { ", when the cooldown is over" } else { "" };
    format!("waits: `when` has held for {held} of {hold}; it begins at {begins}{cooldown}, if it goes on")
}

fn silent(standing: &Value, clock: &Clock<'_>) -> String {
    let who = match standing["sources"][0].as_u64() {
        Some(1) => "its source is silent".to_owned(),
        count => format!("all its {} sources are silent", count.unwrap_or(0)),
    };
    let heard = match standing["heard"].is_null() {
        true => "nothing has been heard yet".to_owned(),
        false => format!("last heard at {}", clock.ago(&standing["heard"])),
    };
    let what = if standing["phase"] == "always" { "asks for nothing" } else { "did not begin" };
    format!("{what}: {who}, {heard}")
}

fn blind(standing: &Value, clock: &Clock<'_>) -> String {
    let end = match standing["blind_until"].is_null() {
        true => "it stays so until it knows again".to_owned(),
        false => format!("as `stale` it ends at {}", clock.to_come(&standing["blind_until"])),
    };
    let since = clock.ago(&standing["blind_since"]);
    format!(
        "active since {}, and it has known nothing since {since}{}; {end}",
        clock.at(&standing["since"]),
        lacking(standing)
    )
}

fn ends(why: &Value, standing: &Value, clock: &Clock<'_>) -> String {
    let condition = has(why, "until", true);
    match (condition, standing["ends"].is_null()) {
        (true, true) => "it ends when `until` is true".to_owned(),
        (true, false) => format!("it ends when `until` is true, at the latest at {}", clock.to_come(&standing["ends"])),
        (false, false) => format!("it ends at {}", clock.to_come(&standing["ends"])),
        (false, true) => "it ends when `when` is false".to_owned(),
    }
}

/// Whether the rule has such a text: a condition, or a duration.
fn has(why: &Value, key: &str, condition: bool) -> bool {
    let is_span = |one: &Value| growctl_engine::model::parse_duration(text(&one["text"])).is_ok();
    list(&why["conditions"]).iter().any(|one| one["key"] == key && is_span(one) != condition)
}

fn resting(standing: &Value, clock: &Clock<'_>) -> String {
    match standing["rests_until"].is_null() {
        true => String::new(),
        false => format!(", and the cooldown lasts until {}", clock.to_come(&standing["rests_until"])),
    }
}

/// `: temperature (invalid)`, where it is a value of the message.
fn lacking(standing: &Value) -> String {
    let names = not_good(standing);
    if names.is_empty() { String::new() } else { format!(", no good value of {names}") }
}

/// The messages on its channels that lack what it names.
fn not_concerned(why: &Value, clock: &Clock<'_>) -> String {
    let lacking = list(&why["lacking"]);
    if lacking.is_empty() {
        let none = why["subscribes"] == true && list(&why["instances"]).iter().all(|one| one["heard"].is_null());
        let since = clock.now - why["decides_since"].as_f64().unwrap_or(clock.now);
        return match none {
            true => format!("no message came on any of its channels in the {} that these files decide\n", span(since)),
            false => String::new(),
        };
    }
    let mut out = "\nmessages on its channels that do not concern it:\n".to_owned();
    for one in lacking {
        let lacks: Vec<&str> = list(&one["lacks"]).iter().map(text).collect();
        let lacks = match lacks.is_empty() {
            true => "the word that a node is silent whose frames have not all its fields".to_owned(),
            false => format!("without {}", lacks.join(", ")),
        };
        out += &format!(
            "  {}: {lacks}, {}, last at {}\n",
            text(&one["channel"]),
            counted(one["times"].as_u64().unwrap_or(0), "time"),
            clock.ago(&one["at"])
        );
    }
    out
}
