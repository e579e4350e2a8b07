//! A template's text with the site's names and numbers in place of `@…@`.

use std::collections::BTreeMap;
use std::time::Duration;

use growctl_engine::model::format_duration;

/// What stands for each `@name@`.
#[derive(Clone, Debug, Default)]
pub(super) struct Values(BTreeMap<&'static str, String>);

impl Values {
    /// What stands for a name.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }

    /// A name of the map, to stand between double quotes, where YAML and scripts escape alike.
    pub(super) fn text(&mut self, key: &'static str, text: &str) {
        self.0.insert(key, text.replace('\\', "\\\\").replace('"', "\\\""));
    }

    /// What needs no quotes: a number, an identifier, a piece of a script.
    pub(super) fn plain(&mut self, key: &'static str, value: impl ToString) {
        self.0.insert(key, value.to_string());
    }

    pub(super) fn span(&mut self, key: &'static str, span: Duration) {
        self.0.insert(key, shown(span));
    }
}

/// A duration as people write it: `90s`, but `2m` and `1h30m`.
pub(super) fn shown(span: Duration) -> String {
    let seconds = span.as_secs();
    match span.subsec_nanos() == 0 && seconds < 120 && !seconds.is_multiple_of(60) {
        true => format!("{seconds}s"),
        false => format_duration(span),
    }
}

/// The text with every `@name@` replaced.
///
/// # Errors
/// The first name that stands for nothing.
pub(super) fn fill(template: &str, values: &Values) -> Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('@') {
        out += &rest[..start];
        let after = &rest[start + 1..];
        let end = after.find('@').ok_or_else(|| after.to_owned())?;
        out += values.0.get(&after[..end]).ok_or_else(|| after[..end].to_owned())?;
        rest = &after[end + 1..];
    }
    Ok(out + rest)
}

const EACH: &str = "  - name:";

/// A test file; a test that needs what the site does not have, as a node whose silence is told, is left out. `None`: all
/// of them are.
pub(super) fn fill_tests(template: &str, values: &Values) -> Option<String> {
    let (head, tests) = template.split_once(EACH)?;
    let head = fill(head, values).ok()?;
    let tests: Vec<String> = tests.split(EACH).filter_map(|test| fill(test, values).ok()).collect();
    (!tests.is_empty()).then(|| tests.iter().fold(head, |out, test| out + EACH + test))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_a_test_without_its_values_is_left_out() {
        let mut values = Values::default();
        values.text("room", "The \"Hot\" Room");
        values.span("hold", Duration::from_secs(90));
        assert_eq!(fill("x: \"@room@\" @hold@", &values).as_deref(), Ok("x: \"The \\\"Hot\\\" Room\" 90s"));
        assert_eq!(fill("@hold@ @cold@", &values), Err("cold".to_owned()));
        let file = "tests:\n  - name: a\n    at: @hold@\n  - name: b\n    at: @cold@\n";
        assert_eq!(fill_tests(file, &values).as_deref(), Some("tests:\n  - name: a\n    at: 90s\n"));
        assert_eq!(fill_tests("tests:\n  - name: @cold@\n", &values), None);
    }
}
