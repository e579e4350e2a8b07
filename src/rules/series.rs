//! One signal over a window of time: bounded memory, time-weighted.
//!
//! A value holds until the next one or a gap. What has been held is kept as blocks with exact moments of weight, time and
//! value. When there are too many, neighbours are merged, oldest first, while they span no more than 1/64 of the window
//! together: mean, deviation and slope stay exact, only a merged block that crosses the old edge is shared in proportion.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::Mono;

/// Blocks a series keeps at most.
pub(super) const MOST: usize = 256;

/// What one signal has been within the last `span`.
#[derive(Clone, Debug)]
pub(super) struct Series {
    span: Duration,
    pub(super) blocks: VecDeque<Block>,
    latest: Mono,
    open: Option<(Mono, f64)>,
}

/// Moments are central; `time` is the mean time in seconds after `start`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    start: Mono,
    end: Mono,
    pub(super) weight: f64,
    time: f64,
    pub(super) mean: f64,
    pub(super) tt: f64,
    pub(super) tv: f64,
    pub(super) vv: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) count: u64,
}

impl Series {
    pub(super) fn new(span: Duration) -> Series {
        Series { span, blocks: VecDeque::new(), latest: Mono::default(), open: None }
    }

    /// When it was last fed.
    pub(super) fn latest(&self) -> Mono {
        self.latest
    }

    /// A value holds from `now` on; `None` begins a gap. Of several at the same moment the last one counts.
    pub(super) fn feed(&mut self, now: Mono, value: Option<f64>) {
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

    /// All that was held from `now - span` to `now`; `None` while less than half of that is covered by values.
    pub(super) fn view(&self, now: Mono) -> Option<Block> {
        let now = now.max(self.latest);
        let edge = now - self.span;
        let open = self.open.map(|(start, value)| Block::held(start, now, value));
        let within = self.blocks.iter().copied().chain(open).filter(|block| block.end > edge);
        let all = within.map(|block| block.clipped(edge)).reduce(|a, b| a.joined(&b))?;
        (all.weight > 0.0 && all.weight * 2.0 >= self.span.as_secs_f64()).then_some(all)
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
