//! Command frames on their way to one bus: the newest of each identifier, each with a deadline. Nothing queues up while a
//! bus is down, and nothing is sent late.

use std::collections::BTreeMap;
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

/// What became of a frame that was offered to the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// It is on its way.
    Sent,
    /// There is no room: it waits on.
    Later,
    /// The bus will never take it.
    Refused,
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
    counts: PendingCounts,
    open: bool,
}

impl Pending {
    /// Nothing waits yet. A bus that is not `open` takes nothing, and counts what it refuses.
    #[must_use]
    pub fn new(doorbell: Arc<Doorbell>, open: bool) -> Arc<Pending> {
        let inner = Inner { frames: BTreeMap::new(), counts: PendingCounts::default(), open };
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

    /// Takes the waiting frame with the least identifier, as the bus itself would decide; drops those whose time is over.
    pub fn take(&self, now: Mono) -> Option<Frame> {
        let mut inner = self.inner();
        while let Some((_, (frame, deadline))) = inner.frames.pop_first() {
            if now <= deadline {
                inner.counts.taken += 1;
                return Some(frame);
            }
            inner.counts.expired += 1;
        }
        None
    }

    /// Offers the waiting frame with the least identifier, which stays here, to be replaced, unless it is sent; drops those
    /// whose time is over. `None`: nothing waits.
    pub(super) fn offer(&self, now: Mono, send: impl FnOnce(&Frame) -> Offer) -> Option<Offer> {
        let mut inner = self.inner();
        while let Some(first) = inner.frames.first_entry() {
            let (frame, deadline) = first.get();
            if now > *deadline {
                first.remove();
                inner.counts.expired += 1;
                continue;
            }
            let offer = send(frame);
            match offer {
                Offer::Later => return Some(offer),
                Offer::Sent | Offer::Refused => drop(first.remove()),
            }
            inner.counts.taken += u64::from(offer == Offer::Sent);
            inner.counts.refused += u64::from(offer == Offer::Refused);
            return Some(offer);
        }
        None
    }

    /// When the first of those that wait is too late.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        self.inner().frames.values().map(|(_, deadline)| *deadline).min()
    }

    /// Opens it, or closes it for as long as the bus takes nothing: what waits is refused, so that nothing old leaves later.
    pub(super) fn set_open(&self, open: bool) {
        let mut inner = self.inner();
        inner.open = open;
        if !open {
            inner.counts.refused += inner.frames.len() as u64;
            inner.frames.clear();
        }
    }

    /// Whether the bus takes frames.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.inner().open
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner().frames.is_empty()
    }

    /// The account so far.
    #[must_use]
    pub fn counts(&self) -> PendingCounts {
        let inner = self.inner();
        PendingCounts { pending: inner.frames.len() as u64, ..inner.counts }
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
    fn the_newest_of_each_identifier_is_sent_in_time_or_not_at_all() {
        let pending = Pending::new(Doorbell::new(), true);
        let ttl = Duration::from_nanos(10);
        for f in [frame(0x310, 0, 1), frame(0x301, 5, 2), frame(0x310, 6, 3), frame(0x100, 1, 4)] {
            assert!(pending.put(&f, ttl));
        }
        assert_eq!(pending.take(Mono(12)).map(|f| f.bytes()[0]), Some(2), "0x100 is too late");
        assert_eq!(pending.take(Mono(12)).map(|f| f.bytes()[0]), Some(3));
        assert_eq!(pending.take(Mono(12)).map(|f| f.bytes()[0]), None);
        assert!(pending.put(&frame(0x301, 12, 5), ttl));
        assert!(pending.put(&frame(0x310, 12, 6), ttl));
        assert_eq!(pending.offer(Mono(13), |_| Offer::Later), Some(Offer::Later));
        assert!(pending.put(&frame(0x301, 13, 7), ttl));
        let mut sent = None;
        let mut send = |frame: &Frame| {
            sent = Some(frame.bytes()[0]);
            Offer::Sent
        };
        assert_eq!(pending.offer(Mono(13), &mut send), Some(Offer::Sent));
        assert_eq!(sent, Some(7), "the newer one, though the older one was offered");
        pending.set_open(false);
        pending.set_open(true);
        assert_eq!(pending.offer(Mono(13), |_| Offer::Sent), None, "nothing old leaves when the bus is back");
        let closed = Pending::new(Doorbell::new(), false);
        assert!(!closed.put(&frame(1, 0, 0), ttl));
        for counts in [pending.counts(), closed.counts()] {
            let c = counts;
            assert_eq!(c.received, c.taken + c.replaced + c.expired + c.refused + c.pending, "{c:?}");
        }
    }
}
