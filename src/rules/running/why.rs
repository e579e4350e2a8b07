//! What a rule tells about itself to whoever asks why.

use crate::model::{Name, format_duration};

use super::super::instance::{Instance, World};
use super::super::journal::{Entry, What};
use super::super::why::{Civil, Decision, Standing, Text};
use super::{Cause, Running, Turn};

/// So many instances are told about at once.
const MOST_INSTANCES: usize = 50;
/// So many more are named.
const MOST_NAMES: usize = 1_000;
/// Operations that one answer may cost the control thread: about 5 ms. After that instances go without their checks.
const MOST_OPERATIONS: u64 = 100_000;

impl Running {
    /// How the instances stand, all or the one that is named, and the names of the others.
    pub(in crate::rules) fn standings(
        &mut self,
        wanted: Option<&str>,
        world: &mut World<'_>,
    ) -> (Vec<Standing>, Vec<Name>) {
        let (mut standings, mut others) = (Vec::new(), Vec::new());
        let dear = world.host.operations() + MOST_OPERATIONS;
        for index in 0..self.ordered.len() {
            let at = self.ordered[index] as usize;
            let key = &self.instances[at].origin.instance;
            if wanted.is_some_and(|wanted| **key != *wanted) || standings.len() == MOST_INSTANCES {
                if others.len() < MOST_NAMES {
                    others.push(key.clone());
                }
                continue;
            }
            let one = &mut self.instances[at];
            self.lends.iter().for_each(|window| one.windows.swap(&mut self.shared, *window));
            let explains = world.host.operations() < dear;
            let (rule, tally, cause) = (&self.rule, &mut self.tally, Cause::default());
            standings.push(one.why(explains, &mut Turn { rule, tally, cause, world, operations: 0 }));
            self.lends.iter().for_each(|window| one.windows.swap(&mut self.shared, *window));
        }
        (standings, others)
    }

    /// What it decided lately, of all instances or of the one that is named.
    pub(in crate::rules) fn decisions(&self, wanted: Option<&str>) -> Vec<Decision> {
        let all = |what: &What| matches!(what, What::Parked(_));
        let is = |entry: &&Entry| wanted.is_none_or(|wanted| *entry.instance == *wanted || all(&entry.what));
        let mut runs: Vec<&Entry> = self.instances.iter().filter_map(Instance::last_each).filter(is).collect();
        runs.sort_by_key(|entry| std::cmp::Reverse((entry.at.mono, entry.instance.clone())));
        let kept = self.tally.journal.entries().filter(is);
        let mut entries: Vec<&Entry> = kept.chain(runs.into_iter().take(MOST_INSTANCES)).collect();
        entries.sort_by_key(|entry| entry.at.mono);
        entries.into_iter().map(Decision::of).collect()
    }

    /// Until when it is parked.
    pub(in crate::rules) fn parked_until(&self, civil: Civil) -> Option<f64> {
        self.tally.parked_until(civil.0.mono).map(|until| civil.at(until))
    }

    /// Its conditions and durations, as they are written.
    pub(in crate::rules) fn texts(&self) -> Vec<Text> {
        let rule = &self.rule;
        let conditions = rule.texts.iter().filter(|(key, _)| matches!(*key, "when" | "until"));
        let line = |key: &str| Some(rule.file.key(key).line).filter(|line| *line > 0);
        let mut texts: Vec<Text> = conditions
            .map(|(key, text)| Text { key, text: text.value.trim().to_owned(), line: Some(text.place.line) })
            .collect();
        let spans = [
            ("for", Some(rule.hold).filter(|hold| !hold.is_zero())),
            ("until", rule.until.as_ref().and_then(|until| until.after)),
            ("cooldown", Some(rule.cooldown).filter(|rest| !rest.is_zero())),
        ];
        let span = |(key, span): (&'static str, Option<std::time::Duration>)| {
            Some(Text { key, text: format_duration(span?), line: line(key) })
        };
        texts.extend(spans.into_iter().filter_map(span));
        texts
    }
}
