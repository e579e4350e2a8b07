//! How fast a number may change: from step to step no more than the map's ramp allows.

use std::time::Duration;

use crate::model::Mono;

/// From one step to the next.
const STEP: Duration = Duration::from_millis(250);

/// `at most 20/min`: by the second, the minute or the hour, whichever is the first with a plain number, as the map has it.
pub(super) fn in_words(per_second: f64) -> String {
    let rounded = |rate: f64| (rate * 1e3).round() / 1e3;
    let plain = |rate: f64| rounded(rate) > 0.0 && (rate - rounded(rate)).abs() < rate * 1e-9;
    let rates = [(per_second, "s"), (per_second * 60.0, "min"), (per_second * 3_600.0, "h")];
    match rates.into_iter().find(|(rate, _)| plain(*rate)) {
        Some((rate, unit)) => format!("at most {}/{unit}", rounded(rate)),
        None => format!("at most {per_second}/s"),
    }
}

/// A number on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Ramp {
    /// Where it was at its last step.
    at: Option<(f64, Mono)>,
}

impl Ramp {
    /// The number that may be told now, and when the next step is due; `None`: it has arrived. `from` is what it was told
    /// last, to within `slack`: one that was told something else meanwhile starts there.
    pub(super) fn step(
        &mut self,
        now: Mono,
        (from, slack): (f64, f64),
        to: f64,
        per_second: f64,
    ) -> Option<(f64, Mono)> {
        self.at = self.at.filter(|(value, _)| (value - from).abs() <= slack);
        let (value, since) = *self.at.get_or_insert((from, now));
        let elapsed = now.since(since);
        if elapsed < STEP {
            return (value != to).then_some((value, since + STEP)).or_else(|| self.arrive());
        }
        let most = per_second * elapsed.as_secs_f64();
        if (to - value).abs() <= most {
            return self.arrive();
        }
        let value = value + most.copysign(to - value);
        self.at = Some((value, now));
        Some((value, now + STEP))
    }

    /// It is where it is to be, or was made to jump.
    pub(super) fn arrive(&mut self) -> Option<(f64, Mono)> {
        self.at = None;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn a_ramp_is_said_as_the_map_has_it() {
        let said = [10.0, 20.0 / 60.0, 100.0 / 3_600.0, 0.5, 0.1234567].map(in_words);
        assert_eq!(said, ["10/s", "20/min", "100/h", "0.5/s", "0.1234567/s"].map(|rate| format!("at most {rate}")));
    }
}
