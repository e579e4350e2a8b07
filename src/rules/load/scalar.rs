//! Where a character of a YAML scalar stands in its file: a script's fault is shown at the place where the user wrote it.

use crate::files::{Place, SourceFile, Spanned};

/// The place of line and column (from 1) of a scalar's text; the scalar's own place if that cannot be told.
pub(in crate::rules) fn place(file: &SourceFile, scalar: &Spanned<String>, line: usize, column: usize) -> Place {
    let (line, column) = inside(&scalar.value, line, column);
    let block = block(file, scalar);
    let at = if block == Some('|') {
        let blank = scalar.value.lines().take_while(|line| line.trim().is_empty()).count();
        let line = (scalar.place.line + line).saturating_sub(blank + 1).max(1);
        Place { line, column: scalar.place.column + column - 1, len: 1 }.offset(&file.text)
    } else {
        within(file, scalar, block.is_some(), line, column)
    };
    let Some(at) = at else { return scalar.place };
    let word = |c: &char| c.is_alphanumeric() || *c == '_';
    let rest = file.text.get(at..).unwrap_or_default();
    let len = rest.chars().take_while(word).map(char::len_utf8).sum::<usize>().max(1);
    Place::of_bytes(&file.text, at, len)
}

/// The place of a piece of a scalar's text, if it is there as a word of its own.
pub(super) fn find(file: &SourceFile, scalar: &Spanned<String>, piece: &str) -> Option<Place> {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let mut found = scalar.value.match_indices(piece).filter(|(at, _)| ends(&scalar.value[at + piece.len()..]));
    let before = &scalar.value[..found.next()?.0];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let at = place(file, scalar, before.matches('\n').count() + 1, before[start..].chars().count() + 1);
    Some(Place { len: piece.len(), ..at })
}

/// What is missed at the end of a script is missed behind its last word.
fn inside(text: &str, line: usize, column: usize) -> (usize, usize) {
    let bare = text.trim_end();
    let last = bare.lines().count().max(1);
    if line <= last {
        return (line, column);
    }
    (last, bare.lines().last().map_or(1, |line| line.chars().count() + 1))
}

/// The sign of a block scalar: of a literal one (`|`) the lines stand in the file as they are, of a folded one (`>`)
/// some are joined.
fn block(file: &SourceFile, scalar: &Spanned<String>) -> Option<char> {
    let lines: Vec<&str> = file.text.lines().take(scalar.place.line.saturating_sub(1)).collect();
    let header = lines.iter().rev().find(|line| !line.trim().is_empty());
    let bare = header.map_or("", |line| line.split(" #").next().unwrap_or(line).trim_end());
    let bare = bare.trim_end_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit());
    // A text that begins in a line of its own and no block ends with `:` or `-`.
    bare.chars().next_back().filter(|sign| matches!(sign, '|' | '>'))
}

fn within(file: &SourceFile, scalar: &Spanned<String>, folded: bool, line: usize, column: usize) -> Option<usize> {
    let start = scalar.place.offset(&file.text)?;
    let raw = file.text.get(start..start + scalar.place.len)?;
    let read = match raw.chars().next()? {
        _ if folded => unfolded(raw, scalar.place.column - 1),
        quote @ ('\'' | '"') => quoted(raw, quote),
        _ => plain(raw),
    };
    let index = scalar.value.split_inclusive('\n').take(line - 1).map(|line| line.chars().count()).sum::<usize>();
    // The place of a block is that of its first word; empty lines before it are in the text alone.
    let text = if folded { scalar.value.trim_start_matches('\n') } else { &scalar.value };
    let index = (index + column).checked_sub(1 + scalar.value.len() - text.len())?;
    // A style that was misread would show a wrong place: the text itself tells.
    let same = read.iter().zip(text.chars()).take(index + 1).all(|((_, got), wanted)| *got == wanted);
    let end = start + raw.trim_end().len();
    same.then(|| read.get(index).map_or(end, |(at, _)| start + at))
}

/// Each character of a plain scalar and its byte; lines are folded.
fn plain(raw: &str) -> Vec<(usize, char)> {
    let mut read: Vec<(usize, char)> = Vec::new();
    let mut letters = raw.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\r' => {}
            '\n' => fold(&mut read, at, &mut letters),
            _ => read.push((at, letter)),
        }
    }
    read
}

/// Each character of a folded block (`>`) and its byte: a line's end becomes a space, unless a line beside it is
/// indented deeper or empty.
fn unfolded(raw: &str, indent: usize) -> Vec<(usize, char)> {
    let mut read: Vec<(usize, char)> = Vec::new();
    let (mut at, mut ends, mut deeper) = (0, Vec::new(), false);
    for (number, whole) in raw.split_inclusive('\n').enumerate() {
        // The first line begins behind its indentation.
        let skip = if number == 0 { 0 } else { whole.len().min(indent) };
        let line = whole.get(skip..).unwrap_or_default().trim_end_matches(['\n', '\r']);
        let end = at + skip + line.len();
        if !line.trim().is_empty() {
            let deep = line.starts_with([' ', '\t']);
            match ends.as_slice() {
                [] => {}
                [only] if !deep && !deeper => read.push((*only, ' ')),
                all if deep || deeper => read.extend(all.iter().map(|end| (*end, '\n'))),
                [_, more @ ..] => read.extend(more.iter().map(|end| (*end, '\n'))),
            }
            read.extend(line.char_indices().map(|(byte, letter)| (at + skip + byte, letter)));
            (ends, deeper) = (Vec::new(), deep);
        }
        ends.push(end);
        at += whole.len();
    }
    read
}

/// Folds a line's end and the indentation after it: one becomes a space, more become one less.
fn fold(read: &mut Vec<(usize, char)>, at: usize, letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) {
    while read.last().is_some_and(|(_, letter)| *letter == ' ' || *letter == '\t') {
        read.pop();
    }
    let mut more = 0;
    while let Some((_, letter)) = letters.next_if(|(_, letter)| letter.is_whitespace()) {
        more += usize::from(letter == '\n');
    }
    match more {
        0 => read.push((at, ' ')),
        _ => read.extend(std::iter::repeat_n((at, '\n'), more)),
    }
}

/// Each character of a quoted scalar and its byte.
fn quoted(raw: &str, quote: char) -> Vec<(usize, char)> {
    let mut read = Vec::new();
    let mut letters = raw.char_indices().peekable();
    letters.next();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (_, '\r') => {}
            (_, '\n') => fold(&mut read, at, &mut letters),
            ('\'', '\'') if letters.next_if(|(_, next)| *next == '\'').is_some() => read.push((at, '\'')),
            (_, end) if end == quote => break,
            ('"', '\\') => read.extend(escaped(&mut letters).map(|letter| (at, letter))),
            _ => read.push((at, letter)),
        }
    }
    read
}

/// What stands behind a `\`; `None` where it joins two lines.
fn escaped(letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> Option<char> {
    let digits = match letters.next()?.1 {
        '\r' | '\n' => {
            while letters.next_if(|(_, letter)| letter.is_whitespace()).is_some() {}
            return None;
        }
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        '0' => return Some('\0'),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        other => return Some(other),
    };
    let text: String = letters.take(digits).map(|(_, digit)| digit).collect();
    u32::from_str_radix(&text, 16).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Report, read};
    use crate::rules::RuleSpec;

    #[test]
    fn every_style_of_scalar_knows_where_a_word_stands() {
        for (text, line, column) in [
            ("each: one HERE\n", 1, 11),
            ("each: one\n  two HERE\n", 2, 7),
            ("each: 'it''s HERE'\n", 1, 14),
            ("each: \"a\\\"\\u00e9 HERE\"\n", 1, 18),
            ("each: \"a \\\n  b HERE\"\n", 2, 5),
            ("each: | # why\n\n  one\n\n    HERE\n", 5, 5),
            ("each: |-\n  é HERE\n", 2, 5),
            ("each: >\n  one\n  HERE\n", 3, 3),
            ("each: >\n\n  one\n  two\n\n\n    three\n   four\n  five\n\n  six HERE\n", 11, 7),
            ("each: >-\r\n  one\r\n  HERE\r\n", 3, 3),
            ("each: \"one\r\n  two\\\r\n  HERE\"\r\n", 3, 3),
            ("each: 'one\r\n\r\n  HERE'\r\n", 3, 3),
        ] {
            let file = SourceFile::new("r.yaml", text);
            let spec: RuleSpec = read(&file, &mut Report::default()).expect(text);
            let found = find(&file, &spec.each.expect(text), "HERE").expect(text);
            assert_eq!((found.line, found.column, found.len), (line, column, 4), "{text}");
        }
    }
}
