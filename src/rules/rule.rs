//! A rule as it runs: checked, every name resolved, every default filled in. `load` makes it from a `RuleSpec`.

use std::sync::Arc;
use std::time::Duration;

use crate::bus::Pattern;
use crate::files::{SourceFile, Spanned};
use crate::model::{DeviceKey, Fields, Name};

use super::condition::Condition;
use super::host::Script;
use super::load::scalar_place;
use super::schedule::Schedule;
use super::{Alert, WindowSpec};

/// A rule that passed all checks.
#[derive(Debug)]
pub struct Rule {
    /// The file's name without `.yaml`.
    pub name: Name,
    /// One line for lists and alerts.
    pub description: Option<String>,
    /// Where it came from, for messages about it.
    pub file: Arc<SourceFile>,
    /// What it subscribes to.
    pub patterns: Vec<Pattern>,
    /// The named segments that scripts see: those that occur in every pattern.
    pub segments: Vec<Name>,
    /// When it runs without a message.
    pub schedule: Vec<Schedule>,
    /// What begins an episode; `None`: always active.
    pub when: Option<Condition>,
    /// `for`: how long `when` must hold without a break.
    pub hold: Duration,
    /// What ends the episode; `None`: `when` is false.
    pub until: Option<Until>,
    /// Once, when an episode begins.
    pub then: Option<Script>,
    /// On every event while it lasts.
    pub each: Option<Script>,
    /// Once, when it ends.
    pub finally: Option<Script>,
    /// What has its own episode, timers and state.
    pub per: Per,
    /// Rest after an episode.
    pub cooldown: Duration,
    /// How long it may be blind; `None`: not beyond the map's `stale_after`, and without limit where there is none.
    pub stale: Option<StaleLimit>,
    /// Of its device requests, 0 to 100.
    pub priority: u8,
    /// Names and first values of `state`.
    pub state: Fields,
    /// Active, shadow or off.
    pub mode: Mode,
    /// Key/value pairs for people.
    pub labels: Vec<(String, String)>,
    /// Checks that say nothing about it.
    pub allow: Vec<&'static str>,
    /// Who its alert is for: names of receivers.
    pub receivers: Vec<Spanned<String>>,
    /// What its episodes are, if they are alerts.
    pub alert: Option<Alert>,
    /// Fields that `when`, `until` or a script names as `msg.x`: a message without one of them does not concern it.
    pub fields: Vec<Name>,
    /// `when` names `stale`: such a rule is not ended by staleness.
    pub names_stale: bool,
    /// The windows its scripts and conditions look at.
    pub windows: Vec<WindowSpec>,
    /// Where `when`, `until`, `then`, `each` and `finally` are written, for faults while they run.
    pub texts: Vec<(&'static str, Spanned<String>)>,
}

impl Rule {
    /// Whether its episodes hold until `until`, come what may.
    #[must_use]
    pub fn is_latch(&self) -> bool {
        self.stale == Some(StaleLimit::Never) && self.until.is_some()
    }

    /// Whether it does what another version of it does: they differ in words for people at most. Scripts are compared as
    /// they are written.
    #[must_use]
    pub fn behaves_as(&self, other: &Rule) -> bool {
        let scripts = |rule: &Rule| rule.texts.iter().map(|(key, text)| (*key, text.value.clone())).collect::<Vec<_>>();
        let after = |rule: &Rule| rule.until.as_ref().map(|until| until.after);
        let subscribed = self.patterns.iter().map(|p| &p.text).eq(other.patterns.iter().map(|p| &p.text));
        subscribed
            && (&self.schedule, &self.per, &self.state) == (&other.schedule, &other.per, &other.state)
            && (self.hold, after(self), self.cooldown) == (other.hold, after(other), other.cooldown)
            && (self.stale, self.priority, self.mode) == (other.stale, other.priority, other.mode)
            && scripts(self) == scripts(other)
            // Those that a summary looks at.
            && self.windows == other.windows
    }

    /// How far back `runs` looks, if the rule asks.
    pub(super) fn remembers(&self) -> Option<Duration> {
        let until = self.until.iter().flat_map(|until| &until.conditions);
        let conditions = self.when.iter().chain(until).map(Condition::script);
        let scripts = [&self.then, &self.each, &self.finally].into_iter().flatten();
        conditions.chain(scripts).flat_map(|script| &script.plan.runs).map(|(_, span)| *span).max()
    }

    /// Its conditions and scripts with the text of each, in the order of a rule file.
    pub(super) fn scripts(&self) -> impl Iterator<Item = (&'static str, &Spanned<String>, &Script)> {
        // Of a file with faults some conditions are missing: which text is whose cannot be told then.
        let texts = self.texts.iter().filter(|(key, _)| *key == "until").count();
        let until = self.until.iter().filter(move |until| until.conditions.len() == texts);
        let until = until.flat_map(|until| &until.conditions).map(|part| ("until", part.script()));
        let one = [("then", &self.then), ("each", &self.each), ("finally", &self.finally)];
        let one = one.into_iter().filter_map(|(key, script)| Some((key, script.as_ref()?)));
        let when = self.when.iter().map(|when| ("when", when.script()));
        let mut last = ("", 0);
        when.chain(until).chain(one).filter_map(move |(key, script)| {
            last = if last.0 == key { (key, last.1 + 1) } else { (key, 0) };
            let (_, text) = self.texts.iter().filter(|(known, _)| *known == key).nth(last.1)?;
            Some((key, text, script))
        })
    }

    /// Where it asks for a device: its file, and the line if its scripts name the device.
    pub(super) fn asks_at(&self, device: &DeviceKey) -> String {
        let path = self.file.path.display();
        let is = |named: &Option<Name>, own: &Name| named.as_ref().is_none_or(|named| named == own);
        let names = |script: &Script| {
            script.devices.iter().any(|(room, name)| is(room, &device.room) && is(name, &device.device))
        };
        let mut scripts = self.scripts().filter(|(key, ..)| matches!(*key, "then" | "each" | "finally"));
        let Some((_, text, _)) = scripts.find(|(_, _, script)| names(script)) else { return path.to_string() };
        let lines = || text.value.lines().enumerate().filter_map(|(at, line)| Some((at, line, line.find("device(")?)));
        let named =
            |(_, line, _): &(usize, &str, usize)| line.contains(&*device.device) && line.contains(&*device.room);
        let (line, column) = lines()
            .find(named)
            .or_else(|| lines().next())
            .map_or((1, 1), |(at, line, byte)| (at + 1, line[..byte].chars().count() + 1));
        format!("{path}:{}", scalar_place(&self.file, text, line, column).line)
    }

    /// A fault of the `nth` text of that key, with its place in the file if it tells line and column of the text.
    pub(super) fn locate(&self, key: &str, nth: usize, message: &str) -> String {
        let path = self.file.path.display();
        let text = self.texts.iter().filter(|(known, _)| *known == key).nth(nth);
        match (text, position(message)) {
            (Some((_, text)), Some((what, line, column))) => {
                let place = scalar_place(&self.file, text, line, column);
                format!("{path}:{}:{}: {what}", place.line, place.column)
            }
            (Some((_, text)), None) => format!("{path}:{}: {message}", text.place.line),
            (None, _) => format!("{path}: {message}"),
        }
    }
}

/// Takes the `(line 3, position 7)` at the end of a message of Rhai's off.
fn position(message: &str) -> Option<(&str, usize, usize)> {
    let (what, rest) = message.trim_end().strip_suffix(')')?.rsplit_once(" (line ")?;
    let (line, column) = rest.split_once(", ")?;
    let column = column.strip_prefix("position ").or(column.strip_prefix("column "))?;
    Some((what, line.parse().ok()?, column.parse().ok()?))
}

/// What ends an episode: any of these.
#[derive(Debug, Default)]
pub struct Until {
    /// Conditions, judged from the event after the beginning one.
    pub conditions: Vec<Condition>,
    /// The shortest duration; ends exactly then.
    pub after: Option<Duration>,
}

/// What has its own instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Per {
    /// Each node or device; an unmapped channel is a source itself.
    Source,
    /// Each combination of these names, which occur in every pattern.
    Names(Vec<Name>),
    /// One instance for all.
    Rule,
}

/// How long an episode may be blind beyond the map's `stale_after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleLimit {
    /// This long.
    After(Duration),
    /// For ever: a latch.
    Never,
}

/// Whether a rule acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It acts.
    #[default]
    Active,
    /// It says what it would do, on its own state.
    Shadow,
    /// It does not run.
    Off,
}
