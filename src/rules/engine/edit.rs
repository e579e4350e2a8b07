//! The site's files have changed while the rules run (semantics 15): edited and deleted rules end, the others stay as they
//! are, and everything happens in one step.

use std::sync::Arc;

use crate::bus::Last;
use crate::model::{Intent, Name, Timestamp};

use super::super::instance::World;
use super::super::running::Running;
use super::super::sources::{Gone, Silence};
use super::super::timers::Due;
use super::super::{Rule, Schedule};
use super::{Engine, Rulebook, schedules};

/// What an edit made of the rules, each by name and in order.
#[derive(Debug, Default)]
pub struct Edited {
    /// Rules that were not there.
    pub added: Vec<Name>,
    /// Rules that do something else than before.
    pub changed: Vec<Name>,
    /// Rules that are gone.
    pub removed: Vec<Name>,
    /// How many rules go on untouched.
    pub unchanged: usize,
    /// How many of the intents that came out are the last of the rules as they were; those after are of the rules as they
    /// are.
    pub last_words: usize,
    /// What is over, for whoever has the time to free it.
    pub remains: Remains,
}

/// What an edit leaves behind. To free it takes as long as to read the rules: better not on the control thread.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "it is only there to be dropped elsewhere")]
pub struct Remains(pub(super) Vec<Running>, Vec<Arc<Rule>>);

/// One rule of the new set, and which of the old it was.
struct Heir {
    rule: Arc<Rule>,
    before: Option<usize>,
    stays: bool,
}

impl Engine {
    /// Goes over to another state of the files. The caller has called `due` for every deadline up to `now` before, and gives
    /// the last values as they were, which the rules that end still see, and as they are under the new map.
    pub fn reload(
        &mut self,
        now: Timestamp,
        book: Rulebook,
        (before, last): (&Last, &Last),
        out: &mut Vec<Intent>,
    ) -> Edited {
        let Rulebook { rules, inventory, place, revision } = book;
        let same_map = Arc::ptr_eq(&inventory, &self.silence.inventory);
        if let Some(others) = in_place(&self.rules, &rules).filter(|_| same_map && place == *self.ticks.place()) {
            return self.replace(now, rules, others, revision, (before, last), out);
        }
        // By the positions that they have.
        self.write(now, true);
        let heirs = heirs(&self.rules, rules);
        let mut edited = Edited::of(&self.rules, &heirs);
        let mut next: Vec<Option<(u32, bool)>> = vec![None; self.rules.len()];
        for (at, heir) in (0..).zip(&heirs) {
            heir.before.into_iter().for_each(|before| next[before] = Some((at, heir.stays)));
        }
        let map = (!same_map).then(|| {
            let gone = Gone::between(&self.silence.inventory, &inventory);
            (Silence::of(inventory, &self.silence), gone)
        });
        self.retire(now, &heirs, &next, map.as_ref(), before, out);
        edited.last_words = out.len();
        (self.revision, self.decides_since) = (revision, now.mono);
        self.rename(now, &heirs, &next, place);
        if let Some((silence, gone)) = map {
            self.rules.iter_mut().for_each(|rule| rule.forget(&gone, now.mono));
            self.silence = silence;
        }
        let stays: Vec<bool> = heirs.iter().map(|heir| heir.stays && same_map).collect();
        edited.remains = self.succeed(now, heirs, same_map, last, out);
        self.keeping.unlist();
        let others = self.rules.iter_mut().zip(stays).filter(|(_, stays)| !stays);
        others.for_each(|(rule, _)| rule.list_all(false, now, &mut self.keeping));
        self.ticks.arm_all(now, &mut self.timers);
        edited
    }

    /// The same files under another name: decisions carry it from now on.
    pub fn carry(&mut self, revision: Name) {
        self.revision = revision;
    }

    /// Ends what lasts of the rules that do not stay, and of the others what another `map` leaves nothing of.
    fn retire(
        &mut self,
        now: Timestamp,
        heirs: &[Heir],
        next: &[Option<(u32, bool)>],
        map: Option<&(Silence, Gone)>,
        last: &Last,
        out: &mut Vec<Intent>,
    ) {
        let Engine { rules, timers, ticks, host, faults, revision, keeping, .. } = self;
        let world = &mut World { now, hop: 0, host, last, zone: ticks.zone(), revision, out, faults, keeping };
        for (rule, next) in rules.iter_mut().zip(next) {
            let lost = map.map(|(silence, gone)| rule.lost(silence, gone)).unwrap_or_default();
            match next {
                Some((_, true)) => rule.lose(&lost, timers, world),
                Some((at, false)) => rule.retire(Some(&heirs[*at as usize].rule), &lost, timers, world),
                None => rule.retire(None, &lost, timers, world),
            }
        }
    }

    /// Gives everything that knows a rule by its position the new one.
    fn rename(&mut self, now: Timestamp, heirs: &[Heir], next: &[Option<(u32, bool)>], place: super::Place) {
        let of = |rule: u32| next.get(rule as usize).copied().flatten().map(|(at, _)| at);
        let stays =
            |rule: u32| next.get(rule as usize).copied().flatten().filter(|(_, stays)| *stays).map(|(at, _)| at);
        let rules: Vec<Arc<Rule>> = heirs.iter().map(|heir| heir.rule.clone()).collect();
        for (rule, _) in self.rules.iter().zip(next).filter(|(_, next)| next.is_none_or(|(_, stays)| !stays)) {
            if rule.rule.schedule.iter().any(Schedule::is_civil) {
                self.keeping.delete(&Name::from(""), &rule.rule.name);
            }
        }
        let plans = self.ticks.edit(of, schedules(&rules), place, now);
        self.timers.rename(|due| match due {
            Due::Instance(rule, instance) => stays(rule).map(|rule| Due::Instance(rule, instance)),
            Due::Tick(plan) => plans.get(plan as usize).copied().flatten().map(Due::Tick),
        });
        self.silence.rename(stays);
        self.cache.rename(&(0..next.len() as u32).map(of).collect::<Vec<_>>());
    }

    /// Some rules, at `others`, in other versions, and nothing else: what is known of the rest stays as it is, so that the
    /// usual edit costs little more than what it changes. Deadlines of what is replaced are left over; they are
    /// recognised when they come.
    fn replace(
        &mut self,
        now: Timestamp,
        next: Vec<Arc<Rule>>,
        others: Vec<u32>,
        new_revision: Name,
        (before, last): (&Last, &Last),
        out: &mut Vec<Intent>,
    ) -> Edited {
        let Engine {
            rules, cache, silence, timers, ticks, host, faults, revision, away, decides_since, keeping, ..
        } = self;
        let stays = |rules: &[Running], at: u32| rules[at as usize].rule.behaves_as(&next[at as usize]);
        let (words, changed): (Vec<u32>, Vec<u32>) = others.iter().partition(|at| stays(rules, **at));
        let mut edited = Edited { unchanged: rules.len() - changed.len(), ..Edited::default() };
        let world = &mut World { now, hop: 0, host, last: before, zone: ticks.zone(), revision, out, faults, keeping };
        for at in &changed {
            edited.changed.push(next[*at as usize].name.clone());
            rules[*at as usize].retire(Some(&next[*at as usize]), &[], timers, world);
        }
        edited.last_words = out.len();
        (*revision, *decides_since) = (new_revision, now.mono);
        let world = &mut World { now, hop: 0, host, last, zone: ticks.zone(), revision, out, faults, keeping };
        // If only the revision is another, nothing has been edited, and a rule that is parked stays so.
        if !others.is_empty() {
            rules.iter_mut().for_each(Running::try_again);
        }
        for at in words {
            let before = rules[at as usize].stay(next[at as usize].clone(), at);
            if !before.alerts_as(&next[at as usize]) {
                rules[at as usize].reword(before.alert.is_some(), timers, world);
            }
            edited.remains.1.push(before);
        }
        if !changed.is_empty() {
            silence.rename(|rule| (!changed.contains(&rule)).then_some(rule));
        }
        for at in changed {
            let running = &mut rules[at as usize];
            let before = std::mem::replace(running, Running::new(next[at as usize].clone(), at));
            running.populate(silence, now.mono);
            away.succeed(running, Some(before), timers, world, &mut edited.remains);
            cache.replace(at, &running.rule, &silence.inventory);
            running.list_all(false, now, world.keeping);
        }
        edited.remains.1.extend(next);
        edited
    }

    /// Puts the new set in place: what stays moves over, the others begin, take over what survives, and are judged.
    fn succeed(
        &mut self,
        now: Timestamp,
        heirs: Vec<Heir>,
        same_map: bool,
        last: &Last,
        out: &mut Vec<Intent>,
    ) -> Remains {
        let mut old: Vec<Option<Running>> = std::mem::take(&mut self.rules).into_iter().map(Some).collect();
        let Engine { rules, silence, timers, ticks, host, faults, revision, away, keeping, .. } = self;
        let world = &mut World { now, hop: 0, host, last, zone: ticks.zone(), revision, out, faults, keeping };
        let mut remains = Remains::default();
        for (at, Heir { rule, before, stays }) in (0..).zip(heirs) {
            let before = before.and_then(|before| old[before].take());
            let running = match before {
                Some(mut running) if stays => {
                    let before = running.stay(rule, at);
                    if !before.alerts_as(&running.rule) {
                        running.reword(before.alert.is_some(), timers, world);
                    }
                    remains.1.push(before);
                    if !same_map {
                        running.refit(silence, timers, world);
                    }
                    running
                }
                before => {
                    let mut running = Running::new(rule, at);
                    running.populate(silence, now.mono);
                    away.succeed(&mut running, before, timers, world, &mut remains);
                    world.faults.extend(running.lacks(ticks.knows_the_sun()));
                    running
                }
            };
            rules.push(running);
        }
        if !same_map {
            timers.rename(|due| matches!(due, Due::Tick(_)).then_some(due));
            rules.iter_mut().for_each(|rule| rule.arm_all(timers));
        }
        for gone in old.into_iter().flatten() {
            away.keep(gone, world, &mut remains);
        }
        remains
    }
}

/// Which rules are other versions, if all stand at the same positions, and those that change have no schedule.
fn in_place(old: &[Running], rules: &[Arc<Rule>]) -> Option<Vec<u32>> {
    // Nearly all are what they were: the same in memory, which is told without a look at them.
    let others = (0..).zip(old.iter().zip(rules)).filter(|(_, (old, rule))| !Arc::ptr_eq(&old.rule, rule));
    let place = |(at, (old, rule)): (u32, (&Running, &Arc<Rule>))| {
        let plain = rule.schedule.is_empty() && old.rule.schedule.is_empty();
        (old.rule.name == rule.name && (plain || old.rule.behaves_as(rule))).then_some(at)
    };
    (old.len() == rules.len()).then(|| others.map(place).collect()).flatten()
}

/// Finds in the old set, which is in the order of the names as the new one is, what each rule was.
fn heirs(old: &[Running], rules: Vec<Arc<Rule>>) -> Vec<Heir> {
    let mut before = (0..).zip(old).peekable();
    let heir = |rule: Arc<Rule>| {
        // Nearly all are what they were: the same in memory, which is told without a look at it.
        if let Some((at, _)) = before.next_if(|(_, old)| Arc::ptr_eq(&old.rule, &rule)) {
            return Heir { before: Some(at), stays: true, rule };
        }
        while before.next_if(|(_, old)| old.rule.name < rule.name).is_some() {}
        let old = before.next_if(|(_, old)| old.rule.name == rule.name);
        let stays = old.is_some_and(|(_, old)| old.rule.behaves_as(&rule));
        Heir { before: old.map(|(at, _)| at), stays, rule }
    };
    rules.into_iter().map(heir).collect()
}

impl Edited {
    fn of(old: &[Running], heirs: &[Heir]) -> Edited {
        let mut edited = Edited::default();
        let mut gone: Vec<Option<&Running>> = old.iter().map(Some).collect();
        for heir in heirs {
            match heir.before {
                None => edited.added.push(heir.rule.name.clone()),
                Some(before) => {
                    gone[before] = None;
                    if heir.stays { edited.unchanged += 1 } else { edited.changed.push(heir.rule.name.clone()) }
                }
            }
        }
        edited.removed = gone.into_iter().flatten().map(|rule| rule.rule.name.clone()).collect();
        edited
    }

    /// Whether the rules are as they were.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
