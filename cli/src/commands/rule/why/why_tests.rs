//! Every reason, as people read it: an engine is played some events, and what it tells is shown.

use std::sync::Arc;
use std::time::Duration;

use growctl_engine::bus::Last;
use growctl_engine::files::SourceFile;
use growctl_engine::model::{
    DeviceKey, Fields, Intent, Inventory, Message, Mono, Name, Provenance, Source, SourceKind, Timestamp, Utc,
};
use growctl_engine::rules::{Engine, Event, Place, Rule, Rulebook, Site, load};

use super::*;

/// 2026-01-01T12:00:00Z.
const NOON: i64 = 1_767_268_800;

struct Play {
    engine: Engine,
    inventory: Arc<Inventory>,
    last: Last,
    now: Timestamp,
    out: Vec<Intent>,
}

fn at(seconds: f64) -> Timestamp {
    let nanos = (seconds * 1e9) as u64;
    Timestamp { mono: Mono(nanos), utc: Utc(NOON * 1_000_000_000 + nanos as i64) }
}

/// Two nodes of one cluster, which measure other things, and a fan.
fn inventory() -> Inventory {
    let node = |name: &str, fields: &[&str]| {
        Arc::new(Source {
            kind: SourceKind::Node,
            room: "Room".into(),
            place: "front".into(),
            name: name.into(),
            channel: "sensor:update:Room:front".into(),
            broad: "sensor:update".into(),
            stale_after: Some(Duration::from_secs(6)),
            frames: vec![fields.iter().map(|field| Name::from(*field)).collect()],
            facts: Vec::new(),
        })
    };
    let fan = DeviceKey { room: "Room".into(), device: "fan".into() };
    Inventory { sources: vec![node("N1", &["temperature", "humidity"]), node("M1", &["vwc"])], devices: vec![fan] }
}

fn rule(text: &str, inventory: &Inventory) -> Arc<Rule> {
    let (host, mut report) = (growctl_engine::app::Site::host(), Report::default());
    let file = SourceFile::new("rules/r.yaml", text);
    let rule = load(&file, &Site { host: &host, inventory }, &mut report);
    Arc::new(rule.unwrap_or_else(|| panic!("{}", report.render(false))))
}

impl Play {
    fn new(text: &str) -> Play {
        let inventory = Arc::new(inventory());
        let book = Play::book(text, &inventory, "one");
        let engine = Engine::new(book, growctl_engine::app::Site::host(), at(0.0));
        Play { engine, inventory, last: Last::default(), now: at(0.0), out: Vec::new() }
    }

    fn book(text: &str, inventory: &Arc<Inventory>, revision: &str) -> Rulebook {
        let rules = vec![rule(text, inventory)];
        Rulebook::new(rules, inventory.clone(), Place::default(), revision.into())
    }

    fn edit(&mut self, text: &str) {
        let book = Play::book(text, &self.inventory, "two");
        self.engine.reload(self.now, book, (&self.last, &self.last), &mut self.out);
    }

    /// Time passes.
    fn to(&mut self, seconds: f64) -> &mut Play {
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= at(seconds).mono) {
            self.engine.due(at(due.0 as f64 / 1e9), &self.last, &mut self.out);
        }
        self.now = at(seconds);
        self
    }

    /// A message of a node: its fields as JSON.
    fn say(&mut self, seconds: f64, node: &str, json: &str) -> &mut Play {
        self.message(seconds, node, json, false)
    }

    fn silent(&mut self, seconds: f64, node: &str) -> &mut Play {
        self.message(
            seconds,
            node,
            r#"{"temperature": null, "humidity": null, "quality": {"temperature": "stale"}}"#,
            true,
        )
    }

    fn message(&mut self, seconds: f64, node: &str, json: &str, stale: bool) -> &mut Play {
        self.to(seconds);
        let message = Play::made(node, json, stale);
        self.last.record(self.now, &message);
        self.engine.step(self.now, Event::Message(&Arc::new(message)), &self.last, &mut self.out);
        self
    }

    /// A last value that the rule does not hear of.
    fn hint(&mut self, json: &str) -> &mut Play {
        self.last.record(self.now, &Play::made("N1", json, false));
        self
    }

    fn made(node: &str, json: &str, stale: bool) -> Message {
        let fields: Fields = serde_json::from_str(json).expect("JSON");
        Message {
            channel: "sensor:update:Room:front".into(),
            broad: Some("sensor:update".into()),
            source: Some(Name::from(node)),
            provenance: Provenance::Frames,
            stale,
            hop: 0,
            fields,
        }
    }

    fn facts(&mut self) -> Value {
        let why = self.engine.why(self.now, "r", None, &self.last).expect("it is there");
        let mut why = serde_json::json!(why);
        why["devices"] = serde_json::json!([]);
        why
    }

    #[track_caller]
    fn says(&mut self, expected: &str) -> &mut Play {
        let told = shown(&self.facts());
        let (got, wanted) = (squeezed(&told), squeezed(expected));
        assert!(got.contains(&wanted), "expected:\n{wanted}\ngot:\n{told}");
        self
    }
}

fn shown(why: &Value) -> String {
    let zone = SourceFile::new("growctl.yaml", "time_zone: UTC\n");
    let settings = Settings::load(&zone, Path::new("."), &mut Report::default()).expect("settings");
    text(why, &settings, false, false)
}

/// Without the columns, which stand as wide as they must.
fn squeezed(text: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

const COOLING: &str = "\
subscribe: \"sensor:update:*:*\"
when: msg.temperature > 28.0 && msg.humidity < 90
for: 30s
until: msg.temperature < 26.0
cooldown: 5m
then: |
  device(\"Room\", \"fan\").set(70, #{ reason: `${msg.temperature} °C` });
";

#[test]
fn a_condition_is_told_part_by_part_through_a_whole_episode() {
    let mut play = Play::new(COOLING);
    play.says("N1: did not begin: no message that concerns it has come yet\nno message came on any of its channels in the 0s that these files decide");
    play.say(1.0, "M1", r#"{"vwc": 4.0}"#);
    play.says("messages on its channels that do not concern it:\nsensor:update:Room:front: without temperature, humidity, 1 time, last at 12:00:01 (0s ago)");
    play.say(2.0, "N1", r#"{"temperature": 24.8, "humidity": 60.0}"#);
    play.says(
        "N1: did not begin: `when` is false
        last judged at 12:00:02 (0s ago): a message on sensor:update:Room:front
        when msg.temperature > 28.0 false (24.8) rules/r.yaml:2:7
        when msg.humidity < 90 true (60) rules/r.yaml:2:33
        it decided nothing yet",
    );
    play.say(10.0, "N1", r#"{"temperature": 29.5, "humidity": 60.0}"#).to(22.0);
    play.says("N1: waits: `when` has held for 12s of 30s; it begins at 12:00:40 (in 18s), if it goes on");
    play.say(24.0, "N1", r#"{"temperature": null, "humidity": 60.0, "quality": {"temperature": "invalid"}}"#);
    play.says("N1: waits: `when` has held since 12:00:10, but the last event told nothing, no good value of temperature (invalid); `for` goes on when it is known again");
    play.says("when msg.temperature > 28.0 unknown (no value) rules/r.yaml:2:7");
    play.say(26.0, "N1", r#"{"temperature": 27.0, "humidity": 60.0}"#);
    play.says(
        "12:00:26 N1 did not begin: `when` had held since 12:00:10 and broke off
        msg.temperature > 28.0 false (27)
        msg.humidity < 90 true (60)",
    );
    play.say(30.0, "N1", r#"{"temperature": 29.5, "humidity": 60.0}"#).to(61.0);
    play.says(
        "N1: active since 12:01:00 (1s ago): it ends when `until` is true
        last judged at 12:00:30 (31s ago): a message on sensor:update:Room:front
        until msg.temperature < 26.0 false (29.5) rules/r.yaml:4:8",
    );
    play.says(
        "12:01:00 N1 began, `when` had held since 12:00:30
        msg.temperature > 28.0 true (29.5)
        msg.humidity < 90 true (60)
        asked: Room/fan at 70 \"29.5 °C\"",
    );
    play.say(70.0, "N1", r#"{"temperature": 25.5, "humidity": 60.0}"#);
    play.says("N1: is idle: its episode is over, and `when` is judged at the next event, and the cooldown lasts until 12:06:10 (in 5m)");
    play.says("12:01:10 N1 ended\nmsg.temperature < 26.0 true (25.5)\nasked: to let go of all that it held");
    play.say(80.0, "N1", r#"{"temperature": 29.5, "humidity": 60.0}"#).to(120.0);
    play.says("N1: did not begin: the cooldown lasts until 12:06:10 (in 4m10s); `when` has held since 12:01:20");
}

#[test]
fn a_silent_node_ends_what_it_began_and_the_journal_goes_on_over_edits() {
    let mut play = Play::new(COOLING);
    play.say(0.0, "N1", r#"{"temperature": 29.5, "humidity": 60.0}"#).say(
        31.0,
        "N1",
        r#"{"temperature": 29.5, "humidity": 60.0}"#,
    );
    play.say(33.0, "N1", r#"{"temperature": null, "humidity": 60.0, "quality": {"temperature": "out of range"}}"#);
    play.says("N1: active since 12:00:30, and it has known nothing since 12:00:31 (2s ago), no good value of temperature (out of range); as `stale` it ends at 12:00:37 (in 4s)");
    play.says("N1: active since").to(38.0).says("N1: is idle: its episode is over");
    play.says("12:00:37 N1 ended as stale: it knew nothing for too long\nmsg.temperature < 26.0 unknown (no value)");
    play.silent(41.0, "N1").says("N1: did not begin: its source is silent, last heard at 12:00:33 (8s ago)\nlast judged at 12:00:41 (0s ago): the word that a source has fallen silent");
    play.edit(&COOLING.replace("28.0", "29.0"));
    play.says("revision two").says("12:00:37 N1 ended as stale: it knew nothing for too long [revision one]");
    play.say(50.0, "N1", r#"{"temperature": 29.5, "humidity": 60.0}"#);
    play.edit("subscribe: \"sensor:update:*:*\"\nmode: off\neach: 'publish(\"x\", #{});'\n");
    play.says("it does nothing: its file says `mode: off`").says("[revision one]");
}

#[test]
fn a_script_that_fails_or_meets_no_value_is_told_with_its_place() {
    let mut play = Play::new(
        "subscribe: \"sensor:update:*:*\"\nwhen: msg.temperature > 28.0\nthen: |\n  publish(\"x\", #{ a: [1][7] });\n",
    );
    play.say(1.0, "N1", r#"{"temperature": 29.5}"#).say(3.0, "N1", r#"{"temperature": 29.5}"#);
    play.says("N1: active since 12:00:01 (2s ago), but `then` has not run to its end: rules/r.yaml:4:");
    play.says("it is tried again at each event").says("`then` failed: rules/r.yaml:4:").says("2 times since 12:00:01");

    let mut play =
        Play::new("subscribe: \"sensor:update:*:*\"\neach: 'publish(\"x\", #{ t: msg.temperature + 1.0 });'\n");
    play.say(1.0, "N1", r#"{"temperature": 29.5}"#).say(2.0, "N1", r#"{"temperature": 29.5}"#);
    play.says("N1: acts: `each` ran at the last event")
        .says("12:00:02 N1 `each` ran, 2 times since 12:00:01\nasked: publish x");
    play.say(3.0, "N1", r#"{"temperature": null, "quality": {"temperature": "invalid"}}"#);
    play.says("N1: `each` did not run to its end: a value is not good, no good value of temperature (invalid)");
    play.silent(9.0, "N1").says("N1: asks for nothing: its source is silent");
}

#[test]
fn what_calls_say_is_shown_with_its_value_and_what_has_gone_on_since_is_told() {
    let mut play = Play::new(
        "subscribe: \"sensor:update:*:*\"\nper: rule\nwhen: |\n  runs(\"24h\") < 2 &&\n    (last(\"sensor:update:Room:front\", \"humidity\") > 50.0 || stale)\nuntil: [90s, reset]\nschedule: every 1h\nthen: 'publish(\"x\", #{});'\n",
    );
    play.say(1.0, "N1", r#"{"humidity": 40.0}"#);
    play.says(
        "did not begin: `when` is false
        last judged at 12:00:01 (0s ago): a message on sensor:update:Room:front
        when runs(\"24h\") < 2 true (0) rules/r.yaml:4:3
        when last(\"sensor:update:Room:front\", \"humidity\") > 50.0 false (40) rules/r.yaml:5:6
        when stale false (false) rules/r.yaml:5:61",
    );
    play.says("next tick at 13:00:00 (in 59m59s)");
    play.hint(r#"{"humidity": 70.0}"#)
        .says("true (70)")
        .says("at the event it was false: windows, last values or `state` have gone on since, and are shown as now");
    play.say(2.0, "N1", r#"{"humidity": 60.0}"#);
    play.says("active since 12:00:02 (0s ago): it ends when `until` is true, at the latest at 12:01:32 (in 1m30s)");
    play.says(
        "12:00:02 began\nruns(\"24h\") < 2 true (0)\nlast(\"sensor:update:Room:front\", \"humidity\") > 50.0 true (60)",
    );
    play.to(100.0).says("ended: the duration of `until` was over");
}

#[test]
fn a_parked_rule_tells_until_when_it_is_left_alone_and_a_device_who_wins_there() {
    let mut play = Play::new(COOLING);
    let mut why = play.facts();
    why["parked_until"] = serde_json::json!(NOON + 600);
    let request = |source: &str, level: f64, priority: u8| {
        serde_json::json!({ "source": source, "priority": priority,
        "level": level, "reason": "29.5 °C", "until": null })
    };
    why["devices"] = serde_json::json!([
        { "room": "Room", "device": "fan", "instance": "N1", "request": request("rule r (N1)", 70.0, 50), "loses_to": null,
          "held_back": null },
        { "room": "Room", "device": "fan", "instance": "N2", "request": request("rule r (N2)", 70.0, 50),
          "loses_to": request("device:command", 100.0, 70), "held_back": "the bus is down" },
    ]);
    let (told, wanted) = (
        shown(&why),
        [
            "it is left alone: it took over 20 % of the time, and its requests are released. It is tried again at 12:10:00 (in 10m)",
            "Room/fan: asks for 70 (priority 50) \"29.5 °C\", by N1; it is in force",
            "Room/fan: asks for 70 (priority 50) \"29.5 °C\", by N2; device:command has the higher priority: 100 (priority 70) \"29.5 °C\"; nothing is sent: the bus is down",
        ],
    );
    assert!(wanted.iter().all(|wanted| told.contains(wanted)), "{told}");
}

#[test]
fn moments_and_spans_are_as_exact_as_it_matters() {
    let spans = [(0.04, "0s"), (0.44, "400ms"), (9.96, "10s"), (59.6, "1m"), (997.2, "16m37s"), (11_110.0, "3h5m")];
    for (seconds, text) in spans {
        assert_eq!(words::span(seconds), text);
    }
    let settings = Settings::default();
    let clock = Clock { settings: &settings, now: NOON as f64 };
    assert_eq!(clock.at(&(NOON - 86_400).into()).len(), "2025-12-31 12:00:00".len());
}
