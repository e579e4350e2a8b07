//! The one place that says SQL, here and in the files below. A database here is open, of this version, and can be written; everything else is a `Trouble`.

mod outbox;
mod outbox_room;
mod outbox_rows;

mod alerts;

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{Connection, OpenFlags, Row, ToSql, Transaction, TransactionBehavior, params};

use crate::model::{Mono, Name, Shelf, Value};

use super::change::{AlertRow, Change, DeviceChange};
use super::files;
use super::trouble::{Kind, Trouble};
use super::waiting::Values;
use super::{MOST_ROWS, Now};

pub(super) use outbox::{Known, Load, Loaded, Ready};
pub use outbox_rows::{read_outbox, read_outbox_row, read_outbox_stats};

/// Another program's lock is waited for as long.
const PATIENCE: Duration = Duration::from_secs(1);
/// Looking for damage at the start may take as long; a large history is not read to its end.
const CHECK: Duration = Duration::from_secs(1);
/// `application_id`, so that `file` and a later version know whose it is: "grow".
const APPLICATION: i64 = 0x6772_6f77;

/// An open database.
pub(super) struct Database {
    connection: Connection,
    /// Which file it is, to notice that somebody took it away.
    file: Option<(u64, u64)>,
}

/// What opening came to.
pub(super) struct Opened {
    /// What it is worth, if it can be written.
    pub(super) database: Result<Database, Trouble>,
    /// What was saved in it, if that could be read.
    pub(super) values: Option<Values>,
}

/// How to open one.
pub(super) struct Opening<'a> {
    pub(super) path: &'a Path,
    pub(super) now: &'a Now,
    pub(super) migrations: &'static [&'static str],
    pub(super) most_pages: Option<u32>,
}

impl Opening<'_> {
    /// Opens or makes it. What was saved is read even where nothing can be written.
    pub(super) fn open(&self) -> Opened {
        let known = match self.look() {
            Ok(known) => known,
            Err(trouble) if matches!(trouble.kind, Kind::Newer | Kind::Damaged) => {
                return Opened { database: Err(trouble), values: None };
            }
            Err(_) => None,
        };
        match self.for_writing().and_then(|database| Ok((database.values()?, database))) {
            Ok((values, database)) => Opened { database: Ok(database), values: Some(values) },
            Err(trouble) => Opened { database: Err(trouble), values: known },
        }
    }

    /// Reads without touching: refuses a later version's, gives what is saved in one of this version.
    fn look(&self) -> Result<Option<Values>, Trouble> {
        if std::fs::metadata(self.path).map_or(0, |file| file.len()) == 0 {
            return Ok(None);
        }
        let plain = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let first = Connection::open_with_flags(self.path, plain).map_err(Trouble::from).and_then(|c| self.read(&c));
        match first {
            // A folder that cannot be written has no room for the journal's index; without a journal none is needed.
            Err(trouble) if trouble.kind == Kind::ReadOnly && !files::has_journal(self.path) => {
                let address = format!("file:{}?immutable=1", files::escaped(self.path));
                let flags = plain | OpenFlags::SQLITE_OPEN_URI;
                self.read(&Connection::open_with_flags(address, flags)?)
            }
            other => other,
        }
    }

    fn read(&self, connection: &Connection) -> Result<Option<Values>, Trouble> {
        connection.busy_timeout(PATIENCE)?;
        let (version, known) = (version(connection)?, self.migrations.len());
        match usize::try_from(version) {
            Ok(version) if version == known => values(connection).map(Some),
            Ok(version) if version < known => Ok(None),
            _ => Err(Trouble::newer(version, known)),
        }
    }

    fn for_writing(&self) -> Result<Database, Trouble> {
        let mut connection = Connection::open(self.path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "journal_size_limit", 4 << 20)?;
        if let Some(pages) = self.most_pages {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        self.check(&mut connection)?;
        self.migrate(&mut connection)?;
        // A file that may not be written opens all the same, and would only tell with the first value.
        if connection.is_readonly("main")? {
            return Err(Trouble::read_only());
        }
        connection.transaction_with_behavior(TransactionBehavior::Immediate)?.rollback()?;
        Ok(Database { connection, file: files::identity(self.path) })
    }

    /// Looks for damage, for a limited time.
    fn check(&self, connection: &mut Connection) -> Result<(), Trouble> {
        let (now, end): (Now, Mono) = (self.now.clone(), (self.now)().mono + CHECK);
        connection.progress_handler(10_000, Some(move || now().mono > end))?;
        let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        connection.progress_handler(0, None::<fn() -> bool>)?;
        match found {
            Ok(word) if word == "ok" => Ok(()),
            Ok(word) => Err(Trouble::damaged(&word)),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings it to this version, all steps or none, with a copy beforehand of what was there.
    fn migrate(&self, connection: &mut Connection) -> Result<(), Trouble> {
        let from = version(connection)?;
        let steps = usize::try_from(from).ok().and_then(|from| self.migrations.get(from..)).unwrap_or_default();
        if steps.is_empty() {
            return Ok(());
        }
        let tables = "SELECT count(*) FROM sqlite_schema";
        if connection.query_row(tables, [], |row| row.get::<_, i64>(0))? > 0 {
            let copy = files::backup(self.path, from, (self.now)().utc);
            if let Err(error) = connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]) {
                let _ = std::fs::remove_file(&copy);
                return Err(error.into());
            }
            tracing::info!("the database goes to a new version; {} is a copy of the old one", copy.display());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for step in steps {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", self.migrations.len() as i64)?;
        Ok(transaction.commit()?)
    }
}

/// What was switched, the newest first, from a database that nobody has open; nothing is written.
///
/// # Errors
/// It is not there, of another version, or cannot be read.
pub fn read_history(path: &Path, of: &(Name, Name), since: f64, limit: usize) -> Result<Vec<DeviceChange>, String> {
    if !path.exists() {
        return Err(format!("{} is not there: growctl has not run on this site yet", path.display()));
    }
    Database::to_read(path).and_then(|database| database.history(Some(of), since, limit)).map_err(|trouble| trouble.why)
}

/// What became of alerts, the newest first, from a database that nobody has open; nothing is written.
///
/// # Errors
/// It is not there, of another version, or cannot be read.
pub fn read_alert_history(path: &Path, rule: Option<&str>, since: f64, limit: usize) -> Result<Vec<AlertRow>, String> {
    if !path.exists() {
        return Err(format!("{} is not there: growctl has not run on this site yet", path.display()));
    }
    let read = |database: Database| database.alert_history(rule, since, limit);
    Database::to_read(path).and_then(read).map_err(|trouble| trouble.why)
}

impl Database {
    /// Opens one of this version only to read. Of one whose folder cannot be written, what is in its journal stays unread.
    fn to_read(path: &Path) -> Result<Database, Trouble> {
        let plain = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = |connection: Connection| {
            connection.busy_timeout(PATIENCE)?;
            let (found, known) = (version(&connection)?, super::schema::MIGRATIONS.len());
            match found.cmp(&(known as i64)) {
                std::cmp::Ordering::Equal => Ok(Database { connection, file: None }),
                std::cmp::Ordering::Greater => Err(Trouble::newer(found, known)),
                std::cmp::Ordering::Less => {
                    let why = format!("the database has schema version {found}; `growctl run` brings it to {known}");
                    Err(Trouble { kind: Kind::Outside, why })
                }
            }
        };
        match Connection::open_with_flags(path, plain).map_err(Trouble::from).and_then(open) {
            Err(trouble) if trouble.kind == Kind::ReadOnly && !files::has_journal(path) => {
                let address = format!("file:{}?immutable=1", files::escaped(path));
                open(Connection::open_with_flags(address, plain | OpenFlags::SQLITE_OPEN_URI)?)
            }
            other => other,
        }
    }

    /// Whether `path` still leads to this database.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.file.is_some() && self.file == files::identity(path)
    }

    /// Its `journal_mode` and `synchronous`.
    #[cfg(test)]
    pub(super) fn durability(&self) -> (String, i64) {
        let mode = self.connection.query_row("PRAGMA journal_mode", [], |row| row.get(0));
        let synchronous = self.connection.query_row("PRAGMA synchronous", [], |row| row.get(0));
        (mode.unwrap(), synchronous.unwrap())
    }

    /// Everything saved.
    pub(super) fn values(&self) -> Result<Values, Trouble> {
        values(&self.connection)
    }

    /// One transaction: all of it is on disk afterwards, or nothing. With `anew` the values are all there is, and what was saved
    /// before is forgotten.
    pub(super) fn write(
        &mut self,
        values: &Values,
        changes: &[Change],
        anew: bool,
        load: &Load<'_>,
    ) -> Result<Loaded, Trouble> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if anew {
            transaction.execute_batch("DELETE FROM rule_state; DELETE FROM device_state; DELETE FROM alert_state;")?;
        }
        save(&transaction, values)?;
        append(&transaction, changes)?;
        alerts::append(&transaction, changes)?;
        let loaded = outbox::load(&transaction, load)?;
        transaction.commit()?;
        Ok(loaded)
    }

    /// What was switched, the newest first.
    pub(super) fn history(
        &self,
        of: Option<&(Name, Name)>,
        since: f64,
        limit: usize,
    ) -> Result<Vec<DeviceChange>, Trouble> {
        let columns =
            "SELECT at, room, device, state, wanted, source, reason, until, revision, held_back FROM device_change";
        let limit = limit.min(MOST_ROWS) as i64;
        let rows: Result<Vec<DeviceChange>, rusqlite::Error> = match of {
            Some((room, device)) => self
                .connection
                .prepare(&format!(
                    "{columns} WHERE room = ?1 AND device = ?2 AND at >= ?3 ORDER BY at DESC, rowid DESC LIMIT ?4"
                ))?
                .query_map(params![room, device, since, limit], change)?
                .collect(),
            // In the order in which they came: no index is by time alone, and none is worth its writes.
            None => self
                .connection
                .prepare(&format!("{columns} WHERE at >= ?1 ORDER BY rowid DESC LIMIT ?2"))?
                .query_map(params![since, limit], change)?
                .collect(),
        };
        Ok(rows?)
    }

    /// Forgets some of the oldest changes, at most `step`: those before `before`, and those beyond the newest `most`. Says how many.
    pub(super) fn prune(&mut self, before: f64, most: u64, step: usize) -> Result<usize, Trouble> {
        let oldest = "DELETE FROM device_change WHERE rowid IN (
            SELECT rowid FROM (SELECT rowid, at FROM device_change ORDER BY rowid LIMIT ?3)
            WHERE at < ?1 OR rowid <= (SELECT max(rowid) FROM device_change) - ?2)";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(self.connection.execute(oldest, params![before, most, step as i64])?)
    }

    /// Brings everything into the one file and closes it.
    pub(super) fn close(self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let _ = self.connection.close();
    }
}

fn version(connection: &Connection) -> Result<i64, Trouble> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn save(transaction: &Transaction<'_>, values: &Values) -> Result<(), rusqlite::Error> {
    const RULE: [&str; 2] = [
        "INSERT INTO rule_state VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET saved = ?3, at = ?4",
        "DELETE FROM rule_state WHERE rule = ?1 AND instance = ?2",
    ];
    const DEVICE: [&str; 2] = [
        "INSERT INTO device_state VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET saved = ?3, at = ?4",
        "DELETE FROM device_state WHERE room = ?1 AND device = ?2",
    ];
    const ALERT: [&str; 2] = [
        "INSERT INTO alert_state VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET saved = ?3, at = ?4",
        "DELETE FROM alert_state WHERE rule = ?1 AND instance = ?2",
    ];
    for (shelf, [put, forget]) in [(Shelf::Rules, RULE), (Shelf::Devices, DEVICE), (Shelf::Alerts, ALERT)] {
        let (mut put, mut forget) = (transaction.prepare(put)?, transaction.prepare(forget)?);
        for ((_, first, second), (value, at)) in values.iter().filter(|((of, ..), _)| *of == shelf) {
            match value {
                Some(value) => put.execute(params![first, second, value, at.seconds()])?,
                None => forget.execute(params![first, second])?,
            };
        }
    }
    Ok(())
}

fn append(transaction: &Transaction<'_>, changes: &[Change]) -> Result<(), rusqlite::Error> {
    let mut put = transaction.prepare("INSERT INTO device_change VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for change in changes {
        let Change::Device(c) = change else { continue };
        put.execute(params![
            c.at,
            c.room,
            c.device,
            Cell(&c.state),
            Cell(&c.wanted),
            c.source,
            c.reason,
            c.until,
            c.revision,
            c.held_back
        ])?;
    }
    Ok(())
}

fn values(connection: &Connection) -> Result<Values, Trouble> {
    let mut found = Values::new();
    for (shelf, table) in
        [(Shelf::Rules, "rule_state"), (Shelf::Devices, "device_state"), (Shelf::Alerts, "alert_state")]
    {
        let mut rows = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let row = |row: &Row<'_>| {
            let (first, second): (Name, Name) = (row.get(0)?, row.get(1)?);
            let at = crate::model::Utc::from_seconds(row.get(3)?);
            Ok(((shelf, first, second), (Some(row.get::<_, String>(2)?), at)))
        };
        for row in rows.query_map([], row)? {
            let (key, value) = row?;
            found.insert(key, value);
        }
    }
    Ok(found)
}

fn change(row: &Row<'_>) -> Result<DeviceChange, rusqlite::Error> {
    Ok(DeviceChange {
        at: row.get(0)?,
        room: row.get(1)?,
        device: row.get(2)?,
        state: value(row.get_ref(3)?),
        wanted: value(row.get_ref(4)?),
        source: row.get(5)?,
        reason: row.get(6)?,
        until: row.get(7)?,
        revision: row.get(8)?,
        held_back: row.get(9)?,
    })
}

/// A value as a cell: what SQL has no kind for becomes JSON text.
struct Cell<'a>(&'a Value);

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, rusqlite::Error> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Owned(Sql::Null),
            Value::Number(number) => ToSqlOutput::Owned(Sql::Real(*number)),
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            other => ToSqlOutput::Owned(Sql::Text(other.to_string())),
        })
    }
}

fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Number(number as f64),
        ValueRef::Real(number) => Value::Number(number),
        ValueRef::Text(text) | ValueRef::Blob(text) => Value::text(&String::from_utf8_lossy(text)),
    }
}
