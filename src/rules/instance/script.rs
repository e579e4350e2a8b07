//! The scripts and conditions of an instance at work: what they see, and what becomes of what they wish or fail at.

use crate::model::{Ask, DeviceKey};

use super::super::condition::Condition;
use super::super::host::{Host, Script};
use super::super::journal::What;
use super::super::tally::RuleFault;
use super::super::{Ended, Env, Fault, Run, Truth};
use super::held::Held;
use super::{Course, Instance, Part, Turn, Unsaved, World};

impl Instance {
    pub(in crate::rules) fn release(&mut self, world: &mut World<'_>) {
        if !self.held.is_empty() {
            self.held = Held::default();
            self.changed(Unsaved::Now);
            world.wish(&self.origin, Ask::ReleaseAll);
        }
    }

    /// Lets these devices go, and leaves the others, such as one that `finally` has just asked for with a lease.
    pub(super) fn release_each(&mut self, devices: Vec<DeviceKey>, world: &mut World<'_>) {
        if !devices.is_empty() {
            self.changed(Unsaved::Now);
        }
        for device in devices {
            world.wish(&self.origin, Ask::Release(device));
        }
    }

    /// True if any is, else unknown if any is.
    pub(super) fn any(&mut self, conditions: &[Condition], turn: &mut Turn<'_, '_>) -> Truth {
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

    pub(super) fn judge(&mut self, part: Part, condition: &Condition, turn: &mut Turn<'_, '_>) -> Truth {
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
    pub(super) fn run(
        &mut self,
        part: Part,
        script: Option<&Script>,
        turn: &mut Turn<'_, '_>,
        ended: Option<Ended>,
    ) -> bool {
        let Some(script) = script else { return true };
        let before = ended.map(|_| self.state.clone());
        let result = self.with_env(turn, ended, |host, env| {
            env.part = part.0;
            host.run(script, env)
        });
        match result.and_then(|run| if ended.is_some() { leased(run) } else { Ok(run) }) {
            Ok(run) => {
                turn.tally.ran(part.0, turn.world.now.mono);
                self.note_run(part.0, &run, turn);
                if run.altered.state {
                    self.changed(Unsaved::Now);
                } else if run.altered.loops {
                    self.changed(Unsaved::Soon);
                }
                self.wish(run, ended.is_some(), turn);
                return true;
            }
            Err(Fault::Unknown) => {
                turn.tally.unknown += 1;
                self.note_stop(part.0, turn);
            }
            Err(Fault::Failed { message }) => self.failed(part, &message, turn),
        }
        if let Some(before) = before {
            self.state = before;
        }
        false
    }

    fn wish(&mut self, run: Run, ends: bool, turn: &mut Turn<'_, '_>) {
        let (mute, now) = (self.is_mute(), turn.world.now.mono);
        for ask in run.asks {
            let other = match &ask {
                Ask::Set(_) if mute => continue,
                // A lease ends it: it is not the instance's to let go.
                Ask::Set(request) if ends => {
                    self.held.part(request, now);
                    true
                }
                Ask::Set(request) => self.held.ask(request, now),
                Ask::Release(device) => {
                    self.held.release(device);
                    true
                }
                _ => false,
            };
            if other && turn.rule.when.is_some() {
                self.changed(Unsaved::Soon);
            }
            turn.world.wish(&self.origin, ask);
        }
    }

    /// Blind for too long and silent: it may not ask for devices.
    pub(super) fn is_mute(&self) -> bool {
        matches!(&self.course, Course::Always(always) if always.is_over() && self.is_silent())
    }

    fn failed(&self, (part, nth): Part, message: &str, turn: &mut Turn<'_, '_>) {
        let (rule, instance) = (self.origin.rule.clone(), self.origin.instance.clone());
        let message = turn.rule.locate(part, nth, message);
        let what = What::Failed(part, message.clone());
        turn.tally.journal.note(turn.world.stamp(), &instance, what, Vec::new());
        turn.tally.failed(turn.world.now.mono, RuleFault { rule, instance, part, message }, turn.world.faults);
    }

    pub(super) fn with_env<R>(
        &mut self,
        turn: &mut Turn<'_, '_>,
        ended: Option<Ended>,
        look: impl FnOnce(&mut Host, &mut Env<'_>) -> R,
    ) -> R {
        let stale = self.is_silent();
        let mut env = Env {
            now: turn.world.now,
            part: "",
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
