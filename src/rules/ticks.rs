//! When the schedules of all rules are due: `every` on the monotonic clock, the others on the civil one, which may be
//! wrong at first and may jump. Pure; it hands out deadlines and learns when they have come.

mod saved;

use std::time::Duration;

use hashbrown::HashMap;
use jiff::tz::TimeZone;

use crate::model::{Mono, Timestamp, Utc};

use super::Schedule;
use super::timers::{Due, Timers};
use super::why::Civil;

/// 2024-01-01T00:00:00Z: a clock that shows less was never set.
pub(super) const BELIEVABLE: Utc = Utc(1_704_067_200_000_000_000);
/// Civil and monotonic clock drift apart by less than this before schedules are planned anew.
const JUMP: i64 = 100_000_000;
/// While civil schedules wait, the civil clock is looked at this often: nothing else tells that somebody set it.
const LOOK: Duration = Duration::from_secs(60);
/// A tick missed by less than this still runs.
const LATE: Duration = Duration::from_secs(3_600);
/// So many missed ticks are counted one by one; of a clock that jumps by years, the rest is not.
const MOST_COUNTED: u64 = 1_000;

/// Where the site is.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Its time zone.
    pub zone: TimeZone,
    /// Latitude and longitude in degrees, north and east positive; without them `sunrise` and `sunset` never come.
    pub location: Option<(f64, f64)>,
}

impl Default for Place {
    fn default() -> Place {
        Place { zone: TimeZone::UTC, location: None }
    }
}

/// One schedule of one rule.
#[derive(Debug)]
struct Plan {
    rule: u32,
    schedule: Schedule,
    /// What lies before was not missed.
    since: Mono,
    next: Next,
    /// Of a civil one: up to here it has run, or was missed.
    served: Option<Utc>,
    /// The entry of `Timers` that counts; others are left over.
    armed: Option<Mono>,
}

#[derive(Debug)]
enum Next {
    Every(Mono),
    /// The planned moment, if the clock is believable and there is one, and the last one that ran.
    Civil(Option<Utc>, Option<Utc>),
}

/// What became of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticked {
    /// Whose.
    pub(super) rule: u32,
    /// It runs now.
    pub(super) runs: bool,
    /// So many were missed before.
    pub(super) missed: u64,
}

/// The schedules of all rules.
#[derive(Debug)]
pub(super) struct Ticks {
    plans: Vec<Plan>,
    place: Place,
    /// Civil minus monotonic time when the civil schedules were planned last; `None`: there are none.
    offset: Option<i64>,
    /// Rules whose schedules are served further than was written down.
    unsaved: Vec<u32>,
}

fn offset(now: Timestamp) -> i64 {
    now.utc.0.saturating_sub_unsigned(now.mono.0)
}

impl Ticks {
    pub(super) fn new<'a>(
        schedules: impl Iterator<Item = (u32, &'a Schedule)>,
        place: Place,
        now: Timestamp,
        timers: &mut Timers,
    ) -> Ticks {
        let mut ticks = Ticks { plans: Vec::new(), place, offset: None, unsaved: Vec::new() };
        for (rule, schedule) in schedules {
            ticks.add(rule, schedule, now);
        }
        ticks.plan_civil(now, 0, timers);
        ticks.arm_all(now, timers);
        ticks
    }

    fn add(&mut self, rule: u32, schedule: &Schedule, now: Timestamp) {
        let next = match schedule {
            Schedule::Startup | Schedule::Shutdown => return,
            Schedule::Every(period) => Next::Every(now.mono + *period),
            Schedule::Civil(_) | Schedule::Sunrise(_) | Schedule::Sunset(_) => {
                self.offset.get_or_insert(offset(now));
                Next::Civil(None, None)
            }
        };
        self.plans.push(Plan { rule, schedule: schedule.clone(), since: now.mono, next, served: None, armed: None });
    }

    /// Plans for an edited set of rules: a schedule that a rule had and has still goes on, a new one begins now. `of`
    /// gives the rule's new position. Returns the new position of every plan.
    pub(super) fn edit<'a>(
        &mut self,
        of: impl Fn(u32) -> Option<u32>,
        schedules: impl Iterator<Item = (u32, &'a Schedule)>,
        place: Place,
        now: Timestamp,
    ) -> Vec<Option<u32>> {
        let moved = place != self.place;
        self.place = place;
        let mut before: Vec<Option<Plan>> = std::mem::take(&mut self.plans).into_iter().map(Some).collect();
        let mut new = vec![None; before.len()];
        let mut of_rule: HashMap<u32, Vec<usize>> = HashMap::new();
        for (at, plan) in before.iter().flatten().enumerate() {
            of(plan.rule).into_iter().for_each(|rule| of_rule.entry(rule).or_default().push(at));
        }
        for (rule, schedule) in schedules {
            let same = |at: &&usize| before[**at].as_ref().is_some_and(|plan| plan.schedule == *schedule);
            match of_rule.get(&rule).and_then(|plans| plans.iter().find(same)).copied() {
                Some(at) => {
                    new[at] = Some(self.plans.len() as u32);
                    self.plans.extend(before[at].take().map(|plan| Plan { rule, ..plan }));
                }
                None => {
                    let count = self.plans.len();
                    self.add(rule, schedule, now);
                    self.plans[count..].iter_mut().for_each(|plan| plan.begin(&self.place, now));
                }
            }
        }
        self.unsaved = self.plans.iter().map(|plan| plan.rule).collect();
        if moved {
            self.plans.iter_mut().for_each(|plan| plan.begin(&self.place, now));
        }
        new
    }

    /// Sets the deadline of every plan that has none, as after an edit.
    pub(super) fn arm_all(&mut self, now: Timestamp, timers: &mut Timers) {
        for index in 0..self.plans.len() {
            self.arm(index, now, timers);
        }
    }

    /// Where the site is.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether a rule has schedules of which ticks come, and the next tick, if one is planned.
    pub(super) fn next_of(&self, rule: u32, civil: Civil) -> (bool, Option<f64>) {
        let mut plans = self.plans.iter().filter(|plan| plan.rule == rule).peekable();
        let any = plans.peek().is_some();
        let next = plans.filter_map(|plan| match &plan.next {
            Next::Every(at) => Some(civil.at(*at)),
            Next::Civil(planned, _) => planned.map(Utc::seconds),
        });
        (any, next.min_by(f64::total_cmp))
    }

    /// The site's time zone.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.place.zone
    }

    /// Whether `sunrise` and `sunset` can be told.
    pub(super) fn knows_the_sun(&self) -> bool {
        self.place.location.is_some()
    }

    /// Looks at the civil clock; if somebody set it, the civil schedules are planned anew.
    pub(super) fn watch(&mut self, now: Timestamp, timers: &mut Timers) {
        let Some(old) = self.offset else { return };
        let by = offset(now).saturating_sub(old);
        if by.saturating_abs() < JUMP {
            return;
        }
        self.offset = Some(offset(now));
        self.plan_civil(now, by, timers);
    }

    fn plan_civil(&mut self, now: Timestamp, by: i64, timers: &mut Timers) {
        for index in 0..self.plans.len() {
            let plan = &mut self.plans[index];
            let Next::Civil(planned, ran) = &mut plan.next else { continue };
            let base = if now.utc < BELIEVABLE {
                None
            } else if planned.is_none() {
                // While nobody believed the clock, the engine ran: what came due since its start was missed.
                let before = now.mono.since(plan.since).min(LATE);
                let begun = Utc(now.utc.0.saturating_sub(before.as_nanos() as i64));
                Some(plan.served.map_or(begun, |served| not_ahead(served, now.utc)))
            } else if by < 0 {
                // Set back by a little, what has run does not run again; by a lot, the clock was wrong before.
                ran.filter(|ran| *ran > now.utc && *ran <= now.utc + LATE).or(Some(now.utc))
            } else {
                self.arm(index, now, timers);
                continue;
            };
            plan.served = base.or(plan.served);
            self.unsaved.push(plan.rule);
            *planned = base.and_then(|base| plan.schedule.next_after(base, &self.place.zone, self.place.location));
            self.arm(index, now, timers);
        }
    }

    fn arm(&mut self, index: usize, now: Timestamp, timers: &mut Timers) {
        let plan = &mut self.plans[index];
        let at = match &plan.next {
            Next::Every(at) => Some(*at),
            Next::Civil(planned, _) => {
                let left = planned.map(|planned| planned.0.saturating_sub(now.utc.0).max(0));
                Some(now.mono + left.map_or(LOOK, |left| LOOK.min(Duration::from_nanos(left.unsigned_abs()))))
            }
        };
        if plan.armed != at {
            plan.armed = at;
            if let Some(at) = at {
                timers.push(at, Due::Tick(index as u32));
            }
        }
    }

    /// Takes a deadline of `index` that came at `at`; `None` if it was left over, or the clock is not there yet.
    pub(super) fn take(&mut self, index: u32, at: Mono, now: Timestamp, timers: &mut Timers) -> Option<Ticked> {
        let plan = self.plans.get_mut(index as usize)?;
        if plan.armed != Some(at) {
            return None;
        }
        plan.armed = None;
        let ticked = match &mut plan.next {
            Next::Every(due) => {
                let Schedule::Every(period) = plan.schedule else { return None };
                let missed = (now.mono.since(*due).as_nanos() / period.as_nanos().max(1)) as u64;
                let gone = period.as_nanos().saturating_mul(u128::from(missed) + 1);
                *due = Mono(due.0.saturating_add(u64::try_from(gone).unwrap_or(u64::MAX)));
                Some(Ticked { rule: plan.rule, runs: true, missed })
            }
            Next::Civil(planned, ran) => {
                let due = planned.filter(|due| *due <= now.utc);
                due.map(|due| {
                    let (latest, next, counted) = latest(&plan.schedule, due, now.utc, &self.place);
                    *planned = next;
                    let runs = now.utc.0.saturating_sub(latest.0) < LATE.as_nanos() as i64;
                    if runs {
                        *ran = Some(latest);
                    }
                    plan.served = Some(latest);
                    self.unsaved.push(plan.rule);
                    Ticked { rule: plan.rule, runs, missed: counted + u64::from(!runs) }
                })
            }
        };
        self.arm(index as usize, now, timers);
        ticked
    }
}

/// What was served before the civil clock was set back is not served again, unless the clock was wrong before.
fn not_ahead(served: Utc, now: Utc) -> Utc {
    if served > now + LATE { now } else { served }
}

impl Plan {
    /// A civil schedule begins `now`: what lies before was not missed.
    fn begin(&mut self, place: &Place, now: Timestamp) {
        if let (Next::Civil(planned, _), true) = (&mut self.next, now.utc >= BELIEVABLE) {
            *planned = self.schedule.next_after(now.utc, &place.zone, place.location);
            self.served = Some(now.utc);
        }
    }
}

/// The latest moment of a schedule up to `now`, the first after, and how many lie before the latest.
fn latest(schedule: &Schedule, first: Utc, now: Utc, place: &Place) -> (Utc, Option<Utc>, u64) {
    let (mut latest, mut counted) = (first, 0);
    loop {
        let next = schedule.next_after(latest, &place.zone, place.location);
        match next {
            Some(next) if next <= now => {
                counted += 1;
                latest = if counted == MOST_COUNTED { next.max(Utc(now.0 - LATE.as_nanos() as i64)) } else { next };
            }
            _ => return (latest, next, counted),
        }
    }
}
