//! The book against a slow reference that looks at every second: what is due to whom, and that each of it is told once, within
//! a storm's 30 s.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::fixture::{Desk, at, plan};
use super::{AlertEvent, BookConfig, Rate, ReceiverConfig};
use crate::model::{AlertEnd, AlertPlan, Severity, Standing};

/// A storm is gathered for so long, and nothing is due for so long after a restart.
const STORM: u64 = 30;
const RULES: [&str; 3] = ["heat", "cold", "dead"];
const NODES: [&str; 2] = ["C1", "C2"];

#[derive(Clone, Debug)]
enum Step {
    Begin(usize, usize),
    End(usize, usize, AlertEnd),
    Ack(usize),
    Silence(usize, u64),
    Unsilence,
    Wait(u64),
    Restart(u64),
    Bus(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = (0..RULES.len(), 0..NODES.len());
    let how = prop_oneof![3 => Just(AlertEnd::Until), 1 => Just(AlertEnd::Stale), 1 => Just(AlertEnd::Disabled)];
    let step = prop_oneof![
        5 => one.clone().prop_map(|(rule, node)| Step::Begin(rule, node)),
        4 => (one, how).prop_map(|((rule, node), how)| Step::End(rule, node, how)),
        1 => (0..RULES.len()).prop_map(Step::Ack),
        1 => (0..RULES.len(), 1_u64..2_000).prop_map(|(rule, span)| Step::Silence(rule, span)),
        1 => Just(Step::Unsilence),
        4 => (1_u64..40).prop_map(Step::Wait),
        4 => (40_u64..3_000).prop_map(Step::Wait),
        1 => (1_u64..2_000).prop_map(Step::Restart),
        1 => any::<bool>().prop_map(Step::Bus),
    ];
    prop::collection::vec(step, 1..60)
}

fn plan_of(rule: usize) -> AlertPlan {
    match rule {
        0 => plan(Severity::Critical, &["ann"], &[5, 10], &[(7, "boss"), (12, "ann")]),
        1 => plan(Severity::Warning, &["ann", "bea"], &[10], &[]),
        _ => plan(Severity::Warning, &["bea"], &[], &[(6, "boss")]),
    }
}

/// Receiver, alert and episode.
type At = (String, (usize, usize), u64);

/// What a receiver has not been told yet.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Due {
    First,
    Again,
    Over,
}

#[derive(Debug)]
struct Alert {
    rule: usize,
    /// Which episode of all.
    nth: u64,
    since: u64,
    acknowledged: bool,
    /// Seconds after which something is said again, one after the other.
    next_repeat: Option<u64>,
    repeats: usize,
    steps: usize,
    owed: BTreeSet<String>,
    audience: BTreeSet<String>,
    told: BTreeSet<String>,
    /// Since a restart nothing of it is due before.
    settled: u64,
}

#[derive(Default)]
struct Reference {
    now: u64,
    begun: u64,
    alerts: BTreeMap<(usize, usize), Alert>,
    /// Since when.
    due: BTreeMap<At, (Due, u64)>,
    silences: Vec<(usize, u64)>,
    down: bool,
    wakes: u64,
}

impl Reference {
    fn is_silent(&self, rule: usize) -> bool {
        let hidden = RULES[rule] == "dead" && (self.down || self.now < self.wakes);
        hidden || self.silences.iter().any(|(silenced, until)| *silenced == rule && *until > self.now)
    }

    fn put(&mut self, receiver: &str, key: (usize, usize), what: Due) {
        let (now, nth) = (self.now, self.alerts[&key].nth);
        let due = self.due.entry((receiver.to_owned(), key, nth)).or_insert((what, now));
        if due.0 == Due::Again {
            due.0 = what;
        }
    }

    /// One second has begun: everything that is due now.
    fn look(&mut self) {
        for key in self.alerts.keys().copied().collect::<Vec<_>>() {
            if self.is_silent(key.0) || self.now < self.alerts[&key].settled {
                continue;
            }
            let now = self.now;
            let alert = self.alerts.get_mut(&key).unwrap();
            let plan = plan_of(alert.rule);
            let mut put: Vec<(String, Due)> = Vec::new();
            if !alert.owed.is_empty() {
                alert.audience.extend(alert.owed.clone());
                put.extend(std::mem::take(&mut alert.owed).into_iter().map(|receiver| (receiver, Due::First)));
                if alert.repeats == 0 && alert.next_repeat.is_none() {
                    alert.next_repeat = plan.repeat.first().map(|pause| now + pause.as_secs());
                }
            }
            if !alert.acknowledged {
                if alert.next_repeat.is_some_and(|at| at <= now) {
                    put.extend(alert.audience.iter().map(|receiver| (receiver.clone(), Due::Again)));
                    alert.repeats += 1;
                    let pause = plan.repeat.get(alert.repeats).or(plan.repeat.last()).unwrap().as_secs();
                    let regular = alert.next_repeat.unwrap() + pause;
                    alert.next_repeat = Some(if regular > now { regular } else { now + pause });
                }
                while let Some(step) = plan.escalate.get(alert.steps).filter(|s| alert.since + s.after.as_secs() <= now)
                {
                    alert.steps += 1;
                    for receiver in step.notify.iter() {
                        alert.audience.insert(receiver.to_string());
                        put.push((receiver.to_string(), Due::Again));
                    }
                }
            }
            put.into_iter().for_each(|(receiver, what)| self.put(&receiver, key, what));
        }
    }

    fn begin(&mut self, rule: usize, node: usize) {
        self.begun += 1;
        let owed = plan_of(rule).notify.iter().map(|name| name.to_string()).collect();
        let alert = Alert {
            rule,
            nth: self.begun,
            since: self.now,
            acknowledged: false,
            next_repeat: None,
            repeats: 0,
            steps: 0,
            owed,
            audience: BTreeSet::new(),
            told: BTreeSet::new(),
            settled: 0,
        };
        self.alerts.entry((rule, node)).or_insert(alert);
    }

    fn end(&mut self, key: (usize, usize), how: AlertEnd) {
        let Some(alert) = self.alerts.remove(&key) else { return };
        for receiver in ["ann", "bea", "boss"] {
            let at = (receiver.to_owned(), key, alert.nth);
            let waited = self.due.remove(&at);
            let passed = waited.is_some() && how != AlertEnd::Disabled;
            if alert.told.contains(receiver) || passed {
                self.due.insert(at, (Due::Over, self.now));
            }
        }
    }

    fn fall_silent(&mut self, rule: usize) {
        let alerts = &mut self.alerts;
        self.due.retain(|(receiver, key, nth), (what, _)| {
            let Some(alert) = alerts.get_mut(key).filter(|alert| alert.nth == *nth && key.0 == rule) else {
                return true;
            };
            if *what != Due::Over && !alert.told.contains(receiver) {
                alert.owed.insert(receiver.clone());
            }
            *what == Due::Over
        });
    }

    /// A note has come that speaks of this alert.
    fn told(&mut self, receiver: &str, key: (usize, usize), fires: bool) {
        let is = |at: &&At, due: &Due| at.0 == receiver && at.1 == key && (*due == Due::Over) != fires;
        let found = self.due.iter().find(|(at, (due, _))| is(at, due)).map(|(at, _)| at.clone());
        let at = found.unwrap_or_else(|| panic!("{receiver} is told of {key:?} at {} and need not be", self.now));
        self.due.remove(&at);
        if fires {
            self.alerts.get_mut(&key).expect("it fires").told.insert(receiver.to_owned());
        }
    }

    fn check(&self) {
        for (at, (due, since)) in &self.due {
            assert!(self.now <= since + STORM, "{at:?} is {due:?} since {since}, and is not told at {}", self.now);
        }
    }
}

struct Pair {
    desk: Desk,
    reference: Reference,
}

impl Pair {
    fn settle(&mut self) {
        self.reference.look();
        let told: Vec<_> = self.desk.told.drain(..).collect();
        for (_, receiver, note) in told {
            let fires = note.standing == Standing::Firing;
            let lines = if note.count == 1 { vec![note.summary.clone()] } else { note.details.clone() };
            assert!(note.count == 1 || lines.len() == note.count as usize);
            for line in lines.iter().filter(|line| !line.contains("bus can0")) {
                let named = |of: &[&str]| of.iter().position(|name| line.contains(name)).unwrap();
                self.reference.told(&receiver, (named(&RULES), named(&NODES)), fires);
            }
        }
        self.reference.check();
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.reference.now += 1;
            self.reference.silences.retain(|(_, until)| *until > self.reference.now);
            self.desk.until(self.reference.now);
            self.settle();
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Begin(rule, node) => {
                self.desk.begin(RULES[*rule], NODES[*node], &plan_of(*rule));
                self.reference.begin(*rule, *node);
            }
            Step::End(rule, node, how) => {
                self.desk.end(RULES[*rule], NODES[*node], *how);
                self.reference.end((*rule, *node), *how);
            }
            Step::Ack(rule) => {
                self.desk.step(AlertEvent::Ack { which: RULES[*rule], by: "ann" });
                let keys: Vec<_> = self.reference.alerts.keys().copied().filter(|key| key.0 == *rule).collect();
                for key in keys {
                    let alert = self.reference.alerts.get_mut(&key).unwrap();
                    if !std::mem::replace(&mut alert.acknowledged, true) {
                        let nth = alert.nth;
                        let is = |at: &(String, _, u64), due: &Due| at.1 == key && at.2 == nth && *due == Due::Again;
                        self.reference.due.retain(|at, (due, _)| !is(at, due));
                    }
                }
            }
            Step::Silence(rule, span) => {
                self.desk.silence(&format!("rule={}", RULES[*rule]), *span);
                self.reference.silences.push((*rule, self.reference.now + span));
                self.reference.fall_silent(*rule);
            }
            Step::Unsilence => {
                let ids: Vec<_> = self.desk.book.status(at(self.desk.now)).silences.into_iter().map(|s| s.id).collect();
                self.reference.silences.clear();
                ids.iter().for_each(|id| self.desk.step(AlertEvent::Unsilence(id)));
            }
            Step::Wait(seconds) => self.wait(*seconds),
            Step::Restart(seconds) => self.restart(*seconds),
            Step::Bus(true) => {
                self.desk.step(AlertEvent::BusUp(&"can0".into()));
                if std::mem::take(&mut self.reference.down) {
                    self.reference.wakes = self.reference.now + STORM;
                }
            }
            Step::Bus(false) => {
                self.desk.step(AlertEvent::BusDown(&"can0".into()));
                self.reference.down = true;
                self.reference.fall_silent(2);
            }
        }
        self.settle();
    }

    /// Away for so long; the bus is as it was, and says so.
    fn restart(&mut self, seconds: u64) {
        self.desk.restart(seconds);
        let reference = &mut self.reference;
        reference.now += seconds;
        reference.silences.retain(|(_, until)| *until > reference.now);
        for alert in reference.alerts.values_mut() {
            alert.settled = reference.now + STORM;
            alert.next_repeat = alert.next_repeat.map(|at| at.max(alert.settled));
        }
        reference.due.values_mut().for_each(|(_, since)| *since = (*since).max(reference.now));
        reference.wakes = 0;
        if reference.down {
            self.desk.step(AlertEvent::BusDown(&"can0".into()));
            self.reference.fall_silent(2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn everything_that_is_due_is_told_once_and_nothing_else(steps in steps()) {
        let rate = Rate { normal: 10_000, critical: 10_000 };
        let receivers = ["ann", "bea", "boss"].map(|name| (name.into(), ReceiverConfig { rate, quiet: None }));
        let config = BookConfig { receivers: receivers.into(), system: vec!["boss".into()], ..BookConfig::default() };
        let mut pair = Pair { desk: Desk::new(config), reference: Reference::default() };
        for step in &steps {
            pair.step(step);
        }
        // Whatever is left comes, or is over.
        pair.wait(STORM + 1);
    }
}
