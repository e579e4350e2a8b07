//! Every deadline of the engine in one heap. Entries are never searched: what is no longer meant is recognised when its
//! time comes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::Mono;

/// What a deadline is for, in the order in which deadlines of the same moment are served: due timers, then ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A timer of an instance, by the rule's and its own position.
    Instance(u32, u32),
    /// A tick, by the position of its plan.
    Tick(u32),
}

/// The deadlines.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Mono, Due)>>);

impl Timers {
    pub(super) fn push(&mut self, at: Mono, due: Due) {
        self.0.push(Reverse((at, due)));
    }

    /// The earliest entry; never later than the earliest that is still meant.
    pub(super) fn next(&self) -> Option<Mono> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes every entry of the earliest moment, if that is not after `now`.
    pub(super) fn take(&mut self, now: Mono, into: &mut Vec<Due>) -> Option<Mono> {
        into.clear();
        let first = self.next().filter(|at| *at <= now)?;
        while self.next() == Some(first) {
            into.extend(self.0.pop().map(|Reverse((_, due))| due));
        }
        Some(first)
    }
}
