//! What SQLite and the file system say, in words for a grower: what is wrong and what to do.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

/// What kind of thing it is, which decides what the store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No room on the disk.
    Full,
    /// Another program holds a lock.
    Locked,
    /// The file is damaged, or no database.
    Damaged,
    /// The file or its folder may not be written.
    ReadOnly,
    /// A later growctl made it.
    Newer,
    /// A value that the database does not take: to try it again would be in vain.
    Row,
    /// Anything else: the disk, most often.
    Outside,
}

/// Something that went wrong.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    pub(super) why: String,
}

impl Trouble {
    pub(super) fn newer(found: i64, known: usize) -> Trouble {
        let why = format!(
            "the database has schema version {found}, made by a later growctl; this one knows up to {known} and leaves it untouched"
        );
        Trouble { kind: Kind::Newer, why }
    }

    pub(super) fn read_only() -> Trouble {
        let why = "the database cannot be written: this user may only read the file".to_owned();
        Trouble { kind: Kind::ReadOnly, why }
    }

    pub(super) fn damaged(what: &str) -> Trouble {
        Trouble { kind: Kind::Damaged, why: format!("the database is damaged: {what}") }
    }

    /// What a person can do about it.
    pub(super) fn remedy(&self, path: &Path) -> String {
        let shown = path.display();
        match self.kind {
            Kind::Full => "free some space on the disk of the state folder; what waits is written then".to_owned(),
            Kind::Locked => {
                format!("close the other program that uses {shown}, such as an sqlite3 shell in a transaction")
            }
            Kind::Damaged => format!("move {shown} away; without it a new one is made"),
            Kind::ReadOnly => format!("let the user of growctl write {shown} and its folder"),
            Kind::Newer => format!("install that growctl again, or move {shown} away to begin anew"),
            Kind::Row => "please report this".to_owned(),
            Kind::Outside => format!(
                "look at the disk of {shown}: is it mounted, is it healthy (`dmesg`), may files grow (`ulimit -f`)?"
            ),
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Kind::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Kind::Damaged,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Kind::ReadOnly,
            Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => Kind::Row,
            // No such table, or a cell of another kind: somebody changed the tables.
            Some(ErrorCode::Unknown) | None => Kind::Damaged,
            Some(_) => Kind::Outside,
        };
        let what = match kind {
            Kind::Full => "the disk is full",
            Kind::Locked => "another program holds the database locked",
            Kind::Damaged => "the database is damaged, or its tables were changed",
            Kind::ReadOnly => "the database cannot be written",
            Kind::Row => "the database refuses a value",
            Kind::Newer | Kind::Outside => "the database cannot be used",
        };
        Trouble { kind, why: format!("{what}: {error}") }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::ReadOnly,
            _ => Kind::Outside,
        };
        Trouble { kind, why: format!("the state folder cannot be used: {error}") }
    }
}
