//! Where the Core's outputs go: Redis or the endpoint, the buses, the actions. Nothing here waits, except for a replay,
//! which would rather be slow than lose a message.

use std::sync::Arc;

use crate::actions::Posts;
use crate::bus::{Delivery, Endpoint, LastField, Outbound};
use crate::can::Pending;
use crate::model::{Intent, Note, Queue, QueueCounts, Saved, Timestamp};
use crate::store::Store;

use super::changes::Changes;
use super::notices::Notices;
use super::output::Output;

/// The other ends.
#[derive(Default)]
pub(super) struct Outlets {
    /// The Redis bridge publishes from here.
    pub(super) redis: Option<Arc<Queue<Outbound>>>,
    /// The Redis bridge writes `growctl:last` from here.
    pub(super) last: Option<Arc<Queue<LastField>>>,
    /// Answers Redis clients where there is no server.
    pub(super) endpoint: Option<Arc<Endpoint>>,
    /// Each bus's waiting commands, by `BusId`.
    pub(super) buses: Vec<Arc<Pending>>,
    /// The thread of the actions takes from here; a replay has none, and only counts.
    pub(super) acts: Option<Arc<Queue<(Timestamp, Intent)>>>,
    /// Keeps what outlives this run; a replay has none.
    pub(super) store: Option<Store>,
    /// The way into the outbox; a replay has none.
    pub(super) posts: Option<Posts>,
    /// Which device updates the store is told.
    pub(super) changes: Changes,
    /// Wait for room in the queue to Redis.
    pub(super) waits: bool,
    /// What a replay has not yet handed on.
    pub(super) waiting: Vec<Outbound>,
}

impl Outlets {
    /// Hands every output on: first the frames, for the rest wakes other threads, which takes longer than all else here.
    pub(super) fn dispatch(&mut self, now: Timestamp, outputs: &mut Vec<Output>, notices: &mut Notices) {
        outputs.iter().for_each(|output| self.transmit(output));
        for output in outputs.drain(..) {
            match output {
                Output::Publish(delivery) => self.publish(now, delivery),
                Output::Transmit { .. } | Output::Raw { .. } => {}
                Output::Act(at, intent) => {
                    if let Some(acts) = &self.acts {
                        acts.push((at, intent));
                    }
                }
                // The workers of the outbox take these.
                Output::Tell { at, receiver, note } => self.tell(at, &receiver, &note),
                Output::AlertChange(change) => {
                    if let Some(store) = &self.store {
                        store.record(change);
                    }
                }
                Output::Notice(notice) => notices.say(now, &notice),
            }
        }
        if let Some(redis) = self.redis.as_ref().filter(|_| !self.waiting.is_empty()) {
            redis.push_all_waiting(&mut self.waiting);
        }
    }

    /// Hands on the merged last values of the channels that changed.
    pub(super) fn keep_last(&self, changed: Vec<LastField>) {
        for (channel, text) in changed {
            if let Some(endpoint) = &self.endpoint {
                endpoint.set_last(&channel, text.as_deref().map(str::as_bytes));
            }
            if let Some(last) = &self.last {
                last.push((channel, text));
            }
        }
    }

    /// Hands on what is to outlive this run.
    pub(super) fn save(&self, now: Timestamp, saved: &mut Vec<Saved>) {
        match &self.store {
            Some(store) => store.save(now, saved),
            None => saved.clear(),
        }
    }

    /// The accounts of all queues that lead away.
    pub(super) fn counts(&self) -> Vec<(&'static str, QueueCounts)> {
        let redis = self.redis.as_ref().map(|queue| (queue.name(), queue.counts()));
        let last = self.last.as_ref().map(|queue| (queue.name(), queue.counts()));
        let acts = self.acts.as_ref().map(|queue| (queue.name(), queue.counts()));
        redis.into_iter().chain(last).chain(acts).collect()
    }

    /// Into the outbox. What is said here went wrong for good; the alert itself is published and in `alert list` all the same.
    fn tell(&self, at: Timestamp, receiver: &str, note: &Note) {
        if let Some(Err(failure)) = self.posts.as_ref().map(|posts| posts.tell(at.utc, receiver, None, note)) {
            tracing::error!(receiver, rule = &*note.rule, "nobody is told of `{}`: {failure}", note.summary);
        }
    }

    fn transmit(&self, output: &Output) {
        let (Output::Transmit { frame, ttl } | Output::Raw { frame, ttl }) = output else { return };
        let Some(bus) = self.buses.get(usize::from(frame.bus.0)) else { return };
        match output {
            Output::Raw { .. } => bus.put_raw(frame, *ttl),
            _ => bus.put(frame, *ttl),
        };
    }

    fn publish(&mut self, now: Timestamp, delivery: Delivery) {
        // What came from outside has been published by who sent it.
        let Some(text) = delivery.text else { return };
        let message = &delivery.message;
        if let Some(store) = &self.store
            && let Some(change) = self.changes.of(now, message)
        {
            store.record(change);
        }
        if let Some(endpoint) = &self.endpoint {
            endpoint.publish(&message.channel, &text);
            message.broad.as_ref().map(|broad| endpoint.publish(broad, &text));
        }
        let Some(redis) = &self.redis else { return };
        let outbound = Outbound { channel: message.channel.clone(), broad: message.broad.clone(), text };
        if self.waits {
            self.waiting.push(outbound);
        } else {
            redis.push(outbound);
        }
    }
}
