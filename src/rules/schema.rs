//! What an editor is told about the texts of a rule file, beyond their types: what they must look like, and examples.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value as Json, json};

use crate::files::schema::{DURATION, add, duration_or, matching};

use super::lint::LINTS;
use super::spec::OneOrMore;

/// A text, or a list of them. The words for a text stand beside `items` too: each of the list is one.
impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "boolean", "array"], "items": { "type": ["string", "boolean"] } })
    }
}

/// Says the same of the one text and of each in the list.
fn each_text(schema: &mut Schema, say: impl Fn(&mut Schema)) {
    say(schema);
    let mut item = json_schema!({ "type": "string" });
    say(&mut item);
    add(schema, json!({ "type": ["string", "array"], "items": item }));
}

fn examples(schema: &mut Schema, examples: Json) {
    add(schema, json!({ "examples": examples }));
}

/// A rule without `when` is always active: nothing begins.
pub(super) fn rule(schema: &mut Schema) {
    let when = ["when"];
    add(schema, json!({ "dependentRequired": { "then": when, "for": when, "until": when, "alert": when } }));
}

pub(super) fn subscribe(schema: &mut Schema) {
    each_text(schema, |text| {
        matching(text, r"\S[\s\S]*", "expected a pattern such as sensor:update:Flower Room:*");
        examples(text, json!(["sensor:update:Flower Room:*", "sensor:update:{room}:{cluster}", "device:update:*"]));
    });
}

pub(super) fn schedule(schema: &mut Schema) {
    let time = r"at\s+(?:[01]?\d|2[0-3]):[0-5]?\d";
    let sun = format!(r"(?:sunrise|sunset)\s*(?:[+-]\s*{DURATION})?");
    let pattern = format!(r"startup|shutdown|every\s+{DURATION}|{time}|cron\s+\S.*|{sun}");
    let otherwise =
        "expected every 30s, at 07:00, cron 0 6 * * 1, sunrise-30m, sunset+1h, startup or shutdown, or a list of them";
    each_text(schema, |text| {
        matching(text, &pattern, otherwise);
        examples(text, json!(["every 30s", "at 07:00", "cron 0 6 * * 1", "sunrise-30m", "sunset+1h", "startup"]));
    });
}

pub(super) fn when(schema: &mut Schema) {
    add(schema, json!({ "type": ["string", "boolean"] }));
    examples(
        schema,
        json!(["msg.temperature > 28.0", "msg.humidity > 60.0 && between(\"06:00\", \"18:00\")", "stale"]),
    );
}

pub(super) fn until(schema: &mut Schema) {
    examples(schema, json!(["msg.temperature < 26.0", "90s", "reset && msg.leak == \"dry\""]));
}

pub(super) fn then(schema: &mut Schema) {
    examples(schema, json!(["device(\"Flower Room\", \"exhaust\").set(70);\n"]));
}

pub(super) fn each(schema: &mut Schema) {
    examples(schema, json!(["log_file(\"readings-%Y-%m-%d.jsonl\", msg);\n"]));
}

pub(super) fn per(schema: &mut Schema) {
    examples(schema, json!(["source", "rule", "room"]));
}

pub(super) fn duration(schema: &mut Schema) {
    duration_or(schema, &[]);
    examples(schema, json!(["30s", "5m", "1h30m"]));
}

pub(super) fn durations(schema: &mut Schema) {
    each_text(schema, duration);
}

pub(super) fn stale(schema: &mut Schema) {
    duration_or(schema, &["never"]);
    add(schema, json!({ "default": "0s", "examples": ["5m", "never"] }));
}

pub(super) fn priority(schema: &mut Schema) {
    add(schema, json!({ "type": "integer", "minimum": 0, "maximum": 100, "default": 50 }));
}

pub(super) fn state(schema: &mut Schema) {
    let otherwise = "a name in `state` has letters, digits and _ only";
    let name = json!({ "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "patternErrorMessage": otherwise });
    add(schema, json!({ "propertyNames": name, "examples": [{ "shots": 0 }] }));
}

pub(super) fn mode(schema: &mut Schema) {
    add(schema, json!({ "enum": ["active", "shadow", "off"], "default": "active" }));
}

pub(super) fn allow(schema: &mut Schema) {
    let ids: Vec<&str> = LINTS.iter().filter(|lint| lint.is_for_rules()).map(|lint| lint.id).collect();
    each_text(schema, |text| add(text, json!({ "enum": ids })));
    // The list itself is none of them.
    schema.remove("enum");
    add(schema, json!({ "examples": ids }));
}

pub(super) fn labels(schema: &mut Schema) {
    add(schema, json!({ "additionalProperties": { "type": ["string", "number", "boolean"] } }));
}

pub(super) fn escalation(schema: &mut Schema) {
    add(schema, json!({ "required": ["after", "notify"] }));
}

pub(super) fn severity(schema: &mut Schema) {
    add(schema, json!({ "enum": ["info", "warning", "critical"], "default": "warning" }));
}

pub(super) fn summary(schema: &mut Schema) {
    examples(schema, json!(["${room}/${cluster} is ${msg.temperature} °C"]));
}
