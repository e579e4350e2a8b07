//! The database as files: which one a path leads to, and moving a damaged one aside with all that belongs to it.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::model::Utc;

/// Which file a path leads to; `None` if to none. Another one under the same path has another identity.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Renames a damaged database to `<name>.corrupt-<time>`, with its `-wal` and `-shm`, so that nothing is lost that a person could
/// still save, and says where it is.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn set_aside(path: &Path, now: Utc) -> io::Result<PathBuf> {
    let mut aside = with(path, &format!(".corrupt-{}", stamp(now)));
    let mut more = 1;
    while aside.exists() {
        more += 1;
        aside = with(path, &format!(".corrupt-{}-{more}", stamp(now)));
    }
    // The journal first: left behind alone, it would be taken for the new database's.
    for ending in ["-wal", "-shm", "-journal"] {
        match std::fs::rename(with(path, ending), with(&aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, &aside)?;
    Ok(aside)
}

/// Where the copy goes that is made before the schema is changed.
pub(super) fn backup(path: &Path, version: i64, now: Utc) -> PathBuf {
    with(path, &format!(".version-{version}-{}", stamp(now)))
}

/// A path with something at its end.
pub(super) fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// `20261124T203000Z`
fn stamp(now: Utc) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(now.0)).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Whether something has been written that is not in the database itself yet.
pub(super) fn has_journal(path: &Path) -> bool {
    std::fs::metadata(with(path, "-wal")).is_ok_and(|journal| journal.len() > 0)
}

/// A path as it stands in a `file:` address.
pub(super) fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}
