//! The words that moments, values and checks are told with.

use std::time::Duration;

use growctl_engine::app::Settings;
use growctl_engine::model::format_duration;
use serde_json::Value;

/// Tells moments on the site's clocks.
pub(super) struct Clock<'a> {
    pub(super) settings: &'a Settings,
    pub(super) now: f64,
}

impl Clock<'_> {
    /// `03:10:05`, with the date on another day.
    pub(super) fn at(&self, moment: &Value) -> String {
        let Some(seconds) = moment.as_f64() else { return "-".to_owned() };
        let (then, now) = (self.settings.civil(seconds), self.settings.civil(self.now));
        match then.split_once(' ') {
            Some((date, time)) if now.starts_with(date) => time.to_owned(),
            _ => then,
        }
    }

    /// `03:10:05 (12s ago)`.
    pub(super) fn ago(&self, moment: &Value) -> String {
        format!("{} ({} ago)", self.at(moment), self.since(moment))
    }

    /// `03:10:05 (in 12s)`.
    pub(super) fn to_come(&self, moment: &Value) -> String {
        let left = moment.as_f64().map_or(0.0, |at| at - self.now);
        format!("{} (in {})", self.at(moment), span(left))
    }

    /// How long ago: `12s`.
    pub(super) fn since(&self, moment: &Value) -> String {
        span(moment.as_f64().map_or(0.0, |at| self.now - at))
    }
}

/// `0.4s`, `12s`, `16m37s`, `3h5m`: as exact as it matters.
pub(super) fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let millis = match seconds {
        near if near < 10.0 => (near * 10.0).round() * 100.0,
        hour if hour < 3_600.0 => hour.round() * 1_000.0,
        far => (far / 60.0).round() * 60_000.0,
    };
    format_duration(Duration::from_millis(millis as u64))
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A value as people read it: without the `.0` of what JSON calls a float.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "no value".to_owned(),
        Value::String(text) => text.clone(),
        other => other.as_f64().map_or_else(|| other.to_string(), rounded),
    }
}

/// What a script calculated may have many digits.
fn rounded(number: f64) -> String {
    let short = (number * 1e4).round() / 1e4;
    if short == 0.0 || number.abs() > 1e9 { format!("{number}") } else { format!("{short}") }
}

/// The values of a check: `29.5`, or with their names where there are several.
pub(super) fn values(check: &Value) -> String {
    match list(&check["values"]) {
        [] => String::new(),
        [one] => value(&one[1]),
        all => all.iter().map(|one| format!("{} {}", text(&one[0]), value(&one[1]))).collect::<Vec<_>>().join(", "),
    }
}

/// `temperature (invalid), humidity (absent)`.
pub(super) fn not_good(standing: &Value) -> String {
    let each = list(&standing["not_good"]).iter().map(|one| format!("{} ({})", text(&one[0]), text(&one[1])));
    each.collect::<Vec<_>>().join(", ")
}
