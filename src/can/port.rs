//! What an interface needs from those who want its frames, and what they can ask about it. `serve` stands between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BusCounts, BusHealth, BusId, Filter, Frame, Pending, Rates};
use crate::model::{Doorbell, Full, Queue, Timestamp};

/// One interface, as its user sees it.
#[derive(Clone, Debug)]
pub struct Port {
    /// `can0`.
    pub interface: String,
    /// What its frames are to be called.
    pub bus: BusId,
    /// Frames that wait to be sent; open while the interface takes frames.
    pub pending: Arc<Pending>,
    /// Another filter from now on.
    pub filters: Arc<Queue<Filter>>,
    /// The bit rates that it should have; they are compared, never set.
    pub rates: Rates,
    /// How it is.
    pub watch: Arc<Watch>,
    pub(super) bell: Arc<Doorbell>,
    stop: Arc<AtomicBool>,
}

impl Port {
    /// An interface that nobody serves yet.
    #[must_use]
    pub fn new(interface: &str, bus: BusId, filter: Filter, rates: Rates) -> Port {
        let bell = Doorbell::new();
        let filters = Queue::with_doorbell("filters", 1, Full::DropOldest, bell.clone());
        filters.push(filter);
        let pending = Pending::new(bell.clone(), false);
        let (watch, stop) = (Arc::default(), Arc::default());
        Port { interface: interface.to_owned(), bus, pending, filters, rates, watch, bell, stop }
    }

    /// Ends whoever serves it.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// The other end of an interface: who takes what it brings. Called on the thread that serves the interface; it must not wait.
pub trait Listener {
    /// Both clocks.
    fn now(&self) -> Timestamp;
    /// Frames in the order in which they came in, error frames among them; all are to be taken out.
    fn frames(&mut self, frames: &mut Vec<Frame>);
    /// The bus has changed its state, or has lost frames; also the first word.
    fn health(&mut self, health: &BusHealth, counts: BusCounts);
}

/// How an interface is, for whoever asks.
#[derive(Debug, Default)]
pub struct Watch(Mutex<(BusHealth, BusCounts)>);

impl Watch {
    /// How it is, and its account so far.
    #[must_use]
    pub fn look(&self) -> (BusHealth, BusCounts) {
        self.inner().clone()
    }

    /// Whoever takes the frames of this interface was too slow for one.
    pub fn count_dropped(&self) {
        self.inner().1.dropped += 1;
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, (BusHealth, BusCounts)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
