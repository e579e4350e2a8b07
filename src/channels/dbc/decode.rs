//! What a frame says by a DBC file alone: every signal as a number, unrounded, without the limits of a channel map.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::channels::codec::{Number, Signal};
use crate::channels::plan::Window;
use crate::model::Quality;

use super::Message;

/// A frame, decoded. As JSON: `frame`, `signals` (numbers), `named` (the texts of those that have one), `quality` (why a
/// signal is missing, or `null`).
#[derive(Debug)]
pub struct Decoded<'a> {
    message: &'a Message,
    values: Vec<(&'a Signal, Value)>,
}

/// What became of one signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Its number, and the raw bits that it was made of.
    Number(Number, u64),
    /// There is none: the frame ends before it does, or its bits are no number.
    Bad(Quality),
}

impl Message {
    /// Decodes a frame: the signals that its multiplexers choose, and of a short frame those that fit.
    #[must_use]
    pub fn decode(&self, data: &[u8]) -> Decoded<'_> {
        Decoded { message: self, values: self.read(data).collect() }
    }

    /// The same, one signal after the other.
    #[inline]
    pub fn read<'a>(&'a self, data: &[u8]) -> impl Iterator<Item = (&'a Signal, Value)> {
        let window = Window::of(data);
        let readers = self.readers.iter().enumerate();
        readers.filter(|(at, reader)| reader.always || self.layout.signals[*at].present(data)).map(
            move |(at, reader)| {
                let signal = &self.layout.signals[at];
                let short_way = reader.read(window).map(|(bits, number)| Value::Number(number, bits));
                (signal, short_way.unwrap_or_else(|| value(signal, data)))
            },
        )
    }
}

/// The long way. Kept out of the short one, of which it would cost a tenth.
#[cold]
#[inline(never)]
fn value(signal: &Signal, data: &[u8]) -> Value {
    let Some(bits) = signal.layout.get(data) else { return Value::Bad(Quality::Short) };
    match signal.exact(bits) {
        Number::Float(number) if !number.is_finite() => Value::Bad(Quality::Invalid),
        number => Value::Number(number, bits),
    }
}

impl Decoded<'_> {
    /// Signals in the order of the file.
    pub fn signals(&self) -> impl Iterator<Item = (&Signal, Value)> {
        self.values.iter().map(|(signal, value)| (*signal, *value))
    }
}

impl Serialize for Decoded<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let named = || {
            let text = |(signal, value): (_, Value)| match value {
                Value::Number(_, bits) => Signal::text_of(signal, bits).map(|text| (&*signal.name, &**text)),
                Value::Bad(_) => None,
            };
            self.signals().filter_map(text)
        };
        let bad = || {
            self.signals().filter_map(|(signal, value)| match value {
                Value::Bad(why) => Some((&*signal.name, why.to_string())),
                Value::Number(..) => None,
            })
        };
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("frame", &*self.message.name)?;
        map.serialize_entry("signals", &Numbers(self))?;
        if named().next().is_some() {
            map.serialize_entry("named", &named().collect::<Entries<_>>())?;
        }
        if bad().next().is_some() {
            map.serialize_entry("quality", &bad().collect::<Entries<_>>())?;
        }
        map.end()
    }
}

/// The numbers: what is not in the frame is not here either, what is no number is `null`.
struct Numbers<'a>(&'a Decoded<'a>);

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (signal, value) in self.0.signals() {
            match value {
                Value::Number(number, _) => map.serialize_entry(&*signal.name, &number)?,
                Value::Bad(Quality::Short) => {}
                Value::Bad(_) => map.serialize_entry(&*signal.name, &())?,
            }
        }
        map.end()
    }
}

/// Names and texts as a JSON object.
struct Entries<T>(Vec<T>);

impl<T> FromIterator<T> for Entries<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Entries<T> {
        Entries(entries.into_iter().collect())
    }
}

impl<K: Serialize, V: Serialize> Serialize for Entries<(K, V)> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, text)| (name, text)))
    }
}
