//! An instance over a restart (semantics 13 and 16): what of it is kept, and how its phase and requests come back with its
//! first good event. Until then an episode that lasted is dormant: it asks for nothing and runs nothing.

use crate::model::{Ask, Mono, Timestamp};

use super::super::episode::Step;
use super::super::functions::shift_loops;
use super::super::journal::What;
use super::super::kept::{Kept, KeptEpisode, KeptRequest, MOST_RUNS, age, ago};
use super::super::running::Profile;
use super::super::{Phase, Rule, RunLog, StaleLimit};
use super::edit::carried;
use super::held::Wanted;
use super::{Course, Instance, Turn, Was};

/// How soon what has changed of an instance must be written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::rules) enum Unsaved {
    /// Nothing has.
    #[default]
    No,
    /// What every run of a control loop changes.
    Soon,
    /// A phase, a limit, `state`.
    Now,
}

/// What waits for the first good event after a restart.
#[derive(Debug, Default)]
pub(super) struct Resume {
    /// What the episode asks for.
    requests: Vec<Wanted>,
    /// What `finally` has asked for.
    parting: Vec<Wanted>,
}

impl Instance {
    /// Something that is kept over a restart has changed.
    pub(in crate::rules) fn changed(&mut self, unsaved: Unsaved) {
        self.unsaved = self.unsaved.max(unsaved);
    }

    /// What of it has changed since it was listed.
    pub(in crate::rules) fn take_unsaved(&mut self) -> Option<Unsaved> {
        let more = (self.unsaved > self.listed).then_some(self.unsaved);
        self.listed = self.listed.max(self.unsaved);
        more
    }

    /// It is written down now; `false` if nothing has changed since it was.
    pub(in crate::rules) fn written(&mut self) -> bool {
        self.listed = Unsaved::No;
        std::mem::take(&mut self.unsaved) != Unsaved::No
    }

    /// What is kept of it.
    pub(in crate::rules) fn keep(&self, rule: &Rule, profile: &Profile, now: Timestamp) -> Kept {
        let mono = now.mono;
        let mut kept =
            Kept::new(now.utc, profile.print.clone(), profile.per.clone(), self.channel.clone(), self.sources > 0);
        kept.rests = age(self.rest_until(), mono);
        if let Some(span) = profile.runs {
            kept.runs = self.runs.newest(mono, span, MOST_RUNS).map(|at| age(mono, at)).collect();
        }
        (kept.state, kept.first) = (self.state.clone(), rule.state.clone());
        let always = matches!(self.course, Course::Always(_));
        if always && kept.is_nothing() {
            return kept;
        }
        let lasts = self.is_active().then_some(self.begun).flatten().or(self.returns.and_then(|was| was.active));
        if let Some(begun) = lasts {
            let latch = self.returns.map_or(rule.is_latch(), |was| was.latch);
            kept.episode = Some(KeptEpisode { since: age(mono, begun.mono), owed: self.owed, latch });
        }
        let resume = self.resume.as_deref();
        if !always {
            let dormant = resume.into_iter().flat_map(|resume| &resume.requests);
            kept.requests = KeptRequest::all(self.held.wanted().chain(dormant), mono);
        }
        let dormant = resume.into_iter().flat_map(|resume| &resume.parting);
        kept.parting = KeptRequest::all(self.held.parting().chain(dormant), mono);
        shift_loops(&mut kept.state, |at| nanos(mono).saturating_sub(at));
        kept
    }

    fn rest_until(&self) -> Mono {
        match &self.course {
            Course::Episode(episode) => episode.standing().rest_until,
            Course::Always(always) => always.rest_until(),
        }
    }

    /// Takes over what was kept of it: of the same rule, of the rule as it was before it was edited, or of one that was
    /// `away`. Whether something of it applies at once.
    pub(in crate::rules) fn bring_back(
        &mut self,
        kept: Kept,
        rule: &Rule,
        profile: &Profile,
        away: bool,
        now: Timestamp,
    ) -> bool {
        let same = kept.print == profile.print;
        self.is_kept = true;
        self.runs = RunLog::of(kept.runs.iter().map(|age| ago(now, *age).mono));
        self.state = if same { kept.state } else { carried(&rule.state, &kept.first, &kept.state) };
        shift_loops(&mut self.state, |age| nanos(now.mono).saturating_sub(age));
        let rests = std::time::Duration::from_nanos(kept.rests).min(rule.cooldown);
        match &mut self.course {
            Course::Episode(episode) => episode.rest(now.mono + rests),
            Course::Always(always) => always.rest(now.mono + rests),
        }
        let wanted = |requests: Vec<KeptRequest>| requests.into_iter().map(|one| one.wanted(now.mono)).collect();
        let mut resume = Resume { requests: Vec::new(), parting: wanted(kept.parting) };
        let mut at_once = false;
        if let Some(episode) = kept.episode.filter(|_| !away) {
            resume.requests = wanted(kept.requests);
            at_once = self.resume_at(&episode, (same, kept.mapped), rule, now);
        }
        self.resume = (!away).then(|| Box::new(resume));
        at_once
    }

    /// It lasted when the engine stopped.
    fn resume_at(&mut self, kept: &KeptEpisode, (same, mapped): (bool, bool), rule: &Rule, now: Timestamp) -> bool {
        let begun = ago(now, kept.since);
        match &mut self.course {
            Course::Always(_) => {
                self.begun = Some(begun);
                false
            }
            Course::Episode(episode) if same => {
                (self.begun, self.owed) = (Some(begun), kept.owed);
                // What hears of nothing has nothing to wait for.
                let at_once = rule.stale == Some(StaleLimit::Never) || rule.patterns.is_empty();
                episode.bring_back(now.mono, begun.mono, at_once);
                at_once
            }
            Course::Episode(episode) => {
                let was = Was { active: Some(begun), latch: kept.latch, mapped };
                if kept.latch && rule.is_latch() {
                    self.edited = Some(was);
                    return true;
                }
                self.returns = Some(was);
                episode.fall_blind(now.mono, false);
                false
            }
        }
    }

    /// What of it applies without an event does so now: a latch holds.
    pub(in crate::rules) fn resume_now(&mut self, turn: &mut Turn<'_, '_>) {
        if self.edited.is_none() {
            let Course::Episode(episode) = &mut self.course else { return };
            let (before, step) = (episode.phase(), episode.wake(turn.world.now.mono));
            self.wake(step.end.is_none(), turn);
            return self.perform(step, (before, true), false, turn);
        }
        let requests = self.resume.as_mut().map(|resume| std::mem::take(&mut resume.requests)).unwrap_or_default();
        for wanted in requests {
            turn.world.wish(&self.origin, Ask::Set(wanted.request.clone()));
            self.held.take_over(wanted);
        }
        self.judge_edited(turn);
    }

    /// An event of an instance that may be dormant: what becomes of the `step` that it was judged to be, and whether a
    /// timer has ended the episode.
    pub(super) fn awake(&mut self, step: Step, good: bool, turn: &mut Turn<'_, '_>) -> (Step, bool) {
        if self.resume.is_none() {
            return (step, false);
        }
        if !good {
            return (Step { each: false, ..step }, false);
        }
        let Course::Episode(episode) = &mut self.course else { return (step, false) };
        // Its duration may have passed meanwhile.
        let timer = if step.end.is_none() { episode.wake(turn.world.now.mono) } else { Step::default() };
        let step = if timer.end.is_some() { timer } else { step };
        let lasts = step.end.is_none() && !step.begin;
        self.wake(lasts, turn);
        (step, timer.end.is_some())
    }

    /// The requests come back; those of the episode, if it `lasts`.
    pub(super) fn wake(&mut self, lasts: bool, turn: &mut Turn<'_, '_>) {
        let Some(resume) = self.resume.take() else { return };
        let Resume { mut requests, parting } = *resume;
        if let Course::Episode(episode) = &self.course {
            match episode.phase() {
                Phase::Active(since) if lasts => {
                    self.note(What::Resumed(since), None, turn);
                    self.raise(turn);
                }
                _ => requests.clear(),
            }
        }
        let now = turn.world.now.mono;
        for request in parting.into_iter().filter_map(|wanted| wanted.rest(now)) {
            self.held.part(&request, now);
            turn.world.wish(&self.origin, Ask::Set(request));
        }
        for request in requests.into_iter().filter_map(|wanted| wanted.rest(now)) {
            self.held.ask(&request, now);
            turn.world.wish(&self.origin, Ask::Set(request));
        }
    }

    /// Whether its episode waits for the first good event since a restart.
    pub(super) fn is_dormant(&self) -> bool {
        matches!(&self.course, Course::Episode(episode) if episode.is_dormant())
    }

    /// Its episode ends, dormant or not: what it would have asked for is not asked for.
    pub(super) fn forget_requests(&mut self) {
        self.resume.iter_mut().for_each(|resume| resume.requests.clear());
    }
}

fn nanos(at: Mono) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}
