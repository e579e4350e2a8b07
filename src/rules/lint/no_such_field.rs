//! Fields that `last`, `readings` and `window` ask for and nobody sends. Those of `msg.x` are found with the patterns.

use crate::bus::glob;
use crate::files::Severity;

use super::sight::{How, Read};
use super::{Lint, Looking, Of, Says, plant};

pub(in crate::rules) static LINT: Lint = Lint {
    id: "no-such-field",
    severity: Severity::Error,
    finds: "a field that nobody under the rule's patterns sends",
    of: Of::Rule(check),
};

fn check(looking: &Looking<'_>, says: &mut Says<'_>) {
    for text in &looking.texts {
        let others = text.sight.reads.iter().filter(|read| read.how != How::Message);
        for read in others {
            let Some((message, there)) = missing(looking, read) else { continue };
            let field = read.field.as_deref().unwrap_or_default();
            let there = there.iter().map(String::as_str);
            says.say(text.written.place(&read.parts[1]), message).did_you_mean(field, there);
        }
    }
}

/// What is to be said if nobody has the field, and the fields that there are.
fn missing(looking: &Looking<'_>, read: &Read) -> Option<(String, Vec<String>)> {
    let field = read.field.as_ref()?;
    let sources = looking.sources(read);
    let is = |name: &str| match read.how {
        How::Readings => glob(field.as_bytes(), name.as_bytes()),
        _ => **field == *name,
    };
    if sources.is_empty() || sources.iter().any(|source| plant::fields(source).any(is)) {
        return None;
    }
    let from = match &read.from {
        Some(channel) => format!("on `{channel}`"),
        None => "under the rule's patterns".to_owned(),
    };
    let mut there: Vec<String> =
        sources.iter().flat_map(|source| source.frames.iter().flatten()).map(|f| f.to_string()).collect();
    there.sort();
    there.dedup();
    Some((format!("nobody {from} sends `{field}`"), there))
}
