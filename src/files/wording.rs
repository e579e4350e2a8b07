//! What serde has against a value, in the words of somebody who writes files.

use super::de::What;
use super::node::{Found, Kind, Node};
use super::scalar::{Plain, plain};
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
pub(super) fn tell(found: Found<'_, '_>, what: &What) -> Option<Told> {
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
        What::UnknownWord { given, known } => {
            (format!("`{}` is not one of the words that are possible here", short(given)), proposal(given, known.iter().copied()))
        }
        What::Expected(expected) | What::Unfit(expected) => {
            let expected = words(expected);
            (format!("expected {expected}, found {}", describe(node)), advice(&expected, found))
        }
        What::LeadingZero => leading_zero(node.text().unwrap_or_default()),
        What::Nothing => empty(found),
        What::Own(message) if message.starts_with("data did not match any variant") => {
            (format!("{} has none of the forms that are possible here", describe(node)), None)
        }
        What::Own(message) if message.starts_with("expected ") => {
            (format!("{message}, found {}", describe(node)), advice(message, found))
        }
        What::Own(message) => (message.clone(), None),
    };
    Some(Told { place: node.place, message, help, lost })
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
fn unknown_key(given: &str, known: &[&str], found: Found<'_, '_>) -> (Option<String>, Option<String>) {
    // In a flow map `byte:0` is a key without a value.
    if let Some((key, value)) = given.split_once(':').filter(|(key, _)| known.contains(key)) {
        return (Some(format!("a space is missing after the colon: write `{key}: {value}`")), Some(key.to_owned()));
    }
    let lower = given.trim().to_lowercase();
    if let Some(key) = known.iter().find(|key| **key == lower) {
        return (Some(format!("did you mean `{key}`? keys are written in small letters")), Some((*key).to_owned()));
    }
    let clean: String = given.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    if let Some(key) = known.iter().find(|key| **key == clean && clean != given && !given.is_ascii()) {
        let help = format!("write `{key}`: this one has letters that look alike or are invisible, pasted from elsewhere");
        return (Some(help), Some((*key).to_owned()));
    }
    if let Some(above) = unindented(found) {
        let help = format!("if it belongs to `{above}` above, indent it by two spaces");
        return (proposal_near(given, known).or(Some(help)), Some(above.to_owned()));
    }
    let meant = closest(given, known.iter().copied()).map(str::to_owned);
    (proposal(given, known.iter().copied()), meant)
}

fn proposal_near(given: &str, known: &[&str]) -> Option<String> {
    closest(given, known.iter().copied()).map(|name| format!("did you mean `{name}`?"))
}

/// The key just above, if nothing stands under it: what follows was probably meant to.
fn unindented<'t>(found: Found<'t, '_>) -> Option<&'t str> {
    let Kind::Map { entries, flow: false } = &found.parent?.kind else { return None };
    let at = entries.iter().position(|(key, _)| key.id == found.node.id)?;
    let (above, value) = entries.get(at.checked_sub(1)?)?;
    if value.is_nothing() { above.text() } else { None }
}

fn proposal<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    Diagnostic::proposal(given, names)
}

fn leading_zero(text: &str) -> (String, Option<String>) {
    let bare = text.trim_start_matches('0');
    let bare = if bare.is_empty() { "0" } else { bare };
    let octal = i128::from_str_radix(bare, 8).map(|value| format!(", to others the octal number {value}"));
    let message = format!("`{text}` begins with a zero: to some readers of YAML it is {bare}{}", octal.unwrap_or_default());
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
fn advice(expected: &str, found: Found<'_, '_>) -> Option<String> {
    let node = found.node;
    let key = found.key.and_then(Node::text).map(|key| format!("{key}: ")).unwrap_or_default();
    match &node.kind {
        Kind::Scalar { text, plain: unquoted } => scalar_advice(expected, text, *unquoted),
        Kind::Map { flow: true, .. } if expected.contains("text") => {
            Some(format!("`{{` begins a group of keys in YAML: {}", as_text(&key)))
        }
        Kind::List { flow: true, .. } if expected.contains("text") => {
            Some(format!("`[` begins a list in YAML: {}", as_text(&key)))
        }
        Kind::Map { flow: false, .. } if expected.contains("text") => {
            Some(format!("a colon with a space begins a value in YAML: {}", as_text(&key)))
        }
        _ => None,
    }
}

fn as_text(key: &str) -> String {
    match key.is_empty() {
        true => "put the text into quotes".to_owned(),
        false => format!("put the text into quotes, or write `{key}|` with the text indented below"),
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
