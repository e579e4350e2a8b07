//! What each template takes from the map, and to the moment what its test must see. Times of tests: the first value
//! comes at 0 s, one more every cycle; `for` counts from the first value for which `when` is true, and ends exactly.

pub(super) mod irrigation;
pub(super) mod lights;
pub(super) mod passing;
pub(super) mod silence;
pub(super) mod switching;

use std::time::Duration;

use super::fill::Values;
use super::plant::{Reading, Refusal};
use super::wishes::Wishes;

/// What a recipe leaves: values for the template's names, and in words what it took from the map.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    pub(super) values: Values,
    pub(super) took: Vec<String>,
}

/// How many cycles cover the span.
fn cycles(span: Duration, cycle: Duration) -> u32 {
    u32::try_from(span.as_nanos().div_ceil(cycle.as_nanos().max(1))).unwrap_or(u32::MAX)
}

/// How many whole cycles the span has.
fn floor(span: Duration, cycle: Duration) -> u32 {
    u32::try_from(span.as_nanos() / cycle.as_nanos().max(1)).unwrap_or(u32::MAX)
}

/// Where it begins and where it lets go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    pub(super) on: f64,
    pub(super) off: f64,
    /// It begins above `on`, not below.
    pub(super) up: bool,
}

/// The limits as they are wished: one that is not given lies `gap` from the other.
fn limits(wishes: &Wishes, up: bool, usual: Option<f64>, gap: f64) -> Result<Limits, Refusal> {
    let (begins, ends) = if up { (wishes.above, wishes.below) } else { (wishes.below, wishes.above) };
    let (flag, sign) = if up { ("above", 1.0) } else { ("below", -1.0) };
    // Sums of decimal fractions show digits that nobody wrote.
    let tidy = |number: f64| (number * 1e6).round() / 1e6;
    let on = begins.or(ends.map(|off| tidy(off + sign * gap))).or(usual);
    let Some(on) = on else {
        let field = wishes.field.as_deref().unwrap_or("it");
        return Err(Refusal::of(flag, format!("is needed: there is no usual limit for `{field}`")));
    };
    let off = ends.unwrap_or(tidy(on - sign * gap));
    if (on - off) * sign < 0.0 {
        let (above, below) = if up { (on, off) } else { (off, on) };
        return Err(Refusal::of("below", format!("{below} is not below --above {above}")));
    }
    Ok(Limits { on, off, up })
}

/// Values with which a test crosses the limits.
#[derive(Clone, Copy, Debug)]
struct Crossing {
    /// Lets go.
    calm: f64,
    /// Begins.
    trip: f64,
    /// Between the limits, where nothing changes; `trip` where there is no such value.
    mid: f64,
}

fn crossing(reading: &Reading<'_>, limits: Limits) -> Result<Crossing, Refusal> {
    let Limits { on, off, up } = limits;
    let value = |limit: f64, above: bool| {
        reading.beyond(limit, above).ok_or_else(|| {
            let (low, high) = reading.signal.range.unwrap_or((f64::MIN, f64::MAX));
            let (node, field) = (&reading.node.source.name, reading.field);
            let flag = if (limit == on) == up { "above" } else { "below" };
            let beyond = if above { "above" } else { "below" };
            let message = format!("nothing is {beyond} {limit}: `{field}` of {node} goes from {low} to {high}");
            Refusal::of(flag, message)
        })
    };
    let (trip, calm) = (value(on, up)?, value(off, !up)?);
    let mid = reading.rounded(f64::midpoint(on, off));
    let between = (mid - on) * (mid - off) < 0.0;
    Ok(Crossing { calm, trip, mid: if between { mid } else { trip } })
}

fn words(up: bool) -> (&'static str, &'static str) {
    if up { ("above", ">") } else { ("below", "<") }
}

/// The names of the nodes, each once.
fn nodes(readings: &[Reading<'_>]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for reading in readings {
        if !names.contains(&&*reading.node.source.name) {
            names.push(&reading.node.source.name);
        }
    }
    match names.len() {
        0..=6 => names.join(", "),
        many => format!("{} and {} more", names[..5].join(", "), many - 5),
    }
}
