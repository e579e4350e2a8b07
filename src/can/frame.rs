//! One CAN frame, classic or FD.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::model::Timestamp;

/// A bus of the channel map, by its position there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BusId(pub u8);

/// An identifier of 11 or 29 bits; `0x181` and the 29-bit `0x00000181` are different identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CanId {
    /// 11 bits.
    Standard(u16),
    /// 29 bits.
    Extended(u32),
}

impl CanId {
    /// The 11-bit identifier, if `raw` fits.
    #[must_use]
    pub fn standard(raw: u32) -> Option<CanId> {
        (raw <= 0x7FF).then_some(CanId::Standard(raw as u16))
    }

    /// The 29-bit identifier, if `raw` fits.
    #[must_use]
    pub fn extended(raw: u32) -> Option<CanId> {
        (raw <= 0x1FFF_FFFF).then_some(CanId::Extended(raw))
    }

    /// The number alone.
    #[inline]
    #[must_use]
    pub fn raw(self) -> u32 {
        match self {
            CanId::Standard(raw) => u32::from(raw),
            CanId::Extended(raw) => raw,
        }
    }
}

/// As one number: every frame is looked up by it.
impl Hash for CanId {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.raw() | u32::from(matches!(self, CanId::Extended(_))) << 31);
    }
}

/// As users write it: `0x181`, `0x18FEF500` (29 bits: always eight digits).
impl fmt::Display for CanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CanId::Standard(raw) => write!(f, "0x{raw:03X}"),
            CanId::Extended(raw) => write!(f, "0x{raw:08X}"),
        }
    }
}

/// What a frame is, beside its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A classic data frame, up to 8 bytes.
    #[default]
    Data,
    /// A remote request: it has a length, and no bytes.
    Remote,
    /// The controller's report of an error on the bus.
    Error,
    /// A CAN FD frame, up to 64 bytes.
    Fd {
        /// The data phase ran at the higher bit rate.
        bit_rate_switch: bool,
        /// The sender is error-passive.
        error_state: bool,
    },
}

/// One frame as it stood on the bus.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// When it was received, or is to be sent.
    pub at: Timestamp,
    /// On which bus.
    pub bus: BusId,
    /// Its identifier.
    pub id: CanId,
    /// What it is.
    pub kind: FrameKind,
    len: u8,
    bytes: [u8; 64],
}

impl Frame {
    /// A data frame: classic up to 8 bytes, FD beyond. `None` over 64 bytes.
    #[must_use]
    pub fn data(at: Timestamp, bus: BusId, id: CanId, data: &[u8]) -> Option<Frame> {
        let fd = FrameKind::Fd { bit_rate_switch: false, error_state: false };
        Frame::of_kind(at, bus, id, if data.len() > 8 { fd } else { FrameKind::Data }, data)
    }

    /// A frame of any kind that carries bytes. `None` over 64 bytes, or over 8 if it is not FD. An error frame has no
    /// identifier but error class bits, which are always 29.
    #[must_use]
    pub fn of_kind(at: Timestamp, bus: BusId, id: CanId, kind: FrameKind, data: &[u8]) -> Option<Frame> {
        let most = if matches!(kind, FrameKind::Fd { .. }) { 64 } else { 8 };
        if data.len() > most {
            return None;
        }
        let id = if kind == FrameKind::Error { CanId::Extended(id.raw()) } else { id };
        let mut bytes = [0; 64];
        bytes[..data.len()].copy_from_slice(data);
        Some(Frame { at, bus, id, kind, len: data.len() as u8, bytes })
    }

    /// A remote request for `len` bytes (at most 8).
    #[must_use]
    pub fn remote(at: Timestamp, bus: BusId, id: CanId, len: u8) -> Frame {
        Frame { at, bus, id, kind: FrameKind::Remote, len: len.min(8), bytes: [0; 64] }
    }

    /// The bytes; none for a remote request.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        if self.kind == FrameKind::Remote { &[] } else { &self.bytes[..usize::from(self.len)] }
    }

    /// Whether it carries signals: a data frame, classic or FD.
    #[must_use]
    pub fn is_data(&self) -> bool {
        matches!(self.kind, FrameKind::Data | FrameKind::Fd { .. })
    }

    /// The length field: of a remote request, the length asked for.
    #[must_use]
    pub fn len_field(&self) -> u8 {
        self.len
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bus {} {:?} {:02X?}", self.id, self.bus.0, self.kind, self.bytes())
    }
}
