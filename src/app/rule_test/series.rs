//! The notation of values one after the other, as promtool's rule tests have it: `27 28.5x20 25.9x5`, `20+0.5x10`, `_`.
//! What is new here are texts, `null`, and `x*`: until the test ends.

use crate::model::Value;

/// More values than a day of one a second has are a slip.
const MOST: usize = 100_000;

/// The values of one field. `None`: nothing is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    values: Vec<Option<Value>>,
    /// The last value goes on until the test ends.
    endless: bool,
}

impl Series {
    /// Reads items that white space separates. An item that cannot be read is given back with what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Series, (String, String)> {
        let mut series = Series::default();
        for item in items(text)? {
            let wrong = |why: String| (item.to_owned(), why);
            if series.endless {
                return Err(wrong("nothing can follow on `x*`, which has no end".to_owned()));
            }
            let Item { value, step, times } = read(item).map_err(wrong)?;
            let count = match (times, &value) {
                (Times::Endless, _) => {
                    series.endless = true;
                    1
                }
                // As promtool counts: `_x3` is three gaps, `7x3` is a seven and three more.
                (Times::More(more), None) => more,
                (Times::More(more), Some(_)) => more.saturating_add(1),
            };
            if series.values.len().saturating_add(count) > MOST {
                return Err(wrong(format!("over {MOST} values; what does not change is written `28.5x*`")));
            }
            series.values.extend((0..count).map(|n| step.apply(value.as_ref(), n)));
        }
        match series.values.is_empty() {
            true => Err((text.to_owned(), "there are no values".to_owned())),
            false => Ok(series),
        }
    }

    /// How many values there are; of an endless one, until it repeats the last.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn is_endless(&self) -> bool {
        self.endless
    }

    /// The value at a position; behind the end, the last one.
    pub(super) fn at(&self, position: usize) -> Option<&Value> {
        self.values.get(position).or(self.values.last())?.as_ref()
    }

    /// Every value that is written or follows from it.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter().flatten()
    }
}

struct Item {
    value: Option<Value>,
    step: Step,
    times: Times,
}

enum Times {
    More(usize),
    Endless,
}

/// How each further value differs from the one before, with the decimals that the two numbers are written with.
#[derive(Clone, Copy, Default)]
struct Step {
    by: f64,
    decimals: i32,
}

impl Step {
    fn apply(self, first: Option<&Value>, n: usize) -> Option<Value> {
        match first {
            Some(Value::Number(first)) if self.by != 0.0 => {
                let power = 10_f64.powi(self.decimals);
                // 20 + 3 × 0.1 is 20.3, not 20.300000000000001.
                let value = ((first + n as f64 * self.by) * power).round() / power;
                Some(Value::Number(if value.is_finite() { value + 0.0 } else { first + n as f64 * self.by }))
            }
            other => other.cloned(),
        }
    }
}

/// Splits at white space outside of quotes.
fn items(text: &str) -> Result<Vec<&str>, (String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = match rest.chars().next().filter(|first| *first == '"' || *first == '\'') {
            Some(quote) => {
                let close = rest[1..].find(quote).map(|at| at + 2);
                let close = close.ok_or_else(|| (rest.to_owned(), "its quotation mark is not closed".to_owned()))?;
                close + rest[close..].find(char::is_whitespace).unwrap_or(rest.len() - close)
            }
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        found.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    Ok(found)
}

fn read(item: &str) -> Result<Item, String> {
    if let Some(quote) = item.chars().next().filter(|first| *first == '"' || *first == '\'') {
        let (text, tail) = item[1..].split_once(quote).unwrap_or((&item[1..], ""));
        let times = times(tail).ok_or_else(|| format!("behind the text comes `xN` or nothing, not `{tail}`"))?;
        return Ok(Item { value: Some(Value::text(text)), step: Step::default(), times });
    }
    match number(item) {
        Some((first, tail)) => read_number(first, tail),
        None if item.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '.') => {
            Err("it is no number; a text that begins like one needs quotation marks".to_owned())
        }
        None => {
            let cut = item.rfind('x').and_then(|at| Some((&item[..at], times(&item[at..])?)));
            let (word, times) = cut.filter(|(word, _)| !word.is_empty()).unwrap_or((item, Times::More(0)));
            // A gap alone is one gap, where any other value alone has no more of it.
            let alone = word.len() == item.len();
            let (value, times) = match word {
                "_" => (None, if alone { Times::More(1) } else { times }),
                "null" | "invalid" => (Some(Value::Null), times),
                "true" => (Some(Value::Bool(true)), times),
                "false" => (Some(Value::Bool(false)), times),
                word => (Some(Value::text(word)), times),
            };
            Ok(Item { value, step: Step::default(), times })
        }
    }
}

fn read_number(first: &str, tail: &str) -> Result<Item, String> {
    let wrong = || "it is neither a number, `28.5x20` nor `20+0.5x10`; a text needs quotation marks".to_owned();
    let parsed: f64 = first.parse().map_err(|_| wrong())?;
    if !parsed.is_finite() {
        return Err("it is too large".to_owned());
    }
    let value = Some(Value::Number(parsed));
    if let Some(times) = times(tail) {
        return Ok(Item { value, step: Step::default(), times });
    }
    let sign = match tail.chars().next() {
        Some('+') => 1.0,
        Some('-') => -1.0,
        _ => return Err(wrong()),
    };
    let (by, tail) =
        number(&tail[1..]).filter(|(by, _)| by.starts_with(|c: char| c.is_ascii_digit())).ok_or_else(wrong)?;
    match times(tail).filter(|_| !tail.is_empty()) {
        Some(times @ Times::More(_)) => {
            let step = Step {
                by: sign * by.parse::<f64>().map_err(|_| wrong())?,
                decimals: decimals(first).max(decimals(by)),
            };
            Ok(Item { value, step, times })
        }
        Some(Times::Endless) => Err("what rises or falls needs an end: `20+0.5x10`".to_owned()),
        None => Err(wrong()),
    }
}

/// The longest number that the text begins with, and the rest.
fn number(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
    let start = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let mut end = digits(start);
    if end == start {
        return None;
    }
    if bytes.get(end) == Some(&b'.') && digits(end + 1) > end + 1 {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        if digits(sign) > sign {
            end = digits(sign);
        }
    }
    Some(text.split_at(end))
}

/// `x20`, `x*`, or nothing.
fn times(text: &str) -> Option<Times> {
    match text.strip_prefix('x') {
        None => text.is_empty().then_some(Times::More(0)),
        Some("*") => Some(Times::Endless),
        Some(count) if count.bytes().all(|b| b.is_ascii_digit()) => count.parse().ok().map(Times::More),
        Some(_) => None,
    }
}

/// Decimals of a number as it is written; twelve where it is written with an exponent.
fn decimals(number: &str) -> i32 {
    if number.contains(['e', 'E']) {
        return 12;
    }
    number.split_once('.').map_or(0, |(_, digits)| digits.len().min(12) as i32)
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
