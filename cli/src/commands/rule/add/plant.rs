//! What a template can take from the channel map: nodes that send a field, devices that fit. Nothing is invented: what the
//! site does not have is a refusal that says what is missing.

use std::collections::BTreeSet;
use std::time::Duration;

use growctl_engine::channels::codec::Signal;
use growctl_engine::channels::{ChannelMap, Device, NodeFrame};
use growctl_engine::files::closest;

/// Why no rule can be made of what was said, and by which flag it could be mended.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Without its dashes.
    pub(super) flag: Option<&'static str>,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn of(flag: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { flag: Some(flag), message: message.into() }
    }

    pub(super) fn site(message: impl Into<String>) -> Refusal {
        Refusal { flag: None, message: message.into() }
    }

    pub(super) fn text(&self) -> String {
        self.flag.map_or_else(|| self.message.clone(), |flag| format!("--{flag}: {}", self.message))
    }
}

/// Where to look: what `--room`, `--cluster` and `--device` say.
#[derive(Clone, Debug, Default)]
pub(super) struct Where {
    pub(super) room: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) device: Option<String>,
}

impl Where {
    /// The pattern of the nodes meant.
    pub(super) fn pattern(&self) -> String {
        match (&self.room, &self.cluster) {
            (None, None) => "sensor:update:*".to_owned(),
            (room, cluster) => {
                let part = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".to_owned());
                format!("sensor:update:{}:{}", part(room), part(cluster))
            }
        }
    }

    pub(super) fn has(&self, node: &NodeFrame) -> bool {
        let fits = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
        fits(&self.room, &node.source.room) && fits(&self.cluster, &node.source.place)
    }

    /// For people: the room, the cluster, or the site.
    pub(super) fn words(&self) -> String {
        match (&self.room, &self.cluster) {
            (Some(room), Some(cluster)) => format!("{room}, {cluster}"),
            (Some(room), None) => room.clone(),
            (None, Some(cluster)) => format!("the clusters '{cluster}'"),
            (None, None) => "this site".to_owned(),
        }
    }
}

/// One field of one node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'m> {
    pub(super) node: &'m NodeFrame,
    pub(super) field: &'m str,
    pub(super) signal: &'m Signal,
}

impl Reading<'_> {
    /// How often its frame comes.
    pub(super) fn cycle(&self) -> Duration {
        self.node.frame.cycle.filter(|cycle| !cycle.is_zero()).unwrap_or(Duration::from_secs(1))
    }

    pub(super) fn unit(&self) -> String {
        unit(self.signal)
    }

    /// A value that it may well have, for tests.
    pub(super) fn sample(&self) -> f64 {
        match self.signal.range {
            Some((low, high)) if low <= 20.0 && high >= 20.0 => 20.0,
            Some((low, high)) => self.rounded(f64::midpoint(low, high)),
            None => 1.0,
        }
    }

    pub(super) fn rounded(&self, value: f64) -> f64 {
        let power = 10_f64.powi(i32::from(self.signal.decimals.unwrap_or(3)));
        (value * power).round() / power
    }

    /// A value that is clearly above (or below) a limit and still believed; `None` if there is none.
    pub(super) fn beyond(&self, limit: f64, above: bool) -> Option<f64> {
        let finest = 10_f64.powi(-i32::from(self.signal.decimals.unwrap_or(3)));
        let (low, high) = self.signal.range.unwrap_or((f64::MIN, f64::MAX));
        [1.0, 0.5, 0.1, 0.01, 0.001].into_iter().filter(|step| *step >= finest).find_map(|step| {
            let value = self.rounded(if above { limit + step } else { limit - step });
            let clear = if above { value > limit } else { value < limit };
            (clear && (low..=high).contains(&value)).then_some(value)
        })
    }
}

/// A signal's unit as people write it, with the space before it; empty where there is none.
pub(super) fn unit(signal: &Signal) -> String {
    match signal.unit.as_deref() {
        None => String::new(),
        Some("degC") => " °C".to_owned(),
        Some("%RH") => " %".to_owned(),
        // It goes into texts and scripts: what means something there is left out.
        Some(unit) if unit.contains(['`', '$', '\\', '"', '@', '{']) => String::new(),
        Some(unit) => format!(" {unit}"),
    }
}

/// The numbers that the nodes of the map publish, in its order.
pub(super) fn readings(map: &ChannelMap) -> impl Iterator<Item = Reading<'_>> {
    map.nodes.iter().flat_map(|node| {
        let fields = node.fields.iter().filter(|field| field.published);
        fields.filter_map(move |field| {
            let signal = &node.frame.signals[field.signal];
            signal.values.is_empty().then_some(Reading { node, field: &field.name, signal })
        })
    })
}

/// Those of a field, where it is to be looked for.
///
/// # Errors
/// Nobody there sends it.
pub(super) fn sending<'m>(map: &'m ChannelMap, field: &str, place: &Where) -> Result<Vec<Reading<'m>>, Refusal> {
    known_place(map, place)?;
    let found: Vec<Reading<'m>> =
        readings(map).filter(|reading| reading.field == field && place.has(reading.node)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let texts = map.nodes.iter().filter(|node| place.has(node)).find_map(|node| {
        let field = node.fields.iter().find(|known| known.published && *known.name == *field)?;
        Some(&node.frame.signals[field.signal].values)
    });
    if let Some(texts) = texts {
        let texts: Vec<&str> = texts.iter().map(|(_, text)| &**text).collect();
        let message = format!("`{field}` is no number but one of {}; --when can compare it", texts.join(", "));
        return Err(Refusal::of("field", message));
    }
    let there: BTreeSet<&str> = readings(map).filter(|reading| place.has(reading.node)).map(|r| r.field).collect();
    let known = closest(field, there.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    let known = known.unwrap_or_else(|| match there.is_empty() {
        true => "it has no node at all".to_owned(),
        false => format!("there is: {}; --field names one", there.into_iter().collect::<Vec<_>>().join(", ")),
    });
    Err(Refusal { flag: None, message: format!("no node of {} sends `{field}`: {known}", place.words()) })
}

/// Whether room and cluster exist.
///
/// # Errors
/// They do not; it says which do.
pub(super) fn known_place(map: &ChannelMap, place: &Where) -> Result<(), Refusal> {
    let rooms: BTreeSet<&str> = map
        .nodes
        .iter()
        .map(|node| &*node.source.room)
        .chain(map.devices.iter().map(|device| &*device.key.room))
        .collect();
    named("room", place.room.as_deref(), &rooms)?;
    let in_room = |node: &&NodeFrame| place.room.as_deref().is_none_or(|room| *room == *node.source.room);
    let clusters: BTreeSet<&str> = map.nodes.iter().filter(in_room).map(|node| &*node.source.place).collect();
    named("cluster", place.cluster.as_deref(), &clusters)
}

fn named(flag: &'static str, given: Option<&str>, known: &BTreeSet<&str>) -> Result<(), Refusal> {
    let Some(given) = given.filter(|given| !known.contains(given)) else { return Ok(()) };
    Err(Refusal::of(flag, format!("there is no {flag} '{given}': {}", proposal(given, known))))
}

fn proposal(given: &str, known: &BTreeSet<&str>) -> String {
    match closest(given, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("there is: {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
    }
}

/// The devices that are meant: those of the name given, else those that fit by kind or name.
///
/// # Errors
/// None is.
pub(super) fn devices<'m>(
    map: &'m ChannelMap,
    place: &Where,
    what: &str,
    fits: &[&str],
) -> Result<Vec<&'m Device>, Refusal> {
    known_place(map, place)?;
    let in_room = |device: &&Device| place.room.as_deref().is_none_or(|room| *room == *device.key.room);
    let there: Vec<&Device> = map.devices.iter().filter(in_room).collect();
    let names = |all: &[&Device]| {
        let names = all.iter().map(|device| format!("{} ({})", device.key, device.kind));
        names.collect::<Vec<_>>().join(", ")
    };
    if let Some(given) = &place.device {
        let is = |device: &&&Device| *device.key.device == **given || device.key.to_string() == *given;
        let found: Vec<&Device> = there.iter().filter(is).copied().collect();
        if found.is_empty() {
            let known: BTreeSet<&str> = there.iter().map(|device| &*device.key.device).collect();
            let near = proposal(given, &known);
            return Err(Refusal::of("device", format!("{} has no device '{given}': {near}", place.words())));
        }
        return Ok(found);
    }
    let found: Vec<&Device> = there.iter().filter(|device| is_one_of(device, fits)).copied().collect();
    match (found.is_empty(), there.is_empty()) {
        (false, _) => Ok(found),
        (true, true) => Err(Refusal::site(format!("{} has no device at all, and this {what}", place.words()))),
        (true, false) => Err(Refusal::site(format!(
            "{} has no device that fits ({}), and this {what}; there is: {}; --device names one",
            place.words(),
            fits.join(", "),
            names(&there)
        ))),
    }
}

/// Whether kind or name of a device has one of these words in it.
pub(super) fn is_one_of(device: &Device, words: &[&str]) -> bool {
    let has = |text: &str| words.iter().any(|word| text.to_lowercase().contains(word));
    has(&device.kind) || has(&device.key.device)
}

/// A state that a device can be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    On,
    Off,
    At(f64),
}

impl Ask {
    /// The method of a script up to its options: `set(60, `, `on(`.
    pub(super) fn verb(&self) -> String {
        match self {
            Ask::On => "on(".to_owned(),
            Ask::Off => "off(".to_owned(),
            Ask::At(level) => format!("set({level}, "),
        }
    }

    /// As a test expects it.
    pub(super) fn expected(&self) -> String {
        match self {
            Ask::On => "\"on\"".to_owned(),
            Ask::Off => "\"off\"".to_owned(),
            Ask::At(level) => level.to_string(),
        }
    }

    /// For people: `to 60 %`, `on`.
    pub(super) fn words(&self, device: &Device) -> String {
        match self {
            Ask::On => "on".to_owned(),
            Ask::Off => "off".to_owned(),
            Ask::At(level) => format!("to {level}{}", unit(command(device))),
        }
    }
}

pub(super) fn command(device: &Device) -> &Signal {
    &device.command.frame.signals[device.command.signal]
}

/// Whether a device is on or off and nothing between.
pub(super) fn is_switch(device: &Device) -> bool {
    let signal = command(device);
    signal.values.len() == 2 && (signal.range.is_none() || signal.layout.width == 1)
}

/// What `--set` says, checked against the device; without it `on`, or this share of the device's range.
///
/// # Errors
/// The device cannot be set to that, or nobody knows to what.
pub(super) fn level(device: &Device, given: Option<&str>, share: f64) -> Result<Ask, Refusal> {
    let (range, key) = (command(device).range, &device.key);
    let Some(given) = given else {
        return match range {
            _ if is_switch(device) => Ok(Ask::On),
            Some((low, high)) => Ok(Ask::At((low + (high - low) * share).round())),
            None => Err(Refusal::of("set", format!("is needed: the map gives no range for {key}"))),
        };
    };
    match (given, given.parse::<f64>()) {
        ("on", _) => Ok(Ask::On),
        ("off", _) => Ok(Ask::Off),
        (_, Ok(_)) if is_switch(device) => Err(Refusal::of("set", format!("{key} is on or off, not {given}"))),
        (_, Ok(level)) => match range {
            Some((low, high)) if !(low..=high).contains(&level) => {
                Err(Refusal::of("set", format!("{key} goes from {low} to {high}, not to {given}")))
            }
            _ if !level.is_finite() => Err(Refusal::of("set", format!("'{given}' is no level"))),
            _ => Ok(Ask::At(level)),
        },
        (_, Err(_)) => Err(Refusal::of("set", format!("'{given}' is no level: a number, on or off"))),
    }
}
