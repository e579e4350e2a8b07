//! What serde has against a value, in the words of somebody who writes files.

use super::fault::What;
use super::lines::key_of;
use super::node::{Found, Kind, Node};
use super::scalar::{Plain, plain};
use super::syntax::as_text;
use super::{Diagnostic, Place, closest};

/// A fault as it is shown.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// Keys that are missed because of it: what looks for them later has nothing new to say.
    pub(super) lost: Vec<String>,
}

/// Says what is wrong; `None` if it follows from what has been said.
pub(super) fn tell(found: Found<'_, '_>, what: &What, text: &str) -> Option<Told> {
    let node = found.node;
    let mut lost: Vec<String> = found.key.or(Some(node)).and_then(Node::text).map(str::to_owned).into_iter().collect();
    let (message, help) = match what {
        What::UnknownKey { given, known } => {
            let (help, meant) = unknown_key(given, known, found);
            lost.extend(meant);
            (format!("unknown key `{}`", short(given)), help)
        }
        What::MissingKey(_) | What::Unfit(_) if !node.lost.is_empty() && absent(node, what) => return None,
        What::MissingKey(key) => return Some(missing(key, found, lost)),
        What::UnknownWord { given, known } => (
            format!("`{}` is not one of the words that are possible here", short(given)),
            Diagnostic::proposal(given, known.iter().copied()),
        ),
        What::Expected(expected) | What::Unfit(expected) => {
            let expected = words(expected);
            (format!("expected {expected}, found {}", describe(node)), advice(&expected, found, text))
        }
        What::LeadingZero => leading_zero(node.text().unwrap_or_default()),
        What::Nothing => empty(found),
        What::Own(message) if message.starts_with("data did not match any variant") => {
            (format!("{} has none of the forms that are possible here", describe(node)), None)
        }
        What::Own(message) if message.starts_with("expected ") => {
            (format!("{message}, found {}", describe(node)), advice(message, found, text))
        }
        What::Own(message) => (message.clone(), None),
    };
    Some(Told { place: node.place, message, help, lost })
}

/// A group of keys none of which belongs there is told once, not key by key; the root is another matter.
pub(super) fn strangers(found: Found<'_, '_>, what: &What) -> Option<Told> {
    let What::UnknownKey { known, .. } = what else { return None };
    let parent = found.parent?;
    let Kind::Map { entries, .. } = &parent.kind else { return None };
    let strange = |key: &Node<'_>| key.text().is_some_and(|key| !known.contains(&key) && near(key, known).is_none());
    if entries.len() < 3 || found.above.is_none() || !entries.iter().all(|(key, _)| strange(key)) {
        return None;
    }
    let above = found.above?;
    let name = above.text().unwrap_or_default();
    let message = format!("none of the keys under `{}` belongs there", short(name));
    let help = Diagnostic::proposal("", known.iter().copied());
    Some(Told { place: above.place, message, help, lost: vec![name.to_owned()] })
}

/// Whether what is missing is what has been taken out.
fn absent(node: &Node<'_>, what: &What) -> bool {
    match what {
        What::MissingKey(key) => node.lost.iter().any(|lost| lost == key),
        _ => true,
    }
}

fn missing(key: &str, found: Found<'_, '_>, lost: Vec<String>) -> Told {
    let message = match found.key.and_then(Node::text) {
        Some(of) => format!("`{}` lacks the key `{key}`", short(of)),
        None => format!("the key `{key}` is missing"),
    };
    let place = match &found.node.kind {
        _ if found.key.is_some() => found.key.map(|key| key.place),
        Kind::Map { entries, flow: false } => entries.first().map(|(key, _)| key.place),
        _ => None,
    };
    Told { place: place.unwrap_or(found.node.place), message, help: None, lost }
}

/// What was meant by an unknown key, and the name of that.
fn unknown_key(given: &str, known: &[&'static str], found: Found<'_, '_>) -> (Option<String>, Option<String>) {
    let lower = given.trim().to_lowercase();
    if let Some(key) = known.iter().find(|key| **key == lower) {
        return (Some(format!("did you mean `{key}`? keys are written in small letters")), Some((*key).to_owned()));
    }
    if let Some(number) = decimal_comma(given, found) {
        return (Some(format!("numbers have a point: `{number}`")), None);
    }
    if let Some(meant) = near(given, known) {
        let help = match written_at(meant, found) {
            Some(line) => format!("`{meant}` is in line {line} already"),
            None => format!("did you mean `{meant}`?"),
        };
        return (Some(help), Some(meant.to_owned()));
    }
    if let Some(above) = unindented(found) {
        let help = format!("if it belongs to `{above}` above, indent it by two spaces");
        return (Some(help), Some(above.to_owned()));
    }
    (Diagnostic::proposal(given, known.iter().copied()), None)
}

/// The known key that is a slip away, or of which this is the beginning.
fn near(given: &str, known: &[&'static str]) -> Option<&'static str> {
    let begins = |key: &&&str| given.len() >= 3 && (key.starts_with(given) || given.starts_with(**key));
    closest(given, known.iter().copied()).or_else(|| {
        let mut like = known.iter().filter(begins);
        like.next().copied().filter(|_| like.next().is_none())
    })
}

/// The line in which the key `key` stands beside this one.
fn written_at(key: &str, found: Found<'_, '_>) -> Option<usize> {
    let Kind::Map { entries, .. } = &found.parent?.kind else { return None };
    entries.iter().find(|(known, _)| known.text() == Some(key)).map(|(known, _)| known.place.line)
}

/// `scale: 0,1` in a flow map is a scale of 0 and a key 1.
fn decimal_comma(given: &str, found: Found<'_, '_>) -> Option<String> {
    let Kind::Map { entries, flow: true } = &found.parent?.kind else { return None };
    let at = entries.iter().position(|(key, _)| key.id == found.node.id)?;
    let (_, before) = entries.get(at.checked_sub(1)?)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let whole = before.text().filter(|text| digits(text.trim_start_matches('-')))?;
    (digits(given) && before.bytes.1 + 1 == found.node.bytes.0).then(|| format!("{whole}.{given}"))
}

/// The key just above, if nothing stands under it: what follows was probably meant to.
fn unindented<'t>(found: Found<'t, '_>) -> Option<&'t str> {
    let Kind::Map { entries, flow: false } = &found.parent?.kind else { return None };
    let at = entries.iter().position(|(key, _)| key.id == found.node.id)?;
    let (above, value) = entries.get(at.checked_sub(1)?)?;
    if value.is_nothing() { above.text() } else { None }
}

fn leading_zero(text: &str) -> (String, Option<String>) {
    let bare = text.trim_start_matches('0');
    let bare = if bare.is_empty() { "0" } else { bare };
    let octal = i128::from_str_radix(bare, 8).ok().map(|value| value.to_string()).filter(|octal| octal != bare);
    let message = match octal {
        Some(octal) => {
            format!("`{text}` begins with a zero: to some readers of YAML it is {bare}, to others {octal}, as octal")
        }
        None => format!("`{text}` begins with a zero, which some readers of YAML take for an octal number"),
    };
    (message, Some(format!("write `{bare}`, or `\"{text}\"` if it is a text")))
}

fn empty(found: Found<'_, '_>) -> (String, Option<String>) {
    match found.key.and_then(Node::text) {
        Some(key) => (format!("`{}` is empty: a text is expected", short(key)), None),
        None => ("nothing stands here: a text is expected".to_owned(), None),
    }
}

/// Serde's names of types in plain words.
fn words(expected: &str) -> String {
    let plain = match expected {
        "a string" | "a borrowed string" | "string" | "path string" | "a character" => "a text",
        "a boolean" => "`true` or `false`",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "u128" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a map" | "a mapping" => "keys with values, `key: value`",
        "a sequence" => "a list, `[one, another]`",
        "unit" | "unit value" => "nothing",
        _ if expected.starts_with("struct ") => "keys with values, `key: value`",
        _ => match expected.strip_prefix("a tuple of size ") {
            Some(size) => return format!("a list of {} values", size.split(' ').next().unwrap_or(size)),
            None => expected,
        },
    };
    plain.to_owned()
}

/// What stands there.
fn describe(node: &Node<'_>) -> String {
    match &node.kind {
        Kind::Scalar { text, plain: false } => format!("the text `\"{}\"`", short(text)),
        Kind::Scalar { text, plain: true } => match plain(text) {
            Plain::Nothing => "nothing".to_owned(),
            Plain::Bool(_) => format!("`{text}`"),
            Plain::Whole(_) | Plain::Number(_) | Plain::LeadingZero => format!("the number `{text}`"),
            Plain::Text => format!("the text `{}`", short(text)),
        },
        Kind::List { items, .. } => match items.len() {
            0 => "an empty list".to_owned(),
            1 => "a list of one value".to_owned(),
            more => format!("a list of {more} values"),
        },
        Kind::Map { entries, .. } => match entries.as_slice() {
            [] => "an empty group of keys, `{}`".to_owned(),
            [(key, _), ..] => format!("a group of keys, `{}: …`", short(key.text().unwrap_or("…"))),
        },
    }
}

/// What to do, where the slip is a common one.
fn advice(expected: &str, found: Found<'_, '_>, text: &str) -> Option<String> {
    let node = found.node;
    let line = text.lines().nth(node.place.line.saturating_sub(1)).unwrap_or_default();
    let quoted = || match found.key.and_then(Node::text).is_some_and(|key| key_of(line) == Some(key)) {
        true => as_text(line),
        false => "put it into quotes".to_owned(),
    };
    match &node.kind {
        Kind::Scalar { text, plain: unquoted } => scalar_advice(expected, text, *unquoted),
        Kind::Map { entries, flow: true } if expected.contains("text") => {
            // `{room}`, with nothing behind it, was meant for a text.
            let name = entries.iter().all(|(_, value)| value.is_nothing()) && !entries.is_empty();
            name.then(|| format!("`{{` begins a group of keys in YAML: {}", quoted()))
        }
        Kind::Map { entries, flow: false } if expected.contains("text") => entries
            .first()
            .map(|_| "a colon with a space begins a value in YAML: put a text that has one into quotes".to_owned()),
        Kind::Map { .. } if expected.contains("a list") => Some("begin each item of the list with `- `".to_owned()),
        Kind::List { items, .. } if expected.contains("text") => match items.as_slice() {
            [one] if one.text().is_some_and(|one| one.contains('(')) => {
                Some(format!("`[` begins a list in YAML: {}", quoted()))
            }
            [one] => one.text().map(|text| format!("one value is expected, not a list: `{}`", short(text))),
            _ => Some("one value is expected, not a list".to_owned()),
        },
        Kind::List { flow: false, .. } if found.parent.is_none() => {
            Some("write the keys without `- ` before them".to_owned())
        }
        _ => None,
    }
}

fn scalar_advice(expected: &str, text: &str, unquoted: bool) -> Option<String> {
    if expected.contains("`true` or `false`") {
        return match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "1" | "true" => Some("write `true`, without quotes".to_owned()),
            "no" | "off" | "n" | "0" | "false" => Some("write `false`, without quotes".to_owned()),
            _ => None,
        };
    }
    if expected.starts_with("a list") && !text.is_empty() {
        return Some(match unquoted {
            true => format!("one value is a list as well: `[{}]`", short(text)),
            false => format!("one value is a list as well: `[\"{}\"]`", short(text)),
        });
    }
    if expected.contains("number") {
        let point = text.replacen(',', ".", 1);
        if point != text && matches!(plain(&point), Plain::Number(_)) {
            return Some(format!("numbers have a point: `{point}`"));
        }
        let digits = text.trim_end_matches(|c: char| c.is_alphabetic() || matches!(c, '%' | '°' | ' '));
        if digits != text && matches!(plain(digits), Plain::Whole(_) | Plain::Number(_)) {
            return Some(format!("write the number alone: `{digits}`"));
        }
    }
    None
}

/// Enough of a text to know it by.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(40).collect();
    if cut.len() < text.trim_end().len() { cut + "…" } else { cut }
}
