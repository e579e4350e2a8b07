//! From a file to a spec: the tree is read, what is wrong with it is reported and taken out, and the rest is read again,
//! until nothing is wrong any more. So one report has every fault of a file.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use serde_saphyr::granit_parser::ScanError;

use super::de::spec;
use super::fault::{Fault, What};
use super::gaps::{ALL, Gap};
use super::lines::{Lines, key_of};
use super::node::{Broken, Kind, Node, Odd, tree};
use super::syntax::{as_text, explain, glued};
use super::wording::{strangers, tell};
use super::{Gaps, Place, Report, Severity, SourceFile, traps};

/// So many faults of one file are looked for.
const MOST: usize = 100;

/// Reads YAML into a spec; `None` if there was any fault. All of them are reported, in the order of their places. An
/// empty file reads as an empty map.
pub fn read<T: DeserializeOwned>(file: &Arc<SourceFile>, report: &mut Report) -> Option<T> {
    let first = report.diagnostics.len();
    let read = read_with_gaps(file, report);
    report.settle(first);
    let fine = report.diagnostics[first..].iter().all(|fault| fault.severity < Severity::Error);
    read.filter(|_| fine).map(|(spec, _)| spec)
}

/// Reads YAML into a spec, and what is wrong is left out and reported, so that the rest can be checked as well: the
/// caller MUST refuse the file if the gaps are not empty. `None` if nothing is left.
pub fn read_with_gaps<T: DeserializeOwned>(file: &Arc<SourceFile>, report: &mut Report) -> Option<(T, Gaps)> {
    let mut reading = Reading { file, report, gaps: Gaps::default(), damaged: Vec::new(), faults: 0 };
    let spec = reading.whole();
    let gaps = reading.gaps;
    spec.map(|spec| (spec, gaps))
}

/// One file on its way to a spec.
struct Reading<'r> {
    file: &'r Arc<SourceFile>,
    report: &'r mut Report,
    gaps: Gaps,
    /// Lines of keys whose text was no YAML in part.
    damaged: Vec<usize>,
    faults: usize,
}

impl Reading<'_> {
    fn whole<T: DeserializeOwned>(&mut self) -> Option<T> {
        if let Some(place) = conflict(&self.file.text) {
            let message = "a git conflict is not resolved here";
            self.report.error(self.file, place, message).help("keep one of the two versions, and delete the marks");
            return None;
        }
        let file = self.file.clone();
        let mut text = Cow::Borrowed(file.text.as_str());
        loop {
            match tree(&text) {
                Ok((mut root, odd)) => {
                    for (id, key) in traps::look(&file, &root, self.report) {
                        self.take_out(&mut root, id, key.as_slice());
                    }
                    for line in std::mem::take(&mut self.damaged) {
                        while let Some((id, key)) = root.value_of_line(line) {
                            self.take_out(&mut root, id, &[key]);
                        }
                    }
                    odd.into_iter().take(MOST).for_each(|odd| self.odd(&mut root, odd));
                    return self.spec(root);
                }
                Err(Broken::Refused(place, message)) => {
                    let fault = self.report.error(&file, place, message);
                    if message.contains("---") {
                        fault.help("make what follows a file of its own, or delete it");
                    }
                    return None;
                }
                Err(Broken::Syntax(error)) => text = Cow::Owned(self.syntax(&text, &error)?),
            }
        }
    }

    /// Reports what is no YAML, and returns the text without it; `None` if it goes on and on.
    fn syntax(&mut self, text: &str, error: &ScanError) -> Option<String> {
        let fault = explain(text, error);
        let lines = Lines::new(text);
        let out = lines.to_leave_out(fault.place.line, |rest| match tree(rest) {
            Err(Broken::Syntax(error)) => Some(error.marker().line()),
            _ => None,
        });
        let (left_out, range) = (lines.text_of(out.clone()), (*out.start(), *out.end()));
        self.damaged.extend(fault.damages);
        let key = |line| key_of(line).or(glued(line).map(|(key, _)| key));
        let keys = left_out.lines().filter_map(|line| key(line).or(line.split_whitespace().next()));
        let keys = keys.map(str::to_owned).collect();
        let before = self.gaps.0.last().and_then(|gap| gap.lines).map(|(_, last)| last);
        // Where in the file it belongs is not known.
        self.gaps.0.push(Gap { keys, text: left_out.to_owned(), top: None, within: ALL, lines: Some(range) });
        // The lines below that are as wrong as this one: one slip, told once.
        let last = self.report.diagnostics.last().filter(|_| before.is_some());
        let same = last.is_some_and(|told| told.message == fault.message) && lines.before(range.0) <= before;
        if !same {
            self.report.error(self.file, fault.place, fault.message).help = fault.help;
        }
        self.faults += MOST / 20;
        (self.faults < MOST).then(|| lines.without(out))
    }

    /// A key that is there twice or a tag: the tree can be read, but not as it is meant.
    fn odd(&mut self, root: &mut Node<'_>, odd: Odd) {
        match odd {
            Odd::Twice(id, first) => {
                let Some(found) = root.find(id) else { return };
                let message = format!("the key `{}` is here twice", found.node.text().unwrap_or_default());
                let help = format!("the first one is in line {}: keep one of them", first.line);
                self.report.error(self.file, found.node.place, message).help(help);
                self.take_out(root, id, &[]);
            }
            Odd::Tag(tag, place) => {
                let message = format!("`{tag}` is a tag in YAML, and no part of the text");
                self.no_text(place, message);
            }
            Odd::Brackets(place) => {
                let open =
                    self.file.text[place.offset(&self.file.text).unwrap_or(0)..].chars().take(2).collect::<String>();
                self.no_text(place, format!("`{open}` begins a group of keys or a list in YAML, and this is none"));
            }
        }
    }

    /// Something that is meant as a text, and is none in YAML.
    fn no_text(&mut self, place: Place, message: String) {
        let line = self.file.text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        self.report.error(self.file, place, message).help(as_text(line));
        let keys = key_of(line).map(str::to_owned).into_iter().collect();
        self.gaps.0.push(Gap { keys, text: String::new(), top: None, within: ALL, lines: None });
    }

    fn spec<T: DeserializeOwned>(&mut self, mut root: Node<'_>) -> Option<T> {
        if root.is_nothing() {
            root.kind = Kind::Map { entries: Vec::new(), flow: false };
        }
        loop {
            match spec(&root) {
                Ok(spec) => return Some(spec),
                Err(fault) => self.fault(&mut root, &fault)?,
            }
        }
    }

    /// Reports a fault and takes out what it is about; `None` if that is the whole file.
    fn fault(&mut self, root: &mut Node<'_>, fault: &Fault) -> Option<()> {
        let found = root.find(fault.at?)?;
        let (id, is_root) = (found.node.id, found.parent.is_none());
        if let Some(told) = strangers(found, &fault.what) {
            let parent = found.parent?.id;
            self.faults += 1;
            self.report.error(self.file, told.place, told.message).help = told.help;
            self.take_out(root, parent, &told.lost);
            return Some(());
        }
        let mut lost = found.key.or(Some(found.node)).and_then(Node::text).map(str::to_owned).into_iter().collect();
        let lines = self.lines((found.key.unwrap_or(found.node).bytes.0, found.node.bytes.1));
        let follows = matches!(fault.what, What::MissingKey(key) if self.gaps.key_in_lines(lines, key));
        if let Some(told) = tell(found, &fault.what, &self.file.text).filter(|_| !follows) {
            self.faults += 1;
            lost = told.lost;
            self.report.error(self.file, told.place, told.message).help = told.help;
        }
        if self.faults >= MOST {
            self.report.error(self.file, Place::default(), "has too many faults: no more are looked for");
            return None;
        }
        if is_root {
            return None;
        }
        self.take_out(root, id, &lost);
        Some(())
    }

    fn take_out(&mut self, root: &mut Node<'_>, id: u32, lost: &[String]) {
        if let Some(found) = root.find(id) {
            let (start, end) = found.bytes();
            let text = self.file.text.get(start..end).unwrap_or_default().to_owned();
            let within = match found.parent {
                Some(parent) if parent.id != root.id => {
                    let key = root.find(parent.id).and_then(|found| found.key).unwrap_or(parent);
                    self.lines((key.bytes.0, parent.bytes.1))
                }
                _ => ALL,
            };
            let top = root.top_key(id).map(str::to_owned);
            self.gaps.0.push(Gap { keys: lost.to_vec(), text, top, within, lines: None });
        }
        root.remove(id, lost);
    }

    fn lines(&self, (start, end): (usize, usize)) -> (usize, usize) {
        let line = |at: usize| self.file.text.bytes().take(at).filter(|b| *b == b'\n').count() + 1;
        (line(start), line(end))
    }
}

/// The first mark of a merge that git could not do.
fn conflict(text: &str) -> Option<Place> {
    if !text.contains("<<<<<<< ") || !text.contains("\n>>>>>>> ") {
        return None;
    }
    let line = text.lines().position(|line| line.starts_with("<<<<<<< "))? + 1;
    Some(Place { line, column: 1, len: 7 })
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
