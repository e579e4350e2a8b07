use crate::model::{Quality, Value};

use super::FaultKind;
use super::fixture::Rig;

fn fail(rig: &mut Rig, who: &str, kind: FaultKind) {
    rig.plant.fault(who, Some(kind)).expect("it is simulated");
}

#[test]
fn a_silent_node_sends_nothing_until_it_is_well() {
    let mut rig = Rig::new(1, 12.0);
    fail(&mut rig, "FR-C1", FaultKind::Silent);
    rig.frames.clear();
    (0..10).for_each(|_| rig.run(1.0));
    let spoke = |rig: &Rig, id| rig.frames.iter().any(|frame| frame.id.raw() == id);
    assert!(!spoke(&rig, 0x181) && spoke(&rig, 0x182));
    assert_eq!(rig.plant.counts().silenced, 5);
    rig.plant.fault("FR-C1", None).expect("it is simulated");
    rig.run(2.0);
    assert!(spoke(&rig, 0x181));
}

#[test]
fn an_invalid_node_says_that_it_has_no_value() {
    let mut rig = Rig::new(1, 12.0);
    fail(&mut rig, "FR-C1", FaultKind::Invalid);
    rig.run(2.0);
    assert_eq!(rig.said("FR-C1", "temperature"), Err(Quality::Invalid));
    assert_eq!(rig.said("FR-C1", "sensor_state"), Ok(Value::text("fault")));
    assert!(rig.said("FR-C1", "supply").is_ok(), "it has no bits for that");
    assert!(rig.said("FR-C2", "temperature").is_ok());
}

#[test]
fn a_stuck_node_repeats_itself() {
    let mut rig = Rig::new(1, 12.0);
    let bytes = |rig: &Rig| rig.frames.iter().rev().find(|f| f.id.raw() == 0x181).map(|f| f.bytes().to_vec());
    fail(&mut rig, "FR-C1", FaultKind::Stuck);
    let before = bytes(&rig);
    rig.set("Flower Room/lights", 100.0);
    rig.frames.clear();
    (0..300).for_each(|_| rig.run(1.0));
    assert_eq!(bytes(&rig), before);
    assert!(rig.number("FR-C2", "temperature") > rig.number("FR-C1", "temperature") + 1.0);
    assert!(rig.frames.iter().filter(|f| f.id.raw() == 0x181).count() >= 149, "and goes on sending");
}

#[test]
fn a_stuck_device_stays_where_it_is_and_says_so() {
    let mut rig = Rig::new(1, 12.0);
    rig.set("Flower Room/exhaust", 100.0);
    rig.run(0.5);
    fail(&mut rig, "Flower Room/exhaust", FaultKind::Stuck);
    rig.set("Flower Room/exhaust", 0.0);
    rig.run(30.0);
    assert_eq!(rig.number("Flower Room/exhaust", "speed"), 45.0, "in the middle of its way, not even safe");
    rig.plant.fault("Flower Room/exhaust", None).expect("it is simulated");
    rig.set("Flower Room/exhaust", 0.0);
    rig.run(3.0);
    assert_eq!(rig.number("Flower Room/exhaust", "speed"), 0.0);
}

#[test]
fn a_silent_device_still_obeys() {
    let mut rig = Rig::new(1, 12.0);
    fail(&mut rig, "Veg Room/valve_1", FaultKind::Silent);
    rig.frames.clear();
    rig.set("Veg Room/valve_1", "on");
    rig.run(4.0);
    assert!(rig.frames.iter().all(|frame| frame.id.raw() != 0x390));
    assert_eq!(rig.number("VR-F1", "flow"), 12.0);
}

#[test]
fn faults_are_listed_and_names_are_checked() {
    let mut rig = Rig::new(1, 12.0);
    fail(&mut rig, "FR-C1", FaultKind::Stuck);
    fail(&mut rig, "Veg Room/heater", FaultKind::Silent);
    let list: Vec<_> = rig.plant.faults().map(|(name, kind)| format!("{name} {kind}")).collect();
    assert_eq!(list, ["Veg Room/heater silent", "FR-C1 stuck"]);
    let error = rig.plant.fault("FR-C3", None).expect_err("there is none");
    assert!(error.contains("'FR-C3'") && error.contains("did you mean 'FR-C"), "{error}");
    assert!("deaf".parse::<FaultKind>().is_err_and(|why| why.contains("silent, invalid or stuck")));
    assert!(FaultKind::ALL.into_iter().all(|kind| kind.to_string().parse() == Ok(kind)));
}
