//! The log lines of `candump -l` and `candump -L`, read and written:
//! `(1735270496.916858) can0 181#00F8`. Pacing a recording by its stamps is `Replay`'s work.

use std::fmt::Write as _;
use std::io::{self, BufRead};
use std::ops::Range;

use super::{BusId, CanId, Frame, FrameKind};
use crate::model::{Timestamp, Utc};

/// Set in an eight-digit identifier: the line is an error frame.
const ERROR_FLAG: u32 = 0x2000_0000;
/// FD flags nibble. Bit 2 (the FD mark of newer kernels) is read and not needed, `##` says it already.
const FD_BIT_RATE_SWITCH: u8 = 1;
const FD_ERROR_STATE: u8 = 2;
/// Far over the longest line there is (64 bytes with separators are about 250): what is longer is not a log.
const MAX_LINE: usize = 1024;
/// UTF-8's, which Windows editors write.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Bad lines kept with their reason; the rest is only counted.
const MAX_BAD: usize = 100;

/// Which way a frame went, as `candump -x` notes it at the end of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `R`: from another node.
    Received,
    /// `T`: by the recording host itself.
    Transmitted,
}

/// One frame of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// The stamp, exact.
    pub utc: Utc,
    /// The interface it was recorded on, as in `can0`.
    pub interface: &'a str,
    /// The identifier; of an error frame, the error class bits, always as 29 bits.
    pub id: CanId,
    /// What it is.
    pub kind: FrameKind,
    /// Which way it went, if the log says so.
    pub direction: Option<Direction>,
    frame: Frame,
}

impl LogLine<'_> {
    /// The bytes; none for a remote request.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.frame.bytes()
    }

    /// The frame as if it came in at `at` on `bus`: a replay has its own clock and its own buses.
    #[must_use]
    pub fn to_frame(&self, at: Timestamp, bus: BusId) -> Frame {
        let mut frame = self.frame;
        (frame.at, frame.bus) = (at, bus);
        frame
    }
}

/// A line without its text, so that the reader can hold it while it fills its buffer.
struct Parsed {
    utc: Utc,
    interface: Range<usize>,
    direction: Option<Direction>,
    frame: Frame,
}

impl Parsed {
    fn with<'a>(&self, interface: &'a str) -> LogLine<'a> {
        let Parsed { utc, direction, frame, .. } = *self;
        LogLine { utc, interface, id: frame.id, kind: frame.kind, direction, frame }
    }
}

/// Reads one line. `None` for what is no frame: blank lines, `DROPCOUNT:`, anything that does not begin with `(`.
///
/// # Errors
/// The line begins with `(` and is broken; the text says what was expected.
pub fn parse_line(line: &str) -> Result<Option<LogLine<'_>>, String> {
    if !line.starts_with('(') {
        return Ok(None);
    }
    parse(line).map(|parsed| Some(parsed.with(&line[parsed.interface.clone()])))
}

fn parse(line: &str) -> Result<Parsed, String> {
    let (stamp, rest) = line.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or("expected `(seconds)`")?;
    let utc = parse_stamp(stamp)?;
    let mut words = rest.split_ascii_whitespace();
    let interface = words.next().ok_or("expected an interface after the stamp")?;
    let frame = words.next().ok_or("expected a frame after the interface")?;
    let direction = match words.next() {
        None => None,
        Some("R") => Some(Direction::Received),
        Some("T") => Some(Direction::Transmitted),
        Some(other) => return Err(format!("expected `R`, `T` or the end of the line, found `{other}`")),
    };
    if let Some(extra) = words.next() {
        return Err(format!("expected the end of the line, found `{extra}`"));
    }
    let after_stamp = stamp.len() + 2;
    let start = after_stamp + rest.len() - rest.trim_ascii_start().len();
    Ok(Parsed { utc, interface: start..start + interface.len(), direction, frame: parse_frame(frame)? })
}

/// In integers: an f64 holds the seconds of today only to a quarter of a microsecond.
fn parse_stamp(stamp: &str) -> Result<Utc, String> {
    let wrong = || format!("expected seconds with 6 or 9 decimals, found `{stamp}`");
    let (seconds, decimals) = stamp.split_once('.').ok_or_else(wrong)?;
    let scale = match decimals.len() {
        6 => 1_000,
        9 => 1,
        _ => return Err(wrong()),
    };
    let number =
        |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok()).flatten();
    let (seconds, decimals) = (number(seconds).ok_or_else(wrong)?, number(decimals).ok_or_else(wrong)?);
    let nanos = seconds.checked_mul(1_000_000_000).and_then(|n| n.checked_add(decimals * scale));
    nanos.map(Utc).ok_or_else(|| format!("stamp `{stamp}` is after the year 2262"))
}

/// Reads one frame without stamp and interface, `181#00F8`, as `cansend` takes it.
///
/// # Errors
/// It is broken; the text says what was expected.
pub fn read_frame(text: &str) -> Result<Frame, String> {
    parse_frame(text)
}

fn parse_frame(text: &str) -> Result<Frame, String> {
    let (id, body) = text.split_once('#').ok_or_else(|| format!("expected `id#data`, found `{text}`"))?;
    let (id, is_error) = parse_id(id)?;
    let (at, bus) = (Timestamp::default(), BusId::default());
    let (kind, digits) = if let Some(fd) = body.strip_prefix('#') {
        let flags = fd.bytes().next().and_then(nibble).ok_or("expected a flags digit after `##`")?;
        let (bit_rate_switch, error_state) = (flags & FD_BIT_RATE_SWITCH != 0, flags & FD_ERROR_STATE != 0);
        (FrameKind::Fd { bit_rate_switch, error_state }, &fd[1..])
    } else if let Some(len) = body.strip_prefix(['R', 'r']) {
        (FrameKind::Remote, len)
    } else {
        (if is_error { FrameKind::Error } else { FrameKind::Data }, body)
    };
    if is_error && kind != FrameKind::Error {
        return Err("an error frame is neither FD nor remote".into());
    }
    if kind == FrameKind::Remote {
        return Ok(Frame::remote(at, bus, id, parse_remote_len(digits)?));
    }
    // A classic frame of 8 bytes may carry a raw length code over 8 (`candump -8`), which changes no byte.
    let (digits, code) = digits.split_once('_').map_or((digits, None), |(digits, code)| (digits, Some(code)));
    let (bytes, len) = parse_data(digits)?;
    if let Some(code) = code
        && (matches!(kind, FrameKind::Fd { .. }) || len != 8 || !is_length_code(code))
    {
        return Err(format!("`_{code}`: expected a length code 9 to F, behind 8 bytes of a classic frame"));
    }
    Frame::of_kind(at, bus, id, kind, &bytes[..len]).ok_or_else(|| format!("{len} bytes in a classic frame, at most 8"))
}

fn parse_id(digits: &str) -> Result<(CanId, bool), String> {
    let wrong = || format!("expected an identifier of 3 or 8 hex digits, found `{digits}`");
    let raw = digits.bytes().try_fold(0_u64, |raw, b| Some((raw << 4 | u64::from(nibble(b)?)) & 0xFFFF_FFFF));
    let raw = raw.ok_or_else(wrong)? as u32;
    let (id, is_error) = match digits.len() {
        3 => (CanId::standard(raw), false),
        8 => (CanId::extended(raw & !ERROR_FLAG), raw & ERROR_FLAG != 0),
        _ => return Err(wrong()),
    };
    id.map(|id| (id, is_error)).ok_or_else(|| format!("identifier `{digits}` is out of range (7FF, 1FFFFFFF)"))
}

/// What follows `R`: nothing, a length 0 to 8, or 8 with a raw length code.
fn parse_remote_len(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [] => Ok(0),
        [len @ b'0'..=b'8'] => Ok(len - b'0'),
        [b'8', b'_', ..] if is_length_code(&text[2..]) => Ok(8),
        _ => Err(format!("expected a length 0 to 8 after `R`, found `{text}`")),
    }
}

fn is_length_code(code: &str) -> bool {
    matches!(code.as_bytes(), [code] if nibble(*code).is_some_and(|code| code > 8))
}

/// Pairs of hex digits, which a `.` may separate.
fn parse_data(digits: &str) -> Result<([u8; 64], usize), String> {
    let (mut bytes, mut len) = ([0; 64], 0);
    let mut rest = digits.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'.' && len > 0 && !tail.is_empty() {
            rest = tail;
            continue;
        }
        let [second, tail @ ..] = tail else { return Err(format!("half a byte at the end of `{digits}`")) };
        let (Some(high), Some(low)) = (nibble(*first), nibble(*second)) else {
            return Err(format!("expected pairs of hex digits, found `{digits}`"));
        };
        *bytes.get_mut(len).ok_or("more than 64 bytes")? = high << 4 | low;
        len += 1;
        rest = tail;
    }
    Ok((bytes, len))
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// A frame as `candump -l` writes it, without the line end; reading it back gives the same frame. The stamp has 6
/// decimals, 9 if it needs them; the format has nothing before 1970, which becomes 0. `interface` must be a word without
/// spaces, as the kernel demands.
#[must_use]
pub fn write_line(frame: &Frame, interface: &str, utc: Utc) -> String {
    let (seconds, nanos) = (utc.0.max(0) / 1_000_000_000, utc.0.max(0) % 1_000_000_000);
    let stamp = if nanos % 1_000 == 0 { format!("{:06}", nanos / 1_000) } else { format!("{nanos:09}") };
    let id = match (frame.kind, frame.id) {
        (FrameKind::Error, id) => format!("{:08X}", id.raw() | ERROR_FLAG),
        (_, CanId::Standard(raw)) => format!("{raw:03X}"),
        (_, CanId::Extended(raw)) => format!("{raw:08X}"),
    };
    let mut line = format!("({seconds:010}.{stamp}) {interface} {id}#");
    // Writing to a String cannot fail.
    let _ = match frame.kind {
        FrameKind::Remote if frame.len_field() == 0 => write!(line, "R"),
        FrameKind::Remote => write!(line, "R{}", frame.len_field()),
        FrameKind::Fd { bit_rate_switch, error_state } => {
            write!(line, "#{}", u8::from(bit_rate_switch) | u8::from(error_state) << 1)
        }
        FrameKind::Data | FrameKind::Error => Ok(()),
    };
    for byte in frame.bytes() {
        let _ = write!(line, "{byte:02X}");
    }
    line
}

/// Reads a log line by line into one buffer. Broken lines are counted and passed over: a recording of a night is worth
/// more than its torn line.
#[derive(Debug)]
pub struct LogReader<R> {
    input: R,
    buffer: Vec<u8>,
    too_long: bool,
    line_number: u64,
    bad: Vec<(u64, String)>,
    bad_total: u64,
    skipped: Vec<u64>,
    skipped_total: u64,
    dropped_by_kernel: u64,
}

impl<R: BufRead> LogReader<R> {
    /// Reads from `input`, whose first line is line 1.
    #[must_use]
    pub fn new(input: R) -> LogReader<R> {
        let buffer = Vec::with_capacity(MAX_LINE);
        LogReader {
            input,
            buffer,
            too_long: false,
            line_number: 0,
            bad: Vec::new(),
            bad_total: 0,
            skipped: Vec::new(),
            skipped_total: 0,
            dropped_by_kernel: 0,
        }
    }

    /// The next frame and the number of its line; `None` at the end.
    ///
    /// # Errors
    /// What the input gave; a broken line is no error, see [`LogReader::bad`].
    pub fn next_entry(&mut self) -> io::Result<Option<(u64, LogLine<'_>)>> {
        while self.fill()? {
            self.line_number += 1;
            // An editor's mark in front of the first line would hide a frame.
            if self.line_number == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..BYTE_ORDER_MARK.len());
            }
            if !self.buffer.starts_with(b"(") {
                self.note_other();
                continue;
            }
            let text = std::str::from_utf8(&self.buffer).map_err(|_| "not UTF-8".to_owned());
            let parsed = match text {
                _ if self.too_long => Err(format!("longer than {MAX_LINE} bytes")),
                text => text.and_then(parse),
            };
            match parsed {
                Ok(parsed) => {
                    let name = std::str::from_utf8(&self.buffer[parsed.interface.clone()]);
                    return Ok(Some((self.line_number, parsed.with(name.expect("the whole line is UTF-8")))));
                }
                Err(why) => self.note_bad(why),
            }
        }
        Ok(None)
    }

    /// The first hundred broken lines, with line number and reason.
    #[must_use]
    pub fn bad(&self) -> &[(u64, String)] {
        &self.bad
    }

    /// How many broken lines there were, kept or not.
    #[must_use]
    pub fn bad_total(&self) -> u64 {
        self.bad_total
    }

    /// The first hundred lines that are neither frames nor blank nor `DROPCOUNT:`.
    #[must_use]
    pub fn skipped(&self) -> &[u64] {
        &self.skipped
    }

    /// How many such lines there were, kept or not.
    #[must_use]
    pub fn skipped_total(&self) -> u64 {
        self.skipped_total
    }

    /// Frames the recording host lost, by the log's own `DROPCOUNT:` lines.
    #[must_use]
    pub fn dropped_by_kernel(&self) -> u64 {
        self.dropped_by_kernel
    }

    fn note_other(&mut self) {
        if self.buffer.starts_with(b"DROPCOUNT:") {
            self.dropped_by_kernel = self.dropped_by_kernel.saturating_add(drop_count(&self.buffer));
        } else if !self.buffer.iter().all(u8::is_ascii_whitespace) {
            self.skipped_total += 1;
            if self.skipped.len() < MAX_BAD {
                self.skipped.push(self.line_number);
            }
        }
    }

    fn note_bad(&mut self, why: String) {
        self.bad_total += 1;
        if self.bad.len() < MAX_BAD {
            self.bad.push((self.line_number, why));
        }
    }

    /// One line into the buffer, of an overlong one its beginning: a file without line ends must not fill the memory.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        self.too_long = false;
        let mut any = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = chunk.iter().position(|&b| b == b'\n');
            let (text, used) = end.map_or((chunk, chunk.len()), |end| (&chunk[..end], end + 1));
            let room = text.len().min(MAX_LINE - self.buffer.len());
            self.too_long |= room < text.len();
            self.buffer.extend_from_slice(&text[..room]);
            self.input.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// The number of `DROPCOUNT: dropped 3 CAN frames on 'can0' socket (total drops 7)`; at least the one it speaks of.
fn drop_count(line: &[u8]) -> u64 {
    let words = line.split(|b| b.is_ascii_whitespace()).filter_map(|word| std::str::from_utf8(word).ok());
    words.skip_while(|word| *word != "dropped").nth(1).and_then(|count| count.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
#[path = "candump_tests.rs"]
mod tests;
