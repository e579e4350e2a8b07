//! All clients of the endpoint, what passes between them, and the account of it. The shell locks it for one call.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::resp::{self, Parsed};
use super::session::{Effect, Session, View};
use crate::model::{Doorbell, Name, Queue};

/// Most clients at a time.
pub const CLIENTS: usize = 256;

/// The account of an endpoint, for `status`. The queue to the control thread has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct EndpointCounts {
    /// Clients connected now.
    pub clients: usize,
    /// Messages that the engine published; two for one with a broad copy.
    pub published: u64,
    /// Messages that clients published.
    pub from_clients: u64,
    /// Those of them on a channel whose name is no text: other clients got them, the engine did not.
    pub unreadable: u64,
    /// Copies put into the buffers of subscribed clients.
    pub delivered: u64,
    /// Clients that were disconnected because they did not read.
    pub cut: u64,
    /// Connections that were refused because there were 256.
    pub refused: u64,
}

#[derive(Default)]
pub(super) struct Board {
    next: usize,
    sessions: BTreeMap<usize, (Session, Arc<Doorbell>)>,
    last: BTreeMap<Vec<u8>, Vec<u8>>,
    counts: EndpointCounts,
}

impl Board {
    pub(super) fn counts(&self) -> EndpointCounts {
        EndpointCounts { clients: self.sessions.len(), ..self.counts }
    }

    /// Takes in a connection, unless there are too many.
    pub(super) fn join(&mut self, peer: SocketAddr, bell: Arc<Doorbell>) -> Option<usize> {
        if self.sessions.len() >= CLIENTS {
            self.counts.refused += 1;
            tracing::warn!(clients = CLIENTS, "endpoint refuses a connection: too many clients");
            return None;
        }
        self.next += 1;
        self.sessions.insert(self.next, (Session::new(self.next, &peer.to_string()), bell));
        Some(self.next)
    }

    pub(super) fn leave(&mut self, id: usize) {
        self.sessions.remove(&id);
    }

    pub(super) fn session(&mut self, id: usize) -> Option<&mut Session> {
        self.sessions.get_mut(&id).map(|(session, _)| session)
    }

    /// Ends every connection.
    pub(super) fn close(&mut self) {
        for (session, bell) in self.sessions.values_mut() {
            session.close();
            bell.ring();
        }
    }

    pub(super) fn set_last(&mut self, field: &str, value: Option<&[u8]>) {
        match value {
            Some(value) => drop(self.last.insert(field.as_bytes().to_vec(), value.to_vec())),
            None => drop(self.last.remove(field.as_bytes())),
        }
    }

    /// The engine's own message.
    pub(super) fn publish(&mut self, channel: &[u8], payload: &[u8]) -> usize {
        self.counts.published += 1;
        self.deliver(channel, payload)
    }

    fn deliver(&mut self, channel: &[u8], payload: &[u8]) -> usize {
        let mut receivers = 0;
        for (session, bell) in self.sessions.values_mut() {
            let was_open = !session.is_closing();
            let count = session.deliver(channel, payload);
            // Also when it was cut: its task is to end the connection.
            if count > 0 || session.is_closing() {
                bell.ring();
            }
            note_cut(&mut self.counts, session, was_open);
            receivers += count;
        }
        self.counts.delivered += receivers as u64;
        receivers
    }

    /// What the sessions on the board show; the one that runs a command is taken off meanwhile.
    fn view(&self, own: &[Vec<u8>]) -> View {
        let mut view = View::default();
        let mut patterns: BTreeSet<&Vec<u8>> = own.iter().collect();
        for (session, _) in self.sessions.values() {
            session.channels().for_each(|name| *view.channels.entry(name.clone()).or_default() += 1);
            patterns.extend(session.patterns());
            view.clients.push_str(&session.line());
        }
        view.patterns = patterns.len();
        view
    }

    fn command(&mut self, id: usize, args: &[&[u8]], inbound: &Queue<(Name, Vec<u8>)>) {
        let Some((mut session, bell)) = self.sessions.remove(&id) else { return };
        let (own, was_open): (Vec<Vec<u8>>, bool) = (session.patterns().cloned().collect(), !session.is_closing());
        let effect = session.command(args, || self.view(&own), &self.last);
        note_cut(&mut self.counts, &session, was_open);
        self.sessions.insert(id, (session, bell));
        let Effect::Publish(channel, payload) = effect else { return };
        self.counts.from_clients += 1;
        let receivers = self.deliver(&channel, &payload);
        match std::str::from_utf8(&channel) {
            Ok(name) => drop(inbound.push((Name::from(name), payload))),
            Err(_) => {
                self.counts.unreadable += 1;
                tracing::debug!(
                    id,
                    "endpoint client publishes on a channel that is no text: the engine does not get it"
                );
            }
        }
        if let Some((session, _)) = self.sessions.get_mut(&id) {
            session.published(receivers);
        }
    }

    /// Runs every whole command at the front of `input`.
    pub(super) fn run(&mut self, id: usize, input: &mut Vec<u8>, inbound: &Queue<(Name, Vec<u8>)>) {
        let mut at = 0;
        while self.session(id).is_some_and(|session| !session.is_closing()) {
            let reason = match resp::parse(&input[at..]) {
                Ok(Parsed::Incomplete) => break,
                Ok(Parsed::Command { args, used }) => {
                    self.command(id, &args, inbound);
                    at += used;
                    continue;
                }
                Ok(Parsed::Http) => None,
                Err(error) => Some(format!("Protocol error: {error}")),
            };
            let Some(session) = self.session(id) else { break };
            match reason {
                Some(reason) => session.fail(&reason),
                None => session.close(),
            }
        }
        input.drain(..at);
    }
}

fn note_cut(counts: &mut EndpointCounts, session: &Session, was_open: bool) {
    if was_open && session.is_cut() {
        counts.cut += 1;
        tracing::warn!(client = session.line().trim_end(), "endpoint disconnects a client that does not read");
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
