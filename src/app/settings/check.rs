//! What the parts of the settings have in common: texts that may hold secrets, addresses, durations, words out of a list.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::secrets;
use crate::files::{Entries, Place, Report, SourceFile, Spanned};
use crate::model::{Secret, parse_duration};

/// Pauses between two tries.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetrySpec {
    /// The first one, about. Default: 1s.
    first: Option<Spanned<String>>,
    /// They grow up to this. Default: 1m to people, 5m to machines.
    longest: Option<Spanned<String>>,
}

/// Reads values and says what is wrong with them.
pub(super) struct Check<'a> {
    pub(super) file: &'a Arc<SourceFile>,
    pub(super) folder: &'a Path,
    pub(super) report: &'a mut Report,
}

impl Check<'_> {
    pub(super) fn error(&mut self, place: Place, message: impl Into<String>) {
        self.report.error(self.file, place, message.into());
    }

    /// A text with its secrets filled in.
    pub(super) fn secret(&mut self, text: &Spanned<String>) -> Option<Secret> {
        match secrets::expand(&text.value, self.folder) {
            Ok(secret) if secret.expose().contains(['\r', '\n', '\0']) => {
                self.error(text.place, "a line break or a zero has no place here");
                None
            }
            Ok(secret) => Some(secret),
            Err(message) => {
                self.error(text.place, message);
                None
            }
        }
    }

    /// The same of one that may be absent; `Err` if it is wrong.
    pub(super) fn maybe(&mut self, text: Option<&Spanned<String>>) -> Option<Secret> {
        text.and_then(|text| self.secret(text))
    }

    /// A text with its secrets filled in that is no secret itself.
    pub(super) fn text(&mut self, text: Option<&Spanned<String>>) -> Option<String> {
        self.maybe(text).map(|text| text.expose().to_owned())
    }

    /// One that must be there.
    pub(super) fn needed(&mut self, whole: Place, what: &str, text: Option<&Spanned<String>>) -> Option<Secret> {
        if text.is_none() {
            self.error(whole, format!("`{what}` is missing"));
        }
        self.maybe(text)
    }

    /// Headers: names of letters, digits and dashes, values without line breaks.
    pub(super) fn headers(&mut self, headers: &Entries<Spanned<String>>) -> Vec<(String, Secret)> {
        let mut all = Vec::new();
        for (name, value) in headers {
            if name.value.is_empty() || !name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
                self.error(name.place, format!("'{}' is no name of a header: letters, digits and dashes", name.value));
            }
            all.extend(self.secret(value).map(|value| (name.value.clone(), value)));
        }
        all
    }

    /// An address of a web service. What everybody can read on its way is spoken within a private network only.
    pub(super) fn url(&mut self, whole: Place, text: Option<&Spanned<String>>, allow_private: bool) -> Option<Secret> {
        let url = self.needed(whole, "url", text)?;
        let place = text.map_or(whole, |text| text.place);
        let lower = url.expose().to_ascii_lowercase();
        let host = lower.strip_prefix("https://").or(lower.strip_prefix("http://"));
        if host.is_none_or(|host| {
            host.is_empty() || host.starts_with(['/', '?', '#']) || host.contains(char::is_whitespace)
        }) {
            self.error(place, "expected an address such as https://example.org/path");
            return None;
        }
        if lower.starts_with("http://") && !allow_private {
            let message = "without TLS everybody on the way can read and change it: write https://";
            self.report
                .error(self.file, place, message)
                .help("or, for a server in your own network, `allow_private: true`");
            return None;
        }
        Some(url)
    }

    pub(super) fn duration(&mut self, text: Option<&Spanned<String>>) -> Option<Duration> {
        let text = text?;
        match parse_duration(text) {
            Ok(duration) => Some(duration),
            Err(message) => {
                self.error(text.place, message);
                None
            }
        }
    }

    /// The pauses between two tries, the first and the longest.
    pub(super) fn pauses(&mut self, spec: Option<&Spanned<RetrySpec>>, longest: Duration) -> [Duration; 2] {
        let own = |pause: fn(&RetrySpec) -> Option<&Spanned<String>>| spec.and_then(|spec| pause(spec));
        let first = self.duration(own(|spec| spec.first.as_ref())).unwrap_or(Duration::from_secs(1));
        let longest = self.duration(own(|spec| spec.longest.as_ref())).unwrap_or(longest).max(first);
        if let Some(spec) = spec.filter(|_| first < Duration::from_millis(10)) {
            self.error(spec.place, "a pause of less than 10ms is none");
        }
        [first, longest]
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&mut self, text: Option<&Spanned<String>>, words: &[(&'static str, T)]) -> Option<T> {
        let text = text?;
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("'{}' is not known: {}", text.value, names.join(", "));
            self.report.error(self.file, text.place, message).did_you_mean(text, names);
        }
        found
    }
}
