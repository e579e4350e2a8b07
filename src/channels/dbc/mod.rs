//! DBC files: what the makers of nodes say about their frames. `can-dbc` parses the statements; what they mean for signals,
//! multiplexers, texts and names is worked out here, and the codec is the map's own.

mod decode;
mod message;
mod multiplex;
mod notes;
mod statements;

use std::collections::HashMap;
use std::sync::Arc;

use crate::can::CanId;
use crate::files::{Place, Report, SourceFile};

pub use decode::{Decoded, Value};
pub use message::Message;
use notes::Notes;
use statements::{Statement, Unreadable, split};

/// Signals that belong to no message are kept in one of this name.
const INDEPENDENT: &str = "VECTOR__INDEPENDENT_SIG_MSG";

/// One DBC file.
#[derive(Debug)]
pub struct Database {
    file: Arc<SourceFile>,
    /// In the order of the file.
    messages: Vec<Message>,
    by_id: HashMap<CanId, usize>,
}

/// Something that is not right in a message that can be used all the same.
#[derive(Clone, Debug)]
struct Doubt {
    /// Bytes of the file.
    at: usize,
    len: usize,
    message: String,
    help: Option<&'static str>,
}

impl Database {
    /// Reads a DBC file. `None` if there were errors; all of them are in the report. What is doubtful in a message is
    /// told by [`Database::tell`], as many files have such messages that nobody uses.
    pub fn load(file: &Arc<SourceFile>, report: &mut Report) -> Option<Database> {
        let mut own = Report::default();
        let (statements, unreadable) = split(&file.text);
        unreadable.into_iter().for_each(|fault| tell_unreadable(file, fault, &mut own));
        let (mut notes, mut drafts) = (Notes::default(), Vec::new());
        for statement in &statements {
            match statement.keyword {
                "BO_" => drafts.extend(message(file, statement, &mut own)),
                "VAL_" | "SIG_VALTYPE_" | "SG_MUL_VAL_" | "BA_" | "BA_DEF_DEF_" | "CM_" => {
                    note(file, statement, &mut notes, &mut own);
                }
                // The rest says nothing about frames.
                _ => {}
            }
        }
        let named =
            |(id, at, parsed): &(u64, usize, can_dbc::Message)| Message::new(&file.text, *id, *at, parsed, &notes);
        let messages: Vec<Message> =
            drafts.iter().filter(|(.., parsed)| parsed.name != INDEPENDENT).map(named).collect();
        own.settle(0);
        let fine = own.errors() == 0;
        report.extend(own);
        // Of two with one id the last counts, as for other readers of such files.
        let ids = (0..).zip(&messages).filter_map(|(at, message)| message.id().map(|id| (id, at))).collect();
        let mut database = Database { file: file.clone(), messages, by_id: ids };
        database.note_twins();
        fine.then_some(database)
    }

    /// Its messages in the order of the file.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter()
    }

    /// The file that it was read from.
    #[must_use]
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// The message of that name, long or short.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Message> {
        let long = self.messages.iter().rfind(|message| &*message.name == name);
        long.or_else(|| self.messages.iter().rfind(|message| &*message.short_name == name))
    }

    /// The message with that id.
    #[must_use]
    pub fn with_id(&self, id: CanId) -> Option<&Message> {
        self.by_id.get(&id).map(|at| &self.messages[*at])
    }

    /// Warns of what is doubtful in a message.
    pub fn tell(&self, message: &Message, report: &mut Report) {
        for doubt in &message.doubts {
            let place = Place::of_bytes(&self.file.text, doubt.at, doubt.len);
            report.warning(&self.file, place, doubt.message.clone()).help = doubt.help.map(str::to_owned);
        }
    }

    /// Where a message is defined.
    #[must_use]
    pub fn place(&self, message: &Message) -> Place {
        Place::of_bytes(&self.file.text, message.at, "BO_".len())
    }

    fn note_twins(&mut self) {
        for at in 0..self.messages.len() {
            let Some(id) = self.messages[at].id() else { continue };
            let last = self.by_id[&id];
            if last != at {
                let other = self.messages[last].name.clone();
                let message =
                    format!("{} has the id {id} that {other} has as well: it counts there", self.messages[at].name);
                self.messages[at].doubt(message, None);
            }
        }
    }
}

fn tell_unreadable(file: &Arc<SourceFile>, fault: Unreadable, report: &mut Report) {
    let place = |at, len| Place::of_bytes(&file.text, at, len);
    match fault {
        Unreadable::Word(from, to) => {
            let message = format!("no statement of a DBC file begins with '{}'", &file.text[from..to]);
            report
                .error(file, place(from, to - from), message)
                .help("is it a DBC file? messages begin with BO_, their signals with SG_");
        }
        Unreadable::Signal(at) => {
            report
                .error(file, place(at, 3), "a signal outside a message")
                .help("SG_ lines follow the BO_ line of their message");
        }
        Unreadable::Text(at) => {
            report.error(file, place(at, 1), "this text has no closing quote");
        }
    }
}

/// One statement by the parser.
fn parse(file: &Arc<SourceFile>, statement: &Statement<'_>) -> Result<can_dbc::Dbc, (Place, String)> {
    let lines = statement.lines();
    can_dbc::Dbc::try_from(lines.as_str()).map_err(|error| {
        let text = error.to_string();
        let (at, expected) = where_and_what(&lines, &text);
        let at = at.min(statement.text.len());
        (
            Place::of_bytes(&file.text, statement.at + at, 1),
            format!("a {} statement cannot be read: {expected}", statement.keyword),
        )
    })
}

/// The parser says ` --> line:column` and in the last line ` = expected rules`.
fn where_and_what(lines: &str, error: &str) -> (usize, String) {
    let place = error.split_once("--> ").and_then(|(_, rest)| rest.split_whitespace().next()?.split_once(':'));
    let at = place.and_then(|(line, column)| {
        let place = Place { line: line.parse().ok()?, column: column.parse().ok()?, len: 1 };
        place.offset(lines)
    });
    let what = match error.rsplit_once("= ") {
        Some((_, expected)) if at.is_some() => expected.trim().replace('_', " "),
        _ => error.trim().to_lowercase(),
    };
    (at.unwrap_or(0), what)
}

/// A message with its id and place; `None` if it cannot be read, which is reported.
fn message(
    file: &Arc<SourceFile>,
    statement: &Statement<'_>,
    report: &mut Report,
) -> Option<(u64, usize, can_dbc::Message)> {
    let parsed = parse(file, statement).map_err(|(place, why)| {
        report.error(file, place, why);
    });
    let message = parsed.ok()?.messages.pop()?;
    Some((statement.number().unwrap_or(u64::MAX), statement.at, message))
}

/// What is said apart from the messages. Only what would make values wrong is an error.
fn note(file: &Arc<SourceFile>, statement: &Statement<'_>, notes: &mut Notes, report: &mut Report) {
    match parse(file, statement) {
        Ok(parsed) => notes.take(statement.number().unwrap_or(u64::MAX), parsed),
        Err((place, why)) if matches!(statement.keyword, "SIG_VALTYPE_" | "SG_MUL_VAL_") => {
            report.error(file, place, why);
        }
        Err((place, why)) => {
            report.warning(file, place, why).help("it is left out");
        }
    }
}
