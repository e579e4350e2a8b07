//! The site that the repository ships, in virtual time: its channel map, its rules and the simulated plant in one loop, as
//! `growctl run` joins them. A newcomer is to see rules act within two minutes, whatever the hour.

use std::path::Path;
use std::time::Duration;

use growctl_engine::app::{Core, Notice, Output, Site};
use growctl_engine::files::Report;
use growctl_engine::model::{Mono, Timestamp, Utc, Value};
use growctl_engine::rules::{Engine, Place, Rulebook};
use growctl_engine::simulator::{FaultKind, Plant};

/// 2026-04-01 00:00 UTC.
const MIDNIGHT: i64 = 1_775_001_600;

struct Running {
    core: Core,
    plant: Plant,
    start: Timestamp,
    now: Timestamp,
    said: Vec<String>,
    complaints: Vec<String>,
}

impl Running {
    fn start(hour: u64) -> Running {
        let mut report = Report::default();
        let site = Site::load(Path::new(env!("CARGO_MANIFEST_DIR")), &mut report);
        let site = site.unwrap_or_else(|| panic!("{}", report.render(false)));
        assert_eq!((report.errors(), report.render(false)), (0, String::new()));
        let start = Timestamp { mono: Mono(1), utc: Utc((MIDNIGHT + 3600 * hour as i64) * 1_000_000_000) };
        let plant = Plant::new(&site.map, 1, start);
        let engine = Engine::new(
            Rulebook::new(site.rules.clone(), site.map.inventory.clone(), Place::default(), "test".into()),
            Site::host(),
            start,
        );
        let core = Core::new(&site.map, engine, *b"00000000", start);
        let mut running = Running { core, plant, start, now: start, said: Vec::new(), complaints: Vec::new() };
        let mut outputs = Vec::new();
        running.core.start(start, &mut outputs);
        running.settle(outputs);
        running
    }

    /// Goes from deadline to deadline until a time after the start.
    fn run_to(&mut self, seconds: u64) {
        let end = self.start + Duration::from_secs(seconds);
        while self.now < end {
            let next = self.core.next_deadline().into_iter().chain(self.plant.next_deadline()).min();
            let wait = next.unwrap_or(end.mono).min(end.mono).since(self.now.mono);
            self.now = self.now + wait;
            let (mut frames, mut outputs) = (Vec::new(), Vec::new());
            self.plant.step(self.now, None, &mut frames);
            self.core.advance(self.now, &mut outputs);
            frames.iter().for_each(|frame| self.core.frame(self.now, frame, &mut outputs));
            self.settle(outputs);
        }
    }

    /// Carries out what the Core decided, until nothing follows from it.
    fn settle(&mut self, mut outputs: Vec<Output>) {
        while !outputs.is_empty() {
            let mut frames = Vec::new();
            for output in outputs.drain(..) {
                match output {
                    Output::Transmit { frame, .. } => self.plant.step(self.now, Some(&frame), &mut frames),
                    Output::Publish(delivery) => self.said.extend(
                        delivery
                            .text
                            .map(|text| format!("{} {}", delivery.message.channel, String::from_utf8_lossy(&text))),
                    ),
                    Output::Notice(Notice::Device { device, reason }) => {
                        self.complaints.push(format!("{device}: {reason}"))
                    }
                    Output::Notice(notice) => self.complaints.push(format!("{notice:?}")),
                    Output::Raw { .. } | Output::Act(..) | Output::Tell { .. } | Output::AlertChange(_) => {}
                }
            }
            frames.iter().for_each(|frame| self.core.frame(self.now, frame, &mut outputs));
        }
    }

    fn state(&self, room: &str, device: &str) -> Value {
        let (.., guard) = self.core.parts();
        let status = guard.status().into_iter().find(|status| status.room == room && status.device == device);
        status.expect("it is in the map").state
    }

    /// The least and the greatest number of a field on a channel, in what was said since the last call.
    fn range(&mut self, channel: &str, field: &str) -> (f64, f64) {
        let texts = self.said.drain(..);
        let of_channel = texts.filter_map(|text| text.strip_prefix(channel).map(str::to_owned));
        let values =
            of_channel.filter_map(|text| serde_json::from_str::<serde_json::Value>(&text).ok()?[field].as_f64());
        values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)))
    }

    fn assert_healthy(&self) {
        assert!(self.complaints.is_empty(), "{:?}", self.complaints);
        let (_, _, engine, _) = self.core.parts();
        let faulty: Vec<_> = engine.status(self.now.mono).into_iter().filter(|rule| rule.faults > 0).collect();
        assert!(faulty.is_empty(), "{faulty:?}");
    }
}

fn off() -> Value {
    Value::text("off")
}

#[test]
fn within_two_minutes_rules_act_whatever_the_hour() {
    for hour in (0..24).step_by(3) {
        let mut site = Running::start(hour);
        site.run_to(60);
        assert_eq!(site.state("Veg Room", "valve_1"), Value::text("on"), "{hour} h: the benches are dry");
        assert!(site.state("Veg Room", "heater").as_number() > Some(5.0), "{hour} h: the room is cool");
        site.run_to(120);
        match hour {
            6..18 => assert_eq!(site.state("Flower Room", "exhaust"), Value::Number(70.0), "{hour} h: too warm"),
            _ => assert_eq!(site.state("Flower Room", "dehumidifier"), Value::text("on"), "{hour} h: too damp"),
        }
        site.run_to(150);
        assert_eq!(site.state("Veg Room", "valve_1"), off(), "{hour} h: a shot has 90 s");
        site.assert_healthy();
    }
}

#[test]
fn the_flower_room_is_cooled_and_comes_back() {
    for hour in [7, 15] {
        let mut site = Running::start(hour);
        site.run_to(120);
        assert_eq!(site.state("Flower Room", "exhaust"), Value::Number(70.0));
        let back = (121..420).find(|second| {
            site.run_to(*second);
            site.state("Flower Room", "exhaust") == Value::Number(15.0)
        });
        assert!(back.is_some(), "{hour} h: it was not released within seven minutes");
        site.said.clear();
        site.run_to(1_800);
        let (low, high) = site.range("sensor:update:Flower Room:front", "temperature");
        assert!(low > 25.0 && high < 29.3, "{hour} h: {low} to {high} °C");
        site.assert_healthy();
    }
}

#[test]
fn a_silent_sensor_sends_its_device_to_safe() {
    let mut site = Running::start(3);
    site.run_to(60);
    assert!(site.state("Veg Room", "heater").as_number() > Some(5.0));
    site.plant.fault("VR-C1", Some(FaultKind::Silent)).expect("it is simulated");
    site.run_to(70);
    assert_eq!(site.state("Veg Room", "heater"), Value::Number(0.0), "blind after three cycles");
    site.plant.fault("VR-C1", None).expect("it is simulated");
    site.run_to(75);
    assert!(site.state("Veg Room", "heater").as_number() > Some(5.0), "it sees again");
}

#[test]
fn the_same_hour_gives_the_same_messages_to_the_byte() {
    let run = || {
        let mut site = Running::start(12);
        site.run_to(300);
        site.said
    };
    let said = run();
    assert!(said.len() > 500, "{}", said.len());
    assert!(said == run());
}
