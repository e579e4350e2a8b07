//! Where every message passes once: own ones get their `id` and their text, foreign ones are read, or refused and
//! counted. Pure; the Redis bridge and the embedded endpoint hold the other ends.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::{Fields, Message, Name, Provenance, Timestamp, Value};

/// Payloads over this many bytes are refused unread.
const LONGEST: usize = 64 * 1024;
/// How many foreign messages are remembered while their other copy is awaited.
const REMEMBERED: usize = 4096;

/// One message on its way to rules and subscribers.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The message.
    pub message: Arc<Message>,
    /// The JSON text that both copies of an own message carry; `None` for a foreign one, which has been published.
    pub text: Option<Arc<[u8]>>,
    /// The channel on which a foreign message came in: its clients have it already.
    pub skip: Option<Name>,
}

/// Why a payload from outside is not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// An own message coming back.
    #[error("an own message that came back")]
    Own,
    /// The other copy of a message that has been delivered.
    #[error("the other copy of a delivered message")]
    Copy,
    /// Over 64 kB.
    #[error("longer than 64 kB")]
    TooLong,
    /// Not JSON.
    #[error("not JSON")]
    NotJson,
    /// JSON, but no object.
    #[error("JSON, but no object")]
    NotObject,
}

/// What came from outside: `received` is `delivered` and all the others together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RouterCounts {
    /// Payloads from outside.
    pub received: u64,
    /// Those that went on.
    pub delivered: u64,
    /// Own messages that came back.
    pub own: u64,
    /// Other copies of delivered messages.
    pub copies: u64,
    /// Over 64 kB.
    pub too_long: u64,
    /// Not JSON.
    pub not_json: u64,
    /// JSON, but no object.
    pub not_object: u64,
}

impl RouterCounts {
    /// All that were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.own + self.copies + self.too_long + self.not_json + self.not_object
    }
}

/// The router of one run of the engine.
#[derive(Debug)]
pub struct Router {
    origin: String,
    /// The first bytes of every own message.
    own: Vec<u8>,
    sequence: u64,
    counts: RouterCounts,
    /// By specific channel and `id`: whether the broad copy came first, and which entry of `order` this is.
    awaited: HashMap<(Name, Name), (bool, u64)>,
    order: VecDeque<((Name, Name), u64)>,
    entries: u64,
}

impl Router {
    /// A router whose messages begin with `origin`, which must be new at each start and ASCII letters and digits.
    #[must_use]
    pub fn new(origin: [u8; 8]) -> Router {
        let own = own_prefix(origin);
        let origin: String = origin.map(char::from).iter().collect();
        let (awaited, order) = (HashMap::new(), VecDeque::new());
        Router { origin, own, sequence: 0, counts: RouterCounts::default(), awaited, order, entries: 0 }
    }

    /// What came from outside so far.
    #[must_use]
    pub fn counts(&self) -> RouterCounts {
        self.counts
    }

    /// Gives an own message its `id` (in place of any it had), `ts` if it has none, and its text.
    pub fn stamp(&mut self, now: Timestamp, mut message: Message) -> Delivery {
        self.sequence += 1;
        let mut fields = Fields::with_capacity(message.fields.len() + 2);
        fields.push(Name::from("id"), Value::text(&format!("{}-{:06}", self.origin, self.sequence)));
        if message.fields.get("ts").is_none() {
            fields.push(Name::from("ts"), Value::Number(now.utc.seconds()));
        }
        for (name, value) in message.fields.iter().filter(|(name, _)| &**name != "id") {
            fields.push(name.clone(), value.clone());
        }
        message.fields = fields;
        let text = serde_json::to_vec(&message.fields).expect("text keys and plain values are always JSON");
        Delivery { message: Arc::new(message), text: Some(text.into()), skip: None }
    }

    /// Reads a payload from outside.
    ///
    /// # Errors
    /// Why it is refused; counted here.
    pub fn outside(&mut self, channel: &str, payload: &[u8]) -> Result<Delivery, Refused> {
        self.counts.received += 1;
        let result = self.read(channel, payload);
        *match &result {
            Ok(_) => &mut self.counts.delivered,
            Err(Refused::Own) => &mut self.counts.own,
            Err(Refused::Copy) => &mut self.counts.copies,
            Err(Refused::TooLong) => &mut self.counts.too_long,
            Err(Refused::NotJson) => &mut self.counts.not_json,
            Err(Refused::NotObject) => &mut self.counts.not_object,
        } += 1;
        result
    }

    fn read(&mut self, channel: &str, payload: &[u8]) -> Result<Delivery, Refused> {
        if payload.starts_with(&self.own) {
            return Err(Refused::Own);
        }
        if payload.len() > LONGEST {
            return Err(Refused::TooLong);
        }
        let fields = match serde_json::from_slice(payload) {
            Ok(Value::Map(fields)) => *fields,
            Ok(_) => return Err(Refused::NotObject),
            Err(_) => return Err(Refused::NotJson),
        };
        let came_on = Name::from(channel);
        let (mut specific, mut broad) = (came_on.clone(), None);
        // Without an `id` the two copies cannot be told from two messages, so each stands for itself.
        if let (Some(id), Some((wide, narrow))) = (id(&fields), copies(channel, &fields)) {
            if self.is_copy(&narrow, id, *wide == *channel) {
                return Err(Refused::Copy);
            }
            (specific, broad) = (narrow, Some(wide));
        }
        let source = fields.get("node").or_else(|| fields.get("device")).and_then(Value::as_text).map(Name::from);
        let message =
            Message { channel: specific, broad, source, provenance: Provenance::Outside, stale: false, hop: 0, fields };
        Ok(Delivery { message: Arc::new(message), text: None, skip: Some(came_on) })
    }

    /// Whether this is the copy that was awaited. Only the *other* copy is one: a sender that repeats one `id` for
    /// ever, as some use it for the name of the device, is still heard.
    fn is_copy(&mut self, specific: &Name, id: Name, is_broad: bool) -> bool {
        let key = (specific.clone(), id);
        if self.awaited.get(&key).is_some_and(|(broad_first, _)| *broad_first != is_broad) {
            self.awaited.remove(&key);
            return true;
        }
        self.entries += 1;
        self.awaited.insert(key.clone(), (is_broad, self.entries));
        self.order.push_back((key, self.entries));
        if self.order.len() > REMEMBERED
            && let Some((oldest, entry)) = self.order.pop_front()
            && self.awaited.get(&oldest).is_some_and(|(_, known)| *known == entry)
        {
            self.awaited.remove(&oldest);
        }
        false
    }
}

/// The first bytes of every message of the run that `origin` names.
fn own_prefix(origin: [u8; 8]) -> Vec<u8> {
    [b"{\"id\":\"".as_slice(), &origin, b"-"].concat()
}

fn id(fields: &Fields) -> Option<Name> {
    match fields.get("id")? {
        Value::Text(id) => Some(id.clone()),
        Value::Number(id) => Some(Name::from(id.to_string())),
        _ => None,
    }
}

/// The broad and the specific name of a message on either, if its fields tell them. Only `…:update` has copies: a
/// command on a broad name must never become one for a device.
fn copies(channel: &str, fields: &Fields) -> Option<(Name, Name)> {
    let kind = channel.split(':').next()?;
    let broad = format!("{kind}:update");
    let keys = if kind == "device" { ["device", "cluster"] } else { ["cluster", "device"] };
    let name = |key: &str| {
        let text = fields.get(key)?.as_text()?;
        (!text.is_empty() && !text.contains([':', '*', '?', '[', ']', '\\'])).then_some(text)
    };
    let specific = format!("{broad}:{}:{}", name("room")?, name(keys[0]).or_else(|| name(keys[1]))?);
    (channel == broad || channel == specific).then(|| (Name::from(broad), Name::from(specific)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Mono, Utc};

    const NOW: Timestamp = Timestamp { mono: Mono(0), utc: Utc(1_500_000_000) };
    const COPY: &[u8] = br#"{"id":"x-1","room":"Veg","cluster":"front","node":"N1","t":24}"#;

    fn router() -> Router {
        Router::new(*b"k3v9x2mq")
    }

    fn stamped(router: &mut Router, json: &str) -> String {
        let mut message = (*router.outside("c", json.as_bytes()).unwrap().message).clone();
        message.provenance = Provenance::Rule;
        String::from_utf8(router.stamp(NOW, message).text.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn own_messages_get_id_and_ts_first() {
        let mut router = router();
        assert_eq!(stamped(&mut router, r#"{"t":24}"#), r#"{"id":"k3v9x2mq-000001","ts":1.5,"t":24.0}"#);
        assert_eq!(stamped(&mut router, r#"{"ts":7,"id":"old"}"#), r#"{"id":"k3v9x2mq-000002","ts":7.0}"#);
        router.sequence = 999_999;
        assert!(stamped(&mut router, "{}").starts_with(r#"{"id":"k3v9x2mq-1000000","#));
    }

    #[test]
    fn refusals_are_counted_by_reason() {
        let mut router = router();
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST - 8));
        assert_eq!(long.len(), LONGEST);
        assert!(router.outside("c", long.as_bytes()).is_ok());
        let mut refuse = |payload: &[u8]| router.outside("c", payload).map(|_| ()).unwrap_err();
        assert_eq!(refuse(format!("{long} ").as_bytes()), Refused::TooLong);
        assert_eq!(refuse(br#"{"id":"k3v9x2mq-000001", unread"#), Refused::Own);
        assert_eq!(refuse(b"hello"), Refused::NotJson);
        assert_eq!(refuse(b"\xff"), Refused::NotJson);
        assert_eq!(refuse(b"[1]"), Refused::NotObject);
        let counts = router.counts();
        assert_eq!((counts.own, counts.too_long, counts.not_json, counts.not_object), (1, 1, 2, 1));
        assert_eq!((counts.received, counts.delivered), (6, 1));
        assert_eq!(counts.received, counts.delivered + counts.refused());
    }

    #[test]
    fn two_copies_are_one_message_on_the_specific_channel() {
        for order in [["sensor:update", "sensor:update:Veg:front"], ["sensor:update:Veg:front", "sensor:update"]] {
            let mut router = router();
            let first = router.outside(order[0], COPY).unwrap();
            assert_eq!(&*first.message.channel, "sensor:update:Veg:front");
            assert_eq!(first.message.broad.as_deref(), Some("sensor:update"));
            assert_eq!(first.message.source.as_deref(), Some("N1"));
            assert_eq!(first.skip.as_deref(), Some(order[0]));
            assert_eq!(router.outside(order[1], COPY).unwrap_err(), Refused::Copy);
            assert_eq!(router.counts().copies, 1);
        }
    }

    #[test]
    fn without_id_or_with_a_constant_one_nothing_is_lost() {
        let mut router = router();
        let bare = br#"{"room":"Veg","cluster":"front"}"#;
        assert_eq!(&*router.outside("sensor:update", bare).unwrap().message.channel, "sensor:update");
        assert!(router.outside("sensor:update:Veg:front", bare).is_ok());
        assert!((0..3).all(|_| router.outside("sensor:update:Veg:front", COPY).is_ok()));
    }

    #[test]
    fn devices_have_copies_but_commands_have_none() {
        let mut router = router();
        let text = br#"{"id":1,"room":"Veg","device":"fan"}"#;
        let update = router.outside("device:update", text).unwrap();
        assert_eq!(&*update.message.channel, "device:update:Veg:fan");
        let command = router.outside("device:command", text).unwrap();
        assert_eq!((&*command.message.channel, &command.message.broad), ("device:command", &None));
    }

    #[test]
    fn the_memory_of_ids_is_bounded() {
        let mut router = router();
        for n in 0..3 * REMEMBERED {
            let text = format!(r#"{{"id":{n},"room":"Veg","cluster":"front"}}"#);
            assert!(router.outside("sensor:update", text.as_bytes()).is_ok());
        }
        assert_eq!((router.awaited.len(), router.order.len()), (REMEMBERED, REMEMBERED));
    }
}
