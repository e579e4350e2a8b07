//! `mqtt`: a message for each value, and Home Assistant shown what there is. Delivered is what the broker has acknowledged.
//! Home Assistant sees and does not switch: devices are commanded by `device:command:…` alone.

mod connection;
mod topics;

use std::collections::BTreeSet;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::LastWill;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Sender, SenderContext, Sending, Transcript};

use crate::model::{Parcel, Secret, Verdict};

use connection::{Answer, Connection, Message};
use topics::{Place, entities, status_topic};

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `mqtt://host:1883` or `mqtts://host:8883`.
    pub url: String,
    /// Who logs in, with which password.
    pub login: Option<(String, Secret)>,
    /// The first part of every topic.
    pub prefix: String,
    /// Home Assistant learns of every sensor and device.
    pub home_assistant: bool,
    /// An address in the private network is meant.
    pub allow_private: bool,
}

const LIMIT: Duration = Duration::from_secs(55);

/// Builds it.
///
/// # Errors
/// Why it can never work as it is told.
pub fn sender(config: &Config, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
    let prefix = config.prefix.clone();
    let wrong = |part: &str| part.is_empty() || part.contains(|c: char| matches!(c, '+' | '#' | '$') || c.is_control());
    if prefix.split('/').any(wrong) {
        return Err(format!("'{}' cannot begin a topic: no +, #, $ and no empty part", prefix.escape_debug()));
    }
    let broker = Broker::new(config, context)?;
    let (home_assistant, transcript) = (config.home_assistant, context.transcript.clone());
    Ok(Box::new(Mqtt { broker, prefix, home_assistant, connection: None, told: BTreeSet::new(), transcript }))
}

/// Where the broker is, and who speaks to it.
struct Broker {
    host: String,
    port: u16,
    tls: bool,
    login: Option<(String, Secret)>,
    /// The same after a restart, so that the broker drops a connection that nobody is at any more.
    client: String,
    allow_private: bool,
}

impl Broker {
    fn new(config: &Config, context: &SenderContext) -> Result<Broker, String> {
        let wanted =
            || "mqtt://host:1883 or mqtts://host:8883 is needed as url, user and password beside it".to_owned();
        let (scheme, rest) = config.url.split_once("://").ok_or_else(wanted)?;
        let tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            _ => return Err(wanted()),
        };
        let rest = rest.trim_end_matches('/');
        if rest.is_empty()
            || rest.contains(['@', '/', '?'])
            || rest.contains(|c: char| c.is_control() || c.is_whitespace())
        {
            return Err(wanted());
        }
        let (host, port) = match rest.rsplit_once(':').filter(|_| !rest.ends_with(']')) {
            Some((host, port)) => (host, port.parse().map_err(|_| wanted())?),
            None => (rest, if tls { 8883 } else { 1883 }),
        };
        let whole = format!("{}\n{}\n{}\n{}", context.site, context.folder.display(), config.url, config.prefix);
        let digest = Sha256::digest(whole.as_bytes());
        let client = digest.iter().take(6).fold("growctl-".to_owned(), |id, byte| format!("{id}{byte:02x}"));
        let (login, allow_private) = (config.login.clone(), config.allow_private);
        Ok(Broker { host: host.to_owned(), port, tls, login, client, allow_private })
    }
}

struct Mqtt {
    broker: Broker,
    prefix: String,
    home_assistant: bool,
    /// Taken out for each try: one that was broken off leaves none behind.
    connection: Option<Connection>,
    /// The discovery topics that this connection has told.
    told: BTreeSet<String>,
    transcript: Transcript,
}

impl Sender for Mqtt {
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a> {
        Box::pin(async move {
            let why = match tokio::time::timeout(LIMIT, self.deliver(parcels)).await {
                Ok(Ok(verdicts)) => return verdicts,
                Ok(Err(why)) => why,
                Err(_) => "the broker was too slow".to_owned(),
            };
            self.transcript.say(|| format!("< {why}"));
            vec![Verdict::Failed { why, retry_after: None }; parcels.len()]
        })
    }
}

impl Mqtt {
    async fn deliver(&mut self, parcels: &[Parcel]) -> Result<Vec<Verdict>, String> {
        let (connection, is_new) = self.connect().await?;
        let read: Vec<Result<(Value, Message), String>> =
            parcels.iter().map(|parcel| self.message(parcel, connection.largest())).collect();
        let (mut messages, discovered) = self.introductions(read.iter().flatten().map(|(value, _)| value), is_new);
        let before = messages.len();
        let mut refused = Vec::new();
        for read in read {
            refused.push(read.map(|(_, message)| messages.push(message)).err());
        }
        for message in &messages {
            self.transcript.say(|| format!("> PUBLISH {} ({} bytes)", message.topic, message.payload.len()));
        }
        let (answers, over) = connection.publish(messages).await;
        let taken = answers.iter().filter(|answer| **answer == Some(Answer::Taken)).count();
        self.transcript.say(|| format!("< {taken} of {} acknowledged", answers.len()));
        self.remember(&discovered, &answers[before - discovered.len()..before]);
        let mut answers = answers.into_iter().skip(before);
        let lost = over.clone().unwrap_or_default();
        if over.is_none() {
            self.connection = Some(connection);
        }
        let verdict = |refused: Option<String>| {
            refused.map_or_else(|| verdict(answers.next().flatten(), &lost), Verdict::Refused)
        };
        Ok(refused.into_iter().map(verdict).collect())
    }

    async fn connect(&mut self) -> Result<(Connection, bool), String> {
        if let Some(connection) = self.connection.take().filter(|connection| !connection.is_over()) {
            return Ok((connection, false));
        }
        self.told.clear();
        let will = LastWill::new(status_topic(&self.prefix), "offline", QoS::AtLeastOnce, true, None);
        let Broker { host, port, .. } = &self.broker;
        self.transcript.say(|| format!("> CONNECT to {host} port {port}"));
        let connection = Connection::open(&self.broker, will).await?;
        self.transcript.say(|| "< CONNACK".to_owned());
        Ok((connection, true))
    }

    /// What goes before the values: that growctl is there, and entities that this connection has not told yet.
    fn introductions<'v>(&self, values: impl Iterator<Item = &'v Value>, is_new: bool) -> (Vec<Message>, Vec<String>) {
        let mut messages = Vec::new();
        if is_new {
            messages.push(retained(status_topic(&self.prefix), "online".to_owned()));
        }
        let mut discovered = Vec::new();
        for value in values.filter(|_| self.home_assistant) {
            for entity in entities(&self.prefix, &Place::of(value), value) {
                if !self.told.contains(&entity.topic) && !discovered.contains(&entity.topic) {
                    discovered.push(entity.topic.clone());
                    messages.push(retained(entity.topic, entity.config.to_string()));
                }
            }
        }
        (messages, discovered)
    }

    fn message(&self, parcel: &Parcel, largest: Option<usize>) -> Result<(Value, Message), String> {
        let value: Value = serde_json::from_str(&parcel.body).map_err(|error| format!("it is no JSON: {error}"))?;
        let place = Place::of(&value);
        let (topic, payload) = (place.topic(&self.prefix), parcel.body.clone().into_bytes());
        let message = Message { topic, payload, retain: place.retained(), key: Some(parcel.key.to_string()) };
        match largest.filter(|largest| message.size() > *largest) {
            Some(largest) => Err(format!("the broker takes messages of {largest} bytes at most")),
            None => Ok((value, message)),
        }
    }

    /// An entity that was not taken holds up no value; it is told again with the next one.
    fn remember(&mut self, discovered: &[String], answers: &[Option<Answer>]) {
        for (topic, answer) in discovered.iter().zip(answers) {
            match answer {
                Some(Answer::Taken) => {
                    self.told.insert(topic.clone());
                }
                Some(Answer::Not(why) | Answer::Never(why)) => {
                    tracing::warn!(%topic, %why, "Home Assistant cannot be told")
                }
                None => {}
            }
        }
    }
}

fn retained(topic: String, payload: String) -> Message {
    Message { topic, payload: payload.into_bytes(), retain: true, key: None }
}

fn verdict(answer: Option<Answer>, lost: &str) -> Verdict {
    let failed = |why: String| Verdict::Failed { why, retry_after: None };
    match answer {
        Some(Answer::Taken) => Verdict::Delivered,
        Some(Answer::Not(why)) => failed(why),
        Some(Answer::Never(why)) => Verdict::Refused(why),
        None => failed(lost.to_owned()),
    }
}
