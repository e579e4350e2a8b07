//! `growctl can record FILE`: every frame of some interfaces into a log of candump's, in parts if wanted, never over
//! another file. What was read is in the file before the next is read.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use growctl_engine::app::Clock;
use growctl_engine::can::{BusCounts, BusHealth, Frame, Listener, Port, Watch, serve, write_line};
use growctl_engine::model::{Mono, Timestamp, Utc, counted, parse_duration};

use super::Chosen;
use crate::commands::run::stop_signal;
use crate::commands::{fail, say};

/// Arguments of `can record`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl can record night.log\n  growctl can record --interface can0 --interface can1 both.log\n  \
    growctl can record --rotate-size 100M --rotate-every 1d site.log    (site-0001.log, site-0002.log, …)\n  \
    growctl can record -i can0 - | growctl decode --log -\n\n\
    Ends with Ctrl-C, or after --seconds. An interface that goes down or is removed is waited for.\n\
    Exit codes: 0 ended as asked, 1 the file cannot be written, 2 the call is wrong."
)]
pub(super) struct Record {
    /// The log, which must not be there yet; `-` writes to stdout.
    file: PathBuf,
    #[command(flatten)]
    chosen: Chosen,
    /// Begin another part when one has grown this large: 500k, 100M, 2G.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    rotate_size: Option<u64>,
    /// Begin another part when one is this old: 10m, 1h, 1d.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    rotate_every: Option<Duration>,
    /// End after so many seconds.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
}

impl Record {
    pub(super) async fn run(self, folder: &Path) -> ExitCode {
        let (ports, _) = match self.chosen.ports(folder) {
            Ok(chosen) => chosen,
            Err(code) => return code,
        };
        let clock = Clock::start();
        let mut log = Log::new(&self, clock.now().mono);
        if let Err(why) = log.begin(clock.now().mono) {
            return fail(2, &why);
        }
        let log = Rc::new(RefCell::new(log));
        let tape = |port: &Port| Tape { port: port.clone(), clock, log: log.clone(), lost: 0, text: String::new() };
        let mut served = pin!(join_all(ports.iter().map(|port| serve(port.clone(), tape(port)))));
        let failed = tokio::select! {
            _ = &mut served => return fail(1, "nothing can be recorded"),
            () = stop_signal() => None,
            () = super::after(self.seconds) => None,
            why = trouble(&log) => Some(why),
        };
        // What came in before the word to stop is still read.
        ports.iter().for_each(Port::stop);
        served.await;
        let log = log.borrow();
        let lost: u64 = ports.iter().map(|port| port.watch.look().1.lost).sum();
        log.clear_progress();
        say(&format!(
            "{}: {} in {}, {}; {lost} lost",
            log.shown(),
            counted(log.frames, "frame"),
            log.parts_shown(),
            counted(log.bytes, "byte")
        ));
        failed.map_or(ExitCode::SUCCESS, |why| fail(1, &why))
    }
}

/// Shows the progress on a terminal; ends when the log cannot be written.
async fn trouble(log: &RefCell<Log>) -> String {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let log = log.borrow();
        if let Some(why) = &log.failed {
            return why.clone();
        }
        log.progress();
    }
}

/// The file, and what is in it.
struct Log {
    path: PathBuf,
    rotate_size: Option<u64>,
    rotate_every: Option<Duration>,
    out: Option<Box<dyn Write>>,
    /// Of the present part.
    size: u64,
    began: Mono,
    part: u32,
    parts: u32,
    bytes: u64,
    frames: u64,
    failed: Option<String>,
}

impl Log {
    fn new(asked: &Record, now: Mono) -> Log {
        let (path, rotate_size, rotate_every) = (asked.file.clone(), asked.rotate_size, asked.rotate_every);
        let (size, began, part, parts, bytes, frames) = (0, now, 0, 0, 0, 0);
        Log { path, rotate_size, rotate_every, out: None, size, began, part, parts, bytes, frames, failed: None }
    }

    fn is_stdout(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// Opens the file, or its next part; what is there already is never touched.
    fn begin(&mut self, now: Mono) -> Result<(), String> {
        (self.size, self.began) = (0, now);
        self.parts += 1;
        if self.is_stdout() {
            self.out = Some(Box::new(io::stdout()));
            return Ok(());
        }
        loop {
            let path = self.next_path();
            match File::create_new(&path) {
                Ok(file) => {
                    self.out = Some(Box::new(file));
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.rotates() => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(format!("{} is there already; take another name, or --rotate-every", path.display()));
                }
                Err(error) => return Err(format!("{} cannot be made: {error}", path.display())),
            }
        }
    }

    fn rotates(&self) -> bool {
        self.rotate_size.is_some() || self.rotate_every.is_some()
    }

    fn next_path(&mut self) -> PathBuf {
        if !self.rotates() {
            return self.path.clone();
        }
        self.part += 1;
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = self.path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
        self.path.with_file_name(format!("{stem}-{:04}{}", self.part, extension.unwrap_or_default()))
    }

    fn write(&mut self, text: &str, frames: u64, now: Mono) {
        if self.failed.is_some() {
            return;
        }
        let full = self.rotate_size.is_some_and(|most| self.size > 0 && self.size + text.len() as u64 > most);
        let old = self.rotate_every.is_some_and(|most| self.size > 0 && now.since(self.began) >= most);
        let begun = if (full || old) && !self.is_stdout() { self.begin(now) } else { Ok(()) };
        let written = begun.and_then(|()| match &mut self.out {
            Some(out) => out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string()),
            None => Ok(()),
        });
        match written {
            Ok(()) => {
                self.size += text.len() as u64;
                self.bytes += text.len() as u64;
                self.frames += frames;
            }
            Err(why) => self.failed = Some(format!("{} cannot be written: {why}", self.shown())),
        }
    }

    fn shown(&self) -> String {
        if self.is_stdout() { "stdout".to_owned() } else { self.path.display().to_string() }
    }

    fn parts_shown(&self) -> String {
        counted(self.parts.into(), "file")
    }

    fn progress(&self) {
        if io::stderr().is_terminal() {
            let (frames, bytes) = (counted(self.frames, "frame"), counted(self.bytes, "byte"));
            let _ = write!(io::stderr(), "\r\x1b[K{frames}, {bytes} in {}", self.parts_shown());
        }
    }

    fn clear_progress(&self) {
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// One interface's way into the log.
struct Tape {
    port: Port,
    clock: Clock,
    log: Rc<RefCell<Log>>,
    /// Losses that stand in the log.
    lost: u64,
    text: String,
}

impl Listener for Tape {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn frames(&mut self, frames: &mut Vec<Frame>) {
        let (interface, lost) = (&self.port.interface, lost(&self.port.watch));
        self.text.clear();
        if lost > self.lost {
            // As candump writes it, so that whoever reads the log knows.
            let new = lost - self.lost;
            self.text += &format!("DROPCOUNT: dropped {new} CAN frames on '{interface}' socket (total drops {lost})\n");
            self.lost = lost;
        }
        let count = frames.len() as u64;
        for frame in frames.drain(..) {
            // Microseconds, as candump has them: some readers take nine digits for something else.
            let utc = Utc(frame.at.utc.0 - frame.at.utc.0.rem_euclid(1_000));
            self.text += &write_line(&frame, interface, utc);
            self.text.push('\n');
        }
        self.log.borrow_mut().write(&self.text, count, self.clock.now().mono);
    }

    fn health(&mut self, health: &BusHealth, _: BusCounts) {
        self.log.borrow().clear_progress();
        say(&super::stats::said(&self.port.interface, health));
    }
}

fn lost(watch: &Arc<Watch>) -> u64 {
    watch.look().1.lost
}

/// `500k`, `100M`, `2G`; at least a kilobyte.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(['k', 'M', 'G']);
    let factor = match text.strip_prefix(digits) {
        Some("k") => 1_000,
        Some("M") => 1_000_000,
        Some("G") => 1_000_000_000,
        _ => 1,
    };
    let size = digits.parse::<u64>().ok().and_then(|size| size.checked_mul(factor));
    size.filter(|size| *size >= 1_000).ok_or_else(|| format!("'{text}' is no size of 1k or more: 500k, 100M, 2G"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(path: PathBuf, rotate_size: Option<u64>) -> Log {
        let chosen = Chosen { interface: Vec::new() };
        let asked = Record { file: path, chosen, rotate_size, rotate_every: None, seconds: None };
        Log::new(&asked, Mono(0))
    }

    #[test]
    fn parts_are_filled_in_order_and_nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a-0002.log"), "old").unwrap();
        let mut log = log(at("a.log"), Some(10));
        log.begin(Mono(0)).unwrap();
        for text in ["12345\n", "67\n", "89\n", "longer than a part\n", "x\n"] {
            log.write(text, 1, Mono(0));
        }
        let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
        assert_eq!(read("a-0001.log"), "12345\n67\n");
        assert_eq!(read("a-0002.log"), "old");
        assert_eq!(read("a-0003.log"), "89\n");
        assert_eq!(read("a-0004.log"), "longer than a part\n");
        assert_eq!(read("a-0005.log"), "x\n");
        assert_eq!((log.frames, log.parts, log.bytes), (5, 4, 33));
        let why = super::tests::log(at("a-0001.log"), None).begin(Mono(0)).unwrap_err();
        assert!(why.contains("is there already"), "{why}");
    }

    #[test]
    fn sizes_have_their_units() {
        let sizes = ["500k", "100M", "2G", "1234", "1", "x", "k", "99999999999999G"].map(|text| parse_size(text).ok());
        assert_eq!(sizes, [Some(500_000), Some(100_000_000), Some(2_000_000_000), Some(1_234), None, None, None, None]);
    }
}
