//! Where the bits of a signal lie in a frame, in the two notations that the channel map knows.

use std::fmt;
use std::str::FromStr;

use super::half;

/// How the bits of a signal make a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A natural number.
    Unsigned,
    /// Two's complement.
    Signed,
    /// An IEEE 754 number of 16 bits.
    F16,
    /// An IEEE 754 number of 32 bits.
    F32,
    /// An IEEE 754 number of 64 bits.
    F64,
}

/// The bits of one signal. Bit `b` of a frame is bit `b % 8` (0 is the least) of byte `b / 8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// As on a DBC `SG_` line: the least significant bit if little-endian, the most significant if big-endian.
    pub start: u16,
    /// 1 to 64 bits.
    pub width: u8,
    /// Motorola order: the number goes on in the next byte's most significant bit.
    pub big_endian: bool,
    /// What number the bits are.
    pub kind: Kind,
}

impl Layout {
    /// All ones in the signal's width.
    #[must_use]
    pub fn mask(self) -> u64 {
        u64::MAX >> (64 - u32::from(self.width.clamp(1, 64)))
    }

    /// First bit when bits are counted in the order of the byte order, so that the signal is without gaps.
    fn first(self) -> usize {
        let start = usize::from(self.start);
        if self.big_endian { start / 8 * 8 + 7 - start % 8 } else { start }
    }

    /// How many bytes a frame must have to hold the signal.
    #[must_use]
    pub fn bytes_needed(self) -> usize {
        (self.first() + usize::from(self.width)).div_ceil(8)
    }

    /// First byte, bytes touched, and how far the number is shifted within them.
    fn window(self) -> (usize, usize, usize) {
        let (first, end) = (self.first(), self.first() + usize::from(self.width));
        let (from, to) = (first / 8, end.div_ceil(8));
        (from, to, if self.big_endian { to * 8 - end } else { first % 8 })
    }

    /// How far the number is to be shifted down in the frame's first eight bytes, read as one number in its byte order;
    /// only for a signal that ends within them.
    pub(super) fn shift_in_eight_bytes(self) -> u32 {
        let (first, end) = (self.first() as u32, self.first() as u32 + u32::from(self.width));
        if self.big_endian { 64_u32.saturating_sub(end) } else { first.min(63) }
    }

    /// The number that raw bits are.
    #[must_use]
    pub fn number(self, bits: u64) -> f64 {
        let unused = 64 - u32::from(self.width);
        match self.kind {
            Kind::Unsigned => bits as f64,
            Kind::Signed => (((bits << unused) as i64) >> unused) as f64,
            Kind::F16 => half::from_bits(bits as u16),
            Kind::F32 => f64::from(f32::from_bits(bits as u32)),
            Kind::F64 => f64::from_bits(bits),
        }
    }

    /// The whole number that raw bits are; of an IEEE number its bits.
    #[must_use]
    pub fn whole(self, bits: u64) -> i128 {
        match self.kind {
            Kind::Signed => i128::from(((bits << (64 - u32::from(self.width))) as i64) >> (64 - u32::from(self.width))),
            _ => i128::from(bits),
        }
    }

    /// Whether the bits are an IEEE number.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self.kind, Kind::F16 | Kind::F32 | Kind::F64)
    }

    /// Every bit of the frame that it takes, as bit `b % 8` of byte `b / 8`; in the order of its byte order.
    pub fn bits(self) -> impl Iterator<Item = usize> {
        let first = self.first();
        let place = move |at: usize| if self.big_endian { at / 8 * 8 + 7 - at % 8 } else { at };
        (first..first + usize::from(self.width)).map(place)
    }

    /// Whether both have a bit in common.
    #[must_use]
    pub fn overlaps(self, other: Layout) -> bool {
        let apart = |a: Layout, b: Layout| a.bytes_needed() <= b.window().0;
        !apart(self, other) && !apart(other, self) && self.bits().any(|bit| other.bits().any(|own| own == bit))
    }

    /// The same as a set: bit `b % 64` of number `b / 64`.
    #[must_use]
    pub fn bit_set(self) -> [u64; 8] {
        let mut set = [0; 8];
        for bit in self.bits().filter(|bit| *bit < 512) {
            set[bit / 64] |= 1 << (bit % 64);
        }
        set
    }

    /// The raw bits, right-aligned; `None` if the frame ends before the signal does.
    #[must_use]
    pub fn get(self, data: &[u8]) -> Option<u64> {
        let (from, to, shift) = self.window();
        if let (true, Some(bytes)) = (to <= 8, data.first_chunk::<8>()) {
            let all = if self.big_endian { u64::from_be_bytes(*bytes) } else { u64::from_le_bytes(*bytes) };
            return Some(all >> (self.shift_in_eight_bytes() & 63) & self.mask());
        }
        let join = |all: u128, byte: &u8| all << 8 | u128::from(*byte);
        let bytes = data.get(from..to)?;
        let all = if self.big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) };
        Some((all >> shift) as u64 & self.mask())
    }

    /// Writes the raw bits and leaves all others alone; `None` if the frame is too short, which then is unchanged.
    pub fn put(self, bits: u64, data: &mut [u8]) -> Option<()> {
        let (from, to, shift) = self.window();
        let bytes = data.get_mut(from..to)?;
        let (mask, bits) = (u128::from(self.mask()) << shift, u128::from(bits & self.mask()) << shift);
        let count = bytes.len();
        for (i, byte) in bytes.iter_mut().enumerate() {
            let at = 8 * if self.big_endian { count - 1 - i } else { i };
            *byte = *byte & !((mask >> at) as u8) | (bits >> at) as u8;
        }
        Some(())
    }

    /// Reads `byte` with `type` (`u8`, `i16be`, `f32le` …) and/or `bits` (`3`, `0..1`, both ends included, counted from
    /// the least significant bit of the typed number).
    ///
    /// # Errors
    /// Says what is wrong and what would be right, in one phrase.
    pub fn from_byte(byte: u8, kind: Option<&str>, bits: Option<&str>) -> Result<Layout, String> {
        let (number, bytes, big_endian) = match kind {
            Some(kind) => parse_type(kind)?,
            None if bits.is_some() => (Kind::Unsigned, 1, false),
            None => return Err("`byte` needs a `type` such as u16be, or `bits`".to_owned()),
        };
        let size = bytes * 8;
        let (low, high) = match bits {
            Some(text) => parse_bits(text, size)?,
            None => (0, size - 1),
        };
        if high - low + 1 != size && matches!(number, Kind::F16 | Kind::F32 | Kind::F64) {
            return Err("a float has no `bits`: it takes all of them".to_owned());
        }
        let base = u16::from(byte) * 8;
        let start = if big_endian {
            base + u16::from(bytes - 1 - high / 8) * 8 + u16::from(high % 8)
        } else {
            base + u16::from(low)
        };
        Ok(Layout { start, width: high - low + 1, big_endian, kind: number })
    }

    /// Makes a DBC layout an IEEE number, as `SIG_VALTYPE_` 1 and 2 do; `None` where no such number has its width.
    #[must_use]
    pub fn floating(self) -> Option<Layout> {
        let kind = match self.width {
            16 => Kind::F16,
            32 => Kind::F32,
            64 => Kind::F64,
            _ => return None,
        };
        Some(Layout { kind, ..self })
    }

    /// The same for the map's `type` beside `dbc`.
    ///
    /// # Errors
    /// The width is not that of the type.
    pub fn as_float(self, kind: &str) -> Result<Layout, String> {
        let (kind, width) = match kind {
            "f16" => (Kind::F16, 16),
            "f32" => (Kind::F32, 32),
            "f64" => (Kind::F64, 64),
            _ => return Err(format!("beside `dbc` the type can only be f16, f32 or f64, not '{kind}'")),
        };
        if self.width == width {
            Ok(Layout { kind, ..self })
        } else {
            Err(format!("the type needs {width} bits, but `dbc` gives {}", self.width))
        }
    }
}

/// The DBC text `start|length@order sign`: `23|16@0+` is 16 bits, big-endian, unsigned.
impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Layout, String> {
        let wrong =
            || format!("'{text}' is not start|length@order sign, such as 23|16@0+ (0 big-endian, 1 little-endian)");
        let (start, rest) = text.split_once('|').ok_or_else(wrong)?;
        let (width, order) = rest.split_once('@').ok_or_else(wrong)?;
        let (big_endian, kind) = match order.trim() {
            "0+" => (true, Kind::Unsigned),
            "0-" => (true, Kind::Signed),
            "1+" => (false, Kind::Unsigned),
            "1-" => (false, Kind::Signed),
            _ => return Err(wrong()),
        };
        let start: u16 = start.trim().parse().map_err(|_| wrong())?;
        let width: u8 = width.trim().parse().map_err(|_| wrong())?;
        if start > 511 {
            return Err(format!("start bit {start} is outside any frame: the last one is 511"));
        }
        if !(1..=64).contains(&width) {
            return Err(format!("{width} bits cannot be read: a signal has 1 to 64"));
        }
        Ok(Layout { start, width, big_endian, kind })
    }
}

/// The DBC notation of the bits, `23|16@0+`; an IEEE number says so behind it, as no `SG_` line does: `16|32@1- f32`.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = u8::from(!self.big_endian);
        let (sign, float) = match self.kind {
            Kind::Unsigned => ("+", ""),
            Kind::Signed => ("-", ""),
            Kind::F16 => ("-", " f16"),
            Kind::F32 => ("-", " f32"),
            Kind::F64 => ("-", " f64"),
        };
        write!(f, "{}|{}@{order}{sign}{float}", self.start, self.width)
    }
}

fn parse_type(text: &str) -> Result<(Kind, u8, bool), String> {
    let wrong = || {
        format!(
            "'{text}' is no type: write u8, i8, or one of u16 u24 u32 u64 i16 i24 i32 i64 f16 f32 f64 with be or le"
        )
    };
    let (head, order) = match (text.strip_suffix("be"), text.strip_suffix("le")) {
        (Some(head), _) => (head, Some(true)),
        (_, Some(head)) => (head, Some(false)),
        _ => (text, None),
    };
    let (kind, bytes) = match head {
        "u8" => (Kind::Unsigned, 1),
        "u16" => (Kind::Unsigned, 2),
        "u24" => (Kind::Unsigned, 3),
        "u32" => (Kind::Unsigned, 4),
        "u64" => (Kind::Unsigned, 8),
        "i8" => (Kind::Signed, 1),
        "i16" => (Kind::Signed, 2),
        "i24" => (Kind::Signed, 3),
        "i32" => (Kind::Signed, 4),
        "i64" => (Kind::Signed, 8),
        "f16" => (Kind::F16, 2),
        "f32" => (Kind::F32, 4),
        "f64" => (Kind::F64, 8),
        _ => return Err(wrong()),
    };
    match order {
        Some(big_endian) if bytes > 1 => Ok((kind, bytes, big_endian)),
        None if bytes == 1 => Ok((kind, 1, false)),
        None => Err(format!("'{text}' has no byte order: write {text}be or {text}le")),
        Some(_) => Err(format!("one byte has no order: write {head}")),
    }
}

fn parse_bits(text: &str, size: u8) -> Result<(u8, u8), String> {
    let wrong = || format!("'{text}' is no bit or range of bits: write 3 or 0..1, both ends included");
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let (low, high) = (low.trim().parse().map_err(|_| wrong())?, high.trim().parse().map_err(|_| wrong())?);
    match (low, high) {
        (low, high) if low > high => Err(format!("'{text}' runs backwards: the lower bit comes first")),
        (_, high) if high >= size => Err(format!("bit {high} is outside: the last of {size} bits is {}", size - 1)),
        both => Ok(both),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The frame's bits from the signal's least significant one, one step at a time, as the DBC format describes it.
    fn reference(layout: Layout) -> Vec<usize> {
        let mut at = usize::from(layout.start);
        let mut bits = vec![at];
        for _ in 1..layout.width {
            at = match (layout.big_endian, at % 8) {
                (true, 0) => at + 15,
                (true, _) => at - 1,
                (false, _) => at + 1,
            };
            bits.push(at);
        }
        if layout.big_endian {
            bits.reverse();
        }
        bits
    }

    proptest! {
        #[test]
        fn bits_are_where_the_slow_reference_finds_them(
            start in 0u16..512, width in 1u8..=64, big_endian: bool, bits: u64,
            data in proptest::collection::vec(any::<u8>(), 0..=64),
        ) {
            let layout = Layout { start, width, big_endian, kind: Kind::Unsigned };
            let places = reference(layout);
            let mut own: Vec<usize> = layout.bits().collect();
            if big_endian {
                own.reverse();
            }
            prop_assert_eq!(&own, &places);
            prop_assert_eq!(layout.to_string().parse(), Ok(layout));
            let fits = places.iter().all(|at| at / 8 < data.len());
            prop_assert_eq!(layout.bytes_needed() <= data.len(), fits);
            let slow = fits.then(|| places.iter().enumerate()
                .fold(0u64, |all, (i, at)| all | u64::from(data[at / 8] >> (at % 8) & 1) << i));
            prop_assert_eq!(layout.get(&data), slow);
            let (mut fast, mut want) = (data.clone(), data.clone());
            prop_assert_eq!(layout.put(bits, &mut fast).is_some(), fits);
            if fits {
                for (i, at) in places.iter().enumerate() {
                    want[at / 8] = want[at / 8] & !(1 << (at % 8)) | ((bits >> i & 1) as u8) << (at % 8);
                }
            }
            prop_assert_eq!(fast, want);
        }
    }

    #[test]
    fn both_notations_mean_the_same_bits() {
        let byte = |byte, kind, bits| Layout::from_byte(byte, kind, bits);
        assert_eq!(byte(2, Some("u16be"), None), "23|16@0+".parse());
        assert_eq!(byte(0, Some("i16le"), None), "0|16@1-".parse());
        assert_eq!(byte(6, None, Some("0..1")), "48|2@1+".parse());
        assert_eq!(byte(0, None, Some("3")), "3|1@1+".parse());
        assert_eq!(byte(0, Some("u16be"), Some("0..11")), "3|12@0+".parse());
        let float = "16|32@1-".parse::<Layout>().and_then(|layout| layout.as_float("f32"));
        assert_eq!(byte(2, Some("f32le"), None), float);
    }

    #[test]
    fn wrong_notations_are_refused() {
        for bad in ["", "7|16", "7|16@2+", "7|0@1+", "7|65@1+", "512|1@1+", "a|1@1+", "-1|1@1+"] {
            assert!(bad.parse::<Layout>().is_err(), "{bad}");
        }
        for (kind, bits) in [
            (None, None),
            (Some("u16"), None),
            (Some("u8be"), None),
            (Some("u12le"), None),
            (None, Some("8")),
            (None, Some("3..1")),
            (None, Some("x")),
            (Some("f32be"), Some("0..3")),
        ] {
            assert!(Layout::from_byte(0, kind, bits).is_err(), "{kind:?} {bits:?}");
        }
    }
}
