//! Rules of equal priority that ask one device for different states. That is settled, the larger demand wins; but whoever
//! wrote `.off()` in one of them may think otherwise.

use std::collections::BTreeMap;

use crate::files::{Report, Severity};
use crate::model::DeviceKey;

use super::super::Mode;
use super::requests::Asked;
use super::sight::Level;
use super::{All, Lint, Looking, Of};

pub(super) static LINT: Lint = Lint {
    id: "rules-disagree",
    severity: Severity::Warning,
    finds: "two rules of equal priority that ask one device for different states",
    of: Of::Rules(check),
};

/// Rules that are named beside the first.
const NAMED: usize = 2;

/// What one rule asks of one device.
#[derive(Debug)]
struct Asker<'l, 'a> {
    looking: &'l Looking<'a>,
    asked: Vec<Asked<'a>>,
}

fn check(all: &All<'_>, report: &mut Report) {
    let mut asking: BTreeMap<(&DeviceKey, u8), Vec<Asker<'_, '_>>> = BTreeMap::new();
    for looking in all.rules.iter().filter(|looking| looking.rule.mode == Mode::Active && looking.minds(&LINT)) {
        for asked in looking.asked() {
            let rules = asking.entry((asked.device, looking.rule.priority)).or_default();
            match rules.last_mut().filter(|last| last.looking.rule.name == looking.rule.name) {
                Some(last) => last.asked.push(asked),
                None => rules.push(Asker { looking, asked: vec![asked] }),
            }
        }
    }
    // Whom a rule has been held against, over all devices: a pair is told once.
    let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rules in asking.values() {
        for (at, asker) in rules.iter().enumerate() {
            let told = told.entry(&asker.looking.rule.name).or_default();
            let against = rules[..at].iter().filter(|other| differ(&asker.asked, &other.asked));
            let against: Vec<&Asker<'_, '_>> =
                against.filter(|other| !told.contains(&&*other.looking.rule.name)).collect();
            if let Some((first, more)) = against.split_first() {
                tell(asker, first, more, report);
                told.extend(against.iter().take(NAMED + 1).map(|other| &*other.looking.rule.name));
            }
        }
    }
}

fn tell(asker: &Asker<'_, '_>, first: &Asker<'_, '_>, more: &[&Asker<'_, '_>], report: &mut Report) {
    let other_than =
        |asked: &[Asked<'_>], level: Level| asked.iter().position(|asked| asked.level != level).unwrap_or(0);
    let mine = &asker.asked[other_than(&asker.asked, first.asked[0].level)];
    let other = &first.asked[other_than(&first.asked, mine.level)];
    let (rule, their) = (asker.looking.rule, first.looking.rule);
    let message = format!(
        "asks {} for {}, but {} ({}:{}) for {} at the same priority {}{}: the larger demand wins",
        mine.device,
        shown(mine.level),
        their.name,
        their.file.path.display(),
        other.place.line,
        shown(other.level),
        rule.priority,
        others(more),
    );
    let help = "give one of them another `priority`; if both are right: `allow: [rules-disagree]`";
    report.warning(&rule.file, mine.place, LINT.tag(message)).help(help);
}

/// Whether they may ask for different states: a calculated one may be any.
fn differ(mine: &[Asked<'_>], theirs: &[Asked<'_>]) -> bool {
    let mut levels = mine.iter().chain(theirs).map(|asked| asked.level);
    let first = levels.next();
    first == Some(Level::Open) || levels.any(|level| Some(level) != first)
}

fn others(more: &[&Asker<'_, '_>]) -> String {
    let names: Vec<&str> = more.iter().take(NAMED).map(|other| &*other.looking.rule.name).collect();
    match more.len() {
        0 => String::new(),
        count if count <= NAMED => format!(" (and {} otherwise)", names.join(" and ")),
        count => format!(" (and {} and {} more otherwise)", names.join(", "), count - NAMED),
    }
}

fn shown(level: Level) -> String {
    match level {
        Level::On => "on".to_owned(),
        Level::Off => "off".to_owned(),
        Level::At(number) => number.to_string(),
        Level::Open => "a calculated state".to_owned(),
    }
}
