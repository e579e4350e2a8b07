//! Command frames on their way to one bus: the newest of each identifier, each with a deadline. Nothing queues up while a
//! bus is down, and nothing is sent late.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::model::{Doorbell, Mono};

use super::{CanId, Frame};

/// The account: `received = taken + replaced + expired + refused + pending`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PendingCounts {
    /// Frames handed in.
    pub received: u64,
    /// Frames taken to be sent.
    pub taken: u64,
    /// Frames that a newer one of the same identifier replaced.
    pub replaced: u64,
    /// Frames whose time was over before the bus took them.
    pub expired: u64,
    /// Frames for a bus that takes none: it is down, or a recording.
    pub refused: u64,
    /// Frames that wait now.
    pub pending: u64,
}

/// The frames that wait for one bus.
#[derive(Debug)]
pub struct Pending {
    inner: Mutex<Inner>,
    doorbell: Arc<Doorbell>,
}

#[derive(Debug)]
struct Inner {
    frames: BTreeMap<CanId, (Frame, Mono)>,
    /// Raw frames, in their order: they are no states, so a newer one replaces only one that is the same.
    raw: VecDeque<(Frame, Mono)>,
    counts: PendingCounts,
    open: bool,
}

impl Pending {
    /// Nothing waits yet. A bus that is not `open` takes nothing, and counts what it refuses.
    #[must_use]
    pub fn new(doorbell: Arc<Doorbell>, open: bool) -> Arc<Pending> {
        let inner = Inner { frames: BTreeMap::new(), raw: VecDeque::new(), counts: PendingCounts::default(), open };
        Arc::new(Pending { inner: Mutex::new(inner), doorbell })
    }

    /// Hands in a frame, in place of the waiting one of its identifier; `false` if the bus takes none.
    pub fn put(&self, frame: &Frame, ttl: Duration) -> bool {
        let mut inner = self.inner();
        inner.counts.received += 1;
        if !inner.open {
            inner.counts.refused += 1;
            return false;
        }
        if inner.frames.insert(frame.id, (*frame, frame.at.mono + ttl)).is_some() {
            inner.counts.replaced += 1;
        }
        drop(inner);
        self.doorbell.ring();
        true
    }

    /// Hands in a raw frame, behind those that wait and before all others; `false` if the bus takes none. Of frames with the
    /// same bytes the newest waits, so the map bounds how many there are.
    pub fn put_raw(&self, frame: &Frame, ttl: Duration) -> bool {
        let mut inner = self.inner();
        inner.counts.received += 1;
        if !inner.open {
            inner.counts.refused += 1;
            return false;
        }
        let same = |other: &Frame| (other.id, other.kind, other.bytes()) == (frame.id, frame.kind, frame.bytes());
        if let Some(at) = inner.raw.iter().position(|(other, _)| same(other)) {
            inner.raw.remove(at);
            inner.counts.replaced += 1;
        }
        inner.raw.push_back((*frame, frame.at.mono + ttl));
        drop(inner);
        self.doorbell.ring();
        true
    }

    /// Takes the first raw frame, or else the waiting frame with the least identifier, as the bus itself would decide; drops
    /// those whose time is over.
    pub fn take(&self, now: Mono) -> Option<Frame> {
        let mut inner = self.inner();
        while let Some((frame, deadline)) =
            inner.raw.pop_front().or_else(|| inner.frames.pop_first().map(|(_, waiting)| waiting))
        {
            if now <= deadline {
                inner.counts.taken += 1;
                return Some(frame);
            }
            inner.counts.expired += 1;
        }
        None
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let inner = self.inner();
        inner.frames.is_empty() && inner.raw.is_empty()
    }

    /// The account so far.
    #[must_use]
    pub fn counts(&self) -> PendingCounts {
        let inner = self.inner();
        PendingCounts { pending: (inner.frames.len() + inner.raw.len()) as u64, ..inner.counts }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::can::BusId;
    use crate::model::{Timestamp, Utc};

    fn frame(id: u32, at: u64, byte: u8) -> Frame {
        let at = Timestamp { mono: Mono(at), utc: Utc(0) };
        Frame::data(at, BusId(0), CanId::standard(id).expect("11 bits"), &[byte]).expect("one byte")
    }

    #[test]
    fn raw_frames_keep_their_order_and_go_first() {
        let pending = Pending::new(Doorbell::new(), true);
        let ttl = Duration::from_nanos(10);
        pending.put(&frame(0x000, 0, 9), ttl);
        for (id, at, byte) in [(0x605, 0, 1), (0x000, 0, 2), (0x000, 1, 3), (0x000, 5, 2)] {
            assert!(pending.put_raw(&frame(id, at, byte), ttl));
        }
        assert!(!pending.is_empty());
        let taken = || pending.take(Mono(11)).map(|f| f.bytes()[0]);
        assert_eq!((taken(), taken(), taken()), (Some(3), Some(2), None), "in order, once each, in time or not at all");
        let closed = Pending::new(Doorbell::new(), false);
        assert!(!closed.put_raw(&frame(1, 0, 0), ttl));
        for c in [pending.counts(), closed.counts()] {
            assert_eq!(c.received, c.taken + c.replaced + c.expired + c.refused + c.pending, "{c:?}");
        }
    }

    #[test]
    fn the_newest_of_each_identifier_is_sent_in_time_or_not_at_all() {
        let pending = Pending::new(Doorbell::new(), true);
        let ttl = Duration::from_nanos(10);
        for f in [frame(0x310, 0, 1), frame(0x301, 5, 2), frame(0x310, 6, 3), frame(0x100, 1, 4)] {
            assert!(pending.put(&f, ttl));
        }
        assert_eq!(pending.take(Mono(12)).map(|f| f.bytes()[0]), Some(2), "0x100 is too late");
        assert_eq!(pending.take(Mono(12)).map(|f| f.bytes()[0]), Some(3));
        assert_eq!(pending.take(Mono(12)).map(|f| f.bytes()[0]), None);
        let closed = Pending::new(Doorbell::new(), false);
        assert!(!closed.put(&frame(1, 0, 0), ttl));
        for counts in [pending.counts(), closed.counts()] {
            let c = counts;
            assert_eq!(c.received, c.taken + c.replaced + c.expired + c.refused + c.pending, "{c:?}");
        }
    }
}
