//! Completion in shells, with the names of the site: the shell calls the program itself (`COMPLETE=bash growctl -- …`), which
//! answers in `main` before anything else happens. What is typed so far is unquoted first, in the shell's own way, so that
//! names with spaces are found; `-C` in it chooses the site.

mod bash;
pub(crate) mod names;
mod shells;
mod words;

pub(crate) use names::{devices, hear, plant, rooms, rules, say};

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::Command;
use clap_complete::CompleteEnv;
use clap_complete::env::{Elvish, Shells};

/// The environment variable with which a shell asks.
const VARIABLE: &str = "COMPLETE";

const SHELLS: Shells<'static> = Shells(&[&bash::Bash, &shells::Zsh, &shells::Fish, &shells::PowerShell, &Elvish]);

/// The site folder of the line that is being completed.
static SITE: OnceLock<PathBuf> = OnceLock::new();

/// The words of that line.
static TYPED: OnceLock<Vec<String>> = OnceLock::new();

/// Answers a shell that asks for completions, and ends; returns if none does.
pub(crate) fn answer(command: fn() -> Command) {
    CompleteEnv::with_factory(command).var(VARIABLE).shells(SHELLS).complete();
}

/// What a shell is to read once, so that it asks; `None` if the shell is unknown.
pub(crate) fn script(shell: &str) -> Option<String> {
    let own = std::env::args_os().next().unwrap_or_default();
    let own = match Path::new(&own) {
        path if path.components().count() > 1 => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        name => name.to_owned(),
    };
    let mut script = Vec::new();
    let shell = SHELLS.completer(shell)?;
    shell.write_registration(VARIABLE, "growctl", "growctl", &own.to_string_lossy(), &mut script).ok()?;
    String::from_utf8(script).ok()
}

/// Remembers which site the words of a line are about: the last `-C`, as when the line runs.
fn remember_site(words: &[OsString]) {
    let _ = TYPED.set(words.iter().map(|word| word.to_string_lossy().into_owned()).collect());
    let mut site = None;
    let mut words = words.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        match word.strip_prefix("-C") {
            Some("") => site = words.next().map(|next| next.into_owned()),
            Some(rest) => site = Some(rest.trim_start_matches('=').to_owned()),
            None => {}
        }
    }
    if let Some(site) = site {
        let _ = SITE.set(words::home(&site));
    }
}

/// Whether the line has that word already.
fn is_typed(word: &str) -> bool {
    TYPED.get().is_some_and(|typed| typed.iter().any(|one| one == word))
}

fn site() -> &'static Path {
    SITE.get().map_or(Path::new("."), PathBuf::as_path)
}
