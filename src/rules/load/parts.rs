//! The keys of a rule file that are no scripts, each with its own faults.

use std::time::Duration;

use crate::bus::Pattern;
use crate::files::{Place, Severity, Spanned};
use crate::model::{Fields, Name, parse_duration};

use super::super::lint::LINTS;
use super::super::rule::{Mode, Per, StaleLimit};
use super::super::{OneOrMore, RuleSpec, Schedule};
use super::Loading;

/// Variables of scripts, which no segment may be called like.
pub(super) const VARIABLES: [&str; 7] = ["msg", "channel", "state", "rule", "stale", "reset", "ended"];
const DEFAULT_PRIORITY: u8 = 50;

impl Loading<'_> {
    pub(super) fn patterns(&mut self, spec: &RuleSpec) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for text in spec.subscribe.iter().flat_map(|texts| texts.iter()) {
            match Pattern::parse(text) {
                Ok(pattern) => {
                    if let Some(name) = pattern.names.iter().find(|name| VARIABLES.contains(&&***name)) {
                        let message = format!("`{{{name}}}` is called like a variable of scripts");
                        self.report.error(self.file, text.place, message).help("choose another name");
                    }
                    patterns.push(pattern);
                }
                Err(message) => {
                    self.report.error(self.file, text.place, message);
                }
            }
        }
        patterns
    }

    pub(super) fn schedule(&mut self, spec: &RuleSpec) -> Vec<Schedule> {
        let mut schedules = Vec::new();
        for text in spec.schedule.iter().flat_map(|texts| texts.iter()) {
            match Schedule::parse(text) {
                Ok(schedule) => schedules.push(schedule),
                Err(message) => {
                    self.report.error(self.file, text.place, message);
                }
            }
        }
        schedules
    }

    /// `per`: `source`, `rule`, or names that every pattern has. A rule without `subscribe` has one instance.
    pub(super) fn per(&mut self, spec: &RuleSpec, patterns: &[Pattern]) -> Per {
        let unsubscribed = spec.subscribe.is_none() && !self.gaps.key("subscribe");
        let texts: Vec<&Spanned<String>> = spec.per.iter().flat_map(|texts| texts.iter()).collect();
        match texts.as_slice() {
            [] if unsubscribed => return Per::Rule,
            [] => return Per::Source,
            [one] if one.value == "rule" => return Per::Rule,
            [one, ..] if unsubscribed => {
                let message = format!("`per: {}` needs `subscribe`: without messages there is one instance", one.value);
                self.report.error(self.file, one.place, message);
                return Per::Rule;
            }
            [one] if one.value == "source" => return Per::Source,
            _ => {}
        }
        for text in &texts {
            let Some(pattern) = patterns.iter().find(|p| !p.names.iter().any(|name| **name == *text.value)) else {
                continue;
            };
            let message = format!("`{}` is no name of the pattern `{}`", text.value, pattern.text);
            let names = common_names(patterns);
            let known = names.iter().map(|name| &**name).chain(["source", "rule"]);
            self.report.error(self.file, text.place, message).did_you_mean(text, known);
        }
        Per::Names(texts.iter().map(|text| Name::from(text.as_str())).collect())
    }

    /// Keys that need or exclude each other.
    pub(super) fn shape(&mut self, spec: &RuleSpec) {
        let lacks = |key: &str| !self.gaps.key(key);
        if spec.subscribe.is_none() && spec.schedule.is_none() && lacks("subscribe") && lacks("schedule") {
            let message = "has neither `subscribe` nor `schedule`: nothing would ever run it";
            self.report.error(self.file, Place::default(), message);
        }
        // An empty key is there, and of one that was wrong enough has been said.
        let unnamed = |key: &str| self.file.key(key).line == 0 && !self.gaps.key(key);
        let scripts = spec.then.is_some() || spec.each.is_some() || spec.finally.is_some() || spec.alert.is_some();
        let always = spec.when.is_none() && unnamed("when");
        let idle = !scripts && ["then", "each", "finally", "alert"].into_iter().all(unnamed);
        if always {
            let keys = [
                ("then", spec.then.is_some()),
                ("for", spec.hold.is_some()),
                ("until", spec.until.is_some()),
                ("alert", spec.alert.is_some()),
            ];
            for (key, _) in keys.iter().filter(|(_, there)| *there) {
                let message = format!("`{key}` needs `when`: a rule without it is always active, nothing begins");
                let fault = self.report.error(self.file, self.file.key(key), message);
                if *key == "then" {
                    fault.help("did you mean `each`?");
                }
            }
        }
        if idle && self.gaps.is_empty() {
            let message = "does nothing: it has no `then`, `each`, `finally` or `alert`";
            self.report.warning(self.file, Place::default(), message);
        }
    }

    pub(super) fn duration(&mut self, text: Option<&Spanned<String>>) -> Option<Duration> {
        let text = text?;
        parse_duration(text).map_err(|message| self.report.error(self.file, text.place, message).place).ok()
    }

    pub(super) fn stale(&mut self, text: Option<&Spanned<String>>) -> Option<StaleLimit> {
        if text?.value == "never" {
            return Some(StaleLimit::Never);
        }
        self.duration(text).map(StaleLimit::After)
    }

    pub(super) fn priority(&mut self, text: Option<&Spanned<String>>) -> u8 {
        let Some(text) = text else { return DEFAULT_PRIORITY };
        match text.parse::<u8>() {
            Ok(priority) if priority <= 100 => priority,
            _ => {
                let message = format!("`{}` is no priority: a whole number from 0 to 100", text.value);
                self.report.error(self.file, text.place, message).help("a person's requests have 70");
                DEFAULT_PRIORITY
            }
        }
    }

    pub(super) fn mode(&mut self, text: Option<&Spanned<String>>) -> Mode {
        let Some(text) = text else { return Mode::Active };
        match text.as_str() {
            "active" => Mode::Active,
            "shadow" => Mode::Shadow,
            "off" => Mode::Off,
            other => {
                let fault = self.report.error(self.file, text.place, format!("`{other}` is no mode"));
                fault.did_you_mean(other, ["active", "shadow", "off"]);
                Mode::Off
            }
        }
    }

    /// `allow`: checks that say nothing about this rule. What can never be right is not to be allowed.
    pub(super) fn allow(&mut self, texts: Option<&OneOrMore>) -> Vec<&'static str> {
        let mut allowed = Vec::new();
        for text in texts.iter().flat_map(|texts| texts.iter()) {
            let lint = LINTS.iter().find(|lint| lint.id == text.value);
            if let Some(lint) = lint.filter(|lint| lint.is_for_rules()) {
                allowed.push(lint.id);
                continue;
            }
            let message = match lint.map(|lint| lint.severity) {
                Some(Severity::Error) => format!("`{}` cannot be allowed: such a rule could never work", text.value),
                Some(Severity::Warning) => format!("`{}` is for a device of channels.yaml, not for a rule", text.value),
                None => format!("there is no check `{}`", text.value),
            };
            let known = LINTS.iter().filter(|lint| lint.is_for_rules()).map(|lint| lint.id);
            self.report.error(self.file, text.place, message).did_you_mean(text, known);
        }
        allowed
    }

    pub(super) fn state(&mut self, spec: &RuleSpec) -> Fields {
        for (name, _) in &spec.state {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !name.chars().all(fits) {
                let message = format!("`{}` cannot be a name in `state`: letters, digits and _ only", name.value);
                self.report.error(self.file, name.place, message);
            }
        }
        spec.state.iter().map(|(name, value)| (Name::from(name.as_str()), value.clone())).collect()
    }
}

/// Who an alert is for: the names in `notify`, and in those of `escalate`.
pub(super) fn receivers(spec: &RuleSpec) -> Vec<Spanned<String>> {
    let Some(alert) = &spec.alert else { return Vec::new() };
    let escalated = alert.escalate.iter().flatten().flat_map(|step| &step.notify);
    alert.notify.iter().chain(escalated).flat_map(OneOrMore::iter).cloned().collect()
}

/// The names that every pattern has, in the order of the first.
pub(super) fn common_names(patterns: &[Pattern]) -> Vec<Name> {
    let Some((first, rest)) = patterns.split_first() else { return Vec::new() };
    first.names.iter().filter(|name| rest.iter().all(|other| other.names.contains(name))).cloned().collect()
}
