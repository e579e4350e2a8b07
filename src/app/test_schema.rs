//! The shape of `rules/<name>_test.yaml` for its JSON schema, key by key as `growctl rule test` reads it.

#![allow(dead_code, reason = "only the schema of these types is wanted")]

use schemars::{JsonSchema, Schema};
use serde_json::json;

use crate::files::Entries;
use crate::files::schema::{DURATION, add, matching};
use crate::model::Value;
use crate::rules::OneOrMore;

use super::settings::LocationSpec;

/// Tests of the rule beside it: rules/<name>_test.yaml tests rules/<name>.yaml.
///
/// `growctl rule test` plays them in virtual time, without a bus.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct FileSpec {
    /// In place of the site's, for civil times.
    #[schemars(extend("examples" = ["Europe/Amsterdam"]))]
    time_zone: Option<String>,
    /// In place of the site's, for sunrise and sunset.
    location: Option<LocationSpec>,
    /// The tests, one after the other; each begins anew.
    tests: Vec<TestSpec>,
}

/// One test: what happens in the room, and what the rule is to make of it. At least one of `expect` and `commands`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = [{ "required": ["expect"] }, { "required": ["commands"] }]))]
struct TestSpec {
    /// What it proves, as a sentence; no two of a file alike.
    name: String,
    /// Civil time at which it starts. Default: 2026-01-01 12:00:00.
    #[schemars(transform = civil, extend("examples" = ["2026-06-01 14:00:00"]))]
    start: Option<String>,
    /// How long each value of an `input` without its own `every` lasts. Default: the frame's cycle, else 1s.
    #[schemars(transform = duration)]
    every: Option<String>,
    /// Other rules that run along.
    with: Option<OneOrMore>,
    /// Values over time, of nodes, devices or channels. Only nodes that are named here are there.
    input: Option<Vec<InputSpec>>,
    /// Single happenings. At one moment they come before input.
    events: Option<Vec<EventSpec>>,
    /// Every intent of the rule, in order; nothing else may come. `[]`: none.
    expect: Option<Vec<ExpectSpec>>,
    /// Every new state that a device is told, of all devices, in order.
    commands: Option<Vec<CommandSpec>>,
    /// How long it goes on: a duration, or a civil time. Default: 1 s after the last thing that is written.
    #[schemars(transform = moment)]
    until: Option<String>,
}

/// Values over time: one of `node`, `device` and `channel`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct InputSpec {
    /// A node of the channel map; channel, room and cluster come from there. Fields that are not written have no value.
    #[schemars(extend("examples" = ["FR-C1"]))]
    node: Option<String>,
    /// A device, `room/device`: the values are its feedback.
    #[schemars(extend("examples" = ["Flower Room/exhaust"]))]
    device: Option<String>,
    /// Any other channel, of a foreign message.
    channel: Option<String>,
    /// How long each value lasts. Default: the frame's cycle, else 1s.
    #[schemars(transform = duration)]
    every: Option<String>,
    /// Field and series: `28.5`, `28.5x20` (20 more of it), `20+0.5x10`, `20-1x5`, `_` (nothing is sent), `null` (sent
    /// without a value), `28.5x*` (until the test ends), between spaces.
    #[schemars(default, transform = series)]
    values: Entries<Value>,
}

/// One happening: `at`, and exactly one other key.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 2, "maxProperties" = 2))]
struct EventSpec {
    /// When: a duration from the start, or a civil time.
    #[schemars(transform = moment)]
    at: String,
    /// A foreign message: its `channel`, and beside it the fields.
    #[schemars(extend("required" = ["channel"]))]
    message: Option<Entries<Value>>,
    /// A CAN frame through the channel map, as `candump -l` writes it: bus id#data.
    #[schemars(extend("examples" = ["can0 181#00FA025802BC0078"]))]
    frame: Option<String>,
    /// A node, device or channel with an input: nothing more of it from now on.
    silent: Option<String>,
    /// Somebody sets the civil clock: `+1h`, `-30s`, or a civil time. Durations do not mind.
    #[schemars(extend("examples" = ["+1h", "-30s"]))]
    clock: Option<String>,
    /// A person resets the rule.
    #[schemars(extend("const" = true))]
    reset: Option<bool>,
    /// The engine stops and starts: `true`, or how long it is down.
    #[schemars(extend("type" = ["boolean", "string"], "examples" = [true, "30s"]))]
    restart: Option<String>,
}

/// One intent: `at`, and exactly one of `set`, `release`, `publish` and `call`. What is not written is not compared.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = intent)]
struct ExpectSpec {
    /// When: a duration from the start, or a civil time.
    #[schemars(transform = moment)]
    at: String,
    /// So often.
    #[schemars(extend("minimum" = 1))]
    times: Option<u32>,
    /// With `times`: so far apart.
    #[schemars(transform = duration)]
    every: Option<String>,
    /// Whose: the node's name, or what `per` says.
    instance: Option<String>,
    /// A device, `room/device`, is asked to go `to` a state.
    #[schemars(extend("examples" = ["Flower Room/exhaust"]))]
    set: Option<String>,
    /// With `set`: a number, on or off.
    #[schemars(transform = state)]
    to: Option<String>,
    /// With `set`: how long at the most.
    #[schemars(transform = duration)]
    lease: Option<String>,
    /// With `set`: the reason that the rule gives.
    reason: Option<String>,
    /// A device, `room/device`, or a list, or `all`: the request ends.
    release: Option<OneOrMore>,
    /// A channel that a message goes to.
    publish: Option<String>,
    /// With `publish`: only these fields are compared; numbers within 1e-6.
    fields: Option<Entries<Value>>,
    /// Any other function of the script, such as log_file.
    call: Option<String>,
    /// With `call`: its arguments.
    args: Option<Vec<Value>>,
}

/// What a device is told.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CommandSpec {
    /// When: a duration from the start, or a civil time.
    #[schemars(transform = moment)]
    at: String,
    /// The device, `room/device`.
    #[schemars(extend("examples" = ["Flower Room/exhaust"]))]
    device: String,
    /// A number, on or off.
    #[schemars(transform = state)]
    state: String,
}

const CIVIL: &str = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?";

fn civil(schema: &mut Schema) {
    matching(schema, CIVIL, "expected a civil time such as 2026-06-01 14:00:00");
}

fn duration(schema: &mut Schema) {
    crate::files::schema::duration_or(schema, &[]);
    add(schema, json!({ "examples": ["1s", "30s", "5m"] }));
}

fn moment(schema: &mut Schema) {
    let otherwise =
        "expected a duration from the start, such as 30s or 1h30m, or a civil time, such as 2026-06-01 14:00:00";
    matching(schema, &format!("{DURATION}|{CIVIL}"), otherwise);
    add(schema, json!({ "examples": ["0s", "30s", "5m", "1h"] }));
}

fn series(schema: &mut Schema) {
    let text = json!({ "type": ["string", "number", "boolean", "null"] });
    add(schema, json!({ "additionalProperties": text, "examples": [{ "temperature": "27 28.5x20 25.9x5" }] }));
}

fn state(schema: &mut Schema) {
    add(schema, json!({ "type": ["number", "string", "boolean"], "examples": [60, "on", "off"] }));
}

fn intent(schema: &mut Schema) {
    let of_set = json!(["set"]);
    add(
        schema,
        json!({ "dependentRequired": {
            "set": ["to"], "to": of_set, "lease": of_set, "reason": of_set, "fields": ["publish"], "args": ["call"],
            "every": ["times"],
        } }),
    );
}
