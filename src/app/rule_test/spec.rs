//! What a rule's test file says, before any check beyond its shape.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::files::{Entries, Spanned};
use crate::model::Value;
use crate::rules::OneOrMore;

use super::super::settings::LocationSpec;
use super::schema;

/// Tests of the rule beside it: rules/<name>_test.yaml tests rules/<name>.yaml.
///
/// `growctl rule test` plays them in virtual time, without a bus.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::app) struct FileSpec {
    /// In place of the site's, for civil times.
    #[schemars(extend("examples" = ["Europe/Amsterdam"]))]
    pub(super) time_zone: Option<Spanned<String>>,
    /// In place of the site's, for sunrise and sunset.
    pub(super) location: Option<Spanned<LocationSpec>>,
    /// The tests, one after the other; each begins anew.
    pub(super) tests: Vec<TestSpec>,
}

/// One test: what happens in the room, and what the rule is to make of it. At least one of `expect` and `commands`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["expect"] }, { "required": ["commands"] }]))]
pub(super) struct TestSpec {
    /// What it proves, as a sentence; no two of a file alike.
    pub(super) name: Spanned<String>,
    /// Civil time at which it starts. Default: 2026-01-01 12:00:00.
    #[schemars(transform = schema::civil, extend("examples" = ["2026-06-01 14:00:00"]))]
    pub(super) start: Option<Spanned<String>>,
    /// How long each value of an `input` without its own `every` lasts. Default: the frame's cycle, else 1s.
    #[schemars(transform = schema::duration)]
    pub(super) every: Option<Spanned<String>>,
    /// Other rules that run along.
    pub(super) with: Option<OneOrMore>,
    /// Values over time, of nodes, devices or channels. Only nodes that are named here are there.
    #[serde(default)]
    pub(super) input: Vec<Spanned<InputSpec>>,
    /// Single happenings. At one moment they come before input.
    #[serde(default)]
    pub(super) events: Vec<EventSpec>,
    /// Every intent of the rule, in order; nothing else may come. `[]`: none.
    pub(super) expect: Option<Vec<ExpectSpec>>,
    /// Every new state that a device is told, of all devices, in order.
    pub(super) commands: Option<Vec<CommandSpec>>,
    /// How long it goes on: a duration, or a civil time. Default: 1 s after the last thing that is written.
    #[schemars(transform = schema::moment)]
    pub(super) until: Option<Spanned<String>>,
}

/// Values over time: one of `node`, `device` and `channel`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InputSpec {
    /// A node of the channel map; channel, room and cluster come from there. Fields that are not written have no value.
    #[schemars(extend("examples" = ["FR-C1"]))]
    pub(super) node: Option<Spanned<String>>,
    /// A device, `room/device`: the values are its feedback.
    #[schemars(extend("examples" = ["Flower Room/exhaust"]))]
    pub(super) device: Option<Spanned<String>>,
    /// Any other channel, of a foreign message.
    pub(super) channel: Option<Spanned<String>>,
    /// How long each value lasts. Default: the frame's cycle, else 1s.
    #[schemars(transform = schema::duration)]
    pub(super) every: Option<Spanned<String>>,
    /// Field and series: `28.5`, `28.5x20` (20 more of it), `20+0.5x10`, `20-1x5`, `_` (nothing is sent), `null` (sent
    /// without a value), `28.5x*` (until the test ends), between spaces.
    #[schemars(transform = schema::series)]
    pub(super) values: Entries<Spanned<Option<String>>>,
}

/// One happening: `at`, and exactly one other key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 2, "maxProperties" = 2))]
pub(super) struct EventSpec {
    /// When: a duration from the start, or a civil time.
    #[schemars(transform = schema::moment)]
    pub(super) at: Spanned<String>,
    /// A foreign message: its `channel`, and beside it the fields.
    #[schemars(extend("required" = ["channel"]))]
    pub(super) message: Option<Entries<Spanned<Value>>>,
    /// A CAN frame through the channel map, as `candump -l` writes it: bus id#data.
    #[schemars(extend("examples" = ["can0 181#00FA025802BC0078"]))]
    pub(super) frame: Option<Spanned<String>>,
    /// A node, device or channel with an input: nothing more of it from now on.
    pub(super) silent: Option<Spanned<String>>,
    /// Somebody sets the civil clock: `+1h`, `-30s`, or a civil time. Durations do not mind.
    #[schemars(extend("examples" = ["+1h", "-30s"]))]
    pub(super) clock: Option<Spanned<String>>,
    /// A person resets the rule.
    #[schemars(extend("const" = true))]
    pub(super) reset: Option<Spanned<bool>>,
    /// The engine stops and starts: `true`, or how long it is down.
    #[schemars(extend("type" = ["boolean", "string"], "examples" = [true, "30s"]))]
    pub(super) restart: Option<Spanned<String>>,
}

/// One intent: `at`, and exactly one of `set`, `release`, `publish`, `call` and `alert`. What is not written is not compared.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = schema::intent)]
pub(super) struct ExpectSpec {
    /// When: a duration from the start, or a civil time.
    #[schemars(transform = schema::moment)]
    pub(super) at: Spanned<String>,
    /// So often.
    #[schemars(extend("minimum" = 1))]
    pub(super) times: Option<Spanned<u32>>,
    /// With `times`: so far apart.
    #[schemars(transform = schema::duration)]
    pub(super) every: Option<Spanned<String>>,
    /// Whose: the node's name, or what `per` says.
    pub(super) instance: Option<Spanned<String>>,
    /// A device, `room/device`, is asked to go `to` a state.
    #[schemars(extend("examples" = ["Flower Room/exhaust"]))]
    pub(super) set: Option<Spanned<String>>,
    /// With `set`: a number, on or off.
    #[schemars(transform = schema::state)]
    pub(super) to: Option<Spanned<String>>,
    /// With `set`: how long at the most.
    #[schemars(transform = schema::duration)]
    pub(super) lease: Option<Spanned<String>>,
    /// With `set`: the reason that the rule gives.
    pub(super) reason: Option<Spanned<String>>,
    /// A device, `room/device`, or a list, or `all`: the request ends.
    pub(super) release: Option<OneOrMore>,
    /// A channel that a message goes to.
    pub(super) publish: Option<Spanned<String>>,
    /// With `publish`: only these fields are compared; numbers within 1e-6.
    pub(super) fields: Option<Entries<Spanned<Value>>>,
    /// Any other function of the script, such as log_file.
    pub(super) call: Option<Spanned<String>>,
    /// With `call`: its arguments.
    pub(super) args: Option<Spanned<Vec<Value>>>,
    /// The alert is `firing` from here on, `resolved`, or ends because there is `no data`.
    #[schemars(extend("enum" = ["firing", "resolved", "no data", "changed", "disabled"]))]
    pub(super) alert: Option<Spanned<String>>,
    /// With `alert: firing`: how bad it is.
    #[schemars(extend("enum" = ["info", "warning", "critical"]))]
    pub(super) severity: Option<Spanned<String>>,
    /// With `alert: firing`: what it says.
    pub(super) summary: Option<Spanned<String>>,
}

/// What a device is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandSpec {
    /// When: a duration from the start, or a civil time.
    #[schemars(transform = schema::moment)]
    pub(super) at: Spanned<String>,
    /// The device, `room/device`.
    #[schemars(extend("examples" = ["Flower Room/exhaust"]))]
    pub(super) device: Spanned<String>,
    /// A number, on or off.
    #[schemars(transform = schema::state)]
    pub(super) state: Spanned<String>,
}
