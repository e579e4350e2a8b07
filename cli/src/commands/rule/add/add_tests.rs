use std::path::Path;

use growctl_engine::files::read;
use growctl_engine::model::Value;

use super::super::ask::script::Script;
use super::*;

fn shipped() -> ChannelMap {
    let mut report = Report::default();
    let map = app::load_map(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut report);
    map.unwrap_or_else(|| panic!("{}", report.render(false)))
}

fn map_of(text: &str) -> ChannelMap {
    let mut report = Report::default();
    let map = growctl_engine::channels::load(&SourceFile::new("channels.yaml", text), &mut report);
    map.unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// Loads what was made; neither errors nor warnings.
fn strictly(name: &str, text: &str, map: &ChannelMap) -> Rule {
    let mut report = Report::default();
    let host = Host::new(&host_functions());
    let file = SourceFile::new(files::rule_path(name), text);
    let rule = rules::load(&file, &rules::Site { host: &host, inventory: &map.inventory }, &mut report);
    assert!(report.diagnostics.is_empty(), "{text}\n{}", report.render(false));
    rule.expect("it has no faults")
}

fn wish(name: &str) -> Wishes {
    Wishes::new(name, &TemplateFlags::default())
}

/// The names of the tests in a file.
fn tests_of(text: &str) -> Vec<String> {
    let mut report = Report::default();
    let file = SourceFile::new("x_test.yaml", text);
    let value: Value = read(&file, &mut report).unwrap_or_else(|| panic!("{text}\n{}", report.render(false)));
    let Value::Map(whole) = value else { panic!("no mapping: {text}") };
    let Some(Value::List(tests)) = whole.get("tests") else { panic!("no tests: {text}") };
    let name = |test: &Value| match test {
        Value::Map(test) => test.get("name").and_then(Value::as_text).map(str::to_owned),
        _ => None,
    };
    tests.iter().map(|test| name(test).unwrap_or_else(|| panic!("{test:?}"))).collect()
}

#[test]
fn every_template_fits_the_shipped_site_with_two_tests() {
    let map = shipped();
    for template in &TEMPLATES {
        let made = template.make(&wish("mine"), &map).unwrap_or_else(|why| panic!("{}: {}", template.name, why.text()));
        let rule = strictly("mine", &made.rule, &map);
        assert!(made.rule.starts_with("# ") && rule.description.is_some(), "{}", made.rule);
        assert!(!made.took.is_empty());
        let test = made.test.unwrap_or_else(|| panic!("{} has no test", template.name));
        assert_eq!(tests_of(&test).len(), 2, "{}: {test}", template.name);
    }
}

#[test]
fn the_names_and_numbers_of_another_site_stand_in_rule_and_test() {
    let map = map_of(
        "version: 1\nbuses: {b: {simulate: true}}\nframes:\n  \
         t: {length: 8, cycle: 10s, signals: {temperature: {byte: 0, type: i16le, unit: degC, range: [0, 50]}}}\n  \
         r: {length: 1, signals: {on: {byte: 0, bits: 0, values: {0: \"off\", 1: \"on\"}}}}\n\
         rooms: {'The \"Hot\" House': {north: [{node: \"N\\\"1\", frame: t, bus: b, id: 0x1}]}}\n\
         devices:\n  'The \"Hot\" House': {vent: {kind: fan, safe: \"off\", watchdog: 15s, repeat: 5s, command: {bus: b, id: 0x9, frame: r, signal: on}}}\n",
    );
    let wishes = Wishes { above: Some(49.0), hold: Some(std::time::Duration::from_secs(25)), ..wish("hot") };
    let made = templates::find("cooling").unwrap().make(&wishes, &map).unwrap_or_else(|why| panic!("{}", why.text()));
    let rule = strictly("hot", &made.rule, &map);
    assert_eq!(super::super::devices(&rule), ["The \"Hot\" House/vent"]);
    assert!(made.rule.contains("when: msg.temperature > 49\n") && made.rule.contains("until: msg.temperature < 47\n"));
    assert!(made.rule.contains(".on(#{"), "{}", made.rule);
    let test = made.test.expect("a test");
    assert_eq!(tests_of(&test).len(), 2, "{test}");
    // 46 at 0 s, then five of 50 from 10 s to 50 s, five of 48 to 100 s, and 46 again at 110 s.
    assert!(test.contains(r#"temperature: "46 50x4 48x4 46x2""#), "{test}");
    assert!(test.contains(r#"{ at: 35s, set: "The \"Hot\" House/vent", to: "on", instance: "N\"1" }"#), "{test}");
    assert!(test.contains("{ at: 110s, release:"), "{test}");
    // The last of five values comes at 40 s, and 30 s later nobody knows any more.
    assert!(test.contains("{ at: 25s, set:") && test.contains("{ at: 70s, release:"), "{test}");
}

#[test]
fn what_a_site_lacks_is_said_and_a_wrong_flag_is_pointed_at() {
    let map = shipped();
    let bare = map_of(
        "version: 1\nbuses: {b: {simulate: true}}\nframes: {l: {length: 2, signals: {level: {byte: 0, type: u16le}}}}\n\
         rooms: {Shed: {tank: [{node: T1, frame: l, bus: b, id: 0x1}]}}\n",
    );
    let refused = |template: &str, wishes: Wishes, map: &ChannelMap| {
        templates::find(template).and_then(|template| template.make(&wishes, map)).unwrap_err().text()
    };
    for (said, wanted) in [
        (refused("coolling", wish("x"), &map), "--template: there is no template 'coolling': did you mean 'cooling'?"),
        (refused("cooling", wish("x"), &bare), "this site has no device at all"),
        (refused("alert", wish("x"), &bare), "no node of this site sends `temperature`: there is: level"),
        (refused("alert", Wishes { field: Some("level".into()), ..wish("x") }, &bare), "--above: is needed"),
        (refused("cooling", Wishes { above: Some(80.0), ..wish("x") }, &map), "--above: nothing is above 80"),
        (
            refused("cooling", Wishes { above: Some(20.0), below: Some(30.0), ..wish("x") }, &map),
            "--below: 30 is not below --above 20",
        ),
        (
            refused("cooling", Wishes { set: Some("140".into()), ..wish("x") }, &map),
            "--set: Flower Room/exhaust goes from 0",
        ),
        (refused("log", Wishes { above: Some(1.0), ..wish("x") }, &map), "--above: means nothing to the template log"),
        (
            refused(
                "cooling",
                Wishes { place: plant::Where { room: Some("Flower Rom".into()), ..Default::default() }, ..wish("x") },
                &map,
            ),
            "--room: there is no room 'Flower Rom': did you mean 'Flower Room'?",
        ),
        (
            refused(
                "heating",
                Wishes { place: plant::Where { room: Some("Flower Room".into()), ..Default::default() }, ..wish("x") },
                &map,
            ),
            "Flower Room has no device that fits",
        ),
    ] {
        assert!(said.contains(wanted), "{said}\n  wanted: {wanted}");
    }
}

fn asked(answers: &[(&'static str, &'static str)], map: &ChannelMap) -> (Made, Option<KeyFlags>, Vec<String>) {
    let mut person = Script::new(answers);
    let add = Add {
        name: Some("mine".into()),
        template: None,
        list_templates: false,
        dry_run: false,
        yes: false,
        flags: TemplateFlags::default(),
        keys: KeyFlags::default(),
    };
    let (made, keys) =
        questions::ask(&mut person, &add, "mine", map).unwrap_or_else(|why| panic!("{why:?} {:?}", person.said));
    assert!(person.answers.is_empty(), "not asked: {:?}", person.answers);
    (made, keys, person.said)
}

#[test]
fn questions_fit_a_template_and_ask_again_after_a_wrong_answer() {
    let map = shipped();
    let (made, keys, said) = asked(
        &[
            ("What is the rule to do?", "cooling:"),
            ("begins above", "warm"),
            ("begins above", "27.5"),
            ("lets go below", ""),
            ("For how long", "1m"),
            ("Is it to act?", "shadow"),
            ("Write it", ""),
        ],
        &map,
    );
    assert!(keys.is_none() && said[0].contains("'warm' is not a number"), "{said:?}");
    let rule = strictly("mine", &made.rule, &map);
    assert_eq!((rule.mode, rule.hold.as_secs()), (rules::Mode::Shadow, 60));
    assert!(made.rule.contains("> 27.5") && made.rule.contains("< 25.5"), "{}", made.rule);
    assert!(said.iter().any(|text| text.contains("# Hysteresis")), "the file is shown before it is written");

    let (made, ..) = asked(
        &[
            ("What is the rule to do?", "alert:"),
            ("In which room?", "Veg Room"),
            ("Which field?", "ec_1"),
            ("begins above", "3"),
            ("lets go below", "2.5"),
            ("For how long", ""),
            ("Write it", "yes"),
        ],
        &map,
    );
    strictly("mine", &made.rule, &map);
    assert!(made.rule.contains("sensor:update:Veg Room:*") && made.rule.contains("msg.ec_1 > 3"), "{}", made.rule);
    assert!(made.test.expect("a test").contains("\"1.5 4x"));
}

#[test]
fn questions_key_by_key_make_a_rule_and_its_test() {
    let map = shipped();
    let (made, keys, _) = asked(
        &[
            ("What is the rule to do?", "something else"),
            ("listen to", "sensor:update:Flower Room:front"),
            ("When does it act?", "humidity"),
            ("above or below?", "above"),
            ("above how much, in %", "140"),
            ("above how much", "60"),
            ("lasts until", "another limit"),
            ("below how much", "70"),
            ("below how much", "52"),
            ("For how long", "30s"),
            ("What does it do?", "switch Flower Room/dehumidifier"),
            ("to what?", ""),
            ("what is it for?", "Keeps it dry"),
            ("Write it", ""),
        ],
        &map,
    );
    let rule = strictly("mine", &made.rule, &map);
    let keys = keys.expect("keys");
    let test = recognise::test_of(&keys, &rule, &map, &map.inventory).expect("it can be told");
    assert_eq!(tests_of(&test).len(), 2);
    assert!(test.contains(r#"set: "Flower Room/dehumidifier", to: "on", instance: "FR-C1""#), "{test}");
}

#[test]
fn questions_take_a_clock_and_channels_that_the_map_does_not_know() {
    let map = shipped();
    let (made, keys, _) = asked(
        &[
            ("What is the rule to do?", "something else"),
            ("listen to", "nothing: it runs by the clock"),
            ("When does it run?", "sometimes"),
            ("When does it run?", "at 07:00"),
            ("What does it do?", "say it in the log"),
            ("Which words?", "good morning"),
            ("what is it for?", ""),
            ("Write it", ""),
        ],
        &map,
    );
    let rule = strictly("mine", &made.rule, &map);
    assert_eq!(made.rule, "schedule: at 07:00\neach: |\n  warn(`good morning`);\n");
    assert!(recognise::test_of(&keys.expect("keys"), &rule, &map, &map.inventory).is_none());
    let (made, _, said) = asked(
        &[
            ("What is the rule to do?", "something else"),
            ("listen to", "another pattern"),
            ("Which pattern?", "weather:{place}"),
            ("When does it act?", "condition of my own"),
            ("Which condition?", "msg.gust >"),
            ("Which condition?", "msg.gust > 20 && place == \"roof\""),
            ("For how long", ""),
            ("What does it do?", "script of my own"),
            ("Which script?", "device(\"Veg Room\", \"valv_1\").off();"),
            ("follow it without a message", ""),
            ("What does it do?", "switch Veg Room/valve_1"),
            ("to what?", "off"),
            ("follow it without a message", "10m"),
            ("what is it for?", ""),
            ("Write it", ""),
        ],
        &map,
    );
    strictly("mine", &made.rule, &map);
    assert!(said[0].contains("script is incomplete"), "{said:?}");
    assert!(said[1..].iter().any(|text| text.contains("did you mean `valve_1`")), "{said:?}");
    assert!(made.rule.contains("stale: 10m\n"), "{}", made.rule);
}
