//! The readings that limits look at, as the Gateway reads them, whether they are published or not.

use std::time::Duration;

use hashbrown::HashMap;

use crate::channels::{ChannelMap, Need, Watched};
use crate::model::{Mono, Name, Reading, Value};

use super::restraint::Restraint;

/// What was read last.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// `None`: nothing good.
    value: Option<Value>,
    at: Mono,
}

/// What is asked of readings, by one device.
#[derive(Clone, Debug, Default)]
pub(super) struct Watches {
    /// For each of its needs, the positions of the readings.
    pub(super) needs: Vec<Vec<usize>>,
    /// The same for what it must bring about.
    verify: Vec<usize>,
}

/// Every reading that a limit looks at.
#[derive(Debug, Default)]
pub(super) struct Readings {
    seen: Vec<Seen>,
    /// By channel and node: field, position, and the devices that look at it.
    by_node: HashMap<(Name, Name), Vec<(Name, usize)>>,
    devices: Vec<Vec<usize>>,
    index: HashMap<Watched, usize>,
}

impl Readings {
    /// Nothing was read yet.
    pub(super) fn new(map: &ChannelMap) -> (Readings, Vec<Watches>) {
        let mut readings = Readings::default();
        let watches = (0..).zip(&map.devices).map(|(device, spec)| {
            let limits = &spec.limits;
            let mut all = |watched: &[Watched]| watched.iter().map(|one| readings.watch(one, device)).collect();
            let needs = limits.needs.iter().map(|need| all(&need.readings)).collect();
            Watches { needs, verify: limits.verify.as_ref().map(|verify| all(&verify.readings)).unwrap_or_default() }
        });
        let watches = watches.collect();
        (readings, watches)
    }

    fn watch(&mut self, watched: &Watched, device: usize) -> usize {
        let at = *self.index.entry(watched.clone()).or_insert_with(|| {
            let node = self.by_node.entry((watched.channel.clone(), watched.node.clone())).or_default();
            node.push((watched.field.clone(), self.seen.len()));
            self.seen.push(Seen::default());
            self.devices.push(Vec::new());
            self.seen.len() - 1
        });
        if !self.devices[at].contains(&device) {
            self.devices[at].push(device);
        }
        at
    }

    /// What was read under an earlier map goes on.
    pub(super) fn inherit(&mut self, old: &Readings) {
        for (watched, &at) in &self.index {
            if let Some(&before) = old.index.get(watched) {
                self.seen[at] = old.seen[before].clone();
            }
        }
    }

    /// Whether anything of that node is looked at.
    pub(super) fn contains(&self, reading: &Reading) -> bool {
        let key = || (reading.source.channel.clone(), reading.source.name.clone());
        !self.seen.is_empty() && self.by_node.contains_key(&key())
    }

    /// Takes in what a node says; the devices that may have to be judged anew.
    pub(super) fn hear(&mut self, now: Mono, reading: &Reading, touched: &mut Vec<usize>) {
        let key = (reading.source.channel.clone(), reading.source.name.clone());
        let Some(fields) = self.by_node.get(&key) else { return };
        for (field, at) in fields {
            let value = reading.values.get(field);
            if value.is_none() && !reading.stale {
                continue;
            }
            let value = value.filter(|value| !value.is_null() && !reading.stale).cloned();
            self.seen[*at] = Seen { value, at: now };
            touched.extend(&self.devices[*at]);
        }
    }

    /// Whether a need is unmet, and when that may change by itself.
    pub(super) fn unmet(&self, now: Mono, need: &Need, positions: &[usize]) -> (Option<Restraint>, Option<Mono>) {
        let end = |seen: &Seen| need.fresh.map(|fresh| seen.at + fresh);
        let fresh = |seen: &&Seen| seen.value.is_some() && end(seen).is_none_or(|end| now < end);
        let all = || positions.iter().map(|&at| &self.seen[at]).filter(fresh);
        let recheck = all().filter_map(end).min();
        let within = |value: &Value| match value.as_number() {
            Some(number) => {
                need.below.is_none_or(|below| number < below) && need.above.is_none_or(|above| number > above)
            }
            None => need.below.is_none() && need.above.is_none(),
        };
        let beyond = all().filter_map(|seen| seen.value.as_ref()).find(|value| !within(value));
        let why = match beyond {
            Some(value) => format!("{}, and one is {value}", need.text),
            None if all().next().is_none() => match need.fresh {
                // How fresh, the text says.
                Some(_) => format!("{}, and none is fresh", need.text),
                None => format!("{}, and none is there", need.text),
            },
            None => return (None, recheck),
        };
        (Some(Restraint::new("needs", why, None)), recheck)
    }

    /// What was read last at these positions, and when; the value is `None` where it is not good.
    pub(super) fn last(&self, positions: &[usize]) -> impl Iterator<Item = (Option<&Value>, Mono)> {
        positions.iter().map(|&at| (self.seen[at].value.as_ref(), self.seen[at].at))
    }

    /// The good numbers of what a device must bring about, by position.
    pub(super) fn numbers(&self, watches: &Watches) -> impl Iterator<Item = (usize, f64)> {
        let number = |&at: &usize| Some((at, self.seen[at].value.as_ref()?.as_number()?));
        watches.verify.iter().filter_map(number)
    }

    /// The first need of a device that is unmet, and when that may change by itself.
    pub(super) fn restraint(&self, now: Mono, needs: &[Need], watches: &Watches) -> (Option<Restraint>, Option<Mono>) {
        let mut recheck: Option<Mono> = None;
        for (need, positions) in needs.iter().zip(&watches.needs) {
            let (why, next) = self.unmet(now, need, positions);
            recheck = [recheck, next].into_iter().flatten().min();
            if why.is_some() {
                return (why, recheck);
            }
        }
        (None, recheck)
    }
}

/// Whether a device has brought about what it must, since it was switched on.
#[derive(Clone, Debug, Default)]
pub(super) struct Effect {
    since: Option<Mono>,
    /// What was read when it was switched on, or first after that, by position.
    before: Vec<(usize, f64)>,
    done: bool,
}

impl Effect {
    /// It was switched on, or off.
    pub(super) fn told(&mut self, now: Mono, on: bool) {
        if on != self.since.is_some() {
            *self = Effect { since: on.then_some(now), ..Effect::default() };
        }
    }

    /// Since when it has to have an effect; `None`: it is off, or has had it.
    pub(super) fn is_owed_since(&self) -> Option<Mono> {
        self.since.filter(|_| !self.done)
    }

    /// What is missing once the time is over, or when it will be.
    pub(super) fn judge(
        &mut self,
        now: Mono,
        (change, within): (f64, Duration),
        numbers: impl Iterator<Item = (usize, f64)>,
    ) -> Result<Option<Mono>, f64> {
        let Some(since) = self.since.filter(|_| !self.done) else { return Ok(None) };
        let mut most: Option<f64> = None;
        for (at, number) in numbers {
            match self.before.iter().find(|(other, _)| *other == at) {
                None => self.before.push((at, number)),
                Some((_, before)) => {
                    let moved = (number - before) * change.signum();
                    most = Some(most.map_or(moved, |most| most.max(moved)));
                }
            }
        }
        self.done = most.is_some_and(|most| most >= change.abs());
        match most {
            _ if self.done => Ok(None),
            _ if now < since + within => Ok(Some(since + within)),
            // Nothing was read: whether it did work, nobody knows. `needs` is for those who do not want it on then.
            None => Ok(None),
            Some(most) => Err(most * change.signum()),
        }
    }
}
