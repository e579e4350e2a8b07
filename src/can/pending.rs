//! Command frames on their way to one bus: the newest of each identifier, each with a deadline. Nothing queues up while a
//! bus is down, and nothing is sent late.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    /// Raw frames, in their order: they are no states, so a newer one replaces only one that is the same.
    raw: VecDeque<(Frame, Mono)>,
    counts: PendingCounts,
    open: bool,
    /// Identifiers of command frames whose time was over, until somebody asks.
    expired: BTreeSet<CanId>,
}

impl Inner {
    /// The first raw frame, or else the one with the least identifier, as the bus itself would decide; those whose time is
    /// over are dropped.
    fn first(&mut self, now: Mono) -> Option<Frame> {
        loop {
            let (frame, deadline) = *self.raw.front().or_else(|| self.frames.values().next())?;
            if now <= deadline {
                return Some(frame);
            }
            if self.raw.is_empty() {
                self.expired.insert(frame.id);
            }
            self.remove_first();
            self.counts.expired += 1;
        }
    }

    fn remove_first(&mut self) {
        if self.raw.pop_front().is_none() {
            self.frames.pop_first();
        }
    }

    fn waiting(&self) -> u64 {
        (self.raw.len() + self.frames.len()) as u64
    }
}

impl Pending {
    /// Nothing waits yet. A bus that is not `open` takes nothing, and counts what it refuses.
    #[must_use]
    pub fn new(doorbell: Arc<Doorbell>, open: bool) -> Arc<Pending> {
        let (frames, raw, expired) = (BTreeMap::new(), VecDeque::new(), BTreeSet::new());
        let inner = Inner { frames, raw, counts: PendingCounts::default(), open, expired };
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
        let frame = inner.first(now)?;
        inner.remove_first();
        inner.counts.taken += 1;
        Some(frame)
    }

    /// Offers the frame that [`Pending::take`] would take, which stays here, to be replaced, unless it is sent; drops those
    /// whose time is over. `None`: nothing waits.
    pub(super) fn offer(&self, now: Mono, send: impl FnOnce(&Frame) -> Offer) -> Option<Offer> {
        let mut inner = self.inner();
        let offer = send(&inner.first(now)?);
        if offer != Offer::Later {
            inner.remove_first();
        }
        inner.counts.taken += u64::from(offer == Offer::Sent);
        inner.counts.refused += u64::from(offer == Offer::Refused);
        Some(offer)
    }

    /// The identifiers of command frames that did not leave in time since the last call: whoever sent them thinks that their
    /// nodes have heard of it.
    pub fn take_expired(&self) -> BTreeSet<CanId> {
        std::mem::take(&mut self.inner().expired)
    }

    /// When the first of those that wait is too late.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let inner = self.inner();
        inner.raw.iter().chain(inner.frames.values()).map(|(_, deadline)| *deadline).min()
    }

    /// Opens it, or closes it for as long as the bus takes nothing: what waits is refused, so that nothing old leaves later.
    pub(super) fn set_open(&self, open: bool) {
        let mut inner = self.inner();
        inner.open = open;
        if !open {
            inner.counts.refused += inner.waiting();
            inner.raw.clear();
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
        self.inner().waiting() == 0
    }

    /// The account so far.
    #[must_use]
    pub fn counts(&self) -> PendingCounts {
        let inner = self.inner();
        PendingCounts { pending: inner.waiting(), ..inner.counts }
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
