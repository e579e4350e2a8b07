//! What an editor is told about the values of a channel map, beyond their types: what they must look like, and examples.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value as Json, json};

use crate::files::schema::{DURATION, add, duration_or, matching};

use super::spec::{IdSpec, LockoutSpec, MaxOnSpec, PaceSpec, PublishSpec, RowSpec};

/// The greatest CAN id, of 29 bits.
const MOST_ID: u32 = 0x1FFF_FFFF;

/// The types of a signal, as [`super::layout::Layout::from_byte`] reads them; the last three go with `dbc`.
const TYPES: [&str; 27] = [
    "u8", "i8", "u16be", "u16le", "i16be", "i16le", "u24be", "u24le", "i24be", "i24le", "u32be", "u32le", "i32be",
    "i32le", "u64be", "u64le", "i64be", "i64le", "f16be", "f16le", "f32be", "f32le", "f64be", "f64le", "f16", "f32",
    "f64",
];

/// One schema for both forms, not a choice of two: with a choice an editor cannot tell which one was meant.
impl JsonSchema for PublishSpec {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "PublishSpec".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = PaceSpec::json_schema(generator);
        matching(&mut schema, "never|always", "expected `never`, `always`, or a pace such as {min_interval: 1s}");
        let examples = json!(["never", "always", { "min_interval": "1s" }]);
        add(&mut schema, json!({ "type": ["string", "object"], "examples": examples }));
        schema
    }
}

impl JsonSchema for IdSpec {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "IdSpec".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = RowSpec::json_schema(generator);
        add(&mut schema, json!({ "type": ["integer", "object"], "minimum": 0, "maximum": MOST_ID }));
        schema
    }
}

impl JsonSchema for MaxOnSpec {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "MaxOnSpec".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = LockoutSpec::json_schema(generator);
        matching(&mut schema, DURATION, "expected a duration such as 10m, or {time: 10m, lockout: 30m}");
        let examples = json!(["10m", { "time": "10m", "lockout": "30m" }]);
        add(&mut schema, json!({ "type": ["string", "object"], "examples": examples }));
        schema
    }
}

fn examples(schema: &mut Schema, examples: Json) {
    add(schema, json!({ "examples": examples }));
}

pub(super) fn version(schema: &mut Schema) {
    add(schema, json!({ "const": 1, "default": 1 }));
}

pub(super) fn allow(schema: &mut Schema) {
    add(schema, json!({ "items": { "type": "string", "enum": [super::NO_WATCHDOG] } }));
}

pub(super) fn interface(schema: &mut Schema) {
    matching(schema, r"[^\s/:]{1,15}", "expected the name of an interface, such as can0 or vcan0");
    examples(schema, json!(["can0", "vcan0"]));
}

pub(super) fn bitrate(schema: &mut Schema) {
    add(schema, json!({ "type": ["string", "number"], "examples": ["250k", "500k", "1M", "2M"] }));
    matching(schema, r"\d+(?:\.\d+)?[kM]?", "expected a bitrate such as 250k, 500k, 1M or 2M");
}

pub(super) fn recording(schema: &mut Schema) {
    examples(schema, json!(["logs/monday.log"]));
}

pub(super) fn speed(schema: &mut Schema) {
    add(schema, json!({ "exclusiveMinimum": 0, "default": 1 }));
}

fn raw_frame() -> Json {
    json!({ "type": "string", "pattern": "^\\s*(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})#[#Rr0-9A-Fa-f._]*\\s*$",
        "examples": ["000#0105"] })
}

pub(super) fn raw_frames(schema: &mut Schema) {
    add(schema, json!({ "items": raw_frame(), "maxItems": 64 }));
}

pub(super) fn raw_frames_by_id(schema: &mut Schema) {
    let frames = json!({ "type": "array", "items": raw_frame(), "maxItems": 64 });
    add(schema, json!({ "additionalProperties": frames, "examples": [{ "0x705": ["000#0105"] }] }));
}

pub(super) fn stale_after(schema: &mut Schema) {
    let pattern = format!(r"\d+(?:\.\d+)?\s*cycles?|{DURATION}");
    matching(schema, &pattern, "expected cycles of the frame, such as 3 cycles, or a duration, such as 30s");
    add(schema, json!({ "default": "3 cycles", "examples": ["3 cycles", "30s"] }));
}

pub(super) fn length(schema: &mut Schema) {
    add(schema, json!({ "enum": [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64] }));
    schema.remove("minimum");
}

pub(super) fn byte(schema: &mut Schema) {
    add(schema, json!({ "maximum": 63 }));
}

pub(super) fn kind(schema: &mut Schema) {
    add(schema, json!({ "enum": TYPES }));
}

pub(super) fn bits(schema: &mut Schema) {
    add(schema, json!({ "type": ["integer", "string"], "minimum": 0, "maximum": 63, "examples": [0, "0..1"] }));
    matching(schema, r"\d+(?:\s*\.\.\s*\d+)?", "expected a bit such as 3, or bits such as 0..1, both ends included");
}

pub(super) fn dbc(schema: &mut Schema) {
    let otherwise = "expected start|length@order sign, such as 7|16@0+ (0 big-endian, 1 little-endian; + unsigned)";
    matching(schema, r"\d+\s*\|\s*\d+\s*@\s*[01][+-]", otherwise);
    examples(schema, json!(["7|16@0+", "0|16@1-"]));
}

pub(super) fn scale(schema: &mut Schema) {
    add(schema, json!({ "default": 1, "examples": [0.1] }));
}

pub(super) fn offset(schema: &mut Schema) {
    add(schema, json!({ "default": 0 }));
}

pub(super) fn unit(schema: &mut Schema) {
    examples(schema, json!(["degC", "%RH", "ppm", "%", "kPa", "mS/cm", "L/min"]));
}

/// Two numbers; said without `prefixItems`, which not every editor knows.
pub(super) fn range(schema: &mut Schema) {
    schema.remove("prefixItems");
    let number = json!({ "type": "number" });
    add(schema, json!({ "type": "array", "items": number, "minItems": 2, "maxItems": 2, "examples": [[0, 100]] }));
}

pub(super) fn deadband(schema: &mut Schema) {
    add(schema, json!({ "minimum": 0, "examples": [0.1] }));
}

pub(super) fn values(schema: &mut Schema) {
    let texts = json!({ "type": ["string", "number", "boolean"] });
    add(schema, json!({ "additionalProperties": texts, "examples": [{ "0": "off", "1": "on" }] }));
}

pub(super) fn multiplexer(schema: &mut Schema) {
    let raws = json!({ "type": "array", "items": { "type": "integer", "minimum": 0 }, "minItems": 1 });
    add(schema, json!({ "additionalProperties": raws }));
}

pub(super) fn node(schema: &mut Schema) {
    examples(schema, json!(["FR-C1", "VR-M{n}"]));
}

pub(super) fn id(schema: &mut Schema) {
    add(schema, json!({ "maximum": MOST_ID }));
}

pub(super) fn pgn(schema: &mut Schema) {
    add(schema, json!({ "maximum": 0x3_FFFF }));
}

pub(super) fn source(schema: &mut Schema) {
    add(
        schema,
        json!({ "anyOf": [{ "const": "any" }, { "type": "integer", "minimum": 0, "maximum": 253 }], "default": "any" }),
    );
}

pub(super) fn name(schema: &mut Schema) {
    add(schema, json!({ "default": "{signal}", "examples": ["{signal}_{n}", "{signal}_{probe}"] }));
}

pub(super) fn signals(schema: &mut Schema) {
    add(schema, json!({ "additionalProperties": { "type": "string", "pattern": "^[A-Za-z_]\\w*$" } }));
}

pub(super) fn count(schema: &mut Schema) {
    add(schema, json!({ "minimum": 1, "maximum": 4096 }));
}

pub(super) fn step(schema: &mut Schema) {
    add(schema, json!({ "minimum": 1, "default": 1, "examples": [0x10] }));
}

pub(super) fn device_kind(schema: &mut Schema) {
    examples(schema, json!(["fan", "switch", "dimmer", "valve", "heater"]));
}

pub(super) fn safe(schema: &mut Schema) {
    add(schema, json!({ "type": ["number", "string", "boolean"], "examples": ["off", 0, 40, "on", "keep"] }));
}

pub(super) fn watchdog(schema: &mut Schema) {
    duration_or(schema, &["none"]);
    examples(schema, json!(["15s", "none"]));
}

pub(super) fn limits(schema: &mut Schema) {
    range(schema);
    examples(schema, json!([[20, 80]]));
}

pub(super) fn ramp(schema: &mut Schema) {
    matching(schema, r"\d+(?:\.\d+)?\s*/\s*(?:s|m|min|h)", "expected a change per time, such as 10/s, 20/min or 100/h");
    examples(schema, json!(["10/s", "20/min", "100/h"]));
}

pub(super) fn starts(schema: &mut Schema) {
    add(schema, json!({ "minimum": 1, "examples": [6] }));
}

pub(super) fn interlock(schema: &mut Schema) {
    examples(schema, json!(["heat-cool", ["heat-cool", "one-pump"]]));
}

pub(super) fn forbid_while(schema: &mut Schema) {
    examples(schema, json!(["Flower Room/exhaust > 50", ["Flower Room/exhaust > 50", "Flower Room/dehumidifier"]]));
}

pub(super) fn only_while(schema: &mut Schema) {
    examples(schema, json!(["Flower Room/exhaust >= 20", ["Veg Room/valve_1 == \"on\""]]));
}

pub(super) fn field(schema: &mut Schema) {
    examples(schema, json!(["co2", "vwc_*"]));
}

pub(super) fn change(schema: &mut Schema) {
    examples(schema, json!([0.5, -0.5]));
}

pub(super) fn retries(schema: &mut Schema) {
    add(schema, json!({ "maximum": 10, "default": 2 }));
}

pub(super) fn with(schema: &mut Schema) {
    add(schema, json!({ "additionalProperties": { "type": ["number", "string", "boolean"] } }));
}

pub(super) fn tolerance(schema: &mut Schema) {
    add(schema, json!({ "minimum": 0, "default": 0 }));
}

pub(super) fn channel(schema: &mut Schema) {
    examples(schema, json!(["sensor:update:Flower Room:*"]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::layout::Layout;

    #[test]
    fn every_type_that_editors_offer_is_read() {
        let mut schema = schemars::json_schema!({});
        kind(&mut schema);
        for name in schema.get("enum").and_then(Json::as_array).expect("it has words") {
            let name = name.as_str().expect("a word");
            let number = Layout::from_byte(0, Some(name), None);
            let float = Layout::from_byte(0, Some("u64le"), None).and_then(|bits| bits.as_float(name));
            let other = |bits| Layout::from_byte(0, Some(bits), None).and_then(|bits| bits.as_float(name)).is_ok();
            assert!(number.is_ok() || float.is_ok() || other("u32le") || other("u16le"), "{name}");
        }
    }
}
