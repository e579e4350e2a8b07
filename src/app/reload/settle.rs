//! Whether the files have come to rest: twice the same, nobody writes them, and git is not at work. What never comes to
//! rest is never taken.

use std::path::{Path, PathBuf};
use std::time::Duration;

use std::os::unix::fs::MetadataExt;

use crate::app::git::Repository;
use crate::app::revision::Revision;
use crate::app::snapshot::Snapshot;
use crate::model::Utc;

use super::work::Work;

/// Files are at rest when they are twice the same, so long apart.
const REST: Duration = Duration::from_millis(100);
/// After this long it is given up for now, and whoever has a file open all the time is taken for one who does not write.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// A lock of git that is older than this was left behind by a git that is no more.
const LEFT_OVER: Duration = Duration::from_secs(120);

/// What waiting for the files came to.
pub(super) enum Settled {
    /// They are at rest: what they say, its revision, and whether git has said so.
    At(Box<Snapshot>, Revision, bool),
    /// They are not: which, and why.
    Not(PathBuf, String),
    /// The engine stops.
    Stopped,
}

impl Work {
    /// Waits until the files have come to rest.
    pub(super) fn settled(&mut self) -> Settled {
        let end = self.ends.clock.now().mono + self.patience;
        let mut before = Snapshot::read(&self.folder);
        loop {
            self.stop.pause.wait(REST);
            if self.stop.is_said() {
                return Settled::Stopped;
            }
            self.watch.stirred();
            let late = self.ends.clock.now().mono > end;
            let writing = self.watch.being_written().filter(|_| !late);
            let lock = self.git_at_work();
            let now = Snapshot::read(&self.folder);
            let mut changed = difference(&before, &now);
            if writing.is_none() && lock.is_none() && changed.is_none() {
                let (revision, sure) = self.history.revision(&now);
                changed = difference(&now, &Snapshot::read(&self.folder));
                if changed.is_none() && self.git_at_work().is_none() {
                    self.forgive_writers(late);
                    return Settled::At(Box::new(now), revision, sure);
                }
            }
            if late {
                let git = |lock| (lock, "git is at work here".to_owned());
                let busy = lock.or_else(|| self.git_at_work()).map(git);
                let (path, why) = busy.unwrap_or((changed.unwrap_or_default(), "it keeps changing".to_owned()));
                return Settled::Not(path, why);
            }
            before = now;
        }
    }

    fn forgive_writers(&self, late: bool) {
        if late {
            self.watch.forget_writers();
        }
    }

    /// The lock of a git that is changing files, in the git folder; one that was left behind is none, and is told once.
    fn git_at_work(&mut self) -> Option<PathBuf> {
        let repository = Repository::around(&self.folder.canonicalize().ok()?)?;
        let lock = repository.dir.join("index.lock");
        let meta = lock.metadata().ok()?;
        let made = Utc(meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec()));
        if !is_left_over(self.ends.clock.now().utc, made) {
            return Some(Path::new(".git/index.lock").to_owned());
        }
        if self.forgiven != Some(made) {
            let shown = lock.display();
            tracing::warn!("git has left {shown} behind, which is passed over; if no git is at work there, remove it");
            self.forgiven = Some(made);
        }
        None
    }
}

/// Whether a lock is older than any git at work. A clock that was set makes no lock young or old for good.
fn is_left_over(now: Utc, made: Utc) -> bool {
    u128::from(now.0.abs_diff(made.0)) > LEFT_OVER.as_nanos()
}

/// A path at which two readings differ; the site folder if only what could not be read does.
fn difference(before: &Snapshot, now: &Snapshot) -> Option<PathBuf> {
    let text = |snapshot: &Snapshot, path: &Path| snapshot.files.get(path).map(|file| file.text.clone());
    let mut paths = before.files.keys().chain(now.files.keys());
    let differs = |path: &&PathBuf| text(before, path) != text(now, path);
    paths.find(differs).cloned().or_else(|| (before.digest() != now.digest()).then(|| PathBuf::from(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_left_over_when_no_git_can_be_so_slow() {
        let second = |second: i64| Utc(second * 1_000_000_000);
        let now = second(1_000_000);
        let left = [999_999, 999_881, 999_879, 1_000_001, 1_000_121, 0].map(|made| is_left_over(now, second(made)));
        assert_eq!(left, [false, false, true, false, true, true]);
    }
}
