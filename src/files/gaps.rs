//! What had to be left out of a file, so that nobody complains about its absence as well.

use super::{Place, closest};

/// Lines of the whole file.
pub(super) const ALL: (usize, usize) = (0, usize::MAX);

/// One thing that was left out.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    /// Keys that are missing with it: its own, and the one that was probably meant.
    pub(super) keys: Vec<String>,
    /// Its text in the file: whatever it names may be unknown now.
    pub(super) text: String,
    /// The key at the top of the file that it was under.
    pub(super) top: Option<String>,
    /// First and last line of what it was in.
    pub(super) within: (usize, usize),
    /// Its own lines, of what was no YAML.
    pub(super) lines: Option<(usize, usize)>,
}

impl Gap {
    /// Whether the key is missing with it, perhaps misspelt.
    fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|lost| closest(lost, [key]).is_some())
    }
}

/// What is missing from a spec because it was wrong and has been reported. Checks that find something absent ask here
/// before they say so.
#[derive(Clone, Debug, Default)]
pub struct Gaps(pub(super) Vec<Gap>);

impl Gaps {
    /// Whether the spec is all that the file says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the key `key` at the top of the file is missing, or not all there.
    #[must_use]
    pub fn key(&self, key: &str) -> bool {
        let here = |gap: &Gap| gap.within == ALL && gap.has(key);
        self.0.iter().any(|gap| here(gap) || gap.top.as_deref() == Some(key))
    }

    /// Whether the key `key` is missing from what stands around `place`.
    #[must_use]
    pub fn key_near(&self, place: Place, key: &str) -> bool {
        let around = |gap: &&Gap| gap.within.0 <= place.line && place.line <= gap.within.1;
        self.0.iter().filter(around).any(|gap| gap.has(key))
    }

    /// Whether the key `key` may have stood in what was no YAML within these lines.
    pub(super) fn key_in_lines(&self, (first, last): (usize, usize), key: &str) -> bool {
        let inside = |(from, to): (usize, usize)| first <= to && from <= last;
        self.0.iter().any(|gap| gap.lines.is_some_and(inside) && gap.has(key))
    }

    /// Whether something called `name` may have been defined in what is missing.
    #[must_use]
    pub fn name(&self, name: &str) -> bool {
        let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let whole = |text: &str| {
            text.match_indices(name)
                .any(|(at, _)| !text[..at].ends_with(part) && !text[at + name.len()..].starts_with(part))
        };
        !name.is_empty() && self.0.iter().any(|gap| whole(&gap.text) || gap.keys.iter().any(|key| key == name))
    }
}
