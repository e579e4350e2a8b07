//! `decode` and `channels list` with the built binary on a site folder of the test's own.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const MAP: &str = r#"version: 1
buses:
  can0: {interface: vcan3}
  can1: {simulate: true}
frames:
  climate:
    length: 8
    cycle: 2s
    signals:
      temperature: {byte: 0, type: i16be, scale: 0.1, unit: degC, range: [-20, 60], invalid: 0x7FFF}
      state: {byte: 6, bits: 0..1, values: {0: "ok", 1: "warming up"}}
      supply: {byte: 7, type: u8, scale: 0.1, unit: V, publish: never}
  relay8:
    length: 1
    signals:
      relay_1: {byte: 0, bits: 0, values: {0: "off", 1: "on"}}
      relay_2: {byte: 0, bits: 1, values: {0: "off", 1: "on"}}
rooms:
  Flower Room:
    front:
      - {node: FR-C1, frame: climate, bus: can0, id: 0x181}
      - {node: FR-C2, frame: climate, bus: can1, id: 0x18FEF500, name: "{signal}_2", adjust: {temperature: {offset: -0.4}}}
devices:
  Flower Room:
    fan: {kind: fan, command: {bus: can0, id: 0x310, frame: relay8, signal: relay_1}, feedback: {bus: can0, id: 0x390, frame: relay8, signal: relay_1}, safe: "off", watchdog: 15s}
    pump: {kind: switch, command: {bus: can0, id: 0x310, frame: relay8, signal: relay_2}, safe: "off", watchdog: 15s}
"#;

const LOG: &str = "\u{FEFF}(1735270496.916858) vcan3 181#00F8000000000178
# a note
(1735270497.000000) can1 18FEF500#00F8
(1735270498.000000) vcan3 310#02
(1735270498.500000) vcan3 390#01
(1735270498.6000
(1735270499.000000) vcan3 7AA#0102
(1735270499.100000) vcan3 7AA#0102
(1735270499.200000) vcan3 181#R8
(1735270499.300000) vcan3 20000004#0001000000000000
(1735270499.400000) vcan9 181#00
DROPCOUNT: dropped 3 CAN frames on 'vcan3' socket (total drops 3)
(1735270499.500000) vcan3 181#7FFF00000000000G
";

fn site(map: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("channels.yaml"), map).expect("the map can be written");
    std::fs::write(folder.path().join("night.log"), LOG).expect("the log can be written");
    folder
}

fn growctl(folder: &Path, args: &[&str]) -> Output {
    let dir = folder.to_str().expect("a temporary path is text");
    Command::new(env!("CARGO_BIN_EXE_growctl")).args(["-C", dir]).args(args).output().expect("growctl runs")
}

fn decode(folder: &Path, more: &[&str]) -> Output {
    let log = folder.join("night.log");
    let mut args = vec!["decode", "--log", log.to_str().expect("a temporary path is text")];
    args.extend(more);
    growctl(folder, &args)
}

fn lines(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("data is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

#[test]
fn every_frame_of_the_map_is_one_json_object() {
    let folder = site(MAP);
    let output = decode(folder.path(), &[]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = [
        r#"{"ts":1735270496.916858,"bus":"can0","id":"0x181","frame":"climate","node":"FR-C1","signals":{"temperature":24.8,"state":"warming up","supply":12.0}}"#,
        r#"{"ts":1735270497.0,"bus":"can1","id":"0x18FEF500","frame":"climate","node":"FR-C2","signals":{"temperature_2":24.4,"state_2":null,"supply_2":null},"quality":{"state_2":"short","supply_2":"short"}}"#,
        r#"{"ts":1735270498.0,"bus":"can0","id":"0x310","frame":"relay8","command_of":["Flower Room/fan","Flower Room/pump"],"signals":{"relay_1":"off","relay_2":"on"}}"#,
        r#"{"ts":1735270498.5,"bus":"can0","id":"0x390","frame":"relay8","feedback_of":["Flower Room/fan"],"signals":{"relay_1":"on","relay_2":"off"}}"#,
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_not_decoded_is_counted_with_its_lines() {
    let folder = site(MAP);
    let output = decode(folder.path(), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    for part in [
        "9 frames: 4 decoded",
        "2 of unknown ids (can0 0x7AA: 2)",
        "1 of interfaces without a bus (vcan9: 1)",
        "1 remote requests",
        "1 error frames",
        "the recording itself lost 3",
        "night.log:6: a broken line: ",
        "night.log:13: a broken line: expected pairs of hex digits",
        "1 lines are no frames (lines 2)",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

#[test]
fn all_shows_also_what_the_map_does_not_know() {
    let folder = site(MAP);
    let lines = lines(&decode(folder.path(), &["--all"]));
    assert_eq!(lines.len(), 9);
    let unknown = serde_json::json!(
        {"ts": 1735270499.0, "bus": "can0", "interface": "vcan3", "id": "0x7AA", "kind": "data", "data": "0102"}
    );
    assert_eq!(lines[4], unknown);
    assert_eq!((&lines[6]["kind"], &lines[7]["kind"]), (&"remote".into(), &"error".into()));
    assert_eq!((&lines[8]["bus"], &lines[8]["interface"]), (&serde_json::Value::Null, &"vcan9".into()));
}

#[test]
fn a_log_is_read_from_stdin_too() {
    let folder = site(MAP);
    let mut child = Command::new(env!("CARGO_BIN_EXE_growctl"))
        .args(["decode", "--log", "-", "-C"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("growctl runs");
    child.stdin.take().expect("it is piped").write_all(LOG.as_bytes()).expect("growctl reads");
    assert_eq!(lines(&child.wait_with_output().expect("its output can be read")).len(), 4);
}

#[test]
fn wrong_files_end_with_2_and_say_where() {
    let folder = site(&MAP.replace("scale: 0.1, unit: degC", "scale: 0, unit: degC"));
    let output = decode(folder.path(), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("channels.yaml:10") && told.contains("a scale of 0") && output.stdout.is_empty(), "{told}");
    let empty = tempfile::tempdir().expect("a temporary folder");
    let output = growctl(empty.path(), &["channels", "list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be read"));
    let folder = site(MAP);
    let output = growctl(folder.path(), &["decode", "--log", "/nowhere/x.log"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/x.log cannot be opened"));
}

#[test]
fn channels_list_is_a_table_or_json() {
    let folder = site(MAP);
    let output = growctl(folder.path(), &["channels", "list"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let table: Vec<&str> = text.lines().collect();
    assert_eq!(table.len(), 1 + 6 + 3 + 1, "{text}");
    assert!(table[0].starts_with("BUS   ID          FRAME"), "{text}");
    let column = table[0].find("CHANNEL").expect("a heading");
    assert!(table[1][column..].starts_with("sensor:update:Flower Room:front"), "{text}");
    assert!(table[3][column..].starts_with("(never published)"), "{text}");
    let rows = lines(&growctl(folder.path(), &["channels", "list", "--format", "json"]));
    assert_eq!(rows.len(), table.len() - 1);
    let first = serde_json::json!({
        "bus": "can0", "id": "0x181", "frame": "climate", "kind": "node", "room": "Flower Room", "node": "FR-C1",
        "channel": "sensor:update:Flower Room:front", "field": "temperature", "signal": "temperature", "unit": "degC",
        "layout": "7|16@0-", "range": [-20.0, 60.0], "values": []
    });
    assert_eq!(rows[0], first);
    let kinds: Vec<&str> = rows.iter().filter_map(|row| row["kind"].as_str()).skip(6).collect();
    assert_eq!(kinds, ["command", "feedback", "feedback", "command"]);
    assert_eq!(rows[6]["channel"], "device:command:Flower Room:fan");
}
