//! DBC files: what the makers of nodes say about their frames. `can-dbc` parses the statements; what they mean for signals,
//! multiplexers, texts and names is worked out here, and the codec is the map's own.

mod decode;
mod import;
mod message;
mod multiplex;
mod notes;
mod read;
mod reader;
mod statements;

use hashbrown::HashMap;
use std::sync::Arc;

use crate::can::CanId;
use crate::channels::j1939::Group;
use crate::files::{Place, Report, SourceFile};

pub use decode::{Decoded, Value};
pub use import::Import;
pub use message::Message;
use notes::Notes;
use read::Draft;

/// Signals that belong to no message are kept in one of this name.
const INDEPENDENT: &str = "VECTOR__INDEPENDENT_SIG_MSG";

/// One DBC file.
#[derive(Debug)]
pub struct Database {
    file: Arc<SourceFile>,
    /// In the order of the file.
    messages: Vec<Message>,
    by_id: HashMap<CanId, usize>,
    by_group: HashMap<Group, usize>,
    /// What is about no message at all.
    doubts: Vec<Doubt>,
}

/// Something that is not right in what can be used all the same.
#[derive(Clone, Debug)]
struct Doubt {
    /// Bytes of the file.
    at: usize,
    len: usize,
    message: String,
    help: Option<&'static str>,
}

fn any_sender(group: Group) -> Group {
    Group { source: None, ..group }
}

impl Database {
    /// Reads a DBC file. `None` if there were errors; all of them are in the report. What is doubtful in a message is
    /// told by [`Database::tell`], as many files have such messages that nobody uses.
    pub fn load(file: &Arc<SourceFile>, report: &mut Report) -> Option<Database> {
        let mut own = Report::default();
        let (drafts, notes) = read::read(file, &mut own);
        own.settle(0);
        let fine = own.errors() == 0;
        report.extend(own);
        let mut database = Database::new(file, &drafts, &notes);
        database.note_twins();
        database.note_unknown(&drafts, &notes);
        fine.then_some(database)
    }

    fn new(file: &Arc<SourceFile>, drafts: &[Draft], notes: &Notes) -> Database {
        let real = drafts.iter().filter(|draft| draft.parsed.name != INDEPENDENT);
        let messages: Vec<Message> = real.map(|draft| Message::new(&file.text, draft, notes)).collect();
        // Of two with one id the last counts, as for other readers of such files.
        let by_id = (0..).zip(&messages).filter_map(|(at, message)| message.id().map(|id| (id, at))).collect();
        let none = || Doubt { at: 0, len: 0, message: "the file has no messages".to_owned(), help: None };
        let doubts = messages.is_empty().then(none).into_iter().collect();
        let by_group =
            (0..).zip(&messages).filter_map(|(at, message)| Some((any_sender(message.group?), at))).collect();
        Database { file: file.clone(), messages, by_id, by_group, doubts }
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
    #[inline]
    #[must_use]
    pub fn with_id(&self, id: CanId) -> Option<&Message> {
        self.by_id.get(&id).map(|at| &self.messages[*at])
    }

    /// The message of J1939 that a frame with that id is, whoever sends it, with whatever priority and destination: of
    /// those whose `VFrameFormat` is `J1939PG`.
    #[must_use]
    pub fn with_group_of(&self, id: CanId) -> Option<&Message> {
        let at = self.by_group.get(&any_sender(Group::of(id)?))?;
        Some(&self.messages[*at])
    }

    /// Warns of what is doubtful in a message.
    pub fn tell(&self, message: &Message, report: &mut Report) {
        message.doubts.iter().for_each(|doubt| self.warn(doubt, report));
    }

    /// Warns of all that is doubtful in the file.
    pub fn tell_all(&self, report: &mut Report) {
        let mut own = Report::default();
        self.messages.iter().for_each(|message| self.tell(message, &mut own));
        self.doubts.iter().for_each(|doubt| self.warn(doubt, &mut own));
        own.settle(0);
        report.extend(own);
    }

    fn warn(&self, doubt: &Doubt, report: &mut Report) {
        let place = Place::of_bytes(&self.file.text, doubt.at, doubt.len);
        report.warning(&self.file, place, doubt.message.clone()).help = doubt.help.map(str::to_owned);
    }

    /// Where a message is defined.
    #[must_use]
    pub fn place(&self, message: &Message) -> Place {
        Place::of_bytes(&self.file.text, message.at, "BO_".len())
    }

    /// Messages whose id a later one has as well.
    fn note_twins(&mut self) {
        for at in 0..self.messages.len() {
            let Some(id) = self.messages[at].id() else { continue };
            let last = self.by_id[&id];
            if last != at {
                let (own, other) = (&self.messages[at].name, &self.messages[last].name);
                let message = format!("{own} has the id {id} that {other} has as well: it counts there");
                self.messages[at].doubt(message, None);
            }
        }
    }

    /// What the file says of signals that it does not have.
    fn note_unknown(&mut self, drafts: &[Draft], notes: &Notes) {
        let known: HashMap<u64, Vec<&Draft>> = drafts.iter().fold(HashMap::new(), |mut known, draft| {
            known.entry(draft.id).or_default().push(draft);
            known
        });
        for ((id, signal), keyword, at) in &notes.spoken_of {
            let of = known.get(id).map_or(&[][..], Vec::as_slice);
            if of.iter().any(|draft| draft.parsed.signals.iter().any(|known| known.name == *signal)) {
                continue;
            }
            let what =
                if of.is_empty() { format!("message {id}") } else { format!("signal '{signal}' in message {id}") };
            let (at, len, message) = (*at, keyword.len(), format!("{keyword} without effect: there is no {what}"));
            let doubt = Doubt { at, len, message, help: None };
            match self.messages.iter_mut().rfind(|message| message.raw_id == *id) {
                Some(of) => of.doubts.push(doubt),
                None => self.doubts.push(doubt),
            }
        }
    }
}
