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

fn check(all: &All<'_>, report: &mut Report) {
    let mut asking: BTreeMap<(&DeviceKey, u8), Vec<(&Looking<'_>, Vec<Asked<'_>>)>> = BTreeMap::new();
    for looking in all.rules.iter().filter(|looking| looking.rule.mode == Mode::Active) {
        for asked in looking.asked() {
            let rules = asking.entry((asked.device, looking.rule.priority)).or_default();
            match rules.last_mut().filter(|(last, _)| last.rule.name == looking.rule.name) {
                Some((_, known)) => known.push(asked),
                None => rules.push((looking, vec![asked])),
            }
        }
    }
    let mut said: Vec<(&str, &str)> = Vec::new();
    for ((device, priority), rules) in &asking {
        for (at, (looking, asked)) in rules.iter().enumerate().filter(|(_, (looking, _))| looking.minds(&LINT)) {
            let known = |other: &Looking<'_>| said.contains(&(&*other.rule.name, &*looking.rule.name));
            let against: Vec<&(&Looking<'_>, Vec<Asked<'_>>)> = rules[..at]
                .iter()
                .filter(|(other, theirs)| other.minds(&LINT) && differ(asked, theirs) && !known(other))
                .collect();
            let Some(((first, theirs), more)) = against.split_first() else { continue };
            let mine = asked.iter().find(|mine| theirs.iter().any(|other| mine.level != other.level));
            let (Some(mine), Some(other)) = (mine.or(asked.first()), theirs.first()) else { continue };
            let other = theirs.iter().find(|their| their.level != mine.level).unwrap_or(other);
            let message = format!(
                "asks {device} for {}, but {} ({}:{}) for {} at the same priority {priority}{}: the larger demand wins",
                shown(mine.level),
                first.rule.name,
                first.rule.file.path.display(),
                other.place.line,
                shown(other.level),
                others(more),
            );
            let help = "give one of them another `priority`; if both are right: `allow: [rules-disagree]`";
            report.warning(&looking.rule.file, mine.place, LINT.tag(message)).help(help);
            said.extend(against.iter().map(|(other, _)| (&*other.rule.name, &*looking.rule.name)));
        }
    }
}

/// Whether they may ask for different states: a calculated one may be any.
fn differ(mine: &[Asked<'_>], theirs: &[Asked<'_>]) -> bool {
    let mut levels = mine.iter().chain(theirs).map(|asked| asked.level);
    let first = levels.next();
    first == Some(Level::Open) || levels.any(|level| Some(level) != first)
}

fn others(more: &[&(&Looking<'_>, Vec<Asked<'_>>)]) -> String {
    let names: Vec<&str> = more.iter().take(NAMED).map(|(other, _)| &*other.rule.name).collect();
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
