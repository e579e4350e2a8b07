//! The objects of a git repository, through one `git cat-file --batch` that has a deadline. That command reads objects and
//! nothing else: no index, no hook, no filter, no monitor of the file system, and fetching what is missing is forbidden.
//! So no program that the repository names is ever run, and it is safe to ask about a repository of another user, which is
//! how a service finds the site of its owner: `--git-dir` says that it is meant.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::files::read_text;
use crate::model::{Doorbell, Mono};

use super::Clock;

/// Questions that are under way at once: no more than fits into a socket that nobody reads.
const AT_ONCE: usize = 16 * 1024;
/// Larger objects are passed over: no file of a site is.
const LARGEST: u64 = 16 << 20;

/// Where the history of a folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repository {
    /// The work tree.
    pub(super) top: PathBuf,
    /// Where git keeps it.
    pub(super) dir: PathBuf,
}

impl Repository {
    /// The repository that a folder, given without links, lies in.
    pub(super) fn around(folder: &Path) -> Option<Repository> {
        folder.ancestors().find_map(|top| {
            let dot = top.join(".git");
            let meta = dot.metadata().ok()?;
            // Of a further work tree, or of a submodule.
            let dir = match meta.is_file() {
                true => top.join(read_text(&dot).ok()?.strip_prefix("gitdir: ")?.trim_end_matches('\n')).canonicalize(),
                false => dot.canonicalize(),
            };
            let dir = dir.ok().filter(|dir| dir.join("HEAD").symlink_metadata().is_ok())?;
            Some(Repository { top: top.to_owned(), dir })
        })
    }
}

/// An object as git keeps it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) name: String,
    pub(super) kind: String,
    /// Empty if it is far too large.
    pub(super) bytes: Vec<u8>,
}

impl Object {
    /// The names in a tree; of another object none.
    pub(super) fn names(&self) -> Vec<&[u8]> {
        let (mut names, mut rest) = (Vec::new(), self.bytes.as_slice());
        let length = self.name.len() / 2;
        while let Some(end) = rest.iter().position(|byte| *byte == 0).filter(|_| self.kind == "tree") {
            // `<mode> <name>\0<object>`
            let entry = &rest[..end];
            names.push(entry.iter().position(|byte| *byte == b' ').map_or(entry, |at| &entry[at + 1..]));
            rest = rest.get(end + 1 + length..).unwrap_or_default();
        }
        names
    }
}

/// One process of git that is asked.
#[derive(Debug)]
pub(super) struct Batch {
    child: Child,
    talk: BufReader<Timed>,
    errors: UnixStream,
}

impl Batch {
    /// Starts it; whatever it is asked must be answered by `end`.
    pub(super) fn start(program: &[String], dir: &Path, clock: Clock, end: Mono) -> io::Result<Batch> {
        let ((ours, theirs), (errors, complains)) = (UnixStream::pair()?, UnixStream::pair()?);
        errors.set_nonblocking(true)?;
        let (name, before) = program.split_first().ok_or(ErrorKind::NotFound)?;
        let mut command = Command::new(name);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GIT_")) {
            // What a hook of git has set is about another repository.
            command.env_remove(name);
        }
        command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "").env("GIT_NO_REPLACE_OBJECTS", "1");
        command.env("LC_ALL", "C").args(before).arg("--git-dir").arg(dir).current_dir(dir);
        command.args(["-c", "core.fsmonitor=false", "cat-file", "--batch"]);
        command.stdin(OwnedFd::from(theirs.try_clone()?)).stdout(OwnedFd::from(theirs));
        command.stderr(Stdio::from(OwnedFd::from(complains)));
        let child = command.spawn()?;
        Ok(Batch { child, talk: BufReader::new(Timed { stream: ours, clock, end }), errors })
    }

    /// The objects of these names; `None` for what there is not.
    pub(super) fn ask(&mut self, names: &[Vec<u8>]) -> io::Result<Vec<Option<Object>>> {
        let (mut objects, mut rest) = (Vec::with_capacity(names.len()), names);
        while !rest.is_empty() {
            let mut question = Vec::new();
            let mut count = 0;
            while let Some(name) = rest.get(count).filter(|name| count == 0 || question.len() + name.len() < AT_ONCE) {
                question.extend_from_slice(name);
                question.push(b'\n');
                count += 1;
            }
            self.talk.get_mut().write_all(&question).map_err(|error| self.complaint(error))?;
            for _ in 0..count {
                objects.push(self.answer().map_err(|error| self.complaint(error))?);
            }
            rest = &rest[count..];
        }
        Ok(objects)
    }

    fn answer(&mut self) -> io::Result<Option<Object>> {
        let mut line = Vec::new();
        if self.talk.read_until(b'\n', &mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // `<object> <type> <size>`, or the question and why there is no answer.
        let line = String::from_utf8_lossy(&line);
        let mut parts = line.trim_end().rsplitn(3, ' ');
        let Some(size) = parts.next().and_then(|size| size.parse::<u64>().ok()) else { return Ok(None) };
        let (kind, name) = (parts.next().unwrap_or_default().to_owned(), parts.next().unwrap_or_default().to_owned());
        let mut bytes = Vec::new();
        let read = match size <= LARGEST {
            true => (&mut self.talk).take(size).read_to_end(&mut bytes)? as u64,
            false => io::copy(&mut (&mut self.talk).take(size), &mut io::sink())?,
        };
        let mut end = [0];
        self.talk.read_exact(&mut end)?;
        (read == size).then_some(Some(Object { name, kind, bytes })).ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    /// Where git ended instead of answering, what it said.
    fn complaint(&mut self, error: io::Error) -> io::Error {
        let mut said = Vec::new();
        if error.kind() == ErrorKind::TimedOut
            || (&self.errors).take(4096).read_to_end(&mut said).is_err() && said.is_empty()
        {
            return error;
        }
        let said = String::from_utf8_lossy(&said);
        said.lines().next().map_or(error, |line| io::Error::other(line.to_owned()))
    }

    /// Ends the process, which only reads; gives it back if it cannot even be killed, as where a file system hangs.
    pub(super) fn end(mut self) -> Option<Child> {
        let _ = self.child.kill();
        let pause = Doorbell::new();
        let ended = (0..200).any(|_| {
            let ended = is_over(&mut self.child);
            if !ended {
                pause.wait(Duration::from_millis(1));
            }
            ended
        });
        (!ended).then_some(self.child)
    }
}

/// Whether a process has ended, and its number is free again.
pub(super) fn is_over(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

/// A stream that gives up at its deadline.
#[derive(Debug)]
struct Timed {
    stream: UnixStream,
    clock: Clock,
    end: Mono,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.end.since(self.clock.now().mono);
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

fn in_time<T>(done: io::Result<T>) -> io::Result<T> {
    done.map_err(|error| if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error })
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        in_time(self.stream.read(into))
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        in_time(self.stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
