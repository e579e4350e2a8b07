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

    /// Renames or drops every entry: positions have changed with an edit.
    pub(super) fn rename(&mut self, new: impl Fn(Due) -> Option<Due>) {
        let entries = std::mem::take(&mut self.0).into_vec().into_iter();
        self.0 = entries.filter_map(|Reverse((at, due))| Some(Reverse((at, new(due)?)))).collect();
    }

    /// The earliest entry; never later than the earliest that is still meant.
    pub(super) fn next(&self) -> Option<Mono> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the entries of the earliest moment, if that is not after `now`: its timers, or, when it has no more, its
    /// ticks. What a timer sets for the same moment thus goes before the ticks as well.
    pub(super) fn take(&mut self, now: Mono, into: &mut Vec<Due>) -> Option<Mono> {
        into.clear();
        let Reverse((first, kind)) = *self.0.peek().filter(|Reverse((at, _))| *at <= now)?;
        let same = |due: &Due| std::mem::discriminant(due) == std::mem::discriminant(&kind);
        while self.0.peek().is_some_and(|Reverse((at, due))| *at == first && same(due)) {
            into.extend(self.0.pop().map(|Reverse((_, due))| due));
        }
        Some(first)
    }
}
