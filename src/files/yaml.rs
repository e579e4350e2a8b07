//! YAML within a budget. A file of ours has some hundred nodes; what is far beyond that is an accident or an attack.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Budget, Options};

use super::{Place, Report, SourceFile};

/// The largest file that is read at all.
const MAX_BYTES: u64 = 1 << 20;

/// A value and where it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place in the file.
    pub place: Place,
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<T>::deserialize(from)?;
        Ok(Spanned { place: place(spanned.referenced), value: spanned.value })
    }
}

/// A map in the order of the file, with the place of each key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entries<V>(pub Vec<(Spanned<String>, V)>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Entries(Vec::new())
    }
}

impl<V> Entries<V> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.0.iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.value.as_str())
    }

    /// Keys and values in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Spanned<String>, V)> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a, V> IntoIterator for &'a Entries<V> {
    type Item = &'a (Spanned<String>, V);
    type IntoIter = std::slice::Iter<'a, (Spanned<String>, V)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for EntriesVisitor<V> {
            type Value = Entries<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<V>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
            fn visit_unit<E>(self) -> Result<Entries<V>, E> {
                Ok(Entries(Vec::new()))
            }
        }
        from.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// Reads a file from disk, refusing what is far too large or no text.
pub fn read_file(folder: &Path, path: &Path, report: &mut Report) -> Option<Arc<SourceFile>> {
    let full = folder.join(path);
    let refuse = |report: &mut Report, message: String| {
        report.error(&SourceFile::new(path, ""), Place::default(), message);
        None
    };
    match std::fs::metadata(&full) {
        Ok(meta) if meta.len() > MAX_BYTES => {
            return refuse(report, format!("the file has {} bytes; at most {MAX_BYTES} are read", meta.len()));
        }
        Err(error) => return refuse(report, format!("cannot be read: {error}")),
        Ok(_) => {}
    }
    match std::fs::read(&full).map(String::from_utf8) {
        Ok(Ok(text)) => Some(SourceFile::new(path, text)),
        Ok(Err(error)) => {
            refuse(report, format!("is not UTF-8 text: byte {} is no character", error.utf8_error().valid_up_to()))
        }
        Err(error) => refuse(report, format!("cannot be read: {error}")),
    }
}

/// Reads YAML into a spec. An empty file is the default spec's business: it reads as an empty mapping.
pub fn read<T: DeserializeOwned>(file: &Arc<SourceFile>, report: &mut Report) -> Option<T> {
    let empty = file.text.lines().all(|line| line.trim_start().starts_with('#') || line.trim().is_empty());
    let text = if empty { "{}" } else { file.text.as_str() };
    match serde_saphyr::from_str_with_options(text, options()) {
        Ok(spec) => Some(spec),
        Err(error) => {
            refuse(file, &error, report);
            None
        }
    }
}

fn options() -> Options {
    let mut options = Options::default();
    options.strict_booleans = true;
    let mut budget = Budget::default();
    budget.max_nodes = 20_000;
    budget.max_depth = 32;
    budget.max_aliases = 200;
    budget.max_anchors = 200;
    options.budget = Some(budget);
    options
}

fn place(location: serde_saphyr::Location) -> Place {
    Place {
        line: location.line() as usize,
        column: location.column() as usize,
        len: location.span().byte_len().unwrap_or(location.span().len()) as usize,
    }
}

/// Turns the reader's error into ours: its first line without the position, and a proposal for an unknown key.
fn refuse(file: &Arc<SourceFile>, error: &serde_saphyr::Error, report: &mut Report) {
    let at = error.location().map(place).unwrap_or_default();
    let bare = error.without_snippet();
    let text = bare.to_string();
    let text = text.lines().next().unwrap_or_default();
    let text = match text.rfind(" at line ") {
        Some(end) => &text[..end],
        None => text,
    };
    let message = plain(text.strip_prefix("error: ").unwrap_or(text));
    let diagnostic = report.error(file, at, message.as_str());
    if let Some((given, known)) =
        message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected "))
    {
        let known = known.trim_start_matches("one of ");
        let names: Vec<&str> = known.split(", ").map(|name| name.trim_matches('`')).collect();
        diagnostic.message = format!("unknown key `{given}`");
        diagnostic.did_you_mean(given, names);
    }
}

/// What the reader says about its own options, and in its own words, in those of somebody who writes a file.
fn plain(text: &str) -> String {
    if let Some(key) = text.strip_prefix("duplicate mapping key: ").and_then(|rest| rest.split_once(", set ")) {
        return format!("the key `{}` is here twice", key.0);
    }
    if let Some(key) = text.strip_prefix("missing field ") {
        return format!("the key {key} is missing");
    }
    text.replace("expected mapping start", "expected a mapping, `key: value`")
        .replace("expected sequence start", "expected a list, `- item` or `[item]`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Spec {
        #[serde(default)]
        rooms: Entries<Spanned<u32>>,
        #[allow(dead_code)]
        then: Option<Spanned<String>>,
    }

    fn fault(text: &str) -> String {
        let mut report = Report::default();
        let spec: Option<Spec> = read(&SourceFile::new("x.yaml", text), &mut report);
        assert!(spec.is_none(), "{spec:?}");
        report.render(false)
    }

    #[test]
    fn keys_and_values_know_their_place() {
        let mut report = Report::default();
        let text = "rooms:\n  Flower Room: 3\n  b: 4\nthen: |\n  let a = 1;\n";
        let spec: Spec = read(&SourceFile::new("x.yaml", text), &mut report).expect("it is right");
        assert_eq!(spec.rooms.0[0].0.place, Place { line: 2, column: 3, len: 11 });
        assert_eq!((spec.rooms.0[1].1.place.line, spec.rooms.0[1].1.place.column), (3, 6));
        assert_eq!(spec.then.map(|t| t.place.line), Some(5));
    }

    #[test]
    fn faults_are_shown_with_line_and_proposal() {
        let text = fault("rooms: {}\nthem: x\n");
        assert!(
            text.contains("unknown key `them`") && text.contains("x.yaml:2:1") && text.contains("`then`"),
            "{text}"
        );
        assert!(fault("rooms: [").contains("x.yaml:1:"));
        assert!(fault("rooms:\n  a: 1\n  a: 2\n").contains("x.yaml:3:3"));
    }

    #[test]
    fn a_yaml_bomb_costs_nothing() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 9].join(",");
            text += &format!("a{i}: &a{i} [{refs}]\n");
        }
        let report = fault(&text);
        assert!(report.contains("error"), "{report}");
    }
}
