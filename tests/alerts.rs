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
