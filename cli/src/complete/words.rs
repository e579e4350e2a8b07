//! A line as far as it is typed, in words: quotes and backslashes are taken away as a shell would, also those of a word that
//! is not finished, and put back around what completes it.

use std::path::PathBuf;

/// A line up to the cursor. There is always a last word, which may be empty.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// Unquoted.
    pub(super) words: Vec<String>,
    /// How much of the last word stands before what the shell replaces: bytes of the unquoted word.
    pub(super) kept: usize,
    /// The quote that is still open in the last word.
    pub(super) quote: Option<char>,
}

impl Line {
    /// Splits a line. `breaks` are the characters at which readline begins a word anew (`COMP_WORDBREAKS`): what it will
    /// replace begins behind the last of them, or behind an open quote.
    pub(super) fn split(line: &str, breaks: &str) -> Line {
        let mut split = Line { words: vec![String::new()], kept: 0, quote: None };
        let (mut begun, mut before_quote) = (false, 0);
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            let word = split.words.last_mut().expect("there is always one");
            begun |= !letter.is_whitespace() || split.quote.is_some();
            match (split.quote, letter) {
                (Some(open), _) if letter == open => (split.quote, split.kept) = (None, before_quote),
                (Some('\''), _) => word.push(letter),
                (None, '\'' | '"') => {
                    before_quote = split.kept;
                    (split.quote, split.kept) = (Some(letter), word.len());
                }
                (_, '\\') => word.extend(letters.next()),
                (None, _) if letter.is_whitespace() => {
                    if begun {
                        split.words.push(String::new());
                        (split.kept, begun) = (0, false);
                    }
                }
                (None, _) if breaks.contains(letter) => {
                    word.push(letter);
                    split.kept = word.len();
                }
                _ => word.push(letter),
            }
        }
        split
    }

    /// The word that is being completed.
    pub(super) fn last(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }

    /// What the shell puts in the place of what it replaces, to make the last word this one; `None` if it cannot become so.
    pub(super) fn insert(&self, whole: &str) -> Option<String> {
        let rest = whole.strip_prefix(self.last()).map(|_| &whole[self.kept..])?;
        Some(match self.quote {
            Some('\'') => rest.replace('\'', r"'\''"),
            Some(_) => escaped(rest, |letter| matches!(letter, '\\' | '"' | '$' | '`')),
            None => escaped(rest, |letter| !is_plain(letter)),
        })
    }
}

/// What means itself to a shell, outside of quotes.
fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || !letter.is_ascii() || "_-./:=@%+,~".contains(letter)
}

fn escaped(text: &str, special: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if special(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// One word without its quotes.
pub(super) fn unquoted(word: &str) -> String {
    // Quoted spaces do not end it, and others are none of one word's.
    Line::split(word, "").words.join(" ")
}

/// A path with `~/` as the shell would have it.
pub(super) fn home(path: &str) -> PathBuf {
    match (path.strip_prefix('~'), std::env::home_dir()) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    /// The words, and what would be inserted for a last word.
    fn complete(line: &str, whole: &str) -> (Vec<String>, Option<String>) {
        let line = Line::split(line, BREAKS);
        (line.words.clone(), line.insert(whole))
    }

    #[test]
    fn what_is_inserted_makes_the_word_in_every_way_of_quoting() {
        const WHOLE: &str = "sensor:update:Flower Room:*";
        for (typed, inserted) in [
            ("", r"sensor:update:Flower\ Room:\*"),
            ("sen", r"sensor:update:Flower\ Room:\*"),
            ("sensor:up", r"update:Flower\ Room:\*"),
            ("sensor:update:", r"Flower\ Room:\*"),
            (r"sensor:update:Flower\ R", r"Flower\ Room:\*"),
            ("'sensor:update:Fl", "sensor:update:Flower Room:*"),
            ("\"sensor:update:Flower Ro", "sensor:update:Flower Room:*"),
            ("sensor:'update:Fl", "update:Flower Room:*"),
            ("sensor:'update':Fl", r"Flower\ Room:\*"),
            ("'sensor:update:Flower Room:", "sensor:update:Flower Room:*"),
        ] {
            let (words, got) = complete(&format!("growctl sub {typed}"), WHOLE);
            assert_eq!(words.len(), 3, "{typed}");
            assert_eq!(got.as_deref(), Some(inserted), "{typed}");
        }
        assert_eq!(complete("growctl sub device", WHOLE).1, None);
        assert_eq!(complete("growctl -C 'Grower'", "Grower's").1.as_deref(), Some(r"Grower\'s"));
        assert_eq!(complete("growctl -C 'Grow", "Grower's").1.as_deref(), Some(r"Grower'\''s"));
        assert_eq!(complete("growctl -C \"$", "$a`\"b").1.as_deref(), Some("\\$a\\`\\\"b"));
    }

    #[test]
    fn words_end_at_spaces_that_are_not_quoted() {
        let words = |line| Line::split(line, BREAKS).words;
        assert_eq!(words("growctl  sim fault "), ["growctl", "sim", "fault", ""]);
        assert_eq!(words("growctl '' x"), ["growctl", "", "x"]);
        assert_eq!(words(r"a b\ c 'd e"), ["a", "b c", "d e"]);
        assert_eq!((unquoted("'Flower Ro"), unquoted(r"Flower\ Ro")), ("Flower Ro".to_owned(), "Flower Ro".to_owned()));
    }
}
