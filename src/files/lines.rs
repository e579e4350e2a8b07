//! The lines of a YAML text, for what has to be told before YAML can be read: indentation, keys, open brackets; and how
//! to leave out an entry that keeps the rest from being read.

use std::ops::RangeInclusive;

/// A text by its lines, from 1.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    lines: Vec<&'t str>,
}

/// Columns and text of a line's indentation.
pub(super) fn indent(line: &str) -> (usize, &str) {
    let blank = &line[..line.len() - line.trim_start().len()];
    (blank.chars().count(), blank)
}

/// The key with which a line begins, `- ` before it left aside.
pub(super) fn key_of(line: &str) -> Option<&str> {
    let bare = line.trim().trim_start_matches("- ");
    let (key, rest) = bare.split_once(':')?;
    let word = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
    (word && (rest.is_empty() || rest.starts_with([' ', '\t']))).then_some(key)
}

/// Whether a line has no content.
fn bare(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Lines<'t> {
        Lines { text, lines: text.lines().collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn get(&self, line: usize) -> &'t str {
        line.checked_sub(1).and_then(|at| self.lines.get(at)).copied().unwrap_or_default()
    }

    /// The last line before this one that has content.
    pub(super) fn before(&self, line: usize) -> Option<usize> {
        (1..line.min(self.count() + 1)).rev().find(|line| !bare(self.get(*line)))
    }

    /// Whether a line ends with the `|` or `>` of a text below it.
    pub(super) fn opens_block(&self, line: usize) -> bool {
        let text = self.get(line).split(" #").next().unwrap_or_default().trim_end();
        let text = text.trim_end_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit());
        text.ends_with([':', ' ', '|', '>'])
            && text.trim_end_matches(['|', '>']).trim_end().ends_with([':', '-'])
            && text.ends_with(['|', '>'])
    }

    /// The opening line and the indentation of the block text that a line falls out of: it is indented, but less than the text.
    pub(super) fn block_around(&self, line: usize) -> Option<(usize, usize)> {
        let (deep, _) = indent(self.get(line));
        let above = (1..line).rev().filter(|at| !self.get(*at).trim().is_empty());
        let mut deeper = above.take_while(|at| indent(self.get(*at)).0 > deep || self.opens_block(*at));
        let opening = deeper.find(|at| self.opens_block(*at)).filter(|at| indent(self.get(*at)).0 < deep)?;
        let first = (opening + 1..line).find(|at| !self.get(*at).trim().is_empty())?;
        Some((opening, indent(self.get(first)).0))
    }

    /// The indentations of the keys and items above a line that it could belong to, from the outermost.
    pub(super) fn levels(&self, line: usize) -> Vec<usize> {
        let mut levels: Vec<usize> = Vec::new();
        let mut least = usize::MAX;
        for above in (1..line).rev().map(|line| self.get(line)).filter(|line| !bare(line)) {
            let (deep, _) = indent(above);
            if deep < least && (key_of(above).is_some() || above.trim_start().starts_with("- ")) {
                levels.push(deep);
                least = deep;
            }
            if deep == 0 {
                break;
            }
        }
        levels.reverse();
        levels
    }

    /// The innermost bracket that is open before line and column, looked for from the last line without indentation.
    pub(super) fn open_bracket(&self, line: usize, column: usize) -> Option<(usize, usize, char)> {
        let outer =
            |at: usize| indent(self.get(at)).0 == 0 && !bare(self.get(at)) && !self.get(at).starts_with([']', '}']);
        let first = (1..line).rev().find(|at| outer(*at)).unwrap_or(1);
        let mut open = Vec::new();
        let mut quote = None;
        for at in first..=line {
            let mut before = ' ';
            for (number, letter) in self.get(at).chars().enumerate() {
                if at == line && number + 1 >= column {
                    break;
                }
                match (quote, letter) {
                    (Some(q), c) if c == q => quote = None,
                    (Some(_), _) => {}
                    (None, '#') if before == ' ' => break,
                    (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',') => quote = Some(letter),
                    (None, '[' | '{') => open.push((at, number + 1, letter)),
                    (None, ']' | '}') => drop(open.pop()),
                    _ => {}
                }
                before = letter;
            }
        }
        let here = self.get(line).chars().nth(column.saturating_sub(1)).filter(|c| matches!(c, '[' | '{'));
        here.map(|bracket| (line, column, bracket)).or_else(|| open.pop())
    }

    /// The last line above this one in which a quote is opened and not closed, and its column.
    pub(super) fn open_quote(&self, line: usize, wanted: char) -> Option<(usize, usize)> {
        let above = (1..line).rev().filter(|at| !bare(self.get(*at)));
        above.filter_map(|at| Some((at, self.quote_left_open(at, wanted)?))).next()
    }

    fn quote_left_open(&self, line: usize, wanted: char) -> Option<usize> {
        let (mut before, mut open) = (' ', None);
        for (number, letter) in self.get(line).chars().enumerate() {
            match (open, letter) {
                (Some((q, _)), c) if c == q && before != '\\' => open = None,
                (Some(_), _) => {}
                (None, '#') if before == ' ' => break,
                (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',') => open = Some((letter, number + 1)),
                _ => {}
            }
            before = letter;
        }
        open.filter(|(quote, _)| *quote == wanted).map(|(_, column)| column)
    }

    /// The line and what is indented deeper below it.
    fn entry(&self, line: usize) -> RangeInclusive<usize> {
        let (deep, _) = indent(self.get(line));
        let inside = |at: &usize| self.get(*at).trim().is_empty() || indent(self.get(*at)).0 > deep;
        let last = (line + 1..=self.count()).take_while(inside).last().unwrap_or(line);
        line..=last
    }

    /// The smallest entry around a faulty line without which the parser gets further: `error_of` tells in which line it
    /// stumbles next.
    pub(super) fn to_leave_out(&self, line: usize, error_of: impl Fn(&str) -> Option<usize>) -> RangeInclusive<usize> {
        let mut from = line.clamp(1, self.count().max(1));
        loop {
            let entry = self.entry(from);
            match error_of(&self.without(entry.clone())) {
                Some(stumbles) if stumbles <= *entry.end() => {}
                _ => return entry,
            }
            let (deep, _) = indent(self.get(from));
            let parent =
                (1..from).rev().find(|at| !bare(self.get(*at)) && (indent(self.get(*at)).0 < deep || deep == 0));
            match parent {
                Some(parent) => from = parent,
                None => return 1..=self.count().max(1),
            }
        }
    }

    /// The text with blanks in place of these lines: every other place stays as it is.
    pub(super) fn without(&self, lines: RangeInclusive<usize>) -> String {
        let (start, end) = self.bytes(lines);
        let blank: String =
            self.text[start..end].bytes().map(|b| if b == b'\n' || b == b'\r' { char::from(b) } else { ' ' }).collect();
        format!("{}{blank}{}", &self.text[..start], &self.text[end..])
    }

    /// The text of these lines.
    pub(super) fn text_of(&self, lines: RangeInclusive<usize>) -> &'t str {
        let (start, end) = self.bytes(lines);
        &self.text[start..end]
    }

    fn bytes(&self, lines: RangeInclusive<usize>) -> (usize, usize) {
        let at = |line: &str| line.as_ptr() as usize - self.text.as_ptr() as usize;
        let (first, last) = (self.get(*lines.start()), self.get(*lines.end()));
        if self.lines.is_empty() { (0, 0) } else { (at(first), at(last) + last.len()) }
    }
}
