//! The ways into the outbox: one bounded queue for each class, and the verdicts that come back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::model::{Class, Doorbell, Full, Outgoing, Push, Queue, Utc};

use super::super::schedule::Step;
use super::super::shared::lock;
use super::{ALERTS, EXPORTS, MOST_BODY, OutboxAccount, Settled, Tally, of};

/// Something that is not on disk yet.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Posted {
    pub(in super::super) outgoing: Outgoing,
    pub(in super::super) put_at: Utc,
    /// It was handed out from memory under this id, and what came of that, once it is known.
    pub(in super::super) tried: Option<(i64, Option<Step>)>,
}

/// What the handles and the thread share.
#[derive(Debug)]
pub(in super::super) struct Posts {
    queues: [Arc<Queue<Posted>>; 2],
    /// Refused for their length, by class.
    too_long: [AtomicU64; 2],
    /// As many as there are parcels under way, so no bound is needed.
    settled: Mutex<Vec<Settled>>,
    /// Rises when there may be something to take.
    pub(in super::super) moves: watch::Sender<u64>,
    bell: Arc<Doorbell>,
}

impl Posts {
    pub(in super::super) fn new(bell: &Arc<Doorbell>) -> Posts {
        Posts {
            queues: [
                Queue::with_doorbell("alerts to the outbox", ALERTS, Full::Refuse, bell.clone()),
                Queue::with_doorbell("exports to the outbox", EXPORTS, Full::DropOldest, bell.clone()),
            ],
            too_long: Default::default(),
            settled: Mutex::default(),
            moves: watch::Sender::new(0),
            bell: bell.clone(),
        }
    }

    pub(in super::super) fn post(&self, outgoing: Outgoing, put_at: Utc) -> Result<(), Outgoing> {
        let class = of(outgoing.class);
        if outgoing.body.len() > MOST_BODY {
            self.too_long[class].fetch_add(1, Ordering::Relaxed);
            return Err(outgoing);
        }
        match self.queues[class].push(Posted { outgoing, put_at, tried: None }) {
            Push::Refused(posted) | Push::Dropped(posted) => Err(posted.outgoing),
            Push::Queued | Push::Displaced(_) => Ok(()),
        }
    }

    pub(in super::super) fn settle(&self, settled: Settled) {
        lock(&self.settled).push(settled);
        self.bell.ring();
    }

    pub(in super::super) fn queue(&self, class: Class) -> &Queue<Posted> {
        &self.queues[of(class)]
    }

    pub(in super::super) fn take_settled(&self) -> Vec<Settled> {
        std::mem::take(&mut lock(&self.settled))
    }

    pub(in super::super) fn has_settled(&self) -> bool {
        !lock(&self.settled).is_empty()
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.is_empty()) && !self.has_settled()
    }

    pub(in super::super) fn close(&self) {
        self.queues.iter().for_each(|queue| queue.close());
    }

    pub(in super::super) fn tell(&self) {
        self.moves.send_modify(|moves| *moves += 1);
    }

    /// The account of a class; `kept` are with the thread, `open` and `dead` in the database.
    pub(in super::super) fn account(
        &self,
        class: Class,
        done: &Tally,
        kept: u64,
        [open, dead]: [u64; 2],
    ) -> OutboxAccount {
        let queue = self.queue(class).counts();
        let too_long = self.too_long[of(class)].load(Ordering::Relaxed);
        let mut dropped = done.dropped.clone();
        if queue.dropped > 0 {
            *dropped.entry("queue full").or_default() += queue.dropped;
        }
        OutboxAccount {
            found: done.found,
            received: queue.received + too_long,
            committed: done.committed,
            delivered: done.delivered,
            maybe_twice: done.maybe_twice,
            retried: done.retried,
            dead,
            dropped,
            dropped_by_person: done.removed,
            refused: queue.refused + too_long,
            pending: queue.pending + kept + open,
            in_memory: queue.pending + kept,
        }
    }
}
