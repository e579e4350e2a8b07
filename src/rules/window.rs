//! Windows over a field: bounded memory, time-weighted.
//!
//! A value holds until the next one or a gap. What has been held is kept as blocks with exact moments of weight, time and
//! value. When there are too many, neighbours are merged, oldest first, while they span no more than 1/64 of the window
//! together: mean, deviation and slope stay exact, only a merged block that crosses the old edge is shared in proportion.

use std::collections::VecDeque;
use std::time::Duration;

use crate::bus::Pattern;
use crate::model::{Mono, Name};

/// Blocks a window keeps at most.
const MOST: usize = 256;

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
    blocks: VecDeque<Block>,
    latest: Mono,
    open: Option<(Mono, f64)>,
}

/// Moments are central; `time` is the mean time in seconds after `start`.
#[derive(Clone, Copy, Debug)]
struct Block {
    start: Mono,
    end: Mono,
    weight: f64,
    time: f64,
    mean: f64,
    tt: f64,
    tv: f64,
    vv: f64,
    min: f64,
    max: f64,
    count: u64,
}

impl Windows {
    /// Empty windows.
    #[must_use]
    pub fn new(specs: &[WindowSpec]) -> Windows {
        let window = |spec: &WindowSpec| Window {
            span: spec.span,
            blocks: VecDeque::new(),
            latest: Mono::default(),
            open: None,
        };
        Windows(specs.iter().map(window).collect())
    }

    /// A value holds from `now` on; `None` (or NaN, infinite) begins a gap. An unknown index is ignored. Of several at
    /// the same moment the last one counts.
    pub fn feed(&mut self, index: usize, now: Mono, value: Option<f64>) {
        if let Some(window) = self.0.get_mut(index) {
            window.feed(now, value.filter(|v| v.is_finite()));
        }
    }

    /// Exchanges one window with another set's: what all instances of a rule share is kept once, and lent to each run.
    pub(super) fn swap(&mut self, other: &mut Windows, index: usize) {
        if let (Some(own), Some(other)) = (self.0.get_mut(index), other.0.get_mut(index)) {
            std::mem::swap(own, other);
        }
    }

    /// What the window from `now - span` to `now` knows; nothing for an unknown index.
    #[must_use]
    pub fn view(&self, index: usize, now: Mono) -> Stats {
        self.0.get(index).map_or_else(Stats::default, |window| window.view(now))
    }
}

impl Window {
    fn feed(&mut self, now: Mono, value: Option<f64>) {
        let now = now.max(self.latest);
        self.latest = now;
        if let Some((start, held)) = self.open.take().filter(|open| open.0 < now) {
            self.blocks.push_back(Block::held(start, now, held));
        }
        self.open = value.map(|v| (now, v));
        let edge = now - self.span;
        while self.blocks.front().is_some_and(|block| block.end <= edge) {
            self.blocks.pop_front();
        }
        if let Some(first) = self.blocks.front_mut().filter(|first| first.start < edge) {
            *first = first.clipped(edge);
        }
        if self.blocks.len() > MOST {
            self.coarsen();
        }
    }

    /// No two neighbours are left that fit into 1/64 of the span together, so at most about 130 blocks are.
    fn coarsen(&mut self) {
        let most = self.span / 64;
        let mut merged: VecDeque<Block> = VecDeque::with_capacity(MOST + 1);
        for block in self.blocks.drain(..) {
            match merged.back_mut() {
                Some(last) if block.end.since(last.start) <= most => *last = last.joined(&block),
                _ => merged.push_back(block),
            }
        }
        self.blocks = merged;
    }

    fn view(&self, now: Mono) -> Stats {
        let now = now.max(self.latest);
        let edge = now - self.span;
        let open = self.open.map(|(start, value)| Block::held(start, now, value));
        let within = self.blocks.iter().copied().chain(open).filter(|block| block.end > edge);
        let Some(all) = within.map(|block| block.clipped(edge)).reduce(|a, b| a.joined(&b)) else {
            return Stats::default();
        };
        if all.weight <= 0.0 || all.weight * 2.0 < self.span.as_secs_f64() {
            return Stats::default();
        }
        Stats {
            mean: Some(all.mean),
            stddev: Some((all.vv.max(0.0) / all.weight).sqrt()),
            slope: (all.tt > 0.0).then(|| all.tv / all.tt),
            min: Some(all.min),
            max: Some(all.max),
            count: Some(all.count),
        }
    }
}

impl Block {
    fn held(start: Mono, end: Mono, value: f64) -> Block {
        let weight = end.since(start).as_secs_f64();
        let (time, tt) = (weight / 2.0, weight.powi(3) / 12.0);
        Block { start, end, weight, time, mean: value, tt, tv: 0.0, vv: 0.0, min: value, max: value, count: 1 }
    }

    /// The part after `edge`; exact for a single value, in proportion for a merged block.
    fn clipped(&self, edge: Mono) -> Block {
        if self.start >= edge {
            return *self;
        }
        if self.count == 1 {
            return Block::held(edge, self.end, self.mean);
        }
        let left = self.end.since(edge).as_secs_f64();
        let f = left / self.end.since(self.start).as_secs_f64();
        let (tt, tv) = (self.tt * f.powi(3), self.tv * f * f);
        Block { start: edge, weight: self.weight * f, time: self.time * f, tt, tv, vv: self.vv * f, ..*self }
    }

    /// Both, with `next` after this one: pairwise moments of Chan, Golub & LeVeque (1979).
    fn joined(&self, next: &Block) -> Block {
        let weight = self.weight + next.weight;
        let share = if weight > 0.0 { next.weight / weight } else { 0.0 };
        let dt = next.start.since(self.start).as_secs_f64() + next.time - self.time;
        let dv = next.mean - self.mean;
        let cross = self.weight * share;
        Block {
            start: self.start,
            end: next.end,
            weight,
            time: self.time + dt * share,
            mean: self.mean + dv * share,
            tt: self.tt + next.tt + dt * dt * cross,
            tv: self.tv + next.tv + dt * dv * cross,
            vv: self.vv + next.vv + dv * dv * cross,
            min: self.min.min(next.min),
            max: self.max.max(next.max),
            count: self.count + next.count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(seconds: u64) -> Windows {
        Windows::new(&[WindowSpec { pattern: None, field: "t".into(), span: Duration::from_secs(seconds) }])
    }

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    #[test]
    fn weighs_by_time_and_leaves_gaps_out() {
        let mut w = windows(10);
        w.feed(0, at(100), Some(10.0));
        assert_eq!(w.view(0, at(104)), Stats::default());
        w.feed(0, at(106), Some(20.0));
        w.feed(0, at(108), None);
        let s = w.view(0, at(110));
        assert_eq!((s.mean, s.min, s.max, s.count), (Some(12.5), Some(10.0), Some(20.0), Some(2)));
        assert_eq!(w.view(0, at(114)), Stats::default());
    }

    #[test]
    fn memory_is_bounded_and_a_ramp_keeps_its_slope() {
        let mut w = windows(3600);
        for second in 0..7200 {
            w.feed(0, at(second), Some(second as f64 * 0.5));
            assert!(w.0[0].blocks.len() <= MOST);
        }
        let s = w.view(0, at(7200));
        assert!((s.slope.unwrap() - 0.5).abs() < 1e-3, "{s:?}");
        assert!((s.mean.unwrap() - 0.5 * 5399.5).abs() < 0.1, "{s:?}");
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
                w.feed(0, at(now), value);
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
