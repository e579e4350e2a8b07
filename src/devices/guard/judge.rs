//! The limits of the map on their way to the bus: what each device may be told now, whatever is wanted of it.
//!
//! Devices that have to do with each other are judged together, one after the other: those that must stay on first, then by
//! the priority of who asks, then those that are on already. Of another device the worst is believed: what it was told, what
//! its feedback says, and what has just been decided about it. A last pass switches off what the later decisions forbid.

use crate::channels::{Limits, Test, While};
use crate::model::{Level, Mono};

use super::super::device::{Switched, Wish};
use super::super::level::Target;
use super::super::ramp::{self, Ramp};
use super::super::restraint::{Permit, Restraint};
use super::super::timing::SETTLE;
use super::Guard;

/// Devices that have to do with each other, and those of them that have limits.
#[derive(Debug, Default)]
pub(super) struct Company {
    limited: Vec<usize>,
}

/// What has been decided about one device.
#[derive(Debug)]
pub(super) struct Draft {
    at: usize,
    target: Target,
    on: bool,
    /// It would be on, were those off that have to go off for it.
    claims: bool,
    why: Option<Restraint>,
    recheck: Option<Mono>,
    ramp: Ramp,
}

/// Whether other devices allow that one is on.
#[derive(Debug, Default)]
struct Relations {
    why: Option<Restraint>,
    /// Only another one's last moments are in its way.
    claims: bool,
    recheck: Option<Mono>,
}

impl Guard {
    /// Finds out which devices have to do with each other.
    pub(super) fn keep_company(&mut self) {
        let mut first: Vec<usize> = (0..self.devices.len()).collect();
        let root = |first: &[usize], mut at: usize| {
            while first[at] != at {
                at = first[at];
            }
            at
        };
        for at in 0..self.devices.len() {
            for other in self.others(at) {
                let (a, b) = (root(&first, at), root(&first, other));
                first[a.max(b)] = a.min(b);
            }
        }
        self.companies.clear();
        let mut by_root: Vec<Option<usize>> = vec![None; self.devices.len()];
        for at in 0..self.devices.len() {
            let root = root(&first, at);
            if !self.devices[at].is_limited() && self.others_of_none(at) {
                continue;
            }
            let company = *by_root[root].get_or_insert_with(|| {
                self.companies.push(Company::default());
                self.companies.len() - 1
            });
            self.devices[at].company = Some(company);
            if self.devices[at].is_limited() {
                self.companies[company].limited.push(at);
            }
        }
    }

    /// Whether no other device's limits name it.
    fn others_of_none(&self, at: usize) -> bool {
        let key = &self.devices[at].spec.key;
        let names =
            |limits: &Limits| limits.forbid_while.iter().chain(&limits.only_while).any(|one| one.device == *key);
        !self.devices.iter().any(|device| names(&device.spec.limits))
    }

    /// The devices that a device's limits name.
    fn others(&self, at: usize) -> Vec<usize> {
        let limits = &self.devices[at].spec.limits;
        let named = limits.forbid_while.iter().chain(&limits.only_while);
        let mut others: Vec<usize> = named.filter_map(|one| self.by_key.get(&one.device).copied()).collect();
        others.extend(limits.interlocks.iter().flat_map(|group| self.group(group)).filter(|other| *other != at));
        others
    }

    pub(super) fn group(&self, name: &str) -> impl Iterator<Item = usize> {
        let is_in = move |device: &Switched| device.spec.limits.interlocks.iter().any(|group| **group == *name);
        self.devices.iter().enumerate().filter(move |(_, device)| is_in(device)).map(|(at, _)| at)
    }

    /// Judges what has to do with the touched devices anew; those that are told something else for it.
    pub(super) fn judge(&mut self, touched: &[usize]) -> Vec<usize> {
        let mut companies: Vec<usize> = touched.iter().filter_map(|&at| self.devices[at].company).collect();
        companies.sort_unstable();
        companies.dedup();
        let (mut started, mut changed) = (None, Vec::new());
        for company in companies {
            let drafts = self.decide(company, &mut started);
            drafts.into_iter().for_each(|draft| self.apply(draft, &mut changed));
        }
        changed
    }

    /// Decides about a company. One that all decisions together forbid stays as it is, if that helps, and the others are
    /// decided about anew: nobody gives way to what does not come. Else it is off.
    fn decide(&mut self, company: usize, started: &mut Option<Mono>) -> Vec<Draft> {
        let mut barred: Vec<(usize, Restraint)> = Vec::new();
        loop {
            let (mut drafts, mut last_start) = (Vec::new(), *started);
            for at in self.order(company) {
                let Some(mut draft) = self.draft(at, &drafts, last_start) else { continue };
                if let Some((_, why)) = barred.iter().find(|(other, _)| *other == at && draft.on) {
                    let device = &self.devices[at];
                    let as_it_is = device.told().map_or_else(|| device.levels.off(), |told| device.levels.within(told));
                    self.hold_back(&mut draft, as_it_is, why.clone());
                }
                let starts = draft.on && !self.devices[at].is_on();
                last_start = last_start.or(starts.then_some(self.now.mono));
                drafts.push(draft);
            }
            loop {
                let Some((i, why)) = self.forbidden(&drafts) else {
                    *started = last_start;
                    return drafts;
                };
                let at = drafts[i].at;
                if barred.iter().all(|(other, _)| *other != at) {
                    barred.push((at, why));
                    break;
                }
                self.hold_back(&mut drafts[i], self.devices[at].levels.off(), why);
            }
        }
    }

    fn hold_back(&self, draft: &mut Draft, target: Target, why: Restraint) {
        draft.on = self.devices[draft.at].levels.is_on(&target);
        (draft.target, draft.why, draft.claims, draft.ramp) = (target, Some(why), false, Ramp::default());
    }

    /// What is decided about first has the better right.
    fn order(&self, company: usize) -> Vec<usize> {
        let mut order = self.companies[company].limited.clone();
        order.sort_by_key(|&at| {
            let device = &self.devices[at];
            (!device.is_kept_on(self.now.mono), std::cmp::Reverse(device.priority()), !device.is_on(), at)
        });
        order
    }

    /// Decides about one device; `None` if nothing is to be told it.
    fn draft(&mut self, at: usize, drafts: &[Draft], started: Option<Mono>) -> Option<Draft> {
        let now = self.now.mono;
        let (Wish::To(wanted) | Wish::Keep(Some(wanted))) = self.devices[at].wanted() else {
            (self.devices[at].permit, self.devices[at].recheck) = (None, None);
            return None;
        };
        let mut recheck = self.devices[at].timing.next_deadline(now, &self.devices[at].spec.limits);
        let mut sooner = |next: Option<Mono>| recheck = [recheck, next].into_iter().flatten().min();
        let wants_on = self.devices[at].levels.is_on(&wanted);
        let (mut forced, mut claims) = (None, false);
        // One that is only kept on for its least time, or on its way down, is switched off by the others as well.
        if wants_on || self.devices[at].stays_on_for_a_while(now) {
            let device = &mut self.devices[at];
            forced = device.timing.lockout(now, &device.spec.limits);
            let (unmet, next) = self.readings.restraint(now, &device.spec.limits.needs, &device.watches);
            sooner(next);
            let relations = self.relations(at, drafts);
            sooner(relations.recheck);
            claims = wants_on && forced.is_none() && unmet.is_none() && relations.claims;
            forced = forced.or(unmet).or(relations.why);
            if !wants_on && forced.is_some() {
                // Off, nothing holds it back any more.
                sooner(Some(now + SETTLE));
            }
        }
        let last_start = started.or_else(|| self.last_start(at));
        let device = &mut self.devices[at];
        let limits = &device.spec.limits;
        let off = device.levels.off();
        let (mut target, mut why) = match forced {
            Some(why) => (off, Some(why)),
            None if device.is_on() && wants_on => (wanted, None),
            None if device.is_on() => match (device.timing.stays_on(now, limits), device.told()) {
                // As it is, but within a range that a new map may have narrowed.
                (Some(why), Some(told)) => (device.levels.within(told), Some(why)),
                _ => (wanted, None),
            },
            None if wants_on => match device.timing.stays_off(now, limits, last_start) {
                Some(why) => (off, Some(why)),
                None => (wanted, None),
            },
            None => (wanted, None),
        };
        claims = claims && device.timing.stays_off(now, limits, None).is_none();
        sooner(why.as_ref().and_then(|why| why.until));
        let mut on_its_way = device.ramp.clone();
        if why.is_some() || device.fault.is_some() {
            on_its_way.arrive();
        } else if let Some((step, next)) = device.on_its_way(now, &mut on_its_way, &target) {
            let per_second = device.spec.limits.ramp.unwrap_or_default();
            why = Some(Restraint::new("ramp", ramp::in_words(per_second), None));
            target = step;
            sooner(Some(next));
        }
        let on = device.levels.is_on(&target);
        Some(Draft { at, on, target, claims, why, recheck, ramp: on_its_way })
    }

    /// When any other device was switched on last.
    pub(super) fn last_start(&self, at: usize) -> Option<Mono> {
        let others = self.devices.iter().enumerate().filter(|(other, _)| *other != at);
        others.filter_map(|(_, device)| device.timing.starts.back().copied()).max()
    }

    fn relations(&self, at: usize, drafts: &[Draft]) -> Relations {
        let limits = &self.devices[at].spec.limits;
        let mut relations = Relations::default();
        for one in &limits.forbid_while {
            if self.views(one, drafts, &mut relations.recheck).is_none_or(|views| views.contains(&true)) {
                relations.why = Some(Restraint::new("forbid_while", one.text.clone(), None));
                return relations;
            }
        }
        for one in &limits.only_while {
            if self.views(one, drafts, &mut relations.recheck).is_none_or(|views| views.contains(&false)) {
                relations.why = Some(Restraint::new("only_while", one.text.clone(), None));
                return relations;
            }
        }
        for other in limits.interlocks.iter().flat_map(|group| self.group(group)).filter(|other| *other != at) {
            let name = &self.devices[other].spec.key;
            if drafts.iter().any(|draft| draft.at == other && (draft.on || draft.claims)) {
                let text = format!("{name} has the better right");
                return Relations { why: Some(Restraint::new("interlock", text, None)), claims: false, ..relations };
            }
            if self.may_be_on(other, &mut relations.recheck) {
                relations.why = Some(Restraint::new("interlock", format!("waits for {name} to be off"), None));
                relations.claims = true;
            }
        }
        relations
    }

    /// What the test is answered by all that is known about the other device; `None`: nothing is.
    pub(super) fn views(&self, one: &While, drafts: &[Draft], recheck: &mut Option<Mono>) -> Option<Vec<bool>> {
        let at = *self.by_key.get(&one.device)?;
        let device = &self.devices[at];
        if self.expects_answers && device.may_be_anything(self.now.mono, recheck) {
            return None;
        }
        let decided = match drafts.iter().find(|draft| draft.at == at) {
            Some(draft) => Some(draft.target.clone()),
            None if device.is_limited() => None,
            None => match device.wish() {
                Wish::To(target) | Wish::Keep(Some(target)) => Some(target),
                _ => None,
            },
        };
        let known = device.may_be(self.now.mono, recheck).cloned().chain(decided);
        let answers: Vec<bool> = known.map(|target| device.answers(&one.test, &target)).collect();
        (!answers.is_empty()).then_some(answers)
    }

    pub(super) fn may_be_on(&self, at: usize, recheck: &mut Option<Mono>) -> bool {
        let device = &self.devices[at];
        let unknown = self.expects_answers && device.may_be_anything(self.now.mono, recheck);
        unknown || device.may_be(self.now.mono, recheck).any(|target| device.levels.is_on(target))
    }

    /// What has been decided later may forbid what was decided before: first what starts, as that may be what forbids others.
    fn forbidden(&self, drafts: &[Draft]) -> Option<(usize, Restraint)> {
        let mut order: Vec<usize> = (0..drafts.len()).filter(|&i| drafts[i].on).collect();
        order.sort_by_key(|&i| self.devices[drafts[i].at].is_on());
        order.into_iter().find_map(|i| self.forbidden_later(drafts, i))
    }

    /// What all drafts together forbid of draft `i`, and which one is to be off for it.
    fn forbidden_later(&self, drafts: &[Draft], i: usize) -> Option<(usize, Restraint)> {
        let limits = &self.devices[drafts[i].at].spec.limits;
        let forbidden =
            |one: &While, answer| self.views(one, drafts, &mut None).is_none_or(|views| views.contains(&answer));
        let why = limits.forbid_while.iter().find(|one| forbidden(one, true)).map(|one| ("forbid_while", one));
        let why = why.or(limits.only_while.iter().find(|one| forbidden(one, false)).map(|one| ("only_while", one)));
        why.map(|(guard, one)| {
            let out = self.starts_in_vain(one, drafts, i).unwrap_or(i);
            (out, Restraint::new(guard, one.text.clone(), None))
        })
    }

    /// The draft of the device that a condition of draft `i` names, if it would start and its own limits would not have it on
    /// without that one: neither would be on, and what runs had been switched off for nothing.
    fn starts_in_vain(&self, one: &While, drafts: &[Draft], i: usize) -> Option<usize> {
        let running = &self.devices[drafts[i].at];
        let k = drafts.iter().position(|draft| draft.on && self.devices[draft.at].spec.key == one.device)?;
        let starter = &self.devices[drafts[k].at];
        let names = |own: &&While| own.device == running.spec.key;
        let off = |own: &While| running.answers(&own.test, &running.levels.off());
        let forbids = starter.spec.limits.forbid_while.iter().filter(names).any(off);
        let lacks = starter.spec.limits.only_while.iter().filter(names).any(|own| !off(own));
        (running.is_on() && !starter.is_on() && (forbids || lacks)).then_some(k)
    }

    fn apply(&mut self, draft: Draft, changed: &mut Vec<usize>) {
        let device = &mut self.devices[draft.at];
        (device.recheck, device.ramp) = (draft.recheck, draft.ramp);
        let permit = draft.why.map(|why| Permit { target: draft.target, why });
        let same = match (&permit, &device.permit) {
            (Some(now), Some(before)) => now.is_same(before),
            (now, before) => now.is_none() && before.is_none(),
        };
        if !same {
            device.permit = permit;
            changed.push(draft.at);
        }
    }

    /// Some devices were told something else: those that wait for them are judged anew.
    pub(super) fn wake_company(&mut self, moved: &[usize]) {
        for company in moved.iter().filter_map(|&at| self.devices[at].company).collect::<Vec<_>>() {
            for i in 0..self.companies[company].limited.len() {
                let device = &mut self.devices[self.companies[company].limited[i]];
                if device.permit.as_ref().is_some_and(|permit| permit.why.waits_for_another()) {
                    device.recheck = Some(self.now.mono);
                }
            }
        }
    }
}

impl Switched {
    /// Whether the map sets it limits that are judged.
    fn is_limited(&self) -> bool {
        let limits = &self.spec.limits;
        let none = Limits { range: limits.range, verify: limits.verify.clone(), ..Limits::default() };
        !self.ghost && *limits != none
    }

    /// Whether what it was told is on.
    pub(super) fn is_on(&self) -> bool {
        self.told().is_some_and(|told| self.levels.is_on(told))
    }

    /// Whether it is on and may not be switched off yet.
    fn is_kept_on(&self, now: Mono) -> bool {
        self.is_on() && self.timing.stays_on(now, &self.spec.limits).is_some()
    }

    /// Whether it is on whatever is wanted.
    fn stays_on_for_a_while(&self, now: Mono) -> bool {
        self.is_kept_on(now) || (self.is_on() && self.spec.limits.ramp.is_some())
    }

    fn priority(&self) -> u8 {
        self.arbiter.winner().map_or(0, |held| held.priority)
    }

    /// The answer to a test, were the device as `target` says.
    fn answers(&self, test: &Test, target: &Target) -> bool {
        match test {
            Test::On => self.levels.is_on(target),
            Test::Off => !self.levels.is_on(target),
            Test::Compare(comparison, number) => comparison.holds(self.levels.number(target), *number),
            Test::State { is, state } => {
                let level = self.levels.level_of(&state.clone().into());
                let state = level.and_then(|level| self.levels.resolve(level));
                state.is_ok_and(|state| state.is_same(target)) == *is
            }
        }
    }

    /// The next step of a ramp towards a target, and when the one after that is due; `None` if it may be told at once.
    fn on_its_way(&self, now: Mono, ramp: &mut Ramp, target: &Target) -> Option<(Target, Mono)> {
        let per_second = self.spec.limits.ramp.filter(|_| self.levels.has_numbers())?;
        let from = (self.levels.number(self.told()?), self.spec.command.signal().scale.abs());
        let (step, next) = ramp.step(now, from, self.levels.number(target), per_second)?;
        Some((self.levels.resolve(Level::At(step)).ok()?, next))
    }
}
