//! The names of the files of one target: `readings-%Y-%m-%d.jsonl` is `readings-2026-11-25.jsonl`, then
//! `readings-2026-11-25.2.jsonl` and so on where it is rotated, and `….jsonl.zst` when it is compressed. A name is read back
//! before anything is done to a file that was found, so that nothing else in the folder is ever touched.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;

use crate::model::Utc;

/// Endings of files that may be appended to; nothing of the site itself has one of them.
const ENDINGS: [&str; 6] = ["jsonl", "ndjson", "csv", "json", "txt", "log"];
const LONGEST: usize = 200;
const ZST: &str = ".zst";

/// The `path:` of a target.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: String,
    zone: TimeZone,
}

/// A file that was found, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) part: u32,
    pub(super) compressed: bool,
}

impl Pattern {
    pub(super) fn new(text: &str, zone: TimeZone) -> Result<Pattern, String> {
        let pattern = Pattern { text: text.to_owned(), zone };
        let sample = pattern.name(Utc(1_764_000_000_000_000_000))?;
        let ending = Path::new(&sample).extension().and_then(|ending| ending.to_str());
        if !ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
            return Err(format!("'{text}' is no path of an export: it must end in one of .{}", ENDINGS.join(", .")));
        }
        if pattern.part_of(&sample) != Some((1, false)) {
            return Err(format!(
                "'{text}' cannot be told from other files by its name: use plain parts of the date such as %Y-%m-%d or %H"
            ));
        }
        Ok(pattern)
    }

    /// The name of the first part for a moment, relative to the site folder and within it.
    pub(super) fn name(&self, at: Utc) -> Result<String, String> {
        let wrong = |why: String| format!("'{}' is no path of a file under the site folder: {why}", self.text);
        let local = jiff::Timestamp::from_nanosecond(i128::from(at.0)).map_err(|error| wrong(error.to_string()))?;
        let name = strtime::format(&self.text, &local.to_zoned(self.zone.clone()))
            .map_err(|error| wrong(error.to_string()))?;
        if name.len() > LONGEST {
            return Err(wrong(format!("it has over {LONGEST} bytes")));
        }
        if name.contains(|c: char| c.is_control() || c == '\\') {
            return Err(wrong("it has a control character or a backslash".to_owned()));
        }
        match name.split('/').find(|part| part.is_empty() || *part == "." || *part == "..") {
            Some("") => Err(wrong("a part of it is empty".to_owned())),
            Some(part) => Err(wrong(format!("it has the part '{part}'"))),
            None => Ok(name),
        }
    }

    /// Which part a name is, and whether it is compressed; `None` if it is none of this target's.
    fn part_of(&self, name: &str) -> Option<(u32, bool)> {
        let (plain, compressed) = name.strip_suffix(ZST).map_or((name, false), |plain| (plain, true));
        if self.reads(plain) {
            return Some((1, compressed));
        }
        let (stem, ending) = plain.rsplit_once('.')?;
        let (stem, part) = stem.rsplit_once('.')?;
        let part = part.parse().ok().filter(|part: &u32| *part > 1)?;
        self.reads(&format!("{stem}.{ending}")).then_some((part, compressed))
    }

    fn reads(&self, name: &str) -> bool {
        BrokenDownTime::parse(&self.text, name).is_ok()
    }

    /// Every file of this target under the site folder, sorted.
    pub(super) fn all(&self, folder: &Path) -> Vec<Found> {
        let mut found = Vec::new();
        let parts: Vec<&str> = self.text.split('/').collect();
        self.walk(folder, "", &parts, &mut found);
        found.sort();
        found
    }

    fn walk(&self, folder: &Path, name: &str, parts: &[&str], found: &mut Vec<Found>) {
        let joined = |entry: &str| if name.is_empty() { entry.to_owned() } else { format!("{name}/{entry}") };
        if let [part, deeper @ ..] = parts
            && !deeper.is_empty()
            && !part.contains('%')
        {
            return self.walk(&folder.join(part), &joined(part), deeper, found);
        }
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(entry_name) = entry.file_name().into_string() else { continue };
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir && parts.len() > 1 {
                self.walk(&entry.path(), &joined(&entry_name), &parts[1..], found);
            } else if !is_dir && parts.len() == 1 {
                let part = self.part_of(&joined(&entry_name));
                found.extend(part.map(|(part, compressed)| Found { path: entry.path(), part, compressed }));
            }
        }
    }
}

/// The part `part` of the file whose first part is `first`.
pub(super) fn part_path(first: &Path, part: u32) -> PathBuf {
    let ending = first.extension().unwrap_or_default().to_string_lossy().into_owned();
    if part < 2 { first.to_owned() } else { first.with_extension(format!("{part}.{ending}")) }
}

/// What the compressed form of a file is called.
pub(super) fn zst_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ZST);
    PathBuf::from(name)
}

/// The highest part of `first` that exists in some form, and whether it can be appended to.
pub(super) fn latest_part(first: &Path) -> Option<(u32, bool)> {
    let wanted = first.file_name()?.to_str()?;
    let (stem, ending) = wanted.rsplit_once('.')?;
    let part_of = |name: &str| -> Option<(u32, bool)> {
        let (plain, compressed) = name.strip_suffix(ZST).map_or((name, false), |plain| (plain, true));
        let number = plain.strip_prefix(stem)?.strip_suffix(ending)?;
        let number = if number == "." { 1 } else { number.strip_prefix('.')?.strip_suffix('.')?.parse().ok()? };
        Some((number, !compressed))
    };
    let entries = fs::read_dir(first.parent()?).ok()?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let parts: Vec<(u32, bool)> = names.filter_map(|name| part_of(&name)).collect();
    let highest = parts.iter().map(|(part, _)| *part).max()?;
    // Plain and compressed beside each other: a compressor was killed before it deleted the plain one, which is over.
    Some((highest, parts.iter().filter(|(part, _)| *part == highest).all(|(_, plain)| *plain)))
}
