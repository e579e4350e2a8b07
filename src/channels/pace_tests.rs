use super::*;
use crate::model::{Quality, Utc};

const EVERY: Policy = Policy { deadband: None, min_interval: None, max_interval: None, always: false };

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn policy(deadband: Option<f64>, min: Option<f64>, max: Option<f64>) -> Policy {
    Policy { deadband, min_interval: min.map(seconds), max_interval: max.map(seconds), always: false }
}

fn at(time: f64) -> Timestamp {
    Timestamp { mono: Mono(0) + seconds(time), utc: Utc(0) }
}

fn number(number: f64) -> Sample {
    Sample { state: State::Number, number }
}

fn text(at: u8) -> Sample {
    Sample { state: State::Text, number: f64::from(at) }
}

fn bad(why: Quality) -> Sample {
    Sample { state: State::Bad(why), number: 0.0 }
}

/// A frame with these policies, and whether each sample at its time is published at once.
fn at_once(policy: Policy, frames: &[(f64, Sample)]) -> Vec<bool> {
    let mut pacer = Pacer::default();
    let lane = pacer.add([policy].into());
    frames.iter().map(|(time, sample)| pacer.frame(lane, at(*time), &[(0, *sample)])).collect()
}

#[test]
fn a_deadband_is_in_decimals_and_against_what_was_published_last() {
    let band = policy(Some(0.1), None, None);
    let drift = [24.8, 24.85, 24.89, 24.9, 24.81, 24.8].map(number);
    let frames: Vec<(f64, Sample)> = drift.into_iter().map(|sample| (0.0, sample)).collect();
    assert_eq!(at_once(band, &frames), [true, false, false, true, false, true]);
    let large = policy(Some(0.1), None, None);
    assert_eq!(at_once(large, &[(0.0, number(100_000.1)), (0.0, number(100_000.2))]), [true, true]);
    let any = policy(Some(0.0), None, None);
    assert_eq!(at_once(any, &[(0.0, number(1.0)), (0.0, number(1.0)), (0.0, number(1.1))]), [true, false, true]);
}

#[test]
fn states_and_quality_are_at_once_and_numbers_wait() {
    let paced = policy(Some(1.0), Some(10.0), Some(30.0));
    let frames = [
        (0.0, number(20.0)),
        (1.0, number(25.0)),
        (2.0, bad(Quality::OutOfRange)),
        (2.1, bad(Quality::OutOfRange)),
        (2.2, bad(Quality::Invalid)),
        (3.0, number(25.0)),
        (3.1, text(1)),
        (3.2, text(0)),
        (3.3, text(0)),
    ];
    assert_eq!(at_once(paced, &frames), [true, false, true, false, true, true, true, true, false]);
}

#[test]
fn when_the_interval_ends_the_latest_is_said() {
    let mut pacer = Pacer::default();
    let lane = pacer.add([policy(None, Some(1.0), Some(5.0))].into());
    for (time, value) in [(0.0, 20.0), (0.2, 21.0), (0.4, 22.0), (0.9, 23.0)] {
        assert_eq!(pacer.frame(lane, at(time), &[(0, number(value))]), time == 0.0);
    }
    assert_eq!((pacer.next(), pacer.waiting(), pacer.held_back().interval), (Some(at(1.0).mono), 1, 2));
    assert_eq!(pacer.due(at(0.999).mono), None);
    assert_eq!(pacer.due(at(1.0).mono), Some((lane, at(0.9), vec![(0, number(23.0))])));
    assert_eq!((pacer.due(at(1.0).mono), pacer.next()), (None, None));
    // Away and back within the interval is no news when it ends.
    pacer.frame(lane, at(1.5), &[(0, number(90.0))]);
    pacer.frame(lane, at(1.6), &[(0, number(23.0))]);
    assert_eq!(pacer.next(), Some(at(6.0).mono), "nothing has changed, so it waits for max_interval");
    // Changed: 2 s after the last message there is nothing to wait for.
    assert!(pacer.frame(lane, at(3.0), &[(0, number(24.0))]));
    assert_eq!((pacer.next(), pacer.waiting()), (None, 0));
    assert_eq!(pacer.held_back(), HeldBack { interval: 3, deadband: 1, babbling: 0 });
}

#[test]
fn a_frame_goes_as_soon_as_one_of_its_signals_asks() {
    let mut pacer = Pacer::default();
    let slow = policy(Some(1.0), Some(60.0), None);
    let lane = pacer.add([slow, policy(Some(1.0), Some(2.0), None), EVERY].into());
    let mut frame = |time, a, b, c| pacer.frame(lane, at(time), &[(0, number(a)), (1, number(b)), (2, number(c))]);
    assert!(frame(0.0, 10.0, 10.0, 10.0));
    assert!(!frame(2.0, 50.0, 10.5, 10.0), "the first waits for its minute, the second has not changed");
    assert!(frame(3.0, 50.0, 11.0, 10.0), "the second takes the others along");
    assert!(!frame(62.9, 49.5, 11.0, 10.0), "the first was said with it");
    assert!(frame(62.9, 49.5, 11.0, 10.1), "beside a policy, a signal without one asks when it changes at all");
    assert_eq!(at_once(EVERY, &[(0.0, number(1.0)), (0.0, number(1.0))]), [true, true], "alone it is always asking");
    let always = Policy { always: true, ..EVERY };
    assert_eq!(at_once(always, &[(0.0, number(1.0)), (0.0, number(1.0))]), [true, true]);
}

#[test]
fn parts_of_a_multiplexed_frame_have_a_pace_each() {
    let mut pacer = Pacer::default();
    let lane = pacer.add([policy(Some(1.0), Some(10.0), None); 3].into());
    let mut part = |time, which: u16, value| pacer.frame(lane, at(time), &[(0, number(7.0)), (which, number(value))]);
    assert!(part(0.0, 1, 20.0) && part(0.1, 2, 90.0), "each is new");
    assert!(!part(1.0, 1, 20.5) && !part(1.1, 2, 90.5), "neither has changed, although they differ");
    assert!(!part(2.0, 1, 30.0) && !part(2.1, 2, 80.0));
    assert_eq!(pacer.due(at(10.0).mono).map(|due| due.2), Some(vec![(0, number(7.0)), (1, number(30.0))]));
    assert_eq!(pacer.due(at(10.0).mono), None);
    assert_eq!(pacer.due(at(10.1).mono).map(|due| due.2), Some(vec![(0, number(7.0)), (2, number(80.0))]));
    pacer.forget(lane, &[]);
    assert!(pacer.frame(lane, at(10.2), &[(0, number(7.0)), (2, number(80.0))]));
}

/// 8,745 frames a second is a full bus of 1 Mbit/s.
#[test]
fn a_babbling_node_gives_some_twenty_messages_a_second_and_then_its_latest() {
    let mut pacer = Pacer::default();
    let lane = pacer.add([policy(Some(1.0), Some(1.0), Some(30.0))].into());
    let (mut published, mut last) = (0, 0.0);
    for n in 0..87_450_u32 {
        let now = at(f64::from(n) / 8745.0);
        while let Some(next) = pacer.next().filter(|next| *next <= now.mono) {
            published += u64::from(pacer.due(next).is_some());
        }
        last = f64::from(n % 3);
        let sample = if n % 2 == 0 { text(1) } else { number(100.0 * last) };
        published += u64::from(pacer.frame(lane, now, &[(0, sample)]));
        assert!(pacer.deadlines.len() <= 1);
    }
    assert!((190..=230).contains(&published), "{published}");
    assert_eq!(published + pacer.held_back().sum() + pacer.waiting(), 87_450);
    assert!(pacer.held_back().babbling > 40_000, "{:?}", pacer.held_back());
    let due = pacer.next().expect("the last one waits");
    assert_eq!(pacer.due(due).map(|due| due.2), Some(vec![(0, number(100.0 * last))]));
}
