//! One instance of a rule: its phase, message and state, and what one event or timer makes of it.

use std::sync::Arc;

use crate::bus::Last;
use crate::model::{Ask, Fields, Intent, Message, Mono, Name, Origin, Timestamp};

use super::blindness::Always;
use super::condition::Condition;
use super::episode::{Judged, Settings, Step};
use super::host::{Host, Script};
use super::tally::{RuleFault, Tally};
use super::{Ended, Env, Episode, Fault, Phase, Rule, Run, RunLog, Truth, Windows};

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
    pub(super) out: &'a mut Vec<Intent>,
    pub(super) faults: &'a mut Vec<RuleFault>,
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
    /// It asked for a device since the last release of all.
    holds: bool,
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
            origin: Origin { rule: name, instance: key, priority: rule.priority, shadow },
            segments,
            channel,
            message: None,
            state: rule.state.clone(),
            windows: Windows::new(&rule.windows),
            runs: RunLog::default(),
            course,
            owed: false,
            begun: None,
            holds: false,
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
        match &self.course {
            Course::Episode(episode) => episode.next_deadline(),
            Course::Always(always) => always.next_deadline(),
        }
    }

    fn is_silent(&self) -> bool {
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
        let judged = Judged { when, until: until.as_slice(), silent: self.is_silent(), heard: turn.cause.heard };
        let Course::Episode(episode) = &mut self.course else { return };
        let step = episode.judge(turn.world.now.mono, &judged);
        self.perform(step, turn);
    }

    /// Fires a timer that is due.
    pub(super) fn due(&mut self, turn: &mut Turn<'_, '_>) {
        match &mut self.course {
            Course::Episode(episode) => {
                let step = episode.due(turn.world.now.mono);
                self.perform(step, turn);
            }
            Course::Always(always) => {
                always.due(turn.world.now.mono);
                if always.is_over() {
                    self.release(turn.world);
                }
            }
        }
    }

    /// Lets everything go and begins anew, without a script: the rule is parked.
    pub(super) fn park(&mut self, world: &mut World<'_>) {
        if let Course::Episode(episode) = &mut self.course {
            episode.reset();
        }
        (self.owed, self.begun) = (false, None);
        self.release(world);
    }

    fn perform(&mut self, step: Step, turn: &mut Turn<'_, '_>) {
        if step.begin {
            turn.tally.episodes += 1;
            self.runs.record(turn.world.now.mono);
            (self.begun, self.owed) = (Some(turn.world.now), turn.rule.then.is_some());
        }
        if step.each && self.owed {
            self.owed = !self.run(("then", 0), turn.rule.then.as_ref(), turn, None);
        }
        if step.each {
            self.run(("each", 0), turn.rule.each.as_ref(), turn, None);
        }
        if let Some(why) = step.end {
            self.release(turn.world);
            self.run(("finally", 0), turn.rule.finally.as_ref(), turn, Some(why));
            (self.owed, self.begun) = (false, None);
        }
    }

    /// One event of a rule without `when`. While it has been blind for too long, no wish for a device leaves it.
    fn event_always(&mut self, turn: &mut Turn<'_, '_>) {
        let (now, silent) = (turn.world.now.mono, self.is_silent());
        self.begun.get_or_insert(turn.world.now);
        let Course::Always(always) = &mut self.course else { return };
        if silent {
            always.watch(now, false, true, turn.cause.heard);
        }
        let known = if always.rests(now) {
            self.is_good(turn.rule)
        } else {
            let ran = self.run(("each", 0), turn.rule.each.as_ref(), turn, None);
            if let (true, Course::Always(always)) = (ran, &mut self.course) {
                always.ran(now);
                self.runs.record(now);
            }
            ran
        };
        let Course::Always(always) = &mut self.course else { return };
        always.watch(now, known, silent, turn.cause.heard);
        if always.is_over() {
            self.release(turn.world);
        }
    }

    /// Whether every field that the rule names has a value.
    fn is_good(&self, rule: &Rule) -> bool {
        let value = |field: &Name| self.message.as_ref().and_then(|message| message.fields.get(field));
        rule.fields.iter().all(|field| value(field).is_some_and(|value| !value.is_null()))
    }

    fn release(&mut self, world: &mut World<'_>) {
        if std::mem::take(&mut self.holds) {
            world.out.push(Intent { origin: self.origin.clone(), hop: world.hop, ask: Ask::ReleaseAll });
        }
    }

    /// True if any is, else unknown if any is.
    fn any(&mut self, conditions: &[Condition], turn: &mut Turn<'_, '_>) -> Truth {
        let mut all = Truth::False;
        for (nth, condition) in conditions.iter().enumerate() {
            match self.judge(("until", nth), condition, turn) {
                Truth::True => return Truth::True,
                Truth::Unknown => all = Truth::Unknown,
                Truth::False => {}
            }
        }
        all
    }

    fn judge(&mut self, part: Part, condition: &Condition, turn: &mut Turn<'_, '_>) -> Truth {
        let result = self.with_env(turn, None, |host, env| condition.judge(host, env));
        match result {
            Ok(Truth::Unknown) | Err(Fault::Unknown) => {
                turn.tally.unknown += 1;
                Truth::Unknown
            }
            Ok(truth) => truth,
            Err(Fault::Failed { message }) => {
                self.failed(part, &message, turn);
                Truth::Unknown
            }
        }
    }

    /// Runs a script; `false` if it left nothing.
    fn run(&mut self, part: Part, script: Option<&Script>, turn: &mut Turn<'_, '_>, ended: Option<Ended>) -> bool {
        let Some(script) = script else { return true };
        let before = ended.map(|_| self.state.clone());
        let result = self.with_env(turn, ended, |host, env| host.run(script, env));
        match result.and_then(|run| if ended.is_some() { leased(run) } else { Ok(run) }) {
            Ok(run) => {
                turn.tally.ran(part.0);
                self.wish(run, ended.is_some(), turn);
                return true;
            }
            Err(Fault::Unknown) => turn.tally.unknown += 1,
            Err(Fault::Failed { message }) => self.failed(part, &message, turn),
        }
        if let Some(before) = before {
            self.state = before;
        }
        false
    }

    fn wish(&mut self, run: Run, ends: bool, turn: &mut Turn<'_, '_>) {
        let mute = matches!(&self.course, Course::Always(always) if always.is_over() && self.is_silent());
        for ask in run.asks {
            if let Ask::Set(_) = ask {
                if mute {
                    continue;
                }
                self.holds |= !ends;
            }
            turn.world.out.push(Intent { origin: self.origin.clone(), hop: turn.world.hop, ask });
        }
    }

    fn failed(&self, (part, nth): Part, message: &str, turn: &mut Turn<'_, '_>) {
        let (rule, instance) = (self.origin.rule.clone(), self.origin.instance.clone());
        let message = turn.rule.locate(part, nth, message);
        turn.tally.failed(turn.world.now.mono, RuleFault { rule, instance, part, message }, turn.world.faults);
    }

    fn with_env<R>(
        &mut self,
        turn: &mut Turn<'_, '_>,
        ended: Option<Ended>,
        look: impl FnOnce(&mut Host, &mut Env<'_>) -> R,
    ) -> R {
        let stale = self.is_silent();
        let mut env = Env {
            now: turn.world.now,
            rule: &turn.rule.name,
            message: self.message.as_ref(),
            channel: self.message.as_ref().map_or(&self.channel, |message| &message.channel),
            segments: &self.segments,
            state: &mut self.state,
            stale,
            reset: turn.cause.reset,
            ended,
            begun: self.begun,
            runs: &self.runs,
            windows: &self.windows,
            last: turn.world.last,
            zone: turn.world.zone,
        };
        let host = &mut *turn.world.host;
        let before = host.operations();
        let result = look(host, &mut env);
        turn.operations += host.operations() - before;
        result
    }
}

/// In `finally` the episode is over: nothing would ever end a request without `lease`.
fn leased(run: Run) -> Result<Run, Fault> {
    let endless = run.asks.iter().find_map(|ask| match ask {
        Ask::Set(request) if request.lease.is_none() => Some(&request.device),
        _ => None,
    });
    match endless {
        Some(device) => Err(Fault::Failed {
            message: format!(
                "in `finally` a request needs a lease, as in device(…).on(#{{ lease: \"5m\" }}): {device}"
            ),
        }),
        None => Ok(run),
    }
}
