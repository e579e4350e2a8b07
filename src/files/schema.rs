//! How the wrappers of the user's files look in a JSON schema: what an editor is told comes from the types that read the
//! file, so that the two cannot drift apart.

use std::borrow::Cow;

use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Value as Json, json};

use crate::model::{Span, Value};

use super::{Entries, Several, Spanned};

/// A duration as [`crate::model::parse_duration`] reads it.
pub const DURATION: &str = r"(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ms|[smhdw])\s*)+";

/// The schema (draft 2020-12) of a file whose spec is `T`.
#[must_use]
pub fn schema_of<T: JsonSchema>(title: &str) -> Json {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    tidy(&mut schema);
    schema.insert("title".to_owned(), title.into());
    schema.insert("$comment".to_owned(), "written by `growctl schema --write`: do so again after an upgrade".into());
    schema.to_value()
}

/// Adds keywords to a schema, in place of those that are there.
pub fn add(schema: &mut Schema, keywords: Json) {
    if let Json::Object(keywords) = keywords {
        keywords.into_iter().for_each(|(keyword, value)| drop(schema.insert(keyword, value)));
    }
}

/// A text that the whole of `pattern` must match; `otherwise` is what an editor says if it does not.
pub fn matching(schema: &mut Schema, pattern: &str, otherwise: &str) {
    add(schema, json!({ "pattern": format!(r"^\s*(?:{pattern})\s*$"), "patternErrorMessage": otherwise }));
}

/// A duration, or one of these words.
pub fn duration_or(schema: &mut Schema, words: &[&str]) {
    let pattern = words.iter().copied().chain([DURATION]).collect::<Vec<_>>().join("|");
    let words: String = words.iter().map(|word| format!(", or `{word}`")).collect();
    matching(schema, &pattern, &format!("expected a duration with its unit, such as 30s, 5m, 1h30m or 2d{words}"));
}

/// One line a paragraph; an empty key is nothing that anybody means, so only mappings may be empty; no formats and
/// defaults that come from Rust's types.
fn tidy(schema: &mut Schema) {
    if let Some(Json::String(text)) = schema.get_mut("description") {
        *text = text.split("\n\n").map(|lines| lines.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
    schema.remove("format");
    if schema.get("default").is_some_and(Json::is_null) {
        schema.remove("default");
    }
    no_null(schema);
    transform_subschemas(&mut tidy, schema);
}

fn no_null(schema: &mut Schema) {
    if let Some(Json::Array(types)) = schema.get_mut("type")
        && !types.iter().all(|name| name == "object" || name == "null")
    {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let Some(Json::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| choice["type"] != "null");
    if let [only] = choices.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        if let Json::Object(only) = only {
            only.into_iter().for_each(|(keyword, value)| {
                schema.ensure_object().entry(keyword).or_insert(value);
            });
        }
    }
}

/// As its value: the place is no part of the file.
impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// One value, or a list of them.
impl<T: JsonSchema> JsonSchema for Several<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Several_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// A mapping with free keys, which may be empty.
impl<V: JsonSchema> JsonSchema for Entries<V> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Entries_of_{}", V::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["object", "null"], "additionalProperties": generator.subschema_for::<V>() })
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({ "type": "string", "examples": ["500ms", "30s", "5m", "1h30m"] });
        duration_or(&mut schema, &[]);
        schema
    }
}

/// Anything.
impl JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Anything".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its schema is wanted")]
    #[schemars(deny_unknown_fields)]
    struct Spec {
        /// One
        /// line.
        ///
        /// Another.
        wait: Option<Spanned<Span>>,
        rooms: Entries<Spanned<Inner>>,
        inner: Option<Spanned<Inner>>,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its schema is wanted")]
    struct Inner {
        count: u32,
    }

    #[test]
    fn wrappers_leave_no_trace_and_only_mappings_may_be_empty() {
        let schema = schema_of::<Spec>("s");
        let properties = &schema["properties"];
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], json!(["rooms"]));
        assert_eq!(properties["wait"]["type"], "string");
        assert_eq!(properties["wait"]["description"], "One line.\n\nAnother.");
        assert_eq!(properties["rooms"]["type"], json!(["object", "null"]));
        assert_eq!(properties["rooms"]["additionalProperties"]["$ref"], "#/$defs/Inner");
        assert_eq!(properties["inner"], json!({ "$ref": "#/$defs/Inner" }));
        assert_eq!(schema["$defs"]["Inner"]["properties"]["count"], json!({ "type": "integer", "minimum": 0 }));
    }
}
