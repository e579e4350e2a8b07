//! Times within which no second frame or message can come: they ask for less than it seems.

use std::time::Duration;

use crate::files::{Place, Severity};
use crate::model::{FieldFacts, format_duration};

use super::super::rule::StaleLimit;
use super::sight::{How, Read};
use super::{Lint, Looking, Of, Says};

pub(super) static LINT: Lint = Lint {
    id: "shorter-than-cycle",
    severity: Severity::Warning,
    finds: "`for`, `stale` or the age of `last` shorter than the frame's cycle, or than the publish policy allows",
    of: Of::Rule(check),
};

fn check(looking: &Looking<'_>, says: &mut Says<'_>) {
    if let Some((field, cycle)) = of_condition(looking, |facts| facts.news) {
        hold(looking, says, &field, cycle);
    }
    // A value that is not good is published at once, and so is the next good one.
    if let Some((field, cycle)) = of_condition(looking, |facts| facts.cycle) {
        limit(looking, says, &field, cycle);
    }
    for text in &looking.texts {
        for read in text.sight.reads.iter().filter(|read| read.how == How::Last) {
            if let Some((message, help)) = too_young(looking, read) {
                says.say(text.written.place(&read.whole), message).help(help);
            }
        }
    }
}

/// What is wrong with the age that a value of `last` may have.
fn too_young(looking: &Looking<'_>, read: &Read) -> Option<(String, String)> {
    let (age, field, facts) = (read.age?, read.field.as_ref()?, looking.facts(read));
    let cycle = facts.iter().map(|facts| facts.cycle).min().flatten()?;
    let steady = facts.iter().map(|facts| facts.steady).min().flatten()?;
    let told = format_duration(age);
    if age < cycle {
        let message = format!("`{field}` comes every {}: it is mostly older than {told}", format_duration(cycle));
        Some((message, format!("allow it some cycles, as \"{}\"", format_duration(cycle * 3))))
    } else if steady == Duration::MAX {
        let message =
            format!("`{field}` is not published again while it does not change: then it is older than {told}");
        Some((message, "leave the age out, or give its frame a `max_interval` in channels.yaml".to_owned()))
    } else if age < steady {
        let every = format_duration(steady);
        let message = format!("`{field}` comes every {every} while it does not change: then it is older than {told}");
        Some((message, format!("allow it that and a cycle, as \"{}\"", format_duration(steady + cycle))))
    } else {
        None
    }
}

/// The shortest such time of a field that `when` looks at, where all of its values have one.
fn of_condition(looking: &Looking<'_>, time: impl Fn(&FieldFacts) -> Option<Duration>) -> Option<(String, Duration)> {
    let when = looking.texts.iter().find(|text| text.key == "when")?;
    // Silence has a time of its own, which `for` adds to.
    if when.script.names("stale") {
        return None;
    }
    let mut shortest: Option<(String, Duration)> = None;
    for read in &when.sight.reads {
        let facts = looking.facts(read);
        let cycle = facts.iter().map(|facts| time(facts)).collect::<Option<Vec<_>>>()?.into_iter().min()?;
        if shortest.as_ref().is_none_or(|(_, known)| cycle < *known) {
            shortest = Some((read.field.as_deref().unwrap_or_default().to_owned(), cycle));
        }
    }
    shortest
}

fn hold(looking: &Looking<'_>, says: &mut Says<'_>, field: &str, cycle: Duration) {
    let hold = looking.rule.hold;
    if !hold.is_zero() && hold < cycle {
        let (every, hold) = (format_duration(cycle), format_duration(hold));
        let message = format!("`{field}` comes every {every}: {hold} is over before the next value, one is enough");
        says.say(value_of(looking, "for"), message).help(help(cycle));
    }
}

fn limit(looking: &Looking<'_>, says: &mut Says<'_>, field: &str, cycle: Duration) {
    if let Some(StaleLimit::After(limit)) = looking.rule.stale
        && !limit.is_zero()
        && limit < cycle
    {
        let (every, limit) = (format_duration(cycle), format_duration(limit));
        let message =
            format!("`{field}` comes every {every}: one bad value ends the episode all the same after {limit}");
        says.say(value_of(looking, "stale"), message).help(help(cycle));
    }
}

fn help(cycle: Duration) -> String {
    format!("write {} or more, or leave it out", format_duration(cycle * 2))
}

/// The place of what stands behind a top-level key.
fn value_of(looking: &Looking<'_>, key: &str) -> Place {
    let file = &looking.rule.file;
    let mut start = 0;
    for line in file.text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix(key).and_then(|rest| rest.trim_start().strip_prefix(':')) {
            let value = rest.trim_start();
            let word = value.split(" #").next().unwrap_or(value).trim_end();
            return Place::of_bytes(&file.text, start + line.len() - value.len(), word.len());
        }
        start += line.len();
    }
    Place::default()
}
