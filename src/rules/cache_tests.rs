//! What others make up, channels, fields and sources, cannot grow without bound, and is counted all the same.

use std::time::Duration;

use super::*;
use crate::bus::Last;
use crate::files::{Report, SourceFile};
use crate::model::{Intent, Mono, Timestamp, Utc, Value};
use crate::rules::{Engine, Event, Host, HostFunction, Param, Place, RuleStatus, Rulebook, Site, load};

const INFO: HostFunction = HostFunction { name: "info", params: &[Param::Any], summary: "" };

struct World {
    engine: Engine,
    last: Last,
    out: Vec<Intent>,
    now: Timestamp,
}

impl World {
    fn new(texts: &[&str]) -> World {
        let (host, inventory, mut report) = (Host::new(&[INFO]), Arc::new(Inventory::default()), Report::default());
        let site = Site { host: &host, inventory: &inventory };
        let rules: Vec<Arc<Rule>> = (0..)
            .zip(texts)
            .filter_map(|(at, text)| {
                load(&SourceFile::new(format!("r{at}.yaml"), *text), &site, &mut report).map(Arc::new)
            })
            .collect();
        assert_eq!(report.errors(), 0, "{}", report.render(false));
        let now = Timestamp { mono: Mono(0), utc: Utc(0) };
        let engine = Engine::new(Rulebook::new(rules, inventory, Place::default(), "test".into()), host, now);
        World { engine, last: Last::default(), out: Vec::new(), now }
    }

    fn say(&mut self, channel: &str, source: Option<&str>, fields: &[&str]) {
        let message = Message {
            channel: channel.into(),
            broad: None,
            source: source.map(Name::from),
            provenance: Provenance::Outside,
            stale: false,
            hop: 0,
            fields: fields.iter().map(|name| (Name::from(*name), Value::Number(1.0))).collect(),
        };
        self.now = self.now + Duration::from_millis(1);
        self.engine.step(self.now, Event::Message(&Arc::new(message)), &self.last, &mut self.out);
    }

    fn status(&self, rule: usize) -> RuleStatus {
        self.engine.status(self.now.mono).swap_remove(rule)
    }
}

#[test]
fn messages_that_do_not_concern_a_rule_are_counted_whatever_the_cache_forgets() {
    let wants = "subscribe: \"x:*\"\nper: rule\nwhen: msg.v > 5.0\nthen: info(1)\n";
    let mut world = World::new(&[wants, "subscribe: \"x:1\"\nper: rule\neach: info(1)\n"]);
    for n in 0..3 * MOST_SHAPES {
        world.say("x:1", None, &["v", &format!("f{n}")]);
        world.say("x:1", None, &[&format!("f{n}")]);
    }
    let many = MOST_PARTS / 16 + 1_000;
    for n in 0..many {
        world.say(&format!("x:y{n}"), None, &["w"]);
    }
    world.say("x:y0", None, &["v"]);
    assert_eq!(world.status(0).not_concerned, (3 * MOST_SHAPES + many) as u64);
    assert_eq!(world.status(1).runs, 6 * MOST_SHAPES as u64);
}

#[test]
fn a_rule_has_a_bounded_number_of_instances() {
    let mut world = World::new(&["subscribe: \"x\"\neach: info(1)\n"]);
    for n in 0..10_005 {
        world.say("x", Some(&format!("s{n}")), &["v"]);
    }
    let status = world.status(0);
    assert_eq!((status.instances, status.refused_instances, status.runs), (10_000, 5, 10_000));
    world.say("x", Some("s0"), &["v"]);
    assert_eq!(world.status(0).runs, 10_001);
}

#[test]
fn keys_of_different_values_differ() {
    let joined = |values: &[&str]| joined(values.iter().copied());
    assert_eq!(&*joined(&["Veg Room", "front"]), "Veg Room/front");
    assert_ne!(joined(&["a/b", "c"]), joined(&["a", "b/c"]));
    assert_ne!(joined(&["a\\", "b"]), joined(&["a\\/b"]));
}

#[test]
fn devices_that_are_called_alike_are_different_sources() {
    let mut world = World::new(&["subscribe: \"device:update:*\"\neach: info(1)\n"]);
    world.say("device:update:Veg Room:exhaust", Some("exhaust"), &["state"]);
    world.say("device:update:Flower Room:exhaust", Some("exhaust"), &["state"]);
    let keys: Vec<&str> = world.out.iter().map(|intent| &*intent.origin.instance).collect();
    assert_eq!(keys, ["Veg Room/exhaust", "Flower Room/exhaust"]);
}

#[test]
fn one_channel_with_and_without_a_broad_copy_is_found_both_times() {
    let mut world = World::new(&["subscribe: \"sensor:update\"\nper: rule\neach: info(channel)\n"]);
    let mut message = Message {
        channel: "sensor:update:Tent:top".into(),
        broad: None,
        source: None,
        provenance: Provenance::Outside,
        stale: false,
        hop: 0,
        fields: std::iter::once((Name::from("v"), Value::Null)).collect(),
    };
    for broad in [None, Some("sensor:update"), None, Some("other"), Some("sensor:update")] {
        message.broad = broad.map(Name::from);
        world.engine.step(world.now, Event::Message(&Arc::new(message.clone())), &world.last, &mut world.out);
    }
    assert_eq!(world.out.len(), 2);
}
