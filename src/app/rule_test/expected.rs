//! What a test expects of a rule and of devices, what came, and in what the two differ.

use std::fmt;
use std::time::Duration;

use crate::model::{DeviceKey, Fields, Level, Name, Severity, Value, format_duration};

/// Numbers that differ by no more are equal.
const CLOSE: f64 = 1e-6;
/// Moments that differ by no more are equal: what people write has milliseconds at most.
const SOON: Duration = Duration::from_millis(1);

/// An intent that the file asks for.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) at: Duration,
    pub(super) line: usize,
    pub(super) instance: Option<String>,
    pub(super) what: ExpectedWish,
}

#[derive(Clone, Debug)]
pub(super) enum ExpectedWish {
    Set {
        device: DeviceKey,
        level: Level,
        lease: Option<Duration>,
        reason: Option<String>,
    },
    /// `None`: all that the instance holds.
    Release(Option<Vec<DeviceKey>>),
    Publish {
        channel: String,
        fields: Vec<(String, Value)>,
    },
    Call {
        function: String,
        args: Option<Vec<Value>>,
    },
    Alert {
        state: String,
        severity: Option<String>,
        summary: Option<String>,
    },
}

/// An intent that came.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) at: Duration,
    pub(super) instance: Name,
    pub(super) what: Wish,
}

#[derive(Clone, Debug)]
pub(super) enum Wish {
    Set {
        device: DeviceKey,
        level: Level,
        lease: Option<Duration>,
        reason: Option<Name>,
    },
    Release {
        devices: Vec<DeviceKey>,
        all: bool,
    },
    Publish {
        channel: Name,
        fields: Fields,
    },
    Call {
        function: &'static str,
        args: Vec<Value>,
    },
    /// How bad it is and what it says, where it begins.
    Alert {
        state: &'static str,
        raised: Option<(Severity, Name)>,
    },
}

/// What a device is to be told.
#[derive(Clone, Debug)]
pub(super) struct ExpectedCommand {
    pub(super) at: Duration,
    pub(super) line: usize,
    pub(super) device: DeviceKey,
    pub(super) state: Value,
}

/// What a device was told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) at: Duration,
    pub(super) device: DeviceKey,
    pub(super) state: Value,
}

impl Expected {
    /// In what the intent differs; `None` if it is of another kind, so that the two have nothing to do with each other.
    pub(super) fn differs(&self, got: &Got) -> Option<Vec<String>> {
        let mut differences = Vec::new();
        let mut compare = |same: bool, what: String| differences.extend((!same).then_some(what));
        compare(soon(self.at, got.at), format!("at {}", format_duration(got.at)));
        if let Some(instance) = &self.instance {
            compare(**instance == *got.instance, format!("instance `{}`", got.instance));
        }
        match (&self.what, &got.what) {
            (
                ExpectedWish::Set { device, level, lease, reason },
                Wish::Set { device: to, level: is, lease: lasts, reason: why },
            ) if device == to => {
                compare(level == is, format!("to {}", shown(*is)));
                if lease.is_some() {
                    compare(
                        lease == lasts,
                        lasts.map_or("no lease".to_owned(), |span| format!("lease {}", format_duration(span))),
                    );
                }
                if let Some(reason) = reason {
                    let said = why.as_deref();
                    compare(
                        Some(reason.as_str()) == said,
                        said.map_or("no reason".to_owned(), |why| format!("reason \"{why}\"")),
                    );
                }
            }
            (ExpectedWish::Release(wanted), Wish::Release { devices, all }) => {
                let mut sorted = wanted.clone().unwrap_or_default();
                sorted.sort();
                let same = if wanted.is_some() { sorted == *devices } else { *all };
                compare(same, format!("release {}", names(devices)));
            }
            (ExpectedWish::Publish { channel, fields }, Wish::Publish { channel: on, fields: has })
                if **channel == **on =>
            {
                for (name, value) in fields {
                    let is = has.get(name);
                    let said = is.map_or(format!("no `{name}`"), |is| format!("{name} {}", json(is)));
                    compare(is.is_some_and(|is| alike(value, is)), said);
                }
            }
            (ExpectedWish::Call { function, args }, Wish::Call { function: called, args: given })
                if function == called =>
            {
                let given = Value::List(given.clone().into());
                let same = args.as_ref().is_none_or(|args| alike(&Value::List(args.clone().into()), &given));
                compare(same, format!("args {}", json(&given)));
            }
            (ExpectedWish::Alert { state, severity, summary }, Wish::Alert { state: is, raised }) => {
                compare(state == is, format!("alert {is}"));
                if let Some((bad, said)) = raised {
                    compare(severity.as_ref().is_none_or(|wanted| wanted == bad.name()), format!("severity {bad}"));
                    compare(summary.as_ref().is_none_or(|wanted| **wanted == **said), format!("summary \"{said}\""));
                }
            }
            _ => return None,
        }
        Some(differences)
    }
}

impl ExpectedCommand {
    /// In what the command differs; `None` if it is for another device.
    pub(super) fn differs(&self, told: &Told) -> Option<Vec<String>> {
        if self.device != told.device {
            return None;
        }
        let at = (!soon(self.at, told.at)).then(|| format!("at {}", format_duration(told.at)));
        let state = (!alike(&self.state, &told.state)).then(|| format!("state {}", told.state));
        Some(at.into_iter().chain(state).collect())
    }
}

fn soon(a: Duration, b: Duration) -> bool {
    a.abs_diff(b) <= SOON
}

/// Whether a value is the expected one: numbers nearly, of an object only what is written.
pub(super) fn alike(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Number(a), Value::Number(b)) => (a - b).abs() <= CLOSE,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Map(a), Value::Map(b)) => a.iter().all(|(name, a)| b.get(name).is_some_and(|b| alike(a, b))),
        _ => expected == got,
    }
}

/// A level as a test writes it.
fn shown(level: Level) -> String {
    match level {
        Level::On => "on".to_owned(),
        Level::Off => "off".to_owned(),
        Level::At(number) => number.to_string(),
    }
}

fn names(devices: &[DeviceKey]) -> String {
    devices.iter().map(DeviceKey::to_string).collect::<Vec<_>>().join(", ")
}

/// As it is written in a test, on one line.
pub(super) fn json(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("\"{text}\""),
        Value::Null | Value::Bool(_) => serde_json::to_string(value).unwrap_or_default(),
        Value::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
        Value::Map(fields) => format!("{{{}}}", pairs(fields.iter().map(|(name, value)| (&**name, value)))),
    }
}

fn pairs<'a>(fields: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    fields.map(|(name, value)| format!("{name}: {}", json(value))).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            ExpectedWish::Set { device, level, lease, reason } => {
                write!(f, "set {device} to {}", shown(*level))?;
                lease.iter().try_for_each(|lease| write!(f, " for {}", format_duration(*lease)))?;
                reason.iter().try_for_each(|reason| write!(f, " \"{reason}\""))?;
            }
            ExpectedWish::Release(None) => f.write_str("release all")?,
            ExpectedWish::Release(Some(devices)) => write!(f, "release {}", names(devices))?,
            ExpectedWish::Publish { channel, fields } => {
                let fields = fields.iter().map(|(name, value)| (name.as_str(), value));
                write!(f, "publish {channel} {{{}}}", pairs(fields))?;
            }
            ExpectedWish::Call { function, args: None } => write!(f, "call {function}")?,
            ExpectedWish::Call { function, args: Some(args) } => {
                write!(f, "call {function}({})", args.iter().map(json).collect::<Vec<_>>().join(", "))?;
            }
            ExpectedWish::Alert { state, severity, summary } => {
                write!(f, "alert {state}")?;
                severity.iter().try_for_each(|severity| write!(f, " {severity}"))?;
                summary.iter().try_for_each(|summary| write!(f, " \"{summary}\""))?;
            }
        }
        self.instance.iter().try_for_each(|instance| write!(f, " ({instance})"))
    }
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Wish::Set { device, level, lease, reason } => {
                write!(f, "set {device} to {}", shown(*level))?;
                lease.iter().try_for_each(|lease| write!(f, " for {}", format_duration(*lease)))?;
                reason.iter().try_for_each(|reason| write!(f, " \"{reason}\""))?;
            }
            Wish::Release { devices, .. } => write!(f, "release {}", names(devices))?,
            Wish::Publish { channel, fields } => {
                let fields = fields.iter().map(|(name, value)| (&**name, value));
                write!(f, "publish {channel} {{{}}}", pairs(fields))?;
            }
            Wish::Call { function, args } => {
                write!(f, "call {function}({})", args.iter().map(json).collect::<Vec<_>>().join(", "))?;
            }
            Wish::Alert { state, raised } => {
                write!(f, "alert {state}")?;
                raised.iter().try_for_each(|(severity, summary)| write!(f, " {severity} \"{summary}\""))?;
            }
        }
        if self.instance.is_empty() { Ok(()) } else { write!(f, " ({})", self.instance) }
    }
}

impl fmt::Display for ExpectedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.device, self.state)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.device, self.state)
    }
}
