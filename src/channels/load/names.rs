//! What things may be called: names go into channels, where `:` and globs mean something, and into scripts, where
//! keywords do.

use crate::files::Spanned;
use crate::model::WellKnown;

use super::check::Check;

/// Rhai's keywords and reserved words: `msg.WORD` is no expression. A test compares the list with Rhai itself.
const KEYWORDS: &str = "Fn as async await break call case catch const continue curry debug default do else eval export \
    false fn for go goto if import in is is_def_fn is_def_var is_shared let loop match module new nil null package print \
    private protected public return shared spawn static super switch sync this thread throw true try type_of until use \
    var void while with yield";

fn is_keyword(name: &str) -> bool {
    KEYWORDS.split(' ').any(|word| word == name)
}

/// Checks a name that becomes a part of a channel, or is shown beside one: of a room, cluster, device, node or bus.
pub(super) fn check_name(check: &mut Check, kind: &str, name: &Spanned<String>) {
    if let Some(why) = name_fault(name) {
        check.error(name.place, format!("a {kind} cannot be called '{}': {why}", name.value.escape_debug()));
    }
}

/// Why a name cannot be part of a channel.
pub(in crate::channels) fn name_fault(name: &str) -> Option<String> {
    let because = |why: &str| Some(why.to_owned());
    let bad = |c: &char| matches!(c, ':' | '*' | '?' | '[' | ']' | '\\' | '{' | '}') || c.is_control();
    match name.chars().find(bad) {
        _ if name.trim().is_empty() => because("it is empty"),
        _ if name.trim() != name => because("it begins or ends with a space"),
        Some(':') => because("`:` separates the parts of a channel"),
        Some(c @ ('{' | '}')) => Some(format!("`{c}` names the segments of a pattern in rules")),
        Some(c) if c.is_control() => because("it contains a control character"),
        Some(c) => Some(format!("`{c}` means something in the patterns that subscribe to channels")),
        None => None,
    }
}

/// Why a signal, or its field in messages, cannot be called so.
pub(in crate::channels) fn field_fault(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.chars().find(|c| *c != '_').is_some_and(|c| c.is_ascii_alphabetic());
    if name.trim().is_empty() {
        Some("it is empty".to_owned())
    } else if !begins || !name.chars().all(fits) {
        Some(
            "rules write it as `msg.name`, so it has letters, digits and `_` only, and begins with a letter".to_owned(),
        )
    } else if is_keyword(name) {
        Some("it is a keyword of rule scripts".to_owned())
    } else if WellKnown::RESERVED.contains(&name) {
        Some(format!("every message has a field of its own called `{name}`"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keywords_are_those_that_rhai_refuses() {
        let engine = rhai::Engine::new_raw();
        let reads = |word: &str| engine.compile_expression(format!("msg.{word} > 1.0")).is_ok();
        for word in KEYWORDS.split(' ') {
            assert!(!reads(word), "`{word}` is fine");
        }
        for word in "temperature co2 vwc_1 leak state source wanted _x x9 rpm on off open end event function".split(' ')
        {
            assert!(reads(word) && field_fault(word).is_none(), "{word}");
        }
    }

    #[test]
    fn fields_are_identifiers() {
        for bad in ["", "_", "9x", "a b", "a-b", "a:b", "größe", "{n}", "ts", "default"] {
            assert!(field_fault(bad).is_some(), "{bad}");
        }
    }
}
