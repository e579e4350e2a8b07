//! Which state of the files decides: the commit of git, whether the files differ from it, and a digest of what they say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::model::{Doorbell, Name};

/// Git may take this long; a file system that hangs must not hold up the engine.
const PATIENCE: Duration = Duration::from_secs(5);

/// One state of a site's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// The full name of the commit; `None` where git knows none.
    pub commit: Option<String>,
    /// The files differ from the commit, or there is none.
    pub dirty: bool,
    /// Of the texts of all files that decide, 16 hex digits.
    pub digest: String,
}

impl Revision {
    /// Asks git about a folder whose files have that digest.
    pub(super) fn of(folder: &Path, digest: u64) -> Revision {
        let (commit, dirty) = git_state(folder).unwrap_or((None, true));
        Revision { commit, dirty, digest: format!("{digest:016x}") }
    }

    /// What decisions carry: `3f2a91c0b1d2`, `3f2a91c0b1d2+5b1c02aa` where the files differ from the commit, or
    /// `5b1c02aa` without git.
    #[must_use]
    pub fn name(&self) -> Name {
        let short = |text: &str, len: usize| text.chars().take(len).collect::<String>();
        let digest = short(&self.digest, 8);
        Name::from(match &self.commit {
            Some(commit) if self.dirty => format!("{}+{digest}", short(commit, 12)),
            Some(commit) => short(commit, 12),
            None => digest,
        })
    }
}

/// Where git keeps the history of the folder; `None` without one.
pub(super) fn git_dir(folder: &Path) -> Option<PathBuf> {
    let text = git(folder, &["rev-parse", "--absolute-git-dir"])?;
    Some(PathBuf::from(text.trim_end_matches('\n')))
}

/// The commit, and whether the files that decide differ from it.
fn git_state(folder: &Path) -> Option<(Option<String>, bool)> {
    let text = git(
        folder,
        &[
            "--no-optional-locks",
            "status",
            "--porcelain=v2",
            "--branch",
            "--untracked-files=all",
            "--",
            "channels.yaml",
            "growctl.yaml",
            "rules/*.yaml",
            "*.dbc",
            ":(exclude)rules/*_test.yaml",
        ],
    )?;
    let commit = text.lines().find_map(|line| line.strip_prefix("# branch.oid ")).filter(|oid| !oid.starts_with('('));
    Some((commit.map(str::to_owned), text.lines().any(|line| !line.starts_with('#'))))
}

/// What git says; `None` if it is not there, has nothing to say, or takes too long.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    // What a hook of git has set is about another repository.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let (answer, bell) = (Arc::new(Mutex::new(None)), Doorbell::new());
    let (told, ring) = (answer.clone(), bell.clone());
    std::thread::Builder::new()
        .name("git".to_owned())
        .spawn(move || {
            let output = command.output();
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
            ring.ring();
        })
        .ok()?;
    bell.wait(PATIENCE);
    let output = answer.lock().unwrap_or_else(PoisonError::into_inner).take()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git_does(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"];
        let done = Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    #[test]
    fn the_commit_is_named_and_only_files_that_decide_make_it_dirty() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(&*Revision::of(folder, 0x5b1c_02aa_0000_0001).name(), "5b1c02aa", "without git");
        git_does(folder, &["init", "-q"]);
        std::fs::create_dir(folder.join("rules")).unwrap();
        std::fs::write(folder.join("rules/a.yaml"), "x").unwrap();
        assert_eq!(Revision::of(folder, 1).commit, None, "without a commit");
        git_does(folder, &["add", "."]);
        git_does(folder, &["commit", "-qm", "first"]);
        std::fs::write(folder.join("notes.txt"), "x").unwrap();
        std::fs::write(folder.join("rules/a_test.yaml"), "x").unwrap();
        let clean = Revision::of(folder, 1);
        assert!(!clean.dirty && clean.name().len() == 12, "{clean:?}");
        std::fs::write(folder.join("rules/b.yaml"), "x").unwrap();
        let dirty = Revision::of(folder, 0x5b1c_02aa_0000_0001);
        assert!(dirty.dirty && *dirty.name() == format!("{}+5b1c02aa", clean.name()), "{dirty:?}");
        assert!(git_dir(folder).is_some_and(|dir| dir.ends_with(".git")));
    }
}
