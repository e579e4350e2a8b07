//! What is known of one interface while it is served: its state and account, and who is told of them and when.

use std::io;
use std::time::Duration;

use nix::errno::Errno;

use super::health::{Facts, health, read_error};
use super::link::look;
use super::socket::Raw;
use super::stamp::Stamps;
use super::{BusCounts, BusState, Filter, Frame, FrameKind, Listener, Port, wire};
use crate::model::{Mono, Timestamp};

/// How often an interface that cannot be used is looked at, and one in trouble.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often an interface that is well is looked at, for what no event tells.
const GLANCE_EVERY: Duration = Duration::from_secs(10);
/// Error frames come by the thousand; the kernel is asked no more often than this.
const LOOK_REST: Duration = Duration::from_millis(20);
/// A bus that wavers between good and bad is told of no more often than this.
const WAVER_EVERY: Duration = Duration::from_secs(1);
/// Losses are told again after this long.
const LOSSES_EVERY: Duration = Duration::from_secs(10);

/// What is known of the interface, and who is told.
pub(super) struct Line<'a, L> {
    pub(super) port: &'a Port,
    pub(super) listener: &'a mut L,
    pub(super) filter: Filter,
    pub(super) stamps: Stamps,
    /// Drops of the present socket that are accounted for.
    dropped: u32,
    state: BusState,
    facts: Facts,
    /// What error frames say of the state, until the kernel is asked.
    hearsay: Option<BusState>,
    looked: Mono,
    /// When the kernel is asked next.
    pub(super) next_look: Mono,
    /// What was told last, and when; `None`: nothing yet.
    told: Option<(Told, Mono)>,
    /// Frames of the last call.
    frames: Vec<Frame>,
    /// The interface cannot be opened for a reason that it was not told yet.
    refused: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    state: BusState,
    facts: Facts,
    lost: u64,
}

/// The interface is no more.
pub(super) struct Gone;

impl<'a, L: Listener> Line<'a, L> {
    pub(super) fn new(port: &'a Port, listener: &'a mut L) -> Line<'a, L> {
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
            refused: None,
        }
    }

    pub(super) fn filter(&mut self) -> Filter {
        if let Some(filter) = self.port.filters.pop() {
            self.filter = filter;
        }
        self.filter.clone()
    }

    pub(super) fn open(&mut self) {
        self.count(|counts| counts.opened += 1);
        self.stamps = Stamps::new(self.listener.now().mono);
        (self.dropped, self.facts, self.hearsay, self.refused) = (0, Facts::default(), None, None);
        self.look();
    }

    pub(super) fn not_opened(&mut self, error: &io::Error) {
        // ENODEV: there is no such interface.
        if errno(error) != Errno::ENODEV {
            self.refused = Some(error.to_string());
        }
        self.set(BusState::Absent);
    }

    /// One frame of a call.
    pub(super) fn take(&mut self, raw: &Raw<'_>, now: Timestamp, counts: &mut BusCounts) {
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

    pub(super) fn hand_on(&mut self, new: BusCounts) {
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
        let counts = self.port.watch.inner().1;
        if self.told.is_some_and(|(told, _)| told.lost != counts.lost + counts.dropped) {
            self.tell();
        }
    }

    /// Heeds what the socket says went wrong.
    pub(super) fn heed(&mut self, result: io::Result<()>) -> Result<(), Gone> {
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
    pub(super) fn look(&mut self) {
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

    pub(super) fn set(&mut self, state: BusState) {
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
        let told = Told { state: self.state, facts: self.facts, lost: inner.1.lost + inner.1.dropped };
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

    pub(super) fn count(&self, change: impl FnOnce(&mut BusCounts)) {
        change(&mut self.port.watch.inner().1);
    }
}

/// Of tokio's own "not ready" too, which has no number.
pub(super) fn errno(error: &io::Error) -> Errno {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number),
        None if error.kind() == io::ErrorKind::WouldBlock => Errno::EAGAIN,
        None => Errno::UnknownErrno,
    }
}
