//! A file that does nothing but take room. On a full disk not even DELETE works; then the ballast is thrown off, so that the last
//! things can be written and a person has time to act.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::trouble::{Kind, Trouble};

/// What it takes.
const SIZE: usize = 2 << 20;
/// It is made again only where this much stays free beside it.
const ROOM: u64 = 4 * SIZE as u64;

/// The file.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    /// Why it is not there.
    lack: Option<Trouble>,
}

impl Ballast {
    /// The file `ballast` beside the database.
    pub(super) fn at(database: &Path) -> Ballast {
        let path = database.with_file_name("ballast");
        let there = fs::metadata(&path).is_ok_and(|file| file.len() >= SIZE as u64);
        Ballast { path, lack: (!there).then(no_room) }
    }

    /// Why it is not there; `None` if it is.
    pub(super) fn lack(&self) -> Option<Trouble> {
        self.lack.clone()
    }

    /// Throws it off; `false` if there was none.
    pub(super) fn release(&mut self) -> bool {
        let had = self.lack.is_none();
        self.lack = Some(no_room());
        had && fs::remove_file(&self.path).is_ok()
    }

    /// Takes it on board, if there is room.
    pub(super) fn make(&mut self) {
        if self.lack.is_none() {
            return;
        }
        if free(&self.path).is_some_and(|free| free < ROOM) {
            self.lack = Some(no_room());
            return;
        }
        self.lack = self.write().err().map(Trouble::from);
        if self.lack.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut file = File::create(&self.path)?;
        // No zeros: they would take no room on a file system that compresses.
        let mut random = fastrand::Rng::with_seed(0x6772_6f77);
        let mut block = [0; 1 << 16];
        for _ in 0..SIZE / block.len() {
            random.fill(&mut block);
            file.write_all(&block)?;
        }
        file.sync_all()
    }
}

fn no_room() -> Trouble {
    let why =
        "the disk is nearly full: no room for the reserve of 2 MiB, what is handed over is still written".to_owned();
    Trouble { kind: Kind::Full, why }
}

/// Bytes that this user may still write beside `path`; `None` where the system does not say.
#[cfg(target_os = "linux")]
fn free(path: &Path) -> Option<u64> {
    let disk = nix::sys::statvfs::statvfs(path.parent()?).ok()?;
    Some(disk.blocks_available() * disk.fragment_size())
}

#[cfg(not(target_os = "linux"))]
fn free(_path: &Path) -> Option<u64> {
    None
}
