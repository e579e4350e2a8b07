use proptest::prelude::*;

use super::*;
use crate::model::{Act, DeviceRequest, Utc};
use crate::rules::Truth;

fn note(journal: &mut Journal, now: u64, instance: &str, what: What, size: usize) {
    let at = Timestamp { mono: Mono(now), utc: Utc(now as i64) };
    let revision = Name::from("r1");
    let text = Value::text(&"x".repeat(size));
    let values = vec![("msg.t".into(), text)];
    let check = Checked { text: "msg.t > 1".into(), line: 1, column: 1, truth: Truth::True, values, error: None };
    journal.note(Stamp { at, revision: &revision }, &instance.into(), what, vec![check]);
}

type Slot = Option<Box<Entry>>;

fn run(journal: &mut Journal, slot: &mut Slot, now: u64, instance: &str, part: &'static str, level: f64, reason: &str) {
    let at = Timestamp { mono: Mono(now), utc: Utc(now as i64) };
    let device = DeviceKey { room: "a".into(), device: "b".into() };
    let request = DeviceRequest { device, level: Level::At(level), lease: None, reason: Some(reason.into()) };
    let asks = [Ask::Set(request), Ask::Act(Act { action: "info", args: Vec::new() })];
    let (stamp, instance) = (Stamp { at, revision: &"r1".into() }, Name::from(instance));
    if part == "each" {
        let before = Entry::each(slot, stamp, &instance, What::Ran(part), asks.iter());
        before.into_iter().for_each(|before| journal.keep(*before));
    } else {
        journal.ran(stamp, &instance, part, asks.iter());
    }
}

proptest! {
    #[test]
    fn it_never_takes_more_than_its_share_and_keeps_the_newest(
        steps in proptest::collection::vec((0..6_u8, 0..4_u8, 0..3_000_usize), 1..400),
    ) {
        let (mut journal, mut slots) = (Journal::default(), [const { None }; 4]);
        for (now, (kind, who, size)) in (1..).zip(&steps) {
            let instance = ["", "a", "b", "c"][usize::from(*who)];
            match kind {
                0 => note(&mut journal, now, instance, What::Began(Mono(0)), *size),
                1 => note(&mut journal, now, instance, What::Broke(Mono(0)), *size),
                2 => note(&mut journal, now, instance, What::Failed("each", "x".repeat(*size)), 0),
                3 => run(&mut journal, &mut slots[usize::from(*who)], now, instance, "each", (*size % 2) as f64, &"y".repeat(*size % 50)),
                4 => run(&mut journal, &mut slots[usize::from(*who)], now, instance, "then", 1.0, &"y".repeat(*size)),
                _ => {
                    note(&mut journal, now, instance, What::Ended(Ended::Until), *size);
                    journal.released(&instance.into());
                }
            }
            let weights = journal.decisions.iter().chain(&journal.each).map(Entry::weight).sum::<usize>();
            prop_assert_eq!(journal.bytes, weights);
            prop_assert!(weights <= MOST_BYTES || journal.entries().count() == 1);
            prop_assert!(journal.decisions.len() <= MOST && journal.each.len() <= MOST_EACH);
            let newest = journal.entries().chain(slots.iter().flatten().map(|slot| &**slot)).map(|entry| entry.at.mono).max();
            prop_assert_eq!(newest, Some(Mono(now)));
        }
    }
}

#[test]
fn the_same_again_is_counted_and_what_a_beginning_asks_for_belongs_to_it() {
    let (mut journal, mut a, mut b) = (Journal::default(), None, None);
    for now in 0..10 {
        run(&mut journal, &mut a, now, "a", "each", 1.0, &format!("at {now}"));
        run(&mut journal, &mut b, now, "b", "each", now as f64, "");
    }
    let of_a = a.as_ref().unwrap();
    assert_eq!((of_a.first.mono, of_a.at.mono, of_a.times), (Mono(0), Mono(9), 10));
    assert!(matches!(&of_a.asked[0], Asked::Set { reason: Some(reason), .. } if &**reason == "at 9"), "{of_a:?}");
    assert_eq!(journal.entries().count(), 9, "what differs stands by itself");
    let other = Name::from("r2");
    let at = Timestamp { mono: Mono(10), utc: Utc(10) };
    let asked = [Ask::ReleaseAll];
    let before = Entry::each(&mut a, Stamp { at, revision: &other }, &"a".into(), What::Ran("each"), asked[..0].iter());
    assert!(before.is_some_and(|before| &*before.revision == "r1"), "under other files it is another decision");
    note(&mut journal, 20, "a", What::Began(Mono(15)), 0);
    run(&mut journal, &mut a, 20, "a", "then", 1.0, "");
    run(&mut journal, &mut a, 21, "a", "then", 1.0, "");
    let all: Vec<(usize, usize)> =
        journal.decisions.iter().map(|entry| (entry.asked.len(), entry.checks.len())).collect();
    assert_eq!(all, [(2, 1), (2, 0)], "a `then` that succeeds later stands by itself");
}
