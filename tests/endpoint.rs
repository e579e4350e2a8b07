//! The embedded endpoint as a stranger's Redis client sees it, in RESP2 and RESP3.
#![allow(clippy::unwrap_used)] // a test may panic

mod redis_server;

use std::time::Duration;

use futures_util::StreamExt;
use growctl_engine::bus::Endpoint;
use growctl_engine::model::{Full, Queue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn speaks(protocol: &str) {
    let inbound = Queue::new("endpoint in", 16, Full::DropNewest);
    let endpoint = Endpoint::bind("127.0.0.1:0", inbound.clone()).await.unwrap();
    let client = redis::Client::open(format!("redis://{}/?protocol={protocol}", endpoint.address())).unwrap();
    let mut listener = client.get_async_pubsub().await.unwrap();
    listener.subscribe("sensor:update").await.unwrap();
    listener.psubscribe("alert:*").await.unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();

    let counts: Vec<(String, usize)> =
        redis::cmd("PUBSUB").arg("NUMSUB").arg("sensor:update").arg("x").query_async(&mut connection).await.unwrap();
    assert_eq!(counts, [("sensor:update".to_owned(), 1), ("x".to_owned(), 0)]);
    let patterns: usize = redis::cmd("PUBSUB").arg("NUMPAT").query_async(&mut connection).await.unwrap();
    assert_eq!(patterns, 1);

    assert_eq!(endpoint.publish("sensor:update", b"one"), 1);
    assert_eq!(endpoint.publish("nobody", b"lost"), 0);
    let receivers: usize =
        redis::cmd("PUBLISH").arg("alert:update").arg("two").query_async(&mut connection).await.unwrap();
    assert_eq!(receivers, 1);
    assert_eq!(inbound.pop(), Some(("alert:update".into(), b"two".to_vec())));

    let mut messages = listener.on_message();
    for (channel, payload) in [("sensor:update", "one"), ("alert:update", "two")] {
        let message = tokio::time::timeout(Duration::from_secs(5), messages.next()).await.unwrap().unwrap();
        assert_eq!(message.get_channel_name(), channel);
        assert_eq!(message.get_payload::<String>().unwrap(), payload);
    }
    let refused = redis::cmd("SET").arg("a").arg(1).query_async::<()>(&mut connection).await.unwrap_err();
    assert!(refused.to_string().contains("redis.url"), "{refused}");
}

#[tokio::test]
async fn resp2() {
    speaks("resp2").await;
}

#[tokio::test]
async fn resp3() {
    speaks("resp3").await;
}

#[tokio::test]
async fn http_is_closed_without_a_word() {
    let endpoint = Endpoint::bind("127.0.0.1:0", Queue::new("endpoint in", 16, Full::DropNewest)).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(endpoint.address()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\n").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn a_client_that_does_not_read_and_one_too_many_are_refused_and_the_rest_goes_on() {
    let endpoint = Endpoint::bind("127.0.0.1:0", Queue::new("endpoint in", 16, Full::DropNewest)).await.unwrap();
    let mut silent = tokio::net::TcpStream::connect(endpoint.address()).await.unwrap();
    silent.write_all(b"SUBSCRIBE x\r\n").await.unwrap();
    let mut confirmed = [0; 28];
    silent.read_exact(&mut confirmed).await.unwrap();
    let payload = vec![b'x'; 1024 * 1024];
    // 8 MB here, and what the kernel takes for the socket.
    redis_server::until("the silent client is cut", || {
        endpoint.publish("x", &payload);
        endpoint.counts().cut == 1
    })
    .await;
    redis_server::until("its connection ends", || endpoint.counts().clients == 0).await;

    let mut crowd = Vec::new();
    for _ in 0..256 {
        crowd.push(tokio::net::TcpStream::connect(endpoint.address()).await.unwrap());
    }
    redis_server::until("all are in", || endpoint.counts().clients == 256).await;
    let mut answer = String::new();
    let mut late = tokio::net::TcpStream::connect(endpoint.address()).await.unwrap();
    late.read_to_string(&mut answer).await.unwrap();
    assert_eq!((answer.as_str(), endpoint.counts().refused), ("-ERR max number of clients reached\r\n", 1));
    let mut first = crowd.swap_remove(0);
    first.write_all(b"PING\r\n").await.unwrap();
    let mut pong = [0; 7];
    first.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"+PONG\r\n");
}
