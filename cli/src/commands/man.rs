//! `growctl man`: manual pages, made from what `--help` says.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl man | man -l -\n  \
    growctl man ~/.local/share/man/man1      then: man growctl, man growctl-rule-show\n\n\
    Exit codes: 0 fine, 1 a page cannot be written.")]
pub(crate) struct Manual {
    /// Write growctl.1 and a page for each command into this folder. Without it, the main page goes to stdout.
    #[arg(value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

impl Manual {
    pub(crate) fn run(self, command: Command) -> ExitCode {
        let mut command = command.disable_help_subcommand(true);
        command.build();
        let done = match &self.dir {
            None => page(&command, &mut anstream::stdout()),
            Some(dir) => fs::create_dir_all(dir).and_then(|()| pages(&command, dir)),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever reads has had enough, as `head` does.
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(why) => super::fail(1, &format!("the pages cannot be written: {why}")),
        }
    }
}

fn pages(command: &Command, dir: &Path) -> io::Result<()> {
    let path = dir.join(Man::new(command.clone()).get_filename());
    let mut text = Vec::new();
    page(command, &mut text)?;
    File::create(&path)?.write_all(&text)?;
    super::line(&path.display().to_string());
    command.get_subcommands().filter(|sub| !sub.is_hide_set()).try_for_each(|sub| pages(sub, dir))
}

/// One page. What stands behind the options in `--help` keeps its lines: it is mostly examples.
fn page(command: &Command, to: &mut dyn Write) -> io::Result<()> {
    // The heading's fields are told by their place, so the date is a space and not left out.
    let man = Man::new(command.clone()).date(" ").source(format!("growctl {}", env!("CARGO_PKG_VERSION")));
    let man = man.manual("growctl manual");
    man.render_title(to)?;
    man.render_name_section(to)?;
    section("SYNOPSIS", command.clone().render_usage().to_string().trim_start_matches("Usage: "), to)?;
    man.render_description_section(to)?;
    man.render_options_section(to)?;
    if command.has_subcommands() {
        man.render_subcommands_section(to)?;
    }
    match command.get_after_long_help().or(command.get_after_help()) {
        Some(after) => section("EXAMPLES AND EXIT CODES", &after.to_string(), to),
        None => Ok(()),
    }
}

/// A section whose lines stay as they are.
fn section(name: &str, text: &str, to: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [name]).control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []).to_writer(to)
}
