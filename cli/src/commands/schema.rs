//! `growctl schema`: JSON schemas of the files that a user writes, so that editors complete and check them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum, ValueHint};
use growctl_engine::app::FileKind;

/// Where a site keeps the schemas; its files name them in their first line.
const FOLDER: &str = "schemas";

/// Arguments of `schema`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl schema rule\n  growctl schema --write             into schemas/ of the site: do so after an upgrade\n  \
    growctl schema --write /tmp/x      into another folder\n\nEditors with a YAML language server take the schema that a file's first line names:\n  \
    # yaml-language-server: $schema=../schemas/rule.json     in rules/<name>.yaml\n  \
    # yaml-language-server: $schema=../schemas/test.json     in rules/<name>_test.yaml\n  \
    # yaml-language-server: $schema=schemas/channels.json    in channels.yaml\n  \
    # yaml-language-server: $schema=schemas/settings.json    in growctl.yaml\n\n\
    Exit codes: 0 fine, 1 a file cannot be written, 2 the call is wrong."
)]
pub(crate) struct Schema {
    /// Which file's schema to print.
    #[arg(required_unless_present = "write", conflicts_with = "write")]
    of: Option<Of>,
    /// Write all of them as <name>.json into a folder, in place of older ones.
    #[arg(long, value_name = "DIR", num_args = 0..=1, value_hint = ValueHint::DirPath)]
    write: Option<Option<PathBuf>>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// rules/<name>.yaml
    Rule,
    /// channels.yaml
    Channels,
    /// growctl.yaml
    Settings,
    /// rules/<name>_test.yaml
    Test,
}

impl Of {
    fn kind(self) -> FileKind {
        match self {
            Of::Rule => FileKind::Rule,
            Of::Channels => FileKind::Channels,
            Of::Settings => FileKind::Settings,
            Of::Test => FileKind::Test,
        }
    }
}

impl Schema {
    pub(crate) fn run(self, folder: &Path) -> ExitCode {
        if let Some(of) = self.of {
            super::line(of.kind().schema().trim_end());
            return ExitCode::SUCCESS;
        }
        let folder = self.write.flatten().unwrap_or_else(|| folder.join(FOLDER));
        match write(&folder) {
            Ok(lines) => {
                super::line(&lines.join("\n"));
            }
            Err(why) => return super::fail(1, &format!("{} cannot be written: {why}", folder.display())),
        }
        ExitCode::SUCCESS
    }
}

/// The schemas of a new site: path within it, and text.
pub(super) fn of_a_site() -> impl Iterator<Item = (String, String)> {
    FileKind::ALL.into_iter().map(|kind| (format!("{FOLDER}/{}.json", kind.name()), kind.schema()))
}

/// Writes what is not there as it should be, and says what that was.
fn write(folder: &Path) -> io::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let write = |kind: FileKind| {
        let (path, text) = (folder.join(format!("{}.json", kind.name())), kind.schema());
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        if there == text {
            return Ok(format!("{}  is current", path.display()));
        }
        std::fs::write(&path, text)?;
        Ok(format!("{}  {}", path.display(), if there.is_empty() { "written" } else { "renewed" }))
    };
    FileKind::ALL.into_iter().map(write).collect()
}
