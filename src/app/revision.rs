//! Which state of the files decides: the commit of git, whether the files differ from it, and a digest of what they say.
//! What was read is compared with what the commit has, text by text: that a file is ignored, not added, or behind a link that
//! leads elsewhere cannot hide a difference.

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use serde::Serialize;

use crate::model::Name;
use crate::rules::is_rule_file;

use super::Clock;
use super::git::{Batch, Object, Repository, is_over};
use super::snapshot::{MAP, RULES, SETTINGS, Snapshot, is_database};
use super::ways::Ways;

/// Git may take this long; a file system that hangs must not hold up the engine.
const PATIENCE: Duration = Duration::from_secs(2);

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

/// The history of a site's files, asked again and again.
#[derive(Debug)]
pub(super) struct History {
    folder: PathBuf,
    /// Git, and what is put before its arguments.
    program: Vec<String>,
    patience: Duration,
    clock: Clock,
    /// What was found out last.
    last: Option<Found>,
    /// A process that could not be killed; as long as it is there no other is started.
    stuck: Option<Child>,
    /// Why git tells nothing, as it was said.
    silent: Option<String>,
}

#[derive(Debug)]
struct Found {
    digest: u64,
    ways: Ways,
    commit: Option<String>,
    dirty: bool,
}

impl History {
    pub(super) fn of(folder: &Path) -> History {
        let (folder, program, clock) = (folder.to_owned(), vec!["git".to_owned()], Clock::start());
        History { folder, program, patience: PATIENCE, clock, last: None, stuck: None, silent: None }
    }

    /// The revision of what was read, and whether git has said so: where it gives no answer in time, the commit is the last
    /// that is known, and the files count as different from it.
    pub(super) fn revision(&mut self, snapshot: &Snapshot) -> (Revision, bool) {
        let ways = Ways::to(&self.folder, snapshot.paths());
        let digest = format!("{:016x}", snapshot.digest());
        let Some(repository) = ways.site.as_deref().and_then(Repository::around) else {
            self.last = None;
            return (Revision { commit: None, dirty: true, digest }, true);
        };
        match self.ask(&repository, snapshot, &ways) {
            Ok((commit, dirty)) => {
                if self.silent.take().is_some() {
                    tracing::info!("git answers again");
                }
                self.last = Some(Found { digest: snapshot.digest(), ways, commit: commit.clone(), dirty });
                (Revision { commit, dirty, digest }, true)
            }
            Err(error) => {
                self.tell_once(&error);
                let commit = self.last.as_ref().and_then(|last| last.commit.clone());
                (Revision { commit, dirty: true, digest }, false)
            }
        }
    }

    /// Puts a git that never answers in git's place.
    #[cfg(test)]
    pub(super) fn hang(&mut self) {
        self.program = ["sh", "-c", "exec sleep 600"].map(str::to_owned).to_vec();
        self.patience = Duration::from_millis(200);
    }

    fn tell_once(&mut self, error: &io::Error) {
        let why = match error.kind() {
            ErrorKind::TimedOut => format!("it gives no answer within {:?}", self.patience),
            ErrorKind::NotFound => "it is not installed, or not on the PATH".to_owned(),
            _ => error.to_string(),
        };
        if self.silent.as_ref() != Some(&why) {
            tracing::warn!("git does not say which commit the files are of: {why}");
            self.silent = Some(why);
        }
    }

    fn ask(&mut self, repository: &Repository, snapshot: &Snapshot, ways: &Ways) -> io::Result<(Option<String>, bool)> {
        if self.stuck.as_mut().is_some_and(|child| !is_over(child)) {
            return Err(ErrorKind::TimedOut.into());
        }
        let end = self.clock.now().mono + self.patience;
        let mut batch = Batch::start(&self.program, &repository.dir, self.clock, end)?;
        let found = self.compare(&mut batch, &repository.top, snapshot, ways);
        self.stuck = batch.end();
        found
    }

    fn compare(
        &self,
        batch: &mut Batch,
        top: &Path,
        snapshot: &Snapshot,
        ways: &Ways,
    ) -> io::Result<(Option<String>, bool)> {
        // Before the first commit there is nothing to compare with.
        let Some(head) = one(batch.ask(&[b"HEAD".to_vec()])?) else { return Ok((None, true)) };
        let commit = Some(head.name.clone());
        if let Some(last) = self.last.as_ref().filter(|last| last.commit == commit)
            && (last.digest, &last.ways) == (snapshot.digest(), ways)
        {
            return Ok((commit, last.dirty));
        }
        let dirty = match Wanted::of(&head, top, snapshot, ways) {
            Some(wanted) => wanted.differs(batch)? || lacks(batch, &head, top, snapshot, ways)?,
            None => true,
        };
        Ok((commit, dirty))
    }
}

fn one(objects: Vec<Option<Object>>) -> Option<Object> {
    objects.into_iter().next().flatten()
}

/// What git calls a path at a commit; `None` if the path is not in the work tree, or cannot be asked for.
fn name_at(head: &Object, top: &Path, path: &Path) -> Option<Vec<u8>> {
    let inside = path.strip_prefix(top).ok()?.as_os_str().as_bytes();
    (!inside.contains(&b'\n')).then(|| [head.name.as_bytes(), b":", inside].concat())
}

/// What the commit must have at each name, for the files to be the commit's.
struct Wanted<'s> {
    names: Vec<Vec<u8>>,
    texts: Vec<&'s [u8]>,
}

impl<'s> Wanted<'s> {
    /// `None` if something comes from elsewhere, or could not be read.
    fn of(head: &Object, top: &Path, snapshot: &'s Snapshot, ways: &'s Ways) -> Option<Wanted<'s>> {
        let mut wanted = Wanted { names: Vec::new(), texts: Vec::new() };
        if !snapshot.unread.is_empty() {
            return None;
        }
        for (path, file) in &snapshot.files {
            wanted.names.push(name_at(head, top, ways.real.get(path)?)?);
            wanted.texts.push(file.text.as_bytes());
        }
        for (link, target) in &ways.links {
            wanted.names.push(name_at(head, top, link)?);
            wanted.texts.push(target.as_os_str().as_bytes());
        }
        Some(wanted)
    }

    fn differs(&self, batch: &mut Batch) -> io::Result<bool> {
        let committed = batch.ask(&self.names)?;
        let same =
            |(object, text): (&Option<Object>, &&[u8])| object.as_ref().is_some_and(|object| is_text(object, text));
        Ok(!committed.iter().zip(&self.texts).all(same))
    }
}

/// Whether a text is the committed one; git may have been told to write other ends of lines.
fn is_text(object: &Object, text: &[u8]) -> bool {
    let plain = |text: &[u8]| String::from_utf8_lossy(text).replace("\r\n", "\n");
    object.kind == "blob" && (object.bytes == text || plain(&object.bytes) == plain(text))
}

/// Whether the commit has a file that decides and that was not read.
fn lacks(batch: &mut Batch, head: &Object, top: &Path, snapshot: &Snapshot, ways: &Ways) -> io::Result<bool> {
    let Some(site) = &ways.site else { return Ok(true) };
    let rules = ways.real.get(Path::new(RULES)).cloned().unwrap_or_else(|| site.join(RULES));
    let (Some(site), Some(rules)) = (name_at(head, top, site), name_at(head, top, &rules)) else { return Ok(true) };
    let trees = batch.ask(&[site, rules])?;
    let decides = |name: &&str| *name == MAP || *name == SETTINGS || is_database(Path::new(name));
    let read = |path: &Path| snapshot.files.contains_key(path);
    let names = |tree: &Option<Object>| -> Vec<String> {
        let names = tree.iter().flat_map(Object::names);
        names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    };
    let (beside, rules) = (names(&trees[0]), names(&trees[1]));
    let all_beside = beside.iter().map(String::as_str).filter(decides).all(|name| read(Path::new(name)));
    let all_rules = rules.iter().filter(|name| is_rule_file(name)).all(|name| read(&Path::new(RULES).join(name)));
    Ok(!(all_beside && all_rules))
}

#[cfg(test)]
#[path = "revision_tests.rs"]
mod tests;
