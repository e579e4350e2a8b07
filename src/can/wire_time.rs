//! How long a frame holds the bus, for the load in percent. Classic frames to the bit, with the stuff bits of these bytes;
//! of FD frames the dynamic stuff bits are left out, at most a fifth.

use std::time::Duration;

use super::{CanId, Frame, FrameKind, Rates};

/// Acknowledgement with its delimiter, end of frame, and the pause before the next.
const TAIL: u32 = 1 + 2 + 7 + 3;

/// The time on the wire; `None`: the bit rate is not known, or it is no frame of the bus.
#[must_use]
pub fn wire_time(frame: &Frame, rates: Rates) -> Option<Duration> {
    let bitrate = rates.bitrate.filter(|rate| *rate > 0)?;
    let seconds = match frame.kind {
        FrameKind::Error => return None,
        FrameKind::Data | FrameKind::Remote => f64::from(classic_bits(frame)) / f64::from(bitrate),
        FrameKind::Fd { bit_rate_switch, .. } => {
            let fast = if bit_rate_switch { rates.data_bitrate.unwrap_or(bitrate) } else { bitrate };
            let (slow_bits, fast_bits) = fd_bits(frame);
            f64::from(slow_bits) / f64::from(bitrate) + f64::from(fast_bits) / f64::from(fast)
        }
    };
    Some(Duration::from_secs_f64(seconds))
}

/// Bits at the bit rate of the arbitration, and at that of the data.
fn fd_bits(frame: &Frame) -> (u32, u32) {
    let arbitration = if matches!(frame.id, CanId::Extended(_)) { 36 } else { 17 };
    let len = frame.bytes().len() as u32;
    // Error state, length, data, stuff count, checksum with its fixed stuff bits.
    let checksum = if len > 16 { 21 + 6 } else { 17 + 5 };
    (arbitration + TAIL, 1 + 4 + len * 8 + 4 + checksum)
}

fn classic_bits(frame: &Frame) -> u32 {
    let mut bits = Stuffed::default();
    let remote = frame.kind == FrameKind::Remote;
    bits.push(0, 1);
    match frame.id {
        // Identifier, remote request, two reserved bits.
        CanId::Standard(raw) => {
            bits.push(u32::from(raw), 11);
            bits.push(u32::from(remote), 1);
            bits.push(0, 2);
        }
        CanId::Extended(raw) => {
            bits.push(raw >> 18, 11);
            bits.push(0b11, 2);
            bits.push(raw & 0x3_FFFF, 18);
            bits.push(u32::from(remote), 1);
            bits.push(0, 2);
        }
    }
    bits.push(u32::from(frame.len_field()), 4);
    frame.bytes().iter().for_each(|byte| bits.push(u32::from(*byte), 8));
    bits.push(u32::from(bits.checksum), 15);
    bits.count + TAIL
}

/// Bits as they stand on the wire: after five alike, one that is not.
#[derive(Default)]
struct Stuffed {
    count: u32,
    last: u32,
    alike: u32,
    checksum: u16,
}

impl Stuffed {
    fn push(&mut self, value: u32, bits: u32) {
        for at in (0..bits).rev() {
            self.one(value >> at & 1);
        }
    }

    fn one(&mut self, bit: u32) {
        let carry = u32::from(self.checksum >> 14 & 1) ^ bit;
        self.checksum = (self.checksum << 1 ^ if carry == 1 { 0x4599 } else { 0 }) & 0x7FFF;
        self.count += 1;
        self.alike = if self.count > 1 && bit == self.last { self.alike + 1 } else { 1 };
        self.last = bit;
        if self.alike == 5 {
            self.count += 1;
            (self.last, self.alike) = (bit ^ 1, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::can::{BusId, parse_line};
    use crate::model::Timestamp;

    fn bits(text: &str) -> u32 {
        let line = format!("(1.000000) can0 {text}");
        classic_bits(&parse_line(&line).unwrap().unwrap().to_frame(Timestamp::default(), BusId(0)))
    }

    /// Counts of a script that divides the whole polynomial and stuffs a text of bits.
    #[test]
    fn a_frame_has_its_bits_and_those_stuffed_in() {
        for (text, count) in [
            ("014#01", 58),
            ("555#", 48),
            ("000#R", 50),
            ("15555555#", 68),
            ("000#0000000000000000", 127),
            ("1FFFFFFF#FFFFFFFFFFFFFFFF", 149),
            ("181#00F80000030C0000", 123),
            ("181#1122334455667788", 115),
        ] {
            assert_eq!(bits(text), count, "{text}");
        }
    }

    #[test]
    fn full_buses_carry_what_was_measured() {
        // 8,745 frames a second of 8 bytes at 1 Mbit/s: 114 bits each, of which 3 are stuffed in.
        let rates = Rates { bitrate: Some(1_000_000), data_bitrate: None };
        let line = parse_line("(1.000000) can0 181#1122334455667788").unwrap().unwrap();
        let time = wire_time(&line.to_frame(Timestamp::default(), BusId(0)), rates).unwrap();
        assert!((111..=120).contains(&time.as_micros()), "{time:?}");
    }
}
