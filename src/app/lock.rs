//! One engine a site: the lock in the state folder, held for as long as the process lives.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

/// The held lock; dropping it frees the site.
#[derive(Debug)]
pub(super) struct SiteLock {
    _file: File,
}

impl SiteLock {
    /// Makes the state folder if need be and takes its lock. The kernel frees it with the process, however that ends.
    ///
    /// # Errors
    /// Another engine runs there, or the folder cannot be written.
    pub(super) fn take(state_dir: &Path) -> Result<SiteLock, String> {
        let shown = state_dir.display();
        std::fs::create_dir_all(state_dir).map_err(|error| format!("cannot make {shown}: {error}"))?;
        let path = state_dir.join("lock");
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let who = if pid.trim().is_empty() { String::new() } else { format!(" (process {})", pid.trim()) };
                return Err(format!(
                    "another engine{who} runs this site; stop it first, or use another folder with -C"
                ));
            }
            Err(TryLockError::Error(error)) => return Err(format!("cannot lock {}: {error}", path.display())),
        }
        // The number only helps people; whether the site is free is the kernel's word.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(SiteLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_one_engine() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = SiteLock::take(folder.path()).expect("it is free");
        let second = SiteLock::take(folder.path());
        assert!(second.is_err_and(|why| why.contains(&std::process::id().to_string())));
        drop(first);
        assert!(SiteLock::take(folder.path()).is_ok());
    }
}
