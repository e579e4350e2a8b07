//! Commands in multiplexed frames: the multiplexers that choose a device's signal go along.

use crate::model::Value;

use super::super::codec::{Signal, When};
use super::super::spec::CommandSpec;
use super::check::Check;
use super::frames::FrameEntry;

/// What goes along with a device's signal: what `with` says, and each multiplexer that leaves no choice. One that leaves
/// a choice and is not in `with`, and one that is there with a value that chooses other signals, is reported.
pub(super) fn with(
    check: &mut Check,
    frame: &FrameEntry,
    spec: &CommandSpec,
    mut with: Vec<(usize, Value)>,
) -> Vec<(usize, Value)> {
    let signals = &frame.layout.signals;
    let own = frame.layout.signal(&spec.signal);
    let all = own.into_iter().chain(with.iter().map(|(at, _)| *at));
    let wanted: Vec<(usize, When)> =
        all.flat_map(|at| signals[at].when.iter().map(move |when| (at, when.clone()))).collect();
    for (of, when) in wanted {
        let (of, by) = (&signals[of].name, &signals[when.multiplexer]);
        if own == Some(when.multiplexer) {
            check.error(
                spec.signal.place,
                format!("{} chooses {of}, which is in `with`: it cannot be switched", by.name),
            );
            continue;
        }
        let known = with.iter().find(|(at, _)| *at == when.multiplexer);
        match (known, when.values.as_slice()) {
            (Some((_, value)), _) if raw(by, value).is_some_and(|bits| when.has(bits)) => {}
            (Some((_, value)), _) => {
                let key = spec.with.iter().find(|(key, _)| *key.value == *by.name);
                let place = key.map_or(spec.signal.place, |(key, _)| key.place);
                check
                    .error(place, format!("{of} is not in the frame when {} is {value}", by.name))
                    .help(choices(&when));
            }
            (None, [(from, to)]) if from == to => with.push((when.multiplexer, value(by, *from))),
            (None, _) => {
                let message =
                    format!("{of} is in the frame with some values of {} only, and `with` says none", by.name);
                check.error(spec.signal.place, message).help(choices(&when));
            }
        }
    }
    with
}

fn choices(when: &When) -> String {
    let shown = |(from, to): &(u64, u64)| if from == to { from.to_string() } else { format!("{from} to {to}") };
    let values: Vec<String> = when.values.iter().take(12).map(shown).collect();
    format!("its raw values are {}", values.join(", "))
}

/// The bits that a value is encoded to.
fn raw(signal: &Signal, value: &Value) -> Option<u64> {
    let mut data = [0; 64];
    signal.encode(value, &mut data).ok()?;
    signal.layout.get(&data)
}

/// The value that raw bits are: a text if they have one.
fn value(signal: &Signal, bits: u64) -> Value {
    signal.text_of(bits).map_or_else(|| Value::Number(signal.exact(bits).as_f64()), |text| Value::Text(text.clone()))
}
