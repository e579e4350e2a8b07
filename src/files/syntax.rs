//! A text that is no YAML: what the parser stumbled over, said as the slip that it probably was.

use serde_saphyr::granit_parser::{ErrorKind, ScanError};

use super::Place;
use super::blanks::{odd_space, tab};
use super::lines::{Lines, indent, key_of};

/// What is wrong, and where the cause is: not always where the parser noticed it.
#[derive(Debug)]
pub(super) struct SyntaxFault {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The line of a key whose text is not all there for it.
    pub(super) damages: Option<usize>,
}

/// The parser's error in plain words.
pub(super) fn explain(text: &str, error: &ScanError) -> SyntaxFault {
    let at = Spot::new(text, error);
    let causes: [fn(&Spot<'_>) -> Option<SyntaxFault>; 10] = [
        tab,
        odd_space,
        no_space_after_colon,
        out_of_block,
        unclosed_bracket,
        unclosed_quote,
        colon,
        indentation,
        first_letter,
        others,
    ];
    causes.iter().find_map(|cause| cause(&at)).unwrap_or_else(|| at.here(1, error.info(), None))
}

/// The place of an error in its text.
pub(super) struct Spot<'t> {
    pub(super) lines: Lines<'t>,
    pub(super) kind: &'t ErrorKind,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl<'t> Spot<'t> {
    fn new(text: &'t str, error: &'t ScanError) -> Spot<'t> {
        let lines = Lines::new(text);
        let (line, column) = (error.marker().line(), error.marker().col() + 1);
        // At the end of the file: the last line that has anything.
        match line <= lines.count() {
            true => Spot { lines, kind: error.kind(), line, column },
            false => {
                let line = lines.before(line).unwrap_or(1);
                let column = lines.get(line).chars().count().max(1);
                Spot { lines, kind: error.kind(), line, column }
            }
        }
    }

    pub(super) fn text(&self) -> &'t str {
        self.lines.get(self.line)
    }

    /// The line from the error on.
    fn rest(&self) -> &'t str {
        let text = self.text();
        text.char_indices().nth(self.column - 1).map_or("", |(at, _)| &text[at..])
    }

    fn here(&self, len: usize, message: impl Into<String>, help: Option<String>) -> SyntaxFault {
        fault(self.line, self.column, len, message, help)
    }

    /// The whole of a line's text.
    fn at_line(&self, line: usize, message: impl Into<String>, help: Option<String>) -> SyntaxFault {
        let text = self.lines.get(line);
        let bare = text.trim();
        let column = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
        fault(line, column, bare.len().max(1), message, help)
    }

    /// A value in its line: how to write it so that YAML leaves it alone.
    fn as_text(&self) -> String {
        as_text(self.text())
    }
}

pub(super) fn fault(
    line: usize,
    column: usize,
    len: usize,
    message: impl Into<String>,
    help: Option<String>,
) -> SyntaxFault {
    SyntaxFault { place: Place { line, column, len }, message: message.into(), help, damages: None }
}

/// How to write the value of a line so that YAML leaves it alone.
pub(super) fn as_text(line: &str) -> String {
    let bare = line.trim().trim_start_matches("- ");
    let (key, value) = match key_of(line) {
        Some(key) => (Some(key), bare.get(key.len() + 1..).unwrap_or_default().trim()),
        None => (None, bare),
    };
    let script = ["(", ";", "==", "&&", "||", "msg.", "${"].iter().any(|sign| value.contains(sign));
    match key {
        Some(key) if script => format!("write `{key}: |` and the script below it, indented"),
        Some(key) if value.len() < 50 && !value.is_empty() && !value.contains(['"', '\\']) => {
            format!("put it into quotes: `{key}: \"{value}\"`")
        }
        _ => "put it into quotes".to_owned(),
    }
}

fn no_space_after_colon(at: &Spot<'_>) -> Option<SyntaxFault> {
    if !matches!(
        at.kind,
        ErrorKind::SimpleKeyExpected | ErrorKind::MappingValueNotAllowed | ErrorKind::ExpectedBlockMappingKey
    ) {
        return None;
    }
    // `when:msg.x > 1` alone is a text, and goes on in the next line, where the parser finds a colon.
    let joined = |above: &usize| {
        let (above, own) = (at.lines.get(*above), at.text());
        indent(above).0 == indent(own).0 && !above.trim_start().starts_with("- ")
    };
    let mut lines = [Some(at.line), at.lines.before(at.line).filter(joined)].into_iter().flatten();
    lines.find_map(|line| {
        let text = at.lines.get(line);
        let (key, value) = glued(text)?;
        let column = text.find(key).map_or(1, |start| text[..start].chars().count() + 1);
        let value: String = value.chars().take(30).collect();
        Some(fault(
            line,
            column,
            key.len() + 1,
            "a space is missing after the colon",
            Some(format!("write `{key}: {value}`")),
        ))
    })
}

/// `key:value`, and no other key in this line.
pub(super) fn glued(line: &str) -> Option<(&str, &str)> {
    let bare = line.trim().trim_start_matches("- ");
    let (key, value) = bare.split_once(':')?;
    let word = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    (word && !value.is_empty() && !value.starts_with([' ', '\t', '/'])).then_some((key, value))
}

fn unclosed_bracket(at: &Spot<'_>) -> Option<SyntaxFault> {
    use ErrorKind::{
        ExpectedFlowMappingSeparator, ExpectedFlowSequenceSeparator, InvalidColonPlacement,
        MismatchedFlowCollectionEnd, MisplacedFlowCollectionEnd, UnclosedFlowCollection, UnexpectedEofFlowMapping,
        UnexpectedEofFlowSequence,
    };
    match at.kind {
        MisplacedFlowCollectionEnd => {
            return Some(at.here(1, "this bracket closes nothing", Some("delete it, or open one before".to_owned())));
        }
        MismatchedFlowCollectionEnd { open, close } => {
            let message = format!("`{open}` is closed by `{close}`");
            let right = if *open == '[' { ']' } else { '}' };
            return Some(at.here(1, message, Some(format!("close it with `{right}`"))));
        }
        ExpectedFlowMappingSeparator
        | ExpectedFlowSequenceSeparator
        | InvalidColonPlacement
        | UnclosedFlowCollection { .. }
        | UnexpectedEofFlowMapping
        | UnexpectedEofFlowSequence => {}
        _ => return None,
    }
    let open = at.lines.open_bracket(at.line, at.column);
    if let Some((line, column, bracket)) =
        open.filter(|(line, ..)| *line < at.line || at.rest().starts_with(['[', '{']))
    {
        let right = if bracket == '[' { ']' } else { '}' };
        let message = format!("`{bracket}` is never closed");
        let help =
            format!("write the `{right}` where the {} ends", if bracket == '[' { "list" } else { "group of keys" });
        return Some(fault(line, column, 1, message, Some(help)));
    }
    let message = "a comma is missing before this";
    Some(at.here(1, message, Some("between brackets a comma separates values: `{a: 1, b: 2}`, `[1, 2]`".to_owned())))
}

fn unclosed_quote(at: &Spot<'_>) -> Option<SyntaxFault> {
    let quote = match at.kind {
        ErrorKind::UnclosedQuotedScalar => {
            let quote = at.rest().chars().next().unwrap_or('"');
            return Some(at.here(
                1,
                format!("this `{quote}` is never closed"),
                Some(format!("write `{quote}` where the text ends")),
            ));
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar => '\'',
        ErrorKind::InvalidTrailingDoubleQuotedScalar => '"',
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::DocumentIndicatorInQuotedScalar => '"',
        _ => return None,
    };
    // A quote that was left open ends at the next one, lines below.
    if let Some((line, column)) = at.lines.open_quote(at.line, quote) {
        let help = format!("write `{quote}` where the text ends");
        return Some(fault(line, column, 1, format!("this `{quote}` is not closed in its line"), Some(help)));
    }
    let message = "the text has ended with its quote, nothing can follow";
    let before = at.text().char_indices().nth(at.column.saturating_sub(2)).map_or("", |(end, _)| &at.text()[..end]);
    let help =
        if quote == '\'' && before.ends_with(char::is_alphanumeric) && at.rest().starts_with(char::is_alphanumeric) {
            "an apostrophe within '…' is written twice: ''".to_owned()
        } else {
            match key_of(at.text()) {
                Some(key) => {
                    format!("if the quotes belong to a script, write `{key}: |` and the script below it, indented")
                }
                None => "put the whole text into quotes".to_owned(),
            }
        };
    Some(at.here(at.rest().trim_end().len(), message, Some(help)))
}

fn colon(at: &Spot<'_>) -> Option<SyntaxFault> {
    if !matches!(at.kind, ErrorKind::MappingValueNotAllowed) {
        return None;
    }
    let before = &at.text()[..at.text().len() - at.rest().len()];
    if before.contains(": ") {
        let message = "`: ` within a text begins a value in YAML";
        return Some(at.here(1, message, Some(at.as_text())));
    }
    let above = at.lines.before(at.line)?;
    let (deep, above_deep) = (indent(at.text()).0, indent(at.lines.get(above)).0);
    match key_of(at.lines.get(above)) {
        Some(key) if deep > above_deep => {
            let message = format!("this line is indented deeper than `{key}` above, so it reads as more of its text");
            let help = match above_deep {
                0 => format!("begin it at the left edge, as `{key}`"),
                deep => format!("indent it by {}, as `{key}`", spaces(deep)),
            };
            Some(at.at_line(at.line, message, Some(help)))
        }
        None => {
            let message = "this is neither a key nor the text of one: a colon is missing";
            Some(at.at_line(above, message, Some("write `key: value`".to_owned())))
        }
        Some(_) => None,
    }
}

fn spaces(count: usize) -> String {
    match count {
        0 => "no spaces".to_owned(),
        1 => "1 space".to_owned(),
        more => format!("{more} spaces"),
    }
}

/// A line of a block text that is indented less than its first one.
fn out_of_block(at: &Spot<'_>) -> Option<SyntaxFault> {
    let (deep, _) = indent(at.text());
    let (opening, first) = at.lines.block_around(at.line)?;
    let key = key_of(at.lines.get(opening))?;
    let message = format!("the text of `{key}: |` begins with {}, this line with {}", spaces(first), spaces(deep));
    let told = at.at_line(at.line, message, Some("indent all its lines alike".to_owned()));
    Some(SyntaxFault { damages: Some(opening), ..told })
}

fn indentation(at: &Spot<'_>) -> Option<SyntaxFault> {
    use ErrorKind::{ExpectedBlockMappingKey, ExpectedBlockSequenceEntry, InvalidIndentation, SimpleKeyExpected};
    if !matches!(at.kind, ExpectedBlockMappingKey | ExpectedBlockSequenceEntry | InvalidIndentation | SimpleKeyExpected)
    {
        return None;
    }
    let (deep, blank) = indent(at.text());
    if at.column != blank.chars().count() + 1 {
        return None;
    }
    if let Some(owner) = at.lines.before(at.line).filter(|line| at.lines.opens_block(*line)) {
        let key = key_of(at.lines.get(owner)).unwrap_or("key");
        let message = format!("the text of `{key}: |` is not indented");
        return Some(at.at_line(
            at.line,
            message,
            Some("indent every line of it by two spaces more than the key".to_owned()),
        ));
    }
    let levels = at.lines.levels(at.line);
    if !levels.contains(&deep) {
        let levels: Vec<String> = levels.iter().map(usize::to_string).collect();
        let message = format!("this line is indented by {}, which fits no line above", spaces(deep));
        return Some(at.at_line(at.line, message, Some(format!("those above are indented by {}", levels.join(", ")))));
    }
    if matches!(at.kind, ExpectedBlockSequenceEntry) {
        let message = "the lines above are a list, this one is no item of it";
        return Some(at.at_line(
            at.line,
            message,
            Some("begin it with `- `, or indent it less if it is a key".to_owned()),
        ));
    }
    if at.text().trim_start().starts_with("- ") {
        let message = "a list item, `- …`, cannot stand between keys";
        return Some(at.at_line(at.line, message, Some("indent it, to put it under the key above".to_owned())));
    }
    let message = "this line is no `key: value`";
    Some(at.at_line(
        at.line,
        message,
        Some("a comment begins with `#`; a text of several lines is indented below `key: |`".to_owned()),
    ))
}

/// What the first letter of a value means in YAML.
fn first_letter(at: &Spot<'_>) -> Option<SyntaxFault> {
    use ErrorKind as K;
    let (message, help) = match at.kind {
        K::MissingAnchorOrAliasName | K::UnknownAnchor => {
            let sign = at.rest().chars().next().unwrap_or('*');
            let what = if sign == '&' { "an anchor" } else { "an alias, which stands for another value" };
            (format!("`{sign}` at the beginning of a value is {what} in YAML"), at.as_text())
        }
        K::UnexpectedCharacter { character } if character.is_control() => {
            ("this is a control character, which is no text".to_owned(), "delete it".to_owned())
        }
        K::UnexpectedCharacter { character } => (format!("`{character}` cannot begin a text in YAML"), at.as_text()),
        K::InvalidBlockScalarHeader => {
            let sign = at.rest().chars().next().unwrap_or('|');
            let kept = if sign == '|' { "with its lines" } else { "with its lines joined" };
            (format!("`{sign}` announces a text below, {kept}: nothing can follow in this line"), at.as_text())
        }
        K::BlockSequenceEntryNotAllowed | K::BlockEntryInFlowCollection => {
            let message = "`- ` begins a list item, which cannot stand here".to_owned();
            (message, "write the items in lines of their own below the key, or `[one, two]`".to_owned())
        }
        K::MappingKeyNotAllowed => ("`? ` begins a key in YAML".to_owned(), at.as_text()),
        K::ExpectedBlockMappingKey => {
            let message = "this cannot follow: what begins with `{` or `[` ends with its bracket in YAML".to_owned();
            (message, at.as_text())
        }
        _ => return None,
    };
    Some(at.here(1, message, Some(help)))
}

fn others(at: &Spot<'_>) -> Option<SyntaxFault> {
    use ErrorKind as K;
    let (message, help) = match at.kind {
        K::UnknownQuotedScalarEscape => {
            let rest: String = at.rest().chars().skip_while(|c| *c != '\\').take(2).collect();
            let message = match rest.is_empty() {
                true => "`\\` begins an escape within \"…\", and this one is unknown".to_owned(),
                false => format!("`{rest}` is no escape: `\\` means more than itself within \"…\""),
            };
            (message, "write `\\\\`, or put the text into '…', where `\\` is just that".to_owned())
        }
        K::CommentNotSeparated => ("a space is missing before the `#` of the comment".to_owned(), String::new()),
        K::FlowMappingValueAdjacentCollection => ("a space is missing after the colon".to_owned(), String::new()),
        K::UnexpectedEofImplicitFlowMapping => {
            ("a value is missing here, or a colon or comma is too much".to_owned(), String::new())
        }
        K::CommentInterceptedScalar => (
            "a comment stands within a text that goes on in the next line".to_owned(),
            "is a colon missing after a key? else put the comment into a line of its own".to_owned(),
        ),
        K::ExpectedDocumentStart => (
            "this cannot follow: what the file began with has ended above".to_owned(),
            "a file is one group of keys, `key: value`, without brackets around it".to_owned(),
        ),
        K::UnexpectedEofBlockMapping | K::UnexpectedEofBlockSequence | K::UnexpectedEof | K::ExpectedNodeContent => (
            "this cannot stand here: a key or a value is expected".to_owned(),
            "put a text that begins with such a sign into quotes".to_owned(),
        ),
        K::RecursionLimitExceeded => ("values are nested too deep".to_owned(), String::new()),
        _ => return None,
    };
    let at_escape = at.rest().find('\\').filter(|_| matches!(at.kind, K::UnknownQuotedScalarEscape));
    let skip = at_escape.map_or(0, |start| at.rest()[..start].chars().count());
    let len = if at_escape.is_some() { 2 } else { 1 };
    let help = Some(help).filter(|help| !help.is_empty());
    Some(fault(at.line, at.column + skip, len, message, help))
}
