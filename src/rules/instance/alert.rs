//! An instance whose episode is an alert: what it tells the book of alerts.

use crate::model::{About, AlertAsk, AlertEnd, Ask, Name, Raised, Value};

use super::super::journal::Asked;
use super::super::tally::RuleFault;
use super::super::{Ended, Per, Phase};
use super::{Course, Instance, Turn, World};

impl Instance {
    /// The episode begins, or goes on in a way that the book should know.
    pub(in crate::rules) fn raise(&mut self, turn: &mut Turn<'_, '_>) {
        if let Some(raised) = self.raised(turn) {
            self.tell(AlertAsk::Raise(Box::new(raised)), turn);
        }
    }

    /// The words of the alert have been edited, or the alert was put in or taken out.
    pub(in crate::rules) fn reword(&mut self, had: bool, turn: &mut Turn<'_, '_>) {
        match &self.course {
            Course::Episode(_) if !self.is_active() => {}
            Course::Always(_) => {}
            Course::Episode(_) if turn.rule.alert.is_some() => self.raise(turn),
            Course::Episode(_) if had => self.tell(AlertAsk::End(AlertEnd::Changed), turn),
            Course::Episode(_) => {}
        }
    }

    /// The episode has ended.
    pub(super) fn resolve(&mut self, why: Ended, turn: &mut Turn<'_, '_>) {
        if turn.rule.alert.is_some() {
            let end = match why {
                Ended::Until => AlertEnd::Until,
                Ended::Stale => AlertEnd::Stale,
                Ended::Changed => AlertEnd::Changed,
                Ended::Disabled => AlertEnd::Disabled,
            };
            self.tell(AlertAsk::End(end), turn);
        }
    }

    /// It waits for its `for`, or does so no more.
    pub(super) fn pend(&mut self, before: Phase, turn: &mut Turn<'_, '_>) {
        let (Course::Episode(episode), Some(_)) = (&self.course, &turn.rule.alert) else { return };
        match (before, episode.phase()) {
            (Phase::Idle, Phase::Pending(_)) => {
                if let Some(raised) = self.raised(turn) {
                    self.wish_alert(AlertAsk::Pending(Box::new(raised)), turn.world);
                }
            }
            (Phase::Pending(_), Phase::Idle) => self.wish_alert(AlertAsk::End(AlertEnd::Until), turn.world),
            _ => {}
        }
    }

    /// The rule is parked: nobody knows any more.
    pub(super) fn silence(&mut self, alerts: bool, world: &mut World<'_>) {
        let idle = match &self.course {
            Course::Episode(episode) => episode.phase() == Phase::Idle,
            Course::Always(_) => true,
        };
        if alerts && !idle {
            self.wish_alert(AlertAsk::End(AlertEnd::Stale), world);
        }
    }

    /// The summary as its last message has it; `None` if not all of it is known.
    pub(in crate::rules) fn summary(&mut self, turn: &mut Turn<'_, '_>) -> Option<Name> {
        let alert = turn.rule.alert.as_ref()?;
        let filled = self.with_env(turn, None, |host, env| alert.fill(host, env));
        filled.whole.then(|| filled.text.into())
    }

    /// Whether the book may go on with its alert.
    pub(in crate::rules) fn lasts(&self) -> bool {
        matches!(self.course, Course::Episode(_)) && (self.is_active() || self.returns.is_some())
    }

    fn raised(&mut self, turn: &mut Turn<'_, '_>) -> Option<Raised> {
        let rule = turn.rule;
        let alert = rule.alert.as_ref()?;
        let filled = self.with_env(turn, None, |host, env| alert.fill(host, env));
        if let Some(message) = filled.fault {
            let message = format!("{}: `summary` of the alert: {message}", rule.file.path.display());
            let (name, instance) = (rule.name.clone(), self.origin.instance.clone());
            let fault = RuleFault { rule: name, instance, part: "alert", message };
            turn.tally.failed(turn.world.now.mono, fault, turn.world.faults);
        }
        Some(Raised {
            plan: alert.plan.clone(),
            summary: filled.text.into(),
            about: self.about(&rule.per),
            labels: rule.labels.clone().into(),
            of_silence: rule.names_stale,
        })
    }

    /// What it is about, by its message, or by its place before the first.
    fn about(&self, per: &Per) -> About {
        let channel = self.message.as_ref().map_or(&self.channel, |message| &message.channel);
        let mut names = channel.split(':').skip(2);
        let place = [names.next(), names.next()].map(|name| Name::from(name.unwrap_or_default()));
        let of = |key: &str| {
            let said = self.message.as_ref().and_then(|message| message.fields.get(key)).and_then(Value::as_text);
            let segment = self.segments.iter().find(|(name, _)| **name == *key).map(|(_, value)| &**value);
            said.or(segment).map(Name::from)
        };
        let mapped = channel.starts_with("sensor:update:") || channel.starts_with("device:update:");
        let [room, cluster] = if mapped { place } else { [Name::from(""), Name::from("")] };
        let node = match per {
            Per::Source if self.sources > 0 => Some(self.origin.instance.clone()),
            Per::Source => of("node").or_else(|| of("device")),
            // One of several, by chance the last that spoke.
            _ => None,
        };
        let room = match per {
            Per::Rule => Name::from(""),
            _ => of("room").unwrap_or(room),
        };
        let named = |name: &str| matches!(per, Per::Names(names) if names.iter().any(|known| **known == *name));
        let cluster = match per {
            Per::Source => of("cluster").unwrap_or(cluster),
            _ if named("cluster") => of("cluster").unwrap_or_default(),
            _ => Name::from(""),
        };
        About { room, cluster, node: node.unwrap_or_default(), bus: Name::from("") }
    }

    /// Says it, and writes it into the journal.
    fn tell(&mut self, ask: AlertAsk, turn: &mut Turn<'_, '_>) {
        turn.tally.journal.asked(&self.origin.instance, Asked::of(&Ask::Alert(ask.clone())));
        self.wish_alert(ask, turn.world);
    }

    fn wish_alert(&mut self, ask: AlertAsk, world: &mut World<'_>) {
        world.wish(&self.origin, Ask::Alert(ask));
    }
}
