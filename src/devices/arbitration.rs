//! Who decides over one device: every requester holds one lease, the strongest is in force, the others wait.
//! Pure; the caller sends what comes out, goes to `safe` when nobody asks any more, and applies the guards last.

use crate::model::{Level, Mono, Name, Requester};

/// A request that has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Who asks.
    pub requester: Requester,
    /// 0 to 100; the highest wins.
    pub priority: u8,
    /// The absolute state that is asked for.
    pub level: Level,
    /// Why, in words.
    pub reason: Option<Name>,
    /// Of the files that decided so; `None` if a client asks.
    pub revision: Option<Name>,
    /// From this moment on it is over; `Mono(u64::MAX)` is never.
    pub end: Mono,
}

/// A level that is NaN or infinite: it has no place in an order of demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the level is not a finite number")]
pub struct NotANumber;

/// The requests on one device.
#[derive(Clone, Debug)]
pub struct Arbiter {
    top: f64,
    now: Mono,
    /// In the order in which the requesters came; a renewal keeps its place.
    held: Vec<Held>,
}

impl Arbiter {
    /// No requests yet, on a device whose range ends at `top`: so much is `On`.
    #[must_use]
    pub fn new(top: f64) -> Arbiter {
        Arbiter { top, now: Mono::default(), held: Vec::new() }
    }

    /// Holds a request; the requester's earlier one is replaced. One whose end has passed already holds nothing, and
    /// still replaces.
    ///
    /// # Errors
    /// [`NotANumber`]; nothing changes then.
    pub fn request(&mut self, request: Held) -> Result<(), NotANumber> {
        if matches!(request.level, Level::At(number) if !number.is_finite()) {
            return Err(NotANumber);
        }
        match self.held.iter_mut().find(|held| held.requester == request.requester) {
            // In its place, so that two rules that renew in turn with equal demands do not take turns in force.
            Some(held) => *held = request,
            None => self.held.push(request),
        }
        self.advance(self.now);
        Ok(())
    }

    /// Ends the requester's request; whether there was one.
    pub fn release(&mut self, requester: &Requester) -> bool {
        self.drop_where(|held| held.requester == *requester) > 0
    }

    /// Ends the requests of all instances of a rule; how many there were.
    pub fn release_all(&mut self, rule: &str) -> usize {
        self.drop_where(|held| matches!(&held.requester, Requester::Rule { rule: name, .. } if **name == *rule))
    }

    /// Ends every request; how many there were.
    pub fn clear(&mut self) -> usize {
        self.drop_where(|_| true)
    }

    /// Takes every request out, as they stand.
    #[must_use]
    pub fn take(&mut self) -> Arbiter {
        Arbiter { held: std::mem::take(&mut self.held), ..*self }
    }

    /// Time passes: leases whose end is `now` or earlier are over; how many ended. Time never goes back.
    pub fn advance(&mut self, now: Mono) -> usize {
        self.now = self.now.max(now);
        let now = self.now;
        self.drop_where(|held| held.end <= now)
    }

    /// The request in force: highest priority, then largest demand, then the requester that came first. `None`: nobody
    /// asks, the device belongs in `safe`.
    #[must_use]
    pub fn winner(&self) -> Option<&Held> {
        self.held.iter().reduce(|best, held| if self.beats(held, best) { held } else { best })
    }

    /// When the next lease ends, in force or waiting.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.held.iter().map(|held| held.end).filter(|end| *end != Mono(u64::MAX)).min()
    }

    /// All requests, in the order in which their requesters came.
    #[must_use]
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    fn beats(&self, a: &Held, b: &Held) -> bool {
        a.priority > b.priority || (a.priority == b.priority && self.demand(a.level) > self.demand(b.level))
    }

    fn demand(&self, level: Level) -> f64 {
        match level {
            Level::Off => 0.0,
            Level::On => self.top,
            // More than all is all: the range clamps it on the way out.
            Level::At(number) => number.min(self.top),
        }
    }

    fn drop_where(&mut self, over: impl Fn(&Held) -> bool) -> usize {
        let before = self.held.len();
        self.held.retain(|held| !over(held));
        before - self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn rule(name: &str, instance: &str) -> Requester {
        Requester::Rule { rule: name.into(), instance: instance.into() }
    }

    fn ask(requester: Requester, priority: u8, level: Level, end: u64) -> Held {
        Held { requester, priority, level, reason: None, revision: None, end: Mono(end) }
    }

    fn level(arbiter: &Arbiter) -> Option<Level> {
        arbiter.winner().map(|held| held.level)
    }

    #[test]
    fn semantics_11_highest_priority_wins_then_the_larger_demand() {
        let mut arbiter = Arbiter::new(100.0);
        arbiter.request(ask(rule("a", ""), 50, Level::At(60.0), 10)).unwrap();
        arbiter.request(ask(rule("b", ""), 50, Level::At(80.0), 10)).unwrap();
        assert_eq!(level(&arbiter), Some(Level::At(80.0)));
        arbiter.request(ask(rule("c", ""), 50, Level::On, 10)).unwrap();
        assert_eq!(level(&arbiter), Some(Level::On));
        arbiter.request(ask(Requester::Client, 90, Level::Off, 10)).unwrap();
        assert_eq!(level(&arbiter), Some(Level::Off));
    }

    #[test]
    fn semantics_11_losers_take_over_at_once_and_none_left_is_none() {
        let mut arbiter = Arbiter::new(100.0);
        arbiter.request(ask(rule("cool", "FR-C1"), 50, Level::At(60.0), 20)).unwrap();
        arbiter.request(ask(rule("cool", "FR-C2"), 50, Level::At(40.0), 30)).unwrap();
        arbiter.request(ask(Requester::Client, 50, Level::On, 10)).unwrap();
        assert!(arbiter.release(&Requester::Client));
        assert!(!arbiter.release(&Requester::Client));
        assert_eq!(level(&arbiter), Some(Level::At(60.0)));
        assert_eq!(arbiter.release_all("cool"), 2);
        assert_eq!(level(&arbiter), None);
        assert_eq!(arbiter.next_deadline(), None);
    }

    #[test]
    fn semantics_11_a_lease_ends_exactly() {
        let mut arbiter = Arbiter::new(1.0);
        arbiter.request(ask(rule("a", ""), 50, Level::On, 10)).unwrap();
        arbiter.request(ask(rule("b", ""), 50, Level::Off, 11)).unwrap();
        assert_eq!(arbiter.next_deadline(), Some(Mono(10)));
        assert_eq!(arbiter.advance(Mono(9)), 0);
        assert_eq!(level(&arbiter), Some(Level::On));
        assert_eq!(arbiter.advance(Mono(10)), 1);
        assert_eq!(level(&arbiter), Some(Level::Off));
        arbiter.request(ask(rule("b", ""), 50, Level::On, 10)).unwrap();
        assert_eq!(level(&arbiter), None, "a request that is over already replaces and holds nothing");
    }

    #[test]
    fn semantics_11_a_newer_request_of_the_same_requester_replaces() {
        let mut arbiter = Arbiter::new(100.0);
        arbiter.request(ask(rule("a", ""), 50, Level::On, 10)).unwrap();
        arbiter.request(ask(rule("b", ""), 50, Level::At(100.0), 10)).unwrap();
        arbiter.request(ask(rule("a", ""), 50, Level::On, 20)).unwrap();
        assert_eq!(arbiter.winner().unwrap().requester, rule("a", ""), "renewing keeps the place among equals");
        arbiter.request(ask(rule("a", ""), 50, Level::At(5.0), 20)).unwrap();
        assert_eq!(arbiter.winner().unwrap().requester, rule("b", ""));
        assert_eq!(arbiter.request(ask(rule("a", ""), 50, Level::At(f64::NAN), 20)), Err(NotANumber));
        assert_eq!(arbiter.held().len(), 2);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Request(u8, u8, u8, u64),
        Release(u8),
        Advance(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..5u8, 0..3u8, 0..5u8, 1..20u64).prop_map(|(who, p, l, lease)| Step::Request(who, p, l, lease)),
            (0..5u8).prop_map(Step::Release),
            (0..8u64).prop_map(Step::Advance),
        ]
    }

    proptest! {
        /// The model keeps a map and sorts it anew each time; it compares priority and demand, not who among equals.
        #[test]
        fn semantics_11_agrees_with_a_slow_model(steps in proptest::collection::vec(step(), 0..60)) {
            const LEVELS: [(Level, u32); 5] =
                [(Level::Off, 0), (Level::At(20.0), 20), (Level::At(80.0), 80), (Level::On, 100), (Level::At(100.0), 100)];
            let (mut arbiter, mut model, mut now) = (Arbiter::new(100.0), BTreeMap::new(), 0u64);
            for step in steps {
                match step {
                    Step::Request(who, priority, l, lease) => {
                        let (level, demand) = LEVELS[usize::from(l)];
                        arbiter.request(ask(rule(&who.to_string(), ""), priority, level, now + lease)).unwrap();
                        model.insert(who, (priority, demand, now + lease));
                    }
                    Step::Release(who) => {
                        prop_assert_eq!(arbiter.release(&rule(&who.to_string(), "")), model.remove(&who).is_some());
                    }
                    Step::Advance(by) => {
                        now += by;
                        arbiter.advance(Mono(now));
                        model.retain(|_, held| held.2 > now);
                    }
                }
                let mut order: Vec<_> = model.values().map(|held| (held.0, held.1)).collect();
                order.sort_unstable();
                let got = arbiter.winner().map(|held| (held.priority, arbiter.demand(held.level) as u32));
                prop_assert_eq!(got, order.last().copied());
                prop_assert_eq!(arbiter.next_deadline(), model.values().map(|held| Mono(held.2)).min());
            }
        }
    }
}
