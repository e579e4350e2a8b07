//! `devices: {commands_from: …}`: which clients may command devices, and which devices.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::files::{Entries, Report, Several, SourceFile, Spanned, read_with_gaps};
use crate::model::{CommandsFrom, Inventory, Name, glob};

use super::SettingsSpec;

/// The only clients that there are beside `growctl device set`, which always may.
const REDIS: &str = "redis";
const WORDS: [&str; 3] = ["all", "none", REDIS];

/// What holds for every device of the site.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DevicesSpec {
    /// Which clients may command devices: `all`, which is the default, `none`, or `[redis]`; with `{redis: ["Veg Room/*"]}`
    /// Redis clients may command those whose `room/device` matches a glob. `growctl device set` always may.
    commands_from: Option<Spanned<ClientsSpec>>,
}

/// A word, a list of clients, or the devices of each client. Read by hand: serde's untagged enums lose the place of a
/// fault inside.
#[derive(Debug)]
enum ClientsSpec {
    Word(String),
    Clients(Vec<Spanned<String>>),
    Devices(Entries<Several<Spanned<String>>>),
}

impl<'de> Deserialize<'de> for ClientsSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ClientsSpec, D::Error> {
        struct ClientsVisitor;
        impl<'de> Visitor<'de> for ClientsVisitor {
            type Value = ClientsSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`all`, `none`, `[redis]`, or `{redis: [\"Veg Room/*\"]}`")
            }
            fn visit_str<E>(self, text: &str) -> Result<ClientsSpec, E> {
                Ok(ClientsSpec::Word(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ClientsSpec, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(ClientsSpec::Clients)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClientsSpec, A::Error> {
                Entries::deserialize(MapAccessDeserializer::new(map)).map(ClientsSpec::Devices)
            }
        }
        from.deserialize_any(ClientsVisitor)
    }
}

impl JsonSchema for ClientsSpec {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "ClientsSpec".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let patterns = json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
        json_schema!({
            "anyOf": [
                { "enum": WORDS },
                { "type": "array", "items": { "enum": [REDIS] } },
                { "type": "object", "properties": { REDIS: patterns }, "additionalProperties": false }
            ],
            "default": "all",
            "examples": ["all", "none", { REDIS: ["Veg Room/*"] }]
        })
    }
}

impl DevicesSpec {
    /// Who may command devices, as far as it is right.
    pub(super) fn commands_from(&self, file: &Arc<SourceFile>, report: &mut Report) -> CommandsFrom {
        let Some(spec) = &self.commands_from else { return CommandsFrom::All };
        match &spec.value {
            ClientsSpec::Word(word) if word == "none" => CommandsFrom::None,
            ClientsSpec::Word(word) => {
                if !WORDS.contains(&word.as_str()) {
                    let message = format!("'{word}' is neither `all`, `none` nor a client");
                    report.error(file, spec.place, message).did_you_mean(word, WORDS);
                }
                CommandsFrom::All
            }
            ClientsSpec::Clients(clients) => {
                clients.iter().for_each(|client| check_client(file, client, report));
                if clients.is_empty() { CommandsFrom::None } else { CommandsFrom::All }
            }
            ClientsSpec::Devices(clients) => {
                let mut only = Vec::new();
                for (client, patterns) in clients {
                    check_client(file, client, report);
                    patterns.iter().for_each(|pattern| check_pattern(file, pattern, report));
                    only.extend(patterns.iter().map(|pattern| Name::from(pattern.as_str())));
                }
                if only.is_empty() { CommandsFrom::None } else { CommandsFrom::Only(only) }
            }
        }
    }

    fn patterns(&self) -> impl Iterator<Item = &Spanned<String>> {
        let devices = match self.commands_from.as_ref().map(|spec| &spec.value) {
            Some(ClientsSpec::Devices(devices)) => Some(devices),
            _ => None,
        };
        devices.into_iter().flatten().flat_map(|(_, patterns)| patterns.iter())
    }
}

fn check_client(file: &Arc<SourceFile>, client: &Spanned<String>, report: &mut Report) {
    if client.value != REDIS {
        let message = format!("there are no clients called '{}'", client.value);
        report.error(file, client.place, message).did_you_mean(client, [REDIS]);
    }
}

/// A pattern is over room and device: a name alone would match nothing.
fn check_pattern(file: &Arc<SourceFile>, pattern: &Spanned<String>, report: &mut Report) {
    if !pattern.contains(['/', '*']) {
        let message = format!("'{}' is no pattern of `room/device`", pattern.value);
        report.error(file, pattern.place, message).help("write `Veg Room/heater`, `Veg Room/*` or `*/lights`");
    }
}

/// Warns of patterns that no device of the map matches. The settings themselves have been checked.
pub(in crate::app) fn check_patterns(file: &Arc<SourceFile>, inventory: &Inventory, report: &mut Report) {
    let Some((spec, _)) = read_with_gaps::<SettingsSpec>(file, &mut Report::default()) else { return };
    let names: Vec<String> = inventory.devices.iter().map(ToString::to_string).collect();
    let mut rooms: Vec<String> = inventory.devices.iter().map(|key| format!("{}/*", key.room)).collect();
    rooms.dedup();
    for pattern in spec.devices.patterns() {
        if !names.iter().any(|name| glob(pattern.as_bytes(), name.as_bytes())) {
            let message = format!("no device of the map matches '{}'", pattern.value);
            let known = rooms.iter().chain(&names).map(String::as_str);
            report.warning(file, pattern.place, message).did_you_mean(pattern, known);
        }
    }
}
