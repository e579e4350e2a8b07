use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

fn failed(retry_after: Option<Duration>) -> Verdict {
    Verdict::Failed { why: "no answer".to_owned(), retry_after }
}

/// The pause as one would reckon it by hand, in seconds: doubled step by step, then a share of the way.
fn by_hand(tries: u32, policy: &Policy, random: f64, retry_after: f64) -> f64 {
    let longest = policy.longest_pause.as_secs_f64().min(3600.0);
    let first = policy.first_pause.as_secs_f64().min(longest);
    let mut bound = first;
    for _ in 0..tries {
        bound = (bound * 2.0).min(longest);
    }
    (first + (bound - first) * random).max(retry_after.min(3600.0))
}

prop_compose! {
    fn policy()(keep in 0..200_000_u64, first in 1..5_000_u64, longest in 1..9_000_000_u64) -> Policy {
        Policy {
            keep_trying: Duration::from_secs(keep),
            first_pause: Duration::from_millis(first),
            longest_pause: Duration::from_millis(longest),
        }
    }
}

proptest! {
    #[test]
    fn a_failure_is_tried_again_as_reckoned_by_hand_until_it_is_given_up(
        policy in policy(),
        tries in prop_oneof![1..12_u32, Just(u32::MAX)],
        age in -400_000..400_000_i64,
        random in 0.0..1.0_f64,
        retry_after in prop::option::of(0..20_000_u64),
    ) {
        let now = Utc(1_790_000_000 * SECOND);
        let put_at = Utc(now.0 - age * SECOND);
        let verdict = failed(retry_after.map(Duration::from_secs));
        match step(&verdict, tries, put_at, now, &policy, random) {
            Step::Done => prop_assert!(false, "it has not arrived"),
            Step::Dead { why } => {
                prop_assert!(age >= policy.keep_trying.as_secs() as i64);
                prop_assert!(why.starts_with("given up after ") && why.ends_with(": no answer"), "{}", why);
            }
            Step::Retry { at, .. } => {
                prop_assert!(age < policy.keep_trying.as_secs() as i64);
                let pause = (at.0 - now.0) as f64 / 1e9;
                let expected = by_hand(tries.min(64), &policy, random, retry_after.unwrap_or(0) as f64);
                prop_assert!((pause - expected).abs() < 1e-3 + expected * 1e-6, "{} {}", pause, expected);
                prop_assert!(pause <= 3600.0);
            }
        }
    }
}

#[test]
fn pauses_grow_from_a_second_to_five_minutes() {
    let upper: Vec<f64> = (1..=10).map(|tries| pause(tries, &Policy::default(), 1.0).as_secs_f64()).collect();
    assert_eq!(upper, [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]);
    assert_eq!(pause(7, &Policy::default(), 0.0), Duration::from_secs(1));
}

#[test]
fn what_arrived_is_done_and_what_was_refused_is_dead_at_once_and_long_ago_too() {
    let (long_ago, now, policy) = (Utc(0), Utc(1_790_000_000 * SECOND), Policy::default());
    assert_eq!(step(&Verdict::Delivered, 9, long_ago, now, &policy, 0.5), Step::Done);
    let refused = Verdict::Refused("no such number".to_owned());
    assert_eq!(step(&refused, 1, now, now, &policy, 0.5), Step::Dead { why: "no such number".to_owned() });
    let dead = Step::Dead { why: "given up after 3d and 1 try: no answer".to_owned() };
    assert_eq!(step(&failed(None), 1, Utc(now.0 - 3 * 86_400 * SECOND), now, &policy, 0.5), dead);
}
