//! The embedded endpoint alone, with a reading a tenth of a second: for trying a Redis client on it. The first line of
//! output is its port. `cargo run --example endpoint`, then `scripts/clients-test PORT`.
#![allow(clippy::print_stdout)] // the port is its only data

use std::time::Duration;

use growctl_engine::bus::Endpoint;
use growctl_engine::model::{Full, Queue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let inbound = Queue::new("endpoint in", 1000, Full::DropNewest);
    let endpoint = Endpoint::bind("127.0.0.1:0", inbound.clone()).await?;
    println!("{}", endpoint.address().port());
    let channel = "sensor:update:Flower Room:front";
    endpoint.set_last(channel, br#"{"temperature":24.8,"humidity":60.0}"#);
    for number in 1_u64.. {
        let text = format!(
            r#"{{"id":"example0-{number:06}","ts":0.0,"room":"Flower Room","cluster":"front","node":"FR-C1","temperature":24.8,"humidity":60.0}}"#
        );
        endpoint.publish(channel, text.as_bytes());
        endpoint.publish("sensor:update", text.as_bytes());
        while inbound.pop().is_some() {}
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
