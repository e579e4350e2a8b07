//! What an editor is told about the texts of a rule's test file, beyond their types: what they must look like, and examples.

use schemars::Schema;
use serde_json::json;

use crate::files::schema::{DURATION, add, duration_or, matching};

const CIVIL: &str = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?";

pub(super) fn civil(schema: &mut Schema) {
    matching(schema, CIVIL, "expected a civil time such as 2026-06-01 14:00:00");
}

pub(super) fn duration(schema: &mut Schema) {
    duration_or(schema, &[]);
    add(schema, json!({ "examples": ["1s", "30s", "5m"] }));
}

pub(super) fn moment(schema: &mut Schema) {
    let otherwise =
        "expected a duration from the start, such as 30s or 1h30m, or a civil time, such as 2026-06-01 14:00:00";
    matching(schema, &format!("{DURATION}|{CIVIL}"), otherwise);
    add(schema, json!({ "examples": ["0s", "30s", "5m", "1h"] }));
}

pub(super) fn series(schema: &mut Schema) {
    let text = json!({ "type": ["string", "number", "boolean", "null"] });
    add(schema, json!({ "additionalProperties": text, "examples": [{ "temperature": "27 28.5x20 25.9x5" }] }));
}

pub(super) fn state(schema: &mut Schema) {
    add(schema, json!({ "type": ["number", "string", "boolean"], "examples": [60, "on", "off"] }));
}

pub(super) fn intent(schema: &mut Schema) {
    let of_set = json!(["set"]);
    add(
        schema,
        json!({ "dependentRequired": {
            "set": ["to"], "to": of_set, "lease": of_set, "reason": of_set, "fields": ["publish"], "args": ["call"], "severity": ["alert"], "summary": ["alert"],
            "every": ["times"],
        } }),
    );
}
