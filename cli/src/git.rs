//! The little of git that a new site needs, through the `git` command: a repository, and the hooks of the site in it.

use std::io;
use std::path::Path;
use std::process::{Command, Output};

/// Where a site keeps its hooks, relative to it.
const FOLDER: &str = ".githooks";

/// Who is asked before a commit.
#[derive(Debug, PartialEq)]
pub(crate) enum Hooks {
    /// The site's hooks.
    On,
    /// Other hooks were there, and stay: which.
    Others(String),
}

/// Makes the site's hooks those of its repository, and a repository where there is none. Hooks that are there stay.
///
/// # Errors
/// Says in one phrase why git could not do it.
pub(crate) fn hook_up(site: &Path) -> Result<Hooks, String> {
    if git(site, &["rev-parse", "--is-inside-work-tree"])?.is_none() {
        git(site, &["init", "--quiet"])?.ok_or("git could not make a repository")?;
    }
    // In a larger repository the path is relative to that one's root.
    let ours = git(site, &["rev-parse", "--show-prefix"])?.unwrap_or_default() + FOLDER;
    match git(site, &["config", "core.hooksPath"])? {
        Some(path) if path == ours => return Ok(Hooks::On),
        Some(path) => return Ok(Hooks::Others(format!("core.hooksPath is {path}"))),
        None => {}
    }
    // Asked only now that core.hooksPath does not lead elsewhere.
    let own = git(site, &["rev-parse", "--git-path", "hooks/pre-commit"])?.unwrap_or_default();
    if site.join(&own).exists() {
        return Ok(Hooks::Others(own));
    }
    git(site, &["config", "core.hooksPath", &ours])?.ok_or("git does not take core.hooksPath")?;
    Ok(Hooks::On)
}

/// What git says, without the line's end; `None` if it says no.
fn git(site: &Path, arguments: &[&str]) -> Result<Option<String>, String> {
    let answer: io::Result<Output> = Command::new("git").arg("-C").arg(site).args(arguments).output();
    match answer {
        Ok(output) if output.status.success() => {
            Ok(Some(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()))
        }
        Ok(_) => Ok(None),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Err("git is not installed".to_owned()),
        Err(why) => Err(format!("git does not run: {why}")),
    }
}
