//! Where a character of a YAML scalar stands in its file: a script's fault is shown at the place where the user wrote it.

use crate::files::{Place, SourceFile, Spanned};

/// The place of line and column (from 1) of a scalar's text; the scalar's own place if that cannot be told.
pub(in crate::rules) fn place(file: &SourceFile, scalar: &Spanned<String>, line: usize, column: usize) -> Place {
    let at = if literal(file, scalar) {
        let blank = scalar.value.lines().take_while(|line| line.trim().is_empty()).count();
        let line = (scalar.place.line + line).saturating_sub(blank + 1).max(1);
        Place { line, column: scalar.place.column + column - 1, len: 1 }.offset(&file.text)
    } else {
        within(file, scalar, line, column)
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

/// Whether the scalar is a literal block (`|`), whose lines stand in the file as they are.
fn literal(file: &SourceFile, scalar: &Spanned<String>) -> bool {
    let lines: Vec<&str> = file.text.lines().take(scalar.place.line.saturating_sub(1)).collect();
    let header = lines.iter().rev().find(|line| !line.trim().is_empty());
    let bare = header.map_or("", |line| line.split(" #").next().unwrap_or(line).trim_end());
    bare.trim_end_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit()).ends_with('|')
}

fn within(file: &SourceFile, scalar: &Spanned<String>, line: usize, column: usize) -> Option<usize> {
    let start = scalar.place.offset(&file.text)?;
    let raw = file.text.get(start..start + scalar.place.len)?;
    let read = match raw.chars().next()? {
        quote @ ('\'' | '"') => quoted(raw, quote),
        _ => plain(raw),
    };
    let index = scalar.value.split_inclusive('\n').take(line - 1).map(|line| line.chars().count()).sum::<usize>();
    let index = index + column - 1;
    // A style that was misread would show a wrong place: the text itself tells.
    let same = read.iter().zip(scalar.value.chars()).take(index + 1).all(|((_, got), wanted)| *got == wanted);
    let end = start + raw.trim_end().len();
    same.then(|| read.get(index).map_or(end, |(at, _)| start + at))
}

/// Each character of a plain scalar and its byte; lines are folded.
fn plain(raw: &str) -> Vec<(usize, char)> {
    let mut read: Vec<(usize, char)> = Vec::new();
    let mut letters = raw.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\n' {
            fold(&mut read, at, &mut letters);
        } else {
            read.push((at, letter));
        }
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
        '\n' => {
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
        ] {
            let file = SourceFile::new("r.yaml", text);
            let spec: RuleSpec = read(&file, &mut Report::default()).expect(text);
            let found = find(&file, &spec.each.expect(text), "HERE").expect(text);
            assert_eq!((found.line, found.column, found.len), (line, column, 4), "{text}");
        }
    }
}
