//! An instance over an edit of its rule (semantics 15): how it ends, what its successor takes over, and the one judgement
//! in the same step.

use std::sync::Arc;

use crate::model::{Fields, Message, Mono, Value};

use super::super::cache::subscribes;
use super::super::episode::{Judged, Settings};
use super::super::{Ended, Phase, Rule};
use super::{Course, Instance, Turn};

impl Instance {
    /// The rule as it was ends here. What a rule without `when` holds stays, if its successor `keeps` it: its next run
    /// asks anew.
    pub(in crate::rules) fn retire(&mut self, why: Ended, keeps: bool, turn: &mut Turn<'_, '_>) {
        self.edited =
            Some(matches!(&self.course, Course::Episode(episode) if matches!(episode.phase(), Phase::Active(_))));
        match &mut self.course {
            Course::Episode(episode) => {
                let (before, step) = (episode.phase(), episode.end(turn.world.now.mono, why));
                self.perform(step, before, true, turn);
            }
            Course::Always(_) if self.begun.is_some() => {
                if !keeps {
                    self.release(turn.world);
                }
                self.run(("finally", 0), turn.rule.finally.as_ref(), turn, Some(why));
            }
            Course::Always(_) => {}
        }
    }

    /// Whether it has asked for a device and not let go.
    pub(in crate::rules) fn holds(&self) -> bool {
        self.holds
    }

    /// Takes over from the same instance of the rule as it was.
    pub(in crate::rules) fn inherit(&mut self, now: Mono, rule: &Rule, old: &mut Instance, before: &Rule) {
        (self.edited, self.heard, self.each) = (old.edited, old.heard, old.each.take());
        self.message = old.message.take().filter(|message| concerns(rule, message));
        self.runs = std::mem::take(&mut old.runs);
        self.state = carried(&rule.state, &before.state, &old.state);
        self.windows.inherit(&rule.windows, &mut old.windows, &before.windows);
        match (&mut self.course, &old.course) {
            (Course::Episode(new), Course::Episode(old)) => new.inherit(now, old),
            (Course::Always(new), Course::Always(always)) => {
                new.inherit(now, always);
                self.begun = old.begun;
                (self.holds, self.heir) = (old.holds, old.holds);
            }
            _ => {}
        }
    }

    /// The map has changed beneath an unedited rule.
    pub(in crate::rules) fn set(&mut self, settings: Settings) {
        match &mut self.course {
            Course::Episode(episode) => episode.set(settings),
            Course::Always(always) => always.set(settings),
        }
    }

    /// The first judgement after an edit, on the last message: the episode that the edit ended goes on if `when` holds.
    /// `each` waits for the next event.
    pub(in crate::rules) fn judge_edited(&mut self, turn: &mut Turn<'_, '_>) {
        let (Some(was_active), Some(when)) = (self.edited.take(), &turn.rule.when) else { return };
        if self.message.is_none() && !turn.rule.fields.is_empty() {
            return;
        }
        let when = self.judge(("when", 0), when, turn);
        self.look("when", Some(when), turn);
        self.looked.iter_mut().for_each(|look| look.edit = true);
        let judged = Judged { when, until: &[], silent: self.is_silent(), heard: false };
        let Course::Episode(episode) = &mut self.course else { return };
        let (before, step) = (episode.phase(), episode.judge_edited(turn.world.now.mono, &judged, was_active));
        self.begin(step, before, turn);
    }
}

/// Whether the edited rule still hears a message, and finds in it every field that it names.
fn concerns(rule: &Rule, message: &Arc<Message>) -> bool {
    subscribes(rule, &message.channel, message.broad.as_deref()).is_some()
        && rule.fields.iter().all(|field| message.fields.get(field).is_some())
}

/// The values of `state` that survive: those whose first value is of the same type as before, and the engine's own.
fn carried(first: &Fields, first_before: &Fields, values: &Fields) -> Fields {
    let alike = |name: &str, value: &Value| {
        first_before.get(name).is_some_and(|old| std::mem::discriminant(old) == std::mem::discriminant(value))
    };
    let mut state: Fields = first
        .iter()
        .map(|(name, value)| {
            let kept = values.get(name).filter(|_| alike(name, value));
            (name.clone(), kept.unwrap_or(value).clone())
        })
        .collect();
    for (name, value) in values.iter().filter(|(name, _)| name.starts_with('#')) {
        state.push(name.clone(), value.clone());
    }
    state
}
