//! `growctl init DIR`: a new site that runs at once, on the simulator, with tests, and with git that asks them before each
//! commit. Its files are those of `cli/templates/site/`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::json;

use super::schema;
use crate::git::{self, Hooks};

/// Path within the site, and text.
const FILES: [(&str, &str); 12] = [
    ("channels.yaml", include_str!("../../templates/site/channels.yaml")),
    ("growctl.yaml", include_str!("../../templates/site/growctl.yaml")),
    ("rules/flower-cooling.yaml", include_str!("../../templates/site/rules/flower-cooling.yaml")),
    ("rules/flower-cooling_test.yaml", include_str!("../../templates/site/rules/flower-cooling_test.yaml")),
    ("rules/flower-lights.yaml", include_str!("../../templates/site/rules/flower-lights.yaml")),
    ("rules/flower-lights_test.yaml", include_str!("../../templates/site/rules/flower-lights_test.yaml")),
    ("rules/log.yaml", include_str!("../../templates/site/rules/log.yaml")),
    ("rules/log_test.yaml", include_str!("../../templates/site/rules/log_test.yaml")),
    ("README.md", include_str!("../../templates/site/README.md")),
    (".gitignore", include_str!("../../templates/site/gitignore")),
    (HOOK, include_str!("../../templates/site/githooks/pre-commit")),
    (".github/workflows/check.yml", include_str!("../../templates/site/github/check.yml")),
];
const HOOK: &str = ".githooks/pre-commit";

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl init north-house\n  growctl init --dry-run .      what it would write\n\n\
    No file is ever overwritten. In a folder that is in no git repository it makes one.\n\
    Exit codes: 0 the site is there, 1 a file cannot be written, 2 one of them is there already."
)]
pub(crate) struct Init {
    /// The folder; it is made if it is not there.
    #[arg(value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    /// List the files and write none.
    #[arg(long)]
    dry_run: bool,
    /// Leave git alone.
    #[arg(long)]
    no_git: bool,
}

impl Init {
    pub(crate) fn run(self, folder: &Path, json: bool) -> ExitCode {
        let site = if folder == Path::new(".") { self.dir.clone() } else { folder.join(&self.dir) };
        let files = files();
        let there: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).filter(|path| exists(&site, path)).collect();
        if !there.is_empty() {
            let message = format!(
                "{} has {} already, and nothing is overwritten: take a new folder, or move them away",
                site.display(),
                there.join(", ")
            );
            return super::fail(2, &message);
        }
        if !self.dry_run
            && let Err(why) = files.iter().try_for_each(|(path, text)| write(&site, path, text))
        {
            return super::fail(1, &format!("the site is not complete: {why}"));
        }
        list(&site, &files, json);
        if !self.dry_run {
            self.git(&site);
            say_next(&self.dir);
        }
        ExitCode::SUCCESS
    }

    /// Git is a help, no condition: whatever keeps it from running is said, and the site is there all the same.
    fn git(&self, site: &Path) {
        if self.no_git {
            return;
        }
        let said = match git::hook_up(site) {
            Ok(Hooks::On) => "git asks `growctl check --strict` and `growctl rule test` before each commit".to_owned(),
            Ok(Hooks::Others(whose)) => {
                format!("this repository has hooks of its own ({whose}): call {HOOK} from them, before each commit")
            }
            Err(why) => format!(
                "{why}; when that is mended: git init && git config core.hooksPath .githooks, in {}",
                site.display()
            ),
        };
        super::say(&said);
    }
}

fn files() -> Vec<(String, String)> {
    let own = FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    own.chain(schema::of_a_site()).collect()
}

/// A link to nothing is there, too.
fn exists(site: &Path, path: &str) -> bool {
    site.join(path).symlink_metadata().is_ok()
}

fn write(site: &Path, path: &str, text: &str) -> Result<(), String> {
    let full = site.join(path);
    let written = || -> io::Result<()> {
        full.parent().map_or(Ok(()), fs::create_dir_all)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if path == HOOK {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o755);
        }
        options.open(&full)?.write_all(text.as_bytes())
    };
    written().map_err(|why| format!("{}: {why}", full.display()))
}

fn list(site: &Path, files: &[(String, String)], json: bool) {
    let paths: Vec<String> = files.iter().map(|(path, _)| site.join(path).display().to_string()).collect();
    if json {
        super::line(&json!({ "site": site, "files": paths }).to_string());
    } else {
        super::line(&paths.join("\n"));
    }
}

fn say_next(dir: &Path) {
    super::say("\nNext:");
    if dir != Path::new(".") {
        super::say(&format!("  cd '{}'", dir.display().to_string().replace('\'', r"'\''")));
    }
    super::say("  growctl rule test                  # do its rules do what their tests say?");
    super::say("  growctl run                        # the engine, on the simulator");
    super::say("and in a second terminal: growctl sub 'sensor:update:*'");
}
