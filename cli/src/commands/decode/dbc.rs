//! `growctl decode --dbc FILE`: by DBC files alone, without a site.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use growctl_engine::can::{CanId, LogLine};
use growctl_engine::channels::dbc::{Database, Message};
use growctl_engine::files::{Report, read_database};

use super::{Counts, Decode, Known, Show, write_line, write_unknown};

struct ByDatabases {
    databases: Vec<Database>,
    all: bool,
}

pub(super) fn run(arguments: &Decode) -> ExitCode {
    let mut report = Report::default();
    let mut databases = Vec::new();
    for path in &arguments.dbc {
        let file = read_database(Path::new(""), path, &mut report);
        databases.extend(file.and_then(|file| Database::load(&file, &mut report)));
    }
    for (at, database) in databases.iter().enumerate() {
        database.tell_all(&mut report);
        twice(&databases[..at], database, &mut report);
    }
    super::super::show(&report);
    if databases.len() < arguments.dbc.len() {
        return ExitCode::from(2);
    }
    arguments.frames(&mut ByDatabases { databases, all: arguments.all })
}

impl ByDatabases {
    /// By its id in any file; else by its group of J1939.
    fn message(&self, id: CanId) -> Option<&Message> {
        let exact = self.databases.iter().find_map(|database| database.with_id(id));
        exact.or_else(|| self.databases.iter().find_map(|database| database.with_group_of(id)))
    }
}

/// Warns of an id that an earlier file has as well: it counts there.
fn twice(earlier: &[Database], database: &Database, report: &mut Report) {
    for message in database.messages() {
        let Some(id) = message.id() else { continue };
        if let Some((file, other)) = earlier.iter().find_map(|file| Some((file, file.with_id(id)?))) {
            let text = format!("{id} is {} here, and {} in {}", message.name, other.name, file.file().path.display());
            report.warning(database.file(), database.place(message), text).help("the file that is named first counts");
        }
    }
}

impl Show for ByDatabases {
    fn show(&mut self, line: &LogLine<'_>, counts: &mut Counts, out: &mut dyn Write) -> io::Result<()> {
        let data = matches!(super::kind(line.kind), "data" | "fd");
        let message = self.message(line.id).filter(|_| data);
        counts.add(line, Some(line.interface), message.is_some());
        // Without a map there is no other name of a bus than the interface of the log.
        let (ts, bus, id) = (line.utc.seconds(), line.interface, line.id.to_string());
        match message {
            Some(message) => write_line(out, &Known { ts, bus, id, decoded: message.decode(line.data()) }),
            None if self.all => write_unknown(out, line, Some(bus)),
            None => Ok(()),
        }
    }
}
