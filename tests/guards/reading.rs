//! The checker's own reading of a channel map: plain YAML into plain structs, with nothing of the engine.

use std::collections::BTreeMap;

use serde_json::Value;

/// What the checker wants of a map.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    pub(crate) devices: BTreeMap<String, Device>,
    /// Sensors by identifier.
    pub(crate) sensors: BTreeMap<u32, Sensor>,
}

/// Some bits of a frame and what they mean.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    pub(crate) id: u32,
    byte: usize,
    shift: u32,
    mask: u8,
    pub(crate) scale: f64,
    pub(crate) states: Vec<(u8, String)>,
    pub(crate) invalid: Option<u8>,
    pub(crate) range: Option<(f64, f64)>,
    /// Nothing for so long: it is stale.
    pub(crate) stale_after: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sensor {
    pub(crate) channel: String,
    pub(crate) field: String,
    pub(crate) bits: Bits,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) bits: Bits,
    pub(crate) feedback: Option<Feedback>,
    /// `None`: it keeps its state.
    pub(crate) safe: Option<u8>,
    pub(crate) off: u8,
    pub(crate) repeat: Option<u64>,
    pub(crate) watchdog: Option<u64>,
    pub(crate) ttl: u64,
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) ramp: Option<f64>,
    pub(crate) min_on: u64,
    pub(crate) min_off: u64,
    pub(crate) max_on: Option<(u64, u64)>,
    pub(crate) starts: Option<usize>,
    pub(crate) stagger: u64,
    pub(crate) groups: Vec<String>,
    pub(crate) forbid: Vec<Condition>,
    pub(crate) only: Vec<Condition>,
    pub(crate) needs: Vec<Need>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Feedback {
    pub(crate) bits: Bits,
    pub(crate) within: u64,
    pub(crate) retries: u64,
    pub(crate) tolerance: f64,
}

/// `R/d1 > 50`; without a sign: it is on.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) device: String,
    pub(crate) sign: String,
    pub(crate) value: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Need {
    pub(crate) channel: String,
    pub(crate) field: String,
    pub(crate) below: Option<f64>,
    pub(crate) above: Option<f64>,
    pub(crate) fresh: Option<u64>,
}

pub(crate) fn map(text: &str) -> Map {
    let yaml: Value = serde_saphyr::from_str(text).expect("the map is YAML");
    let mut map = Map::default();
    for (room, clusters) in entries(&yaml["rooms"]) {
        for (cluster, nodes) in entries(clusters) {
            for node in nodes.as_array().into_iter().flatten() {
                let frame = &yaml["frames"][node["frame"].as_str().unwrap_or_default()];
                for (field, _) in entries(&frame["signals"]) {
                    let bits = bits(frame, field, number(&node["id"]) as u32);
                    let sensor =
                        Sensor { channel: format!("sensor:update:{room}:{cluster}"), field: field.clone(), bits };
                    map.sensors.insert(sensor.bits.id, sensor);
                }
            }
        }
    }
    for (room, devices) in entries(&yaml["devices"]) {
        for (name, device) in entries(devices) {
            let name = format!("{room}/{name}");
            map.devices.insert(name.clone(), self::device(&yaml, name, device));
        }
    }
    map
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn device(yaml: &Value, name: String, spec: &Value) -> Device {
    let own = |what: &Value| {
        let frame = &yaml["frames"][what["frame"].as_str().unwrap_or_default()];
        bits(frame, what["signal"].as_str().unwrap_or_default(), number(&what["id"]) as u32)
    };
    let bits = own(&spec["command"]);
    let range = range(&spec["range"]);
    let least = range.or(bits.range).map_or(0.0, |(low, high)| 0.0_f64.max(low).min(high));
    let off = (least / bits.scale).round() as u8;
    let safe = match &spec["safe"] {
        Value::String(word) if word == "keep" => None,
        Value::String(word) => Some(if word == "off" { off } else { 1 }),
        other => Some((number(other) / bits.scale).round() as u8),
    };
    let watchdog = Some(&spec["watchdog"]).filter(|word| *word != "none").map(span);
    let feedback = Some(&spec["feedback"]).filter(|feedback| feedback.is_object()).map(|feedback| Feedback {
        bits: own(feedback),
        within: span(&feedback["within"]),
        retries: number(&feedback["retries"]) as u64,
        tolerance: feedback["tolerance"].as_f64().unwrap_or(0.0),
    });
    let some = |key: &str| Some(&spec[key]).filter(|value| !value.is_null());
    let per_second = |ramp: &Value| {
        let text = ramp.as_str().expect("a ramp").split_once('/').expect("a ramp is a change per time");
        text.0.parse::<f64>().expect("a number") / if text.1 == "s" { 1.0 } else { 60.0 }
    };
    let need = |need: &Value| Need {
        channel: need["channel"].as_str().unwrap_or_default().to_owned(),
        field: need["field"].as_str().unwrap_or_default().to_owned(),
        below: need["below"].as_f64(),
        above: need["above"].as_f64(),
        fresh: Some(&need["fresh"]).filter(|fresh| !fresh.is_null()).map(span),
    };
    Device {
        off,
        safe,
        feedback,
        repeat: some("repeat").map(span).or(watchdog.map(|watchdog| watchdog / 3)),
        watchdog,
        ttl: some("ttl").map_or(2_000_000_000, span),
        range,
        ramp: some("ramp").map(per_second),
        min_on: some("min_on").map_or(0, span),
        min_off: some("min_off").map_or(0, span),
        max_on: some("max_on").map(|max| (span(&max["time"]), span(&max["lockout"]))),
        starts: some("max_starts_per_hour").map(|most| number(most) as usize),
        stagger: some("stagger").map_or(0, span),
        groups: list(&spec["interlock"]).filter_map(|group| Some(group.as_str()?.to_owned())).collect(),
        forbid: list(&spec["forbid_while"]).map(condition).collect(),
        only: list(&spec["only_while"]).map(condition).collect(),
        needs: list(&spec["needs"]).map(need).collect(),
        bits,
        name,
    }
}

/// One, or a list.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    let one = Some(value).filter(|value| !value.is_array() && !value.is_null());
    value.as_array().into_iter().flatten().chain(one)
}

fn condition(value: &Value) -> Condition {
    let text = value.as_str().expect("a condition is a text");
    let at = text.find(['<', '>', '=', '!']).unwrap_or(text.len());
    let (device, rest) = text.split_at(at);
    let end = rest.find(|c: char| !"<>=!".contains(c)).unwrap_or(rest.len());
    let (sign, value) = rest.split_at(end);
    let (device, value) = (device.trim().to_owned(), value.trim().trim_matches('"').to_owned());
    Condition { device, sign: sign.to_owned(), value }
}

fn bits(frame: &Value, signal: &str, id: u32) -> Bits {
    let spec = &frame["signals"][signal];
    let byte = number(&spec["byte"]) as usize;
    let (shift, width) = match &spec["bits"] {
        Value::Null => (0, 8),
        Value::String(text) => {
            let (from, to) = text.split_once("..").unwrap_or((text, text));
            let (from, to) = (from.parse::<u32>().expect("a bit"), to.parse::<u32>().expect("a bit"));
            (from, to - from + 1)
        }
        bit => (number(bit) as u32, 1),
    };
    let states = entries(&spec["values"])
        .map(|(raw, text)| (raw.parse().expect("raw"), text.as_str().unwrap_or_default().to_owned()));
    Bits {
        id,
        byte,
        shift,
        mask: (0xFF_u32 >> (8 - width)) as u8,
        scale: spec["scale"].as_f64().unwrap_or(1.0),
        states: states.collect(),
        invalid: Some(&spec["invalid"]).filter(|invalid| !invalid.is_null()).map(|invalid| number(invalid) as u8),
        range: range(&spec["range"]),
        stale_after: Some(&frame["cycle"]).filter(|cycle| !cycle.is_null()).map_or(0, |cycle| 3 * span(cycle)),
    }
}

fn range(value: &Value) -> Option<(f64, f64)> {
    Some((value.get(0)?.as_f64()?, value.get(1)?.as_f64()?))
}

fn number(value: &Value) -> f64 {
    let hex = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok().map(f64::from);
    value.as_f64().or_else(|| hex(value.as_str()?)).unwrap_or_default()
}

/// Nanoseconds.
fn span(value: &Value) -> u64 {
    let text = value.as_str().expect("a duration is a text");
    let at = text.find(|c: char| c.is_ascii_alphabetic()).expect("a duration has a unit");
    let unit = match &text[at..] {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        _ => 3_600_000_000_000,
    };
    text[..at].parse::<u64>().expect("a duration has a number") * unit
}

impl Bits {
    pub(crate) fn of(&self, bytes: &[u8]) -> u8 {
        bytes[self.byte] >> self.shift & self.mask
    }

    /// Whether a node says something by it that can be believed.
    pub(crate) fn is_good(&self, raw: u8) -> bool {
        let named = self.states.iter().any(|(state, _)| *state == raw);
        let within =
            self.states.is_empty() && self.range.is_none_or(|(low, high)| (low..=high).contains(&self.number(raw)));
        self.invalid != Some(raw) && (named || within)
    }

    pub(crate) fn number(&self, raw: u8) -> f64 {
        f64::from(raw) * self.scale
    }
}

impl Feedback {
    /// It may say something else for so long before the device is at fault.
    pub(crate) fn patience(&self) -> u64 {
        self.within * (self.retries + 1)
    }
}

impl Condition {
    /// Whether it holds of a device that is told, or says, that number and state.
    pub(crate) fn holds(&self, number: f64, state: Option<&str>, off: f64) -> bool {
        let word = match self.value.as_str() {
            "on" | "off" => Some((self.value == "on") == state.map_or(number > off, |state| state == "on")),
            _ => None,
        };
        let limit = || self.value.parse::<f64>().expect("a number");
        match self.sign.as_str() {
            "" => state.map_or(number > off, |state| state == "on"),
            "==" => word.unwrap_or_else(|| number == limit()),
            "!=" => !word.unwrap_or_else(|| number == limit()),
            "<" => number < limit(),
            "<=" => number <= limit(),
            ">" => number > limit(),
            _ => number >= limit(),
        }
    }
}
