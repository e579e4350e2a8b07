//! An instance over an edit of its rule (semantics 15): how it ends, what its successor takes over, and the one judgement
//! in the same step.

use std::sync::Arc;

use crate::model::{Fields, Message, Mono, Name, Value};

use super::super::cache::subscribes;
use super::super::episode::{Judged, Settings};
use super::super::{Ended, Phase, Rule};
use super::{Course, Instance, Turn, Was};

impl Instance {
    /// The rule as it was ends here. What it holds stays, if its successor `keeps` it: the next run of `each` asks anew.
    pub(in crate::rules) fn retire(&mut self, why: Ended, keeps: bool, turn: &mut Turn<'_, '_>) {
        let active = self.begun.filter(|_| matches!(&self.course, Course::Episode(_)));
        self.edited = Some(Was { active, latch: turn.rule.is_latch(), mapped: self.sources > 0 });
        match &mut self.course {
            Course::Episode(episode) => {
                let (before, step) = (episode.phase(), episode.end(turn.world.now.mono, why));
                self.perform(step, (before, true), keeps, turn);
            }
            // It does not end: it goes on in another form.
            Course::Always(_) if keeps => {}
            Course::Always(_) => {
                self.release(turn.world);
                self.end_always(why, turn);
            }
        }
    }

    fn end_always(&mut self, why: Ended, turn: &mut Turn<'_, '_>) {
        if matches!(self.course, Course::Always(_)) && self.begun.take().is_some() {
            self.run(("finally", 0), turn.rule.finally.as_ref(), turn, Some(why));
        }
    }

    /// Nobody goes on in its place. What its `finally` asked for has its own time.
    pub(in crate::rules) fn leave_no_heir(&mut self, turn: &mut Turn<'_, '_>) {
        let left = self.held.drain();
        self.release_each(left, turn.world);
        self.end_always(Ended::Changed, turn);
    }

    /// Whether it has ended in the step that another map is put in place; if it stays, it begins anew.
    pub(in crate::rules) fn take_end(&mut self) -> bool {
        self.edited.take().is_some()
    }

    /// It is away until its rule comes back: only what semantics 13 keeps is kept.
    pub(in crate::rules) fn depart(&mut self) {
        (self.message, self.edited, self.heard, self.begun) = (None, None, None, None);
        (self.returns, self.resume) = (None, None);
    }

    /// The channel that it was made for.
    pub(in crate::rules) fn place(&self) -> &Name {
        &self.channel
    }

    /// The channel by which it is known.
    pub(in crate::rules) fn channel(&self) -> &Name {
        self.message.as_ref().map_or(&self.channel, |message| &message.channel)
    }

    /// Takes over from the same instance of the rule as it was.
    pub(in crate::rules) fn inherit(&mut self, now: Mono, rule: &Rule, old: &mut Instance, before: &Rule) {
        (self.edited, self.heard, self.each) = (old.edited, old.heard, old.each.take());
        self.is_kept = std::mem::take(&mut old.is_kept);
        self.message = old.message.take().filter(|message| concerns(rule, message));
        if let Some(message) = &self.message {
            let segments = subscribes(rule, &message.channel, message.broad.as_deref());
            segments.into_iter().for_each(|segments| self.segments = segments);
        }
        self.held = old.held.bequeath(now, rule.is_latch() && before.is_latch());
        self.runs = std::mem::take(&mut old.runs);
        self.state = carried(&rule.state, &before.state, &old.state);
        self.windows.inherit(&rule.windows, &mut old.windows, &before.windows);
        self.windows.keep(&rule.windows, |channel| subscribes(rule, channel, broad_of(channel)).is_some());
        let away = old.edited.is_none();
        match (&mut self.course, &old.course) {
            (Course::Episode(new), Course::Episode(old)) => new.inherit(now, old, away),
            (Course::Always(new), Course::Always(always)) => {
                new.inherit(now, always, away);
                self.begun = old.begun;
            }
            _ => {}
        }
    }

    /// What its last message said is not said any more: of what it lacks now it knows nothing.
    pub(in crate::rules) fn unsay(&mut self, rule: &Rule, now: Mono) {
        self.message = None;
        let silent = self.is_silent();
        if rule.names_stale && silent {
            return;
        }
        match &mut self.course {
            Course::Episode(episode) if matches!(episode.phase(), Phase::Pending(_)) => episode.reset(),
            _ if rule.fields.is_empty() => {}
            Course::Episode(episode) => episode.fall_blind(now, silent),
            Course::Always(always) => always.watch(now, false, silent, false),
        }
    }

    /// It is new, or has other sources than before: sources that are silent already will not say so again.
    pub(in crate::rules) fn judge_silent(&mut self, turn: &mut Turn<'_, '_>) {
        match &self.course {
            _ if !self.is_silent() => {}
            Course::Episode(episode) if turn.rule.names_stale => {
                if episode.phase() == Phase::Idle {
                    self.event(turn);
                }
            }
            Course::Always(_) => self.event_always(turn),
            _ => self.fall_silent(turn),
        }
    }

    /// Counts from here how long it is blind, if all its sources are silent.
    fn fall_silent(&mut self, turn: &mut Turn<'_, '_>) {
        if !self.is_silent() {
            return;
        }
        match &mut self.course {
            Course::Episode(episode) => episode.fall_blind(turn.world.now.mono, true),
            Course::Always(always) => always.watch(turn.world.now.mono, false, true, false),
        }
        self.let_go(turn);
    }

    /// The map has changed beneath an unedited rule.
    pub(in crate::rules) fn set(&mut self, settings: Settings) {
        match &mut self.course {
            Course::Episode(episode) => episode.set(settings),
            Course::Always(always) => always.set(settings),
        }
    }

    /// The first judgement after an edit, on the last message: the episode that the edit ended goes on if `when` holds, and
    /// its time with it. `each` waits for the next event.
    pub(in crate::rules) fn judge_edited(&mut self, turn: &mut Turn<'_, '_>) {
        let Some(was) = self.edited.take() else { return self.judge_silent(turn) };
        let Some(when) = &turn.rule.when else { return self.fall_silent(turn) };
        // Of what the map has no more, nothing would ever let it go.
        let unmapped = was.mapped && self.sources == 0;
        let latched = was.active.is_some() && was.latch && turn.rule.is_latch() && !unmapped;
        let knows = turn.rule.names_stale && self.is_silent();
        if self.message.is_none() && !turn.rule.fields.is_empty() && !latched && !knows {
            let left = self.held.drain();
            self.release_each(left, turn.world);
            return self.judge_silent(turn);
        }
        let when = self.judge(("when", 0), when, turn);
        self.look("when", Some(when), turn);
        self.looked.iter_mut().for_each(|look| look.edit = true);
        let judged = Judged { when, until: &[], silent: self.is_silent(), heard: false };
        let Course::Episode(episode) = &mut self.course else { return };
        let since = was.active.map(|at| at.mono);
        let (before, step) = (episode.phase(), episode.judge_edited(turn.world.now.mono, &judged, since, latched));
        self.begun = was.active.filter(|_| step.begin);
        self.begin(step, before, turn);
        self.pend(before, turn);
        let left = match &turn.rule.each {
            _ if !self.is_active() => self.held.drain(),
            None if !self.owed => self.held.leave(),
            _ => Vec::new(),
        };
        self.release_each(left, turn.world);
    }
}

/// The broad channel of a specific one: `sensor:update` of `sensor:update:<room>:<cluster>`.
fn broad_of(channel: &str) -> Option<&str> {
    let (at, _) = channel.match_indices(':').nth(1)?;
    Some(&channel[..at])
}

/// Whether the edited rule still hears a message, and finds in it every field that it names.
fn concerns(rule: &Rule, message: &Arc<Message>) -> bool {
    subscribes(rule, &message.channel, message.broad.as_deref()).is_some()
        && rule.fields.iter().all(|field| message.fields.get(field).is_some())
}

/// The values of `state` that survive: those whose first value is of the same type as before, and the engine's own.
pub(super) fn carried(first: &Fields, first_before: &Fields, values: &Fields) -> Fields {
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
