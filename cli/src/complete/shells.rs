//! Shells that quote what they insert themselves: what they hand over is unquoted before it is completed. PowerShell does not
//! quote, so that is done here.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::engine::complete;
use clap_complete::env::{self, EnvCompleter};

use super::words::unquoted;

/// Zsh hands over all words as they are typed.
pub(super) struct Zsh;
/// Fish hands over the last word as it is typed, the others unquoted.
pub(super) struct Fish;
/// PowerShell hands over words as its own parser has read them.
pub(super) struct PowerShell;

fn plain(word: &mut OsString) {
    *word = unquoted(&word.to_string_lossy()).into();
}

impl EnvCompleter for Zsh {
    fn name(&self) -> &'static str {
        env::Zsh.name()
    }
    fn is(&self, name: &str) -> bool {
        env::Zsh.is(name)
    }
    fn write_registration(&self, var: &str, name: &str, bin: &str, own: &str, to: &mut dyn Write) -> io::Result<()> {
        env::Zsh.write_registration(var, name, bin, own, to)
    }
    fn write_complete(
        &self,
        command: &mut Command,
        mut words: Vec<OsString>,
        folder: Option<&Path>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        words.iter_mut().for_each(plain);
        super::remember_site(&words);
        env::Zsh.write_complete(command, words, folder, to)
    }
}

impl EnvCompleter for Fish {
    fn name(&self) -> &'static str {
        env::Fish.name()
    }
    fn is(&self, name: &str) -> bool {
        env::Fish.is(name)
    }
    fn write_registration(&self, var: &str, name: &str, bin: &str, own: &str, to: &mut dyn Write) -> io::Result<()> {
        env::Fish.write_registration(var, name, bin, own, to)
    }
    fn write_complete(
        &self,
        command: &mut Command,
        mut words: Vec<OsString>,
        folder: Option<&Path>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        words.last_mut().into_iter().for_each(plain);
        super::remember_site(&words);
        env::Fish.write_complete(command, words, folder, to)
    }
}

impl EnvCompleter for PowerShell {
    fn name(&self) -> &'static str {
        env::Powershell.name()
    }
    fn is(&self, name: &str) -> bool {
        env::Powershell.is(name)
    }
    fn write_registration(&self, var: &str, name: &str, bin: &str, own: &str, to: &mut dyn Write) -> io::Result<()> {
        env::Powershell.write_registration(var, name, bin, own, to)
    }
    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        folder: Option<&Path>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        super::remember_site(&words);
        let last = words.len().saturating_sub(1);
        for candidate in complete(command, words, last, folder)? {
            let value = candidate.get_value().to_string_lossy();
            let bare = value.chars().all(|letter| letter.is_alphanumeric() || "-_./:=\\".contains(letter));
            let value = if bare { value.into_owned() } else { format!("'{}'", value.replace('\'', "''")) };
            let about =
                candidate.get_help().map(|about| format!("\t{}", about.to_string().lines().next().unwrap_or("")));
            writeln!(to, "{value}{}", about.unwrap_or_default())?;
        }
        Ok(())
    }
}
