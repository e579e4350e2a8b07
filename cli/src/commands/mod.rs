//! One file per command. Data goes to stdout, everything else to stderr.

pub(crate) mod publish;
pub(crate) mod sub;

use std::io::Write;
use std::process::ExitCode;

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

/// Opens the server of `--redis`, or says what to do.
pub(crate) fn client(url: &str) -> Result<redis::Client, ExitCode> {
    redis::Client::open(url)
        .map_err(|error| fail(2, &format!("'{url}' is no Redis URL: {error}; redis://HOST:PORT is")))
}

/// The server of `--redis` did not answer.
pub(crate) fn no_answer(url: &str, error: &redis::RedisError) -> ExitCode {
    fail(1, &format!("no answer from {url}: {error}; is it running? --redis names another"))
}
