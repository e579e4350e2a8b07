//! One file per command. Data goes to stdout, everything else to stderr.

pub(crate) mod alert;
pub(crate) mod can;
pub(crate) mod channels;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod decode;
pub(crate) mod device;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod notify;
pub(crate) mod outbox;
pub(crate) mod publish;
pub(crate) mod reload;
pub(crate) mod replay;
pub(crate) mod rule;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod sim;
pub(crate) mod status;
pub(crate) mod sub;
mod words;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use growctl_engine::app::{self, Loader, Site};
use growctl_engine::bus::bridge::check_url;
use growctl_engine::files::Report;
use growctl_engine::model::Secret;
use tracing_appender::non_blocking::{ErrorCounter, WorkerGuard};

/// Says on stderr why the command ends, and with which code.
pub(crate) fn fail(code: u8, message: &str) -> ExitCode {
    say(&format!("growctl: {message}"));
    ExitCode::from(code)
}

/// Says something to the person, on stderr. A closed one leaves nobody to tell.
pub(crate) fn say(message: &str) {
    let _ = writeln!(anstream::stderr(), "{message}");
}

/// Writes one line of data; `false` when nobody reads it any more.
pub(crate) fn line(text: &str) -> bool {
    writeln!(anstream::stdout(), "{text}").is_ok()
}

/// Shows the faults of a check on stderr, in colour on a terminal.
pub(crate) fn show(report: &Report) {
    let _ = write!(anstream::stderr(), "{}", report.render(std::io::stderr().is_terminal()));
}

/// Columns as wide as their widest cell; the last one is not padded.
pub(crate) fn table(heads: &[&str], rows: Vec<Vec<String>>) -> String {
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).chain([heads[at].len()]).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(heads.to_vec())).chain(rows).collect::<Vec<_>>().join("\n")
}

/// The running log: dropping it writes what is left, and says how many lines nobody took.
pub(crate) struct Log {
    lost: ErrorCounter,
    _writer: WorkerGuard,
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.lost.dropped_lines() > 0 {
            say(&format!(
                "growctl: {} log lines were lost: whoever reads stderr was too slow",
                self.lost.dropped_lines()
            ));
        }
    }
}

/// The log on stderr; `RUST_LOG` chooses what is in it, `info` by default. Lines are written by a thread of their own,
/// and lost when it is far behind, so that a reader that stops never stops the engine.
pub(crate) fn start_log(json: bool) -> Log {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let log = Log { lost: writer.error_counter(), _writer: guard };
    let format = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(writer);
    // A log that was set before stays; there is none here.
    let _ = if json { format.json().try_init() } else { format.with_ansi(std::io::stderr().is_terminal()).try_init() };
    log
}

/// Reads the site; `--redis` goes before the settings. Faults are shown.
pub(crate) fn load_site(folder: &Path, redis: Option<&str>) -> Result<(Loader, Site, Report), ExitCode> {
    let mut report = Report::default();
    let opened = Loader::open(folder, &mut report);
    show(&report);
    let (loader, mut site) = opened.ok_or(ExitCode::from(2))?;
    if let Some(url) = redis {
        check_url(url).map_err(|why| fail(2, &format!("--redis: {why}")))?;
        site.settings.redis = Some(app::Redis { url: Secret::new(url.to_owned()), password: None });
    }
    Ok((loader, site, report))
}
