//! Why an instance stands as it does, judged anew from its last message, and what it writes into the journal. Nothing here
//! changes what it does next.

use crate::model::{Ask, Mono, Name, Timestamp};

use super::super::Checked;
use super::super::condition::Condition;
use super::super::journal::{Entry, What};
use super::super::why::{Civil, Judgement, Reason, Standing, quality};
use super::super::{Ended, Phase, Run, Truth};
use super::{Cause, Course, Instance, Turn};

/// What the last event was judged to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    at: Timestamp,
    cause: Cause,
    pub(super) edit: bool,
    /// The message was the word that a source has fallen silent.
    silence: bool,
    part: &'static str,
    truth: Option<Truth>,
}

impl Instance {
    /// Remembers what an event was judged to be.
    pub(super) fn look(&mut self, part: &'static str, truth: Option<Truth>, turn: &Turn<'_, '_>) {
        let (at, cause) = (turn.world.now, turn.cause);
        let silence = self.message.as_ref().is_some_and(|message| message.stale);
        if cause.heard && !silence {
            self.heard = Some(at.mono);
        }
        self.looked = Some(Look { at, cause, edit: false, silence, part, truth });
    }

    /// Writes down that the condition held since then and broke off, if it had to hold for some time.
    pub(super) fn broke(&mut self, before: Phase, turn: &mut Turn<'_, '_>) {
        let (Phase::Pending(since), Course::Episode(episode)) = (before, &self.course) else { return };
        // An edit breaks nothing off.
        if self.edited.is_none() && episode.phase() == Phase::Idle && since < turn.world.now.mono {
            self.note(What::Broke(since), Some("when"), turn);
        }
    }

    /// Writes down why an episode ended, with what the condition said where it was the condition.
    pub(super) fn ended(&mut self, why: Ended, (by_timer, keeps): (bool, bool), turn: &mut Turn<'_, '_>) {
        let watched = self.looked.map(|look| look.part);
        let by_condition = match why {
            Ended::Until => !by_timer,
            Ended::Stale => true,
            Ended::Changed | Ended::Disabled => false,
        };
        self.note(What::Ended(why), watched.filter(|_| by_condition), turn);
        if !keeps && !self.held.is_empty() {
            turn.tally.journal.released(&self.origin.instance);
        }
    }

    /// Writes something down, with what `part` says about it.
    pub(super) fn note(&mut self, what: What, part: Option<&'static str>, turn: &mut Turn<'_, '_>) {
        let checks = part.map(|part| self.explain(part, turn).0).unwrap_or_default();
        turn.tally.journal.note(turn.world.stamp(), &self.origin.instance, what, checks);
    }

    /// Writes down that a script ran, and what it asked for.
    pub(super) fn note_run(&mut self, part: &'static str, run: &Run, turn: &mut Turn<'_, '_>) {
        let (stamp, mute) = (turn.world.stamp(), self.is_mute());
        let asks = run.asks.iter().filter(|ask| !(mute && matches!(ask, Ask::Set(_))));
        if part != "each" {
            return turn.tally.journal.ran(stamp, &self.origin.instance, part, asks);
        }
        if let Some(before) = Entry::each(&mut self.each, stamp, &self.origin.instance, What::Ran(part), asks) {
            turn.tally.journal.keep(*before);
        }
    }

    /// Writes down that a script met a value that is not good.
    pub(super) fn note_stop(&mut self, part: &'static str, turn: &mut Turn<'_, '_>) {
        let (stamp, what) = (turn.world.stamp(), What::Stopped(part));
        if part != "each" {
            return turn.tally.journal.note(stamp, &self.origin.instance, what, Vec::new());
        }
        if let Some(before) = Entry::each(&mut self.each, stamp, &self.origin.instance, what, [].iter()) {
            turn.tally.journal.keep(*before);
        }
    }

    /// The last run of `each`.
    pub(in crate::rules) fn last_each(&self) -> Option<&Entry> {
        self.each.as_deref()
    }

    /// How it stands.
    pub(in crate::rules) fn why(&mut self, explains: bool, turn: &mut Turn<'_, '_>) -> Standing {
        let civil = Civil(turn.world.now);
        let (phase, since, watched) = self.phase(turn);
        let (checks, again) = match watched.filter(|_| explains && self.looked.is_some()) {
            Some(part) => self.explain(part, turn),
            None => (Vec::new(), None),
        };
        let looked = self.looked;
        let then = looked.filter(|look| Some(look.part) == watched).and_then(|look| look.truth);
        let judged = looked.map(|look| look.shown(civil));
        let mut standing = Standing {
            instance: self.origin.instance.clone(),
            reason: Reason::Holds,
            phase,
            since: since.map(|at| civil.at(at)),
            begins: None,
            ends: None,
            rests_until: None,
            blind_since: None,
            blind_until: None,
            judged,
            checks,
            drifted: then.is_some() && again.is_some() && then != again,
            channel: self.message.as_ref().map(|message| message.channel.clone()),
            heard: self.heard.map(|at| civil.at(at)),
            not_good: self.not_good(turn),
            sources: (self.sources, self.silent),
            error: None,
        };
        (standing.reason, standing.error) = match &self.course {
            Course::Episode(_) => self.reason(turn),
            Course::Always(_) => self.reason_always(turn),
        };
        self.times(&mut standing, turn);
        standing
    }

    /// Its phase, since when, and the part that it is judged by.
    fn phase(&self, turn: &Turn<'_, '_>) -> (&'static str, Option<Mono>, Option<&'static str>) {
        let Course::Episode(episode) = &self.course else { return ("always", None, None) };
        match (episode.phase(), &turn.rule.until) {
            (Phase::Idle, _) => ("idle", None, Some("when")),
            (Phase::Pending(since), _) => ("pending", Some(since), Some("when")),
            (Phase::Active(since), None) => ("active", Some(since), Some("when")),
            (Phase::Active(since), Some(until)) => {
                ("active", Some(since), (!until.conditions.is_empty()).then_some("until"))
            }
        }
    }

    fn reason(&self, turn: &Turn<'_, '_>) -> (Reason, Option<String>) {
        let Course::Episode(episode) = &self.course else { return (Reason::Holds, None) };
        let standing = episode.standing();
        let failed = self.failed_at_last(turn);
        match standing.phase {
            Phase::Active(_) if self.is_dormant() => (Reason::Resuming, None),
            Phase::Active(since) if self.owed => (Reason::Owed, self.then_failed(since, turn)),
            Phase::Active(_) if standing.blind_since.is_some() => (Reason::Blind, failed),
            Phase::Active(_) => (Reason::Active, failed),
            Phase::Pending(_) if standing.held => (Reason::Cooldown, None),
            Phase::Pending(_) if standing.ready => (Reason::Waiting, None),
            Phase::Pending(_) => (Reason::Interrupted, failed),
            Phase::Idle => (self.idle(failed.is_some(), turn), failed),
        }
    }

    /// Why it did not begin.
    fn idle(&self, failed: bool, turn: &Turn<'_, '_>) -> Reason {
        let Some(look) = self.looked else { return self.unheard() };
        let ended = turn.tally.journal.latest(&self.origin.instance, |what| matches!(what, What::Ended(_)));
        match look.truth {
            _ if ended.is_some_and(|entry| entry.at.mono >= look.at.mono) => Reason::Ended,
            _ if failed => Reason::Failed,
            Some(Truth::False) => Reason::False,
            _ if self.is_silent() && !turn.rule.names_stale => Reason::Silent,
            Some(Truth::Unknown) => Reason::Unknown,
            _ => Reason::Holds,
        }
    }

    fn unheard(&self) -> Reason {
        if self.is_silent() { Reason::Silent } else { Reason::NeverHeard }
    }

    fn reason_always(&self, turn: &Turn<'_, '_>) -> (Reason, Option<String>) {
        let Course::Always(always) = &self.course else { return (Reason::Holds, None) };
        let Some(look) = self.looked else { return (self.unheard(), None) };
        let failed = turn.tally.journal.latest(&self.origin.instance, |what| matches!(what, What::Failed("each", _)));
        let last = self.last_each().into_iter().chain(failed).filter(|entry| entry.at.mono >= look.at.mono);
        let last = last.max_by_key(|entry| entry.at.mono);
        let reason = match last.map(|entry| &entry.what) {
            _ if self.is_silent() => Reason::Silent,
            Some(What::Failed(..)) => Reason::EachFailed,
            Some(What::Stopped(_)) => Reason::Stopped,
            _ if always.is_over() => Reason::LetGo,
            _ if always.rest_until() > turn.world.now.mono => Reason::Resting,
            _ => Reason::Runs,
        };
        (reason, last.and_then(|entry| entry.what.error()))
    }

    /// What failed when the last event was judged.
    fn failed_at_last(&self, turn: &Turn<'_, '_>) -> Option<String> {
        let look = self.looked?;
        let of = |what: &What| matches!(what, What::Failed(part, _) if *part == look.part);
        let entry = turn.tally.journal.latest(&self.origin.instance, of)?;
        (entry.at.mono == look.at.mono).then(|| entry.what.error()).flatten()
    }

    /// Why `then` is still owed.
    fn then_failed(&self, since: Mono, turn: &Turn<'_, '_>) -> Option<String> {
        let of = |what: &What| matches!(what, What::Failed("then", _) | What::Stopped("then"));
        let entry = turn.tally.journal.latest(&self.origin.instance, of)?;
        if entry.at.mono < since { None } else { entry.what.error() }
    }

    fn times(&self, standing: &mut Standing, turn: &Turn<'_, '_>) {
        let (now, civil) = (turn.world.now.mono, Civil(turn.world.now));
        let (rest_until, blind) = match &self.course {
            Course::Episode(episode) => {
                let known = episode.standing();
                let hold = turn.rule.hold;
                match known.phase {
                    Phase::Pending(since) if known.ready => {
                        standing.begins = Some(civil.at((since + hold).max(known.rest_until)));
                    }
                    Phase::Active(since) => {
                        let after = turn.rule.until.as_ref().and_then(|until| until.after);
                        standing.ends = after.map(|after| civil.at(since + after));
                    }
                    _ => {}
                }
                (known.rest_until, (known.blind_since, known.blind_until))
            }
            Course::Always(always) => (always.rest_until(), always.blind()),
        };
        standing.rests_until = (rest_until > now).then(|| civil.at(rest_until));
        standing.blind_since = blind.0.map(|at| civil.at(at));
        standing.blind_until = blind.1.filter(|_| blind.0.is_some()).map(|at| civil.at(at));
    }

    fn not_good(&self, turn: &Turn<'_, '_>) -> Vec<(Name, String)> {
        let Some(message) = &self.message else { return Vec::new() };
        let why = |field: &Name| Some((field.clone(), quality(&message.fields, field)?));
        turn.rule.fields.iter().filter_map(why).collect()
    }

    /// What a condition says in every part, as at the last event, and its whole answer.
    fn explain(&mut self, part: &str, turn: &mut Turn<'_, '_>) -> (Vec<Checked>, Option<Truth>) {
        let rule = turn.rule;
        let conditions: &[Condition] = match (part, &rule.when, &rule.until) {
            ("when", Some(when), _) => std::slice::from_ref(when),
            ("until", _, Some(until)) => &until.conditions,
            _ => &[],
        };
        let looked = self.looked;
        self.with_env(turn, None, |host, env| {
            if let Some(look) = looked {
                (env.now, env.reset) = (look.at, look.cause.reset);
            }
            let (mut checks, mut whole) = (Vec::new(), Truth::False);
            for condition in conditions {
                condition.explain(host, env, &mut checks);
                whole = match (whole, condition.judge(host, env).unwrap_or(Truth::Unknown)) {
                    (Truth::True, _) | (_, Truth::True) => Truth::True,
                    (Truth::False, Truth::False) => Truth::False,
                    _ => Truth::Unknown,
                };
            }
            (checks, Some(whole))
        })
    }
}

impl Look {
    fn shown(&self, civil: Civil) -> Judgement {
        let event = match self.cause {
            _ if self.edit => "edit",
            Cause { heard: true, .. } if self.silence => "silence",
            Cause { heard: true, .. } => "message",
            Cause { reset: true, .. } => "reset",
            _ => "tick",
        };
        Judgement { at: civil.at(self.at.mono), event, part: self.part, truth: self.truth }
    }
}
