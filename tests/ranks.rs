//! The import ranks of docs/architecture.md: a file imports lower ranks only, so that the pure core stays pure.

use std::fs;
use std::path::{Path, PathBuf};

const RANKS: [(&str, u32); 14] = [
    ("model", 0),
    ("files", 0),
    ("can", 1),
    ("channels", 2),
    ("bus", 3),
    ("devices", 3),
    ("alerts", 3),
    ("simulator", 3),
    ("store", 3),
    ("rules", 4),
    ("actions", 5),
    ("senders", 5),
    ("web", 6),
    ("app", 7),
];

fn rank(module: &str) -> u32 {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank).expect("every module of src/ has a rank")
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source folder can be read") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files
}

fn module_of(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    (!first.ends_with(".rs")).then(|| first.to_owned())
}

#[test]
fn a_file_imports_lower_ranks_only() {
    let mut wrong = Vec::new();
    for path in all_sources() {
        let Some(own) = module_of(&path) else { continue };
        let text = fs::read_to_string(&path).expect("a source file is text");
        for (number, line) in text.lines().enumerate() {
            for rest in line.split("crate::").skip(1) {
                let other: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                if !other.is_empty() && other != own && rank(&other) >= rank(&own) && rank(&own) > 0 {
                    wrong.push(format!("{}:{}: {own} imports {other}", path.display(), number + 1));
                }
                if !other.is_empty() && rank(&own) == 0 && rank(&other) > 0 {
                    wrong.push(format!("{}:{}: {own} imports {other}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_grows_over_400_lines() {
    let long: Vec<String> = all_sources()
        .iter()
        .map(|path| (path, fs::read_to_string(path).expect("a source file is text").lines().count()))
        .filter(|(_, lines)| *lines > 400)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split by responsibility: {}", long.join(", "));
}
