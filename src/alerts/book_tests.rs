use jiff::civil::time;

use super::super::fixture::{Desk, at, plan};
use super::super::{AlertEvent, BookConfig, Quiet, Rate, ReceiverConfig};
use crate::model::{AlertEnd, Severity};

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

fn of(receiver: ReceiverConfig) -> BookConfig {
    BookConfig { receivers: [("ann".into(), receiver)].into(), system: vec!["boss".into()], ..BookConfig::default() }
}

fn desk() -> Desk {
    Desk::new(of(ReceiverConfig::default()))
}

#[test]
fn the_last_repeat_goes_on_until_somebody_acknowledges_and_the_end_is_told_all_the_same() {
    let mut desk = desk();
    desk.begin("heat", "C1", &plan(Severity::Critical, &["ann"], &[15, 30], &[(20, "boss")]));
    desk.until(2 * HOUR);
    assert_eq!(
        desk.said(),
        [
            "0 ann firing ×1 heat C1",
            "900 ann firing ×1 heat C1",
            "1200 boss firing escalated ×1 heat C1",
            "2700 ann firing ×1 heat C1",
            "2700 boss firing ×1 heat C1",
            "4500 ann firing ×1 heat C1",
            "4500 boss firing ×1 heat C1",
            "6300 ann firing ×1 heat C1",
            "6300 boss firing ×1 heat C1",
        ]
    );
    let code = desk.book.status(at(desk.now)).alerts[0].code.to_lowercase();
    desk.step(AlertEvent::Ack { which: &code, by: "ann" });
    desk.until(9 * HOUR);
    assert_eq!(desk.said(), Vec::<String>::new());
    desk.end("heat", "C1", AlertEnd::Until);
    assert_eq!(desk.said(), ["32400 ann resolved ×1 heat C1", "32400 boss resolved ×1 heat C1"]);
    assert_eq!(desk.states, ["heat firing", "heat acknowledged", "heat resolved"]);
    // The next episode is not acknowledged by that.
    desk.begin("heat", "C1", &plan(Severity::Critical, &["ann"], &[15], &[]));
    desk.until(desk.now + 15 * MINUTE);
    assert_eq!(desk.said().len(), 2);
}

#[test]
fn what_ended_as_stale_is_no_data_and_what_was_edited_is_never_resolved() {
    let mut desk = desk();
    let plan = plan(Severity::Warning, &["ann"], &[], &[]);
    for (rule, how) in [("a", AlertEnd::Stale), ("b", AlertEnd::Disabled), ("c", AlertEnd::Changed)] {
        desk.begin(rule, "", &plan);
        desk.until(desk.now + HOUR);
        desk.end(rule, "", how);
        desk.until(desk.now + HOUR);
    }
    let said = desk.said();
    let ends: Vec<&String> = said.iter().filter(|line| !line.contains("firing")).collect();
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|line| line.contains("no_data")), "{ends:?}");
    assert!(ends[1].contains("switched off") && ends[2].contains("edited"), "{ends:?}");
}

#[test]
fn an_edited_rule_that_says_the_same_goes_on_and_tells_nobody_anew() {
    let mut desk = desk();
    let first = plan(Severity::Warning, &["ann"], &[15], &[]);
    desk.begin("heat", "C1", &first);
    desk.until(5 * MINUTE);
    desk.end("heat", "C1", AlertEnd::Changed);
    desk.begin("heat", "C1", &plan(Severity::Critical, &["ann", "bea"], &[15], &[]));
    desk.until(15 * MINUTE);
    // Who is new in the plan is told, and the pause is not begun anew.
    assert_eq!(
        desk.said(),
        [
            "0 ann firing ×1 heat C1",
            "300 bea firing ×1 heat C1",
            "900 ann firing ×1 heat C1",
            "900 bea firing ×1 heat C1",
        ]
    );
    assert!(!desk.states.iter().any(|state| state.contains("no data")), "{:?}", desk.states);
}

#[test]
fn a_storm_is_one_note_at_once_and_one_with_a_count() {
    let mut desk = desk();
    let plan = plan(Severity::Warning, &["ann"], &[15], &[]);
    for nth in 0..50 {
        desk.now = nth / 5;
        desk.begin("heat", &format!("C{nth:02}"), &plan);
    }
    desk.until(HOUR / 6);
    let told = std::mem::take(&mut desk.told);
    let counts: Vec<(u64, u32)> = told.iter().map(|(at, _, note)| (*at, note.count)).collect();
    assert_eq!(counts, [(0, 1), (30, 49)]);
    let note = &told[1].2;
    assert!(note.summary.starts_with("49 alerts: heat C01 and 48 more"), "{}", note.summary);
    assert_eq!((note.details.len(), note.details[20].as_str(), note.ack.as_str()), (21, "and 29 more", "heat"));
    // Something worse does not wait for the storm to pass.
    desk.begin("cold", "C1", &plan);
    desk.begin("fire", "C1", &super::super::fixture::plan(Severity::Critical, &["ann"], &[], &[]));
    assert_eq!(desk.said().len(), 2);
    // All that ends together is told together.
    for nth in 0..50 {
        desk.end("heat", &format!("C{nth:02}"), AlertEnd::Until);
    }
    desk.until(desk.now + 60);
    assert_eq!(desk.said().iter().filter(|line| line.contains("resolved")).count(), 2);
}

#[test]
fn a_silence_holds_back_and_what_still_fires_when_it_ends_is_told() {
    let mut desk = desk();
    let plan = plan(Severity::Warning, &["ann"], &[15], &[(20, "boss")]);
    desk.begin("heat", "before", &plan);
    desk.until(MINUTE);
    desk.silence("rule=heat*", HOUR);
    desk.begin("heat", "while", &plan);
    desk.begin("heat", "passes", &plan);
    desk.begin("cold", "other", &plan);
    desk.until(30 * MINUTE);
    desk.end("heat", "passes", AlertEnd::Until);
    let said = desk.said();
    assert!(said.iter().skip(1).all(|line| line.contains("cold")), "{said:?}");
    desk.until(MINUTE + HOUR + 30);
    let said = desk.said();
    let heat: Vec<&String> = said.iter().filter(|line| line.contains("heat")).collect();
    assert!(heat.iter().all(|line| line.starts_with("3660") || line.starts_with("3690")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("ann")) && said.iter().any(|line| line.contains("boss")), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("passes")), "{said:?}");
}

#[test]
fn a_bus_that_is_down_hides_its_silent_nodes_and_is_told_itself() {
    let mut desk = desk();
    let plan = plan(Severity::Warning, &["ann"], &[15], &[]);
    desk.step(AlertEvent::BusDown(&"can0".into()));
    desk.until(20);
    desk.begin("dead-sensor", "C1", &plan);
    desk.begin("heat", "C1", &plan);
    desk.until(2 * MINUTE);
    let said = desk.said();
    assert_eq!(said[0], "20 ann firing ×1 heat C1");
    assert!(said[1].starts_with("30 boss firing ×1 bus can0 is down") && said.len() == 2, "{said:?}");
    desk.step(AlertEvent::BusUp(&"can0".into()));
    assert_eq!(desk.said().len(), 1);
    // A node that stays silent although its bus is there is told.
    desk.until(desk.now + 30);
    assert_eq!(desk.said(), ["150 ann firing ×1 dead-sensor C1"]);
    // A short break is nobody's business.
    desk.step(AlertEvent::BusDown(&"can0".into()));
    desk.until(desk.now + 10);
    desk.step(AlertEvent::BusUp(&"can0".into()));
    desk.until(desk.now + MINUTE);
    assert!(!desk.said().iter().any(|line| line.contains("boss")));
}

#[test]
fn quiet_hours_hold_back_what_can_wait_and_tell_in_one_note_what_was() {
    let quiet = Quiet { from: time(22, 0, 0, 0), to: time(6, 0, 0, 0), except: Severity::Critical };
    let mut desk = Desk::new(of(ReceiverConfig { quiet: Some(quiet), ..ReceiverConfig::default() }));
    let plan_of = |severity| plan(severity, &["ann"], &[60], &[]);
    // It is noon; at 23 o'clock:
    desk.until(11 * HOUR);
    desk.begin("heat", "stays", &plan_of(Severity::Warning));
    desk.begin("heat", "passes", &plan_of(Severity::Warning));
    desk.begin("fire", "C1", &plan_of(Severity::Critical));
    desk.step(AlertEvent::Ack { which: "fire", by: "ann" });
    desk.until(12 * HOUR);
    desk.end("heat", "passes", AlertEnd::Until);
    desk.until(18 * HOUR - 1);
    assert_eq!(desk.said(), ["39600 ann firing ×1 fire C1"]);
    desk.until(18 * HOUR + 60);
    let said = desk.said();
    assert_eq!(
        said,
        ["64800 ann firing ×1 heat stays", "64800 ann resolved ×1 came and went: heat passes"],
        "{said:?}"
    );
}

#[test]
fn what_is_above_the_rate_is_told_together_when_there_is_room() {
    let rate = Rate { normal: 3, critical: 5 };
    let mut desk = Desk::new(of(ReceiverConfig { rate, ..ReceiverConfig::default() }));
    for nth in 0..10_u64 {
        desk.until(nth * MINUTE);
        desk.begin("heat", &format!("C{nth}"), &plan(Severity::Warning, &["ann"], &[], &[]));
    }
    desk.begin("fire", "C1", &plan(Severity::Critical, &["ann"], &[], &[]));
    desk.until(HOUR - 1);
    assert_eq!(desk.said().len(), 4);
    desk.until(2 * HOUR - 1);
    let counts: Vec<(u64, u32)> = desk.told.iter().map(|(at, _, note)| (*at, note.count)).collect();
    assert_eq!(counts, [(HOUR, 7)]);
}

#[test]
fn neither_a_restart_nor_another_configuration_says_anything_twice() {
    let mut desk = desk();
    let plan = plan(Severity::Critical, &["ann"], &[15, 30], &[(20, "boss")]);
    desk.begin("heat", "C1", &plan);
    desk.until(MINUTE);
    let code = desk.book.status(at(desk.now)).alerts[0].code.clone();
    desk.restart(2 * MINUTE);
    // The rule comes back with its first good event, and says so.
    desk.begin("heat", "C1", &plan);
    desk.book.take_config(at(desk.now), of(ReceiverConfig::default()));
    desk.until(14 * MINUTE);
    assert_eq!(desk.said(), ["0 ann firing ×1 heat C1"]);
    assert_eq!(desk.book.status(at(desk.now)).alerts[0].code, code);
    // What came due meanwhile is said once, when the rules have had time to know how things are.
    desk.restart(HOUR);
    desk.until(desk.now + 10 * MINUTE);
    let said = desk.said();
    assert_eq!(said, ["4470 ann firing ×1 heat C1", "4470 boss firing escalated ×1 heat C1"]);
    desk.end("heat", "C1", AlertEnd::Until);
    assert_eq!(desk.said().len(), 2);
    desk.restart(1);
    assert_eq!(desk.book.firing().count(), 0);
}

#[test]
fn nobody_who_was_not_told_is_told_the_end_and_what_is_acknowledged_must_fire() {
    let mut desk = desk();
    desk.begin("heat", "C1", &plan(Severity::Warning, &[], &[], &[(5, "boss")]));
    let why = desk.book.acknowledge(at(0), "XXX", "ann", &mut Vec::new()).unwrap_err();
    assert!(why.contains("no alert `XXX` fires; these do:") && why.contains("(heat)"), "{why}");
    desk.until(MINUTE);
    desk.end("heat", "C1", AlertEnd::Until);
    desk.until(HOUR);
    assert_eq!(desk.said(), Vec::<String>::new());
}

#[test]
fn trouble_of_growctl_itself_goes_to_those_who_are_named_for_it() {
    let mut desk = desk();
    let what = "store".into();
    desk.step(AlertEvent::System { what: &what, trouble: Some((Severity::Critical, "the disk is full".into())) });
    desk.step(AlertEvent::System { what: &what, trouble: Some((Severity::Critical, "the disk is full still".into())) });
    assert_eq!(desk.said(), ["0 boss firing ×1 the disk is full"]);
    desk.step(AlertEvent::System { what: &what, trouble: None });
    assert_eq!(desk.said(), ["0 boss resolved ×1 the disk is full still"]);
    desk.until(MINUTE);
    // Over a restart it is over, unless it is said again.
    desk.step(AlertEvent::System { what: &what, trouble: Some((Severity::Critical, "again".into())) });
    desk.restart(1);
    desk.until(desk.now + 700);
    assert_eq!(desk.said(), ["60 boss firing ×1 again", "661 boss no_data ×1 again"]);
}
