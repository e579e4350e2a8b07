//! Kills at random moments: whatever becomes of the engine, every output is where its own watchdog takes it, in time, and
//! the engine that comes back with what the store had breaks no limit.

use std::io::Write as _;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::nodes::{DELAY, MS};
use super::plan::{Fault, Plan, plan};
use super::world::World;

const MANY: u64 = 50;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Accident {
    /// `kill -9`.
    Killed,
    /// `kill -STOP`.
    Frozen,
    /// No frames pass.
    Cut,
}

/// The count of a night, and what went wrong.
#[derive(Default)]
struct Night {
    outputs: u64,
    were_on: u64,
    past_their_watchdog: Vec<String>,
    broken: Vec<String>,
}

fn drawn(seed: u64) -> Plan {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    Plan { slow: false, ..plan().new_tree(&mut runner).expect("it can be drawn").current() }
}

fn night(seed: u64, night: &mut Night) {
    let (mut plan, mut random) = (drawn(seed), fastrand::Rng::with_seed(seed));
    // Nodes that are broken prove nothing about the engine; that they do not hold up others is proved elsewhere.
    plan.steps.retain(|step| !matches!(step, super::plan::Step::Fault(_, Fault::Stuck | Fault::Dead)));
    plan.steps.truncate(random.usize(3..40));
    let accident = [Accident::Killed, Accident::Frozen, Accident::Cut][(seed % 3) as usize];
    let mut world = World::new(&plan);
    plan.steps.iter().for_each(|step| world.step(step));
    world.run_to(world.now + random.u64(0..2_000) * MS, false);
    let began = world.now;
    match accident {
        Accident::Killed => world.kill(),
        Accident::Frozen => world.away(),
        Accident::Cut => {
            world.away();
            world.cut = true;
        }
    }
    night.were_on +=
        world.nodes.outputs.iter().filter(|output| output.watchdog.is_some() && output.raw != output.safe).count()
            as u64;
    // Each at its own time.
    let mut ends: Vec<(u64, usize)> = (0..)
        .zip(&world.nodes.outputs)
        .filter_map(|(at, output)| Some((began + output.watchdog? + DELAY, at)))
        .collect();
    ends.sort_unstable();
    for (end, at) in ends {
        world.run_to(end, accident == Accident::Frozen);
        let output = &world.nodes.outputs[at];
        night.outputs += 1;
        if output.raw != output.safe {
            let text = format!("seed {seed}, {accident:?}: d{at} is at {} past its watchdog: {plan:?}", output.raw);
            night.past_their_watchdog.push(text);
        }
    }
    world.run_to(world.now + random.u64(0..5_000) * MS, accident == Accident::Frozen);
    match accident {
        Accident::Killed => world.start(),
        Accident::Frozen => world.thaw(),
        Accident::Cut => world.reconnect(),
    }
    let wishes =
        plan.steps.iter().filter(|step| matches!(step, super::plan::Step::Command(..) | super::plan::Step::Wait(_)));
    wishes.take(12).for_each(|step| world.step(step));
    world.let_go(40);
    let (seen, broken) = super::checker::check(&world.log);
    if !broken.is_empty() {
        world.log.truncate(seen);
        night.broken.push(format!("seed {seed}, {accident:?}: {}\n{}", broken.join("\n"), super::told(&world)));
    }
}

#[test]
fn kills_at_random_moments_leave_no_output_on_past_its_watchdog() {
    let many = super::number("KILLS", MANY);
    let mut all = Night::default();
    (0..many).for_each(|seed| night(seed, &mut all));
    let late = all.past_their_watchdog.len();
    let line = format!(
        "{many} kills, {} outputs with a watchdog, {} of them on at that moment: {late} on past their watchdog, {} limits broken",
        all.outputs,
        all.were_on,
        all.broken.len(),
    );
    let _ = writeln!(std::io::stderr(), "{line}");
    assert!(all.were_on > many / 4, "{line}");
    assert_eq!(late, 0, "{}", all.past_their_watchdog.join("\n"));
    assert!(all.broken.is_empty(), "{}", all.broken.join("\n\n"));
}
