//! Which topic a value goes to, and what Home Assistant is told of it. Pure.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// No entities of their own: where it is, how it came about; Home Assistant shows them as attributes.
const NOT_SHOWN: [&str; 13] = [
    "id", "ts", "room", "cluster", "node", "device", "quality", "revision", "wanted", "source", "reason", "until",
    "channel",
];
/// A sensor of which nothing comes for so long is unavailable. A silent node is told by a `null` much earlier.
const EXPIRES: u32 = 3600;
/// Where Home Assistant looks.
const DISCOVERY: &str = "homeassistant";

/// What is known of a field by its name: Home Assistant's class, and the unit.
const KNOWN: [(&str, Option<&str>, Option<&str>); 16] = [
    ("temperature", Some("temperature"), Some("°C")),
    ("humidity", Some("humidity"), Some("%")),
    ("co2", Some("carbon_dioxide"), Some("ppm")),
    ("vpd", Some("pressure"), Some("kPa")),
    ("vwc", Some("moisture"), Some("%")),
    ("moisture", Some("moisture"), Some("%")),
    ("ec", Some("conductivity"), Some("mS/cm")),
    ("ph", Some("ph"), None),
    ("ppfd", None, Some("µmol/m²/s")),
    ("lux", Some("illuminance"), Some("lx")),
    ("illuminance", Some("illuminance"), Some("lx")),
    ("flow", Some("volume_flow_rate"), Some("L/min")),
    ("rpm", None, Some("rpm")),
    ("voltage", Some("voltage"), Some("V")),
    ("power", Some("power"), Some("W")),
    ("battery", Some("battery"), Some("%")),
];

/// Where a value is from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Room, and cluster or device, as far as the value names them.
    parts: Vec<String>,
    device: bool,
}

impl Place {
    pub(super) fn of(value: &Value) -> Place {
        let text = |name: &str| value.get(name).and_then(plain).filter(|text| !text.is_empty());
        let device = text("device");
        let is_device = device.is_some();
        let parts = [text("room"), device.or_else(|| text("cluster")).or_else(|| text("node"))];
        Place { parts: parts.into_iter().flatten().collect(), device: is_device }
    }

    /// `<prefix>/<room>/<cluster or device>/state`.
    pub(super) fn topic(&self, prefix: &str) -> String {
        let mut topic = prefix.to_owned();
        for part in &self.parts {
            topic.push('/');
            topic.push_str(&safe(part));
        }
        topic + "/state"
    }

    /// What a device is told last holds until it is told something else; a reading is of its moment.
    pub(super) fn retained(&self) -> bool {
        self.device
    }
}

/// Where it is said whether growctl is there.
pub(super) fn status_topic(prefix: &str) -> String {
    format!("{prefix}/status")
}

/// A name as one level of a topic: what has a meaning there becomes `_`.
fn safe(name: &str) -> String {
    let safe: String =
        name.chars().map(|c| if matches!(c, '/' | '+' | '#' | '$') || c.is_control() { '_' } else { c }).collect();
    if safe.is_empty() { "_".to_owned() } else { safe }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What Home Assistant is told of one field, once: the topic and the retained text.
#[derive(Debug, PartialEq)]
pub(super) struct Entity {
    pub(super) topic: String,
    pub(super) config: Value,
}

/// Those of a value, one for each field that can be shown.
pub(super) fn entities(prefix: &str, place: &Place, value: &Value) -> Vec<Entity> {
    let Value::Object(fields) = value else { return Vec::new() };
    let shown = fields.iter().filter(|(name, _)| !NOT_SHOWN.contains(&name.as_str()));
    shown.filter_map(|(name, value)| entity(prefix, place, name, value)).collect()
}

/// How a value is shown.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Number,
    Text,
    OnOff,
    TrueFalse,
}

impl Shown {
    fn of(place: &Place, value: &Value) -> Option<Shown> {
        match value {
            Value::Number(_) => Some(Shown::Number),
            Value::Bool(_) => Some(Shown::TrueFalse),
            Value::String(text) if place.device && matches!(text.as_str(), "on" | "off") => Some(Shown::OnOff),
            Value::String(_) => Some(Shown::Text),
            // Of what is unknown now, nobody knows how to show it.
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn component(self) -> &'static str {
        if matches!(self, Shown::OnOff | Shown::TrueFalse) { "binary_sensor" } else { "sensor" }
    }

    /// A message that lacks the field changes nothing: the nodes of a cluster share its topic. An empty number is ignored
    /// by Home Assistant; for the others the state is said again.
    fn template(self, field: &str) -> String {
        let name = quoted(field);
        match self {
            Shown::Number => format!("{{{{ value_json[{name}] if {name} in value_json else '' }}}}"),
            Shown::Text => format!("{{{{ value_json[{name}] if {name} in value_json else this.state }}}}"),
            Shown::OnOff => format!("{{{{ value_json[{name}] if {name} in value_json else this.state }}}}"),
            Shown::TrueFalse => {
                format!("{{{{ ('on' if value_json[{name}] else 'off') if {name} in value_json else this.state }}}}")
            }
        }
    }
}

fn entity(prefix: &str, place: &Place, field: &str, value: &Value) -> Option<Entity> {
    let shown = Shown::of(place, value)?;
    let component = shown.component();
    let unique = unique(prefix, place, Some(field));
    let mut config = json!({
        "name": if place.device && field == "state" { Value::Null } else { Value::from(field.replace('_', " ")) },
        "unique_id": unique,
        "state_topic": place.topic(prefix),
        "value_template": shown.template(field),
        "availability_topic": status_topic(prefix),
        "device": device(prefix, place),
        "origin": {"name": "growctl", "sw_version": env!("CARGO_PKG_VERSION")},
    });
    if let Value::Object(config) = &mut config {
        complete(config, place, field, shown);
    }
    Some(Entity { topic: format!("{DISCOVERY}/{component}/{unique}/config"), config })
}

fn complete(config: &mut Map<String, Value>, place: &Place, field: &str, shown: Shown) {
    let mut set = |name: &str, value: Value| config.insert(name.to_owned(), value);
    match shown {
        Shown::Number => {
            set("state_class", "measurement".into());
            let (class, unit) = known(field);
            class.map(|class| set("device_class", class.into()));
            unit.map(|unit| set("unit_of_measurement", unit.into()));
        }
        Shown::OnOff | Shown::TrueFalse => {
            set("payload_on", "on".into());
            set("payload_off", "off".into());
        }
        Shown::Text => {}
    }
    if place.device {
        let topic = config["state_topic"].clone();
        config.insert("json_attributes_topic".to_owned(), topic);
    } else {
        config.insert("expire_after".to_owned(), EXPIRES.into());
    }
}

/// `root_temperature` is a temperature, and so is `temperature_2`.
fn known(field: &str) -> (Option<&'static str>, Option<&'static str>) {
    let field = field.to_ascii_lowercase();
    let number = |end: &str| !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
    let base = field.rsplit_once('_').filter(|(_, end)| number(end)).map_or(field.as_str(), |(base, _)| base);
    let is = |name: &str| base.strip_suffix(name).is_some_and(|front| front.is_empty() || front.ends_with('_'));
    let found = KNOWN.iter().find(|(name, _, _)| is(name));
    found.map_or((None, None), |(_, class, unit)| (*class, *unit))
}

fn device(prefix: &str, place: &Place) -> Value {
    let name = if place.parts.is_empty() { prefix.to_owned() } else { place.parts.join(" ") };
    let mut device = json!({"identifiers": [unique(prefix, place, None)], "name": name, "manufacturer": "growctl"});
    if let (Some(room), Value::Object(device)) = (place.parts.first().filter(|_| place.parts.len() > 1), &mut device) {
        device.insert("suggested_area".to_owned(), room.clone().into());
    }
    device
}

/// Readable, and different for whatever is different: names that lose something on the way get a number of their own.
fn unique(prefix: &str, place: &Place, field: Option<&str>) -> String {
    let whole: Vec<&str> = [prefix].into_iter().chain(place.parts.iter().map(String::as_str)).chain(field).collect();
    let kept = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let slug: Vec<String> = whole
        .iter()
        .map(|part| {
            part.chars().map(|c| if kept(c.to_ascii_lowercase()) { c.to_ascii_lowercase() } else { '-' }).collect()
        })
        .collect();
    let mut id = slug.join("_");
    if slug.iter().zip(&whole).any(|(slug, part)| slug != part) {
        let digest = Sha256::digest(whole.join("/").as_bytes());
        id.push('_');
        digest.iter().take(4).for_each(|byte| id.push_str(&format!("{byte:02x}")));
    }
    id
}

/// A name within a template of Jinja.
fn quoted(name: &str) -> String {
    format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;
