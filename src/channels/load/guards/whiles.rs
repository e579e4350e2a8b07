//! `forbid_while` and `only_while`: the state of another device, `Flower Room/exhaust > 50`.

use crate::channels::codec::Signal;
use crate::channels::{Comparison, Test, While};
use crate::files::Spanned;
use crate::model::{DeviceKey, Name};

use super::super::check::Check;
use super::Around;
use super::numbers::{SIGNS, constant, sign};
use super::states::{names, numbers, two_states};

const HOW: &str = "write `Room/device`, `Room/device > 50` or `Room/device == \"on\"`";

/// The conditions of one key, as far as they are right.
pub(super) fn whiles(check: &mut Check, around: Around<'_>, own: &DeviceKey, specs: &[Spanned<String>]) -> Vec<While> {
    specs.iter().filter_map(|spec| one(check, around, own, spec)).collect()
}

fn one(check: &mut Check, around: Around<'_>, own: &DeviceKey, spec: &Spanned<String>) -> Option<While> {
    let known: Vec<DeviceKey> = around.rooms.iter().flat_map(|(room, devices)| keys(room, devices.keys())).collect();
    let (name, rest) = split(&spec.value, &known);
    let Some(device) = known.iter().find(|key| key.to_string() == name) else {
        let names: Vec<String> = known.iter().map(ToString::to_string).collect();
        let short = name.rsplit('/').next().unwrap_or(name).trim().to_owned();
        let short = Spanned { value: short, place: spec.place };
        let namesake = known.iter().find(|key| *key.device == *short.value);
        let diagnostic = check.unknown(&short, format!("there is no device '{name}'"));
        match namesake {
            Some(namesake) => diagnostic.help(format!("did you mean `{namesake}`?")),
            None => diagnostic.did_you_mean(name, names.iter().map(String::as_str)),
        }
        return None;
    };
    if device == own {
        let message = format!("{own} cannot depend on itself");
        check.error(spec.place, message).help("name another device");
        return None;
    }
    let comparison = if rest.is_empty() { None } else { Some(comparison(check, spec, rest)?) };
    let signal = around.device(device)?.command.signal();
    let test = match comparison {
        None => Test::On,
        Some((comparison, value)) => Asked { spec, device, signal, comparison, value }.test(check)?,
    };
    Some(While { text: Name::from(spec.trim()), device: device.clone(), test })
}

fn keys<'a>(room: &'a str, devices: impl Iterator<Item = &'a str>) -> impl Iterator<Item = DeviceKey> {
    devices.map(move |device| DeviceKey { room: Name::from(room), device: Name::from(device) })
}

/// The device, and what follows. A name may have signs of comparison in it: those that there are go first.
fn split<'a>(text: &'a str, known: &[DeviceKey]) -> (&'a str, &'a str) {
    let text = text.trim();
    let begins = |key: &DeviceKey| {
        let rest = text.strip_prefix(&key.to_string())?.trim_start();
        (rest.is_empty() || rest.starts_with(['<', '>', '=', '!'])).then_some(rest)
    };
    if let Some(rest) = known.iter().filter_map(begins).min_by_key(|rest| rest.len()) {
        return (text[..text.len() - rest.len()].trim_end(), rest);
    }
    let at = text.find(['<', '>', '=']).map(|at| if text[..at].ends_with('!') { at - 1 } else { at });
    at.map_or((text, ""), |at| (text[..at].trim_end(), &text[at..]))
}

fn comparison<'a>(check: &mut Check, spec: &Spanned<String>, rest: &'a str) -> Option<(Comparison, &'a str)> {
    let found = SIGNS.iter().find_map(|(sign, comparison)| Some((*comparison, rest.strip_prefix(sign)?.trim())));
    match found {
        Some((_, "")) => {
            check.error(spec.place, format!("'{}' compares with nothing", spec.value)).help(HOW);
            None
        }
        Some((_, value)) if value.starts_with(['<', '>', '=', '!']) => {
            check.error(spec.place, format!("'{}' has too many signs", spec.value)).help(HOW);
            None
        }
        None => {
            let message = format!("'{}' has no sign that compares", spec.value);
            check.error(spec.place, message).help("the signs are < <= > >= == !=");
            None
        }
        found => found,
    }
}

/// A comparison with the state of a device.
struct Asked<'a> {
    spec: &'a Spanned<String>,
    device: &'a DeviceKey,
    signal: &'a Signal,
    comparison: Comparison,
    value: &'a str,
}

impl Asked<'_> {
    fn test(&self, check: &mut Check) -> Option<Test> {
        let bare = [('"', '"'), ('\'', '\'')]
            .into_iter()
            .find_map(|(from, to)| self.value.strip_prefix(from)?.strip_suffix(to));
        let word = bare.unwrap_or(self.value);
        if self.signal.values.iter().any(|(_, text)| **text == *word) {
            return self.state(check, word);
        }
        match word.parse::<f64>() {
            Ok(number) if bare.is_none() && number.is_finite() => self.number(check, number),
            _ => self.word(check, word),
        }
    }

    /// One of the signal's named states.
    fn state(&self, check: &mut Check, word: &str) -> Option<Test> {
        Some(Test::State { is: self.equality(check)?, state: Name::from(word) })
    }

    /// Whether it asks for a state to be, or not to be.
    fn equality(&self, check: &mut Check) -> Option<bool> {
        match self.comparison {
            Comparison::Equal => Some(true),
            Comparison::Different => Some(false),
            other => {
                let message = format!("'{}' compares a state with `{}`", self.spec.value, sign(other));
                check.error(self.spec.place, message).help("a state is there or not: write `==` or `!=`");
                None
            }
        }
    }

    fn number(&self, check: &mut Check, number: f64) -> Option<Test> {
        let (name, sign) = (&self.signal.name, sign(self.comparison));
        let range = match numbers(self.signal) {
            Some(range) => range,
            None if two_states(self.signal) && (number == 0.0 || number == 1.0) => (0.0, 1.0),
            None => {
                let message = format!("{} cannot be {sign} {number}: {name} has states alone", self.device);
                let named = match self.signal.values.is_empty() {
                    true => "off and on".to_owned(),
                    false => names(self.signal),
                };
                check
                    .unfit(self.spec.place, message)
                    .help(format!("they are {named}; `{}` alone means: not off", self.device));
                return None;
            }
        };
        let fixed = constant(self.comparison, number, range);
        if let Some(always) = fixed {
            let word = if always { "always" } else { "never" };
            let message = format!("{} is {word} {sign} {number}", self.device);
            let help = format!("{name} goes from {} to {}", range.0, range.1);
            check.unfit(self.spec.place, message).help(help);
        }
        fixed.is_none().then_some(Test::Compare(self.comparison, number))
    }

    /// A word that is none of the signal's states: `on` and `off` are known of every device with numbers.
    fn word(&self, check: &mut Check, word: &str) -> Option<Test> {
        let off = word.eq_ignore_ascii_case("off");
        if (off || word.eq_ignore_ascii_case("on")) && (numbers(self.signal).is_some() || self.signal.values.is_empty())
        {
            let on = self.equality(check)? != off;
            return Some(if on { Test::On } else { Test::Off });
        }
        let (name, values) = (&self.signal.name, &self.signal.values);
        let diagnostic = check.unfit(self.spec.place, format!("{} has no state '{word}'", self.device));
        match values.is_empty() {
            true => diagnostic.help(format!("{name} is a number, on or off")),
            false => diagnostic.did_you_mean(word, values.iter().map(|(_, text)| &**text)),
        }
        None
    }
}
