//! One interface for as long as it is wanted: waits for it, opens it, reads and sends, and goes on when it goes down,
//! is removed and comes back. Others hear what came in and how the bus is; whoever sends puts frames into `Pending`.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::time::{sleep, timeout};

use super::line::{Gone, LOOK_EVERY, Line, errno};
use super::pending::Offer;
use super::socket::Socket;
use super::{BusCounts, BusState, Listener, Port};

/// The interface's own queue is full and does not say when it has room.
const RETRY: Duration = Duration::from_millis(2);
/// A frame is too late only when its time is over.
const LATE: Duration = Duration::from_millis(1);
/// Batches read before others have their turn.
const BATCHES: usize = 16;

/// Why commands wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blocked {
    /// Until the socket says that it has room.
    Socket,
    /// For a moment.
    Queue,
}

/// Serves an interface until the port is stopped.
pub async fn serve(port: Port, mut listener: impl Listener) {
    let mut line = Line::new(&port, &mut listener);
    while !port.is_stopped() {
        match Socket::open(&port.interface, &line.filter()).and_then(watched) {
            Ok(socket) => {
                line.open();
                line.attend(&socket).await;
                if port.is_stopped() {
                    break;
                }
                line.set(BusState::Absent);
            }
            Err(error) => line.not_opened(&error),
        }
        let _ = timeout(LOOK_EVERY, port.bell.rings()).await;
    }
    port.pending.set_open(false);
}

/// Serves a socket that is open already and carries frames as the kernel writes them, until its other end is closed or the
/// port is stopped: for tests and benchmarks, where there is no CAN.
///
/// # Errors
/// The socket cannot be waited for.
pub async fn serve_on(port: Port, socket: OwnedFd, mut listener: impl Listener) -> io::Result<()> {
    let mut line = Line::new(&port, &mut listener);
    let socket = watched(Socket::of(socket)?)?;
    line.open();
    line.attend(&socket).await;
    line.set(BusState::Absent);
    Ok(())
}

#[allow(
    deprecated,
    reason = "its successor is `unsafe`, forbidden here; a socket owns its descriptor, as that demands"
)]
fn watched(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    AsyncFd::with_interest(socket, Interest::READABLE | Interest::WRITABLE | Interest::ERROR)
}

impl<L: Listener> Line<'_, L> {
    /// Reads and sends until the interface is gone or the port is stopped.
    async fn attend(&mut self, socket: &AsyncFd<Socket>) {
        while !self.port.is_stopped() {
            if let Some(filter) = self.port.filters.pop() {
                self.filter = filter;
                // The old filter is as good as none for what is new: it is said where the state is said.
                let _ = socket.get_ref().set_filter(&self.filter);
            }
            let Ok(blocked) = self.send_all(socket) else { return };
            let now = self.listener.now().mono;
            let (interest, wait) = match blocked {
                Some(Blocked::Socket) => (Interest::READABLE | Interest::WRITABLE | Interest::ERROR, None),
                Some(Blocked::Queue) => (Interest::READABLE | Interest::ERROR, Some(RETRY)),
                None => (Interest::READABLE | Interest::ERROR, None),
            };
            // What is too late is thrown away in time, whether or not there is room.
            let too_late = blocked.and_then(|_| self.port.pending.next_deadline()).map(|at| at.since(now) + LATE);
            let wait = [wait, too_late].into_iter().flatten().fold(self.next_look.since(now), Duration::min);
            let ready = tokio::select! {
                ready = socket.ready(interest) => ready,
                () = self.port.bell.rings() => continue,
                () = sleep(wait) => {
                    if self.listener.now().mono >= self.next_look {
                        self.look();
                    }
                    continue;
                }
            };
            let Ok(mut guard) = ready else { return };
            let ready = guard.ready();
            if ready.is_error() {
                guard.clear_ready_matching(Ready::ERROR);
            }
            drop(guard);
            if ready.is_error() && self.heed(socket.get_ref().take_error()).is_err() {
                return;
            }
            if ready.is_readable() && self.read_all(socket).is_err() {
                return;
            }
        }
        // What came in before the word to stop.
        let _ = self.read_all(socket);
    }

    /// Reads what waits, though not for ever.
    fn read_all(&mut self, socket: &AsyncFd<Socket>) -> Result<(), Gone> {
        for _ in 0..BATCHES {
            let now = self.listener.now();
            let mut counts = BusCounts::default();
            let read = socket.try_io(Interest::READABLE, |socket| socket.read(|raw| self.take(&raw, now, &mut counts)));
            match read {
                Ok(_) => self.hand_on(counts),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stamps.emptied(now.mono);
                    break;
                }
                Err(error) => self.heed(Err(error))?,
            }
        }
        Ok(())
    }

    /// Sends what waits, until nothing does or there is no room.
    fn send_all(&mut self, socket: &AsyncFd<Socket>) -> Result<Option<Blocked>, Gone> {
        loop {
            let mut sent = Ok(());
            let now = self.listener.now().mono;
            let offered = self.port.pending.offer(now, |frame| {
                sent = socket.try_io(Interest::WRITABLE, |socket| socket.send(frame));
                what_became(&sent)
            });
            match offered {
                None => return Ok(None),
                Some(Offer::Sent) => self.count(|counts| counts.sent += 1),
                Some(Offer::Refused) => self.refuse(&sent),
                Some(Offer::Later) => {
                    let why = sent.as_ref().map_or_else(errno, |()| Errno::EAGAIN);
                    self.count(|counts| counts.no_room += u64::from(why == Errno::ENOBUFS));
                    self.heed(sent)?;
                    return Ok(Some(if why == Errno::EAGAIN { Blocked::Socket } else { Blocked::Queue }));
                }
            }
        }
    }

    fn refuse(&mut self, why: &io::Result<()>) {
        let first = self.port.watch.inner().1.refused == 0;
        self.count(|counts| counts.refused += 1);
        if let (true, Err(error)) = (first, why) {
            let interface = &self.port.interface;
            tracing::error!(%interface, "the interface refuses a command frame ({error}), as a classic bus does an FD frame; more are only counted");
        }
    }
}

fn what_became(sent: &io::Result<()>) -> Offer {
    match sent.as_ref().map_err(errno) {
        Ok(()) => Offer::Sent,
        Err(Errno::EINVAL | Errno::EMSGSIZE) => Offer::Refused,
        Err(_) => Offer::Later,
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
