//! Alerts through the Core: from frames and rule files to what people are told, over restart and reload.

#![allow(clippy::unwrap_used)] // a test may panic

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use growctl_engine::alerts::{BookConfig, Matchers, SilenceWish};
use growctl_engine::app::{Core, Next, Output, Site};
use growctl_engine::can::{BusId, CanId, Frame};
use growctl_engine::channels::{ChannelMap, load};
use growctl_engine::files::{Report, SourceFile};
use growctl_engine::model::{CommandsFrom, Mono, Name, Saved, Shelf, Timestamp, Utc};
use growctl_engine::rules::{Engine, Place, Rulebook, Site as Checked, load as load_rule};

const MAP: &str = r#"
version: 1
buses: {can0: {simulate: true}}
frames:
  climate:
    length: 2
    cycle: 10s
    signals: {temperature: {byte: 0, type: u16be, scale: 0.1, range: [0, 60]}}
rooms:
  Veg Room:
    middle:
      - {node: C1, frame: climate, bus: can0, id: 0x181}
    back:
      - {node: C2, frame: climate, bus: can0, id: 0x182}
"#;

const HEAT: &str = r#"
description: Too warm
subscribe: "sensor:update:{room}:{cluster}"
when: msg.temperature > 30.0
for: 60s
until: msg.temperature < 28.5
alert: { severity: critical, summary: "${room}/${cluster} is ${msg.temperature} °C", notify: [head-grower], repeat: [15m, 30m], escalate: [{after: 20m, notify: [boss]}] }
"#;

const DEAD: &str = r#"
description: Nothing comes
subscribe: "sensor:update:{room}:{cluster}"
when: stale
for: 60s
alert: { severity: warning, summary: "No good reading from ${msg.node}", notify: [growers] }
"#;

struct World {
    map: Arc<ChannelMap>,
    rules: Vec<(&'static str, String)>,
    core: Core,
    now: f64,
    store: BTreeMap<(Shelf, (Name, Name)), String>,
    out: Vec<Output>,
    told: Vec<String>,
    changes: Vec<String>,
    published: Vec<String>,
}

impl World {
    fn new(rules: &[(&'static str, &str)]) -> World {
        let mut report = Report::default();
        let map = load(&SourceFile::new("channels.yaml", MAP), &mut report);
        let map = Arc::new(map.unwrap_or_else(|| panic!("{}", report.render(false))));
        let rules: Vec<_> = rules.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        let core = core(&map, &rules, at(0.0));
        let (store, out) = (BTreeMap::new(), Vec::new());
        let (told, changes, published) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = World { map, rules, core, now: 0.0, store, out, told, changes, published };
        world.core.start(at(0.0), &mut world.out);
        world.take();
        world
    }

    /// Both nodes say these temperatures every 10 s, until then.
    fn until(&mut self, seconds: f64, temperatures: [Option<f64>; 2]) {
        while self.now + 10.0 <= seconds {
            self.now += 10.0;
            for (id, temperature) in [0x181, 0x182].into_iter().zip(temperatures) {
                let Some(temperature) = temperature else { continue };
                let data = ((temperature * 10.0) as u16).to_be_bytes();
                let mut frame = Frame::data(at(self.now), BusId(0), CanId::Standard(id), &data).unwrap();
                frame.at = at(self.now);
                self.core.frame(at(self.now), &frame, &mut self.out);
            }
            self.core.advance(at(self.now), &mut self.out);
            self.take();
        }
    }

    fn take(&mut self) {
        let mut saved = Vec::new();
        self.core.drain_saved(&mut saved);
        for Saved { shelf, key, value } in saved {
            match value {
                Some(value) => self.store.insert((shelf, key), value),
                None => self.store.remove(&(shelf, key)),
            };
        }
        for output in self.out.drain(..) {
            match output {
                Output::Tell { at, receiver, note } => {
                    let how = serde_json::to_value(note.standing).unwrap();
                    let how = how.as_str().unwrap().to_owned();
                    let more = if note.escalated { " (escalated)" } else { "" };
                    let at = at.utc.seconds();
                    self.told.push(format!("{at} {receiver} {how}{more} ×{}: {}", note.count, note.summary));
                }
                Output::AlertChange(change) => {
                    self.changes.push(format!("{} {}/{}", change.event, change.rule, change.instance));
                }
                Output::Publish(delivery) if delivery.message.channel.starts_with("alert:") => {
                    assert_eq!(delivery.message.broad.as_deref(), Some("alert:update"));
                    let state = delivery.message.fields.get("state").unwrap().to_string();
                    let channel = &delivery.message.channel;
                    self.published.push(format!("{channel} {state}"));
                }
                _ => {}
            }
        }
    }

    fn told(&mut self) -> Vec<String> {
        self.take();
        std::mem::take(&mut self.told)
    }

    /// Killed, and away for so long.
    fn restart(&mut self, away: f64) {
        self.now += away;
        let rows = self.store.iter().map(|((shelf, key), value)| Saved {
            shelf: *shelf,
            key: key.clone(),
            value: Some(value.clone()),
        });
        let rows = rows.collect();
        self.core = core(&self.map, &self.rules, at(self.now));
        self.core.restore(at(self.now), rows, &mut self.out);
        self.core.start(at(self.now), &mut self.out);
        self.take();
    }

    fn reload(&mut self, rules: &[(&'static str, &str)]) {
        self.rules = rules.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        let next = Next {
            map: None,
            book: book(&self.map, &self.rules),
            commands_from: CommandsFrom::default(),
            alerts: None,
        };
        self.core.reload(at(self.now), next, &mut self.out);
        self.take();
    }
}

fn at(seconds: f64) -> Timestamp {
    let nanos = (seconds * 1e9) as u64;
    Timestamp { mono: Mono(Mono::START.0 + nanos), utc: Utc(nanos as i64) }
}

fn book(map: &ChannelMap, rules: &[(&'static str, String)]) -> Rulebook {
    let host = Site::host();
    let site = Checked { host: &host, inventory: &map.inventory };
    let mut report = Report::default();
    let rules = rules.iter().map(|(name, text)| {
        let file = SourceFile::new(format!("rules/{name}.yaml"), text);
        load_rule(&file, &site, &mut report).map(Arc::new)
    });
    let rules = rules.collect::<Option<Vec<_>>>();
    let rules = rules.unwrap_or_else(|| panic!("{}", report.render(false)));
    Rulebook::new(rules, map.inventory.clone(), Place::default(), "test".into())
}

fn core(map: &ChannelMap, rules: &[(&'static str, String)], now: Timestamp) -> Core {
    Core::new(map, Engine::new(book(map, rules), Site::host(), now), *b"00000000", now)
}

#[test]
fn an_alert_is_told_repeated_escalated_and_resolved() {
    let mut world = World::new(&[("heat-alert", HEAT)]);
    world.until(30.0, [Some(25.0), Some(25.0)]);
    world.until(1_500.0, [Some(31.0), Some(25.0)]);
    assert_eq!(
        world.told(),
        [
            "100 head-grower firing ×1: Veg Room/middle is 31.0 °C",
            "1000 head-grower firing ×1: Veg Room/middle is 31.0 °C",
            "1300 boss firing (escalated) ×1: Veg Room/middle is 31.0 °C",
        ]
    );
    world.until(1_600.0, [Some(28.0), Some(25.0)]);
    assert_eq!(
        world.told(),
        [
            "1510 boss resolved ×1: Veg Room/middle is 31.0 °C",
            "1510 head-grower resolved ×1: Veg Room/middle is 31.0 °C",
        ]
    );
    assert_eq!(
        world.published,
        ["alert:update:heat-alert pending", "alert:update:heat-alert firing", "alert:update:heat-alert resolved"]
    );
    assert_eq!(
        world.changes,
        ["firing heat-alert/C1", "repeated heat-alert/C1", "escalated heat-alert/C1", "resolved heat-alert/C1"]
    );
    assert!(world.store.keys().all(|(shelf, key)| *shelf != Shelf::Alerts || key.0.is_empty()));
}

#[test]
fn semantics_18_acknowledging_stops_repeat_and_escalation_only() {
    let mut world = World::new(&[("heat-alert", HEAT)]);
    world.until(600.0, [Some(31.0), None]);
    let acknowledged = world.core.acknowledge(at(world.now), "heat-alert", "anna", &mut world.out).unwrap();
    assert_eq!(acknowledged, [("heat-alert".into(), "C1".into())]);
    world.until(7_200.0, [Some(31.0), None]);
    world.until(7_210.0, [Some(20.0), None]);
    assert_eq!(
        world.told(),
        [
            "70 head-grower firing ×1: Veg Room/middle is 31.0 °C",
            "7210 head-grower resolved ×1: Veg Room/middle is 31.0 °C"
        ]
    );
    assert!(world.published.contains(&"alert:update:heat-alert acknowledged".to_owned()), "{:?}", world.published);
}

#[test]
fn semantics_18_ended_as_stale_it_says_no_data_and_a_dead_node_is_an_alert_of_its_own() {
    let mut world = World::new(&[("heat-alert", HEAT), ("dead-sensor", DEAD)]);
    world.until(100.0, [Some(31.0), Some(20.0)]);
    world.until(400.0, [None, Some(20.0)]);
    let told = world.told();
    let texts: Vec<&str> = told.iter().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(
        texts,
        [
            "head-grower firing ×1: Veg Room/middle is 31.0 °C",
            "head-grower no_data ×1: Veg Room/middle is 31.0 °C",
            "growers firing ×1: No good reading from C1",
        ]
    );
    world.until(420.0, [Some(20.0), Some(20.0)]);
    assert_eq!(world.told(), ["410 growers resolved ×1: No good reading from C1"]);
}

#[test]
fn a_bus_that_is_down_hides_its_dead_nodes_and_what_they_said_last_is_no_news() {
    let mut world = World::new(&[("dead-sensor", DEAD)]);
    let config = BookConfig { system: vec!["boss".into()], ..BookConfig::default() };
    world.core.take_book_config(at(0.0), config, &mut world.out);
    world.until(100.0, [Some(20.0), Some(20.0)]);
    world.core.disconnected(at(100.0), BusId(0), &mut world.out);
    world.until(1_000.0, [None, None]);
    let told = world.told();
    assert!(told.len() == 1 && told[0].starts_with("130 boss firing ×1: bus can0 is down"), "{told:?}");
    world.core.connected(at(1_000.0), BusId(0), &mut world.out);
    world.until(1_200.0, [Some(20.0), None]);
    let told = world.told();
    assert!(told[0].starts_with("1000 boss resolved ×1: bus can0"), "{told:?}");
    // The one that stays silent although its bus is back.
    assert_eq!(told[1..], ["1030 growers firing ×1: No good reading from C2"]);
}

#[test]
fn semantics_16_an_alert_that_comes_back_after_a_restart_is_not_raised_anew() {
    let mut world = World::new(&[("heat-alert", HEAT)]);
    world.until(600.0, [Some(31.0), Some(20.0)]);
    assert_eq!(world.told().len(), 1);
    world.restart(100.0);
    world.until(960.0, [Some(32.0), Some(20.0)]);
    assert_eq!(world.told(), Vec::<String>::new());
    // Repeated as it would have been, with what is known now.
    world.until(980.0, [Some(32.0), Some(20.0)]);
    assert_eq!(world.told(), ["970 head-grower firing ×1: Veg Room/middle is 32.0 °C"]);
    // It ended while nobody was there: the first good reading says so.
    world.restart(100.0);
    world.until(1_120.0, [Some(20.0), Some(20.0)]);
    assert_eq!(world.told().len(), 1);
    world.restart(10.0);
    // A rule that is not there any more after a restart watches nothing.
    world.until(1_300.0, [Some(31.0), Some(20.0)]);
    assert_eq!(world.told().len(), 1);
    world.rules.clear();
    world.restart(10.0);
    let told = world.told();
    assert!(told.len() == 1 && told[0].contains("no_data") && told[0].contains("switched off"), "{told:?}");
}

#[test]
fn semantics_15_an_edit_of_the_texts_goes_on_and_one_of_the_condition_goes_on_if_it_holds() {
    let mut world = World::new(&[("heat-alert", HEAT)]);
    world.until(600.0, [Some(31.0), Some(20.0)]);
    assert_eq!(world.told().len(), 1);
    let worded = HEAT.replace("${room}/${cluster} is", "it is").replace("[15m, 30m]", "[5m]");
    world.reload(&[("heat-alert", &worded)]);
    world.until(900.0, [Some(31.0), Some(20.0)]);
    assert_eq!(world.told(), ["900 head-grower firing ×1: it is 31.0 °C"]);
    let (lower, higher) = (worded.replace("> 30.0", "> 29.0"), worded.replace("> 30.0", "> 40.0"));
    world.reload(&[("heat-alert", &lower)]);
    world.until(1_190.0, [Some(31.0), Some(20.0)]);
    assert_eq!(world.told(), Vec::<String>::new());
    world.reload(&[("heat-alert", &higher)]);
    let told = world.told();
    assert!(told.len() == 1 && told[0].contains("no_data") && told[0].contains("edited"), "{told:?}");
    // An alert that is put into a rule whose episode lasts begins with that; taken out, it ends.
    let without: String = lower.lines().filter(|line| !line.starts_with("alert")).collect::<Vec<_>>().join("\n");
    let without = without + "\neach: info(\"warm\");\n";
    let with = format!("{without}alert: {{ notify: [head-grower] }}\n");
    world.reload(&[("heat-alert", &without)]);
    world.until(1_300.0, [Some(31.0), Some(20.0)]);
    assert_eq!(world.told(), Vec::<String>::new());
    world.reload(&[("heat-alert", &with)]);
    assert_eq!(world.told(), ["1300 head-grower firing ×1: Too warm"]);
    world.until(1_400.0, [Some(31.0), Some(20.0)]);
    world.reload(&[("heat-alert", &without)]);
    assert_eq!(world.told().len(), 1);
    assert_eq!(world.core.alerts(at(world.now), &mut world.out).alerts, []);
}

#[test]
fn semantics_19_a_shadow_rule_tells_nobody() {
    let shadow = format!("{HEAT}mode: shadow\n");
    let mut world = World::new(&[("heat-alert", &shadow)]);
    world.until(2_000.0, [Some(31.0), Some(31.0)]);
    assert_eq!((world.told().len(), world.changes.len(), world.published.len()), (0, 0, 0));
    assert!(world.core.counts().shadowed > 0);
}

#[test]
fn a_silence_outlives_a_restart_and_what_still_fires_at_its_end_is_told() {
    let mut world = World::new(&[("heat-alert", HEAT)]);
    let matchers = Matchers::parse(&["room=Veg*".to_owned()]).unwrap();
    let wish = SilenceWish { matchers, span: Duration::from_secs(1_000), by: "anna".into(), reason: "".into() };
    world.core.silence(at(0.0), wish, &mut world.out);
    world.until(500.0, [Some(31.0), Some(20.0)]);
    world.restart(50.0);
    world.until(990.0, [Some(31.0), Some(20.0)]);
    assert_eq!(world.told(), Vec::<String>::new());
    world.until(1_000.0, [Some(32.0), Some(20.0)]);
    assert_eq!(world.told(), ["1000 head-grower firing ×1: Veg Room/middle is 31.0 °C"]);
}
