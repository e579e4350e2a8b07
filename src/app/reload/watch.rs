//! The word of the file system that something may have changed. It is a hint only: what has changed is told by the files
//! themselves, and where no word comes they are looked at every 30 s.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::model::Doorbell;

use super::names::{Matter, Names};

/// What is watched, and for which names.
pub(super) type Folders = BTreeMap<PathBuf, Names>;

/// What the file system has told since somebody looked.
#[derive(Debug, Default)]
struct Heard {
    /// What may matter.
    folders: Folders,
    /// Something may have changed.
    stirred: bool,
    /// Files of the site that somebody writes and has not closed.
    open: HashSet<PathBuf>,
    /// Watched folders that have gone or moved, and with them their watch, even if they are back.
    lost: HashSet<PathBuf>,
}

/// Watches the folders of a site.
pub(super) struct Watch {
    heard: Arc<Mutex<Heard>>,
    bell: Arc<Doorbell>,
    watcher: Option<RecommendedWatcher>,
    /// Device and number of each folder: one that was replaced by another of its name is another folder.
    watched: HashMap<PathBuf, (u64, u64)>,
    deaf: bool,
}

impl Watch {
    /// Rings `bell` when something stirs.
    pub(super) fn new(bell: Arc<Doorbell>) -> Watch {
        Watch { heard: Arc::default(), bell, watcher: None, watched: HashMap::new(), deaf: false }
    }

    /// Watches these folders from now on; whether one of them was not watched until now, so that a change in it may have
    /// been missed.
    pub(super) fn on(&mut self, folders: Folders) -> bool {
        let lost = {
            let mut heard = lock(&self.heard);
            heard.folders.clone_from(&folders);
            std::mem::take(&mut heard.lost)
        };
        lost.iter().for_each(|folder| self.forget(folder));
        let (new, failed) = self.begin(&folders);
        // Only now, so that no moment is without an ear.
        let gone: Vec<PathBuf> = self.watched.keys().filter(|folder| !folders.contains_key(*folder)).cloned().collect();
        gone.iter().for_each(|folder| self.forget(folder));
        self.tell(failed);
        new
    }

    /// Watches a folder no more. One that is gone has gone from the watcher as well.
    fn forget(&mut self, folder: &Path) {
        if let (Some(_), Some(watcher)) = (self.watched.remove(folder), &mut self.watcher) {
            let _ = watcher.unwatch(folder);
        }
    }

    /// Watches what is not watched; whether there was any, and why it could not be.
    fn begin(&mut self, folders: &Folders) -> (bool, Option<String>) {
        if self.watcher.is_none() {
            match listener(self.heard.clone(), self.bell.clone()) {
                Ok(watcher) => self.watcher = Some(watcher),
                Err(error) => return (false, Some(error.to_string())),
            }
        }
        let (mut new, mut failed) = (false, None);
        for folder in folders.keys() {
            let Ok(meta) = folder.metadata() else { continue };
            let identity = (meta.dev(), meta.ino());
            if self.watched.get(folder) == Some(&identity) {
                continue;
            }
            self.forget(folder);
            let Some(watcher) = &mut self.watcher else { continue };
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder.clone(), identity);
                    new = true;
                }
                Err(error) if folder.exists() => failed = Some(format!("{}: {error}", folder.display())),
                Err(_) => {}
            }
        }
        (new, failed)
    }

    /// Says once that nothing is heard, until something is; whether it was said.
    fn tell(&mut self, failed: Option<String>) -> bool {
        let news = failed.is_some() && !self.deaf;
        self.deaf = failed.is_some();
        if let Some(why) = failed.filter(|_| news) {
            tracing::warn!("changes of the files are noticed within 30 s only: {why}");
        }
        news
    }

    /// Whether anything stirred since the last call.
    pub(super) fn stirred(&self) -> bool {
        std::mem::take(&mut lock(&self.heard).stirred)
    }

    /// A file that somebody is in the middle of writing.
    pub(super) fn being_written(&self) -> Option<PathBuf> {
        let mut heard = lock(&self.heard);
        heard.open.retain(|path| path.exists());
        heard.open.iter().min().cloned()
    }

    /// Whoever has not closed a file for so long does not write it.
    pub(super) fn forget_writers(&self) {
        lock(&self.heard).open.clear();
    }
}

fn listener(heard: Arc<Mutex<Heard>>, bell: Arc<Doorbell>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<Event>| {
        if hear(&mut lock(&heard), event) {
            bell.ring();
        }
    })
}

/// Takes one event in; whether it may matter.
fn hear(heard: &mut Heard, event: notify::Result<Event>) -> bool {
    // An error or an overflow means that something may have been missed.
    let Some(event) = event.ok().filter(|event| !event.need_rescan()) else {
        heard.stirred = true;
        return true;
    };
    let closed = event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write));
    if matches!(event.kind, EventKind::Access(_)) && !closed {
        return false;
    }
    let mut matters = false;
    for path in &event.paths {
        let matter = heard.matter(path);
        if closed {
            heard.open.remove(path);
        } else if matter == Some(Matter::Contents) && matches!(event.kind, EventKind::Modify(ModifyKind::Data(_))) {
            heard.open.insert(path.clone());
        }
        matters |= matter.is_some() | turns(event.kind, path) | heard.loses(event.kind, path);
    }
    heard.stirred |= matters;
    matters
}

impl Heard {
    fn matter(&self, path: &Path) -> Option<Matter> {
        self.folders.get(path.parent()?)?.matter(path.file_name()?)
    }

    /// Whether a watched folder goes with this path.
    fn loses(&mut self, kind: EventKind, path: &Path) -> bool {
        if !matches!(kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
            return false;
        }
        let before = self.lost.len();
        self.lost.extend(self.folders.keys().filter(|folder| folder.starts_with(path)).cloned());
        self.lost.len() > before
    }
}

/// Whether a folder or a link has come or gone: whatever its name, a way may lead over it.
fn turns(kind: EventKind, path: &Path) -> bool {
    match kind {
        EventKind::Create(CreateKind::Folder) | EventKind::Remove(RemoveKind::Folder) => true,
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_)) => {
            path.symlink_metadata().is_ok_and(|meta| meta.is_dir() || meta.is_symlink())
        }
        _ => false,
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
