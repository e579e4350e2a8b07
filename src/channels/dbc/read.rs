//! From statements to what the parser makes of them; what it cannot read is told in place, with what belongs there.

use std::sync::Arc;

use crate::files::{Place, Report, SourceFile};

use super::notes::Notes;
use super::statements::{Lines, Statement, Unreadable, split};

/// A message as the parser gives it.
#[derive(Debug)]
pub(super) struct Draft {
    /// As it stands in the file, with the mark of 29 bits.
    pub(super) id: u64,
    /// Where it begins, in bytes.
    pub(super) at: usize,
    pub(super) parsed: can_dbc::Message,
}

/// What a statement looks like that is right.
const FORMS: [(&str, &str); 7] = [
    ("BO_", "a message is `BO_ id name: bytes sender`"),
    ("VAL_", "texts are `VAL_ id signal 0 \"off\" 1 \"on\" ;`"),
    ("SIG_VALTYPE_", "an IEEE number is `SIG_VALTYPE_ id signal : 1;` with 32 bits, `2` with 64"),
    ("SG_MUL_VAL_", "a multiplexed signal is `SG_MUL_VAL_ id signal multiplexer 1-1, 5-9;`"),
    ("BA_", "an attribute is `BA_ \"name\" BO_ id value;`"),
    ("BA_DEF_DEF_", "a default is `BA_DEF_DEF_ \"name\" value;`"),
    ("CM_", "a comment is `CM_ BO_ id \"text\";`"),
];
const SIGNAL: &str = "a signal is `SG_ name : start|bits@order sign (factor,offset) [least|most] \"unit\" receiver`, \
                      order 0 big-endian, 1 little-endian, sign + or -";

/// Reads all statements that say something about frames.
pub(super) fn read(file: &Arc<SourceFile>, report: &mut Report) -> (Vec<Draft>, Notes) {
    let (statements, unreadable) = split(&file.text);
    unreadable.into_iter().for_each(|fault| tell(file, fault, report));
    let (mut notes, mut drafts) = (Notes::default(), Vec::new());
    for statement in &statements {
        match statement.keyword {
            "BO_" => drafts.extend(message(file, statement, report)),
            "VAL_" | "SIG_VALTYPE_" | "SG_MUL_VAL_" | "BA_" | "BA_DEF_DEF_" | "CM_" => {
                note(file, statement, &mut notes, report);
            }
            // The rest says nothing about frames.
            _ => {}
        }
    }
    (drafts, notes)
}

fn tell(file: &Arc<SourceFile>, fault: Unreadable, report: &mut Report) {
    let place = |at, len| Place::of_bytes(&file.text, at, len);
    match fault {
        Unreadable::Word(from, to) => {
            let message = format!("no statement of a DBC file begins with '{}'", &file.text[from..to]);
            let help = "is it a DBC file? messages begin with BO_, their signals with SG_";
            report.error(file, place(from, to - from), message).help(help);
        }
        Unreadable::Signal(at) => {
            let help = "SG_ lines follow the BO_ line of their message";
            report.error(file, place(at, 3), "a signal outside a message").help(help);
        }
        Unreadable::Text(at) => {
            report.error(file, place(at, 1), "this text has no closing quote");
        }
    }
}

/// Why a statement cannot be read.
struct Unread {
    place: Place,
    message: String,
    form: &'static str,
}

fn parse(file: &Arc<SourceFile>, statement: &Statement<'_>) -> Result<can_dbc::Dbc, Unread> {
    let lines = statement.lines();
    can_dbc::Dbc::try_from(lines.text.as_str()).map_err(|error| {
        let (at, expected) = where_and_what(&lines, &error.to_string());
        let at = at.min(statement.text.len());
        let line = statement.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let signal = statement.text.get(line..).is_some_and(|line| line.trim_start().starts_with("SG_"));
        let (what, form) = match FORMS.iter().find(|(keyword, _)| *keyword == statement.keyword) {
            _ if signal => ("SG_", SIGNAL),
            Some((keyword, form)) => (*keyword, *form),
            None => (statement.keyword, ""),
        };
        let message = format!("this {what} statement cannot be read{expected}");
        Unread { place: Place::of_bytes(&file.text, statement.at + at, 1), message, form }
    })
}

/// The parser says ` --> line:column` and in the last line ` = expected rules`; at the very beginning it knows nothing.
fn where_and_what(lines: &Lines, error: &str) -> (usize, String) {
    let place = error.split_once("--> ").and_then(|(_, rest)| rest.split_whitespace().next()?.split_once(':'));
    let at = place.and_then(|(line, column)| lines.place(line.parse().ok()?, column.parse().ok()?));
    match (at, error.rsplit_once("= ")) {
        (Some(0), _) => (0, String::new()),
        (Some(at), Some((_, expected))) if expected.contains("EOI") => (at, ": it is expected to end here".to_owned()),
        (Some(at), Some((_, expected))) => (at, format!(": {}", expected.trim().replace('_', " "))),
        _ => (0, format!(": {}", error.trim().to_lowercase())),
    }
}

/// A message with its id and place; `None` if it cannot be read, which is reported.
fn message(file: &Arc<SourceFile>, statement: &Statement<'_>, report: &mut Report) -> Option<Draft> {
    match parse(file, statement) {
        Ok(mut parsed) => {
            let parsed = parsed.messages.pop()?;
            Some(Draft { id: statement.number().unwrap_or(u64::MAX), at: statement.at, parsed })
        }
        Err(why) => {
            report.error(file, why.place, why.message).help(why.form);
            None
        }
    }
}

/// What is said apart from the messages. Only what would make values wrong is an error.
fn note(file: &Arc<SourceFile>, statement: &Statement<'_>, notes: &mut Notes, report: &mut Report) {
    match parse(file, statement) {
        Ok(parsed) => notes.take(statement.number().unwrap_or(u64::MAX), statement.at, parsed),
        Err(why) if matches!(statement.keyword, "SIG_VALTYPE_" | "SG_MUL_VAL_") => {
            report.error(file, why.place, why.message).help(why.form);
        }
        Err(why) => {
            report.warning(file, why.place, format!("{}; it is left out", why.message)).help(why.form);
        }
    }
}
