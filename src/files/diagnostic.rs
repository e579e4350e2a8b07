//! Faults of a user's file: what, where, what was expected, what to do. Rendered as a compiler would.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// So many faults of one file are shown.
const MOST_SHOWN: usize = 50;

/// So many names that would have been right are listed.
const MOST_NAMES: usize = 20;

/// A file that is being checked. A report holds on to it, to show the line.
#[derive(Debug)]
pub struct SourceFile {
    /// As the user named it, relative to the site folder.
    pub path: PathBuf,
    /// Its whole text.
    pub text: String,
}

impl SourceFile {
    /// A file that was read, or made up by a test.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<SourceFile> {
        Arc::new(SourceFile { path: path.into(), text: text.into() })
    }

    /// The place of a top-level key; the file as a whole if it is not there.
    #[must_use]
    pub fn key(&self, key: &str) -> Place {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            if line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':')) {
                return Place::of_bytes(&self.text, start, key.len());
            }
            start += line.len();
        }
        Place::default()
    }
}

/// A stretch of a file: line and column from 1, and the bytes it covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Line, from 1; 0: the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many bytes to underline.
    pub len: usize,
}

impl Place {
    /// The place of a byte range of `text`.
    #[must_use]
    pub fn of_bytes(text: &str, start: usize, len: usize) -> Place {
        let start = start.min(text.len());
        let before = &text.as_bytes()[..start];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let column = text.get(line_start..start).map_or(1, |s| s.chars().count() + 1);
        Place { line, column, len }
    }

    /// The line and column (in characters, from 1) just behind this place; its own for the file as a whole.
    #[must_use]
    pub fn end(self, text: &str) -> (usize, usize) {
        let Some(start) = self.offset(text) else { return (self.line, self.column) };
        let end = (start + self.len).min(text.len());
        let end = (start..=end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(start);
        let within = &text[start..end];
        match within.rfind('\n') {
            Some(last) => (self.line + within.matches('\n').count(), within[last + 1..].chars().count() + 1),
            None => (self.line, self.column + within.chars().count()),
        }
    }

    /// Where this place begins in `text`, in bytes; `None` for the file as a whole.
    #[must_use]
    pub fn offset(self, text: &str) -> Option<usize> {
        let line = text.split_inclusive('\n').nth(self.line.checked_sub(1)?);
        let start: usize = text.split_inclusive('\n').take(self.line - 1).map(str::len).sum();
        let line = line.unwrap_or("");
        let within = line.char_indices().nth(self.column.saturating_sub(1)).map_or(line.trim_end().len(), |(at, _)| at);
        Some(start + within)
    }
}

/// Whether the file can be used all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file loads; this is probably not what was meant.
    Warning,
    /// The file is refused.
    Error,
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// In which file.
    pub file: Arc<SourceFile>,
    /// Where.
    pub place: Place,
    /// What is wrong and what was expected: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// All faults of one check, in the order found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The faults.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Adds an error; the last one's help can be set on what is returned.
    pub fn error(&mut self, file: &Arc<SourceFile>, place: Place, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Error, file, place, message.into())
    }

    /// Adds a warning.
    pub fn warning(&mut self, file: &Arc<SourceFile>, place: Place, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Warning, file, place, message.into())
    }

    fn add(&mut self, severity: Severity, file: &Arc<SourceFile>, place: Place, message: String) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic { severity, file: file.clone(), place, message, help: None });
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last]
    }

    /// Takes over another report's faults.
    pub fn extend(&mut self, other: Report) {
        self.diagnostics.extend(other.diagnostics);
    }

    /// Puts the faults from number `first` on, which are those of one file, in the order of their places; what is said
    /// twice of one place is said once.
    pub fn settle(&mut self, first: usize) {
        let mut faults = self.diagnostics.split_off(first);
        faults.sort_by_key(|fault| (fault.place.line, fault.place.column));
        for fault in faults {
            let here = self.diagnostics[first..].iter().rev().take_while(|known| known.place.line == fault.place.line);
            if !here.into_iter().any(|known| known.place == fault.place && known.message == fault.message) {
                self.diagnostics.push(fault);
            }
        }
    }

    /// How many errors there are.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.diagnostics.len() - self.errors()
    }

    /// Every fault as a compiler shows it, with colours if asked; of one file at most 50.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let mut text = String::new();
        let same_file = |a: &Diagnostic, b: &Diagnostic| a.file.path == b.file.path;
        for faults in self.diagnostics.chunk_by(same_file) {
            faults.iter().take(MOST_SHOWN).for_each(|fault| text += &(fault.render(colour) + "\n"));
            if let Some(more) = faults.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
                text += &format!("{}: and {more} more\n", faults[0].file.path.display());
            }
        }
        text
    }
}

impl Diagnostic {
    /// Sets what to do about it.
    pub fn help(&mut self, help: impl Into<String>) {
        self.help = Some(help.into());
    }

    /// Proposes the nearest of the names that would have been right, or lists them.
    pub fn did_you_mean<'a>(&mut self, given: &str, names: impl IntoIterator<Item = &'a str>) {
        self.help = Diagnostic::proposal(given, names);
    }

    /// The nearest of the names that would have been right, or all of them.
    pub(super) fn proposal<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let names: Vec<&str> = names.into_iter().collect();
        match closest(given, names.iter().copied()) {
            Some(name) => Some(format!("did you mean `{name}`?")),
            None if names.is_empty() => None,
            None => {
                let more = if names.len() > MOST_NAMES { ", …" } else { "" };
                Some(format!(
                    "there is: {}{more}",
                    names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ")
                ))
            }
        }
    }

    /// The fault with its line and a caret.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let path = self.file.path.display().to_string();
        let title = level.primary_title(self.message.as_str());
        let mut group = match self.place.offset(&self.file.text) {
            Some(start) => {
                let line_end = self.file.text[start..].find('\n').map_or(self.file.text.len(), |at| start + at);
                let end = (start + self.place.len.max(1)).min(line_end.max(start));
                let end = (start..=end).rev().find(|at| self.file.text.is_char_boundary(*at)).unwrap_or(start);
                title.element(
                    Snippet::source(self.file.text.as_str())
                        .path(path)
                        .annotation(AnnotationKind::Primary.span(start..end)),
                )
            }
            None => title.element(annotate_snippets::Origin::path(path)),
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        if colour { Renderer::styled().render(&[group]) } else { Renderer::plain().render(&[group]) }
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

/// One line, for logs: `rules/heat.yaml:3:7: unknown key …`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.path.display())?;
        if self.place.line > 0 {
            write!(f, ":{}:{}", self.place.line, self.place.column)?;
        }
        write!(f, ": {}", self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// For editors: `{"severity","file","line","column","end_line","end_column","message","help"}`. Lines and columns count from 1,
/// columns in characters; the end is just behind the last one. The file as a whole has 0 in all four.
impl Serialize for Diagnostic {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = to.serialize_struct("Diagnostic", 8)?;
        out.serialize_field("severity", &self.severity)?;
        out.serialize_field("file", &self.file.path)?;
        out.serialize_field("line", &self.place.line)?;
        out.serialize_field("column", &self.place.column)?;
        let (end_line, end_column) = self.place.end(&self.file.text);
        out.serialize_field("end_line", &end_line)?;
        out.serialize_field("end_column", &end_column)?;
        out.serialize_field("message", &self.message)?;
        out.serialize_field("help", &self.help)?;
        out.end()
    }
}

/// The name nearest to `given`, if it is near enough to be a slip of the fingers.
pub fn closest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(given, name), name))
        .filter(|(distance, name)| *distance <= 1.max(name.len().min(given.len()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editors_are_told_where_a_fault_ends() {
        let file = SourceFile::new("rules/x.yaml", "a: 1\r\n°C: é and\n  more\n");
        let mut report = Report::default();
        report.error(&file, Place { line: 2, column: 1, len: "°C".len() }, "x").help("y");
        report.error(&file, Place::of_bytes(&file.text, 11, "é and\n  more".len()), "x");
        report.warning(&file, Place { line: 3, column: 3, len: 99 }, "x");
        report.warning(&file, Place::default(), "x");
        let json = serde_json::to_value(&report.diagnostics).expect("it is data");
        let ends =
            |at: usize| ["line", "column", "end_line", "end_column"].map(|key| json[at][key].as_u64().expect(key));
        assert_eq!(
            [ends(0), ends(1), ends(2), ends(3)],
            [[2, 1, 2, 3], [2, 5, 3, 7], [3, 3, 4, 1], [0, 0, 0, 0]],
            "{json}"
        );
        assert_eq!(
            (&json[0]["severity"], &json[0]["file"], &json[0]["help"]),
            (&"error".into(), &"rules/x.yaml".into(), &"y".into())
        );
    }

    #[test]
    fn faults_of_a_file_come_in_the_order_of_their_places_and_once() {
        let file = SourceFile::new("x.yaml", "a: 1\nb: 2\n");
        let mut report = Report::default();
        report.error(&file, Place::default(), "of another file");
        for (line, message) in [(2, "b"), (1, "a"), (2, "b"), (0, "whole"), (2, "c")] {
            report.error(&file, Place { line, column: line, len: 1 }, message);
        }
        report.settle(1);
        let messages: Vec<&str> = report.diagnostics.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(messages, ["of another file", "whole", "a", "b", "c"]);
    }
}
