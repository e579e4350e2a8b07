//! Who has fallen silent: deadlines that frames push away all the time, kept so that a frame costs next to nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::time::Duration;

use crate::model::Mono;

/// Sources by number, and when each will be stale.
#[derive(Debug, Default)]
pub(super) struct Silence {
    watches: Vec<Watch>,
    /// One entry for each source that is not stale. A frame does not touch it: an entry may be too early, the first one
    /// never is.
    deadlines: BinaryHeap<Reverse<(Mono, u32)>>,
}

#[derive(Clone, Copy, Debug)]
struct Watch {
    heard: Mono,
    span: Duration,
    stale: bool,
}

impl Silence {
    /// One more source, which counts as heard now. Its number.
    pub(super) fn add(&mut self, span: Duration, now: Mono) -> u32 {
        let number = self.watches.len() as u32;
        self.watches.push(Watch { heard: now, span, stale: false });
        self.deadlines.push(Reverse((now + span, number)));
        self.settle();
        number
    }

    /// A frame of a source arrived.
    #[inline]
    pub(super) fn heard(&mut self, number: u32, now: Mono) {
        let watch = &mut self.watches[number as usize];
        watch.heard = watch.heard.max(now);
        if watch.stale {
            watch.stale = false;
            self.deadlines.push(Reverse((watch.heard + watch.span, number)));
        }
        self.settle();
    }

    /// Whether a source is stale.
    pub(super) fn is_stale(&self, number: u32) -> bool {
        self.watches[number as usize].stale
    }

    /// A source was there before, under another number: it was heard when it was heard.
    pub(super) fn inherit(&mut self, number: u32, before: &Silence, old: u32) {
        let was = before.watches[old as usize];
        let watch = &mut self.watches[number as usize];
        (watch.heard, watch.stale) = (was.heard, was.stale);
    }

    /// Sets the deadlines anew, when watches were inherited.
    pub(super) fn arm_all(&mut self) {
        let awake = (0..).zip(&self.watches).filter(|(_, watch)| !watch.stale);
        self.deadlines = awake.map(|(number, watch)| Reverse((watch.heard + watch.span, number))).collect();
    }

    /// Makes sources stale without a word, where another one says it.
    pub(super) fn end(&mut self, numbers: &[u32]) {
        for number in numbers {
            self.watches[*number as usize].stale = true;
        }
        let watches = &self.watches;
        self.deadlines.retain(|Reverse((_, number))| !watches[*number as usize].stale);
        self.settle();
    }

    /// The next source that has become stale by now, in the order of the deadlines; each is told once.
    pub(super) fn due(&mut self, now: Mono) -> Option<u32> {
        let Reverse((deadline, number)) = *self.deadlines.peek()?;
        if deadline > now {
            return None;
        }
        self.deadlines.pop();
        self.watches[number as usize].stale = true;
        self.settle();
        Some(number)
    }

    /// When the next source becomes stale, exactly, and which.
    pub(super) fn next(&self) -> Option<(Mono, u32)> {
        self.deadlines.peek().map(|Reverse(first)| *first)
    }

    /// Moves the first entry until it is that of a source which will really be stale then.
    #[inline]
    fn settle(&mut self) {
        while let Some(mut first) = self.deadlines.peek_mut() {
            let Reverse((deadline, number)) = *first;
            let watch = self.watches[number as usize];
            let actual = watch.heard + watch.span;
            if actual == deadline {
                return;
            }
            *first = Reverse((actual, number));
            // Sifts it down.
            drop::<PeekMut<'_, _>>(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_scan_of_all_sources(
            spans in proptest::collection::vec(1u64..40, 1..12),
            frames in proptest::collection::vec((0usize..12, 0u64..12, proptest::bool::weighted(0.1)), 0..120),
        ) {
            let mut silence = Silence::default();
            let mut slow: Vec<(u64, u64, bool)> = Vec::new();
            for span in &spans {
                silence.add(Duration::from_nanos(*span), Mono(0));
                slow.push((0, *span, false));
            }
            let mut now = 0;
            for (number, wait, end) in frames {
                now += wait;
                while let Some((deadline, _)) = silence.next().filter(|(deadline, _)| deadline.0 <= now) {
                    let first = slow.iter().enumerate().filter(|(_, w)| !w.2).map(|(i, w)| (w.0 + w.1, i)).min();
                    prop_assert_eq!(silence.due(deadline).map(|i| (deadline.0, i as usize)), first);
                    slow[first.expect("due gave one").1].2 = true;
                }
                prop_assert_eq!(silence.due(Mono(now)), None);
                let number = number % spans.len();
                if end {
                    silence.end(&[number as u32]);
                    slow[number].2 = true;
                } else {
                    silence.heard(number as u32, Mono(now));
                    (slow[number].0, slow[number].2) = (now, false);
                }
                let next = slow.iter().filter(|w| !w.2).map(|w| w.0 + w.1).min();
                prop_assert_eq!(silence.next().map(|(at, _)| at.0), next);
            }
        }
    }
}
