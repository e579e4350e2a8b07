//! Files that are over: compressed, and deleted when they are old. A file is over when another one is written and it has not
//! been for a while, so that a late value of yesterday still finds its file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::names::{Found, Pattern, zst_path};

/// A file that is not the current one gets late values for so long.
const GRACE: Duration = Duration::from_secs(600);
/// A good ratio at the speed of a small machine.
const LEVEL: i32 = 3;

#[derive(Clone, Debug)]
pub(super) struct Tidy {
    folder: PathBuf,
    pattern: Pattern,
    compress: bool,
    keep: Option<Duration>,
}

impl Tidy {
    pub(super) fn new(folder: &Path, pattern: &Pattern, compress: bool, keep: Option<Duration>) -> Tidy {
        Tidy { folder: folder.to_owned(), pattern: pattern.clone(), compress, keep }
    }

    pub(super) fn has_work(&self) -> bool {
        self.compress || self.keep.is_some()
    }

    /// Looks after every file but `current`, which has just been written: its time is now.
    pub(super) fn run(&self, current: &Path) {
        let Ok(now) = fs::metadata(current).and_then(|data| data.modified()) else { return };
        for found in self.pattern.all(&self.folder) {
            let age = age(&found.path, now);
            if found.path == current || age < GRACE {
                continue;
            }
            if let Err(error) = self.tidy(&found, age) {
                tracing::warn!(path = %found.path.display(), %error, "an export that is over could not be tidied up");
            }
        }
    }

    fn tidy(&self, found: &Found, age: Duration) -> io::Result<()> {
        if self.keep.is_some_and(|keep| age > keep) {
            return fs::remove_file(&found.path);
        }
        if self.compress && !found.compressed { compress(&found.path) } else { Ok(()) }
    }
}

/// How long before `now` a file was written.
fn age(path: &Path, now: SystemTime) -> Duration {
    let written = fs::metadata(path).and_then(|data| data.modified());
    written.ok().and_then(|written| now.duration_since(written).ok()).unwrap_or_default()
}

/// At no moment is there less than one whole copy.
fn compress(path: &Path) -> io::Result<()> {
    let whole = zst_path(path);
    let mut part = whole.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let (source, target) = (File::open(path)?, File::create(&part)?);
    let written = source.metadata()?.modified()?;
    zstd::stream::copy_encode(&source, &target, LEVEL)?;
    // Its age is that of what is in it.
    target.set_modified(written)?;
    target.sync_all()?;
    fs::rename(&part, &whole)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    fs::remove_file(path)
}
