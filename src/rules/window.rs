//! Windows over a field: what the signals of several sources were within a span, taken together.

use std::time::Duration;

use crate::bus::Pattern;
use crate::model::{Message, Mono, Name};

use super::series::{Block, Series};

/// Signals that one window keeps apart at most; a further one takes the place of the one that has been silent longest.
const MOST_SIGNALS: usize = 256;

/// A `window([pattern,] field, span)` that a rule's scripts name; its arguments are constants.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowSpec {
    /// Of which channels; `None`: of the instance's own messages.
    pub pattern: Option<Pattern>,
    /// Which field.
    pub field: Name,
    /// How far back.
    pub span: Duration,
}

/// What a window knows; all `None` while less than half of its span is covered by values.
///
/// Each source on each channel is a signal of its own. Of several signals, those covered well enough count alike: `mean`
/// and `slope` are their averages, `stddev` is that of all their values together, `min`, `max` and `count` are over all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Time-weighted mean; gaps are left out.
    pub mean: Option<f64>,
    /// Time-weighted standard deviation (of the population).
    pub stddev: Option<f64>,
    /// Least-squares slope of the held values, per second.
    pub slope: Option<f64>,
    /// Least value in force within the window.
    pub min: Option<f64>,
    /// Greatest value in force within the window.
    pub max: Option<f64>,
    /// How many values were in force within the window.
    pub count: Option<u64>,
}

/// All windows of one instance, in the order of `Rule::windows`.
#[derive(Clone, Debug, Default)]
pub struct Windows(Vec<Window>);

#[derive(Clone, Debug)]
struct Window {
    span: Duration,
    signals: Vec<(Name, Option<Name>, Series)>,
}

impl Windows {
    /// Empty windows.
    #[must_use]
    pub fn new(specs: &[WindowSpec]) -> Windows {
        Windows(specs.iter().map(|spec| Window { span: spec.span, signals: Vec::new() }).collect())
    }

    /// The value of the window's field in a message: it holds from `now` on. `None` (or NaN, infinite) begins a gap. An
    /// unknown index is ignored. Of several at the same moment the last one counts.
    pub fn feed(&mut self, index: usize, now: Mono, message: &Message, value: Option<f64>) {
        if let Some(window) = self.0.get_mut(index) {
            let value = value.filter(|value| value.is_finite());
            window.signal(&message.channel, message.source.as_ref()).feed(now, value);
        }
    }

    /// Exchanges one window with another set's: what all instances of a rule share is kept once, and lent to each run.
    pub(super) fn swap(&mut self, other: &mut Windows, index: usize) {
        if let (Some(own), Some(other)) = (self.0.get_mut(index), other.0.get_mut(index)) {
            std::mem::swap(own, other);
        }
    }

    /// Takes over the contents of the windows that were declared alike before an edit.
    pub(super) fn inherit(&mut self, specs: &[WindowSpec], before: &mut Windows, before_specs: &[WindowSpec]) {
        for (index, spec) in specs.iter().enumerate() {
            if let Some(at) = before_specs.iter().position(|known| known == spec)
                && let (Some(own), Some(old)) = (self.0.get_mut(index), before.0.get_mut(at))
            {
                std::mem::swap(own, old);
            }
        }
    }

    /// Forgets the signals of channels that are not heard any more. Windows over a pattern say themselves what they hear.
    pub(super) fn keep(&mut self, specs: &[WindowSpec], heard: impl Fn(&Name) -> bool) {
        let own = self.0.iter_mut().zip(specs).filter(|(_, spec)| spec.pattern.is_none());
        own.for_each(|(window, _)| window.signals.retain(|(channel, ..)| heard(channel)));
    }

    /// Forgets the signals of which this is true, by their channel, source and field.
    pub(super) fn forget(&mut self, specs: &[WindowSpec], gone: impl Fn(&Name, Option<&Name>, &Name) -> bool) {
        for (window, spec) in self.0.iter_mut().zip(specs) {
            window.signals.retain(|(channel, source, _)| !gone(channel, source.as_ref(), &spec.field));
        }
    }

    /// What the window from `now - span` to `now` knows; nothing for an unknown index.
    #[must_use]
    pub fn view(&self, index: usize, now: Mono) -> Stats {
        self.0.get(index).map_or_else(Stats::default, |window| window.view(now))
    }
}

impl Window {
    fn signal(&mut self, channel: &Name, source: Option<&Name>) -> &mut Series {
        let known = self.signals.iter().position(|(c, s, _)| c == channel && s.as_ref() == source);
        let at = known.unwrap_or_else(|| {
            if self.signals.len() >= MOST_SIGNALS {
                let silent = (0..self.signals.len()).min_by_key(|at| self.signals[*at].2.latest());
                self.signals.remove(silent.unwrap_or_default());
            }
            self.signals.push((channel.clone(), source.cloned(), Series::new(self.span)));
            self.signals.len() - 1
        });
        &mut self.signals[at].2
    }

    fn view(&self, now: Mono) -> Stats {
        let seen: Vec<Block> = self.signals.iter().filter_map(|(_, _, series)| series.view(now)).collect();
        let Some(mean) = average(seen.iter().map(|all| all.mean)) else { return Stats::default() };
        let variance = average(seen.iter().map(|all| all.vv.max(0.0) / all.weight + (all.mean - mean).powi(2)));
        Stats {
            mean: Some(mean),
            stddev: variance.map(f64::sqrt),
            slope: average(seen.iter().filter(|all| all.tt > 0.0).map(|all| all.tv / all.tt)),
            min: seen.iter().map(|all| all.min).reduce(f64::min),
            max: seen.iter().map(|all| all.max).reduce(f64::max),
            count: Some(seen.iter().map(|all| all.count).sum()),
        }
    }
}

fn average(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::super::series::MOST;
    use super::*;
    use crate::rules::fixture;

    fn windows(seconds: u64) -> Windows {
        Windows::new(&[WindowSpec { pattern: None, field: "t".into(), span: Duration::from_secs(seconds) }])
    }

    fn feed(windows: &mut Windows, now: Mono, value: Option<f64>) {
        windows.feed(0, now, &fixture::message("c", &[]), value);
    }

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    #[test]
    fn weighs_by_time_and_leaves_gaps_out() {
        let mut w = windows(10);
        feed(&mut w, at(100), Some(10.0));
        assert_eq!(w.view(0, at(104)), Stats::default());
        feed(&mut w, at(106), Some(20.0));
        feed(&mut w, at(108), None);
        let s = w.view(0, at(110));
        assert_eq!((s.mean, s.min, s.max, s.count), (Some(12.5), Some(10.0), Some(20.0), Some(2)));
        assert_eq!(w.view(0, at(114)), Stats::default());
    }

    #[test]
    fn memory_is_bounded_and_a_ramp_keeps_its_slope() {
        let mut w = windows(3600);
        for second in 0..7200 {
            feed(&mut w, at(second), Some(second as f64 * 0.5));
            assert!(w.0[0].signals[0].2.blocks.len() <= MOST);
        }
        let s = w.view(0, at(7200));
        assert!((s.slope.unwrap() - 0.5).abs() < 1e-3, "{s:?}");
        assert!((s.mean.unwrap() - 0.5 * 5399.5).abs() < 0.1, "{s:?}");
    }

    #[test]
    fn each_source_on_each_channel_is_a_signal_of_its_own() {
        let mut w = windows(10);
        let messages = ["a", "b", "c"].map(|channel| fixture::message(channel, &[]));
        w.feed(0, at(100), &messages[0], Some(10.0));
        w.feed(0, at(101), &messages[1], Some(20.0));
        w.feed(0, at(102), &messages[0], Some(10.0));
        w.feed(0, at(109), &messages[2], Some(90.0));
        let s = w.view(0, at(110));
        // One signal for all would have a slope; the third is not covered well enough.
        assert_eq!((s.mean, s.slope, s.stddev), (Some(15.0), Some(0.0), Some(5.0)));
        assert_eq!((s.min, s.max, s.count), (Some(10.0), Some(20.0), Some(3)));
        for channel in 0..2 * MOST_SIGNALS {
            w.feed(0, at(111), &fixture::message(&channel.to_string(), &[]), Some(0.0));
        }
        assert_eq!(w.0[0].signals.len(), MOST_SIGNALS);
    }

    fn reference(feeds: &[(u64, Option<f64>)], now: u64, span: u64) -> Option<(f64, f64, f64)> {
        let mut seconds = Vec::new();
        for t in now.saturating_sub(span)..now {
            let value = feeds.iter().rev().find(|feed| feed.0 <= t).and_then(|feed| feed.1);
            seconds.extend(value);
        }
        let n = seconds.len() as f64;
        if n * 2.0 < span as f64 {
            return None;
        }
        let mean = seconds.iter().sum::<f64>() / n;
        let min = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        Some((mean, (seconds.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt(), min))
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_a_second_by_second_reference(
            steps in proptest::collection::vec((1..8u64, proptest::option::weighted(0.8, -50.0..50.0f64)), 1..60),
        ) {
            let (mut w, mut now, mut feeds) = (windows(30), 100, Vec::new());
            for (by, value) in steps {
                feed(&mut w, at(now), value);
                feeds.push((now, value));
                now += by;
                let s = w.view(0, at(now));
                let want = reference(&feeds, now, 30);
                proptest::prop_assert_eq!(s.mean.is_some(), want.is_some());
                if let Some((mean, stddev, min)) = want {
                    proptest::prop_assert!((s.mean.unwrap() - mean).abs() < 1e-9);
                    proptest::prop_assert!((s.stddev.unwrap() - stddev).abs() < 1e-6);
                    proptest::prop_assert!(s.max >= s.min && (s.min.unwrap() - min).abs() < 1e-12);
                }
            }
        }
    }
}
