//! One client of the endpoint: what it said so far, what it listens to, and the bytes that wait for it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::reply;
use crate::bus::glob;

/// Bytes that may wait for a client before it is disconnected.
pub const OUTPUT_LIMIT: usize = 8 * 1024 * 1024;
/// Most channels and patterns, together, of one client: each is looked at for every message.
const SUBSCRIPTIONS: usize = 1024;
/// As much of `INFO` as clients need to see that the server is ready.
const INFO: &str = "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n\
                    # Persistence\r\nloading:0\r\n# Replication\r\nrole:master\r\n";

/// What a session may ask of the others; the board that holds all sessions answers.
#[derive(Debug, Default)]
pub struct View {
    /// Every subscribed channel of any client, with the number of its subscribers.
    pub channels: BTreeMap<Vec<u8>, usize>,
    /// Distinct patterns of all clients.
    pub patterns: usize,
    /// One line for each client, as `CLIENT LIST` has it.
    pub clients: String,
}

/// What a command needs from outside the session.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// The reply, if any, waits in the output.
    None,
    /// Publish the payload on the channel, then answer with [`Session::published`].
    Publish(Vec<u8>, Vec<u8>),
}

/// The state of one connection.
#[derive(Debug, Default)]
pub struct Session {
    id: usize,
    peer: String,
    resp3: bool,
    name: Vec<u8>,
    channels: BTreeSet<Vec<u8>>,
    patterns: BTreeSet<Vec<u8>>,
    out: Vec<u8>,
    /// Bytes that were taken to be written, and are not yet.
    in_hand: usize,
    closing: bool,
    cut: bool,
}

impl Session {
    /// A new connection, speaking RESP2 until `HELLO 3`.
    #[must_use]
    pub fn new(id: usize, peer: &str) -> Self {
        Self { id, peer: peer.to_owned(), ..Self::default() }
    }

    /// Takes the waiting bytes; they count as waiting until they are [`Session::written`].
    pub fn take_output(&mut self) -> Vec<u8> {
        self.in_hand += self.out.len();
        std::mem::take(&mut self.out)
    }

    /// So many of the bytes taken have been written.
    pub fn written(&mut self, count: usize) {
        self.in_hand = self.in_hand.saturating_sub(count);
    }

    /// Whether it was disconnected because too many bytes waited.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether the connection ends once the output is written.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Its subscribed channels.
    pub fn channels(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.channels.iter()
    }

    /// Its subscribed patterns.
    pub fn patterns(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.patterns.iter()
    }

    /// Its line in `CLIENT LIST`.
    #[must_use]
    pub fn line(&self) -> String {
        let (name, resp) = (String::from_utf8_lossy(&self.name), if self.resp3 { 3 } else { 2 });
        let (sub, psub) = (self.channels.len(), self.patterns.len());
        format!("id={} addr={} name={name} sub={sub} psub={psub} resp={resp}\n", self.id, self.peer)
    }

    /// Hands a message over once per matching subscription, as Redis does, and says how many times.
    pub fn deliver(&mut self, channel: &[u8], payload: &[u8]) -> usize {
        if self.closing {
            return 0;
        }
        let (mut count, out) = (0, &mut self.out);
        if self.channels.contains(channel) {
            reply::push(out, self.resp3, 3);
            [b"message", channel, payload].iter().for_each(|part| reply::bulk(out, part));
            count += 1;
        }
        for pattern in self.patterns.iter().filter(|pattern| glob(pattern, channel)) {
            reply::push(out, self.resp3, 4);
            [b"pmessage", pattern.as_slice(), channel, payload].iter().for_each(|part| reply::bulk(out, part));
            count += 1;
        }
        self.limit();
        // What the limit took away reached nobody.
        if self.cut { 0 } else { count }
    }

    /// Answers a `PUBLISH`.
    pub fn published(&mut self, receivers: usize) {
        reply::number(&mut self.out, receivers);
    }

    /// Ends the connection with a reason.
    pub fn fail(&mut self, reason: &str) {
        reply::error(&mut self.out, reason);
        self.closing = true;
    }

    /// Ends the connection without a word.
    pub fn close(&mut self) {
        self.closing = true;
    }

    fn limit(&mut self) {
        if self.out.len() + self.in_hand > OUTPUT_LIMIT {
            self.out = Vec::new();
            self.closing = true;
            self.cut = true;
        }
    }

    /// Runs one command; `view` is asked only by `PUBSUB` and `CLIENT LIST`, `last` is the hash `growctl:last`.
    pub fn command(&mut self, args: &[&[u8]], view: impl Fn() -> View, last: &BTreeMap<Vec<u8>, Vec<u8>>) -> Effect {
        let Some((name, args)) = args.split_first() else { return Effect::None };
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        let subscribed = !self.channels.is_empty() || !self.patterns.is_empty();
        let listening = subscribed && !self.resp3;
        let anytime = ["SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "PING", "QUIT"];
        if listening && !anytime.contains(&name.as_str()) {
            reply::error(&mut self.out, &format!("can't execute '{name}' while subscribed, unless with HELLO 3"));
            return Effect::None;
        }
        match (name.as_str(), args) {
            ("PUBLISH", [channel, payload]) => return Effect::Publish(channel.to_vec(), payload.to_vec()),
            ("PING", [] | [_]) => self.ping(args.first().copied(), listening),
            ("ECHO", [text]) => reply::bulk(&mut self.out, text),
            ("HELLO", _) => self.hello(args),
            ("AUTH", [_] | [_, _]) | ("SELECT", [b"0"]) => reply::status(&mut self.out, "OK"),
            ("SELECT", [_]) => reply::error(&mut self.out, "there is database 0 only: set redis.url for a real Redis"),
            ("INFO", _) => reply::bulk(&mut self.out, INFO.as_bytes()),
            ("CLIENT", [sub, rest @ ..]) => self.client(sub, rest, view),
            ("SUBSCRIBE" | "PSUBSCRIBE", [_, ..]) => self.subscribe(args, name == "PSUBSCRIBE"),
            ("UNSUBSCRIBE" | "PUNSUBSCRIBE", _) => self.unsubscribe(args, name == "PUNSUBSCRIBE"),
            ("PUBSUB", [sub, rest @ ..]) => self.pubsub(sub, rest, &view()),
            ("HGET", [b"growctl:last", field]) => match last.get(*field) {
                Some(value) => reply::bulk(&mut self.out, value),
                None => reply::null(&mut self.out, self.resp3),
            },
            ("HGETALL", [b"growctl:last"]) => {
                reply::map(&mut self.out, self.resp3, last.len());
                last.iter().flat_map(|(key, value)| [key, value]).for_each(|part| reply::bulk(&mut self.out, part));
            }
            ("QUIT", _) => {
                reply::status(&mut self.out, "OK");
                self.closing = true;
            }
            _ => self.unknown(&name, args),
        }
        self.limit();
        Effect::None
    }

    fn unknown(&mut self, name: &str, args: &[&[u8]]) {
        let (name, count): (String, _) = (name.chars().take(40).collect(), args.len());
        let text = format!("'{name}' with {count} arguments is not served here: set redis.url for a real Redis");
        reply::error(&mut self.out, &text);
    }

    fn ping(&mut self, text: Option<&[u8]>, listening: bool) {
        match text {
            _ if listening => {
                reply::header(&mut self.out, '*', 2);
                reply::bulk(&mut self.out, b"pong");
                reply::bulk(&mut self.out, text.unwrap_or_default());
            }
            Some(text) => reply::bulk(&mut self.out, text),
            None => reply::status(&mut self.out, "PONG"),
        }
    }

    fn hello(&mut self, args: &[&[u8]]) {
        match args.first() {
            None => {}
            Some(&b"2") => self.resp3 = false,
            Some(&b"3") => self.resp3 = true,
            Some(_) => {
                self.out.extend_from_slice(b"-NOPROTO unsupported protocol version, expected 2 or 3\r\n");
                return;
            }
        }
        if let Some(at) = args.iter().position(|arg| arg.eq_ignore_ascii_case(b"SETNAME")) {
            self.name = args.get(at + 1).map(|name| name.to_vec()).unwrap_or_default();
        }
        let (out, resp3) = (&mut self.out, self.resp3);
        reply::map(out, resp3, 7);
        for (key, value) in [("server", "redis"), ("version", "7.0.0"), ("mode", "standalone"), ("role", "master")] {
            reply::bulk(out, key.as_bytes());
            reply::bulk(out, value.as_bytes());
        }
        reply::bulk(out, b"proto");
        reply::number(out, if resp3 { 3 } else { 2 });
        reply::bulk(out, b"id");
        reply::number(out, self.id);
        reply::bulk(out, b"modules");
        reply::header(out, '*', 0);
    }

    fn client(&mut self, sub: &[u8], args: &[&[u8]], view: impl Fn() -> View) {
        match (sub.to_ascii_uppercase().as_slice(), args) {
            (b"SETNAME", [name]) if name.iter().all(u8::is_ascii_graphic) => {
                self.name = name.to_vec();
                reply::status(&mut self.out, "OK");
            }
            (b"SETNAME", [_]) => reply::error(&mut self.out, "a client name has no spaces or special characters"),
            (b"SETINFO", [_, _]) => reply::status(&mut self.out, "OK"),
            (b"GETNAME", []) if self.name.is_empty() => reply::null(&mut self.out, self.resp3),
            (b"GETNAME", []) => reply::bulk(&mut self.out, &self.name),
            (b"ID", []) => reply::number(&mut self.out, self.id),
            // The view leaves this session out, since it is the one that runs.
            (b"LIST", []) => {
                let text = view().clients + &self.line();
                reply::bulk(&mut self.out, text.as_bytes());
            }
            _ => self.unknown(&format!("CLIENT {}", String::from_utf8_lossy(sub)), args),
        }
    }

    fn subscribe(&mut self, args: &[&[u8]], pattern: bool) {
        for arg in args {
            if self.channels.len() + self.patterns.len() >= SUBSCRIPTIONS {
                let text = format!("at most {SUBSCRIPTIONS} subscriptions a client: set redis.url for a real Redis");
                return reply::error(&mut self.out, &text);
            }
            if pattern {
                self.patterns.insert(arg.to_vec())
            } else {
                self.channels.insert(arg.to_vec())
            };
            self.confirm(if pattern { b"psubscribe" } else { b"subscribe" }, Some(arg));
        }
    }

    fn unsubscribe(&mut self, args: &[&[u8]], pattern: bool) {
        let set = if pattern { &mut self.patterns } else { &mut self.channels };
        let names: Vec<Vec<u8>> =
            if args.is_empty() { set.iter().cloned().collect() } else { args.iter().map(|arg| arg.to_vec()).collect() };
        let kind: &[u8] = if pattern { b"punsubscribe" } else { b"unsubscribe" };
        for name in &names {
            if pattern {
                self.patterns.remove(name)
            } else {
                self.channels.remove(name)
            };
            self.confirm(kind, Some(name));
        }
        if names.is_empty() {
            self.confirm(kind, None);
        }
    }

    fn confirm(&mut self, kind: &[u8], name: Option<&[u8]>) {
        reply::push(&mut self.out, self.resp3, 3);
        reply::bulk(&mut self.out, kind);
        match name {
            Some(name) => reply::bulk(&mut self.out, name),
            None => reply::null(&mut self.out, self.resp3),
        }
        reply::number(&mut self.out, self.channels.len() + self.patterns.len());
    }

    fn pubsub(&mut self, sub: &[u8], args: &[&[u8]], view: &View) {
        let out = &mut self.out;
        match (sub.to_ascii_uppercase().as_slice(), args) {
            (b"CHANNELS", [] | [_]) => {
                let pattern = args.first().copied().unwrap_or(b"*");
                let own = self.channels.iter().filter(|name| !view.channels.contains_key(*name));
                let names: Vec<_> = view.channels.keys().chain(own).filter(|name| glob(pattern, name)).collect();
                reply::header(out, '*', names.len());
                names.iter().for_each(|name| reply::bulk(out, name));
            }
            (b"NUMSUB", _) => {
                reply::header(out, '*', args.len() * 2);
                for name in args {
                    let own = usize::from(self.channels.contains(*name));
                    reply::bulk(out, name);
                    reply::number(out, view.channels.get(*name).copied().unwrap_or(0) + own);
                }
            }
            (b"NUMPAT", []) => reply::number(out, view.patterns),
            _ => self.unknown(&format!("PUBSUB {}", String::from_utf8_lossy(sub)), args),
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
