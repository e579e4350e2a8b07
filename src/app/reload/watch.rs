//! The word of the file system that something may have changed. It is a hint only: what has changed is told by the files
//! themselves, and where no word comes they are looked at every 30 s.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::model::Doorbell;

/// What the file system has told since somebody looked.
#[derive(Debug, Default)]
struct Heard {
    /// Something may have changed.
    stirred: bool,
    /// Files that somebody writes and has not closed.
    open: HashSet<PathBuf>,
}

/// Watches the folders of a site.
pub(super) struct Watch {
    heard: Arc<Mutex<Heard>>,
    watcher: Option<RecommendedWatcher>,
    folders: HashSet<PathBuf>,
}

impl Watch {
    /// Rings `bell` when something stirs.
    pub(super) fn new(bell: Arc<Doorbell>) -> Watch {
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let told = heard.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if hear(&mut lock(&told), event) {
                bell.ring();
            }
        });
        let watcher = watcher.inspect_err(|error| deaf(&error.to_string())).ok();
        Watch { heard, watcher, folders: HashSet::new() }
    }

    /// Watches these folders from now on, each anew: one that was replaced by another of its name is another folder.
    pub(super) fn on(&mut self, folders: impl IntoIterator<Item = PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for folder in self.folders.drain() {
            // One that is gone has gone from the watcher as well.
            let _ = watcher.unwatch(&folder);
        }
        for folder in folders {
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.folders.insert(folder)),
                Err(error) if folder.exists() => deaf(&format!("{}: {error}", folder.display())),
                Err(_) => {}
            }
        }
    }

    /// Whether anything stirred since the last call.
    pub(super) fn stirred(&self) -> bool {
        std::mem::take(&mut lock(&self.heard).stirred)
    }

    /// Whether somebody is in the middle of writing a file.
    pub(super) fn is_being_written(&self) -> bool {
        let mut heard = lock(&self.heard);
        heard.open.retain(|path| path.exists());
        !heard.open.is_empty()
    }

    /// Whoever has not closed a file for so long does not write it.
    pub(super) fn forget_writers(&self) {
        lock(&self.heard).open.clear();
    }
}

fn deaf(why: &str) {
    tracing::warn!("changes of the files are noticed within 30 s only: {why}");
}

/// Takes one event in; whether it may matter.
fn hear(heard: &mut Heard, event: notify::Result<Event>) -> bool {
    // An error or an overflow means that something may have been missed.
    let Ok(event) = event else {
        heard.stirred = true;
        return true;
    };
    let ours = |path: &&PathBuf| decides(path);
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
            heard.open.retain(|path| !event.paths.contains(path));
        }
        EventKind::Access(_) => return false,
        EventKind::Modify(ModifyKind::Data(_)) if !event.need_rescan() => {
            heard.open.extend(event.paths.iter().filter(ours).cloned());
        }
        _ => {}
    }
    // Loggers write beside the site's files all day long.
    let matters = event.need_rescan() || event.paths.iter().any(|path| decides(path));
    heard.stirred |= matters;
    matters
}

/// Whether the contents of a path may decide: a file of ours, git's record, or a folder or link, which have no extension.
fn decides(path: &Path) -> bool {
    match path.extension() {
        Some(extension) => ["yaml", "yml", "dbc", "lock"].iter().any(|ours| extension == *ours),
        None => true,
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use notify::event::{CreateKind, DataChange, Flag};

    use super::*;

    fn event(kind: EventKind, path: &str) -> notify::Result<Event> {
        Ok(Event::new(kind).add_path(PathBuf::from(path)))
    }

    #[test]
    fn what_may_have_been_missed_stirs_and_a_logger_does_not() {
        let mut heard = Heard::default();
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert!(!hear(&mut heard, event(written, "site/readings.jsonl")) && !heard.stirred);
        assert!(!hear(&mut heard, event(EventKind::Access(AccessKind::Read), "site/rules/a.yaml")));
        assert!(hear(&mut heard, event(EventKind::Create(CreateKind::Any), "site/rules/a.yaml")));
        for missed in [Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)), Err(notify::Error::generic("gone"))] {
            let mut heard = Heard::default();
            assert!(hear(&mut heard, missed) && heard.stirred);
        }
    }

    #[test]
    fn a_file_is_being_written_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let bell = Doorbell::new();
        let mut watch = Watch::new(bell.clone());
        watch.on([folder.path().to_owned()]);
        let wait = |watch: &Watch, wanted: bool| {
            (0..500).any(|_| {
                bell.wait(Duration::from_millis(20));
                watch.is_being_written() == wanted
            })
        };
        let mut file = std::fs::File::create(folder.path().join("a.yaml")).unwrap();
        file.write_all(b"subscribe: a\n").unwrap();
        assert!(wait(&watch, true));
        assert!(watch.stirred() && !watch.stirred());
        file.write_all(b"each: info(1)\n").unwrap();
        drop(file);
        assert!(wait(&watch, false));
    }
}
