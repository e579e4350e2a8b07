//! The embedded RESP endpoint: pub/sub for other processes where no Redis is set. `session` is pure; this file is the
//! thin shell of sockets around it. It is never more than that: whoever needs more sets `redis.url`.

mod reply;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::JoinHandle;

use super::resp::{self, Parsed};
use crate::model::{Doorbell, Name, Queue};

pub use session::{Effect, OUTPUT_LIMIT, Session, View};

#[derive(Default)]
struct Board {
    next: usize,
    sessions: BTreeMap<usize, (Session, Arc<Doorbell>)>,
    last: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Board {
    fn publish(&mut self, channel: &[u8], payload: &[u8]) -> usize {
        let mut receivers = 0;
        for (session, bell) in self.sessions.values_mut() {
            let count = session.deliver(channel, payload);
            if count > 0 {
                bell.ring();
            }
            receivers += count;
        }
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
        let own: Vec<Vec<u8>> = session.patterns().cloned().collect();
        let effect = session.command(args, || self.view(&own), &self.last);
        self.sessions.insert(id, (session, bell));
        let Effect::Publish(channel, payload) = effect else { return };
        let receivers = self.publish(&channel, &payload);
        // The engine's channels are text; others pass between clients as they would through Redis.
        if let Ok(name) = std::str::from_utf8(&channel) {
            inbound.push((Name::from(name), payload));
        }
        if let Some((session, _)) = self.sessions.get_mut(&id) {
            session.published(receivers);
        }
    }
}

struct Shared {
    board: Mutex<Board>,
    /// The control thread takes from it what clients publish.
    inbound: Arc<Queue<(Name, Vec<u8>)>>,
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listening endpoint; dropping it stops the listener and ends every connection.
pub struct Endpoint {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: JoinHandle<()>,
}

impl Endpoint {
    /// Listens on `address`; what clients publish goes to `inbound`, under that queue's own policy and account.
    ///
    /// # Errors
    /// The address cannot be taken, as when its port is in use.
    pub async fn bind(address: impl ToSocketAddrs, inbound: Arc<Queue<(Name, Vec<u8>)>>) -> std::io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared { board: Mutex::default(), inbound });
        let listener = tokio::spawn(listen(socket, shared.clone()));
        Ok(Self { shared, address, listener })
    }

    /// Where it listens, with the port that was given for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands a message to every matching subscription and says how many there were. Never blocks on a client.
    pub fn publish(&self, channel: &str, payload: &[u8]) -> usize {
        self.shared.board().publish(channel.as_bytes(), payload)
    }

    /// Sets a field of the hash `growctl:last`.
    pub fn set_last(&self, field: &str, value: &[u8]) {
        self.shared.board().last.insert(field.as_bytes().to_vec(), value.to_vec());
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.listener.abort();
        for (session, bell) in self.shared.board().sessions.values_mut() {
            session.close();
            bell.ring();
        }
    }
}

async fn listen(socket: TcpListener, shared: Arc<Shared>) {
    loop {
        match socket.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, shared.clone()))),
            // Out of descriptors: the pending connection stays, so that trying at once would spin.
            Err(error) => {
                tracing::warn!(%error, "endpoint cannot accept a connection, trying again");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(mut stream: TcpStream, shared: Arc<Shared>) {
    let bell = Arc::new(Doorbell::default());
    let id = {
        let mut board = shared.board();
        board.next += 1;
        let id = board.next;
        board.sessions.insert(id, (Session::new(id), bell.clone()));
        id
    };
    if let Err(error) = serve(&mut stream, &shared, id, &bell).await {
        tracing::debug!(id, %error, "endpoint client is gone");
    }
    shared.board().sessions.remove(&id);
}

/// Reads and writes side by side: a client that stops reading still has its backlog counted against the limit.
async fn serve(stream: &mut TcpStream, shared: &Shared, id: usize, bell: &Doorbell) -> std::io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let (mut input, mut output, mut written) = (Vec::new(), Vec::new(), 0);
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let closing = {
            let mut board = shared.board();
            let Some((session, _)) = board.sessions.get_mut(&id) else { return Ok(()) };
            if written == output.len() {
                (output, written) = (session.take_output(), 0);
            }
            session.is_closing()
        };
        if closing {
            // A last word for who listens; who does not read is not waited for.
            let rest = writer.write_all(&output[written..]);
            return tokio::time::timeout(std::time::Duration::from_millis(200), rest).await.unwrap_or(Ok(()));
        }
        tokio::select! {
            count = writer.write(&output[written..]), if written < output.len() => written += count?,
            count = reader.read(&mut chunk) => match count? {
                0 => return Ok(()),
                count => {
                    input.extend_from_slice(&chunk[..count]);
                    run(&mut input, shared, id);
                }
            },
            () = bell.rings() => {}
        }
    }
}

/// Runs every whole command at the front of `input`.
fn run(input: &mut Vec<u8>, shared: &Shared, id: usize) {
    let (mut at, mut board) = (0, shared.board());
    while board.sessions.get(&id).is_some_and(|(session, _)| !session.is_closing()) {
        let reason = match resp::parse(&input[at..]) {
            Ok(Parsed::Incomplete) => break,
            Ok(Parsed::Command { args, used }) => {
                board.command(id, &args, &shared.inbound);
                at += used;
                continue;
            }
            Ok(Parsed::Http) => None,
            Err(error) => Some(format!("Protocol error: {error}")),
        };
        if let Some((session, _)) = board.sessions.get_mut(&id) {
            match reason {
                Some(reason) => session.fail(&reason),
                None => session.close(),
            }
        }
    }
    input.drain(..at);
}
