//! The one queue between threads and tasks: bounded, with a stated policy when full, and counted, so that
//! `received = taken + dropped + pending` holds to the unit. Raw channels are banned by `clippy.toml`.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// What a full queue does with one more item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The oldest item goes: for values that a newer one replaces.
    DropOldest,
    /// The new item goes: for a stream whose order and beginning matter.
    DropNewest,
    /// The new item is handed back: the caller says "busy".
    Refuse,
}

/// What became of an item.
#[derive(Debug, PartialEq, Eq)]
pub enum Push<T> {
    /// It is in the queue, and nothing was lost.
    Queued,
    /// It is in the queue; the oldest one made room.
    Displaced(T),
    /// It was dropped: the queue was full.
    Dropped(T),
    /// It was handed back: the queue was full, or is closed.
    Refused(T),
}

/// The account of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct QueueCounts {
    /// Items offered.
    pub received: u64,
    /// Items taken out.
    pub taken: u64,
    /// Items lost because it was full.
    pub dropped: u64,
    /// Items handed back to their sender.
    pub refused: u64,
    /// Items inside now.
    pub pending: u64,
}

/// Wakes one consumer, a thread or a task, that may wait for several queues.
#[derive(Debug, Default)]
pub struct Doorbell {
    rung: Mutex<bool>,
    thread: Condvar,
    task: Notify,
}

impl Doorbell {
    /// A doorbell for one consumer.
    #[must_use]
    pub fn new() -> Arc<Doorbell> {
        Arc::default()
    }

    /// Wakes the consumer, now or at its next wait.
    pub fn ring(&self) {
        let mut rung = lock(&self.rung);
        if !*rung {
            *rung = true;
            self.thread.notify_one();
            self.task.notify_one();
        }
    }

    /// Blocks the thread until the bell rings or `limit` has passed.
    pub fn wait(&self, limit: Duration) {
        let rung = lock(&self.rung);
        let (mut rung, _) =
            self.thread.wait_timeout_while(rung, limit, |rung| !*rung).unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }

    /// Suspends the task until the bell rings.
    pub async fn rings(&self) {
        self.task.notified().await;
        *lock(&self.rung) = false;
    }
}

/// A bounded, counted queue. Many may push; one consumer takes.
#[derive(Debug)]
pub struct Queue<T> {
    name: &'static str,
    capacity: usize,
    full: Full,
    inner: Mutex<Inner<T>>,
    doorbell: Arc<Doorbell>,
    /// Wakes senders that wait for room.
    room: (Condvar, Notify),
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<T>,
    counts: QueueCounts,
    closed: bool,
}

impl<T> Queue<T> {
    /// A queue of its own doorbell.
    #[must_use]
    pub fn new(name: &'static str, capacity: usize, full: Full) -> Arc<Queue<T>> {
        Queue::with_doorbell(name, capacity, full, Doorbell::new())
    }

    /// A queue whose consumer waits for several at one doorbell.
    #[must_use]
    pub fn with_doorbell(name: &'static str, capacity: usize, full: Full, doorbell: Arc<Doorbell>) -> Arc<Queue<T>> {
        let inner = Inner { items: VecDeque::new(), counts: QueueCounts::default(), closed: false };
        let room = (Condvar::new(), Notify::new());
        Arc::new(Queue { name, capacity, full, inner: Mutex::new(inner), doorbell, room })
    }

    /// Its name in `status` and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The bell of its consumer.
    #[must_use]
    pub fn doorbell(&self) -> &Arc<Doorbell> {
        &self.doorbell
    }

    /// Offers an item; a full queue follows its policy. Never blocks.
    pub fn push(&self, item: T) -> Push<T> {
        let mut inner = lock(&self.inner);
        inner.counts.received += 1;
        if inner.closed {
            inner.counts.refused += 1;
            return Push::Refused(item);
        }
        let full = inner.items.len() >= self.capacity;
        let outcome = match (full, self.full) {
            (false, _) => {
                inner.items.push_back(item);
                Push::Queued
            }
            (true, Full::DropOldest) => {
                inner.counts.dropped += 1;
                let oldest = inner.items.pop_front();
                inner.items.push_back(item);
                oldest.map_or(Push::Queued, Push::Displaced)
            }
            (true, Full::DropNewest) => {
                inner.counts.dropped += 1;
                Push::Dropped(item)
            }
            (true, Full::Refuse) => {
                inner.counts.refused += 1;
                Push::Refused(item)
            }
        };
        drop(inner);
        self.doorbell.ring();
        outcome
    }

    /// Offers a whole batch in order, each item by the queue's policy; takes its lock and rings once. What a full queue does not
    /// take is dropped or refused, and counted; what is dropped is also given to `dropped`.
    pub fn push_all(&self, batch: &mut Vec<T>, mut dropped: impl FnMut(T)) {
        let mut inner = lock(&self.inner);
        for item in batch.drain(..) {
            inner.counts.received += 1;
            if inner.closed {
                inner.counts.refused += 1;
                continue;
            }
            if inner.items.len() < self.capacity {
                inner.items.push_back(item);
                continue;
            }
            match self.full {
                Full::DropOldest => {
                    inner.counts.dropped += 1;
                    inner.items.pop_front().into_iter().for_each(&mut dropped);
                    inner.items.push_back(item);
                }
                Full::DropNewest => {
                    inner.counts.dropped += 1;
                    dropped(item);
                }
                Full::Refuse => inner.counts.refused += 1,
            }
        }
        drop(inner);
        self.doorbell.ring();
    }

    /// Moves a whole batch in, blocking the thread while there is no room: for a replay, which waits and never drops.
    /// Returns `false`, with the rest still in `batch`, once the queue is closed.
    pub fn push_all_waiting(&self, batch: &mut Vec<T>) -> bool {
        let mut inner = lock(&self.inner);
        while !batch.is_empty() {
            if inner.closed {
                return false;
            }
            let free = self.capacity.saturating_sub(inner.items.len());
            if free == 0 {
                self.doorbell.ring();
                inner = self.room.0.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let count = free.min(batch.len());
            inner.items.extend(batch.drain(..count));
            inner.counts.received += count as u64;
        }
        drop(inner);
        self.doorbell.ring();
        true
    }

    /// Adds an item, suspending the task while there is no room; hands it back once the queue is closed.
    ///
    /// # Errors
    /// The item, if the queue is closed.
    pub async fn push_waiting(&self, item: T) -> Result<(), T> {
        loop {
            let room = self.room.1.notified();
            {
                let mut inner = lock(&self.inner);
                if inner.closed {
                    return Err(item);
                }
                if inner.items.len() < self.capacity {
                    inner.counts.received += 1;
                    inner.items.push_back(item);
                    drop(inner);
                    self.doorbell.ring();
                    return Ok(());
                }
            }
            room.await;
        }
    }

    /// Takes the oldest item.
    pub fn pop(&self) -> Option<T> {
        let mut inner = lock(&self.inner);
        let item = inner.items.pop_front()?;
        inner.counts.taken += 1;
        drop(inner);
        self.tell_room();
        Some(item)
    }

    /// Moves up to `limit` of the oldest items to the end of `into`, and says how many.
    pub fn pop_many(&self, limit: usize, into: &mut Vec<T>) -> usize {
        let mut inner = lock(&self.inner);
        let count = limit.min(inner.items.len());
        into.extend(inner.items.drain(..count));
        inner.counts.taken += count as u64;
        drop(inner);
        if count > 0 {
            self.tell_room();
        }
        count
    }

    /// Suspends the task until there is something, then takes up to `limit`; 0 once the queue is closed and empty.
    pub async fn take(&self, limit: usize, into: &mut Vec<T>) -> usize {
        loop {
            let count = self.pop_many(limit, into);
            if count > 0 || self.is_closed() {
                return count;
            }
            self.doorbell.rings().await;
        }
    }

    /// Refuses all further items; what is inside can still be taken.
    pub fn close(&self) {
        lock(&self.inner).closed = true;
        self.tell_room();
        self.doorbell.ring();
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.inner).closed
    }

    /// Items inside now.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.inner).items.len()
    }

    /// Whether nothing is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The account so far.
    #[must_use]
    pub fn counts(&self) -> QueueCounts {
        let inner = lock(&self.inner);
        QueueCounts { pending: inner.items.len() as u64, ..inner.counts }
    }

    fn tell_room(&self) {
        self.room.0.notify_all();
        self.room.1.notify_one();
    }
}

/// A panic elsewhere must not take the queue with it: its data are consistent at every unlock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance<T>(queue: &Queue<T>) {
        let c = queue.counts();
        assert_eq!(c.received, c.taken + c.dropped + c.refused + c.pending, "{c:?}");
    }

    #[test]
    fn every_policy_keeps_its_account() {
        for (full, expected) in [
            (Full::DropOldest, Push::Displaced(1)),
            (Full::DropNewest, Push::Dropped(3)),
            (Full::Refuse, Push::Refused(3)),
        ] {
            let queue = Queue::new("test", 2, full);
            assert_eq!(queue.push(1), Push::Queued);
            assert_eq!(queue.push(2), Push::Queued);
            assert_eq!(queue.push(3), expected);
            balance(&queue);
            assert!(queue.pop().is_some());
            balance(&queue);
            let mut dropped = Vec::new();
            queue.push_all(&mut vec![4, 5, 6], |item| dropped.push(item));
            let gone: &[i32] = match full {
                Full::DropOldest => &[3, 4],
                Full::DropNewest => &[5, 6],
                Full::Refuse => &[],
            };
            assert_eq!(dropped, gone);
            balance(&queue);
            let expected = match full {
                Full::DropOldest => [5, 6],
                Full::DropNewest | Full::Refuse => [2, 4],
            };
            assert_eq!([queue.pop(), queue.pop()], expected.map(Some));
        }
    }

    #[test]
    fn a_waiting_sender_loses_nothing() {
        let queue = Queue::new("test", 4, Full::Refuse);
        let sender = queue.clone();
        let thread = std::thread::spawn(move || {
            let mut batch: Vec<u32> = (0..1000).collect();
            assert!(sender.push_all_waiting(&mut batch));
        });
        let mut got = Vec::new();
        while got.len() < 1000 {
            queue.doorbell().wait(Duration::from_secs(5));
            while queue.pop_many(3, &mut got) > 0 {}
        }
        thread.join().expect("the sender does not panic");
        assert_eq!(got, (0..1000).collect::<Vec<u32>>());
        balance(&queue);
    }

    #[test]
    fn a_closed_queue_gives_out_what_it_has() {
        let queue = Queue::new("test", 4, Full::Refuse);
        queue.push(1);
        queue.close();
        assert_eq!(queue.push(2), Push::Refused(2));
        let mut batch = vec![3, 4];
        assert!(!queue.push_all_waiting(&mut batch));
        assert_eq!(batch, [3, 4], "what did not fit stays with the sender");
        assert_eq!(queue.pop(), Some(1));
        balance(&queue);
    }
}
