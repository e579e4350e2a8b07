//! The two files of a rule: where they are, what a rule may be called, and how they come into being: whole or not at
//! all, and never in place of something that is there.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Where the rule is, within the site folder.
pub(super) fn rule_path(name: &str) -> PathBuf {
    Path::new("rules").join(format!("{name}.yaml"))
}

/// Where its test is.
pub(super) fn test_path(name: &str) -> PathBuf {
    Path::new("rules").join(format!("{name}_test.yaml"))
}

/// Whether a rule may be called so.
///
/// # Errors
/// Why not, and what would be right.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let stem = name.strip_suffix(".yaml").unwrap_or(name);
    match name {
        "" => Err("a rule needs a name".to_owned()),
        _ if name != stem && stem.chars().all(fits) => {
            Err(format!("'{name}' is a file: the rule in it is called '{stem}'"))
        }
        _ if !name.chars().all(fits) => {
            let near: String = name.trim().chars().map(|c| if fits(c) { c } else { '-' }).collect();
            Err(format!("'{name}' cannot be the name of a rule: letters, digits, - and _ only, as in '{near}'"))
        }
        _ if name.starts_with('-') => Err(format!("'{name}' cannot be the name of a rule: it looks like a flag")),
        _ if name.ends_with("_test") => {
            Err(format!("'{name}' cannot be the name of a rule: {name}.yaml would be the test of another"))
        }
        _ if name.len() > 100 => Err("the name of a rule has 100 letters at most".to_owned()),
        _ => Ok(()),
    }
}

/// Whether a site has this rule: its file is in rules/ itself, and no test.
pub(super) fn is_rule(folder: &Path, name: &str) -> bool {
    let plain = !name.contains(['/', '\\']) && !name.starts_with('.') && !name.ends_with("_test");
    plain && folder.join(rule_path(name)).symlink_metadata().is_ok()
}

/// Which of the two files are there.
pub(super) fn there(folder: &Path, name: &str) -> Vec<PathBuf> {
    let paths = [rule_path(name), test_path(name)];
    // A dangling link is something, too.
    paths.into_iter().filter(|path| folder.join(path).symlink_metadata().is_ok()).collect()
}

/// Writes files that are not there yet. Each is complete before it gets its name, so that nobody ever reads a half; if one
/// of them cannot be made, none is left.
///
/// # Errors
/// What could not be written, as when somebody was faster.
pub(super) fn create(folder: &Path, files: &[(PathBuf, &str)]) -> Result<(), String> {
    let mut made: Vec<PathBuf> = Vec::new();
    for (path, text) in files {
        let full = folder.join(path);
        if let Err(error) = create_one(&full, text) {
            made.iter().for_each(|path| drop(fs::remove_file(path)));
            let what = match error.kind() {
                ErrorKind::AlreadyExists => "is there already".to_owned(),
                _ => format!("cannot be written: {error}"),
            };
            return Err(format!("{} {what}", path.display()));
        }
        made.push(full);
    }
    Ok(())
}

fn create_one(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A name that begins with a dot is no rule to anybody.
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let done = write(&draft, text).and_then(|()| give_name(&draft, path));
    let _ = fs::remove_file(&draft);
    done
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A link refuses a name that is taken, in one step; where the file system has no links, the look and the renaming are two.
fn give_name(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => match path.symlink_metadata() {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(draft, path),
        },
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files_and_of_no_test() {
        assert!(["flower-cooling", "A_1", "test"].iter().all(|name| check_name(name).is_ok()));
        let why = |name: &str| check_name(name).unwrap_err();
        assert!(why("my rule").contains("'my-rule'"));
        assert!(why("x.yaml").contains("called 'x'"));
        assert!(why("a_test").contains("the test of another"));
        assert!(["", "-x", "../x", "ü", &"x".repeat(101)].iter().all(|name| check_name(name).is_err()));
    }

    #[test]
    fn all_files_come_or_none_and_nothing_is_overwritten() {
        let site = tempfile::tempdir().unwrap();
        let files = [(test_path("a"), "test"), (rule_path("a"), "rule")];
        assert_eq!(create(site.path(), &files), Ok(()));
        let read = |path: PathBuf| fs::read_to_string(site.path().join(path)).ok();
        assert_eq!((read(rule_path("a")), read(test_path("a"))), (Some("rule".into()), Some("test".into())));
        fs::remove_file(site.path().join(test_path("a"))).unwrap();
        assert!(create(site.path(), &files).unwrap_err().contains("rules/a.yaml is there already"));
        assert_eq!(there(site.path(), "a"), [rule_path("a")]);
        assert_eq!(read(rule_path("a")).as_deref(), Some("rule"));
        assert_eq!(fs::read_dir(site.path().join("rules")).unwrap().count(), 1, "no draft is left");
    }
}
