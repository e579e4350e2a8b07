//! The Guard's adversary: random sites, rules, wishes and accidents, judged by a checker that reads nothing but the frames
//! on the bus and the text of the map. What it must not be able to find is a limit that was broken.

mod accidents;
mod checker;
mod drawn;
mod kills;
mod limits;
mod nodes;
mod plan;
mod reading;
mod rest;
mod world;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use nodes::BEGIN;
use plan::{Plan, plan};
use world::{Seen, World};

/// A number that the environment may set, for longer nights and other ones.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

/// Since the world began.
fn seconds(at: u64) -> f64 {
    (at - BEGIN) as f64 / 1e9
}

/// The last frames before something broke, and the site.
fn told(world: &World<'_>) -> String {
    let line = |(at, seen): &(u64, Seen)| match seen {
        Seen::Map(map) => format!("{:.3} {}", seconds(*at), &map[map.find("devices:").unwrap_or(0)..]),
        seen => format!("{:.3} {seen:?}", seconds(*at)),
    };
    let maps = world.log.iter().filter(|(_, seen)| matches!(seen, Seen::Map(_)));
    let rest = world.log.iter().filter(|(_, seen)| !matches!(seen, Seen::Map(_)));
    maps.chain(rest).map(line).collect::<Vec<_>>().join("\n")
}

fn play(plan: &Plan) -> Result<(), TestCaseError> {
    if let Some(path) = std::env::var_os("GUARDS_TRACE") {
        std::fs::write(path, format!("{plan:?}\n{}", plan.map(&plan.limits, None))).expect("it can be written");
    }
    let mut world = World::new(plan);
    for step in &plan.steps {
        world.step(step);
    }
    world.let_go(40);
    let (seen, broken) = checker::check(&world.log);
    world.log.truncate(seen);
    prop_assert!(broken.is_empty(), "{}\n{}", broken.join("\n"), told(&world));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: number("GUARDS_CASES", 1_000) as u32,
        rng_seed: RngSeed::Fixed(number("GUARDS_SEED", 1)),
        failure_persistence: None,
        max_shrink_iters: number("GUARDS_SHRINK", 2_000) as u32,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_limit_is_broken_whatever_is_asked_and_whatever_breaks(plan in plan()) {
        play(&plan)?;
    }
}
