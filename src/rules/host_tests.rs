use std::time::Duration;

use super::*;
use crate::bus::Last;
use crate::model::{Ask, Fields, Level, Mono, Provenance, Timestamp, Utc, Value};
use crate::rules::fixture::{self, World};
use crate::rules::{Param, RunLog, Windows};

const ACTIONS: &[HostFunction] = &[
    HostFunction { name: "log_file", params: &[Param::Text, Param::Any], summary: "" },
    HostFunction { name: "warn", params: &[Param::Any], summary: "" },
];

fn message(fields: &[(&str, Value)]) -> Arc<Message> {
    Arc::new(Message {
        channel: "sensor:update:a:b".into(),
        broad: None,
        source: None,
        provenance: Provenance::Frames,
        stale: false,
        hop: 0,
        fields: fields.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect(),
    })
}

fn run_with(host: &mut Host, text: &str, fields: &[(&str, Value)], state: &mut Fields) -> Result<Run, Fault> {
    let script = host.compile(text, &["room".into()], &mut Vec::new());
    let script = script.map_err(|error| Fault::Failed { message: error.to_string() })?;
    let message = message(fields);
    let mut last = Last::default();
    let now = Timestamp { mono: Mono(0), utc: Utc(0) };
    last.record(now, &message);
    let (rule, channel): (Name, Name) = ("r".into(), message.channel.clone());
    let mut env = Env {
        part: "each",
        now,
        rule: &rule,
        message: Some(&message),
        channel: &channel,
        segments: &[("room".into(), "Flower".into())],
        state,
        stale: false,
        reset: false,
        ended: None,
        begun: None,
        runs: &RunLog::default(),
        windows: &Windows::default(),
        last: &last,
        zone: &jiff::tz::TimeZone::UTC,
    };
    host.run(&script, &mut env)
}

fn run(text: &str, fields: &[(&str, Value)]) -> Result<Run, Fault> {
    run_with(&mut Host::new(ACTIONS), text, fields, &mut Fields::default())
}

#[test]
fn hostile_scripts_end_as_faults_and_the_host_lives_on() {
    let mut host = Host::new(ACTIONS);
    for text in [
        "let s=`eval(s)`; eval(s)",
        "loop {}",
        "const K = #{a: 1}; K.a = 2;",
        "let s = \"x\"; s.pad(100000000, 'x');",
        "let a = []; a.pad(100000000, 1);",
        "fn f(n) { f(n + 1) } f(0)",
        "import \"x\" as x;",
        "sleep(1000)",
        "let s = \"x\"; loop { s += s; }",
        "msg.t = 3.0;",
        "nowhere + 1",
        "loop { warn(\"x\"); }",
        "state = 5;",
    ] {
        let result = run_with(&mut host, text, &[("t", 1.0.into())], &mut Fields::default());
        assert!(matches!(result, Err(Fault::Failed { .. })), "{text}: {result:?}");
    }
    let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(host.compile(&deep, &[], &mut Vec::new()).is_err());
    assert!(run_with(&mut host, "let a = 1;", &[], &mut Fields::default()).is_ok());
}

#[test]
fn a_value_that_is_not_good_stops_the_run_but_may_be_asked_for() {
    let null = [("t", Value::Null)];
    for text in
        ["msg.t > 3.0", "3 < msg.t", "msg.t == 3.0", "msg.t * 2.0", "try { msg.t > 1 } catch { warn(1) }", "msg.u > 1"]
    {
        assert_eq!(run(text, &null), Err(Fault::Unknown), "{text}");
    }
    assert_eq!(run("msg.t > 3.0", &[("t", "hot".into())]), Err(Fault::Unknown));
    assert_eq!(run("if msg.t == () { warn(msg.t ?? 1) }", &null).expect("it asks").asks.len(), 1);
    assert_eq!(run("if msg.t == () { warn(1) }", &[("t", 2.0.into())]).expect("it asks").asks.len(), 0);
}

#[test]
fn asks_come_in_order_and_last_values_are_looked_up() {
    let text = r#"warn("hot"); device(room, "fan").set(60, #{ lease: "5m", reason: `${last(channel, "t")} C` });
        publish("analytics:x", #{ a: 1 }); device(room, "fan").release();"#;
    let asks = run(text, &[("t", 30.5.into())]).expect("it runs").asks;
    assert_eq!(asks.len(), 4, "{asks:?}");
    assert!(matches!(&asks[1], Ask::Set(request) if request.level == Level::At(60.0)
        && request.lease == Some(Duration::from_secs(300)) && request.reason.as_deref() == Some("30.5 C")));
}

#[test]
fn a_failed_run_leaves_no_state() {
    let (mut host, mut state) = (Host::new(ACTIONS), Fields::default());
    state.push("n".into(), 1.0.into());
    assert!(run_with(&mut host, "state.n = 5; throw \"no\"", &[], &mut state).is_err());
    assert_eq!(state.get("n"), Some(&Value::Number(1.0)));
    run_with(&mut host, "state.n += 1.0;", &[], &mut state).expect("it runs");
    assert_eq!(state.get("n"), Some(&Value::Number(2.0)));
}

#[test]
fn rules_may_not_publish_on_the_engines_channels() {
    assert!(run("publish(\"sensor:update\", #{})", &[]).is_err());
}

#[test]
fn a_script_knows_the_fields_it_names() {
    let script = Host::new(ACTIONS)
        .compile("if msg.t > 1.0 && msg.t < msg.h.x { warn(msg.c) }", &[], &mut Vec::new())
        .expect("right");
    assert_eq!(script.fields.iter().map(|f| &**f).collect::<Vec<_>>(), ["t", "h", "c"]);
}

/// Debug frames are the largest; a thread has 2 MiB unless its maker says otherwise, and a test's thread has that too.
#[test]
fn the_deepest_script_that_compiles_fits_the_stack_of_a_thread() {
    let mut host = fixture::host();
    let nests = [
        ("1 + (", ")"),
        ("abs(", ")"),
        ("{ ", "}"),
        ("if true { ", "} else { 0 }"),
        ("!(0 == ", ")"),
        ("[1].find(|x| x == ", ")"),
        ("switch 1 { 1 => ", "}"),
        ("#{a: ", "}.a"),
        ("`${", "}`"),
    ];
    let mut deepest = 0;
    for (open, close) in nests {
        for depth in 1..40 {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            for text in [
                format!("fn f(n) {{ if n == 0 {{ 0 }} else {{ {open}f(n - 1){close} }} }} f(30)"),
                format!("{open}1{close}"),
            ] {
                if let Ok(script) = host.compile(&text, &[], &mut Vec::new()) {
                    deepest = deepest.max(depth);
                    // Whether it fails does not matter: that the process goes on does.
                    let _ = host.run(&script, &mut World::with(&[]).env());
                }
            }
        }
        let chain = format!("let x = {open}1{close};", open = open.repeat(5_000), close = close.repeat(5_000));
        assert!(host.compile(&chain, &[], &mut Vec::new()).is_err());
    }
    assert!(deepest > 10, "{deepest}");
    for (head, link) in [
        ("1", " + 1"),
        ("true", " && true"),
        ("a", ".a"),
        ("if x { }", " else if x { }"),
        ("[1]", "[0]"),
        ("0", " ?? 0"),
    ] {
        let _ = host.compile(&format!("{head}{}", link.repeat(5_000)), &[], &mut Vec::new());
    }
}
