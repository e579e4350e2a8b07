use super::super::fixture::*;
use super::limits_tests::*;
use super::*;
use crate::channels::{Limits, Verify};
use crate::model::{Level, Value};

fn fan_that_answers(limits: Limits) -> (Bench, ChannelMap) {
    let mut map = limited_map(&[("exhaust", limits)]);
    let feedback = map.devices[0].feedback.as_mut().unwrap();
    (feedback.within, feedback.tolerance) = (seconds(3), 2.0);
    let mut bench = Bench { guard: Guard::new(&map, at(0.0)), out: Vec::new() };
    bench.step(0.0, GuardEvent::Start);
    (bench, map)
}

fn says(bench: &mut Bench, at: f64, speed: u32) -> Vec<u8> {
    bench.step(at, GuardEvent::Reading(&reading("exhaust", &format!(r#"{{"speed":{speed}}}"#), false)));
    bytes(bench)
}

fn faults(bench: &Bench) -> Vec<Option<String>> {
    let fault = |out: &DeviceOut| match out {
        DeviceOut::Fault { fault, .. } => Some(fault.as_deref().map(str::to_owned)),
        _ => None,
    };
    bench.out.iter().filter_map(fault).collect()
}

#[test]
fn a_device_that_does_not_follow_is_told_again_and_then_is_at_fault_and_safe() {
    let (mut bench, _) = fan_that_answers(Limits::default());
    assert_eq!(says(&mut bench, 1.0, 39), NONE, "within its tolerance");
    assert_eq!(set(&mut bench, 10.0, "a", "exhaust", Level::At(80.0)), [160]);
    assert_eq!(says(&mut bench, 11.0, 41), NONE);
    assert_eq!(due(&mut bench, 13.0), [160], "told again");
    assert_eq!(due(&mut bench, 16.0), [160]);
    assert_eq!(due(&mut bench, 19.0), [80], "at safe");
    assert_eq!(faults(&bench), [Some("told 80, and its feedback says 41".to_owned())]);
    assert_eq!(set(&mut bench, 20.0, "b", "exhaust", Level::On), NONE, "whatever is asked for");
    assert_eq!(says(&mut bench, 21.0, 40), NONE);
    assert_eq!(due(&mut bench, 618.9), NONE);
    assert_eq!(due(&mut bench, 619.0), [200], "tried again");
    assert_eq!(faults(&bench), [None]);
    assert_eq!(says(&mut bench, 621.0, 99), NONE);
    assert_eq!((due(&mut bench, 2_000.0), faults(&bench)), (vec![], vec![]));
}

#[test]
fn a_feedback_that_is_silent_is_a_fault_until_it_speaks() {
    let (mut bench, _) = fan_that_answers(Limits::default());
    assert_eq!(due(&mut bench, 3.0), [80]);
    assert_eq!(due(&mut bench, 6.0), [80]);
    due(&mut bench, 9.0);
    assert_eq!(faults(&bench), [Some("told 40, and its feedback was never heard".to_owned())]);
    assert_eq!(set(&mut bench, 10.0, "a", "exhaust", Level::On), NONE);
    assert_eq!(says(&mut bench, 11.0, 40), [200]);
    assert_eq!(faults(&bench), [None]);
}

#[test]
fn a_loop_that_moves_its_device_all_the_time_is_not_mistaken_for_one_that_does_not_follow() {
    let (mut bench, _) = fan_that_answers(Limits::default());
    for step in 0..100_u32 {
        let at = f64::from(step);
        set(&mut bench, at, "pid", "exhaust", Level::At(f64::from(step)));
        says(&mut bench, at + 0.5, step.saturating_sub(2));
        assert!(faults(&bench).is_empty());
    }
    assert_eq!(bench.guard.counts().retried, 0);
}

#[test]
fn a_heater_without_effect_is_at_fault() {
    let change = 0.5;
    let (text, readings) = ("no rise".into(), watched("temperature"));
    let limits = Limits { verify: Some(Verify { text, readings, change, within: seconds(900) }), ..Limits::default() };
    let mut bench = limited(&[("heater", limits)]);
    let reads = |bench: &mut Bench, at: f64, value: f64| {
        bench.step(at, GuardEvent::Reading(&node("temperature", Value::Number(value), false)));
    };
    reads(&mut bench, 1.0, 20.0);
    set(&mut bench, 2.0, "a", "heater", Level::On);
    reads(&mut bench, 800.0, 20.5);
    assert_eq!((due(&mut bench, 2_000.0), faults(&bench)), (vec![], vec![]), "it has warmed");
    release(&mut bench, 2_001.0, "a", "heater");
    set(&mut bench, 2_002.0, "a", "heater", Level::On);
    reads(&mut bench, 2_500.0, 20.9);
    assert_eq!(due(&mut bench, 2_901.9), NONE);
    assert_eq!(due(&mut bench, 2_902.0), [0]);
    assert_eq!(faults(&bench), [Some("no rise, and it has moved by 0.3999999999999986".to_owned())]);
}
