//! What a rule's test file says, before any check beyond its shape.

use serde::Deserialize;

use crate::files::{Entries, Spanned};
use crate::model::Value;
use crate::rules::OneOrMore;

use super::super::settings::LocationSpec;

/// A file `rules/<name>_test.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileSpec {
    /// In place of the site's.
    pub(super) time_zone: Option<Spanned<String>>,
    pub(super) location: Option<Spanned<LocationSpec>>,
    pub(super) tests: Vec<TestSpec>,
}

/// One test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestSpec {
    pub(super) name: Spanned<String>,
    /// Civil time.
    pub(super) start: Option<Spanned<String>>,
    /// Spacing of the values of every `input` without its own.
    pub(super) every: Option<Spanned<String>>,
    /// Other rules that run along.
    pub(super) with: Option<OneOrMore>,
    #[serde(default)]
    pub(super) input: Vec<Spanned<InputSpec>>,
    #[serde(default)]
    pub(super) events: Vec<EventSpec>,
    pub(super) expect: Option<Vec<ExpectSpec>>,
    pub(super) commands: Option<Vec<CommandSpec>>,
    pub(super) until: Option<Spanned<String>>,
}

/// Values over time: one of `node`, `device` and `channel`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InputSpec {
    pub(super) node: Option<Spanned<String>>,
    pub(super) device: Option<Spanned<String>>,
    pub(super) channel: Option<Spanned<String>>,
    pub(super) every: Option<Spanned<String>>,
    /// A bare `null` is a series of one value that is none.
    pub(super) values: Entries<Spanned<Option<String>>>,
}

/// One happening: exactly one key beside `at`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventSpec {
    pub(super) at: Spanned<String>,
    /// `channel`, and beside it the fields.
    pub(super) message: Option<Entries<Spanned<Value>>>,
    pub(super) frame: Option<Spanned<String>>,
    pub(super) silent: Option<Spanned<String>>,
    pub(super) clock: Option<Spanned<String>>,
    pub(super) reset: Option<Spanned<bool>>,
    /// `true`, or how long the engine is down.
    pub(super) restart: Option<Spanned<String>>,
}

/// One intent: exactly one of `set`, `release`, `publish` and `call`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectSpec {
    pub(super) at: Spanned<String>,
    /// So often …
    pub(super) times: Option<Spanned<u32>>,
    /// … so far apart.
    pub(super) every: Option<Spanned<String>>,
    pub(super) instance: Option<Spanned<String>>,
    pub(super) set: Option<Spanned<String>>,
    pub(super) to: Option<Spanned<String>>,
    pub(super) lease: Option<Spanned<String>>,
    pub(super) reason: Option<Spanned<String>>,
    pub(super) release: Option<OneOrMore>,
    pub(super) publish: Option<Spanned<String>>,
    pub(super) fields: Option<Entries<Spanned<Value>>>,
    pub(super) call: Option<Spanned<String>>,
    pub(super) args: Option<Spanned<Vec<Value>>>,
}

/// What a device is told.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandSpec {
    pub(super) at: Spanned<String>,
    pub(super) device: Spanned<String>,
    pub(super) state: Spanned<String>,
}
