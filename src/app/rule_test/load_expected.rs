//! What is to come out: `expect` and `commands`.

use std::time::Duration;

use crate::actions::host_functions;
use crate::files::{Place, Spanned};
use crate::model::{Level, Severity, Value, parse_duration};

use super::expected::{Expected, ExpectedCommand, ExpectedWish};
use super::load::Loading;
use super::spec::{CommandSpec, ExpectSpec};

/// More repetitions of one expectation are a slip.
const MOST: u32 = 100_000;

impl Loading<'_> {
    pub(super) fn expect(&mut self, specs: &[ExpectSpec]) -> Vec<Expected> {
        let mut expected = Vec::new();
        for spec in specs {
            let (at, what) = (self.written(&spec.at), self.wish(spec));
            let (times, every) = self.repetition(spec);
            let (Some(at), Some(what)) = (at, what) else { continue };
            let instance = spec.instance.as_ref().map(|instance| instance.value.clone());
            let one = Expected { at, line: spec.at.place.line, instance, what };
            expected.extend((0..times).map(|n| Expected { at: at + every * n, ..one.clone() }));
            self.last = self.last.max(at + every * times.saturating_sub(1));
        }
        expected.sort_by_key(|one| one.at);
        expected
    }

    fn repetition(&mut self, spec: &ExpectSpec) -> (u32, Duration) {
        let every = spec.every.as_ref().and_then(|every| self.period(every)).unwrap_or_default();
        let times = spec.times.as_ref().map_or(1, |times| times.value);
        match (&spec.times, &spec.every) {
            (Some(times), _) if times.value == 0 || times.value > MOST => {
                self.report.error(self.file, times.place, format!("`times` is from 1 to {MOST}"));
                (1, every)
            }
            (None, Some(every)) => {
                let message = "`every` needs `times`: how often it comes";
                self.report.error(self.file, every.place, message);
                (1, Duration::ZERO)
            }
            _ => (times, every),
        }
    }

    fn wish(&mut self, spec: &ExpectSpec) -> Option<ExpectedWish> {
        let mut found = Vec::new();
        found.extend(spec.set.as_ref().map(|device| self.set(device, spec)));
        found.extend(spec.release.as_ref().map(|texts| self.release(&texts.0)));
        found.extend(spec.publish.as_ref().map(|channel| {
            let fields = spec.fields.iter().flatten();
            let fields = fields.map(|(name, value)| (name.value.clone(), value.value.clone())).collect();
            Some(ExpectedWish::Publish { channel: channel.value.clone(), fields })
        }));
        found.extend(spec.call.as_ref().map(|function| self.call(function, spec)));
        found.extend(spec.alert.as_ref().map(|state| self.alert(state, spec)));
        if found.len() != 1 {
            let message = "an expectation has `at` and exactly one of `set`, `release`, `publish`, `call` and `alert`";
            self.report.error(self.file, spec.at.place, message);
            return None;
        }
        self.strays(spec);
        found.pop()?
    }

    /// Keys that belong to another kind of intent would compare nothing.
    fn strays(&mut self, spec: &ExpectSpec) {
        let place = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.place);
        let fields = spec.fields.as_ref().map(|fields| fields.0.first().map_or(spec.at.place, |(name, _)| name.place));
        let keys: [(&str, Option<Place>, bool, &str); 7] = [
            ("to", place(&spec.to), spec.set.is_some(), "set"),
            ("lease", place(&spec.lease), spec.set.is_some(), "set"),
            ("reason", place(&spec.reason), spec.set.is_some(), "set"),
            ("fields", fields, spec.publish.is_some(), "publish"),
            ("args", spec.args.as_ref().map(|args| args.place), spec.call.is_some(), "call"),
            ("severity", place(&spec.severity), spec.alert.is_some(), "alert"),
            ("summary", place(&spec.summary), spec.alert.is_some(), "alert"),
        ];
        for (key, place, fits, of) in keys {
            if let Some(place) = place.filter(|_| !fits) {
                self.report.error(self.file, place, format!("`{key}` belongs to `{of}`"));
            }
        }
    }

    fn alert(&mut self, state: &Spanned<String>, spec: &ExpectSpec) -> Option<ExpectedWish> {
        const STATES: [&str; 5] = ["firing", "resolved", "no data", "changed", "disabled"];
        if !STATES.contains(&state.as_str()) {
            let message = format!("`{}` is nothing that becomes of an alert: firing, resolved or no data", state.value);
            self.report.error(self.file, state.place, message).did_you_mean(state, STATES);
            return None;
        }
        if let Some(severity) = &spec.severity
            && !Severity::ALL.iter().any(|known| known.name() == severity.value)
        {
            let message = format!("`{}` is no severity: info, warning or critical", severity.value);
            self.report.error(self.file, severity.place, message);
        }
        let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
        let (severity, summary) = (text(&spec.severity), text(&spec.summary));
        Some(ExpectedWish::Alert { state: state.value.clone(), severity, summary })
    }

    fn set(&mut self, device: &Spanned<String>, spec: &ExpectSpec) -> Option<ExpectedWish> {
        let key = self.device(device).map(|device| device.key.clone());
        let Some(to) = &spec.to else {
            let message = "`set` needs `to`: a number, on or off";
            self.report.error(self.file, device.place, message);
            return None;
        };
        let level = match to.as_str() {
            "on" => Ok(Level::On),
            "off" => Ok(Level::Off),
            other => other.parse().map(Level::At).map_err(|_| format!("`{other}` is no state: a number, on or off")),
        };
        let level = self.right(to.place, level);
        let lease = match &spec.lease {
            Some(lease) => Some(self.right(lease.place, parse_duration(lease))?),
            None => None,
        };
        let reason = spec.reason.as_ref().map(|reason| reason.value.clone());
        Some(ExpectedWish::Set { device: key?, level: level?, lease, reason })
    }

    fn release(&mut self, texts: &[Spanned<String>]) -> Option<ExpectedWish> {
        if let [one] = texts
            && one.value == "all"
        {
            return Some(ExpectedWish::Release(None));
        }
        let keys: Vec<_> = texts.iter().map(|text| self.device(text).map(|device| device.key.clone())).collect();
        keys.into_iter().collect::<Option<Vec<_>>>().map(|keys| ExpectedWish::Release(Some(keys)))
    }

    fn call(&mut self, function: &Spanned<String>, spec: &ExpectSpec) -> Option<ExpectedWish> {
        let known = host_functions();
        let names = known.iter().map(|function| function.name);
        if !names.clone().any(|name| name == function.value) {
            let message = format!("no action has a function `{}`", function.value);
            self.report.error(self.file, function.place, message).did_you_mean(function, names);
            return None;
        }
        let args = spec.args.as_ref().map(|args| args.value.clone());
        Some(ExpectedWish::Call { function: function.value.clone(), args })
    }

    pub(super) fn commands(&mut self, specs: &[CommandSpec]) -> Vec<ExpectedCommand> {
        let mut commands = Vec::new();
        for spec in specs {
            let (at, state) = (self.written(&spec.at), self.state(spec));
            if let (Some(at), Some((device, state))) = (at, state) {
                commands.push(ExpectedCommand { at, line: spec.at.place.line, device, state });
            }
        }
        commands.sort_by_key(|command| command.at);
        commands
    }

    /// The state as the device's command signal reads.
    fn state(&mut self, spec: &CommandSpec) -> Option<(crate::model::DeviceKey, Value)> {
        let device = self.device(&spec.device)?;
        let signal = device.command.frame.signals[device.command.signal].clone();
        let key = device.key.clone();
        let text = spec.state.as_str();
        let names = signal.values.iter().map(|(_, name)| &**name);
        let state = match text.parse::<f64>() {
            Ok(number) => Value::Number(number),
            Err(_) if names.clone().any(|name| name == text) => Value::text(text),
            Err(_) => {
                let message = format!("{key} cannot be told `{text}`");
                let fault = self.report.error(self.file, spec.state.place, message);
                match signal.values.is_empty() {
                    true => fault.help("it takes a number"),
                    false => fault.did_you_mean(text, names),
                }
                return None;
            }
        };
        Some((key, state))
    }
}
