//! One file per command. Data goes to stdout, everything else to stderr.

pub(crate) mod channels;
pub(crate) mod decode;
pub(crate) mod publish;
pub(crate) mod sub;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use growctl_engine::channels::{self as map, ChannelMap};
use growctl_engine::files::{Report, read_file};

/// Says on stderr why the command ends, and with which code.
pub(crate) fn fail(code: u8, message: &str) -> ExitCode {
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(anstream::stderr(), "growctl: {message}");
    ExitCode::from(code)
}

/// Writes one line of data; `false` when nobody reads it any more.
pub(crate) fn line(text: &str) -> bool {
    writeln!(anstream::stdout(), "{text}").is_ok()
}

/// Reads the channel map of a site. Its faults go to stderr; of warnings only that there are some, which `check` shows.
pub(crate) fn channel_map(dir: &Path) -> Result<ChannelMap, ExitCode> {
    let mut report = Report::default();
    let file = read_file(dir, Path::new("channels.yaml"), &mut report);
    let map = file.and_then(|file| map::load(&file, &mut report));
    let (errors, warnings) = (report.errors(), report.warnings());
    if errors > 0 {
        let _ = write!(anstream::stderr(), "{}", report.render(true));
    }
    match map {
        Some(map) if warnings > 0 => {
            let _ = writeln!(anstream::stderr(), "channels.yaml: {warnings} warnings; `growctl check` shows them");
            Ok(map)
        }
        Some(map) => Ok(map),
        None => Err(fail(2, &format!("channels.yaml in {} cannot be used: {errors} errors", dir.display()))),
    }
}
