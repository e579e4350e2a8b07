//! An edit has three ways to come about: in place, where nothing else changes; with other rules beside it; and with another
//! map. What the edited rules do afterwards must not depend on the way.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{Strategy, prop_assert_eq, prop_oneof, proptest};

use super::super::tests::{Happening, INFO, S, Seen, Shape, book, happenings, inventory, message, note, shapes};
use super::super::{Engine, Event};
use crate::bus::Last;
use crate::model::{Mono, Timestamp, Utc};
use crate::rules::{Host, RuleStatus};

#[derive(Clone, Debug)]
enum Step {
    Happens(Happening),
    /// This rule is now another one.
    Edit(usize, Shape),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => happenings().prop_map(Step::Happens),
        1 => (0..3_usize, shapes()).prop_map(|(which, shape)| Step::Edit(which, plain(shape))),
    ]
}

/// Rules with schedules are never edited in place.
fn plain(shape: Shape) -> Shape {
    let mut shape = shape;
    shape.every = None;
    shape
}

fn at(second: u64) -> Timestamp {
    Timestamp { mono: Mono(second * S), utc: Utc(0) + Duration::from_secs(second) }
}

/// One of the engines, and what it did.
struct Way {
    engine: Engine,
    seen: Seen,
    shifts: bool,
    other_map: bool,
}

impl Way {
    fn new(shapes: &[Shape], shifts: bool, other_map: bool) -> Way {
        let engine = Engine::new(book(shapes, false, &inventory()), Host::new(&[INFO]), at(0));
        Way { engine, seen: Seen::new(), shifts, other_map }
    }

    fn pass(&mut self, now: u64) {
        let mut out = Vec::new();
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= Mono(now * S)) {
            let at = Timestamp { mono: due, utc: Utc(0) + Duration::from_nanos(due.0) };
            self.engine.due(at, &Last::default(), &mut out);
            note(due.0 / S, &mut out, &mut self.seen);
        }
    }

    fn step(&mut self, now: u64, step: &Step, shapes: &[Shape], edits: usize) {
        let mut out = Vec::new();
        let last = Last::default();
        match step {
            Step::Happens(Happening::Reset(which)) => {
                self.engine.step(at(now), Event::Reset(&format!("r{which}")), &last, &mut out);
            }
            Step::Happens(happening) => {
                if let Some(message) = message(&inventory(), happening) {
                    self.engine.step(at(now), Event::Message(&Arc::new(message)), &last, &mut out);
                }
            }
            Step::Edit(..) => {
                let map = if self.other_map { inventory() } else { self.engine.silence.inventory.clone() };
                let book = book(shapes, self.shifts && edits % 2 == 1, &map);
                self.engine.reload(at(now), book, &last, &mut out);
            }
        }
        note(now, &mut out, &mut self.seen);
    }

    fn status(&self, now: u64) -> Vec<RuleStatus> {
        let status = self.engine.status(Mono(now * S)).into_iter();
        status.filter(|rule| rule.name.starts_with('r')).collect()
    }
}

proptest! {
    #[test]
    fn an_edit_does_the_same_whichever_way_it_comes_about(
        shapes in proptest::collection::vec(shapes().prop_map(plain), 3),
        steps in proptest::collection::vec((0..4_u64, steps()), 1..40),
    ) {
        let mut shapes = shapes;
        let mut ways = [Way::new(&shapes, false, false), Way::new(&shapes, true, false), Way::new(&shapes, false, true)];
        let (mut now, mut edits) = (0, 0);
        for (gap, step) in &steps {
            now += gap;
            if let Step::Edit(which, shape) = step {
                shapes[*which] = shape.clone();
                edits += 1;
            }
            for way in &mut ways {
                way.pass(now);
                way.step(now, step, &shapes, edits);
            }
            let [in_place, shifted, mapped] = &ways;
            prop_assert_eq!(&in_place.seen, &shifted.seen, "at {}", now);
            prop_assert_eq!(&in_place.seen, &mapped.seen, "at {}", now);
        }
        let [in_place, shifted, mapped] = &ways;
        prop_assert_eq!(in_place.status(now), shifted.status(now));
        prop_assert_eq!(in_place.status(now), mapped.status(now));
    }
}
