//! Completion as shells ask for it, and the manual: what the binary answers, with names of the site that have spaces.

#[allow(dead_code, reason = "other tests use the rest of it")]
mod support;

use std::path::Path;
use std::process::Command;

use support::{copy_site, growctl};

/// What bash has in COMP_WORDBREAKS.
const BREAKS: &str = " \t\n\"'@><=;|&(:";

fn lines(command: &mut Command) -> Vec<String> {
    let answer = command.env_remove("GROWCTL_REDIS").output().expect("growctl starts");
    assert_eq!((answer.status.code(), String::from_utf8_lossy(&answer.stderr)), (Some(0), "".into()));
    String::from_utf8_lossy(&answer.stdout).lines().map(str::to_owned).collect()
}

/// What bash is given for a line.
fn bash(site: &Path, line: &str) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_growctl"));
    command.current_dir(site).args(["--", "growctl"]).env("COMPLETE", "bash");
    lines(command.env("_GROWCTL_LINE", line).env("_GROWCTL_BREAKS", BREAKS))
}

/// What zsh or fish is given for words as they hand them over.
fn words(shell: &str, site: &Path, words: &[&str]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_growctl"));
    command.current_dir(site).arg("--").args(words).env("COMPLETE", shell);
    lines(command.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string()))
}

#[test]
fn bash_completes_names_with_spaces_and_colons_where_the_word_is_broken() {
    let site = copy_site("");
    let bash = |line: &str| bash(site.path(), line);
    assert_eq!(bash("growctl sim fault Flower\\ Room/ex"), ["Flower\\ Room/exhaust"]);
    assert_eq!(bash("growctl sim fault 'Flower Room/ex"), ["Flower Room/exhaust"]);
    assert_eq!(bash("growctl sim fault FR-"), ["FR-C1", "FR-C2"]);
    assert_eq!(
        bash("growctl sub sensor:update:Fl"),
        ["Flower\\ Room:\\*", "Flower\\ Room:back", "Flower\\ Room:front"],
        "readline has `sensor:update:` already"
    );
    assert_eq!(bash("growctl sub 'sensor:update:Veg Room:m"), ["sensor:update:Veg Room:middle"]);
    assert_eq!(bash("growctl sub \"device:update:Veg Room:v"), ["device:update:Veg Room:valve_1"]);
    assert_eq!(bash("growctl pub 'device:command:Flower Room:e"), ["device:command:Flower Room:exhaust"]);
    assert_eq!(bash("growctl rule show flower-d"), ["flower-drying"]);
    assert_eq!(bash("growctl device why Fl"), ["Flower\\ Room"]);
    assert_eq!(bash("growctl device set 'Veg Room' h"), ["heater"]);
    assert_eq!(bash("growctl device set 'Veg Room' ex"), Vec::<String>::new(), "it is in the other room");
    assert_eq!(bash("growctl sche"), ["schema"]);
    assert!(bash("growctl rule show --").contains(&"--help".to_owned()));
}

#[test]
fn the_folder_of_the_line_is_the_site() {
    let (site, elsewhere) = (copy_site(""), tempfile::tempdir().expect("a temporary folder"));
    let there = elsewhere.path().join("north house");
    std::fs::rename(site.path(), &there).expect("it can be moved");
    let from = elsewhere.path();
    for typed in ["-C 'north house'", "-C north\\ house", "-C\"north house\""] {
        assert_eq!(bash(from, &format!("growctl {typed} rule reset irr")), ["irrigation"], "{typed}");
    }
    assert_eq!(bash(from, "growctl rule reset irr"), Vec::<String>::new());
    assert_eq!(bash(from, "growctl -C nor"), ["north\\ house/"]);
    let zsh = words("zsh", from, &["growctl", "-C", "'north house'", "sim", "fault", "Flower\\ Room/ex"]);
    assert_eq!(zsh, ["Flower Room/exhaust:fan"]);
}

#[test]
fn zsh_and_fish_are_told_what_a_name_is() {
    let site = copy_site("");
    let zsh = words("zsh", site.path(), &["growctl", "sub", "'sensor:update:Flower Room:f"]);
    assert_eq!(zsh, ["sensor\\:update\\:Flower Room\\:front:FR-C1"]);
    let fish = words("fish", site.path(), &["growctl", "sub", "'sensor:update:Flower Room:f"]);
    assert_eq!(fish, ["sensor:update:Flower Room:front\tFR-C1"]);
    let fish = words("fish", site.path(), &["growctl", "rule", "show", "irr"]);
    assert_eq!(fish, ["irrigation\tWhen the benches are dry, shots of 90 s, at least 20 min apart, 8 a day at most"]);
}

#[test]
fn a_site_that_cannot_be_read_completes_commands_and_says_nothing() {
    let site = copy_site("");
    std::fs::write(site.path().join("channels.yaml"), "version: [").expect("it can be written");
    assert_eq!(bash(site.path(), "growctl sim fault F"), Vec::<String>::new());
    assert_eq!(bash(site.path(), "growctl sim fault FR-C1 sil"), ["silent"]);
}

#[test]
fn each_shell_has_a_script_that_asks_for_it() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = lines(growctl(Path::new(".")).args(["completions", shell])).join("\n");
        assert!(script.contains("COMPLETE") && script.contains(shell) && script.contains("growctl"), "{script}");
    }
}

#[test]
fn each_command_has_a_manual_page_with_its_examples() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pages = folder.path().join("man1");
    let written = lines(growctl(Path::new(".")).arg("man").arg(&pages));
    assert_eq!(written.len(), std::fs::read_dir(&pages).expect("it is there").count());
    let page = |name: &str| std::fs::read_to_string(pages.join(name)).expect("it is there");
    assert_eq!(lines(growctl(Path::new(".")).arg("man")).join("\n"), page("growctl.1").trim_end());
    for line in page("growctl.1").lines().filter(|line| line.ends_with("(1)")) {
        page(&format!("{}.1", line.trim_end_matches("(1)").replace('\\', "")));
    }
    let show = page("growctl-rule-show.1");
    assert!(show.contains(".SH SYNOPSIS") && show.contains("growctl rule show flower\\-cooling"), "{show}");
}
