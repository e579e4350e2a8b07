//! `growctl channels import FILE.dbc`: a starting channels.yaml.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use growctl_engine::channels::dbc::{Database, Import};
use growctl_engine::files::{Report, read_database};

use crate::commands;

/// Arguments of `channels import`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl channels import lights.dbc > channels.yaml\n  growctl channels import lights.dbc \
                  --bus can1 --room 'Flower Room' --output channels.yaml\n\nEvery message becomes a node, in a cluster that \
                  is called like its sender; what the gateway sends becomes proposals for devices, in comments. No file is \
                  ever overwritten.\nExit codes: 0 fine, 1 the file cannot be written, 2 the DBC file or the call is wrong."
)]
pub(crate) struct ImportArguments {
    /// The DBC file.
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The bus that its nodes are on.
    #[arg(long, value_name = "NAME", default_value = "can0")]
    bus: String,
    /// The room that they stand in.
    #[arg(long, value_name = "NAME", default_value = "Room")]
    room: String,
    /// The sender in the file that growctl stands for [default: one called GATEWAY, MASTER, HOST or so].
    #[arg(long, value_name = "NAME")]
    sender: Option<String>,
    /// Write to this file in place of stdout; one that is there is left alone.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

impl ImportArguments {
    pub(crate) fn run(self) -> ExitCode {
        let mut report = Report::default();
        let file = read_database(Path::new(""), &self.file, &mut report);
        let database = file.and_then(|file| Database::load(&file, &mut report));
        if let Some(database) = &database {
            database.tell_all(&mut report);
        }
        commands::show(&report);
        let Some(database) = database else { return ExitCode::from(2) };
        let (path, name) = (within_site(&self.file), stem(&self.file));
        let import =
            Import { path: &path, name: &name, bus: &self.bus, room: &self.room, sender: self.sender.as_deref() };
        let text = import.write(&database);
        let Some(output) = &self.output else {
            // Nobody reads on: that is the reader's choice, no failure.
            let _ = write!(anstream::stdout(), "{text}");
            return ExitCode::SUCCESS;
        };
        let made = OpenOptions::new().write(true).create_new(true).open(output);
        match made.and_then(|mut made| made.write_all(text.as_bytes())) {
            Ok(()) => {
                let beside = output.parent().unwrap_or(Path::new("")).join(&path);
                let missing = if beside.exists() { "" } else { "; the DBC file belongs beside it" };
                commands::say(&format!("{} is written{missing}: `growctl check` looks it over", output.display()));
                ExitCode::SUCCESS
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                commands::fail(2, &format!("{} is there already, and nothing is overwritten", output.display()))
            }
            Err(error) => commands::fail(1, &format!("{} cannot be written: {error}", output.display())),
        }
    }
}

/// The path as a map can name it: one that leads out of the site folder is cut to the file's name.
fn within_site(path: &Path) -> String {
    let parts = || path.components().filter(|part| *part != Component::CurDir);
    let kept: PathBuf = match parts().all(|part| matches!(part, Component::Normal(_))) {
        true => parts().collect(),
        false => path.file_name().map(PathBuf::from).unwrap_or_default(),
    };
    kept.display().to_string()
}

/// What the map calls the database: the file's name without its ending.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let letters = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let clean: String = stem.chars().map(letters).collect();
    if clean.starts_with(|c: char| c.is_ascii_alphabetic()) { clean } else { format!("db_{clean}") }
}
