//! A DBC file cut into its statements, each with its place: so that every fault is told at once, with its line, and a
//! section that says nothing about frames cannot make the file unreadable.

/// What statements of a DBC file begin with.
const KEYWORDS: [&str; 34] = [
    "VERSION",
    "NS_",
    "BS_",
    "BU_",
    "BO_",
    "VAL_",
    "VAL_TABLE_",
    "SIG_VALTYPE_",
    "SG_MUL_VAL_",
    "BA_",
    "BA_DEF_",
    "BA_DEF_DEF_",
    "CM_",
    "EV_",
    "ENVVAR_DATA_",
    "EV_DATA_",
    "SGTYPE_",
    "SGTYPE_VAL_",
    "SIG_TYPE_REF_",
    "SIGTYPE_VALTYPE_",
    "SIG_GROUP_",
    "BO_TX_BU_",
    "BA_REL_",
    "BA_SGTYPE_",
    "BA_DEF_REL_",
    "BA_DEF_SGTYPE_",
    "BA_DEF_DEF_REL_",
    "BU_SG_REL_",
    "BU_EV_REL_",
    "BU_BO_REL_",
    "CAT_DEF_",
    "CAT_",
    "FILTER",
    "NS_DESC_",
];

/// One statement. A message has its signals in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    pub(super) keyword: &'a str,
    /// From the keyword to the next statement.
    pub(super) text: &'a str,
    /// Where it begins in the file, in bytes.
    pub(super) at: usize,
}

/// What cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A word at the beginning of a line begins no statement: from and to, in bytes.
    Word(usize, usize),
    /// A signal stands outside a message.
    Signal(usize),
    /// A text that begins here does not end.
    Text(usize),
}

/// Cuts a file into statements.
pub(super) fn split(text: &str) -> (Vec<Statement<'_>>, Vec<Unreadable>) {
    let mut cut = Cutter { text, begun: None, done: Vec::new(), faults: Vec::new() };
    let mut at = text.len() - text.trim_start_matches('\u{FEFF}').len();
    // A statement may begin here: at the beginning of a line, or behind a `;`.
    let mut fresh = Some(at);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'\n' | b'\r' => fresh = Some(at + 1),
            b' ' | b'\t' => {}
            b'"' => {
                let Some(end) = end_of_text(text, at) else {
                    cut.faults.push(Unreadable::Text(at));
                    // What it stands in is not whole.
                    cut.begun = None;
                    break;
                };
                (at, fresh) = (end, None);
            }
            b'/' if text[at..].starts_with("//") => {
                at += text[at..].find(['\n', '\r']).unwrap_or(text.len() - at);
                continue;
            }
            b';' => fresh = Some(at + 1),
            _ => {
                let end = at + word(&text[at..]);
                if let Some(line) = fresh.take() {
                    cut.word(line, at, end);
                }
                at = end.max(at + 1);
                continue;
            }
        }
        at += 1;
    }
    cut.finish(text.len());
    (cut.done, cut.faults)
}

/// How long the word at the beginning is; of anything else one character.
fn word(text: &str) -> usize {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    if end > 0 { end } else { text.chars().next().map_or(1, char::len_utf8) }
}

/// Where the text that begins at `at` has its closing quote.
fn end_of_text(text: &str, at: usize) -> Option<usize> {
    let mut escaped = false;
    for (i, byte) in text.as_bytes().iter().enumerate().skip(at + 1) {
        match byte {
            b'"' if !escaped => return Some(i),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

struct Cutter<'a> {
    text: &'a str,
    /// The keyword of the statement that is open, and where it begins.
    begun: Option<(&'a str, usize)>,
    done: Vec<Statement<'a>>,
    faults: Vec<Unreadable>,
}

impl<'a> Cutter<'a> {
    /// A word at the beginning of a line, or behind a `;`.
    fn word(&mut self, line: usize, at: usize, end: usize) {
        let word = &self.text[at..end];
        let open = self.begun.map_or("", |(keyword, _)| keyword);
        if open == "NS_" && (at > line || self.alone(end)) {
            return;
        }
        match word {
            "SG_" if open == "BO_" => {}
            "SG_" => {
                self.finish(at);
                self.faults.push(Unreadable::Signal(at));
            }
            _ if KEYWORDS.contains(&word) => {
                self.finish(at);
                self.begun = Some((word, at));
            }
            // What is indented, or behind an unfinished statement, goes on with it.
            _ if !open.is_empty() && (at > line || !self.ended(open, at)) => {}
            _ => {
                self.finish(at);
                self.faults.push(Unreadable::Word(at, end));
            }
        }
    }

    /// Whether nothing stands behind on the line.
    fn alone(&self, end: usize) -> bool {
        self.text[end..].split(['\n', '\r']).next().is_some_and(|rest| rest.trim().is_empty())
    }

    /// Whether the open statement is complete at `at`.
    fn ended(&self, open: &str, at: usize) -> bool {
        let line = matches!(open, "BO_" | "VERSION" | "BS_" | "BU_" | "NS_");
        line || self.begun.is_some_and(|(_, from)| self.text[from..at].trim_end().ends_with(';'))
    }

    fn finish(&mut self, end: usize) {
        if let Some((keyword, at)) = self.begun.take() {
            self.done.push(Statement { keyword, text: self.text[at..end].trim_end(), at });
        }
    }
}

/// A statement as the parser takes it: a line each for a message and its signals, all else on one line, without comments.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) text: String,
    /// Where each line begins in the statement, in bytes. Up to what is added at its end, a line keeps every byte.
    pub(super) starts: Vec<usize>,
}

impl Lines {
    /// Where a line and column (in characters) of the text are in the statement.
    pub(super) fn place(&self, line: usize, column: usize) -> Option<usize> {
        let start = self.starts.get(line.checked_sub(1)?)?;
        let text = self.text.split('\n').nth(line - 1)?;
        let within = text.char_indices().nth(column.saturating_sub(1));
        Some(start + within.map_or(text.len(), |(at, _)| at))
    }

    fn begin(&mut self, at: usize) {
        self.starts.push(at);
    }

    /// A signal that names no receiver has none.
    fn end(&mut self) {
        let line = self.text.rsplit('\n').next().unwrap_or("");
        if line.trim_start().starts_with("SG_") && line.trim_end().ends_with('"') {
            self.text.push_str(" Vector__XXX");
        }
        self.text.push('\n');
    }
}

impl Statement<'_> {
    /// The statement as the parser takes it.
    pub(super) fn lines(&self) -> Lines {
        let mut lines = Lines::default();
        let (mut inside, mut escaped, mut comment) = (false, false, false);
        lines.begin(0);
        for (i, c) in self.text.char_indices() {
            comment |= !inside && self.text[i..].starts_with("//");
            match c {
                '\n' | '\r' if !inside => {
                    comment = false;
                    if begins_signal(&self.text[i..]) {
                        lines.end();
                        lines.begin(i + 1);
                    } else {
                        lines.text.push(' ');
                    }
                }
                _ if comment => lines.text.extend(std::iter::repeat_n(' ', c.len_utf8())),
                // The parser wants a digit behind the point: `5.` is 5.
                '.' if !inside && !self.text[i + 1..].starts_with(|c: char| c.is_ascii_digit()) => lines.text.push(' '),
                _ => {
                    inside ^= c == '"' && !escaped;
                    lines.text.push(c);
                }
            }
            escaped = inside && c == '\\' && !escaped;
        }
        lines.end();
        lines
    }

    /// The first whole number outside texts: of most statements the id of the message.
    pub(super) fn number(&self) -> Option<u64> {
        let mut outside = true;
        for part in self.text.split('"') {
            let digits = |word: &&str| outside && word.bytes().all(|b| b.is_ascii_digit());
            if let Some(number) = part.split_whitespace().find(digits) {
                return number.parse().ok();
            }
            outside = !outside;
        }
        None
    }
}

/// Whether the next line is a signal's.
fn begins_signal(rest: &str) -> bool {
    rest.trim_start().strip_prefix("SG_").is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keywords(text: &str) -> Vec<String> {
        split(text).0.iter().map(|statement| format!("{} {}", statement.keyword, statement.at)).collect()
    }

    #[test]
    fn symbols_texts_and_comments_begin_no_statement() {
        let text = "VERSION \"BO_ 1\"\n\nNS_ :\n\tCM_\n\tBA_DEF_\nVAL_\n\nBU_: A\n B\n// BO_ 5 X: 8 A\nCM_ \"two\nBO_ 7 lines \\\" more\";\
                    VAL_ 1 a 0 \"x\" ;\nBO_ 9 M: 8 A\n\n SG_ a : 0|8@1+\n  (1,0) [0|0] \"\" B\n";
        assert_eq!(keywords(text), ["VERSION 0", "NS_ 17", "BU_ 43", "CM_ 69", "VAL_ 99", "BO_ 116"]);
        let (statements, faults) = split(text);
        assert_eq!(faults, []);
        let lines = statements[5].lines();
        assert_eq!(lines.text, "BO_ 9 M: 8 A\n\n SG_ a : 0|8@1+   (1,0) [0|0] \"\" B\n");
        assert_eq!((lines.starts.as_slice(), lines.place(3, 6)), ([0, 13, 14].as_slice(), Some(19)));
        let commented = split("VAL_ 1 a 0 \"//\" // \"x\n1 \"y\";").0;
        assert_eq!(commented[0].lines().text, "VAL_ 1 a 0 \"//\"       1 \"y\";\n");
        assert_eq!((statements[4].number(), statements[5].number(), statements[0].number()), (Some(1), Some(9), None));
    }

    #[test]
    fn what_begins_no_statement_is_told() {
        let faults = |text| split(text).1;
        assert_eq!(faults("B0_ 1 M: 8 A\n SG_ a : 0\n"), [Unreadable::Word(0, 3), Unreadable::Signal(14)]);
        assert_eq!(faults("BU_: A\nnonsense\n"), [Unreadable::Word(7, 15)]);
        assert_eq!(faults("CM_ \"open\n"), [Unreadable::Text(4)]);
        assert_eq!(faults("VAL_ 1 a 0 \"x\"\n1 \"y\"\n;\n"), []);
        assert_eq!(faults(""), []);
        assert_eq!(faults("\u{FEFF}BO_ 1 M: 8 A"), []);
    }
}
