//! One interface for as long as it is wanted: waits for it, opens it, reads and sends, and goes on when it goes down,
//! is removed and comes back. Others hear what came in and how the bus is; whoever sends puts frames into `Pending`.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};
use tokio::time::{sleep, timeout};

use super::health::{Facts, health, read_error};
use super::link::look;
use super::pending::Offer;
use super::socket::{Raw, Socket};
use super::stamp::Stamps;
use super::{BusCounts, BusState, Filter, Frame, FrameKind, Listener, Port, wire};
use crate::model::{Mono, Timestamp};

/// How often an interface that cannot be used is looked at, and one in trouble.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often an interface that is well is looked at, for what no event tells.
const GLANCE_EVERY: Duration = Duration::from_secs(10);
/// Error frames come by the thousand; the kernel is asked no more often than this.
const LOOK_REST: Duration = Duration::from_millis(20);
/// A bus that wavers between good and bad is told of no more often than this.
const WAVER_EVERY: Duration = Duration::from_secs(1);
/// Losses are told again after this long.
const LOSSES_EVERY: Duration = Duration::from_secs(10);
/// The interface's own queue is full and does not say when it has room.
const RETRY: Duration = Duration::from_millis(2);
/// Batches read before others have their turn.
const BATCHES: usize = 16;

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

#[allow(
    deprecated,
    reason = "its successor is `unsafe`, forbidden here; a socket owns its descriptor, as that demands"
)]
fn watched(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    AsyncFd::with_interest(socket, Interest::READABLE | Interest::WRITABLE | Interest::ERROR)
}

/// What is known of the interface, and who is told.
struct Line<'a, L> {
    port: &'a Port,
    listener: &'a mut L,
    filter: Filter,
    stamps: Stamps,
    /// Drops of the present socket that are accounted for.
    dropped: u32,
    state: BusState,
    facts: Facts,
    /// What error frames say of the state, until the kernel is asked.
    hearsay: Option<BusState>,
    looked: Mono,
    next_look: Mono,
    /// What was told last, and when; `None`: nothing yet.
    told: Option<(Told, Mono)>,
    /// Frames of the last call.
    frames: Vec<Frame>,
    /// Why commands wait.
    blocked: Option<Blocked>,
    /// The interface cannot be opened for a reason that it was not told yet.
    refused: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    state: BusState,
    facts: Facts,
    lost: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Blocked {
    /// Until the socket says that it has room.
    Socket,
    /// For a moment.
    Queue,
}

/// The interface is no more.
struct Gone;

impl<'a, L: Listener> Line<'a, L> {
    fn new(port: &'a Port, listener: &'a mut L) -> Line<'a, L> {
        let now = listener.now().mono;
        Line {
            port,
            listener,
            filter: Filter::All,
            stamps: Stamps::new(now),
            dropped: 0,
            state: BusState::Absent,
            facts: Facts::default(),
            hearsay: None,
            looked: now,
            next_look: now,
            told: None,
            frames: Vec::new(),
            blocked: None,
            refused: None,
        }
    }

    fn filter(&mut self) -> Filter {
        if let Some(filter) = self.port.filters.pop() {
            self.filter = filter;
        }
        self.filter.clone()
    }

    fn open(&mut self) {
        self.count(|counts| counts.opened += 1);
        self.stamps = Stamps::new(self.listener.now().mono);
        (self.dropped, self.facts, self.hearsay, self.refused) = (0, Facts::default(), None, None);
        self.look();
    }

    fn not_opened(&mut self, error: &io::Error) {
        // ENODEV: there is no such interface.
        if errno(error) != Errno::ENODEV {
            self.refused = Some(error.to_string());
        }
        self.set(BusState::Absent);
    }

    /// Reads and sends until the interface is gone or the port is stopped.
    async fn attend(&mut self, socket: &AsyncFd<Socket>) {
        while !self.port.is_stopped() {
            if let Some(filter) = self.port.filters.pop() {
                self.filter = filter;
                // The old filter is as good as none for what is new: it is said where the state is said.
                let _ = socket.get_ref().set_filter(&self.filter);
            }
            let Ok(()) = self.send_all(socket) else { return };
            let now = self.listener.now().mono;
            let (interest, wait) = match self.blocked {
                Some(Blocked::Socket) => (Interest::READABLE | Interest::WRITABLE | Interest::ERROR, None),
                Some(Blocked::Queue) => (Interest::READABLE | Interest::ERROR, Some(RETRY)),
                None => (Interest::READABLE | Interest::ERROR, None),
            };
            let wait = self.next_look.since(now).min(wait.unwrap_or(Duration::MAX));
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

    /// One frame of a call.
    fn take(&mut self, raw: &Raw<'_>, now: Timestamp, counts: &mut BusCounts) {
        if let Some(dropped) = raw.dropped {
            counts.lost += u64::from(dropped.wrapping_sub(self.dropped));
            self.dropped = dropped;
        }
        let at = self.stamps.at(raw.stamp, now);
        let Some(frame) = wire::read(raw.bytes, at, self.port.bus) else {
            counts.malformed += 1;
            return;
        };
        if frame.kind == FrameKind::Error {
            counts.error_frames += 1;
            let report = read_error(&frame);
            counts.overruns += u64::from(report.overrun);
            self.facts.unheard |= report.unheard;
            self.hearsay = report.state.or(self.hearsay);
        } else {
            counts.received += 1;
            self.facts.unheard = false;
            if matches!(self.state, BusState::Down | BusState::BusOff) && self.hearsay.is_none() {
                // Whoever hears others is on the bus.
                self.hearsay = Some(BusState::Up);
            }
        }
        self.frames.push(frame);
    }

    fn hand_on(&mut self, new: BusCounts) {
        self.count(|counts| {
            counts.received += new.received;
            counts.error_frames += new.error_frames;
            counts.lost += new.lost;
            counts.overruns += new.overruns;
            counts.malformed += new.malformed;
        });
        self.listener.frames(&mut self.frames);
        self.frames.clear();
        if self.hearsay.is_some_and(|state| state != self.state) {
            if self.listener.now().mono.since(self.looked) >= LOOK_REST {
                self.look();
            } else {
                self.next_look = self.next_look.min(self.looked + LOOK_REST);
            }
        }
        if new.lost > 0 {
            self.tell();
        }
    }

    /// Sends what waits, until nothing does or there is no room.
    fn send_all(&mut self, socket: &AsyncFd<Socket>) -> Result<(), Gone> {
        self.blocked = None;
        while self.blocked.is_none() {
            let mut failed = Ok(());
            let now = self.listener.now().mono;
            let offered = self.port.pending.offer(now, |frame| {
                let sent = socket.try_io(Interest::WRITABLE, |socket| socket.send(frame));
                let (offer, blocked) = what_became(&sent);
                (self.blocked, failed) = (blocked, sent);
                offer
            });
            match offered {
                None => break,
                Some(Offer::Sent) => self.count(|counts| counts.sent += 1),
                Some(Offer::Later) => self.heed(failed)?,
                Some(Offer::Refused) => self.refuse(&failed),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, why: &io::Result<()>) {
        let first = self.port.watch.inner().1.refused == 0;
        self.count(|counts| counts.refused += 1);
        if let (true, Err(error)) = (first, why) {
            let interface = &self.port.interface;
            tracing::error!(%interface, "the interface refuses a command frame ({error}), as a classic bus does an FD frame; more are only counted");
        }
    }

    /// Heeds what the socket says went wrong.
    fn heed(&mut self, result: io::Result<()>) -> Result<(), Gone> {
        let Err(error) = result else { return Ok(()) };
        match errno(&error) {
            Errno::ENODEV | Errno::ENXIO => return Err(Gone),
            Errno::ENETDOWN => self.set(BusState::Down),
            Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS => {}
            _ => self.look(),
        }
        Ok(())
    }

    /// Asks the kernel how the interface is. Where it does not know, error frames are believed.
    fn look(&mut self) {
        let seen = look(&self.port.interface);
        self.looked = self.listener.now().mono;
        let said = self.hearsay.take();
        self.facts.hearsay = seen.state.is_none();
        self.facts.rates = seen.rates;
        self.facts.restart_ms = seen.restart_ms;
        let state = match (seen.up, seen.state) {
            (Some(false), _) => BusState::Down,
            (_, Some(state)) => state,
            (Some(true), None) if !self.state.is_usable() => BusState::Up,
            // A kernel that answers no question, as in a sandbox: it is open, and errors are said by the socket.
            (None, None) if self.state == BusState::Absent => BusState::Up,
            (_, None) => said.unwrap_or(self.state),
        };
        self.set(state);
    }

    fn set(&mut self, state: BusState) {
        let every = if state == BusState::Up { GLANCE_EVERY } else { LOOK_EVERY };
        self.next_look = self.listener.now().mono + every;
        self.state = state;
        // What only an error frame says may be wrong: then commands are still tried.
        let open = state.is_usable() && (state != BusState::BusOff || self.facts.hearsay);
        if self.port.pending.is_open() != open {
            self.port.pending.set_open(open);
        }
        self.tell();
    }

    fn tell(&mut self) {
        let mut inner = self.port.watch.inner();
        let told = Told { state: self.state, facts: self.facts, lost: inner.1.lost };
        let now = self.listener.now().mono;
        if let Some((before, at)) = self.told {
            let same = before.state == told.state && before.facts.rates == told.facts.rates;
            if same && (before.lost == told.lost || now.since(at) < LOSSES_EVERY) {
                return;
            }
            let wavers = [before.state, told.state].iter().all(|state| state.is_usable() && *state != BusState::BusOff);
            if wavers && !same && now.since(at) < WAVER_EVERY {
                self.next_look = self.next_look.min(at + WAVER_EVERY);
                return;
            }
        }
        let mut health = health(&self.port.interface, self.state, self.facts, self.port.rates);
        if let (BusState::Absent, Some(why)) = (self.state, &self.refused) {
            health.reason = Some(format!("the interface {} cannot be opened: {why}", self.port.interface));
        }
        inner.0 = health.clone();
        let counts = inner.1;
        drop(inner);
        self.told = Some((told, now));
        self.listener.health(&health, counts);
    }

    fn count(&self, change: impl FnOnce(&mut BusCounts)) {
        change(&mut self.port.watch.inner().1);
    }
}

fn what_became(sent: &io::Result<()>) -> (Offer, Option<Blocked>) {
    let Err(error) = sent else { return (Offer::Sent, None) };
    match errno(error) {
        Errno::EAGAIN => (Offer::Later, Some(Blocked::Socket)),
        Errno::EINVAL | Errno::EMSGSIZE => (Offer::Refused, None),
        _ => (Offer::Later, Some(Blocked::Queue)),
    }
}

/// Of tokio's own "not ready" too, which has no number.
fn errno(error: &io::Error) -> Errno {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number),
        None if error.kind() == io::ErrorKind::WouldBlock => Errno::EAGAIN,
        None => Errno::UnknownErrno,
    }
}
