//! What happens here, on its way out: pipelines of PUBLISH, several in flight and in order, and once a second the
//! changed fields of `growctl:last`. A pipeline whose answers do not come is not sent again: better lost than twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisError, RedisResult, Value};
use tokio::time::{Interval, MissedTickBehavior};

use super::link::{Backoff, Lost, Target};
use super::{BridgeEvent, Outbound, Part, Shared};
use crate::bus::LastField;
use crate::model::{Mono, Name, Queue};

/// Messages of one pipeline.
const BATCH: usize = 250;
/// Bytes after which a pipeline takes no further message: a line that carries so much within the PING's deadline of two
/// seconds is fast enough.
const BATCH_BYTES: usize = 128 * 1024;
/// Pipelines whose answers are awaited; one at a time reaches two thirds of the rate of three.
const IN_FLIGHT: usize = 3;
/// The hash of last values.
const LAST: &str = "growctl:last";
/// How often a refusal of the server is told.
const REFUSED_EVERY: Duration = Duration::from_secs(60);

/// What went out, in PUBLISH commands: two for a message with a broad copy.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) published: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unconfirmed: AtomicU64,
}

/// An answered or failed pipeline.
enum Done {
    Published(RedisResult<Vec<Value>>),
    Saved(BTreeSet<Name>, RedisResult<()>),
}

/// Why a session ends.
enum End {
    Drained,
    Lost(Lost),
}

/// The task that owns the outgoing side.
pub(super) struct Publisher {
    pub(super) shared: Arc<Shared>,
    pub(super) target: Arc<Target>,
    pub(super) outbound: Arc<Queue<Outbound>>,
    pub(super) last: Arc<Queue<LastField>>,
    /// Taken from the queue, not yet in a pipeline; survives a break.
    batch: Vec<Outbound>,
    /// The whole hash, so that a server that comes back empty gets it again.
    fields: BTreeMap<Name, Option<String>>,
    changed: BTreeSet<Name>,
    /// PUBLISH commands whose answers are awaited.
    open: usize,
    refused_told: Option<Mono>,
}

impl Publisher {
    pub(super) fn new(
        shared: Arc<Shared>,
        target: Arc<Target>,
        outbound: Arc<Queue<Outbound>>,
        last: Arc<Queue<LastField>>,
    ) -> Publisher {
        let (fields, changed) = (BTreeMap::new(), BTreeSet::new());
        Publisher { shared, target, outbound, last, batch: Vec::new(), fields, changed, open: 0, refused_told: None }
    }

    /// Publishes until the queue is closed and empty, or closed while there is no connection.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            let lost = match self.target.connect(AsyncConnectionConfig::new()).await {
                Ok(connection) => {
                    self.shared.works(Part::Publisher);
                    backoff = Backoff::new();
                    match self.session(connection).await {
                        End::Drained => return,
                        End::Lost(lost) => lost,
                    }
                }
                Err(reason) => Lost { reason, alive: self.shared.now() },
            };
            self.shared.failed(Part::Publisher, lost);
            self.absorb_last();
            if self.outbound.is_closed() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.next()) => {}
                () = self.shared.closing.notified() => {}
            }
        }
    }

    async fn session(&mut self, connection: MultiplexedConnection) -> End {
        let (shared, target, outbound) = (self.shared.clone(), self.target.clone(), self.outbound.clone());
        let answered = || shared.out.published.load(Relaxed) + shared.out.refused.load(Relaxed);
        let watch = target.watch(connection.clone(), &shared, true, answered);
        tokio::pin!(watch);
        let mut flight: FuturesOrdered<BoxFuture<'static, Done>> = FuturesOrdered::new();
        let mut second = each_second();
        // A new connection may be to a new server.
        self.changed.extend(self.fields.keys().cloned());
        let mut closed = false;
        loop {
            while !self.batch.is_empty() && flight.len() < IN_FLIGHT {
                let (pipeline, count) = pipeline(&mut self.batch);
                self.open += count;
                flight.push_back(publish(connection.clone(), pipeline));
            }
            if closed && flight.is_empty() {
                return End::Drained;
            }
            tokio::select! {
                // In this order: a pipeline is polled, and so sent, before the next one is made.
                biased;
                Some(done) = flight.next() => if let Err(reason) = self.account(done) {
                    return self.lost(Lost { reason, alive: shared.now() });
                },
                lost = &mut watch => return self.lost(lost),
                count = outbound.take(BATCH, &mut self.batch), if !closed && self.batch.is_empty() => if count == 0 {
                    closed = true;
                    flight.extend(self.save(connection.clone()));
                },
                _ = second.tick() => flight.extend(self.save(connection.clone())),
            }
        }
    }

    fn lost(&mut self, lost: Lost) -> End {
        self.shared.out.unconfirmed.fetch_add(std::mem::take(&mut self.open) as u64, Relaxed);
        End::Lost(lost)
    }

    fn absorb_last(&mut self) {
        while let Some((channel, text)) = self.last.pop() {
            self.changed.insert(channel.clone());
            self.fields.insert(channel, text);
        }
    }

    /// The changed fields in one HSET, and those that are no more in one HDEL.
    fn save(&mut self, mut connection: MultiplexedConnection) -> Option<BoxFuture<'static, Done>> {
        self.absorb_last();
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() {
            return None;
        }
        let text = |channel: &Name| self.fields.get(channel).and_then(Option::as_ref);
        let (there, gone): (Vec<&Name>, Vec<&Name>) = changed.iter().partition(|channel| text(channel).is_some());
        let mut pipeline = redis::pipe();
        if !there.is_empty() {
            pipeline.cmd("HSET").arg(LAST).ignore();
            for channel in there {
                pipeline.arg(&**channel).arg(text(channel));
            }
        }
        if !gone.is_empty() {
            pipeline.cmd("HDEL").arg(LAST).ignore();
            for channel in gone {
                pipeline.arg(&**channel);
            }
        }
        Some(Box::pin(async move {
            let answer = pipeline.query_async::<()>(&mut connection).await;
            Done::Saved(changed, answer)
        }))
    }

    /// # Errors
    /// Why the connection cannot go on.
    fn account(&mut self, done: Done) -> Result<(), String> {
        match done {
            Done::Published(Ok(answers)) => self.published(answers),
            Done::Saved(_, Ok(())) => {}
            Done::Saved(fields, Err(error)) if error.code().is_some() => {
                self.changed.extend(fields);
                self.tell_refused("HSET growctl:last", &error);
            }
            Done::Published(Err(error)) | Done::Saved(_, Err(error)) => return Err(self.target.explain(&error)),
        }
        Ok(())
    }

    fn published(&mut self, answers: Vec<Value>) {
        let count = answers.len();
        let mut errors = answers.into_iter().filter_map(|answer| match answer {
            Value::ServerError(error) => Some(error),
            _ => None,
        });
        let first = errors.next();
        let refused = errors.count() + usize::from(first.is_some());
        self.open = self.open.saturating_sub(count);
        self.shared.out.published.fetch_add((count - refused) as u64, Relaxed);
        self.shared.out.refused.fetch_add(refused as u64, Relaxed);
        if let Some(error) = first {
            self.tell_refused("PUBLISH", &RedisError::from(error));
        }
    }

    fn tell_refused(&mut self, what: &str, error: &RedisError) {
        let now = self.shared.now();
        if self.refused_told.is_none_or(|told| now.since(told) >= REFUSED_EVERY) {
            self.refused_told = Some(now);
            self.shared
                .tell(BridgeEvent::Refused { reason: format!("{what} refused by {}", self.target.explain(error)) });
        }
    }
}

/// One tick a second; a late one is not made up for.
fn each_second() -> Interval {
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Both copies of each message, and how many commands that makes; what is too much for one pipeline stays in `batch`.
fn pipeline(batch: &mut Vec<Outbound>) -> (Pipeline, usize) {
    let mut bytes = 0;
    let take = batch.iter().take_while(|message| {
        let fits = bytes < BATCH_BYTES;
        bytes += 2 * message.text.len();
        fits
    });
    let take = take.count();
    let mut pipeline = Pipeline::with_capacity(2 * take);
    // One refused channel says nothing about the others.
    pipeline.ignore_errors();
    for message in batch.drain(..take) {
        for channel in std::iter::once(&message.channel).chain(&message.broad) {
            let mut command = Cmd::with_capacity(3, "PUBLISH".len() + channel.len() + message.text.len());
            command.arg("PUBLISH").arg(&**channel).arg(&*message.text);
            pipeline.add_command(command);
        }
    }
    let count = pipeline.len();
    (pipeline, count)
}

fn publish(mut connection: MultiplexedConnection, pipeline: Pipeline) -> BoxFuture<'static, Done> {
    Box::pin(async move { Done::Published(pipeline.query_async(&mut connection).await) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_holds_both_copies_in_order_and_ends_at_its_bytes() {
        let message = |channel: &str, broad: Option<&str>, length: usize| Outbound {
            channel: Name::from(channel),
            broad: broad.map(Name::from),
            text: vec![b'x'; length].into(),
        };
        let mut batch = vec![message("a:b", Some("a"), 3), message("c", None, BATCH_BYTES), message("d", None, 1)];
        let (pipeline, count) = pipeline(&mut batch);
        let channels: Vec<&[u8]> = pipeline
            .cmd_iter()
            .filter_map(|command| match command.args_iter().nth(1) {
                Some(redis::Arg::Simple(channel)) => Some(channel),
                _ => None,
            })
            .collect();
        assert_eq!((channels, count), (vec![&b"a:b"[..], b"a", b"c"], 3));
        assert_eq!(batch.len(), 1);
    }
}
