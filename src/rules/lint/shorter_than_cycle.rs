//! Times within which no second frame can come: they ask for less than it seems.

use std::time::Duration;

use crate::files::{Place, Severity};
use crate::model::format_duration;

use super::super::rule::StaleLimit;
use super::sight::How;
use super::{Lint, Looking, Of, Says};

pub(super) static LINT: Lint = Lint {
    id: "shorter-than-cycle",
    severity: Severity::Warning,
    finds: "`for`, `stale` or the age of `last` shorter than the frame's cycle",
    of: Of::Rule(check),
};

fn check(looking: &Looking<'_>, says: &mut Says<'_>) {
    if let Some((field, cycle)) = cycle_of_condition(looking) {
        times(looking, says, &field, cycle);
    }
    for text in &looking.texts {
        for read in text.sight.reads.iter().filter(|read| read.how == How::Last) {
            let facts = looking.facts(read);
            let cycle = facts.iter().map(|facts| facts.cycle).min().flatten();
            if let (Some(age), Some(cycle), Some(field)) = (read.age, cycle, &read.field)
                && age < cycle
            {
                let (age, every) = (format_duration(age), format_duration(cycle));
                let message = format!("`{field}` comes every {every}: it is mostly older than {age}");
                says.say(text.written.place(&read.whole), message)
                    .help(format!("allow it some cycles, as \"{}\"", format_duration(cycle * 3)));
            }
        }
    }
}

/// The shortest cycle of a field that `when` looks at, where all of its values have one.
fn cycle_of_condition(looking: &Looking<'_>) -> Option<(String, Duration)> {
    let when = looking.texts.iter().find(|text| text.key == "when")?;
    // Silence has a time of its own, which `for` adds to.
    if when.script.names("stale") {
        return None;
    }
    let mut shortest: Option<(String, Duration)> = None;
    for read in &when.sight.reads {
        let facts = looking.facts(read);
        let cycle = facts.iter().map(|facts| facts.cycle).collect::<Option<Vec<_>>>()?.into_iter().min()?;
        if shortest.as_ref().is_none_or(|(_, known)| cycle < *known) {
            shortest = Some((read.field.as_deref().unwrap_or_default().to_owned(), cycle));
        }
    }
    shortest
}

fn times(looking: &Looking<'_>, says: &mut Says<'_>, field: &str, cycle: Duration) {
    let rule = looking.rule;
    let every = format!("`{field}` comes every {}", format_duration(cycle));
    let help = format!("write {} or more, or leave it out", format_duration(cycle * 2));
    if !rule.hold.is_zero() && rule.hold < cycle {
        let message = format!("{every}: {} is over before the next value, one is enough", format_duration(rule.hold));
        says.say(value_of(looking, "for"), message).help(help.as_str());
    }
    if let Some(StaleLimit::After(limit)) = rule.stale
        && !limit.is_zero()
        && limit < cycle
    {
        let message = format!("{every}: one bad value ends the episode all the same after {}", format_duration(limit));
        says.say(value_of(looking, "stale"), message).help(help);
    }
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
