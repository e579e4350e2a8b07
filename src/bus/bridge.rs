//! The Redis bridge: publishes what happens here, brings in what others publish. Redis may go and come back at any time;
//! nothing else in the process waits for it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::model::{Name, Queue};

use super::{Pattern, glob};

/// Messages in one pipeline.
const BATCH: usize = 250;
/// An answer that takes longer means that the server is gone: a stopped one still accepts connections.
const DEADLINE: Duration = Duration::from_secs(3);
/// Between two PINGs while there is nothing to publish, and between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(1);
/// More patterns than this are covered by wider ones: every PUBLISH of the server walks them all.
const MOST_PATTERNS: usize = 16;

/// An own message on its way to Redis: the same text on both channels.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// The specific channel.
    pub channel: Name,
    /// The broad channel.
    pub broad: Option<Name>,
    /// The JSON text.
    pub text: Arc<[u8]>,
}

/// What the bridge tells the control thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BridgeEvent {
    /// The server answers, for the first time or again.
    Up,
    /// It does not.
    Down(String),
}

/// The queues between the bridge and the control thread.
#[derive(Clone, Debug)]
pub struct BridgeQueues {
    /// Own messages.
    pub outbound: Arc<Queue<Outbound>>,
    /// Channels and their merged last values, for the hash `growctl:last`.
    pub last: Arc<Queue<(Name, String)>>,
    /// Foreign messages: channel and payload.
    pub inbound: Arc<Queue<(Name, Vec<u8>)>>,
    /// News.
    pub events: Arc<Queue<BridgeEvent>>,
}

/// The running bridge.
#[derive(Debug)]
pub struct Bridge {
    up: watch::Receiver<bool>,
    publisher: JoinHandle<()>,
    subscriber: JoinHandle<()>,
}

impl Bridge {
    /// Starts the two tasks. `own` are the first bytes of own messages, which are refused when they come back; `patterns`
    /// are what is subscribed to, see [`cover`].
    #[must_use]
    pub fn start(client: Client, queues: BridgeQueues, patterns: Vec<String>, own: Vec<u8>) -> Bridge {
        let (tell, up) = watch::channel(false);
        let publisher = tokio::spawn(publish(client.clone(), queues.clone(), tell));
        let subscriber = tokio::spawn(subscribe(client, queues.inbound, patterns, own, up.clone()));
        Bridge { up, publisher, subscriber }
    }

    /// Whether the server answers, now and later.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.up.clone()
    }

    /// Waits until everything in the closed queue of own messages is published, for so long at most.
    pub async fn drain(self, limit: Duration) {
        self.subscriber.abort();
        let abort = self.publisher.abort_handle();
        if tokio::time::timeout(limit, self.publisher).await.is_err() {
            abort.abort();
        }
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(DEADLINE)).set_response_timeout(Some(DEADLINE));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Publishes until the queue is closed and empty. A batch that fails may or may not have arrived: pub/sub is at most once,
/// so it is not sent again.
async fn publish(client: Client, queues: BridgeQueues, up: watch::Sender<bool>) {
    let mut said_down = false;
    loop {
        let why = match connect(&client).await {
            Ok(mut connection) => match serve(&mut connection, &queues, &up, &mut said_down).await {
                Ok(()) => return,
                Err(error) => error,
            },
            Err(error) => error,
        };
        up.send_replace(false);
        if !std::mem::replace(&mut said_down, true) {
            tracing::warn!("Redis does not answer, everything else goes on: {why}");
            queues.events.push(BridgeEvent::Down(why.to_string()));
        }
        if queues.outbound.is_closed() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn serve(
    connection: &mut MultiplexedConnection,
    queues: &BridgeQueues,
    up: &watch::Sender<bool>,
    said_down: &mut bool,
) -> Result<(), RedisError> {
    let (mut batch, mut last) = (Vec::with_capacity(BATCH), Vec::new());
    loop {
        let idle = tokio::time::timeout(PAUSE, queues.outbound.take(BATCH, &mut batch)).await.is_err();
        queues.last.pop_many(usize::MAX, &mut last);
        let mut pipe = redis::Pipeline::with_capacity(batch.len() * 2 + 1);
        for message in batch.drain(..) {
            pipe.cmd("PUBLISH").arg(&*message.channel).arg(&*message.text).ignore();
            if let Some(broad) = &message.broad {
                pipe.cmd("PUBLISH").arg(&**broad).arg(&*message.text).ignore();
            }
        }
        for (channel, text) in last.drain(..) {
            pipe.cmd("HSET").arg("growctl:last").arg(&*channel).arg(text).ignore();
        }
        if idle && pipe.is_empty() {
            pipe.cmd("PING").ignore();
        }
        if !pipe.is_empty() {
            pipe.query_async::<()>(connection).await?;
        }
        if !up.send_replace(true) {
            *said_down = false;
            tracing::info!("Redis answers");
            queues.events.push(BridgeEvent::Up);
        }
        if queues.outbound.is_closed() && queues.outbound.is_empty() {
            return Ok(());
        }
    }
}

/// Brings in what others publish, on a connection of its own that is made anew whenever the server was away.
async fn subscribe(
    client: Client,
    inbound: Arc<Queue<(Name, Vec<u8>)>>,
    patterns: Vec<String>,
    own: Vec<u8>,
    mut up: watch::Receiver<bool>,
) {
    loop {
        if up.wait_for(|up| *up).await.is_err() {
            return;
        }
        let listening = listen(&client, &inbound, &patterns, &own);
        tokio::select! {
            result = listening => if let Err(error) = result {
                tracing::warn!("the subscription to Redis broke, trying again: {error}");
            },
            // A stopped server says nothing on this connection; the publisher's deadline tells.
            _ = up.wait_for(|up| !*up) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(
    client: &Client,
    inbound: &Queue<(Name, Vec<u8>)>,
    patterns: &[String],
    own: &[u8],
) -> Result<(), RedisError> {
    let mut pubsub = client.get_async_pubsub().await?;
    for pattern in patterns {
        pubsub.psubscribe(pattern).await?;
    }
    let mut messages = pubsub.on_message();
    while let Some(message) = messages.next().await {
        let (channel, payload) = (message.get_channel_name(), message.get_payload_bytes());
        // Redis delivers once for each pattern that matches: only the first of them counts.
        let first = patterns.iter().find(|pattern| glob(pattern.as_bytes(), channel.as_bytes()));
        let by = message.get_pattern::<String>().ok();
        if first == by.as_ref() && !payload.starts_with(own) {
            inbound.push((Name::from(channel), payload.to_vec()));
        }
    }
    Ok(())
}

/// A small set of Redis patterns that matches every channel which one of `patterns` matches, and `device:command:*`.
#[must_use]
pub fn cover(patterns: &[&Pattern]) -> Vec<String> {
    let mut wanted: Vec<String> = patterns.iter().map(|pattern| pattern.redis.to_string()).collect();
    wanted.push("device:command:*".to_owned());
    let exact = narrow(wanted.clone());
    if exact.len() <= MOST_PATTERNS {
        return exact;
    }
    let wider = narrow(wanted.iter().map(|pattern| format!("{}*", literal_prefix(pattern))).collect());
    if wider.len() <= MOST_PATTERNS { wider } else { vec!["*".to_owned()] }
}

/// Leaves out what another pattern of the form `prefix*` covers.
fn narrow(mut patterns: Vec<String>) -> Vec<String> {
    patterns.sort();
    patterns.dedup();
    let covers = |wide: &str, narrow: &str| {
        let Some(prefix) = wide.strip_suffix('*') else { return false };
        wide != narrow && literal_prefix(prefix) == prefix && literal_prefix(narrow).starts_with(prefix)
            // `*` does not match the empty channel, which only the empty pattern does.
            && !narrow.is_empty()
    };
    let kept = |narrow: &&String| !patterns.iter().any(|wide| covers(wide, narrow));
    patterns.iter().filter(kept).cloned().collect()
}

/// What every match of the pattern begins with.
fn literal_prefix(pattern: &str) -> &str {
    &pattern[..pattern.find(['*', '?', '[', '\\']).unwrap_or(pattern.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_rule_hears_the_cover_hears(
            patterns in prop::collection::vec("[ab:*?]{1,5}", 0..24), channel in "[ab:]{1,6}",
        ) {
            let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::parse(text).expect("a glob")).collect();
            let cover = cover(&patterns.iter().collect::<Vec<_>>());
            prop_assert!(cover.len() <= MOST_PATTERNS);
            let heard = |cover: &[String]| cover.iter().any(|c| glob(c.as_bytes(), channel.as_bytes()));
            if patterns.iter().any(|pattern| pattern.matches(&channel)) {
                prop_assert!(heard(&cover), "{cover:?}");
            }
        }
    }

    #[test]
    fn a_wider_pattern_makes_the_narrower_needless() {
        let parse = |texts: &[&str]| texts.iter().map(|t| Pattern::parse(t).expect("a glob")).collect::<Vec<_>>();
        let patterns = parse(&["sensor:update:{room}:{cluster}", "sensor:update", "sensor:update*", "a?c"]);
        assert_eq!(cover(&patterns.iter().collect::<Vec<_>>()), ["a?c", "device:command:*", "sensor:update*"]);
    }
}
