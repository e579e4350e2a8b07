//! How fast a number may change: from step to step no more than the map's ramp allows.

use std::time::Duration;

use crate::model::Mono;

/// From one step to the next.
const STEP: Duration = Duration::from_millis(250);

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
