//! The Redis bridge: publishes what happens here and brings in what others publish. The shell around `cover` and
//! `health` (pure): tokio tasks that connect for ever, so that a server that is away costs nothing but messages,
//! each of which is counted.

mod cover;
mod health;
mod link;
mod listen;
mod publish;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::bus::LastField;
use crate::model::{Mono, Name, Queue, Secret};
use health::{Health, Part};
use link::{Lost, Target};
use listen::Intake;
use publish::Publisher;

pub use cover::{COMMANDS, LIMIT, cover};
pub use health::BridgeEvent;
pub use link::{check_url, client};

/// One own message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// The specific channel.
    pub channel: Name,
    /// The broad channel that carries the same text.
    pub broad: Option<Name>,
    /// The JSON text.
    pub text: Arc<[u8]>,
}

/// What the bridge must know.
#[derive(Clone, Debug)]
pub struct BridgeConfig {
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, or `unix://PATH`.
    pub url: Secret,
    /// The password, where it is not in the URL.
    pub password: Option<Secret>,
    /// The name in `CLIENT LIST`.
    pub name: String,
    /// Patterns to subscribe to, as [`cover`] gives them; empty: publish only, as a replay does.
    pub cover: Vec<String>,
    /// The Router's origin: messages that begin with it are own ones coming back.
    pub origin: [u8; 8],
    /// The specific channels of this site's map: another engine that publishes on one is reported.
    pub owned: HashSet<Name>,
}

/// The other ends: the control thread's.
#[derive(Clone, Debug)]
pub struct BridgeQueues {
    /// Own messages; drop oldest, so that a return of the server brings what is new.
    pub outbound: Arc<Queue<Outbound>>,
    /// Channel and payload of foreign messages; drop newest.
    pub inbound: Arc<Queue<(Name, Vec<u8>)>>,
    /// Fields of `growctl:last` with their JSON, when they change.
    pub last: Arc<Queue<LastField>>,
    /// What to publish as `system:update:redis`.
    pub events: Arc<Queue<BridgeEvent>>,
}

/// The account of a bridge, for `status`. The queues have their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct BridgeStatus {
    /// `host:port` of the server.
    pub server: String,
    /// Everything works.
    pub up: bool,
    /// Why not; `None` as well while the first connection is being made.
    pub reason: Option<String>,
    /// Patterns subscribed to.
    pub cover: Vec<String>,
    /// PUBLISH commands answered; two for a message with a broad copy.
    pub published: u64,
    /// PUBLISH commands that the server refused.
    pub refused: u64,
    /// PUBLISH commands sent on a connection that broke before the answer: done or not.
    pub unconfirmed: u64,
    /// Messages that came in; what follows adds up to it.
    pub received: u64,
    /// Those that are in the queue to the control thread, or were.
    pub queued: u64,
    /// Own messages that came back.
    pub own: u64,
    /// Second copies, because two patterns match.
    pub copies: u64,
    /// Those on a channel whose name is no text.
    pub unreadable: u64,
    /// Those that found the queue full.
    pub dropped: u64,
}

/// What the tasks share.
struct Shared {
    /// The origin of [`Mono`] here: gaps are lengths, so no clock of the engine is asked.
    started: Instant,
    health: Mutex<Health>,
    out: publish::Counts,
    events: Arc<Queue<BridgeEvent>>,
    /// Wakes the publisher from its pause between attempts.
    closing: Notify,
}

impl Shared {
    fn now(&self) -> Mono {
        Mono(0) + self.started.elapsed()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn works(&self, part: Part) {
        let event = self.health().works(self.now(), part);
        event.into_iter().for_each(|event| self.tell(event));
    }

    fn failed(&self, part: Part, lost: Lost) {
        tracing::debug!(?part, reason = %lost.reason, "Redis bridge tries again");
        let event = self.health().failed(self.now(), part, lost.alive, lost.reason);
        event.into_iter().for_each(|event| self.tell(event));
    }

    /// Logs an event and hands it on, so that the two cannot drift apart.
    fn tell(&self, event: BridgeEvent) {
        match &event {
            BridgeEvent::Up { gap: None } => tracing::info!("Redis is connected"),
            BridgeEvent::Up { gap: Some(gap) } => tracing::info!(?gap, "Redis is connected again"),
            BridgeEvent::Down { reason } => tracing::warn!(reason, "Redis is not usable, trying again for ever"),
            BridgeEvent::Gap { dropped } => tracing::error!(dropped, "messages from Redis came too fast"),
            BridgeEvent::Refused { reason } => tracing::error!(reason, "Redis refuses a command"),
            BridgeEvent::Foreign { origin, channel } => {
                tracing::error!(
                    origin,
                    channel,
                    "another engine publishes on a channel of this site: stop one of them"
                );
            }
        }
        self.events.push(event);
    }
}

/// The running bridge; dropping it ends it at once.
pub struct Bridge {
    shared: Arc<Shared>,
    intake: Arc<Intake>,
    target: Arc<Target>,
    outbound: Arc<Queue<Outbound>>,
    publisher: JoinHandle<()>,
    subscriber: Option<JoinHandle<()>>,
}

impl Bridge {
    /// Starts the tasks on the current tokio runtime and returns at once: whether the server answers is told by the
    /// first event. The bridge never ends by itself.
    ///
    /// # Errors
    /// A URL that can never work, without its password.
    pub fn start(config: BridgeConfig, queues: BridgeQueues) -> Result<Bridge, String> {
        let target = Arc::new(Target::new(&config)?);
        let shared = Arc::new(Shared {
            started: Instant::now(),
            health: Mutex::new(Health::new(!config.cover.is_empty())),
            out: publish::Counts::default(),
            events: queues.events,
            closing: Notify::new(),
        });
        let intake = Arc::new(Intake::new(config.origin, config.cover.clone(), config.owned, queues.inbound));
        let publisher = Publisher::new(shared.clone(), target.clone(), queues.outbound.clone(), queues.last);
        let publisher = tokio::spawn(publisher.run());
        let subscriber = (!config.cover.is_empty())
            .then(|| tokio::spawn(listen::run(shared.clone(), target.clone(), intake.clone())));
        Ok(Bridge { shared, intake, target, outbound: queues.outbound, publisher, subscriber })
    }

    /// Turns to other patterns and another map while it runs; nothing is lost or doubled by that. A bridge that was
    /// started without a cover goes on publishing only.
    pub fn turn_to(&self, cover: Vec<String>, owned: HashSet<Name>) {
        self.intake.turn_to(cover, owned);
    }

    /// State and counts.
    #[must_use]
    pub fn status(&self) -> BridgeStatus {
        let (out, into) = (&self.shared.out, &self.intake.counts);
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        let health = self.shared.health();
        BridgeStatus {
            server: self.target.shown.clone(),
            up: health.is_up(),
            reason: health.reason().map(str::to_owned),
            cover: self.intake.subscribed(),
            published: get(&out.published),
            refused: get(&out.refused),
            unconfirmed: get(&out.unconfirmed),
            received: get(&into.received),
            queued: get(&into.queued),
            own: get(&into.own),
            copies: get(&into.copies),
            unreadable: get(&into.unreadable),
            dropped: get(&into.dropped),
        }
    }

    /// Ends the bridge: listens no more, closes the outgoing queue, and publishes what is in it and the last values, for
    /// at most `limit`; without a connection it does not wait for one. What is left stays in the queue, counted there.
    pub async fn close(mut self, limit: Duration) -> BridgeStatus {
        if let Some(subscriber) = self.subscriber.take() {
            subscriber.abort();
        }
        self.outbound.close();
        self.shared.closing.notify_one();
        if tokio::time::timeout(limit, &mut self.publisher).await.is_err() {
            tracing::warn!(left = self.outbound.len(), "Redis does not take what is left to publish");
        }
        self.status()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.publisher.abort();
        if let Some(subscriber) = &self.subscriber {
            subscriber.abort();
        }
    }
}
