//! Comparisons with a text that the value never is: a slip in a word, or a text beside a number.

use std::collections::BTreeSet;

use crate::files::Severity;

use super::sight::Constant;
use super::{Lint, Looking, Of, Says};

pub(super) static LINT: Lint = Lint {
    id: "no-such-text",
    severity: Severity::Error,
    finds: "a value compared with a text that it never is",
    of: Of::Rule(check),
};

fn check(looking: &Looking<'_>, says: &mut Says<'_>) {
    for text in &looking.texts {
        for comparison in &text.sight.comparisons {
            let Constant::Text(given) = &comparison.with else { continue };
            let facts = looking.facts(&comparison.read);
            let known: BTreeSet<&str> = facts.iter().flat_map(|facts| facts.texts.iter()).map(|text| &**text).collect();
            if facts.is_empty() || known.contains(&**given) {
                continue;
            }
            let place = text.written.place(&comparison.constant);
            let value = text.written.piece(&comparison.read.whole);
            match known.is_empty() {
                true => {
                    let message = format!("`{value}` is a number, never a text as '{given}'");
                    says.say(place, message).help("compare it with a number");
                }
                false => says.say(place, format!("`{value}` is never '{given}'")).did_you_mean(given, known),
            }
        }
    }
}
