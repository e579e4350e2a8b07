//! The words that moments, values and checks are told with.

use std::time::Duration;

use growctl_engine::app::Settings;
use growctl_engine::model::format_duration;
use serde_json::Value;

/// Tells moments on the site's clocks.
pub(crate) struct Clock<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) now: f64,
}

impl Clock<'_> {
    /// `03:10:05`, with the date on another day.
    pub(crate) fn at(&self, moment: &Value) -> String {
        let Some(seconds) = moment.as_f64() else { return "-".to_owned() };
        let (then, now) = (self.settings.civil(seconds), self.settings.civil(self.now));
        match then.split_once(' ') {
            Some((date, time)) if now.starts_with(date) => time.to_owned(),
            _ => then,
        }
    }

    /// `03:10:05 (12s ago)`.
    pub(crate) fn ago(&self, moment: &Value) -> String {
        format!("{} ({} ago)", self.at(moment), self.since(moment))
    }

    /// `03:10:05 (in 12s)`.
    pub(crate) fn to_come(&self, moment: &Value) -> String {
        let left = moment.as_f64().map_or(0.0, |at| at - self.now);
        format!("{} (in {})", self.at(moment), span(left))
    }

    /// `14:05 (12 min left)`.
    pub(crate) fn ends(&self, moment: &Value) -> String {
        format!("{} ({} left)", self.until(moment), self.left(moment))
    }

    /// `14:05`; with seconds where it is near.
    pub(crate) fn until(&self, moment: &Value) -> String {
        let at = self.at(moment);
        match at.rsplit_once(':') {
            Some((minutes, _)) if self.seconds_to(moment) >= 120.0 => minutes.to_owned(),
            _ => at,
        }
    }

    /// `45 s`, `12 min`, `3 h 5 min`.
    pub(crate) fn left(&self, moment: &Value) -> String {
        left_words(self.seconds_to(moment))
    }

    fn seconds_to(&self, moment: &Value) -> f64 {
        moment.as_f64().map_or(0.0, |at| at - self.now).max(0.0)
    }

    /// How long ago: `12s`.
    pub(crate) fn since(&self, moment: &Value) -> String {
        span(moment.as_f64().map_or(0.0, |at| self.now - at))
    }
}

/// `0.4s`, `12s`, `16m37s`, `3h5m`: as exact as it matters.
pub(crate) fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let millis = match seconds {
        near if near < 10.0 => (near * 10.0).round() * 100.0,
        hour if hour < 3_600.0 => hour.round() * 1_000.0,
        far => (far / 60.0).round() * 60_000.0,
    };
    format_duration(Duration::from_millis(millis as u64))
}

fn left_words(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match (seconds.ceil() as u64, minutes / 60, minutes % 60) {
        (seconds @ ..120, ..) => format!("{seconds} s"),
        (_, 0, minutes) => format!("{minutes} min"),
        (_, hours, 0) => format!("{hours} h"),
        (_, hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A value as people read it: without the `.0` of what JSON calls a float.
pub(crate) fn value(value: &Value) -> String {
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
pub(crate) fn values(check: &Value) -> String {
    match list(&check["values"]) {
        [] => String::new(),
        [one] => value(&one[1]),
        all => all.iter().map(|one| format!("{} {}", text(&one[0]), value(&one[1]))).collect::<Vec<_>>().join(", "),
    }
}

/// `temperature (invalid), humidity (absent)`.
pub(crate) fn not_good(standing: &Value) -> String {
    let each = list(&standing["not_good"]).iter().map(|one| format!("{} ({})", text(&one[0]), text(&one[1])));
    each.collect::<Vec<_>>().join(", ")
}
