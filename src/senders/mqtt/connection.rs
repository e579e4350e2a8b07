//! A connection to a broker, by MQTT 5: only that version says why a message is not taken. A task of its own speaks for it, so
//! that the broker hears from it between two batches and knows at once when it is gone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, LastWill, Packet, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Broker;

use crate::senders::net;

const CONNECT: Duration = Duration::from_secs(10);
/// The broker says that growctl is gone when it hears nothing for half as long again.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// All acknowledgements of a batch are there within this.
const ACKNOWLEDGED: Duration = Duration::from_secs(35);
/// Handed to the task and not sent yet, at most.
const WAITING: usize = 64;

/// A message to be published.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
    /// Tells whoever receives it twice that it is the same.
    pub(super) key: Option<String>,
}

impl Message {
    /// With its headers, which are never as long as that.
    pub(super) fn size(&self) -> usize {
        const HEADERS: usize = 64;
        self.topic.len() + self.payload.len() + self.key.as_ref().map_or(0, String::len) + HEADERS
    }
}

/// What the broker says to one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has it.
    Taken,
    /// Not now, or not from us.
    Not(String),
    /// It never will.
    Never(String),
}

pub(super) struct Connection {
    client: AsyncClient,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    /// Without a word of farewell: the broker then says itself that growctl is offline.
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
    moved: Notify,
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a batch is.
#[derive(Default)]
struct Progress {
    connected: bool,
    /// The broker cuts the connection at a larger packet.
    largest: Option<usize>,
    /// Why the connection is of no more use.
    over: Option<String>,
    /// How many of the batch are on the wire; they go in order.
    sent: usize,
    /// Which of the batch a packet is.
    packets: BTreeMap<u16, usize>,
    answers: Vec<Option<Answer>>,
}

impl Progress {
    fn heard(&mut self, event: &Event) {
        match event {
            Event::Incoming(Packet::ConnAck(ack)) => {
                let most = ack.properties.as_ref().and_then(|properties| properties.max_packet_size);
                self.largest = most.and_then(|most| usize::try_from(most).ok());
                self.connected = true;
            }
            Event::Outgoing(Outgoing::Publish(packet)) => {
                self.packets.insert(*packet, self.sent);
                self.sent += 1;
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                let place = self.packets.remove(&ack.pkid).and_then(|at| self.answers.get_mut(at));
                if let Some(place) = place {
                    *place = Some(answer(ack.reason));
                }
            }
            _ => {}
        }
    }

    fn done(&self) -> bool {
        self.over.is_some() || self.answers.iter().all(Option::is_some)
    }
}

fn answer(reason: PubAckReason) -> Answer {
    match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Answer::Taken,
        PubAckReason::NotAuthorized => Answer::Not("the broker does not let this user publish there".to_owned()),
        PubAckReason::TopicNameInvalid => Answer::Never("the broker refuses the name of the topic".to_owned()),
        PubAckReason::PayloadFormatInvalid => Answer::Never("the broker refuses the message".to_owned()),
        other => Answer::Not(format!("the broker answers {other:?}")),
    }
}

impl Connection {
    /// Connects and logs in.
    pub(super) async fn open(broker: &Broker, will: LastWill) -> Result<Connection, String> {
        let options = options(broker, will).await?;
        let (client, eventloop) = AsyncClient::new(options, WAITING);
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(speak(eventloop, Arc::clone(&shared)));
        let connection = Connection { client, shared, task };
        let connected = connection.wait(|progress| progress.connected || progress.over.is_some());
        if timeout(CONNECT, connected).await.is_err() {
            return Err(format!("{} port {} does not answer", broker.host, broker.port));
        }
        match connection.shared.progress().over.clone() {
            Some(why) => Err(format!("{} port {}: {why}", broker.host, broker.port)),
            None => Ok(()),
        }?;
        Ok(connection)
    }

    pub(super) fn is_over(&self) -> bool {
        self.shared.progress().over.is_some()
    }

    /// In bytes, all of them together with the names of topic and key; nobody has set one if there is none.
    pub(super) fn largest(&self) -> Option<usize> {
        self.shared.progress().largest
    }

    /// An answer for each, in order; after one that is not there, the connection is of no more use.
    pub(super) async fn publish(&self, messages: Vec<Message>) -> (Vec<Option<Answer>>, Option<String>) {
        {
            let mut progress = self.shared.progress();
            progress.sent = 0;
            progress.packets.clear();
            progress.answers = vec![None; messages.len()];
        }
        let ended = timeout(ACKNOWLEDGED, async {
            for message in messages {
                self.hand_over(message).await?;
            }
            self.wait(Progress::done).await;
            Ok(())
        });
        let why = match ended.await {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some("the broker does not acknowledge".to_owned()),
        };
        let progress = self.shared.progress();
        (progress.answers.clone(), progress.over.clone().or(why))
    }

    async fn hand_over(&self, message: Message) -> Result<(), String> {
        let user_properties = message.key.into_iter().map(|key| ("key".to_owned(), key)).collect();
        let properties = PublishProperties { user_properties, ..PublishProperties::default() };
        let handed = self.client.publish_with_properties(
            message.topic,
            QoS::AtLeastOnce,
            message.retain,
            message.payload,
            properties,
        );
        tokio::select! {
            handed = handed => handed.map_err(|error| error.to_string()),
            () = self.wait(|progress| progress.over.is_some()) => Err("the connection is over".to_owned()),
        }
    }

    async fn wait(&self, condition: impl Fn(&Progress) -> bool) {
        loop {
            let moved = self.shared.moved.notified();
            tokio::pin!(moved);
            // Whoever moves between the look and the wait is heard.
            moved.as_mut().enable();
            if condition(&self.shared.progress()) {
                return;
            }
            moved.await;
        }
    }
}

/// Until the connection is over.
async fn speak(mut eventloop: EventLoop, shared: Arc<Shared>) {
    loop {
        let event = eventloop.poll().await;
        let over = {
            let mut progress = shared.progress();
            match event {
                Ok(event) => progress.heard(&event),
                Err(error) => progress.over = Some(told(&error)),
            }
            progress.over.is_some()
        };
        shared.moved.notify_waiters();
        if over {
            return;
        }
    }
}

fn told(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => "the broker refuses the login".to_owned(),
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion,
        ) => "the broker does not speak MQTT 5".to_owned(),
        ConnectionError::ConnectionRefused(code) => format!("the broker refuses the connection: {code:?}"),
        ConnectionError::Timeout(_) => "no answer in time".to_owned(),
        ConnectionError::MqttState(StateError::ConnectionAborted) => "the broker has closed the connection".to_owned(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => "the broker has fallen silent".to_owned(),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            format!("the broker ends the connection: {reason_code:?}")
        }
        ConnectionError::MqttState(StateError::Io(error)) | ConnectionError::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

async fn options(broker: &Broker, will: LastWill) -> Result<MqttOptions, String> {
    let resolved = timeout(CONNECT, net::resolve(&broker.host, broker.port, broker.allow_private)).await;
    let addresses = resolved.map_err(|_| format!("{} is not found in time", broker.host))??;
    let mut options = if broker.tls {
        // The library looks the name up once more. What is behind another address would have to show this name's certificate.
        let mut options = MqttOptions::new(&broker.client, &broker.host, broker.port);
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(net::tls()?)));
        options
    } else {
        let private = addresses.iter().find(|address| net::is_private(address.ip()));
        let address = private.ok_or_else(|| format!("{} is a public broker: mqtts:// is needed", broker.host))?;
        let ip = if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() };
        MqttOptions::new(&broker.client, ip, broker.port)
    };
    if let Some((user, password)) = &broker.login {
        options.set_credentials(user, password.expose());
    }
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_last_will(will)
        .set_connection_timeout(CONNECT.as_secs())
        .set_clean_start(true);
    Ok(options)
}
