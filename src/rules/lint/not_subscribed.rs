//! Values that decide, on channels whose messages do not run the rule: it looks at them only when something else comes.

use crate::files::Severity;

use super::super::Schedule;
use super::glob::Glob;
use super::sight::{How, Read};
use super::{Lint, Looking, Of, Says};

pub(super) static LINT: Lint = Lint {
    id: "not-subscribed",
    severity: Severity::Warning,
    finds: "a channel that `when`, `until` or `each` reads, and neither `subscribe` nor `schedule` runs the rule for it",
    of: Of::Rule(check),
};

fn check(looking: &Looking<'_>, says: &mut Says<'_>) {
    let once = |schedule: &Schedule| matches!(schedule, Schedule::Startup | Schedule::Shutdown);
    if looking.rule.schedule.iter().any(|schedule| !once(schedule)) || looking.patterns.is_empty() {
        return;
    }
    let mut said: Vec<String> = Vec::new();
    // What is read once, as an episode begins or ends, has been asked for at that moment.
    for text in looking.texts.iter().filter(|text| matches!(text.key, "when" | "until" | "each")) {
        for read in text.sight.reads.iter().filter(|read| read.how != How::Message) {
            let Some(channel) = uncovered(looking, read).filter(|channel| !said.contains(channel)) else { continue };
            let message = format!(
                "a message on `{channel}` does not run this rule: it reads there only when something else runs it"
            );
            let help = "add a `schedule: every 10s`, or subscribe to it; if that is enough: `allow: [not-subscribed]`";
            says.say(text.written.place(&read.whole), message).help(help);
            said.push(channel);
        }
    }
}

/// The channel that is read, if not all of it is subscribed to.
fn uncovered(looking: &Looking<'_>, read: &Read) -> Option<String> {
    let channel = read.from.as_ref().filter(|channel| !channel.prefix().is_empty())?;
    let shown = channel.to_string();
    let covers = |channel: &str| looking.patterns.iter().any(|(pattern, _)| pattern.matches(channel));
    let sources = super::plant::speaking(looking.inventory, channel);
    let all = match sources.is_empty() {
        // Not the map's: one glob covers another if it matches its text, near enough.
        true => covers(&shown) || looking.patterns.iter().any(|(pattern, _)| Glob::pattern(pattern) == *channel),
        false => sources.iter().all(|source| covers(&source.channel) || covers(&source.broad)),
    };
    (!all).then_some(shown)
}
