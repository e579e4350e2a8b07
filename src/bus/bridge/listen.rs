//! What others publish, on its way in: one RESP3 connection on a small cover of patterns. Own messages and second
//! copies are refused before the queue.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use tokio::sync::Notify;

use super::link::{Backoff, CONNECT, Lost, Target};
use super::{BridgeEvent, Part, Shared};
use crate::bus::glob;
use crate::model::{Mono, Name, Push, Queue};

/// How often one foreign engine is reported.
const FOREIGN_EVERY: Duration = Duration::from_secs(60);
/// How long it must go on before it is: the last messages of this site's own previous run are no second engine.
const FOREIGN_AFTER: Duration = Duration::from_secs(2);

/// What came in: `received` is all the others together.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) received: AtomicU64,
    pub(super) queued: AtomicU64,
    pub(super) own: AtomicU64,
    pub(super) copies: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) dropped: AtomicU64,
}

/// What becomes of one message, decided by its first bytes and the patterns alone.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Take,
    Own,
    /// An earlier pattern of the cover matches as well, and brings it.
    Copy,
}

/// The way from the connection into the queue.
pub(super) struct Intake {
    own: Vec<u8>,
    /// What is to be subscribed to.
    wanted: Mutex<Vec<String>>,
    /// `wanted` has changed.
    pub(super) changed: Notify,
    /// What is subscribed to at this place of the stream, in the order in which it came about.
    active: Mutex<Vec<String>>,
    /// What the server has refused, and was told.
    refused: Mutex<HashSet<String>>,
    queue: Arc<Queue<(Name, Vec<u8>)>>,
    pub(super) counts: Counts,
    foreign: Mutex<Foreign>,
}

impl Intake {
    pub(super) fn new(
        origin: [u8; 8],
        cover: Vec<String>,
        owned: HashSet<Name>,
        queue: Arc<Queue<(Name, Vec<u8>)>>,
    ) -> Intake {
        let own = [&br#"{"id":""#[..], &origin, b"-"].concat();
        let foreign = Mutex::new(Foreign { owned, seen: Vec::new() });
        let (changed, active, refused) = (Notify::new(), Mutex::default(), Mutex::default());
        Intake { own, wanted: Mutex::new(cover), changed, active, refused, queue, counts: Counts::default(), foreign }
    }

    /// Other patterns and another map: takes effect on the running connection, and no message is lost or doubled by it.
    pub(super) fn turn_to(&self, cover: Vec<String>, owned: HashSet<Name>) {
        lock(&self.foreign).owned = owned;
        *lock(&self.wanted) = cover;
        self.changed.notify_one();
    }

    /// What is to be subscribed to.
    pub(super) fn wanted(&self) -> Vec<String> {
        lock(&self.wanted).clone()
    }

    /// What is subscribed to, in the order of the names.
    pub(super) fn subscribed(&self) -> Vec<String> {
        let mut active = lock(&self.active).clone();
        active.sort_unstable();
        active
    }

    /// The server does not let us have a pattern; whether that is news.
    fn refuses(&self, pattern: &str) -> bool {
        lock(&self.refused).insert(pattern.to_owned())
    }

    /// A pattern is subscribed to from this place of the stream on, or no more. The confirmation stands in the stream
    /// between the messages, so that each of them is judged by what was subscribed to when the server sent it.
    fn confirmed(&self, subscribed: bool, data: &[Value]) {
        let Some(Value::BulkString(pattern)) = data.first() else { return };
        let pattern = String::from_utf8_lossy(pattern).into_owned();
        let mut active = lock(&self.active);
        active.retain(|known| *known != pattern);
        if subscribed {
            active.push(pattern);
        }
    }

    fn verdict(&self, pattern: &[u8], channel: &[u8], payload: &[u8]) -> Verdict {
        if payload.starts_with(&self.own) {
            return Verdict::Own;
        }
        let active = lock(&self.active);
        let earlier = active.iter().take_while(|known| known.as_bytes() != pattern);
        if earlier.into_iter().any(|known| glob(known.as_bytes(), channel)) { Verdict::Copy } else { Verdict::Take }
    }

    /// Takes one push of the connection; never blocks. Gives an event if it shows a foreign engine.
    fn push(&self, now: impl Fn() -> Mono, data: Vec<Value>) -> Option<BridgeEvent> {
        self.counts.received.fetch_add(1, Relaxed);
        let Ok([Value::BulkString(pattern), Value::BulkString(channel), Value::BulkString(payload)]) =
            <[Value; 3]>::try_from(data)
        else {
            self.counts.unreadable.fetch_add(1, Relaxed);
            return None;
        };
        let counter = match self.verdict(&pattern, &channel, &payload) {
            Verdict::Own => &self.counts.own,
            Verdict::Copy => &self.counts.copies,
            Verdict::Take => return self.take(now, &channel, payload),
        };
        counter.fetch_add(1, Relaxed);
        None
    }

    fn take(&self, now: impl Fn() -> Mono, channel: &[u8], payload: Vec<u8>) -> Option<BridgeEvent> {
        // The engine's channels are text.
        let Ok(channel) = std::str::from_utf8(channel) else {
            self.counts.unreadable.fetch_add(1, Relaxed);
            return None;
        };
        let event = origin(&payload).and_then(|origin| lock(&self.foreign).seen(now(), origin, channel));
        let counter = match self.queue.push((Name::from(channel), payload)) {
            Push::Queued => &self.counts.queued,
            Push::Displaced(_) | Push::Dropped(_) | Push::Refused(_) => &self.counts.dropped,
        };
        counter.fetch_add(1, Relaxed);
        event
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Other engines that publish on this site's channels.
struct Foreign {
    owned: HashSet<Name>,
    /// Origin, when it was first heard, when it was last told. A handful: more are not told apart.
    seen: Vec<([u8; 8], Mono, Option<Mono>)>,
}

impl Foreign {
    fn seen(&mut self, now: Mono, origin: [u8; 8], channel: &str) -> Option<BridgeEvent> {
        if !self.owned.contains(channel) {
            return None;
        }
        let Some((_, first, told)) = self.seen.iter_mut().find(|(known, ..)| *known == origin) else {
            if self.seen.len() == 8 {
                self.seen.remove(0);
            }
            self.seen.push((origin, now, None));
            return None;
        };
        if now.since(*first) < FOREIGN_AFTER || told.is_some_and(|told| now.since(told) < FOREIGN_EVERY) {
            return None;
        }
        *told = Some(now);
        let origin = String::from_utf8_lossy(&origin).into_owned();
        Some(BridgeEvent::Foreign { origin, channel: channel.to_owned() })
    }
}

/// The origin of a payload that an engine like this one has stamped: `{"id":"k3v9x2mq-000042"…`.
fn origin(payload: &[u8]) -> Option<[u8; 8]> {
    let (origin, rest) = payload.strip_prefix(br#"{"id":""#)?.split_first_chunk::<8>()?;
    let (number, _) = rest.strip_prefix(b"-")?.split_first_chunk::<6>()?;
    let stamped = origin.iter().all(u8::is_ascii_alphanumeric) && number.iter().all(u8::is_ascii_digit);
    stamped.then_some(*origin)
}

/// Subscribes for ever.
pub(super) async fn run(shared: Arc<Shared>, target: Arc<Target>, intake: Arc<Intake>) {
    tokio::select! {
        never = sessions(&shared, &target, &intake) => match never {},
        never = gaps(&shared, &intake) => match never {},
    }
}

async fn sessions(shared: &Arc<Shared>, target: &Target, intake: &Arc<Intake>) -> Infallible {
    let mut backoff = Backoff::new();
    loop {
        let lost = match session(shared, target, intake, &mut backoff).await {
            Ok(lost) => lost,
            Err(reason) => Lost { reason, alive: shared.now() },
        };
        shared.failed(Part::Subscriber, lost);
        tokio::time::sleep(backoff.next()).await;
    }
}

/// One connection from its beginning to its end.
///
/// # Errors
/// Why it could not begin.
async fn session(
    shared: &Arc<Shared>,
    target: &Target,
    intake: &Arc<Intake>,
    backoff: &mut Backoff,
) -> Result<Lost, String> {
    let broken = Arc::new(Notify::new());
    let (bell, into, events) = (broken.clone(), intake.clone(), shared.clone());
    let config = AsyncConnectionConfig::new().set_push_sender(move |push: PushInfo| -> Result<(), ()> {
        match push.kind {
            PushKind::PMessage => {
                into.push(|| events.now(), push.data).into_iter().for_each(|event| events.tell(event))
            }
            PushKind::PSubscribe => into.confirmed(true, &push.data),
            PushKind::PUnsubscribe => into.confirmed(false, &push.data),
            PushKind::Disconnection => bell.notify_one(),
            _ => {}
        }
        Ok(())
    });
    lock(&intake.active).clear();
    let mut connection = target.connect(config).await?;
    turn(shared, target, intake, &mut connection).await?;
    shared.works(Part::Subscriber);
    *backoff = Backoff::new();
    let turns = async {
        let mut connection = connection.clone();
        loop {
            intake.changed.notified().await;
            if let Err(reason) = turn(shared, target, intake, &mut connection).await {
                return reason;
            }
        }
    };
    Ok(tokio::select! {
        lost = target.watch(connection.clone(), shared, false, || intake.counts.received.load(Relaxed)) => lost,
        () = broken.notified() => Lost { reason: format!("{} closed the connection", target.shown), alive: shared.now() },
        reason = turns => Lost { reason, alive: shared.now() },
    })
}

/// Subscribes to what is wanted and not yet active, then leaves what is not wanted any more. A pattern that the server refuses
/// is told once and passed over; while there is one, nothing that works is left for it.
///
/// # Errors
/// The connection does not work, or nothing is left to listen to.
async fn turn(
    shared: &Shared,
    target: &Target,
    intake: &Intake,
    connection: &mut MultiplexedConnection,
) -> Result<(), String> {
    let (wanted, active) = (intake.wanted(), lock(&intake.active).clone());
    let new: Vec<&String> = wanted.iter().filter(|pattern| !active.contains(pattern)).collect();
    let old: Vec<&String> = active.iter().filter(|pattern| !wanted.contains(pattern)).collect();
    let late = |_| format!("{} gives no answer to PSUBSCRIBE within {CONNECT:?}", target.shown);
    let (mut refusal, mut taken) = (None, active.len());
    // One at a time: of several in one command the server refuses all.
    for pattern in new {
        let answer = tokio::time::timeout(CONNECT, connection.psubscribe(pattern)).await.map_err(late)?;
        match answer {
            Ok(()) => {
                taken += 1;
                lock(&intake.refused).remove(pattern);
            }
            Err(error) => {
                let reason = format!("{} (PSUBSCRIBE {pattern}); publishing goes on", target.explain(&error));
                // Without a code it is not the server that speaks.
                error.code().ok_or_else(|| reason.clone())?;
                refusal = refusal.or(Some(reason.clone()));
                if intake.refuses(pattern) {
                    shared.tell(BridgeEvent::Refused { reason });
                }
            }
        }
    }
    if let Some(reason) = refusal {
        return if taken == 0 { Err(reason) } else { Ok(()) };
    }
    if !old.is_empty() {
        let answer = tokio::time::timeout(CONNECT, connection.punsubscribe(&old)).await.map_err(late)?;
        answer.map_err(|error| target.explain(&error))?;
    }
    Ok(())
}

/// Tells once a second how many messages found the queue full.
async fn gaps(shared: &Shared, intake: &Intake) -> Infallible {
    let mut told = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let dropped = intake.counts.dropped.load(Relaxed);
        if dropped > told {
            shared.tell(BridgeEvent::Gap { dropped: dropped - told });
            told = dropped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Full;

    fn intake(cover: &[&str], capacity: usize) -> Intake {
        let wanted = cover.iter().map(|&pattern| pattern.to_owned()).collect();
        let owned = HashSet::from([Name::from("sensor:update:Veg:front")]);
        let intake = Intake::new(*b"k3v9x2mq", wanted, owned, Queue::new("redis in", capacity, Full::DropNewest));
        cover.iter().for_each(|pattern| confirm(&intake, true, pattern));
        intake
    }

    fn confirm(intake: &Intake, subscribed: bool, pattern: &str) {
        intake.confirmed(subscribed, &[Value::BulkString(pattern.as_bytes().to_vec()), Value::Int(1)]);
    }

    #[test]
    fn while_the_cover_changes_each_message_is_taken_once() {
        let intake = intake(&["sensor:*"], 100);
        let mut active = vec!["sensor:*"];
        for (subscribed, pattern) in [(true, "*:update:*"), (true, "s*"), (false, "sensor:*"), (false, "s*")] {
            confirm(&intake, subscribed, pattern);
            if subscribed {
                active.push(pattern)
            } else {
                active.retain(|known| *known != pattern)
            }
            // The server sends a message once for each pattern, in any order.
            for pattern in active.iter().rev() {
                push(&intake, 0, pattern, b"sensor:update:Veg:front", "{}");
            }
        }
        assert_eq!(intake.counts.queued.load(Relaxed), 4);
        assert_eq!(intake.counts.copies.load(Relaxed), 1 + 2 + 1);
    }

    fn push(intake: &Intake, second: u64, pattern: &str, channel: &[u8], payload: &str) -> Option<BridgeEvent> {
        let data = [pattern.as_bytes(), channel, payload.as_bytes()];
        let data = data.map(|part| Value::BulkString(part.to_vec())).to_vec();
        intake.push(|| Mono(second * 1_000_000_000), data)
    }

    #[test]
    fn each_message_is_taken_once_and_every_other_is_counted() {
        let intake = intake(&["sensor:*", "sensor:update:*:front"], 2);
        let channel = b"sensor:update:Veg:front";
        for pattern in ["sensor:*", "sensor:update:*:front"] {
            push(&intake, 0, pattern, channel, "{}");
            push(&intake, 0, pattern, channel, r#"{"id":"k3v9x2mq-000001"}"#);
        }
        push(&intake, 0, "sensor:*", b"sensor:\xff", "{}");
        push(&intake, 0, "sensor:*", b"sensor:x", "a");
        push(&intake, 0, "sensor:*", b"sensor:x", "b");
        let counts = &intake.counts;
        let parts = [&counts.queued, &counts.own, &counts.copies, &counts.unreadable, &counts.dropped];
        let parts = parts.map(|counter| counter.load(Relaxed));
        assert_eq!(parts, [2, 2, 1, 1, 1]);
        assert_eq!(counts.received.load(Relaxed), parts.iter().sum::<u64>());
        assert_eq!(intake.queue.pop(), Some((Name::from("sensor:update:Veg:front"), b"{}".to_vec())));
    }

    #[test]
    fn another_engine_on_our_channel_is_told_once_a_minute_and_only_if_it_goes_on() {
        let intake = intake(&["*"], 100);
        let (ours, text) = (b"sensor:update:Veg:front", r#"{"id":"abcdefgh-000001"}"#);
        let heard = |second, channel: &[u8], payload| push(&intake, second, "*", channel, payload).is_some();
        assert!(!heard(0, b"sensor:update:Other:front", text), "another site on the same server");
        assert!(!heard(10, ours, r#"{"id":7}"#) && !heard(10, ours, "{}"));
        assert_eq!(
            [0, 1, 3, 4, 62, 63].map(|second| heard(second, ours, text)),
            [false, false, true, false, false, true]
        );
    }
}
