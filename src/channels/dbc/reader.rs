//! A signal of a message made ready for reading: shift and mask are worked out once. It gives what [`Signal::exact`] gives,
//! or leaves it to that, which is slower and easier to read; a test holds the two together.

use crate::channels::codec::{Kind, Number, Signal};
use crate::channels::plan::Window;

/// Raw numbers of so many bits, times a scale up to [`MOST`], lose nothing in a float, nor in 64 bits.
const WIDEST: u8 = 32;
const MOST: f64 = (1_u64 << 20) as f64;

/// How a signal is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// It is in every frame of its message.
    pub(super) always: bool,
    big_endian: bool,
    /// Bytes that a frame must have.
    end: u8,
    shift: u8,
    mask: u64,
    /// The bit of the sign, 0 without one.
    sign: u64,
    way: Way,
}

/// From raw bits to the number.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Whole {
        scale: i64,
        offset: i64,
    },
    Float {
        scale: f64,
        offset: f64,
    },
    /// As the signal says.
    Long,
}

impl Reader {
    pub(super) fn new(signal: &Signal) -> Reader {
        let layout = signal.layout;
        let mask = layout.mask();
        Reader {
            always: signal.when.is_empty(),
            big_endian: layout.big_endian,
            end: u8::try_from(layout.bytes_needed()).unwrap_or(u8::MAX),
            shift: layout.shift_in_eight_bytes() as u8,
            mask,
            sign: if layout.kind == Kind::Signed { mask ^ (mask >> 1) } else { 0 },
            way: Way::of(signal),
        }
    }

    /// The raw bits and the number; `None`: this way does not lead there.
    #[inline]
    pub(super) fn read(&self, window: Window) -> Option<(u64, Number)> {
        if usize::from(self.end) > window.len {
            return None;
        }
        let bits = window.bits(self.big_endian, u32::from(self.shift), self.mask);
        let raw = (bits ^ self.sign).wrapping_sub(self.sign) as i64;
        let number = match self.way {
            Way::Whole { scale, offset } => Number::Int(i128::from(raw * scale + offset)),
            Way::Float { scale, offset } => Number::Float(raw as f64 * scale + offset),
            Way::Long => return None,
        };
        Some((bits, number))
    }
}

impl Way {
    fn of(signal: &Signal) -> Way {
        let Signal { layout, scale, offset, .. } = *signal;
        let short = !layout.is_float() && layout.width <= WIDEST && layout.bytes_needed() <= 8;
        let whole = |number: f64| number.fract() == 0.0;
        match (whole(scale), whole(offset)) {
            _ if !short || scale.abs() > MOST || offset.abs() > MOST => Way::Long,
            (true, true) => Way::Whole { scale: scale as i64, offset: offset as i64 },
            _ => Way::Float { scale, offset },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channels::codec::Layout;

    proptest! {
        #[test]
        fn it_reads_what_the_signal_says(
            data in proptest::collection::vec(any::<u8>(), 0..10), start in 0u16..70, width in 1u8..=40,
            big_endian: bool, signed: bool,
            scale in prop_oneof![Just(1.0), Just(0.1), (-300i32..300).prop_map(f64::from), -1e3..1e3f64],
            offset in prop_oneof![Just(0.0), (-9000i32..9000).prop_map(f64::from), -1e3..1e3f64],
        ) {
            let kind = if signed { Kind::Signed } else { Kind::Unsigned };
            let layout = Layout { start, width, big_endian, kind };
            let signal = Signal { scale, offset, ..Signal::new("x".into(), layout) };
            if let Some((bits, number)) = Reader::new(&signal).read(Window::of(&data)) {
                prop_assert_eq!(Some(bits), layout.get(&data));
                prop_assert_eq!(number, signal.exact(bits));
            } else {
                prop_assert!(layout.bytes_needed() > data.len().min(8) || width > WIDEST);
            }
        }
    }
}
