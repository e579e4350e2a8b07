//! The embedded RESP endpoint: pub/sub for other processes where no Redis is set. `session` and `board` are pure; this
//! file is the thin shell of sockets around them. It is never more than that: whoever needs more sets `redis.url`. It
//! asks for no password, and takes any: it is for this machine's loopback address.

mod board;
mod reply;
mod session;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::JoinHandle;

use super::resp;
use crate::model::{Doorbell, Name, Queue};
use board::Board;

pub use board::{CLIENTS, EndpointCounts};
pub use session::{Effect, OUTPUT_LIMIT, Session, View};

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

    /// Hands an own message to every matching subscription and says how many there were. Never blocks on a client.
    /// What a client publishes has reached the others when it comes out of the queue: it MUST NOT be published again.
    pub fn publish(&self, channel: &str, payload: &[u8]) -> usize {
        self.shared.board().publish(channel.as_bytes(), payload)
    }

    /// Clients, messages, and what was refused.
    #[must_use]
    pub fn counts(&self) -> EndpointCounts {
        self.shared.board().counts()
    }

    /// Sets a field of the hash `growctl:last`, or takes it out.
    pub fn set_last(&self, field: &str, value: Option<&[u8]>) {
        self.shared.board().set_last(field, value);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.listener.abort();
        self.shared.board().close();
    }
}

async fn listen(socket: TcpListener, shared: Arc<Shared>) {
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                let bell = Doorbell::new();
                let joined = shared.board().join(peer, bell.clone());
                match joined {
                    Some(id) => drop(tokio::spawn(connection(stream, shared.clone(), id, bell))),
                    // Whoever cannot take one line at once gets none.
                    None => drop(stream.try_write(b"-ERR max number of clients reached\r\n")),
                }
            }
            // Out of descriptors: the pending connection stays, so that trying at once would spin.
            Err(error) => {
                tracing::warn!(%error, "endpoint cannot accept a connection, trying again");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(mut stream: TcpStream, shared: Arc<Shared>, id: usize, bell: Arc<Doorbell>) {
    if let Err(error) = serve(&mut stream, &shared, id, &bell).await {
        tracing::debug!(id, %error, "endpoint client is gone");
    }
    shared.board().leave(id);
}

/// Reads and writes side by side: a client that stops reading still has its backlog counted against the limit.
async fn serve(stream: &mut TcpStream, shared: &Shared, id: usize, bell: &Doorbell) -> std::io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let (mut input, mut output, mut written, mut fresh) = (Vec::new(), Vec::new(), 0, 0);
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let closing = {
            let mut board = shared.board();
            let Some(session) = board.session(id) else { return Ok(()) };
            session.written(std::mem::take(&mut fresh));
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
            count = writer.write(&output[written..]), if written < output.len() => {
                fresh = count?;
                written += fresh;
            }
            count = reader.read(&mut chunk) => match count? {
                0 => return Ok(()),
                count => {
                    input.extend_from_slice(&chunk[..count]);
                    shared.board().run(id, &mut input, &shared.inbound);
                }
            },
            () = bell.rings() => {}
        }
    }
}
