//! `file`: JSONL or CSV, rotated, compressed, and forgotten in time.
//!
//! A batch is one write and one fsync; if the write breaks off, the file is cut back, so a try within one life of the process
//! leaves all or nothing. Over a kill, a value that is tried again is looked for among the last lines of the file.

mod names;
mod tidy;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use super::{Sender, SenderContext, Sending, Transcript};

use crate::model::{Parcel, Verdict};

use names::Pattern;
use tidy::Tidy;
use writer::Writer;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Relative to the site folder; `%Y-%m-%d` and so on are the local time of the event.
    pub path: String,
    /// How the values are written.
    pub format: Format,
    /// Files that are over are compressed by zstd.
    pub compress: bool,
    /// A file is over when it has so many bytes.
    pub rotate: Option<u64>,
    /// Files that are over are deleted after this.
    pub keep: Option<Duration>,
}

/// How the values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A JSON value a line.
    #[default]
    Jsonl,
    /// A line of columns; the first line names them.
    Csv,
}

/// One write with its fsync ends within this, or nobody knows what became of it.
const WRITE_LIMIT: Duration = Duration::from_secs(45);

/// Builds it.
///
/// # Errors
/// Why it can never work as it is told.
pub fn sender(config: &Config, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
    let pattern = Pattern::new(&config.path, context.zone.clone())?;
    let tidy = Tidy::new(&context.folder, &pattern, config.compress, config.keep);
    let writer = Writer::new(context.folder.clone(), pattern, config.format, config.rotate);
    let busy = Arc::new(AtomicBool::new(false));
    Ok(Box::new(FileSender {
        writer: Arc::new(Mutex::new(writer)),
        tidy,
        busy,
        transcript: context.transcript.clone(),
    }))
}

struct FileSender {
    /// Locked by the blocking thread that writes.
    writer: Arc<Mutex<Writer>>,
    tidy: Tidy,
    /// A thread compresses and deletes.
    busy: Arc<AtomicBool>,
    transcript: Transcript,
}

impl Sender for FileSender {
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a> {
        Box::pin(async move {
            let (writer, batch) = (Arc::clone(&self.writer), parcels.to_vec());
            let job = tokio::task::spawn_blocking(move || match writer.try_lock() {
                Ok(mut writer) => writer.write(&batch),
                Err(TryLockError::Poisoned(poisoned)) => {
                    let mut writer = poisoned.into_inner();
                    writer.close();
                    writer.write(&batch)
                }
                Err(TryLockError::WouldBlock) => failed(batch.len(), "the write before has not ended"),
            });
            let verdicts = match tokio::time::timeout(WRITE_LIMIT, job).await {
                Ok(Ok(verdicts)) => verdicts,
                Ok(Err(_)) => failed(parcels.len(), "the thread that writes has broken off"),
                Err(_) => failed(parcels.len(), "the file system does not answer"),
            };
            let current = self.writer.try_lock().ok().and_then(|writer| writer.current());
            self.transcript.say(|| match &current {
                Some(path) => format!("> {} values to {}", parcels.len(), path.display()),
                None => format!("> {} values, to no file", parcels.len()),
            });
            let written = verdicts.iter().filter(|verdict| **verdict == Verdict::Delivered).count();
            self.transcript.say(|| format!("< {written} written, or there already"));
            self.tidy_up(current);
            verdicts
        })
    }
}

impl FileSender {
    /// On a thread of its own, so that no batch waits for a compressor.
    fn tidy_up(&self, current: Option<PathBuf>) {
        let Some(current) = current.filter(|_| self.tidy.has_work()) else { return };
        if self.busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let (tidy, busy) = (self.tidy.clone(), Arc::clone(&self.busy));
        tokio::task::spawn_blocking(move || {
            tidy.run(&current);
            busy.store(false, Ordering::Release);
        });
    }
}

fn failed(count: usize, why: &str) -> Vec<Verdict> {
    vec![Verdict::Failed { why: why.to_owned(), retry_after: None }; count]
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
