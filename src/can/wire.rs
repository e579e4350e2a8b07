//! A frame as the kernel writes it: `struct can_frame` in 16 bytes, `struct canfd_frame` in 72.

use super::{BusId, CanId, Frame, FrameKind};
use crate::model::Timestamp;

/// Bytes of a classic frame.
const CLASSIC: usize = 16;
/// Bytes of an FD frame, the longer of the two.
pub(super) const LONGEST: usize = 72;
/// Set in the identifier word: 29 bits.
pub(super) const EXTENDED: u32 = 0x8000_0000;
/// Set in the identifier word: a remote request.
pub(super) const REMOTE: u32 = 0x4000_0000;
/// Set in the identifier word: the controller's report of an error.
const ERROR: u32 = 0x2000_0000;
const BIT_RATE_SWITCH: u8 = 1;
const ERROR_STATE: u8 = 2;
const FD: u8 = 4;

/// The frame in `bytes`; `None` if they are neither of the two.
pub(super) fn read(bytes: &[u8], at: Timestamp, bus: BusId) -> Option<Frame> {
    let fd = match bytes.len() {
        CLASSIC => false,
        LONGEST => true,
        _ => return None,
    };
    let word = u32::from_ne_bytes(bytes[..4].try_into().ok()?);
    let (len, flags) = (bytes[4], bytes[5]);
    let id = match word & EXTENDED {
        0 => CanId::standard(word & 0x7FF),
        _ => CanId::extended(word & 0x1FFF_FFFF),
    };
    let kind = match (fd, word & ERROR != 0, word & REMOTE != 0) {
        (false, true, _) => {
            return Frame::of_kind(at, bus, CanId::extended(word & 0x1FFF_FFFF)?, FrameKind::Error, &bytes[8..16]);
        }
        (false, false, true) => return Some(Frame::remote(at, bus, id?, len)),
        (false, false, false) => FrameKind::Data,
        (true, ..) => {
            FrameKind::Fd { bit_rate_switch: flags & BIT_RATE_SWITCH != 0, error_state: flags & ERROR_STATE != 0 }
        }
    };
    Frame::of_kind(at, bus, id?, kind, bytes[8..].get(..usize::from(len))?)
}

/// Writes `frame` into `out` and gives the bytes that the kernel wants.
pub(super) fn write<'a>(frame: &Frame, out: &'a mut [u8; LONGEST]) -> &'a [u8] {
    *out = [0; LONGEST];
    let extended = if matches!(frame.id, CanId::Extended(_)) { EXTENDED } else { 0 };
    let (word, flags, size) = match frame.kind {
        FrameKind::Data => (extended, 0, CLASSIC),
        FrameKind::Remote => (extended | REMOTE, 0, CLASSIC),
        FrameKind::Error => (ERROR, 0, CLASSIC),
        FrameKind::Fd { bit_rate_switch, error_state } => {
            let flag = |set: bool, flag: u8| if set { flag } else { 0 };
            (extended, FD | flag(bit_rate_switch, BIT_RATE_SWITCH) | flag(error_state, ERROR_STATE), LONGEST)
        }
    };
    out[..4].copy_from_slice(&(word | frame.id.raw()).to_ne_bytes());
    (out[4], out[5]) = (frame.len_field(), flags);
    out[8..8 + frame.bytes().len()].copy_from_slice(frame.bytes());
    &out[..size]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::can::parse_line;

    #[test]
    fn every_kind_of_frame_goes_there_and_back() {
        for text in [
            "181#00F8",
            "181#",
            "18FEF500#0102030405060708",
            "00000181#FF",
            "7FF#R",
            "1FFFFFFF#R8",
            "123##0",
            "123##3AABB",
            "18FEF500##10102030405060708090A0B0C",
            "20000040#0000000000000000",
            "20000004#0020000000000000",
        ] {
            let line = format!("(1.000000) can0 {text}");
            let line = parse_line(&line).unwrap().unwrap();
            let frame = line.to_frame(Timestamp::default(), BusId(3));
            let mut bytes = [0; LONGEST];
            let bytes = write(&frame, &mut bytes);
            assert_eq!(read(bytes, Timestamp::default(), BusId(3)), Some(frame), "{text}");
        }
    }

    #[test]
    fn what_is_no_frame_is_none() {
        for bytes in [
            vec![0; 15],
            vec![0; 17],
            vec![0; 71],
            [vec![0; 4], vec![9], vec![0; 11]].concat(),
            [vec![0; 4], vec![65], vec![0; 67]].concat(),
        ] {
            assert_eq!(read(&bytes, Timestamp::default(), BusId(0)), None);
        }
    }
}
