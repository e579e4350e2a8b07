//! What is probably not meant, though it would run: rules against the plant that they act on, and against each other.
//!
//! One file per check and one table of all. A check has an identifier that stands at the end of what it says, that
//! docs/reference.md explains, and that `allow` in a rule file names.

mod beyond_range;
mod gate_forgotten;
mod glob;
mod no_such_channel;
mod no_such_field;
mod no_such_receiver;
mod no_such_target;
mod no_such_text;
mod not_subscribed;
mod plant;
mod requests;
mod rules_disagree;
mod rules_loop;
mod shorter_than_cycle;
mod sight;
mod written;

use std::borrow::Borrow;
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use crate::bus::Pattern;
use crate::channels::NO_WATCHDOG as NO_WATCHDOG_ID;
use crate::files::{Diagnostic, Place, Report, Severity, SourceFile, Spanned};
use crate::model::{Inventory, Name, Source};

use super::Rule;
use super::script::Script;
pub(super) use no_such_field::LINT as NO_SUCH_FIELD;
pub(super) use plant::only_mapped;
use sight::{Eye, Sight};
use written::Written;

/// One check.
#[derive(Debug)]
pub struct Lint {
    /// What it is called in messages, in `allow` and in the reference.
    pub id: &'static str,
    /// An error cannot be allowed: what it finds can never be right.
    pub severity: Severity,
    /// What it finds, as one phrase.
    pub finds: &'static str,
    of: Of,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug)]
enum Of {
    /// One rule.
    Rule(fn(&Looking<'_>, &mut Says<'_>)),
    /// All rules of a site together.
    Rules(fn(&All<'_>, &mut Report)),
    /// Found where the file is read; it is in the table for its name.
    Load,
}

/// A script that names a device that the map does not have.
pub(super) static NO_SUCH_DEVICE: Lint = Lint {
    id: "no-such-device",
    severity: Severity::Error,
    finds: "a device or room that the map does not have",
    of: Of::Load,
};
/// A device of the map that stays as it is when growctl dies.
static NO_WATCHDOG: Lint = Lint {
    id: NO_WATCHDOG_ID,
    severity: Severity::Warning,
    finds: "a device whose node has no watchdog: it stays as it is when growctl dies",
    of: Of::Load,
};

/// Every check, in the order of the reference.
pub static LINTS: &[&Lint] = &[
    &no_such_channel::LINT,
    &no_such_field::LINT,
    &no_such_text::LINT,
    &NO_SUCH_DEVICE,
    &no_such_receiver::LINT,
    &no_such_target::LINT,
    &beyond_range::LINT,
    &shorter_than_cycle::LINT,
    &gate_forgotten::LINT,
    &not_subscribed::LINT,
    &rules_disagree::LINT,
    &rules_loop::LINT,
    &NO_WATCHDOG,
];

impl Lint {
    /// Whether a rule file may silence it.
    #[must_use]
    pub fn is_for_rules(&self) -> bool {
        self.severity == Severity::Warning && !matches!(self.of, Of::Load)
    }

    /// A message with the identifier at its end.
    pub(super) fn tag(&self, message: impl std::fmt::Display) -> String {
        format!("{message} [{}]", self.id)
    }
}

/// A rule that is being looked at.
#[derive(Debug)]
struct Looking<'a> {
    rule: &'a Rule,
    inventory: &'a Inventory,
    /// The patterns with the places where they are written; empty if one of them was refused.
    patterns: Vec<(&'a Pattern, Place)>,
    texts: Vec<Text<'a>>,
    own: OnceCell<Vec<&'a Source>>,
}

/// One of its conditions or scripts.
#[derive(Debug)]
struct Text<'a> {
    key: &'static str,
    script: &'a Script,
    written: Written<'a>,
    sight: Sight,
}

/// The rules of a site, those that are off left out.
#[derive(Debug)]
struct All<'a> {
    rules: Vec<Looking<'a>>,
    receivers: &'a [Name],
    targets: &'a [Name],
}

/// Where a check of one rule says what it found.
#[derive(Debug)]
struct Says<'a> {
    lint: &'a Lint,
    file: &'a Arc<SourceFile>,
    report: &'a mut Report,
}

impl Says<'_> {
    fn say(&mut self, place: Place, message: impl std::fmt::Display) -> &mut Diagnostic {
        let message = self.lint.tag(message);
        match self.lint.severity {
            Severity::Error => self.report.error(self.file, place, message),
            Severity::Warning => self.report.warning(self.file, place, message),
        }
    }
}

impl<'a> Looking<'a> {
    fn at(rule: &'a Rule, subscribe: &[Place], inventory: &'a Inventory) -> Looking<'a> {
        let see = |(key, text, script): (&'static str, &'a Spanned<String>, &'a Script)| {
            let written = Written { file: &rule.file, text };
            Text { key, script, written, sight: Eye::see(script, written, &rule.segments) }
        };
        let complete = rule.patterns.len() == subscribe.len();
        let patterns = rule.patterns.iter().zip(subscribe.iter().copied()).filter(|_| complete).collect();
        Looking { rule, inventory, patterns, texts: rule.scripts().map(see).collect(), own: OnceCell::new() }
    }

    /// The receivers and targets that its scripts name by such functions.
    fn outside(&self, function: fn(&str) -> bool) -> impl Iterator<Item = (&Text<'a>, &Name, &Range<usize>)> {
        let texts = self.texts.iter().flat_map(|text| text.sight.outside.iter().map(move |named| (text, named)));
        texts.filter(move |(_, (by, ..))| function(by)).map(|(text, (_, name, range))| (text, name, range))
    }

    /// The sources whose messages the rule gets, if only channels of the map can match its patterns.
    fn own_sources(&self) -> &[&'a Source] {
        let patterns = || self.patterns.iter().map(|(pattern, _)| *pattern).collect::<Vec<_>>();
        self.own.get_or_init(|| plant::under(self.inventory, &patterns()))
    }
}

/// Looks at one rule; `subscribe` are the places of its patterns.
pub(super) fn check_rule(rule: &Rule, subscribe: &[Place], inventory: &Inventory, report: &mut Report) {
    let looking = Looking::at(rule, subscribe, inventory);
    for lint in LINTS.iter().filter(|lint| !rule.allow.contains(&lint.id)) {
        if let Of::Rule(check) = lint.of {
            check(&looking, &mut Says { lint, file: &rule.file, report });
        }
    }
}

/// Looks at all rules of a site together, after each of them has been read. `receivers` and `targets` are the names in `growctl.yaml`.
///
/// All that it reports are warnings: every one of the rules can run.
pub fn cross_check<R: Borrow<Rule>>(
    rules: &[R],
    inventory: &Inventory,
    [receivers, targets]: [&[Name]; 2],
    report: &mut Report,
) {
    let active = rules.iter().map(Borrow::borrow).filter(|rule| rule.mode != super::Mode::Off);
    let rules = active.map(|rule| Looking::at(rule, &vec![Place::default(); rule.patterns.len()], inventory)).collect();
    let all = All { rules, receivers, targets };
    for lint in LINTS {
        if let Of::Rules(check) = lint.of {
            check(&all, report);
        }
    }
}
