//! `log_file(name, value)`: one JSON line in a file under `logs/` of the site folder, whose name may carry the date.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::model::{Mono, Timestamp};
use crate::rules::{HostFunction, Param};

use super::{Action, ActionKind, Failure, Job, Lost, Performer};

/// Its row in the table.
pub(super) static KIND: ActionKind = ActionKind {
    name: "log_file",
    summary: "appends a JSON line to a file under logs/",
    example: r#"log_file("readings-%Y-%m-%d.jsonl", msg);"#,
    functions: &[HostFunction {
        name: "log_file",
        params: &[Param::Text, Param::Any],
        summary: "appends the value as a JSON line to logs/<name>; %Y, %m, %d and so on are the event's local time",
    }],
    performer: Performer::Thread(|context| Ok(Box::new(LogFile::new(context.folder, context.zone.clone())))),
};

const FOLDER: &str = "logs";
/// A file that got nothing for so long is closed: yesterday's, most likely.
const IDLE: Duration = Duration::from_secs(60);
/// Open files at most; the system's own limit is often 1024 for the whole process.
const MOST_OPEN: usize = 64;
/// Written within a batch already when so many bytes wait.
const LARGE: usize = 1 << 20;
const LONGEST_NAME: usize = 200;

struct LogFile {
    folder: PathBuf,
    zone: TimeZone,
    /// By name, with the date filled in.
    sinks: BTreeMap<String, Sink>,
    /// The newest job's time.
    now: Mono,
    /// Lost between two flushes.
    lost: Vec<Lost>,
}

impl LogFile {
    fn new(site: &Path, zone: TimeZone) -> LogFile {
        LogFile { folder: site.join(FOLDER), zone, sinks: BTreeMap::new(), now: Mono::default(), lost: Vec::new() }
    }

    fn sink(&mut self, name: String) -> &mut Sink {
        if self.sinks.len() >= MOST_OPEN && !self.sinks.contains_key(&name) {
            let oldest = self.sinks.iter().min_by_key(|(_, sink)| sink.used).map(|(name, _)| name.clone());
            let closed = oldest.and_then(|name| self.sinks.remove(&name));
            self.lost.extend(closed.and_then(|mut sink| sink.write()));
        }
        let path = self.folder.join(&name);
        self.sinks.entry(name).or_insert_with(|| Sink::new(path))
    }
}

impl Action for LogFile {
    fn perform(&mut self, job: &Job<'_>) -> Result<(), Failure> {
        let [name, value] = job.args else {
            return Err(Failure::Call(format!("log_file() takes a name and a value, not {} values", job.args.len())));
        };
        let pattern = name.as_text().ok_or_else(|| Failure::Call("the name of a log file is a text".to_owned()))?;
        let name = file_name(pattern, job.at, &self.zone).map_err(Failure::Call)?;
        let line = serde_json::to_vec(value).map_err(|error| Failure::Call(format!("no JSON: {error}")))?;
        self.now = self.now.max(job.at.mono);
        let now = self.now;
        let sink = self.sink(name);
        sink.add(&line, now);
        let full = if sink.waiting.len() > LARGE { sink.write() } else { None };
        self.lost.extend(full);
        Ok(())
    }

    fn flush(&mut self, lost: &mut Vec<Lost>) {
        lost.append(&mut self.lost);
        lost.extend(self.sinks.values_mut().filter_map(Sink::write));
        let now = self.now;
        self.sinks.retain(|_, sink| now.since(sink.used) < IDLE);
    }
}

/// One file, and the lines that wait for it.
struct Sink {
    path: PathBuf,
    file: Option<File>,
    waiting: Vec<u8>,
    lines: u64,
    /// A line was written in part, when the disk filled up.
    torn: bool,
    used: Mono,
}

impl Sink {
    fn new(path: PathBuf) -> Sink {
        Sink { path, file: None, waiting: Vec::new(), lines: 0, torn: false, used: Mono::default() }
    }

    fn add(&mut self, line: &[u8], now: Mono) {
        if self.torn && self.lines == 0 {
            self.waiting.push(b'\n');
        }
        self.waiting.extend_from_slice(line);
        self.waiting.push(b'\n');
        (self.lines, self.used) = (self.lines + 1, now);
    }

    /// Writes what waits, all or as far as it goes; lines that did not go are lost, because a full disk must not fill
    /// the memory too.
    fn write(&mut self) -> Option<Lost> {
        if self.lines == 0 {
            return None;
        }
        let (written, result) = match self.open() {
            Ok(()) => write_far(self.file.as_mut(), &self.waiting),
            Err(error) => (0, Err(error)),
        };
        let done = &self.waiting[..written];
        // The line end in front is that of the line torn before, which has been counted.
        let ends = done.iter().skip(1).filter(|byte| **byte == b'\n').count() as u64;
        self.torn = done.last().map_or(self.torn, |last| *last != b'\n');
        let jobs = std::mem::take(&mut self.lines) - ends;
        self.waiting.clear();
        let error = result.err()?;
        self.file = None;
        Some(Lost { jobs, failure: Failure::Outside(format!("{} cannot be written: {error}", self.path.display())) })
    }

    /// Opens the file unless it is open and still the one of that name: somebody may have moved or deleted it.
    fn open(&mut self) -> io::Result<()> {
        let now = fs::metadata(&self.path).ok().map(|data| (data.dev(), data.ino()));
        let held = self.file.as_ref().and_then(|file| file.metadata().ok()).map(|data| (data.dev(), data.ino()));
        if held.is_some() && held == now {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        self.file = Some(OpenOptions::new().append(true).create(true).open(&self.path)?);
        Ok(())
    }
}

/// How many bytes went into the file, and why not all.
fn write_far(file: Option<&mut File>, bytes: &[u8]) -> (usize, io::Result<()>) {
    let Some(file) = file else { return (0, Err(ErrorKind::NotFound.into())) };
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// The name with the date filled in, which must stay within the folder.
fn file_name(pattern: &str, at: Timestamp, zone: &TimeZone) -> Result<String, String> {
    let local = jiff::Timestamp::from_nanosecond(i128::from(at.utc.0)).map_err(|error| error.to_string())?;
    let local = local.to_zoned(zone.clone());
    let name = jiff::fmt::strtime::format(pattern, &local)
        .map_err(|error| format!("the name '{pattern}' cannot be read: {error}"))?;
    let wrong = |why: &str| Err(format!("'{pattern}' is no name of a file under {FOLDER}/: {why}"));
    if name.len() > LONGEST_NAME {
        return wrong(&format!("it has over {LONGEST_NAME} bytes"));
    }
    if name.contains(|c: char| c.is_control() || c == '\\') {
        return wrong("it has a control character or a backslash");
    }
    match name.split('/').find(|part| part.is_empty() || *part == "." || *part == "..") {
        Some("") => wrong("a part of it is empty"),
        Some(part) => wrong(&format!("it has the part '{part}'")),
        None => Ok(name),
    }
}

#[cfg(test)]
#[path = "log_file_tests.rs"]
mod tests;
