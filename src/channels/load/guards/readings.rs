//! `needs` and `verify`: fields of nodes that a limit looks at, published or not.

use std::time::Duration;

use crate::channels::codec::Signal;
use crate::channels::map::NodeFrame;
use crate::channels::spec::{NeedsSpec, VerifySpec};
use crate::channels::{Comparison, Need, Verify, Watched};
use crate::files::Spanned;
use crate::model::{Name, Span, glob};

use super::super::check::Check;
use super::super::devices::time;
use super::super::facts;
use super::Around;
use super::numbers::constant;
use super::own::said;

/// A field that matches.
struct Found<'a> {
    watched: Watched,
    frame: &'a NodeFrame,
    signal: &'a Signal,
    /// What it can be; `None`: it is a text.
    numbers: Option<(f64, f64)>,
}

/// One entry of `needs`; `None` if it cannot be judged.
pub(super) fn need(check: &mut Check, around: Around<'_>, spec: &Spanned<NeedsSpec>) -> Option<Need> {
    if spec.below.is_none() && spec.above.is_none() && spec.fresh.is_none() {
        let message = "`needs` says nothing about the reading";
        check
            .lacking(spec.channel.place, &["below", "above", "fresh"], message)
            .help("write `below: 1500`, `above: 10` or `fresh: 30s`");
    }
    if let (Some(below), Some(above)) = (&spec.below, &spec.above)
        && above.value >= below.value
    {
        let message = format!("nothing is above {} and below {}", above.value, below.value);
        check.error(below.place, message).help("`above` is the lower limit, `below` the upper one");
        return None;
    }
    let fresh = spec.fresh.as_ref().map(|fresh| time(check, "fresh", Some(fresh), fresh.0));
    let found = find(check, around, &spec.channel, &spec.field)?;
    let limits = [(&spec.below, Comparison::Less, "below"), (&spec.above, Comparison::Greater, "above")];
    let mut fine = true;
    for (limit, comparison, word) in limits {
        let Some(limit) = limit else { continue };
        fine &= check_limit(check, &found, limit, comparison, word);
    }
    if let Some(fresh) = spec.fresh.as_ref().filter(|fresh| !fresh.0.is_zero()) {
        check_fresh(check, &found, fresh);
    }
    let readings = found.into_iter().map(|found| found.watched).collect();
    let limit = |limit: &Option<Spanned<f64>>| limit.as_ref().map(|limit| limit.value);
    let (below, above) = (limit(&spec.below), limit(&spec.above));
    fine.then(|| Need { text: text_of_need(spec), readings, below, above, fresh })
}

fn check_fresh(check: &mut Check, found: &[Found<'_>], fresh: &Spanned<Span>) {
    let slower = found.iter().filter(|found| found.frame.frame.cycle.is_some_and(|cycle| cycle > fresh.0));
    let Some(slowest) = slower.max_by_key(|found| found.frame.frame.cycle) else { return };
    let cycle = slowest.frame.frame.cycle.unwrap_or_default();
    let (node, name) = (&slowest.watched.node, &slowest.frame.frame.name);
    let message =
        format!("`fresh` is shorter than the cycle of {name}, {}: {node} is not fresh between two frames", said(cycle));
    check.warning(fresh.place, message).help(format!("write two cycles or more: {}", said(cycle * 2)));
}

fn text_of_need(spec: &NeedsSpec) -> Name {
    let mut text = format!("{} of {}", spec.field.value, spec.channel.value);
    if let Some(above) = &spec.above {
        text += &format!(" above {}", above.value);
    }
    if let (Some(_), Some(_)) = (&spec.above, &spec.below) {
        text += " and";
    }
    if let Some(below) = &spec.below {
        text += &format!(" below {}", below.value);
    }
    if let Some(fresh) = &spec.fresh {
        text += &format!(", fresh within {}", said(fresh.0));
    }
    Name::from(text)
}

/// A limit that one of the fields can never meet keeps the device off for good; one that all always meet says nothing.
fn check_limit(check: &mut Check, found: &[Found<'_>], limit: &Spanned<f64>, how: Comparison, word: &str) -> bool {
    let judged: Vec<_> = found.iter().filter_map(|found| Some((found, found.numbers?))).collect();
    if let Some(text) = found.iter().find(|found| found.numbers.is_none()) {
        not_a_number(check, limit, text);
        return false;
    }
    let never = judged.iter().find(|(_, range)| constant(how, limit.value, *range) == Some(false));
    if let Some((found, (low, high))) = never {
        let (node, field) = (&found.watched.node, &found.watched.field);
        let message = format!("{field} of {node} is never {word} {}: the device would never be on", limit.value);
        check.unfit(limit.place, message).help(format!("it goes from {low} to {high}"));
        return false;
    }
    if let Some((_, (low, high))) =
        judged.first().filter(|_| judged.iter().all(|(_, range)| constant(how, limit.value, *range) == Some(true)))
    {
        let message = format!("every good reading is {word} {}: this limit says nothing", limit.value);
        check.warning(limit.place, message).help(format!("they go from {low} to {high}"));
    }
    true
}

fn not_a_number(check: &mut Check, limit: &Spanned<f64>, found: &Found<'_>) {
    let (node, field) = (&found.watched.node, &found.watched.field);
    let names: Vec<&str> = found.signal.values.iter().map(|(_, name)| &**name).collect();
    let message = format!("{field} of {node} is a text, and cannot be compared with {}", limit.value);
    check.unfit(limit.place, message).help(format!("it is one of {}", names.join(", ")));
}

/// `verify`; `None` if it cannot be judged.
pub(super) fn verify(check: &mut Check, around: Around<'_>, spec: &Spanned<VerifySpec>) -> Option<Verify> {
    let change = spec.change.value;
    if change == 0.0 {
        let message = "a change of 0 is none";
        check.error(spec.change.place, message).help("write 0.5 for a rise, -0.5 for a fall");
    }
    let within = time(check, "within", Some(&spec.within), spec.within.0);
    let found = find(check, around, &spec.channel, &spec.field)?;
    if let Some(text) = found.iter().find(|found| found.numbers.is_none()) {
        not_a_number(check, &spec.change, text);
        return None;
    }
    let widest = found.iter().filter_map(|found| found.numbers).map(|(low, high)| high - low).fold(0.0, f64::max);
    if change.abs() > widest {
        let message = format!("{} never changes by {}", spec.field.value, change.abs());
        check.unfit(spec.change.place, message).help(format!("from its least to its greatest value it is {widest}"));
        return None;
    }
    let quickest = found.iter().map(|found| found.frame.frame.cycle.unwrap_or(Duration::ZERO)).min();
    if let Some(cycle) = quickest.filter(|cycle| *cycle >= within && !within.is_zero()) {
        let message = format!("within {} no reading comes: their cycle is {}", said(within), said(cycle));
        check.warning(spec.within.place, message).help("give it the time that the room takes: 15m");
    }
    let by = if change < 0.0 { "down" } else { "up" };
    let (field, channel) = (&spec.field.value, &spec.channel.value);
    let text = format!("{field} of {channel} {by} by {} within {}", change.abs(), said(within));
    let readings = found.into_iter().map(|found| found.watched).collect();
    (change != 0.0).then(|| Verify { text: Name::from(text), readings, change, within })
}

/// Every field under the pattern; reported if there is none.
fn find<'a>(
    check: &mut Check,
    around: Around<'a>,
    channel: &Spanned<String>,
    field: &Spanned<String>,
) -> Option<Vec<Found<'a>>> {
    if channel.starts_with("device:") {
        let message = "these are readings of nodes, not of devices";
        check
            .error(channel.place, message)
            .help("what another device does is asked with `only_while` and `forbid_while`");
        return None;
    }
    if channel.contains(['{', '}']) {
        let message = "a pattern of the channel map has no names in it";
        check.error(channel.place, message).help("write `*` in place of `{name}`");
        return None;
    }
    let fits = |pattern: &str, name: &str| glob(pattern.as_bytes(), name.as_bytes());
    let matches = |node: &&NodeFrame| fits(channel, &node.source.channel) || fits(channel, &node.source.broad);
    let under: Vec<&NodeFrame> = around.nodes.iter().filter(matches).collect();
    let mut found: Vec<Found<'a>> = Vec::new();
    for node in &under {
        for own in node.fields.iter().filter(|own| fits(field, &own.name)) {
            let signal = &node.frame.signals[own.signal];
            let watched = Watched {
                channel: node.source.channel.clone(),
                node: node.source.name.clone(),
                field: own.name.clone(),
            };
            if !found.iter().any(|known| known.watched == watched) {
                found.push(Found { watched, frame: node, signal, numbers: facts::numbers(signal, own.adjust) });
            }
        }
    }
    if !found.is_empty() {
        return Some(found);
    }
    if around.all_nodes {
        let (wrong, message) = match under.is_empty() {
            true => (channel, format!("no node sends on '{}'", channel.value)),
            false => (field, format!("no node under '{}' has a field '{}'", channel.value, field.value)),
        };
        let channels = || around.nodes.iter().map(|node| &*node.source.channel);
        let fields = || under.iter().flat_map(|node| node.fields.iter()).map(|field| &*field.name);
        let mut names: Vec<&str> = if under.is_empty() { channels().collect() } else { fields().collect() };
        names.sort_unstable();
        names.dedup();
        check.unknown(wrong, message).did_you_mean(wrong, names);
    }
    None
}
