//! By Mosquitto.

use std::collections::BTreeMap;
use std::time::Duration;

use growctl_engine::model::{Parcel, Secret, Verdict};
use growctl_engine::senders::mqtt::{Config, sender};
use growctl_engine::senders::{Sender, Transcript};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{canary, context, control, parcel, port, sent, until, why};

/// One test at a time has the server.
static SERVER: Mutex<()> = Mutex::const_new(());

fn config(url: String, prefix: &str) -> Config {
    let login = Some(("grow".to_owned(), canary()));
    Config { url, login, prefix: prefix.to_owned(), home_assistant: true, allow_private: true }
}

fn made(config: &Config, transcript: &Transcript) -> Box<dyn Sender> {
    sender(config, &context(transcript)).expect("it can work")
}

/// Somebody who listens to everything, from the first message on.
struct Listener {
    /// Keeps the connection.
    _client: AsyncClient,
    eventloop: EventLoop,
}

impl Listener {
    async fn new(port: u16, name: &str) -> Listener {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_credentials("grow", canary().expose());
        let (client, eventloop) = AsyncClient::new(options, 10);
        client.subscribe("#", QoS::AtLeastOnce).await.expect("handed over");
        let mut listener = Listener { _client: client, eventloop };
        until("subscribed", async || {
            matches!(listener.eventloop.poll().await.expect("connected"), Event::Incoming(Packet::SubAck(_)))
                .then_some(())
        })
        .await;
        listener
    }

    /// What comes until `last` has come: topic, text, whether it was kept by the broker.
    async fn heard(&mut self, last: &str) -> Vec<(String, String, bool)> {
        let mut heard = Vec::new();
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                if let Event::Incoming(Packet::Publish(message)) = self.eventloop.poll().await.expect("connected") {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
                    heard.push((text(&message.topic), text(&message.payload), message.retain));
                    if heard.last().is_some_and(|(topic, _, _)| topic == last) {
                        return;
                    }
                }
            }
        });
        assert!(waited.await.is_ok(), "{last} did not come: {heard:#?}");
        heard
    }
}

const READING: &str =
    r#"{"id":"1","ts":1.5,"room":"Veg","cluster":"front","node":"n","temperature":21.5,"humidity":60}"#;
const DEVICE: &str = r#"{"id":"2","ts":1.5,"room":"Veg","device":"valve","state":"off"}"#;

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn values_arrive_on_their_topics_and_entities_are_told_once() {
    let (port, tls) = (port("MQTT_PORT"), port("MQTTS_PORT"));
    let _server = SERVER.lock().await;
    let mut listener = Listener::new(port, "first").await;
    let transcript = Transcript::kept();
    let mut sender = made(&config(format!("mqtts://localhost:{tls}"), "grow/a"), &transcript);
    let batch = [parcel(1, 1, READING), parcel(2, 1, DEVICE), parcel(3, 1, "no JSON"), parcel(4, 1, "5")];
    let verdicts = sent(&mut sender, &transcript, &batch).await;
    assert!(matches!(verdicts[2], Verdict::Refused(_)), "{verdicts:?}");
    let delivered = [&verdicts[0], &verdicts[1], &verdicts[3]];
    assert_eq!(delivered, [&Verdict::Delivered; 3], "{:#?}", transcript.lines());
    let mut heard = listener.heard("grow/a/state").await;
    heard.retain(|(_, _, kept)| !kept);
    assert_eq!(heard[0], ("grow/a/status".to_owned(), "online".to_owned(), false));
    let texts: BTreeMap<&str, &str> = heard.iter().map(|(topic, text, _)| (topic.as_str(), text.as_str())).collect();
    assert_eq!(
        (texts["grow/a/Veg/front/state"], texts["grow/a/Veg/valve/state"], texts["grow/a/state"]),
        (READING, DEVICE, "5")
    );
    let entities: Vec<&str> =
        heard.iter().map(|heard| heard.0.as_str()).filter(|topic| topic.starts_with("homeassistant/")).collect();
    assert_eq!(entities.len(), 3, "{entities:?}");
    assert_eq!(
        sent(&mut sender, &transcript, &[parcel(1, 2, READING), parcel(4, 2, "5")]).await,
        vec![Verdict::Delivered; 2]
    );
    let again = listener.heard("grow/a/state").await;
    assert_eq!(
        again.iter().map(|heard| heard.0.as_str()).collect::<Vec<_>>(),
        ["grow/a/Veg/front/state", "grow/a/state"]
    );
    drop(sender);
    let gone = listener.heard("grow/a/status").await;
    assert_eq!(gone.last().map(|heard| heard.1.as_str()), Some("offline"), "the last will");
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn what_home_assistant_was_told_stays_at_the_broker_once() {
    let port = port("MQTT_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    for tries in 1..3 {
        let mut sender = made(&config(format!("mqtt://127.0.0.1:{port}"), "grow/b"), &transcript);
        assert_eq!(sent(&mut sender, &transcript, &[parcel(1, tries, READING)]).await, [Verdict::Delivered]);
    }
    let mut later = Listener::new(port, "later").await;
    let mut sender = made(&config(format!("mqtt://127.0.0.1:{port}"), "grow/c"), &transcript);
    sent(&mut sender, &transcript, &[parcel(2, 1, "1")]).await;
    let kept = later.heard("grow/c/state").await;
    let configs: Vec<Value> = kept
        .iter()
        .filter(|(topic, text, kept)| *kept && topic.starts_with("homeassistant/") && text.contains("grow/b/Veg"))
        .map(|(_, text, _)| serde_json::from_str(text).expect("JSON"))
        .collect();
    let units: Vec<_> = configs.iter().map(|config| config["unit_of_measurement"].as_str()).collect();
    assert_eq!(units.len(), 2, "{configs:#?}");
    assert!(units.contains(&Some("°C")) && units.contains(&Some("%")), "{units:?}");
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_large_batch_arrives_in_order_without_the_one_that_is_too_large() {
    let port = port("MQTT_PORT");
    let _server = SERVER.lock().await;
    let mut listener = Listener::new(port, "batch").await;
    let transcript = Transcript::kept();
    let mut sender = made(&config(format!("mqtt://127.0.0.1:{port}"), "grow/e"), &transcript);
    let large = format!("\"{}\"", "x".repeat(100_000));
    let mut batch: Vec<Parcel> = (0..2_000).map(|id| parcel(id, 1, &id.to_string())).collect();
    batch.insert(1_000, parcel(2_000, 1, &large));
    batch.push(parcel(2_001, 1, r#"{"room":"last"}"#));
    // Heard meanwhile: the broker keeps no more than a thousand for a slow listener.
    let (mut verdicts, heard) =
        tokio::join!(sent(&mut sender, &transcript, &batch), listener.heard("grow/e/last/state"));
    let refused = verdicts.remove(1_000);
    assert!(matches!(&refused, Verdict::Refused(why) if why.contains("100000 bytes at most")), "{refused:?}");
    assert_eq!(verdicts, vec![Verdict::Delivered; 2_001]);
    let values: Vec<String> =
        heard.into_iter().filter(|heard| heard.0 == "grow/e/state").map(|heard| heard.1).collect();
    assert_eq!(values, (0..2_000).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_broker_that_was_away_gets_it_later() {
    let port = port("MQTT_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let mut sender = made(&config(format!("mqtt://127.0.0.1:{port}"), "grow/d"), &transcript);
    assert_eq!(sent(&mut sender, &transcript, &[parcel(1, 1, READING)]).await, [Verdict::Delivered]);
    control("stop", "mosquitto");
    let verdicts = sent(&mut sender, &transcript, &[parcel(2, 1, READING)]).await;
    assert!(!why(&verdicts[0]).is_empty());
    control("start", "mosquitto");
    let mut listener = Listener::new(port, "after").await;
    assert_eq!(sent(&mut sender, &transcript, &[parcel(2, 2, READING)]).await, [Verdict::Delivered]);
    let heard = listener.heard("grow/d/Veg/front/state").await;
    assert!(heard.contains(&("grow/d/status".to_owned(), "online".to_owned(), false)), "{heard:#?}");
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_wrong_password_and_a_forbidden_topic_wait_for_a_person() {
    let port = port("MQTT_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let url = format!("mqtt://127.0.0.1:{port}");
    let wrong = Config {
        login: Some(("grow".to_owned(), Secret::new("canary-wrong".to_owned()))),
        ..config(url.clone(), "grow")
    };
    let verdicts = sent(&mut made(&wrong, &transcript), &transcript, &[parcel(1, 1, "1")]).await;
    assert!(why(&verdicts[0]).contains("refuses the login"), "{verdicts:?}");
    let mut forbidden = made(&config(url, "forbidden"), &transcript);
    let verdicts = sent(&mut forbidden, &transcript, &[parcel(1, 1, "1"), parcel(2, 1, "2")]).await;
    assert!(verdicts.iter().all(|verdict| why(verdict).contains("does not let this user publish")), "{verdicts:?}");
}

#[tokio::test]
#[ignore = "scripts/senders-test starts the servers"]
async fn a_certificate_of_another_name_and_a_private_broker_that_is_not_meant_are_refused() {
    let tls = port("MQTTS_PORT");
    let _server = SERVER.lock().await;
    let transcript = Transcript::kept();
    let other = config(format!("mqtts://127.0.0.1:{tls}"), "grow");
    let not_meant = Config { allow_private: false, ..config(format!("mqtts://localhost:{tls}"), "grow") };
    for (config, wanted) in [(other, "certificate"), (not_meant, "allow_private")] {
        let verdicts = sent(&mut made(&config, &transcript), &transcript, &[parcel(1, 1, "1")]).await;
        assert!(why(&verdicts[0]).contains(wanted), "{verdicts:?}");
    }
}
