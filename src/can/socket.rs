//! One SocketCAN socket: opened so that nothing is lost in silence, read many frames a call with the kernel's stamps and
//! drop counts. It neither waits nor decides; `serve` does.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce, ReceiveTimestampns, RxqOvfl, SndBuf, SocketError};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, MultiHeaders, getsockopt, recvmmsg, setsockopt};
use socketcan::{CanFdSocket, Socket as _, SocketOptions as _};

use super::wire::{self, LONGEST};
use super::{Filter, Frame};
use crate::model::Utc;

/// Frames in one call.
const BATCH: usize = 64;
/// Asked for; the kernel gives what `net.core.rmem_max` allows. About 10,000 frames.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The kernel raises it to its least: full after a few frames, so that commands wait here, where newer ones replace them.
const SEND_BUFFER: usize = 1;
/// Error classes asked for: all.
const ALL_ERRORS: u32 = 0x1FFF_FFFF;

/// What one call read.
pub(super) struct Raw<'a> {
    /// The bytes of a frame.
    pub(super) bytes: &'a [u8],
    /// When the kernel had it.
    pub(super) stamp: Option<Utc>,
    /// Frames that the kernel dropped so far, of 32 bits.
    pub(super) dropped: Option<u32>,
}

/// An open, bound socket.
#[derive(Debug)]
pub(super) struct Socket(CanFdSocket);

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Socket {
    /// Opens the interface of that name; classic and FD frames, none of its own.
    pub(super) fn open(interface: &str, filter: &Filter) -> io::Result<Socket> {
        let socket = Socket(CanFdSocket::open(interface)?);
        socket.0.set_nonblocking(true)?;
        socket.0.set_recv_own_msgs(false)?;
        socket.0.set_error_filter(ALL_ERRORS)?;
        setsockopt(&socket.0, ReceiveTimestampns, &true)?;
        setsockopt(&socket.0, RxqOvfl, &1)?;
        setsockopt(&socket.0, SndBuf, &SEND_BUFFER)?;
        // Beyond the system's limit only for who may; anybody else gets what there is.
        if setsockopt(&socket.0, RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(&socket.0, RcvBuf, &RECEIVE_BUFFER)?;
        }
        socket.set_filter(filter)?;
        Ok(socket)
    }

    /// A socket that carries frames as the kernel writes them and is no SocketCAN socket: for tests and benchmarks.
    pub(super) fn of(fd: OwnedFd) -> io::Result<Socket> {
        let socket = Socket(CanFdSocket::from(fd));
        socket.0.set_nonblocking(true)?;
        Ok(socket)
    }

    /// From now on only these identifiers come in.
    pub(super) fn set_filter(&self, filter: &Filter) -> io::Result<()> {
        match filter.words() {
            None => self.0.set_filter_accept_all(),
            Some(words) => self.0.set_filters(&words),
        }
    }

    /// Reads what waits, at most `BATCH` frames, and says how many there were.
    pub(super) fn read(&self, mut each: impl FnMut(Raw<'_>)) -> io::Result<usize> {
        let mut buffers = [[0_u8; LONGEST]; BATCH];
        let mut slices = buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        // Made anew for each call: nix leaves in them how much control data the last call brought, and the drop count, which
        // comes only after the first drop, would then find no room.
        let mut headers = MultiHeaders::<()>::preallocate(BATCH, Some(nix::cmsg_space!(nix::libc::timespec, u32)));
        let messages = recvmmsg(self.as_raw_fd(), &mut headers, &mut slices, MsgFlags::MSG_DONTWAIT, None)?;
        let mut count = 0;
        for message in messages {
            if message.bytes == 0 {
                // No frame is empty: the other end of a pair is closed.
                return Err(io::Error::from_raw_os_error(nix::libc::ENODEV));
            }
            count += 1;
            let mut raw = Raw { bytes: message.iovs().next().unwrap_or(&[]), stamp: None, dropped: None };
            for control in message.cmsgs().into_iter().flatten() {
                match control {
                    ControlMessageOwned::ScmTimestampns(time) => {
                        raw.stamp = Some(Utc(time.tv_sec() * 1_000_000_000 + time.tv_nsec()));
                    }
                    ControlMessageOwned::RxqOvfl(dropped) => raw.dropped = Some(dropped),
                    _ => {}
                }
            }
            each(raw);
        }
        Ok(count)
    }

    /// Sends a frame, or says why not; `WouldBlock` if there is no room.
    pub(super) fn send(&self, frame: &Frame) -> io::Result<()> {
        let mut bytes = [0; LONGEST];
        self.0.as_raw_socket().send(wire::write(frame, &mut bytes)).map(|_| ())
    }

    /// What happened to the interface since the last look; each thing is said once.
    pub(super) fn take_error(&self) -> io::Result<()> {
        match getsockopt(&self.0, SocketError)? {
            0 => Ok(()),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}
