//! Values as rows: one for each field, so that a new sensor needs no new column. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::model::{Parcel, Utc};

/// Columns of their own, the same in each row of a value.
const PLACES: [&str; 5] = ["room", "cluster", "node", "device", "id"];
/// The moment, as messages have it.
const TS: &str = "ts";
/// The field of a value that is no map.
const VALUE: &str = "value";

/// The rows of one batch, a column each: PostgreSQL takes them as arrays.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) time: Vec<SystemTime>,
    pub(super) room: Vec<Option<String>>,
    pub(super) cluster: Vec<Option<String>>,
    pub(super) node: Vec<Option<String>>,
    pub(super) device: Vec<Option<String>>,
    pub(super) field: Vec<String>,
    pub(super) value: Vec<Option<f64>>,
    pub(super) text: Vec<Option<String>>,
    pub(super) id: Vec<Option<String>>,
    pub(super) key: Vec<String>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.time.len()
    }

    /// Adds the rows of one parcel.
    ///
    /// # Errors
    /// It has none; the text says why.
    pub(super) fn add(&mut self, parcel: &Parcel) -> Result<(), String> {
        let value: Value = serde_json::from_str(&parcel.body).map_err(|error| format!("it is no JSON: {error}"))?;
        let before = self.len();
        match &value {
            Value::Object(fields) => self.add_fields(parcel, fields),
            other => self.push(moment(parcel.at), [const { None }; 5], VALUE, other, &parcel.key),
        }
        if self.len() == before { Err("it has no field with a value".to_owned()) } else { Ok(()) }
    }

    fn add_fields(&mut self, parcel: &Parcel, fields: &Map<String, Value>) {
        let time = fields.get(TS).and_then(Value::as_f64).filter(|seconds| *seconds > 0.0);
        let time = moment(time.map_or(parcel.at, Utc::from_seconds));
        let places = PLACES.map(|place| fields.get(place).and_then(plain));
        for (name, value) in fields {
            if name != TS && !PLACES.contains(&name.as_str()) {
                self.push(time, places.clone(), name, value, &parcel.key);
            }
        }
    }

    fn push(&mut self, time: SystemTime, places: [Option<String>; 5], field: &str, value: &Value, key: &str) {
        let (number, text) = match value {
            Value::Null => return,
            Value::Number(number) => (number.as_f64(), None),
            Value::Bool(on) => (Some(f64::from(u8::from(*on))), Some(on.to_string())),
            other => (None, plain(other)),
        };
        let [room, cluster, node, device, id] = places;
        self.time.push(time);
        self.room.push(room);
        self.cluster.push(cluster);
        self.node.push(node);
        self.device.push(device);
        self.id.push(id);
        self.field.push(stored(field));
        self.value.push(number);
        self.text.push(text);
        self.key.push(stored(key));
    }
}

/// PostgreSQL counts microseconds, and so does `ts`, which is a little beside them as nanoseconds.
fn moment(at: Utc) -> SystemTime {
    let micros = u64::try_from(at.0.saturating_add(500).div_euclid(1_000)).unwrap_or(0);
    UNIX_EPOCH + Duration::from_micros(micros)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(stored(text)),
        other => Some(stored(&other.to_string())),
    }
}

/// A zero byte is the one character that PostgreSQL has no place for.
fn stored(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(body: &str) -> Parcel {
        Parcel { id: 1, key: "k".into(), at: Utc(5_000_000_000), tries: 1, body: body.to_owned() }
    }

    #[test]
    fn a_message_is_a_row_for_each_field_at_its_own_moment() {
        let mut rows = Rows::default();
        let body = r#"{"id":"7","ts":1795649400.25,"room":1,"node":"front","temperature":21.5,"on":true,"state":"o\u0000k","x":{"a":1},"none":null}"#;
        assert_eq!(rows.add(&parcel(body)), Ok(()));
        assert_eq!(rows.field, ["on", "state", "temperature", "x"]);
        assert_eq!(rows.value, [Some(1.0), None, Some(21.5), None]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(rows.text, [text("true"), text("o\u{fffd}k"), None, text(r#"{"a":1}"#)]);
        assert_eq!(
            (&rows.room[0], &rows.cluster[0], &rows.node[3], &rows.id[0]),
            (&text("1"), &None, &text("front"), &text("7"))
        );
        assert_eq!(rows.time, vec![UNIX_EPOCH + Duration::from_micros(1_795_649_400_250_000); 4]);
    }

    #[test]
    fn a_bare_value_is_a_row_and_what_says_nothing_is_refused() {
        let mut rows = Rows::default();
        assert_eq!(rows.add(&parcel("42")), Ok(()));
        assert_eq!(
            (rows.field[0].as_str(), rows.value[0], rows.time[0]),
            ("value", Some(42.0), UNIX_EPOCH + Duration::from_secs(5))
        );
        for nothing in ["{", "null", r#"{"room":"1","ts":5,"temperature":null}"#] {
            assert!(rows.add(&parcel(nothing)).is_err(), "{nothing}");
        }
        assert_eq!(rows.len(), 1);
    }
}
