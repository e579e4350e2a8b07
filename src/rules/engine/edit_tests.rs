//! An edit has several ways to come about: in place, where nothing else changes; with other rules beside it; with a map that
//! is read again; and after the map or together with it, if that has other nodes than before. What the edited rules do
//! afterwards must not depend on the way.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};

use super::super::tests::{
    Happening, INFO, S, Seen, Shape, book, happenings, inventory, message, note, shapes, try_book,
};
use super::super::{Engine, Event};
use crate::bus::Last;
use crate::model::{Inventory, Mono, Timestamp, Utc};
use crate::rules::{Host, RuleStatus};

#[derive(Clone, Debug)]
enum Step {
    Happens(Happening),
    /// This rule is now another one.
    Edit(usize, Shape),
    /// This source leaves the map or comes back, and a rule may become another one with it.
    Map(usize, Option<(usize, Shape)>),
}

fn steps() -> impl Strategy<Value = Step> {
    let edit = || (0..3_usize, shapes().prop_map(plain));
    prop_oneof![
        12 => happenings().prop_map(Step::Happens),
        2 => edit().prop_map(|(which, shape)| Step::Edit(which, shape)),
        1 => (0..4_usize, proptest::option::of(edit())).prop_map(|(source, edit)| Step::Map(source, edit)),
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

/// The files as they are at a step.
struct Site {
    shapes: Vec<Shape>,
    before: Vec<Shape>,
    /// Which sources the map has.
    there: [bool; 4],
    edits: usize,
}

impl Site {
    /// Takes the step over, unless what comes of it would be refused.
    fn take(&mut self, step: &Step) -> bool {
        if matches!(step, Step::Happens(_)) {
            return true;
        }
        let (shapes, there) = (self.shapes.clone(), self.there);
        self.change(step);
        let fits = try_book(&self.shapes, false, &self.map()).is_some();
        if !fits {
            (self.shapes, self.there) = (shapes, there);
        }
        fits
    }

    fn change(&mut self, step: &Step) {
        self.before.clone_from(&self.shapes);
        let edit = match step {
            Step::Happens(_) => None,
            Step::Edit(which, shape) => Some((which, shape)),
            Step::Map(source, edit) => {
                self.there[*source] = !self.there[*source];
                edit.as_ref().map(|(which, shape)| (which, shape))
            }
        };
        self.edits += 1;
        edit.into_iter().for_each(|(which, shape)| self.shapes[*which] = shape.clone());
    }

    fn map(&self) -> Arc<Inventory> {
        let mut there = self.there.iter();
        let mut map = (*inventory()).clone();
        map.sources.retain(|_| there.next().copied().unwrap_or_default());
        Arc::new(map)
    }

    /// A node that is not in the map says nothing.
    fn message(&self, happening: &Happening) -> Option<Arc<crate::model::Message>> {
        let gone = match happening {
            Happening::Message(source @ 0..4, ..) | Happening::Silent(source) => !self.there[*source],
            _ => false,
        };
        message(&inventory(), happening).filter(|_| !gone).map(Arc::new)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum By {
    InPlace,
    Shifting,
    NewMap,
    /// The map first, then the rules.
    Twice,
}

/// One of the engines, and what it did.
struct Way {
    engine: Engine,
    seen: Seen,
    by: By,
}

impl Way {
    fn new(shapes: &[Shape], by: By) -> Way {
        let engine = Engine::new(book(shapes, false, &inventory()), Host::new(&[INFO]), at(0));
        Way { engine, seen: Seen::new(), by }
    }

    fn pass(&mut self, now: u64) {
        let mut out = Vec::new();
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= Mono(now * S)) {
            let at = Timestamp { mono: due, utc: Utc(0) + Duration::from_nanos(due.0) };
            self.engine.due(at, &Last::default(), &mut out);
            note(due.0 / S, &mut out, &mut self.seen);
        }
    }

    fn step(&mut self, now: u64, step: &Step, site: &Site) {
        let mut out = Vec::new();
        let last = Last::default();
        match step {
            Step::Happens(Happening::Reset(which)) => {
                self.engine.step(at(now), Event::Reset(&format!("r{which}")), &last, &mut out);
            }
            Step::Happens(happening) => {
                if let Some(message) = site.message(happening) {
                    self.engine.step(at(now), Event::Message(&message), &last, &mut out);
                }
            }
            Step::Edit(..) | Step::Map(..) => {
                let new = matches!(step, Step::Map(..)) || self.by == By::NewMap;
                let map = if new { site.map() } else { self.engine.inventory().clone() };
                if let Some(book) = try_book(&site.before, false, &map).filter(|_| new && self.by == By::Twice) {
                    self.engine.reload(at(now), book, (&last, &last), &mut out);
                }
                let book = book(&site.shapes, self.by == By::Shifting && site.edits % 2 == 1, &map);
                self.engine.reload(at(now), book, (&last, &last), &mut out);
            }
        }
        note(now, &mut out, &mut self.seen);
        // Of one moment, who comes first may differ: an instance that ends with its node, or with its rule.
        self.seen.sort_by(|a, b| (a.0, &a.1, &a.2).cmp(&(b.0, &b.1, &b.2)));
    }

    fn status(&self, now: u64) -> Vec<RuleStatus> {
        let status = self.engine.status(Mono(now * S)).into_iter();
        status.filter(|rule| rule.name.starts_with('r')).collect()
    }
}

proptest! {
    // Rules are compiled at each edit, for each way: a case takes long.
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn an_edit_does_the_same_whichever_way_it_comes_about(
        shapes in proptest::collection::vec(shapes().prop_map(plain), 3),
        steps in proptest::collection::vec((0..4_u64, steps()), 1..40),
    ) {
        let mut ways = [By::InPlace, By::Shifting, By::NewMap, By::Twice].map(|by| Way::new(&shapes, by));
        let mut site = Site { before: shapes.clone(), shapes, there: [true; 4], edits: 0 };
        let mut now = 0;
        for (gap, step) in &steps {
            now += gap;
            let taken = site.take(step);
            for way in &mut ways {
                way.pass(now);
                if taken {
                    way.step(now, step, &site);
                }
            }
            let [in_place, others @ ..] = &ways;
            for other in others {
                prop_assert_eq!(&in_place.seen, &other.seen, "at {}", now);
            }
        }
        let [in_place, others @ ..] = &ways;
        for other in others {
            prop_assert_eq!(in_place.status(now), other.status(now));
        }
    }
}
