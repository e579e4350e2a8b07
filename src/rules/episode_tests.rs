//! One test per promise of the phase machine, and a comparison with a reference that counts small ticks.

use proptest::prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest};

use super::Truth::{False, True, Unknown};
use super::*;

const S: u64 = 1_000_000_000;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn settings() -> Settings {
    Settings {
        hold: secs(0),
        after: None,
        cooldown: secs(0),
        stale: StaleLimit::After(secs(0)),
        stale_after: secs(10),
        mapped: true,
        names_stale: false,
    }
}

fn at(episode: &mut Episode, second: u64, when: Truth, until: &[Truth], silent: bool) -> Step {
    episode.judge(Mono(second * S), &Judged { when, until, silent, heard: true })
}

const BEGIN: Step = Step { begin: true, each: true, end: None };
const EACH: Step = Step { begin: false, each: true, end: None };
const NONE: Step = Step { begin: false, each: false, end: None };
const UNTIL: Step = Step { begin: false, each: false, end: Some(Ended::Until) };
const STALE: Step = Step { begin: false, each: false, end: Some(Ended::Stale) };

#[test]
fn semantics_04_unknown_begins_nothing_ends_nothing_completes_no_for() {
    let mut e = Episode::new(Settings { hold: secs(5), ..settings() }, Mono(0));
    assert_eq!(at(&mut e, 0, Unknown, &[], false), NONE);
    assert_eq!(e.phase(), Phase::Idle);
    at(&mut e, 1, True, &[], false);
    at(&mut e, 3, Unknown, &[], false);
    assert_eq!(e.due(Mono(6 * S)), NONE);
    assert_eq!(at(&mut e, 7, True, &[], false), BEGIN);
    assert_eq!(at(&mut e, 8, Unknown, &[], false), EACH);
}

#[test]
fn semantics_06_for_completes_exactly_at_its_timer_and_false_ends_pending() {
    let mut e = Episode::new(Settings { hold: secs(5), ..settings() }, Mono(0));
    at(&mut e, 0, True, &[], false);
    at(&mut e, 1, False, &[], false);
    assert_eq!(e.next_deadline(), None);
    at(&mut e, 2, True, &[], false);
    assert_eq!(e.next_deadline(), Some(Mono(7 * S)));
    assert_eq!(e.due(Mono(7 * S - 1)), NONE);
    assert_eq!(e.due(Mono(7 * S)), BEGIN);
}

#[test]
fn semantics_06_until_is_judged_from_the_next_event_and_durations_end_exactly() {
    let mut e = Episode::new(Settings { after: Some(secs(90)), ..settings() }, Mono(0));
    assert_eq!(at(&mut e, 0, True, &[True], false), BEGIN);
    assert_eq!(at(&mut e, 1, True, &[True], false), UNTIL);
    at(&mut e, 2, True, &[False], false);
    assert_eq!(at(&mut e, 3, False, &[False], false), EACH);
    assert_eq!(e.due(Mono(92 * S - 1)), NONE);
    assert_eq!(e.due(Mono(92 * S)), UNTIL);
}

#[test]
fn semantics_07_cooldown_delays_the_beginning_while_for_runs() {
    let mut e = Episode::new(Settings { hold: secs(2), cooldown: secs(10), ..settings() }, Mono(0));
    at(&mut e, 0, True, &[], false);
    assert_eq!(e.due(Mono(2 * S)), BEGIN);
    assert_eq!(at(&mut e, 3, False, &[], false), UNTIL);
    at(&mut e, 4, True, &[], false);
    assert_eq!(e.due(Mono(6 * S)), NONE);
    assert_eq!((e.suppressed(), e.next_deadline()), (1, Some(Mono(13 * S))));
    assert_eq!(e.due(Mono(13 * S)), BEGIN);
}

#[test]
fn semantics_08_each_runs_at_every_event_the_first_included() {
    let mut e = Episode::new(settings(), Mono(0));
    assert_eq!(at(&mut e, 0, True, &[], false), BEGIN);
    assert_eq!(at(&mut e, 1, True, &[], false), EACH);
    assert_eq!(e.end(Mono(2 * S), Ended::Changed).end, Some(Ended::Changed));
    assert_eq!(e.end(Mono(2 * S), Ended::Changed), NONE);
}

#[test]
fn semantics_10_blind_pending_falls_and_blind_active_ends_stale() {
    let limit = StaleLimit::After(secs(5));
    let mut e = Episode::new(Settings { hold: secs(60), stale: limit, ..settings() }, Mono(0));
    at(&mut e, 0, True, &[], false);
    at(&mut e, 1, Unknown, &[], false);
    assert_eq!(e.next_deadline(), Some(Mono(15 * S)));
    assert_eq!(e.due(Mono(15 * S)), NONE);
    assert_eq!(e.phase(), Phase::Idle);
    let mut e = Episode::new(Settings { stale: limit, ..settings() }, Mono(0));
    at(&mut e, 100, True, &[], false);
    // A steady value under a deadband: silence noticed at 500 s means that frames came until 490 s.
    at(&mut e, 500, True, &[], true);
    assert_eq!(e.due(Mono(505 * S - 1)), NONE);
    assert_eq!(e.due(Mono(505 * S)), STALE);
}

#[test]
fn semantics_10_latches_and_rules_that_name_stale_are_not_ended_by_it() {
    for special in [Settings { stale: StaleLimit::Never, ..settings() }, Settings { names_stale: true, ..settings() }] {
        let mut e = Episode::new(special, Mono(0));
        at(&mut e, 0, True, &[], false);
        assert_eq!(at(&mut e, 100, True, &[], true), EACH);
        assert_eq!(e.next_deadline(), None);
    }
}

#[test]
fn semantics_10_where_the_map_does_not_tell_stale_counts_from_the_last_good_message() {
    let limit = StaleLimit::After(secs(60));
    let mut e = Episode::new(Settings { stale: limit, stale_after: secs(0), mapped: false, ..settings() }, Mono(0));
    at(&mut e, 100, True, &[], false);
    at(&mut e, 130, True, &[], false);
    assert_eq!(e.judge(Mono(180 * S), &Judged { when: True, until: &[], silent: false, heard: false }), EACH);
    assert_eq!(e.due(Mono(190 * S - 1)), NONE);
    assert_eq!(e.due(Mono(190 * S)), STALE);
}

/// The obvious machine: every tick it looks at everything, and counts ticks instead of setting timers.
struct Slow {
    s: Settings,
    active: bool,
    pending: bool,
    when: bool,
    held_for: u64,
    active_for: u64,
    rest: u64,
    blind: bool,
    unseen: u64,
    refused: bool,
    suppressed: u64,
}

impl Slow {
    fn finish(&mut self, why: Ended) -> Step {
        (self.active, self.pending, self.refused, self.rest) = (false, false, false, self.s.cooldown.as_secs());
        Step { end: Some(why), ..Step::default() }
    }

    fn start(&mut self) -> Step {
        if !self.pending || !self.when || self.blind || self.held_for < self.s.hold.as_secs() {
            return Step::default();
        }
        if self.rest > 0 {
            self.suppressed += u64::from(!self.refused);
            self.refused = true;
            return Step::default();
        }
        (self.active, self.pending, self.refused, self.active_for) = (true, false, false, 0);
        BEGIN
    }

    fn blinded(&self) -> bool {
        let StaleLimit::After(stale) = self.s.stale else { return false };
        let counts = if self.s.mapped { self.blind } else { !self.s.names_stale };
        counts && self.unseen >= (self.s.stale_after + stale).as_secs()
    }

    fn tick(&mut self) -> Step {
        self.held_for += 1;
        self.active_for += 1;
        self.unseen += 1;
        self.rest = self.rest.saturating_sub(1);
        if self.active && self.s.after.is_some_and(|after| self.active_for >= after.as_secs()) {
            return self.finish(Ended::Until);
        }
        let step = self.start();
        if self.blinded() {
            if self.active {
                return self.finish(Ended::Stale);
            }
            (self.pending, self.refused) = (false, false);
        }
        step
    }

    fn event(&mut self, when: Truth, until: &[Truth], silent: bool, heard: bool) -> Step {
        let watched = if self.active && !until.is_empty() { until[0] } else { when };
        let blind = watched == Unknown || (silent && !self.s.names_stale);
        if !blind {
            if self.s.mapped || heard {
                self.unseen = 0;
            }
        } else if self.s.mapped && !self.blind && self.unseen > self.s.stale_after.as_secs() {
            self.unseen = if silent { self.s.stale_after.as_secs() } else { 0 };
        }
        self.blind = blind;
        self.when = when == True;
        if self.active {
            let over = if until.is_empty() { self.s.after.is_none() && when == False } else { until[0] == True };
            if over && !blind {
                return self.finish(Ended::Until);
            }
            return if self.blinded() { self.finish(Ended::Stale) } else { EACH };
        }
        if when == False {
            (self.pending, self.refused) = (false, false);
        } else if when == True && !blind && !self.pending {
            (self.pending, self.held_for) = (true, 0);
        }
        if self.blinded() {
            (self.pending, self.refused) = (false, false);
        }
        self.start()
    }
}

fn truth() -> impl Strategy<Value = Truth> {
    prop_oneof![4 => Just(True), 2 => Just(False), 2 => Just(Unknown)]
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let stale = prop_oneof![3 => (0..4_u64).prop_map(|n| StaleLimit::After(secs(n))), 1 => Just(StaleLimit::Never)];
    let flags = (proptest::bool::weighted(0.2), proptest::bool::weighted(0.7));
    (0..5_u64, proptest::option::of(1..6_u64), 0..6_u64, stale, 1..5_u64, flags).prop_map(
        |(hold, after, cooldown, stale, stale_after, (names_stale, mapped))| Settings {
            hold: secs(hold),
            after: after.map(secs),
            cooldown: secs(cooldown),
            // Without the map `stale: 0s` would end every episode as it begins: `load` refuses it.
            stale: if mapped || stale != StaleLimit::After(secs(0)) { stale } else { StaleLimit::After(secs(4)) },
            stale_after: if mapped { secs(stale_after) } else { secs(0) },
            mapped,
            names_stale,
        },
    )
}

proptest! {
    #[test]
    fn timers_do_what_counting_ticks_does(
        s in any_settings(),
        with_until in proptest::bool::ANY,
        events in proptest::collection::vec((0..4_u64, truth(), truth(), proptest::bool::weighted(0.2), proptest::bool::weighted(0.7)), 1..40),
    ) {
        let mut fast = Episode::new(s, Mono(0));
        let mut slow = Slow { s, active: false, pending: false, when: false, held_for: 0, active_for: 0, rest: 0,
            blind: false, unseen: 0, refused: false, suppressed: 0 };
        let mut now = 0;
        for (gap, when, until, silent, heard) in events {
            for _ in 0..gap {
                now += 1;
                let mut fired = NONE;
                while fast.next_deadline().is_some_and(|at| at <= Mono(now * S)) {
                    let step = fast.due(Mono(now * S));
                    if step != NONE { fired = step; }
                }
                prop_assert_eq!(fired, slow.tick(), "timers at {}", now);
            }
            let until: &[Truth] = if with_until { &[until] } else { &[] };
            let judged = Judged { when, until, silent, heard };
            let step = fast.judge(Mono(now * S), &judged);
            prop_assert_eq!(step, slow.event(when, until, silent, heard), "event at {}", now);
            prop_assert_eq!(fast.suppressed(), slow.suppressed);
        }
    }
}
