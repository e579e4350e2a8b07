//! Appends batches to the file of the moment: one write, one fsync, all of it or none.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use serde_json::Value;

use super::Format;
use super::names::{Pattern, latest_part, part_path};

use crate::model::{Parcel, Verdict};

/// A value that is tried again is looked for in so many bytes at the end of its file, or in twice those of its batch.
const TAIL: u64 = 1 << 20;
/// Columns that come first, in this order.
const FIRST: [&str; 8] = ["time", "ts", "id", "room", "cluster", "node", "device", "channel"];
/// The last column: as JSON, what has no column of its own.
const EXTRA: &str = "extra";
/// The column of a value that is no map.
const VALUE: &str = "value";

/// Writes for one target.
pub(super) struct Writer {
    folder: PathBuf,
    pattern: Pattern,
    format: Format,
    rotate: Option<u64>,
    open: Option<Open>,
}

/// The file that is appended to.
struct Open {
    /// The name of its first part, relative to the site folder.
    name: String,
    part: u32,
    path: PathBuf,
    file: File,
    size: u64,
    /// CSV only; empty until the first line is written.
    columns: Vec<String>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, pattern: Pattern, format: Format, rotate: Option<u64>) -> Writer {
        Writer { folder, pattern, format, rotate, open: None }
    }

    pub(super) fn close(&mut self) {
        self.open = None;
    }

    pub(super) fn current(&self) -> Option<PathBuf> {
        self.open.as_ref().map(|open| open.path.clone())
    }

    /// A verdict for each.
    pub(super) fn write(&mut self, parcels: &[Parcel]) -> Vec<Verdict> {
        let read: Vec<Result<(String, Value), String>> = parcels.iter().map(|parcel| self.read(parcel)).collect();
        let mut verdicts: Vec<Verdict> = read.iter().map(|read| unread(read.as_ref().err())).collect();
        let good: Vec<(usize, &String, Item<'_>)> = read
            .iter()
            .zip(parcels)
            .enumerate()
            .filter_map(|(at, (read, parcel))| {
                let (name, value) = read.as_ref().ok()?;
                Some((at, name, Item { value, again: parcel.tries > 1 }))
            })
            .collect();
        for group in good.chunk_by(|one, other| one.1 == other.1) {
            let items: Vec<Item<'_>> = group.iter().map(|(_, _, item)| *item).collect();
            let Err(error) = self.put(group[0].1, &items) else { continue };
            let why = format!("{} cannot be written: {error}", self.folder.join(group[0].1).display());
            self.close();
            for (at, _, _) in group {
                verdicts[*at] = Verdict::Failed { why: why.clone(), retry_after: None };
            }
        }
        verdicts
    }

    fn read(&self, parcel: &Parcel) -> Result<(String, Value), String> {
        let value = serde_json::from_str(&parcel.body).map_err(|error| format!("it is no JSON: {error}"))?;
        Ok((self.pattern.name(parcel.at)?, value))
    }

    /// Writes what belongs in one file.
    fn put(&mut self, name: &str, items: &[Item<'_>]) -> io::Result<()> {
        let mut open = self.file_of(name)?;
        let mut lines = lines(self.format, &mut open.columns, items);
        let again = drop_those_there(&mut open, &mut lines, items)?;
        if lines.iter().all(Option::is_none) {
            self.open = Some(open);
            return Ok(());
        }
        if self.rotate.is_some_and(|most| open.size >= most) {
            open = self.part(name, open.part + 1)?;
            let items: Vec<Item<'_>> =
                items.iter().zip(&again).filter(|(_, there)| !**there).map(|(item, _)| *item).collect();
            lines = self::lines(self.format, &mut open.columns, &items);
        }
        let mut bytes = Vec::new();
        if open.size == 0 && self.format == Format::Csv {
            bytes.extend_from_slice(row(open.columns.iter().map(String::as_str)).as_bytes());
        }
        lines.iter().flatten().for_each(|line| bytes.extend_from_slice(line.as_bytes()));
        append(&mut open, &bytes)?;
        self.open = Some(open);
        Ok(())
    }

    /// The file of a name, opened unless it is open and still the one of that name.
    fn file_of(&mut self, name: &str) -> io::Result<Open> {
        if let Some(open) = self.open.take().filter(|open| open.name == name)
            && open.is_there()
        {
            return Ok(open);
        }
        let part = match latest_part(&self.folder.join(name)) {
            Some((part, true)) => part,
            Some((part, false)) => part + 1,
            None => 1,
        };
        self.part(name, part)
    }

    fn part(&self, name: &str, part: u32) -> io::Result<Open> {
        let path = part_path(&self.folder.join(name), part);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        // The name itself must outlast a power cut as well, and so must those of the folders that were made for it.
        for folder in folder.ancestors().take_while(|above| above.starts_with(&self.folder)) {
            File::open(folder)?.sync_all()?;
        }
        let size = cut_torn_line(&mut file)?;
        let columns = if self.format == Format::Csv && size > 0 { header(&mut file)? } else { Vec::new() };
        Ok(Open { name: name.to_owned(), part, path, file, size, columns })
    }
}

impl Open {
    /// Somebody may have moved or deleted it.
    fn is_there(&self) -> bool {
        let ids = |data: fs::Metadata| (data.dev(), data.ino(), data.len());
        let held = self.file.metadata().map(ids).ok();
        held.is_some() && held == fs::metadata(&self.path).map(ids).ok() && held.is_some_and(|held| held.2 == self.size)
    }
}

#[derive(Clone, Copy)]
struct Item<'a> {
    value: &'a Value,
    /// It may be in the file already.
    again: bool,
}

fn unread(error: Option<&String>) -> Verdict {
    error.map_or(Verdict::Delivered, |why| Verdict::Refused(why.clone()))
}

/// A line without an end is what a kill or a power cut left of a write: its value was not settled and comes again.
fn cut_torn_line(file: &mut File) -> io::Result<u64> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut end = size;
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let length = usize::try_from(end - start).unwrap_or(block.len());
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..length])?;
        if let Some(at) = block[..length].iter().rposition(|byte| *byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < size {
        file.set_len(end)?;
    }
    Ok(end)
}

fn append(open: &mut Open, bytes: &[u8]) -> io::Result<()> {
    let result = open.file.write_all(bytes).and_then(|()| open.file.sync_data());
    if result.is_err() {
        // What cannot be cut back is cut when the file is opened next, or found among its last lines.
        let _ = open.file.set_len(open.size);
    } else {
        open.size += bytes.len() as u64;
    }
    result
}

/// Takes out the lines of values that are tried again and stand at the end of the file already; says which they were.
fn drop_those_there(open: &mut Open, lines: &mut [Option<String>], items: &[Item<'_>]) -> io::Result<Vec<bool>> {
    let mut there = vec![false; lines.len()];
    if open.size == 0 || !items.iter().any(|item| item.again) {
        return Ok(there);
    }
    let batch: usize = lines.iter().flatten().map(String::len).sum();
    let mut tail = tail(open, TAIL.max(2 * batch as u64))?;
    for ((line, item), there) in lines.iter_mut().zip(items).zip(&mut there) {
        let Some(count) = line.as_ref().filter(|_| item.again).and_then(|line| tail.get_mut(line)) else { continue };
        if *count > 0 {
            *count -= 1;
            (*line, *there) = (None, true);
        }
    }
    Ok(there)
}

/// How often each line stands at the end of the file.
fn tail(open: &mut Open, most: u64) -> io::Result<BTreeMap<String, u32>> {
    open.file.seek(SeekFrom::Start(open.size.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    (&open.file).take(most).read_to_end(&mut bytes)?;
    let mut lines = BTreeMap::new();
    for line in String::from_utf8_lossy(&bytes).split_inclusive('\n') {
        *lines.entry(line.to_owned()).or_insert(0) += 1;
    }
    Ok(lines)
}

fn lines(format: Format, columns: &mut Vec<String>, items: &[Item<'_>]) -> Vec<Option<String>> {
    if format == Format::Jsonl {
        return items.iter().map(|item| Some(format!("{}\n", item.value))).collect();
    }
    if columns.is_empty() {
        *columns = columns_of(items);
    }
    items.iter().map(|item| Some(csv_line(columns, item.value))).collect()
}

/// Those of all values of the first batch: the places first, then by name, `extra` at the end.
fn columns_of(items: &[Item<'_>]) -> Vec<String> {
    let mut names: Vec<String> =
        items.iter().flat_map(|item| fields(item.value)).map(|(name, _)| name.to_owned()).collect();
    let rank = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    names.sort_by(|one, other| (rank(one), one).cmp(&(rank(other), other)));
    names.dedup();
    names.retain(|name| name != EXTRA);
    names.push(EXTRA.to_owned());
    names
}

fn fields(value: &Value) -> Vec<(&str, &Value)> {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.as_str(), value)).collect(),
        other => vec![(VALUE, other)],
    }
}

fn csv_line(columns: &[String], value: &Value) -> String {
    let mut fields: BTreeMap<&str, &Value> = fields(value).into_iter().collect();
    let own: Vec<String> = columns
        .iter()
        .take(columns.len() - 1)
        .map(|name| fields.remove(name.as_str()).map_or_else(String::new, cell))
        .collect();
    let extra = if fields.is_empty() { String::new() } else { serde_json::to_string(&fields).unwrap_or_default() };
    row(own.iter().map(String::as_str).chain([extra.as_str()]))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut line = cells.map(quoted).collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

/// As RFC 4180 has it, but a line of the file is always one value: line ends within a text become spaces.
fn quoted(cell: &str) -> String {
    let cell = cell.replace(['\r', '\n'], " ");
    if cell.contains([',', '"']) || cell != cell.trim() { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

/// The columns that the first line names.
fn header(file: &mut File) -> io::Result<Vec<String>> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    io::Read::by_ref(file).take(64 << 10).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(unquoted(text.lines().next().unwrap_or_default()))
}

fn unquoted(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut inside) = (Vec::new(), String::new(), false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if inside && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            '"' => inside = !inside,
            ',' if !inside => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}
