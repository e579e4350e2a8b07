//! One test per promise of the phase machine, and a comparison with a reference that counts small ticks.

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
        names_stale: false,
    }
}

fn at(episode: &mut Episode, second: u64, when: Truth, until: &[Truth], silent: bool) -> Step {
    episode.judge(Mono(second * S), &Judged { when, until, silent })
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
