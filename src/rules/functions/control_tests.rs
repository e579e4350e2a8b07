//! The control law against a slow reference, on plants of a first order, and over everything that interrupts a loop.

use proptest::prelude::{Just, prop_assert, prop_oneof, proptest};

use super::*;

const GAINS: Gains = Gains { kp: 8.0, ki: 0.02, kd: 0.0, min: 0.0, max: 100.0, start: None };

fn at(seconds: f64) -> i64 {
    (seconds * 1e9) as i64
}

/// A room that a heater warms: `gain` °C at 1 %, with this time constant, from an outside of so many °C.
#[derive(Clone, Copy)]
struct Room {
    gain: f64,
    time: f64,
    outside: f64,
}

const ROOM: Room = Room { gain: 0.3, time: 900.0, outside: 10.0 };

impl Room {
    /// Exact for a constant output.
    fn after(self, celsius: f64, output: f64, seconds: f64) -> f64 {
        let end = self.outside + self.gain * output;
        end + (celsius - end) * (-seconds / self.time).exp()
    }
}

/// Drives a room; the temperature and the output at each sample.
fn drive(gains: &Gains, setpoint: impl Fn(f64) -> f64, cycles: &[f64], mut celsius: f64) -> Vec<(f64, f64, f64)> {
    let (mut memory, mut now, mut seen) = (None, 0.0, Vec::new());
    for cycle in cycles {
        let next = gains.step(memory, at(now), setpoint(now), celsius);
        seen.push((now, celsius, next.output));
        memory = Some(next);
        now += cycle;
        celsius = ROOM.after(celsius, next.output, *cycle);
    }
    seen
}

/// The same law in steps of a hundredth of a second, with the limits as it is told in words: the integral grows while the
/// output is not at the limit that it grows towards. The value is looked at without a break, the filter is a differential
/// equation.
fn reference(gains: &Gains, setpoint: f64, seconds: f64, mut celsius: f64) -> Vec<(f64, f64)> {
    const STEP: f64 = 0.01;
    let (mut integral, mut filtered, mut seen) = (0.0_f64, celsius, Vec::new());
    let filter = if gains.kp == 0.0 { 0.0 } else { gains.kd / gains.kp / FILTER };
    for n in 0..(seconds / STEP) as u64 {
        let slope = if filter == 0.0 { 0.0 } else { (celsius - filtered) / filter };
        filtered += slope * STEP;
        let error = setpoint - celsius;
        let raw = gains.kp * error - gains.kd * slope + integral;
        let output = raw.clamp(gains.min, gains.max);
        let stuck = (raw >= gains.max && error > 0.0) || (raw <= gains.min && error < 0.0);
        integral += if stuck { 0.0 } else { gains.ki * error * STEP };
        if n % 100 == 0 {
            seen.push((celsius, output));
        }
        celsius = ROOM.after(celsius, output, STEP);
    }
    seen
}

#[test]
fn agrees_with_a_simulation_in_fine_steps() {
    for kd in [0.0, 120.0] {
        let gains = Gains { kd, ..GAINS };
        let fine = reference(&gains, 24.0, 7_200.0, 15.0);
        let ours = drive(&gains, |_| 24.0, &[1.0; 7_200], 15.0);
        for ((_, celsius, output), (expected, wanted)) in ours.iter().zip(&fine) {
            assert!((celsius - expected).abs() < 0.05, "{celsius} {expected}");
            assert!((output - wanted).abs() < 1.0, "{output} {wanted}");
        }
    }
}

#[test]
fn a_room_of_first_order_settles_without_much_overshoot() {
    // A step of 9 °C. With `kp / ki` the time constant of the room there is none at all; more of `ki` costs up to a tenth.
    for (ki, bound) in [(GAINS.kp / ROOM.time, 24.05), (0.02, 24.9)] {
        for cycle in [1.0, 2.0, 10.0, 30.0] {
            let gains = Gains { ki, ..GAINS };
            let seen = drive(&gains, |_| 24.0, &vec![cycle; (14_400.0 / cycle) as usize], 15.0);
            let most = seen.iter().map(|(_, celsius, _)| *celsius).fold(0.0, f64::max);
            assert!(most < bound, "{ki} {cycle}: {most}");
            let settled = seen.iter().filter(|(now, ..)| *now > 7_200.0);
            settled.for_each(|(now, celsius, _)| assert!((celsius - 24.0).abs() < 0.05, "{cycle}: {celsius} at {now}"));
        }
    }
}

#[test]
fn an_hour_at_the_limit_winds_nothing_up() {
    // 55 °C is out of reach; then the setpoint comes back to where the room is.
    let setpoint = |now: f64| if now < 3_600.0 { 55.0 } else { 30.0 };
    let seen = drive(&GAINS, setpoint, &[2.0; 5_400], 20.0);
    assert_eq!(seen[1_799].2, 100.0);
    // Without a limit to it the integral would be 0.02 · 20 · 3600 = 1440: over an hour until it is worked off.
    let off = seen.iter().find(|(now, _, output)| *now >= 3_600.0 && *output < 67.0).expect("it lets go").0;
    assert!(off - 3_600.0 < 10.0, "{off}");
    let last = seen.last().expect("samples").1;
    assert!((last - 30.0).abs() < 0.1, "{last}");
}

#[test]
fn a_demand_beyond_the_limit_comes_to_the_limit_whatever_the_step() {
    let first = GAINS.step(None, at(0.0), 24.0, 20.0);
    let second = GAINS.step(Some(first), at(599.0), 24.0, 20.0);
    assert_eq!((first.output, second.output), (32.0, 32.0 + 0.02 * 4.0 * 599.0));
    assert_eq!(GAINS.step(Some(Memory { integral: 60.0, output: 92.0, ..first }), at(599.0), 24.0, 20.0).output, 100.0);
}

#[test]
fn a_new_setpoint_gives_no_kick_through_derivative_or_integral() {
    let gains = Gains { kp: 2.0, kd: 60.0, ..GAINS };
    let mut memory = gains.step(None, at(0.0), 24.0, 20.0);
    for n in 1..50 {
        memory = gains.step(Some(memory), at(f64::from(n) * 2.0), 24.0, 20.0 + f64::from(n) * 0.01);
    }
    let same = gains.step(Some(memory), at(100.0), 24.0, 20.5);
    let moved = gains.step(Some(memory), at(100.0), 25.0, 20.5);
    let by = gains.kp + gains.ki * 2.0;
    assert!((moved.output - same.output - by).abs() < 1e-9, "{} {}", moved.output, same.output);
    assert_eq!(moved.slope, same.slope);
}

#[test]
fn other_gains_and_limits_take_effect_without_a_bump() {
    let run = |gains: Gains| {
        let mut memory = GAINS.step(None, at(0.0), 24.0, 22.0);
        for n in 1..200 {
            memory = GAINS.step(Some(memory), at(f64::from(n) * 2.0), 24.0, 22.0);
        }
        (memory.output, gains.step(Some(memory), at(398.0 + 2.0), 24.0, 22.0).output)
    };
    for gains in [
        Gains { kp: 30.0, ..GAINS },
        Gains { kp: 0.5, ..GAINS },
        Gains { ki: 0.2, ..GAINS },
        Gains { kd: 500.0, ..GAINS },
        Gains { min: -100.0, max: 200.0, ..GAINS },
    ] {
        let (before, after) = run(gains);
        assert!((after - before - gains.ki * 2.0 * 2.0).abs() < 1e-9, "{gains:?}: {before} {after}");
    }
    let (_, limited) = run(Gains { max: 20.0, ..GAINS });
    assert_eq!(limited, 20.0);
    // Nothing would ever work off what stands in for another gain.
    assert_eq!(run(Gains { kp: 3.0, ki: 0.0, ..GAINS }).1, 6.0);
}

#[test]
fn it_begins_with_the_proportional_part_or_where_it_is_told_to() {
    assert_eq!(GAINS.step(None, at(0.0), 24.0, 22.0).output, 16.0);
    let told = Gains { start: Some(40.0), ..GAINS };
    let first = told.step(None, at(0.0), 24.0, 22.0);
    assert_eq!(first.output, 40.0);
    assert_eq!(told.step(Some(first), at(2.0), 24.0, 22.0).output, 40.0 + 0.02 * 2.0 * 2.0);
    assert_eq!(Gains { start: Some(400.0), ..GAINS }.step(None, at(0.0), 24.0, 22.0).output, 100.0);
}

#[test]
fn nothing_is_made_of_a_long_pause_or_of_no_time() {
    let first = Gains { kd: 50.0, ..GAINS }.step(None, at(0.0), 24.0, 22.0);
    let gains = Gains { kd: 50.0, ..GAINS };
    let late = gains.step(Some(first), at(601.0), 24.0, 10.0);
    assert_eq!((late.integral, late.slope), (0.0, 0.0));
    let again = gains.step(Some(late), at(601.0), 24.0, 10.0);
    assert_eq!((again.integral, again.slope), (0.0, 0.0));
    // A clock that went back.
    assert!(gains.step(Some(late), at(-5.0), 24.0, 10.0).output.is_finite());
}

#[test]
fn noise_is_not_multiplied_by_the_derivative() {
    let gains = Gains { kp: 8.0, ki: 0.0, kd: 480.0, min: -1e6, max: 1e6, start: None };
    let value = |n: u32| 22.0 + if n.is_multiple_of(2) { 0.05 } else { -0.05 };
    let mut memory = gains.step(None, at(0.0), 24.0, value(0));
    let mut most: f64 = 0.0;
    for n in 1..500 {
        memory = gains.step(Some(memory), at(f64::from(n)), 24.0, value(n));
        most = most.max((memory.output - 16.0).abs());
    }
    // Unfiltered it would be 480 · 0.1 / 1 s = 48.
    assert!(most < 8.0, "{most}");
}

proptest! {
    #[test]
    fn output_stays_within_its_limits_and_what_is_remembered_is_finite(
        samples in proptest::collection::vec((prop_oneof![Just(0.0), 0.001..5.0_f64, 5.0..2_000.0_f64], -50.0..80.0_f64, -50.0..80.0_f64), 1..60),
        kp in -50.0..50.0_f64, ki in -1.0..1.0_f64, kd in -500.0..500.0_f64, min in -100.0..50.0_f64, span in 0.0..200.0_f64,
    ) {
        let gains = Gains { kp, ki, kd, min, max: min + span, start: None };
        let (mut memory, mut now) = (None, 0.0);
        for (dt, setpoint, value) in samples {
            now += dt;
            let next = gains.step(memory, at(now), setpoint, value);
            prop_assert!((gains.min..=gains.max).contains(&next.output), "{next:?}");
            prop_assert!(next.integral.is_finite() && next.slope.is_finite());
            prop_assert!(Memory::read(&next.write()) == Some(next));
            memory = Some(next);
        }
    }

    #[test]
    fn irregular_samples_come_to_the_same_room(cycles in proptest::collection::vec(0.5..20.0_f64, 1_500)) {
        let seen = drive(&GAINS, |_| 24.0, &cycles, 15.0);
        let late = seen.iter().filter(|(now, ..)| *now > 9_000.0);
        for (now, celsius, _) in late {
            prop_assert!((celsius - 24.0).abs() < 0.1, "{celsius} at {now}");
        }
    }
}
