//! Which signals of a message are there with which values of its multiplexers: simple (`M`, `m3`), nested and with ranges
//! (`SG_MUL_VAL_`).

use can_dbc::MultiplexIndicator;

use crate::channels::codec::{Signal, When};

use super::notes::Notes;

/// A multiplexer by its position in the file, and the values with which a signal is there.
type Choice = (usize, Vec<(u64, u64)>);

/// Gives each signal its multiplexers, leaving out what is no signal, or depends on what is none. Doubts come with the
/// short names of their signals.
pub(super) fn resolve(
    parsed: &can_dbc::Message,
    read: Vec<Option<Signal>>,
    notes: &Notes,
    id: u64,
) -> (Vec<Signal>, Vec<(String, String)>) {
    let mut doubts = Vec::new();
    let choices: Vec<Option<Choice>> =
        (0..parsed.signals.len()).map(|at| choice(parsed, at, notes, id, &mut doubts)).collect();
    let mut chains = Vec::new();
    for (at, signal) in parsed.signals.iter().enumerate() {
        let chain = chain(&choices, at).filter(|chain| chain.iter().all(|by| read[*by].is_some()));
        if chain.is_none() && read[at].is_some() {
            doubts.push((signal.name.clone(), format!("what chooses {} cannot be read: it is left out", signal.name)));
        }
        chains.push(chain);
    }
    let kept: Vec<usize> = (0..read.len()).filter(|at| read[*at].is_some() && chains[*at].is_some()).collect();
    let position = |at: usize| kept.iter().position(|kept| *kept == at);
    let conditions = |at: usize| {
        // Its own condition, then that of its multiplexer, and so on.
        let own = std::iter::once(at).chain(chains[at].iter().flatten().copied());
        let each = own.filter_map(|of| choices[of].as_ref()).filter_map(|(by, values)| {
            let layout = read[*by].as_ref()?.layout;
            Some(When::new(position(*by)?, layout, values.iter().copied()))
        });
        each.collect::<Vec<When>>()
    };
    let when: Vec<Vec<When>> = kept.iter().map(|at| conditions(*at)).collect();
    let signals = kept.iter().zip(when).filter_map(|(at, when)| Some(Signal { when, ..read[*at].clone()? }));
    (signals.collect(), doubts)
}

/// What chooses a signal. With one multiplexer in the message it is that one; with several only `SG_MUL_VAL_` tells.
fn choice(
    parsed: &can_dbc::Message,
    at: usize,
    notes: &Notes,
    id: u64,
    doubts: &mut Vec<(String, String)>,
) -> Option<Choice> {
    use MultiplexIndicator::{MultiplexedSignal, Multiplexor, MultiplexorAndMultiplexedSignal, Plain};
    let signal = &parsed.signals[at];
    let value = match signal.multiplexer_indicator {
        MultiplexedSignal(value) | MultiplexorAndMultiplexedSignal(value) => Some(value),
        // Some files name what chooses a multiplexer in `SG_MUL_VAL_` only.
        Multiplexor => None,
        Plain => return None,
    };
    let chooses = |signal: &can_dbc::Signal| {
        matches!(signal.multiplexer_indicator, Multiplexor | MultiplexorAndMultiplexedSignal(_))
    };
    let multiplexers: Vec<usize> =
        (0..).zip(&parsed.signals).filter(|(_, signal)| chooses(signal)).map(|(at, _)| at).collect();
    let named = notes.multiplexers.get(&(id, signal.name.clone()));
    let by_name = |name: &str| parsed.signals.iter().position(|signal| signal.name == *name);
    match (multiplexers.as_slice(), named) {
        ([only], _) if *only == at => None,
        ([only], named) => {
            let more = named.filter(|(name, _)| by_name(name) == Some(*only)).map(|(_, values)| values.clone());
            Some((*only, more.into_iter().flatten().chain(value.map(|value| (value, value))).collect()))
        }
        (_, Some((name, values))) => match by_name(name) {
            Some(by) => Some((by, values.clone())),
            None => {
                doubts.push((
                    signal.name.clone(),
                    format!("{} is chosen by '{name}', which is no signal: it is taken as always there", signal.name),
                ));
                None
            }
        },
        (_, None) => {
            value?;
            let why = format!(
                "{} is multiplexed, but nothing says by which signal: it is taken as always there",
                signal.name
            );
            doubts.push((signal.name.clone(), why));
            None
        }
    }
}

/// The multiplexers of a signal, its own first; `None` if they run in a circle.
fn chain(choices: &[Option<Choice>], at: usize) -> Option<Vec<usize>> {
    let mut chain = Vec::new();
    let mut of = at;
    while let Some((by, _)) = &choices[of] {
        if *by == at || chain.contains(by) {
            return None;
        }
        chain.push(*by);
        of = *by;
    }
    Some(chain)
}
