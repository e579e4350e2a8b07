//! `growctl rule rename`: the rule and its test under another name.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::files;
use crate::commands::{fail, line, say};

pub(super) async fn rename(folder: &Path, old: &str, new: &str, json: bool) -> ExitCode {
    if let Err(why) = files::check_name(new) {
        return fail(2, &format!("{why}; nothing is renamed"));
    }
    if !files::is_rule(folder, old) {
        return super::no_rule(folder, old);
    }
    if let [first, ..] = files::there(folder, new).as_slice() {
        return fail(2, &format!("{} is there already; nothing is renamed", first.display()));
    }
    // The test first: were it to fail, the rule would still be what it was.
    let pairs = [(files::test_path(old), files::test_path(new)), (files::rule_path(old), files::rule_path(new))];
    let pairs: Vec<_> = pairs.into_iter().filter(|(from, _)| folder.join(from).symlink_metadata().is_ok()).collect();
    for (done, (from, to)) in pairs.iter().enumerate() {
        if let Err(error) = fs::rename(folder.join(from), folder.join(to)) {
            pairs[..done].iter().for_each(|(from, to)| drop(fs::rename(folder.join(to), folder.join(from))));
            return fail(1, &format!("{} cannot be renamed: {error}; all is as it was", from.display()));
        }
    }
    let held = super::held(folder, old).await;
    if json {
        let renamed: Vec<_> = pairs.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect();
        line(&json!({ "renamed": renamed, "running": held.running, "holds": held.devices }).to_string());
        return ExitCode::SUCCESS;
    }
    for (from, to) in &pairs {
        say(&format!("{} is now {}", from.display(), to.display()));
    }
    say(&format!(
        "to the engine {old} is gone and {new} is new: episodes of {old} end, {new} starts with counters and state of its own"
    ));
    held.devices.iter().for_each(|device| say(&format!("{device} is let go, until {new} asks for it")));
    if held.running {
        say(&super::taken(folder).await);
    }
    say(&format!("what other files say of '{old}' stays as it is: grep -rn '{old}' rules"));
    ExitCode::SUCCESS
}
