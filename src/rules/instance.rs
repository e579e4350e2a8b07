//! One instance of a rule: its phase, message and state, and what one event or timer makes of it.

mod alert;
mod edit;
mod held;
mod saved;
mod script;
mod why;

use std::sync::Arc;

use crate::bus::Last;
use crate::model::{Ask, Fields, Intent, Message, Mono, Name, Origin, Timestamp};

use super::blindness::Always;
use super::engine::Keeping;
use super::episode::{Judged, Settings, Step};
use super::host::Host;
use super::journal::{Entry, Stamp, What};
use super::tally::{RuleFault, Tally};
use super::{Ended, Episode, Phase, Rule, RunLog, Truth, Windows};
use why::Look;

use held::Held;
pub(super) use held::Wanted;
use saved::Resume;
pub(super) use saved::Unsaved;

/// Names from the pattern and what they stand for.
pub(super) type Segments = Arc<[(Name, Name)]>;

/// What every event needs: where the world is read, and where what is wished goes.
pub(super) struct World<'a> {
    pub(super) now: Timestamp,
    /// Hops of the message that led here.
    pub(super) hop: u8,
    pub(super) host: &'a mut Host,
    pub(super) last: &'a Last,
    pub(super) zone: &'a jiff::tz::TimeZone,
    /// Of the files that decide.
    pub(super) revision: &'a Name,
    pub(super) out: &'a mut Vec<Intent>,
    pub(super) faults: &'a mut Vec<RuleFault>,
    pub(super) keeping: &'a mut Keeping,
}

impl<'a> World<'a> {
    pub(super) fn stamp(&self) -> Stamp<'a> {
        Stamp { at: self.now, revision: self.revision }
    }

    fn wish(&mut self, origin: &Origin, ask: Ask) {
        let origin = Origin { revision: Some(self.revision.clone()), ..origin.clone() };
        self.out.push(Intent { origin, hop: self.hop, ask });
    }
}

/// What kind of event it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cause {
    /// A message came.
    pub(super) heard: bool,
    /// A person resets the rule.
    pub(super) reset: bool,
}

/// One event for one rule.
pub(super) struct Turn<'a, 'w> {
    pub(super) rule: &'a Rule,
    pub(super) tally: &'a mut Tally,
    pub(super) cause: Cause,
    pub(super) world: &'a mut World<'w>,
    /// What its scripts have cost so far.
    pub(super) operations: u64,
}

/// What an instance was before an edit.
#[derive(Clone, Copy, Debug)]
struct Was {
    /// When its episode began, if it lasted.
    active: Option<Timestamp>,
    /// Of a latch.
    latch: bool,
    /// It had sources in the map.
    mapped: bool,
}

/// One instance.
#[derive(Debug)]
pub(super) struct Instance {
    /// Who asks, made once.
    pub(super) origin: Origin,
    pub(super) segments: Segments,
    /// The channel before the first message.
    channel: Name,
    pub(super) message: Option<Arc<Message>>,
    state: Fields,
    pub(super) windows: Windows,
    runs: RunLog,
    course: Course,
    /// `then` failed and is tried again at each event.
    owed: bool,
    begun: Option<Timestamp>,
    held: Held,
    /// The last event that it judged, and when its last message came.
    looked: Option<Look>,
    heard: Option<Mono>,
    /// The last run of `each`.
    each: Option<Box<Entry>>,
    /// It went over an edit; until it is judged.
    edited: Option<Was>,
    /// It lasted before a restart, and its rule was edited meanwhile; until its first good event.
    returns: Option<Was>,
    /// It is dormant since a restart.
    resume: Option<Box<Resume>>,
    /// What has changed since it was written down, as what it stands in the list of what to write, and whether something of
    /// it is written.
    unsaved: Unsaved,
    pub(super) listed: Unsaved,
    pub(super) is_kept: bool,
    /// Its rule asks how often it has run.
    counts: bool,
    /// How many sources of the map it has, and how many of them are silent.
    pub(super) sources: u32,
    pub(super) silent: u32,
    /// The earliest entry in `Timers`.
    pub(super) armed: Option<Mono>,
}

#[derive(Debug)]
enum Course {
    Episode(Episode),
    Always(Box<Always>),
}

/// One of a rule's scripts or conditions: its key, and which of several.
type Part = (&'static str, usize);

impl Instance {
    pub(super) fn new(
        rule: &Rule,
        key: Name,
        segments: Segments,
        channel: Name,
        settings: Settings,
        now: Mono,
    ) -> Self {
        let course = match rule.when {
            Some(_) => Course::Episode(Episode::new(settings, now)),
            None => Course::Always(Box::new(Always::new(settings, now))),
        };
        let (name, shadow) = (rule.name.clone(), rule.mode == super::Mode::Shadow);
        Instance {
            origin: Origin { rule: name, instance: key, priority: rule.priority, shadow, revision: None },
            segments,
            channel,
            message: None,
            state: rule.state.clone(),
            windows: Windows::new(&rule.windows),
            runs: RunLog::default(),
            course,
            owed: false,
            begun: None,
            held: Held::default(),
            looked: None,
            heard: None,
            each: None,
            edited: None,
            returns: None,
            resume: None,
            unsaved: Unsaved::No,
            listed: Unsaved::No,
            is_kept: false,
            counts: rule.remembers().is_some(),
            sources: 0,
            silent: 0,
            armed: None,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        match &self.course {
            Course::Episode(episode) => matches!(episode.phase(), Phase::Active(_)),
            Course::Always(_) => true,
        }
    }

    pub(super) fn suppressed(&self) -> u64 {
        match &self.course {
            Course::Episode(episode) => episode.suppressed(),
            Course::Always(always) => always.suppressed(),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let course = match &self.course {
            Course::Episode(episode) => episode.next_deadline(),
            Course::Always(always) => always.next_deadline(),
        };
        [course, self.held.deadline()].into_iter().flatten().min()
    }

    pub(super) fn is_silent(&self) -> bool {
        self.sources > 0 && self.silent == self.sources
    }

    /// Takes one event; the message, if it is one, is in place.
    pub(super) fn event(&mut self, turn: &mut Turn<'_, '_>) {
        let phase = match &self.course {
            Course::Episode(episode) => episode.phase(),
            Course::Always(_) => return self.event_always(turn),
        };
        let conditions = turn.rule.until.as_ref().map_or(&[][..], |until| &until.conditions);
        let until = match phase {
            Phase::Active(_) if !conditions.is_empty() => Some(self.any(conditions, turn)),
            _ => None,
        };
        let when = match (&turn.rule.when, until) {
            (Some(when), None) => self.judge(("when", 0), when, turn),
            _ => Truth::Unknown,
        };
        let (part, truth) = until.map_or(("when", when), |until| ("until", until));
        self.look(part, Some(truth), turn);
        let judged = Judged { when, until: until.as_slice(), silent: self.is_silent(), heard: turn.cause.heard };
        let Course::Episode(episode) = &mut self.course else { return };
        let good = truth != Truth::Unknown && (!judged.silent || turn.rule.names_stale);
        let over = episode.is_over(turn.world.now.mono);
        let returned = self.returns.take_if(|_| good);
        let came_back = returned.is_some();
        let step = match returned.filter(|_| !over) {
            Some(was) => {
                let since = was.active.map(|at| at.mono);
                let step = episode.judge_edited(turn.world.now.mono, &judged, since, false);
                self.begun = was.active.filter(|_| step.begin);
                step
            }
            None => episode.judge(turn.world.now.mono, &judged),
        };
        if came_back && !step.begin {
            // Nothing else tells that it lasted before the restart.
            self.resolve(if over { Ended::Stale } else { Ended::Changed }, turn);
        }
        let (step, by_timer) = self.awake(step, good, turn);
        self.perform(step, (phase, by_timer), false, turn);
        if by_timer {
            // Its time was over before this event, which may begin the next.
            self.event(turn);
        }
    }

    /// Fires a timer that is due.
    pub(super) fn due(&mut self, turn: &mut Turn<'_, '_>) {
        let overdue = self.held.overdue(turn.world.now.mono);
        self.release_each(overdue, turn.world);
        match &mut self.course {
            Course::Episode(episode) => {
                let (before, step) = (episode.phase(), episode.due(turn.world.now.mono));
                self.perform(step, (before, true), false, turn);
            }
            Course::Always(always) => {
                always.due(turn.world.now.mono);
                self.let_go(turn);
            }
        }
    }

    /// Lets everything go and begins anew, without a script: the rule is parked.
    pub(super) fn park(&mut self, alerts: bool, world: &mut World<'_>) {
        self.silence(alerts, world);
        if let Course::Episode(episode) = &mut self.course {
            episode.reset();
        }
        self.changed(Unsaved::Now);
        (self.resume, self.returns) = (None, None);
        (self.owed, self.begun) = (false, None);
        self.release(world);
    }

    /// `before`: its phase before the event, or before the timer that was due. An end that `keeps` lets nothing go.
    fn perform(&mut self, step: Step, (before, by_timer): (Phase, bool), keeps: bool, turn: &mut Turn<'_, '_>) {
        self.begin(step, before, turn);
        if step.end.is_none() {
            self.pend(before, turn);
        }
        self.broke(before, turn);
        if step.each && self.run(("each", 0), turn.rule.each.as_ref(), turn, None) {
            self.leave(turn);
        }
        if let Some(why) = step.end {
            self.changed(Unsaved::Now);
            self.forget_requests();
            self.ended(why, (by_timer, keeps), turn);
            self.resolve(why, turn);
            if !keeps {
                self.release(turn.world);
            }
            self.run(("finally", 0), turn.rule.finally.as_ref(), turn, Some(why));
            (self.owed, self.begun) = (false, None);
        }
    }

    /// Every script that asks for devices has run since the edit: what they did not ask for anew is let go.
    fn leave(&mut self, turn: &mut Turn<'_, '_>) {
        if !self.owed {
            let left = self.held.leave();
            self.release_each(left, turn.world);
        }
    }

    /// The beginning of an episode, and its `then`, which may still be owed later.
    fn begin(&mut self, step: Step, before: Phase, turn: &mut Turn<'_, '_>) {
        if step.begin {
            self.changed(Unsaved::Now);
            let since = if let Phase::Pending(since) = before { since } else { turn.world.now.mono };
            self.note(What::Began(since), Some("when"), turn);
            turn.tally.episodes += 1;
            // One that goes on over an edit has been counted when it began.
            if self.begun.is_none() {
                self.runs.record(turn.world.now.mono);
            }
            self.begun.get_or_insert(turn.world.now);
            self.owed = turn.rule.then.is_some();
            self.raise(turn);
        }
        if step.each && self.owed {
            self.owed = !self.run(("then", 0), turn.rule.then.as_ref(), turn, None);
            if !self.owed {
                self.changed(Unsaved::Now);
            }
        }
    }

    /// One event of a rule without `when`. While it has been blind for too long, no wish for a device leaves it.
    fn event_always(&mut self, turn: &mut Turn<'_, '_>) {
        let (now, silent) = (turn.world.now.mono, self.is_silent());
        self.look("each", None, turn);
        if self.begun.is_none() {
            self.begun = Some(turn.world.now);
            self.changed(Unsaved::Soon);
        }
        let Course::Always(always) = &mut self.course else { return };
        if silent {
            always.watch(now, false, true, turn.cause.heard);
        }
        let known = if always.rests(now) {
            self.is_good(turn.rule)
        } else {
            let ran = self.run(("each", 0), turn.rule.each.as_ref(), turn, None);
            if ran {
                self.leave(turn);
            }
            if let (true, Course::Always(always)) = (ran, &mut self.course) {
                always.ran(now);
                self.runs.record(now);
                if self.counts || !turn.rule.cooldown.is_zero() {
                    self.changed(Unsaved::Now);
                }
            }
            ran
        };
        let Course::Always(always) = &mut self.course else { return };
        always.watch(now, known, silent, turn.cause.heard);
        if known && self.resume.is_some() {
            self.wake(false, turn);
        }
        self.let_go(turn);
    }

    /// A rule without `when` that was blind for too long holds nothing.
    fn let_go(&mut self, turn: &mut Turn<'_, '_>) {
        if !matches!(&self.course, Course::Always(always) if always.is_over()) {
            return;
        }
        if !self.held.is_empty() {
            self.note(What::LetGo, None, turn);
        }
        self.release(turn.world);
    }

    /// Whether every field that the rule names has a value.
    fn is_good(&self, rule: &Rule) -> bool {
        let value = |field: &Name| self.message.as_ref().and_then(|message| message.fields.get(field));
        rule.fields.iter().all(|field| value(field).is_some_and(|value| !value.is_null()))
    }
}
