//! What a rule listens to on this site, and what was last said there: from the channel map, and from the running engine
//! if there is one.

use std::path::Path;

use growctl_engine::bus::Pattern;
use growctl_engine::model::{Inventory, WellKnown};
use growctl_engine::rules::{Rule, audience};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{commands, socket};

/// Rows that are shown to people.
const MOST_ROWS: usize = 24;
/// Values that are shown of each.
const MOST_VALUES: usize = 4;

/// One source or channel under a rule's patterns.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    channel: String,
    /// The node or device; `None`: a channel that the map does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// `None`: its messages do not concern the rule, or it shows only with the first of them.
    instance: Option<String>,
    /// Its last good values, those that the rule names.
    last: Map<String, Value>,
    /// Seconds since the newest of them.
    age: Option<f64>,
}

/// All that a rule hears.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) rows: Vec<Row>,
    /// Why there are no last values.
    pub(super) silent: Option<String>,
}

/// Asks the map, and the running engine.
pub(super) async fn heard(folder: &Path, rule: &Rule, inventory: &Inventory) -> Heard {
    let said = last_values(folder, &rule.patterns).await;
    let (said, silent) = match said {
        Ok(said) => (said, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let named: Vec<&str> = rule.fields.iter().map(|field| &**field).collect();
    let last = |channel: &str, wanted: &dyn Fn(&str) -> bool| {
        let found = said.iter().find(|one| one["channel"] == channel);
        let fields = found.and_then(|one| one["fields"].as_object()).into_iter().flatten();
        let shown = |name: &str| wanted(name) && (named.is_empty() || named.contains(&name));
        let fields: Map<String, Value> =
            fields.filter(|(name, _)| shown(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        let age = found.and_then(|one| one["age"].as_f64()).filter(|_| !fields.is_empty());
        (fields, age)
    };
    let mut rows: Vec<Row> = Vec::new();
    for one in audience(rule, inventory) {
        let source = inventory.sources.iter().find(|source| source.name == one.source && source.channel == one.channel);
        let fields = source.map_or(&[][..], |source| &source.frames);
        let state = ["state", "wanted"].map(|name| one.channel.starts_with("device:").then_some(name));
        let (last, age) = last(&one.channel, &|name| {
            state.contains(&Some(name)) || fields.iter().flatten().any(|field| **field == *name)
        });
        let instance = one.instance.map(|key| key.to_string());
        rows.push(Row { channel: one.channel.to_string(), source: Some(one.source.to_string()), instance, last, age });
    }
    for other in &said {
        let channel = other["channel"].as_str().unwrap_or_default();
        if !rows.iter().any(|row| row.channel == channel) {
            let (last, age) = last(channel, &|name| !WellKnown::RESERVED.contains(&name));
            rows.push(Row { channel: channel.to_owned(), source: None, instance: None, last, age });
        }
    }
    Heard { rows, silent }
}

/// The last values under the patterns. They are kept by the specific channel, so a broad one asks for all of its own.
async fn last_values(folder: &Path, patterns: &[Pattern]) -> Result<Vec<Value>, String> {
    let mut asked: Vec<String> = patterns.iter().map(|pattern| pattern.text.to_string()).collect();
    for broad in ["sensor:update", "device:update"] {
        if patterns.iter().any(|pattern| pattern.matches(broad)) {
            asked.push(format!("{broad}:*"));
        }
    }
    let mut all: Vec<Value> = Vec::new();
    if asked.is_empty() {
        // A rule on a schedule hears nothing; whether an engine runs is told all the same.
        socket::get(folder, "/status").await?;
    }
    for pattern in asked {
        let found = socket::get(folder, &format!("/last/{}", socket::escaped(&pattern))).await?;
        for one in found.as_array().into_iter().flatten() {
            if !all.iter().any(|known| known["channel"] == one["channel"]) {
                all.push(one.clone());
            }
        }
    }
    Ok(all)
}

impl Heard {
    /// The table for people; empty if there is nothing to show.
    pub(super) fn table(&self) -> String {
        let rows = self.rows.iter().take(MOST_ROWS).map(|row| {
            let instance = match (&row.instance, &row.source) {
                (Some(key), _) if key.is_empty() => "(one for all)".to_owned(),
                (Some(key), _) => key.clone(),
                (None, Some(_)) => "(not concerned)".to_owned(),
                (None, None) => "-".to_owned(),
            };
            let source = row.source.clone().unwrap_or_else(|| "-".to_owned());
            let mut cells = vec![row.channel.clone(), source, instance];
            if self.silent.is_none() {
                cells.push(values(row));
            }
            cells
        });
        let rows: Vec<Vec<String>> = rows.collect();
        if rows.is_empty() {
            return String::new();
        }
        let more = self.rows.len().saturating_sub(MOST_ROWS);
        let more = if more > 0 { format!("\nand {more} more") } else { String::new() };
        let heads = ["LISTENS TO", "SOURCE", "INSTANCE", "LAST VALUES"];
        commands::table(&heads[..rows[0].len()], rows) + &more
    }
}

fn values(row: &Row) -> String {
    let Some(age) = row.age else { return "nothing yet".to_owned() };
    let shown = row.last.iter().take(MOST_VALUES).map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        // Without the `.0` of what JSON calls a float.
        other => other.as_f64().map_or_else(|| format!("{name} {other}"), |number| format!("{name} {number}")),
    });
    let more = if row.last.len() > MOST_VALUES { ", …" } else { "" };
    format!("{}{more} ({} s ago)", shown.collect::<Vec<_>>().join(", "), age.round())
}
