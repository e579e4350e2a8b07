//! The Redis bridge against real servers: both copies, foreign messages once, and every way a server can go away.
#![allow(clippy::unwrap_used)] // a test may panic

mod redis_server;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use growctl_engine::bus::{Bridge, BridgeConfig, BridgeEvent, BridgeQueues, Outbound, Pattern, cover};
use growctl_engine::model::{Full, Name, Queue, Secret};
use redis_server::{Server, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CHANNEL: &str = "sensor:update:Flower Room:front";

/// A bridge with its queues and everything that it told.
struct Site {
    bridge: Bridge,
    queues: BridgeQueues,
    told: Vec<BridgeEvent>,
}

impl Site {
    fn start(server: &Server, patterns: &[&str]) -> Site {
        let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        Site::with(server, cover(&patterns), None)
    }

    fn with(server: &Server, cover: Vec<String>, password: Option<&str>) -> Site {
        Site::at(server.url(), cover, password)
    }

    fn at(url: String, cover: Vec<String>, password: Option<&str>) -> Site {
        let queues = BridgeQueues {
            outbound: Queue::new("redis out", 100, Full::DropOldest),
            inbound: Queue::new("redis in", 1000, Full::DropNewest),
            last: Queue::new("redis last", 100, Full::DropOldest),
            events: Queue::new("redis events", 100, Full::DropOldest),
        };
        let config = BridgeConfig {
            url: Secret::new(url),
            password: password.map(|text| Secret::new(text.to_owned())),
            name: "test house".to_owned(),
            cover,
            origin: *b"k3v9x2mq",
            owned: HashSet::from([Name::from(CHANNEL)]),
        };
        Site { bridge: Bridge::start(config, queues.clone()).unwrap(), queues, told: Vec::new() }
    }

    /// Waits for the next event that is `wanted`; earlier ones stay in `told`.
    async fn hears(&mut self, what: &str, wanted: impl Fn(&BridgeEvent) -> bool) -> BridgeEvent {
        let (events, told) = (self.queues.events.clone(), &mut self.told);
        let mut found = None;
        until(what, || {
            while found.is_none()
                && let Some(event) = events.pop()
            {
                told.push(event.clone());
                found = wanted(&event).then_some(event);
            }
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    async fn up(&mut self) -> Option<Duration> {
        match self.hears("the bridge is up", |event| matches!(event, BridgeEvent::Up { .. })).await {
            BridgeEvent::Up { gap } => gap,
            _ => unreachable!(),
        }
    }

    async fn down(&mut self) -> String {
        match self.hears("the bridge is down", |event| matches!(event, BridgeEvent::Down { .. })).await {
            BridgeEvent::Down { reason } => reason,
            _ => unreachable!(),
        }
    }

    fn publish(&self, text: &str) {
        let text: Arc<[u8]> = text.as_bytes().into();
        self.queues.outbound.push(Outbound { channel: CHANNEL.into(), broad: Some("sensor:update".into()), text });
    }

    async fn takes(&self) -> (String, String) {
        let mut taken = None;
        until("a foreign message comes in", || {
            taken = self.queues.inbound.pop();
            taken.is_some()
        })
        .await;
        let (channel, payload) = taken.unwrap();
        (channel.to_string(), String::from_utf8(payload).unwrap())
    }
}

#[tokio::test]
async fn both_copies_go_out_in_order_and_own_ones_do_not_come_back() {
    let server = Server::start(&[]).await;
    let mut listener = server.client().get_async_pubsub().await.unwrap();
    listener.psubscribe("sensor:*").await.unwrap();
    let mut site = Site::start(&server, &["sensor:update"]);
    assert_eq!(site.up().await, None);
    for number in 0..1000 {
        let text = format!(r#"{{"id":"k3v9x2mq-{number:06}"}}"#);
        while site.queues.outbound.len() == 100 {
            tokio::task::yield_now().await;
        }
        site.publish(&text);
    }
    let messages: Vec<redis::Msg> = listener.on_message().take(2000).collect().await;
    for (number, pair) in messages.chunks(2).enumerate() {
        let channels = [pair[0].get_channel_name(), pair[1].get_channel_name()];
        assert_eq!(channels, [CHANNEL, "sensor:update"]);
        assert_eq!(pair[0].get_payload_bytes(), format!(r#"{{"id":"k3v9x2mq-{number:06}"}}"#).as_bytes());
        assert_eq!(pair[0].get_payload_bytes(), pair[1].get_payload_bytes());
    }
    until("all own copies are refused", || site.bridge.status().own == 2000).await;
    assert!(site.queues.inbound.is_empty());
    let status = site.bridge.close(Duration::from_secs(5)).await;
    assert_eq!((status.published, status.refused, status.unconfirmed), (2000, 0, 0));
}

#[tokio::test]
async fn a_foreign_message_that_two_patterns_match_is_taken_once() {
    let server = Server::start(&[]).await;
    let mut site = Site::start(&server, &["sensor:update:*:front", "sensor:update:Flower Room:*"]);
    site.up().await;
    let receivers: u64 = server.run(&["PUBLISH", CHANNEL, "one"]).await;
    assert_eq!(receivers, 2, "the cover has two patterns for it, or this test proves nothing");
    let _: u64 = server.run(&["PUBLISH", "device:command:Veg Room:exhaust", "two"]).await;
    assert_eq!(site.takes().await, (CHANNEL.to_owned(), "one".to_owned()));
    assert_eq!(site.takes().await, ("device:command:Veg Room:exhaust".to_owned(), "two".to_owned()));
    assert_eq!(site.bridge.status().copies, 1);
    let clients: String = server.run(&["CLIENT", "LIST"]).await;
    assert_eq!(clients.matches("name=test-house").count(), 2, "{clients}");
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_empty_is_used_again() {
    let mut server = Server::start(&[]).await;
    let mut site = Site::start(&server, &["sensor:update"]);
    site.up().await;
    site.queues.last.push((CHANNEL.into(), Some(r#"{"t":1.0}"#.to_owned())));
    server.kill();
    site.down().await;
    for number in 0..150 {
        site.publish(&format!(r#"{{"id":"k3v9x2mq-{number:06}"}}"#));
    }
    site.queues.last.push(("other".into(), Some(r#"{"t":2.0}"#.to_owned())));
    let counts = site.queues.outbound.counts();
    assert_eq!(counts.received, counts.taken + counts.dropped + counts.pending);
    assert!(counts.dropped >= 45, "{counts:?}");
    server.restart(&[]).await;
    let gap = site.up().await.expect("it was up before");
    assert!(gap > Duration::ZERO && gap < Duration::from_secs(15), "{gap:?}");
    until("the rest is published", || site.queues.outbound.is_empty()).await;
    let _: u64 = server.run(&["PUBLISH", CHANNEL, "hello"]).await;
    assert_eq!(site.takes().await.1, "hello");
    let counts = site.queues.outbound.counts();
    let status = site.bridge.close(Duration::from_secs(5)).await;
    assert_eq!(status.published + status.unconfirmed, 2 * counts.taken);
    let last: std::collections::BTreeMap<String, String> = server.run(&["HGETALL", "growctl:last"]).await;
    assert_eq!(last.len(), 2, "{last:?}");
    let downs = site.told.iter().filter(|event| matches!(event, BridgeEvent::Down { .. })).count();
    assert!(downs <= 3, "not one for each attempt: {:?}", site.told);
}

#[tokio::test]
async fn a_server_that_is_frozen_is_noticed_and_used_again() {
    let server = Server::start(&[]).await;
    let mut site = Site::start(&server, &["sensor:update"]);
    site.up().await;
    server.signal("STOP");
    assert!(site.down().await.contains("PING"), "{:?}", site.told);
    site.publish("late");
    server.signal("CONT");
    let gap = site.up().await.expect("it was up before");
    assert!(gap >= Duration::from_secs(2), "the gap begins at the last sign of life: {gap:?}");
    until("what waited is published", || site.bridge.status().published == 2).await;
}

#[tokio::test]
async fn a_replica_is_not_healthy_until_it_is_promoted() {
    let primary = Server::start(&[]).await;
    let server = Server::start(&["--replicaof", "127.0.0.1", &primary.port().to_string()]).await;
    let mut site = Site::start(&server, &["sensor:update"]);
    assert!(site.down().await.contains("is a replica"));
    let _: String = server.run(&["REPLICAOF", "NO", "ONE"]).await;
    site.up().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_once_without_the_password_until_it_is_right() {
    let server = Server::start(&["--requirepass", "right"]).await;
    let mut site = Site::with(&server, vec!["sensor:update".to_owned()], Some("wrong-secret"));
    let reason = site.down().await;
    assert!(reason.contains("redis.password") && !reason.contains("secret"), "{reason}");
    let mut admin = redis::Client::open(format!("redis://:right@127.0.0.1:{}", server.port()))
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let attempts = async |admin: &mut redis::aio::MultiplexedConnection| {
        let info: String = redis::cmd("INFO").arg("stats").query_async(admin).await.unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("total_connections_received:")).unwrap();
        line.parse::<u64>().unwrap()
    };
    let before = attempts(&mut admin).await;
    let tries = async {
        while attempts(&mut admin).await < before + 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), tries).await.expect("it tries again");
    assert!(site.queues.events.is_empty(), "said once, however often it is tried");
    let _: () =
        redis::cmd("CONFIG").arg(&["SET", "requirepass", "wrong-secret"]).query_async(&mut admin).await.unwrap();
    site.up().await;
    let _: () = redis::cmd("PUBLISH").arg(&["sensor:update", "one"]).query_async(&mut admin).await.unwrap();
    assert_eq!(site.takes().await.1, "one");
}

#[tokio::test]
async fn an_access_list_without_our_patterns_leaves_publishing_alone() {
    let server =
        Server::start(&["--user", "default", "on", "nopass", "+@all", "~*", "resetchannels", "&sensor:*"]).await;
    let mut site = Site::with(&server, vec!["other:*".to_owned()], None);
    let reason = site.down().await;
    assert!(reason.contains("other:*") && reason.contains("channels"), "{reason}");
    let message = |channel: &str| Outbound { channel: channel.into(), broad: None, text: b"x"[..].into() };
    for channel in ["sensor:a", "weather:b", "sensor:c"] {
        site.queues.outbound.push(message(channel));
    }
    let of_publish = |event: &BridgeEvent| format!("{event:?}").contains("PUBLISH");
    site.hears("a refusal", |event| matches!(event, BridgeEvent::Refused { .. }) && of_publish(event)).await;
    let status = site.bridge.close(Duration::from_secs(5)).await;
    assert_eq!((status.published, status.refused), (2, 1));
}

#[tokio::test]
async fn a_pattern_that_the_server_refuses_loses_no_other() {
    let user = ["--user", "default", "on", "nopass", "+@all", "~*", "resetchannels", "&sensor:*", "&sensor:update:*"];
    let server = Server::start(&user).await;
    let refused = |event: &BridgeEvent| matches!(event, BridgeEvent::Refused { .. });
    let mut site = Site::with(&server, vec!["other:*".to_owned(), "sensor:*".to_owned()], None);
    let event = site.hears("a refusal at the start", refused).await;
    assert!(format!("{event:?}").contains("PSUBSCRIBE other:*"), "{event:?}");
    site.up().await;
    let say = async |text: &str| server.run::<u64>(&["PUBLISH", CHANNEL, text]).await;
    say("one").await;
    assert_eq!(site.takes().await.1, "one");

    // Another cover, of which one is refused: what works is kept, though it is not wanted any more.
    site.bridge.turn_to(vec!["*".to_owned(), "sensor:update:*".to_owned()], HashSet::new());
    let event = site.hears("a refusal while it runs", refused).await;
    assert!(format!("{event:?}").contains("PSUBSCRIBE *"), "{event:?}");
    until("the pattern that is allowed", || site.bridge.status().cover.contains(&"sensor:update:*".to_owned())).await;
    assert_eq!(site.bridge.status().cover, ["sensor:*", "sensor:update:*"]);
    say("two").await;
    assert_eq!(site.takes().await.1, "two");
    let fine = |event: &BridgeEvent| !matches!(event, BridgeEvent::Down { .. });
    assert!(site.bridge.status().up && site.told.iter().all(fine), "{:?}", site.told);

    // It is tried again at the next turn, and not told again.
    let _: String = server.run(&["ACL", "SETUSER", "default", "allchannels"]).await;
    site.bridge.turn_to(vec!["*".to_owned()], HashSet::new());
    until("what is allowed now", || site.bridge.status().cover == ["*"]).await;
    assert!(site.queues.events.is_empty(), "{:?}", site.queues.events.pop());
}

#[tokio::test]
async fn the_last_values_are_a_hash_and_a_publisher_alone_subscribes_to_nothing() {
    let server = Server::start(&[]).await;
    let mut site = Site::with(&server, Vec::new(), None);
    site.up().await;
    site.queues.last.push((CHANNEL.into(), Some(r#"{"t":1.0}"#.to_owned())));
    site.queues.last.push((CHANNEL.into(), Some(r#"{"t":2.0}"#.to_owned())));
    let _: u64 = server.run(&["HSET", "growctl:last", "gone", "1"]).await;
    site.queues.last.push(("gone".into(), None));
    site.publish("one");
    site.bridge.close(Duration::from_secs(5)).await;
    let last: String = server.run(&["HGET", "growctl:last", CHANNEL]).await;
    assert_eq!(last, r#"{"t":2.0}"#);
    let channels: Vec<String> = server.run(&["HKEYS", "growctl:last"]).await;
    assert_eq!(channels, [CHANNEL]);
    let patterns: u64 = server.run(&["PUBSUB", "NUMPAT"]).await;
    assert_eq!(patterns, 0);
}

#[tokio::test]
async fn a_close_without_a_server_does_not_wait_for_one() {
    let mut server = Server::start(&[]).await;
    server.kill();
    let mut site = Site::start(&server, &[]);
    site.down().await;
    site.publish("nobody");
    let close = site.bridge.close(Duration::from_secs(60));
    let status = tokio::time::timeout(Duration::from_secs(10), close).await.expect("it ends at once");
    assert_eq!((status.published, status.up, site.queues.outbound.len()), (0, false, 1));
}

#[tokio::test]
async fn a_user_without_the_dangerous_commands_is_enough() {
    let server = Server::start(&["--user", "default", "on", "nopass", "+@all", "-@dangerous", "~*", "&*"]).await;
    let mut site = Site::start(&server, &["sensor:update"]);
    assert_eq!(site.up().await, None);
    assert!(site.told.iter().all(|event| matches!(event, BridgeEvent::Up { .. })), "{:?}", site.told);
}

/// Carries at most 160 kB a second to the server, as a poor line does, and everything back. Gives its own port.
async fn slow_line(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (mut from, mut back) = near.into_split();
            let (mut answers, mut to) = TcpStream::connect(("127.0.0.1", port)).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
            tokio::spawn(async move {
                let mut block = [0; 8 * 1024];
                while let Ok(count @ 1..) = from.read(&mut block).await {
                    to.write_all(&block[..count]).await?;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                std::io::Result::Ok(())
            });
        }
    });
    own
}

#[tokio::test]
async fn a_line_that_is_slow_but_alive_is_not_given_up() {
    let server = Server::start(&[]).await;
    let url = format!("redis://127.0.0.1:{}", slow_line(server.port()).await);
    let mut site = Site::at(url, Vec::new(), None);
    site.up().await;
    // What is in flight, and the ping behind it, takes longer than the deadline of the ping.
    let text = "x".repeat(6000);
    (0..60).for_each(|_| site.publish(&text));
    until("all is published", || site.bridge.status().published == 120).await;
    assert_eq!(site.bridge.status().unconfirmed, 0);
    assert!(site.queues.events.is_empty(), "{:?}", site.queues.events.pop());
}
