//! What a reload of 1,000 rules with one of them edited costs, in one run:
//!
//!     cargo bench -p growctl-engine --bench reload
//!
//! From the files on disk to the new state (what the reload thread does), and how long the control thread is held by
//! going over to it, beside one message through the same 1,000 rules.

#![allow(clippy::print_stdout)] // the table is what a benchmark is for

mod support;

use std::fs;
use std::path::Path;

use growctl_engine::app::{Core, Loader, Next, Output, Site};
use growctl_engine::files::Report;
use growctl_engine::model::{CommandsFrom, Mono, Timestamp, Utc};
use growctl_engine::rules::Engine;
use support::{median, now};

const RULES: usize = 1_000;
const ROUNDS: u64 = 51;
const MAP: &str = "\
version: 1
buses: { can0: { simulate: true } }
frames:
  climate:
    length: 8
    cycle: 2s
    signals: { temperature: { byte: 0, type: i16be, scale: 0.1, range: [-20, 60] } }
rooms:
  Flower Room:
";

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_site(folder.path());
    let (mut loader, site) = Loader::open(folder.path(), &mut Report::default()).expect("it is right");
    assert_eq!(site.rules.len(), RULES);
    let engine = Engine::new(site.book("first".into()), Site::host(), at(0));
    let mut core = Core::new(&site.map, engine, *b"00000000", at(0));
    let (mut out, mut clock) = (Vec::<Output>::new(), 0);
    let mut message = |core: &mut Core, clock: &mut u64| {
        *clock += 1_000_000;
        let start = now();
        core.outside(at(*clock), "in:x", br#"{"t":21.5}"#, &mut out);
        let took = start.elapsed().as_secs_f64();
        out.clear();
        took
    };
    let [mut read, mut cold, mut held, mut usual, mut first] = [const { Vec::new() }; 5];
    for round in 0..ROUNDS {
        fs::write(folder.path().join("rules/r0500.yaml"), rule(500, round)).expect("it can be written");
        for _ in 0..20 {
            usual.push(message(&mut core, &mut clock));
        }
        let start = now();
        let site = loader.read(&mut Report::default()).expect("it is right");
        read.push(start.elapsed().as_secs_f64());
        // What was just read has driven the rules out of the processor's caches, as it would not on a thread of its own.
        cold.push(message(&mut core, &mut clock));
        let next = Next {
            map: None,
            book: site.book(format!("r{round}").into()),
            commands_from: CommandsFrom::All,
            alerts: None,
        };
        clock += 1_000_000;
        let (start, mut reloaded) = (now(), Vec::new());
        let edited = core.reload(at(clock), next, &mut reloaded);
        held.push(start.elapsed().as_secs_f64());
        assert_eq!((edited.changed.len(), edited.unchanged), (usize::from(round > 0), RULES - usize::from(round > 0)));
        first.push(message(&mut core, &mut clock));
    }
    let [read, cold, held, usual, first] = [read, cold, held, usual, first].map(|mut times| median(&mut times));
    println!("files to new state, 1 of 1,000 rules edited  {:>8.1} ms", read * 1e3);
    println!("one message through the 1,000 rules          {:>8.1} us", usual * 1e6);
    println!("the same with cold caches                    {:>8.1} us   {:>5.2} messages", cold * 1e6, cold / usual);
    println!("control thread held by the reload            {:>8.1} us   {:>5.2} messages", held * 1e6, held / usual);
    println!("first message after it                       {:>8.1} us   {:>5.2} messages", first * 1e6, first / usual);
}

fn write_site(folder: &Path) {
    let nodes = |cluster: usize| {
        format!("    c{cluster}: [ {{ node: N{cluster}, frame: climate, bus: can0, id: {:#x} }} ]\n", 0x100 + cluster)
    };
    let map = MAP.to_owned() + &(0..100).map(nodes).collect::<String>();
    fs::write(folder.join("channels.yaml"), map).expect("it can be written");
    fs::create_dir(folder.join("rules")).expect("it can be made");
    for number in 0..RULES {
        fs::write(folder.join(format!("rules/r{number:04}.yaml")), rule(number, 0)).expect("it can be written");
    }
}

/// A rule for one of the hundred nodes, which also hears `in:x`.
fn rule(number: usize, version: u64) -> String {
    format!(
        "description: a rule like any other\nsubscribe: [\"sensor:update:Flower Room:c{}\", \"in:*\"]\n\
         when: msg.t > {}.5\nfor: 30s\nuntil: msg.t < 20.0\nstale: 5m\n\
         then: |\n  let version = {version};\n  info(`hot: ${{msg.t}}`);\n",
        number % 100,
        25 + number % 10,
    )
}

fn at(nanos: u64) -> Timestamp {
    Timestamp { mono: Mono(nanos), utc: Utc(1_767_225_600_000_000_000 + nanos as i64) }
}
