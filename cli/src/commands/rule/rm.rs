//! `growctl rule rm`: takes a rule and its test out of the site.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::ask::{self, Prompter, Stop, Terminal};
use super::files;
use crate::commands::{fail, line, say};

pub(super) async fn rm(folder: &Path, name: &str, yes: bool, json: bool) -> ExitCode {
    if !files::is_rule(folder, name) {
        return super::no_rule(folder, name);
    }
    let files = files::there(folder, name);
    let held = super::held(folder, name).await;
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    if !yes {
        for device in &held.devices {
            say(&format!("{device} would be let go: without another request it goes to its safe state"));
        }
        if !ask::is_possible() {
            return fail(2, &format!("{} would be removed; say so with --yes", names.join(" and ")));
        }
        match Terminal.confirm(&format!("Remove {}?", names.join(" and ")), false) {
            Ok(true) => {}
            Ok(false) | Err(Stop::Person) => return fail(1, "nothing is removed"),
            Err(Stop::Terminal(why)) => return fail(1, &format!("the terminal cannot be asked: {why}")),
        }
    }
    // The rule first: a rule that stays without its test is worse than a test without its rule.
    for path in &files {
        if let Err(error) = fs::remove_file(folder.join(path)) {
            return fail(1, &format!("{} cannot be removed: {error}", path.display()));
        }
    }
    if json {
        line(&json!({ "removed": files, "running": held.running, "held": held.devices }).to_string());
        return ExitCode::SUCCESS;
    }
    say(&format!("{} removed", names.join(" and ")));
    if yes {
        held.devices
            .iter()
            .for_each(|device| say(&format!("{device} is let go: without another request it goes to its safe state")));
    }
    if held.running {
        say(&super::taken(folder).await);
    }
    ExitCode::SUCCESS
}
