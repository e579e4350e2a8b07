//! What the end-to-end tests share: the built binary, a copy of the shipped site, waiting for a condition.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The built binary on a site folder.
pub(crate) fn growctl(site: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_growctl"));
    command.env_remove("GROWCTL_REDIS").env_remove("RUST_LOG").arg("-C").arg(site);
    command
}

/// The shipped channel map and rules in a folder of their own, with these settings.
pub(crate) fn copy_site(settings: &str) -> tempfile::TempDir {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let site = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(site.path().join("rules")).expect("it can be made");
    std::fs::copy(shipped.join("channels.yaml"), site.path().join("channels.yaml")).expect("it is shipped");
    for rule in std::fs::read_dir(shipped.join("rules")).expect("they are shipped") {
        let rule = rule.expect("it can be listed");
        std::fs::copy(rule.path(), site.path().join("rules").join(rule.file_name())).expect("it can be copied");
    }
    std::fs::write(site.path().join("growctl.yaml"), settings).expect("it can be written");
    site
}

/// Polls a condition for a minute at the most.
pub(crate) fn wait_for(what: &str, done: impl FnMut() -> bool) {
    wait_within(Duration::from_secs(60), what, done);
}

/// Polls a condition for as long at the most.
#[allow(clippy::disallowed_methods)] // a deadline of a test is real time, and between two looks it rests
pub(crate) fn wait_within(longest: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + longest;
    while !done() {
        assert!(Instant::now() < end, "{what}: not there after {longest:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
