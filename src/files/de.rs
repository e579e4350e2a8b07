//! From the tree to a spec, through serde. A fault is told with the number of the node at which it came up, so that the
//! node can be taken out and everything else be read all the same.

use std::cell::Cell;

use serde::de::value::UsizeDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::Place;
use super::fault::{Fault, What};
use super::node::{Kind, Node};
use super::scalar::{Plain, plain};

/// By this name a [`super::Spanned`] makes itself known.
pub(super) const SPANNED: &str = "$growctl::Spanned";

/// By this name a [`super::Several`] makes itself known.
pub(super) const SEVERAL: &str = "$growctl::Several";

thread_local! {
    static INNERMOST: Cell<Place> = const { Cell::new(Place { line: 0, column: 0, len: 0 }) };
}

/// The place of the value that is being read. Serde's own copies of a value know no places, and pass nothing on.
pub(super) fn innermost() -> Place {
    INNERMOST.get()
}

fn within<T>(node: &Node<'_>, read: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let outer = INNERMOST.replace(node.place);
    let result = read();
    INNERMOST.set(outer);
    result.map_err(|fault| fault.at(node))
}

/// Reads a spec from a tree.
pub(super) fn spec<T: for<'de> Deserialize<'de>>(root: &Node<'_>) -> Result<T, Fault> {
    within(root, || T::deserialize(root))
}

/// Numbers of a stated type: whatever is a number goes to the visitor, which knows what fits.
macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.number(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &Node<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.kind {
            Kind::Scalar { text, plain: false } => visitor.visit_str(text),
            Kind::Scalar { text, plain: true } => resolved(text, visitor),
            Kind::List { items, .. } => visitor.visit_seq(Items(items.iter())),
            Kind::Map { entries, .. } => visitor.visit_map(Pairs { entries: entries.iter(), value: None }),
        };
        result.map_err(|fault: Fault| fault.at(self))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.text() {
            Some(_) if self.is_nothing() => Err(Fault::new(What::Nothing).at(self)),
            Some(text) => visitor.visit_str(text).map_err(|fault: Fault| fault.at(self)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.text() {
            Some(text) => visitor.visit_str(text).map_err(|fault: Fault| fault.at(self)),
            None => self.deserialize_any(visitor),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.text().map(plain) {
            Some(Plain::Whole(number)) => visitor.visit_i128(number).map_err(|fault: Fault| fault.at(self)),
            _ => self.number(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_nothing() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.is_nothing() {
            true => visitor.visit_seq(Items([].iter())).map_err(|fault: Fault| fault.at(self)),
            false => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        match &self.kind {
            Kind::List { items, .. } if items.len() != length => {
                Err(Fault::new(What::Unfit(format!("a tuple of size {length}"))).at(self))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.is_nothing() {
            true => visitor.visit_map(Pairs { entries: [].iter(), value: None }).map_err(|fault: Fault| fault.at(self)),
            false => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.kind {
            // Serde would take a list for the fields in order.
            Kind::List { .. } => Err(Fault::new(What::Expected("a map".to_owned())).at(self)),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            SPANNED => visitor.visit_map(Placed { node: self, part: 0 }),
            SEVERAL => match &self.kind {
                Kind::List { .. } => self.deserialize_seq(visitor),
                _ if self.is_nothing() => self.deserialize_seq(visitor),
                _ => visitor.visit_seq(Items(std::slice::from_ref(self).iter())),
            },
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match &self.kind {
            Kind::Scalar { .. } => visitor.visit_enum(Choice { key: self, value: None }),
            Kind::Map { entries, .. } if entries.len() == 1 => {
                visitor.visit_enum(Choice { key: &entries[0].0, value: Some(&entries[0].1) })
            }
            _ => {
                let words: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
                Err(Fault::new(What::Expected(format!("one of {}", words.join(", ")))))
            }
        };
        result.map_err(|fault: Fault| fault.at(self))
    }

    forward_to_deserialize_any! { bool u128 bytes byte_buf unit unit_struct tuple_struct ignored_any }
}

impl Node<'_> {
    /// A number, also one in quotes: what is meant is plain.
    fn number<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        let Kind::Scalar { text, plain: unquoted } = &self.kind else { return self.deserialize_any(visitor) };
        let result = match plain(text) {
            Plain::Number(number) => visitor.visit_f64(number),
            Plain::Nothing | Plain::Bool(_) if !*unquoted => visitor.visit_str(text),
            _ => resolved(text, visitor),
        };
        result.map_err(|fault| fault.at(self))
    }
}

fn resolved<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Fault> {
    match plain(text) {
        Plain::Nothing => visitor.visit_unit(),
        Plain::Bool(flag) => visitor.visit_bool(flag),
        Plain::Whole(number) => match (u64::try_from(number), i64::try_from(number)) {
            (Ok(number), _) => visitor.visit_u64(number),
            (_, Ok(number)) => visitor.visit_i64(number),
            _ => visitor.visit_f64(number as f64),
        },
        Plain::Number(number) if number.is_finite() => visitor.visit_f64(number),
        Plain::Number(_) => Err(Fault::new(What::Own(format!("`{text}` is no number that could be used here")))),
        Plain::LeadingZero => Err(Fault::new(What::LeadingZero)),
        Plain::Text => visitor.visit_str(text),
    }
}

struct Items<'t, 'a>(std::slice::Iter<'t, Node<'a>>);

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|item| within(item, || seed.deserialize(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Pairs<'t, 'a> {
    entries: std::slice::Iter<'t, (Node<'a>, Node<'a>)>,
    value: Option<&'t Node<'a>>,
}

impl<'de> MapAccess<'de> for Pairs<'_, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        within(key, || seed.deserialize(Key(key))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let value = self.value.take().ok_or_else(|| Fault::custom("a value without a key"))?;
        within(value, || seed.deserialize(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// A key is a text unless a number is asked for: `0`, `on` and `true` are keys as they are written.
struct Key<'t, 'a>(&'t Node<'a>);

macro_rules! as_values {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.0.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'_, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.0.deserialize_identifier(visitor)
    }

    as_values! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_bool
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name == SPANNED {
            true => visitor.visit_map(Placed { node: self.0, part: 0 }),
            false => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.0.deserialize_enum(name, known, visitor)
    }

    forward_to_deserialize_any! {
        u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A value with its place, as [`super::Spanned`] asks for it: line, column, length, value.
struct Placed<'t, 'a> {
    node: &'t Node<'a>,
    part: usize,
}

impl<'de> MapAccess<'de> for Placed<'_, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.part += 1;
        seed.deserialize(UsizeDeserializer::new(self.part)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Place { line, column, len } = self.node.place;
        let part = match self.part {
            1 => line,
            2 => column,
            3 => len,
            _ => return seed.deserialize(self.node),
        };
        seed.deserialize(UsizeDeserializer::new(part))
    }
}

/// A word, or a key with its value, that chooses a variant.
struct Choice<'t, 'a> {
    key: &'t Node<'a>,
    value: Option<&'t Node<'a>>,
}

impl<'de, 't, 'a> EnumAccess<'de> for Choice<'t, 'a> {
    type Error = Fault;
    type Variant = Chosen<'t, 'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Chosen<'t, 'a>), Fault> {
        let variant = within(self.key, || seed.deserialize(Key(self.key)))?;
        Ok((variant, Chosen(self.value)))
    }
}

struct Chosen<'t, 'a>(Option<&'t Node<'a>>);

impl<'t, 'a> Chosen<'t, 'a> {
    fn value(self) -> Result<&'t Node<'a>, Fault> {
        self.0.ok_or_else(|| Fault::new(What::Expected("a value below it".to_owned())))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'_, '_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.0 {
            Some(value) if !value.is_nothing() => {
                Err(Fault::new(What::Own("nothing belongs below this".to_owned())).at(value))
            }
            _ => Ok(()),
        }
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let value = self.value()?;
        within(value, || seed.deserialize(value))
    }
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_tuple(length, visitor)
    }
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_struct("", fields, visitor)
    }
}
