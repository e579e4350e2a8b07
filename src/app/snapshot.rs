//! The texts of a site's files at one moment. Everything that decides is read from one snapshot, so that no half of a
//! change is ever seen beside the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::channels::database_paths;
use crate::files::{Report, SourceFile, read_database, read_file};
use crate::rules::listed_rules;

/// The channel map.
pub(super) const MAP: &str = "channels.yaml";
/// The settings of the machine.
pub(super) const SETTINGS: &str = "growctl.yaml";
/// The folder of the rules.
pub(super) const RULES: &str = "rules";

/// The files of a site that decide, as they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    /// By path in the site folder.
    pub(super) files: BTreeMap<PathBuf, Arc<SourceFile>>,
    /// What could not be read.
    pub(super) unread: Vec<PathBuf>,
    /// Why not.
    pub(super) report: Report,
    /// The DBC files that the map names.
    pub(super) databases: Vec<PathBuf>,
    /// There is no folder `rules`, which is not the same as an empty one.
    pub(super) no_rules: bool,
}

impl Snapshot {
    /// Reads them all: `channels.yaml`, `growctl.yaml`, `rules/*.yaml`, the DBC files beside them, and those elsewhere in
    /// the folder that the map names.
    pub(super) fn read(folder: &Path) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let fixed = [MAP, SETTINGS].map(PathBuf::from).into_iter().filter(|path| exists(&folder.join(path)));
        let rules = listed_rules(folder, &mut snapshot.report);
        snapshot.no_rules = rules.is_none();
        for path in fixed.chain(rules.unwrap_or_default()).chain(databases(folder)) {
            snapshot.take(folder, path);
        }
        snapshot.databases = snapshot.file(MAP).map(database_paths).unwrap_or_default();
        for path in snapshot.databases.clone() {
            snapshot.take(folder, path);
        }
        snapshot
    }

    fn take(&mut self, folder: &Path, path: PathBuf) {
        if self.files.contains_key(&path) || self.unread.contains(&path) {
            return;
        }
        let read = if is_database(&path) || self.databases.contains(&path) { read_database } else { read_file };
        match read(folder, &path, &mut self.report) {
            Some(file) => drop(self.files.insert(path, file)),
            None => self.unread.push(path),
        }
    }

    /// The DBC files that the map names, as far as they could be read.
    pub(super) fn databases(&self) -> impl Iterator<Item = &Arc<SourceFile>> {
        self.databases.iter().filter_map(|path| self.files.get(path))
    }

    /// The file at that path.
    pub(super) fn file(&self, path: &str) -> Option<&Arc<SourceFile>> {
        self.files.get(Path::new(path))
    }

    /// All paths that are looked at, in the site folder.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let fixed = [MAP, SETTINGS, RULES].map(Path::new).into_iter();
        let fixed = fixed.filter(|path| !self.files.contains_key(*path) && !self.unread.iter().any(|p| p == path));
        fixed.chain(self.files.keys().chain(&self.unread).map(PathBuf::as_path))
    }

    /// The rule files, in the order of their names.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Arc<SourceFile>> {
        self.files.values().filter(|file| file.path.starts_with("rules"))
    }

    /// A number that tells contents apart, the same on every machine: FNV-1a, 64 bits, over paths, texts and what could not
    /// be read.
    pub(super) fn digest(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |text: &[u8]| {
            for byte in text.iter().chain(&[0xff]) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for (path, file) in &self.files {
            take(path.as_os_str().as_encoded_bytes());
            take(file.text.as_bytes());
        }
        if self.no_rules {
            take(b"no folder rules");
        }
        self.report.diagnostics.iter().for_each(|fault| take(fault.to_string().as_bytes()));
        hash
    }
}

/// A link that leads nowhere is there as well: to pass it over would be to forget a file.
pub(super) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn databases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| PathBuf::from(entry.file_name())).collect();
    names.retain(|name| is_database(name));
    names.sort();
    names
}

/// Whether a file beside the channel map is a DBC file.
pub(super) fn is_database(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("dbc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_every_change_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let digest = || Snapshot::read(folder.path()).digest();
        std::fs::create_dir(at("rules")).unwrap();
        std::fs::write(at("rules/a.yaml"), "schedule: startup\n").unwrap();
        let first = digest();
        std::fs::write(at("notes.txt"), "x").unwrap();
        assert_eq!(digest(), first, "files that decide nothing");
        std::fs::write(at("rules/a.yaml"), "schedule: shutdown\n").unwrap();
        let second = digest();
        std::fs::rename(at("rules/a.yaml"), at("rules/b.yaml")).unwrap();
        let third = digest();
        std::os::unix::fs::symlink("nowhere", at("channels.yaml")).unwrap();
        let all = [first, second, third, digest()];
        assert!(all.iter().enumerate().all(|(i, a)| all[..i].iter().all(|b| a != b)), "{all:x?}");
        assert_eq!(Snapshot::read(folder.path()).report.errors(), 1);
    }
}
