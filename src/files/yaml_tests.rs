use serde::Deserialize;

use super::*;
use crate::files::{Entries, Spanned};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Spec {
    rooms: Entries<Spanned<u32>>,
    then: Option<Spanned<String>>,
    pair: Option<(f64, f64)>,
    items: Vec<Item>,
    switch: Option<Spanned<Switch>>,
    word: Option<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    name: Spanned<String>,
    #[serde(default)]
    on: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected an address such as 127.0.0.1:6380, or false")]
enum Switch {
    Flag(bool),
    Address { host: Spanned<String> },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Word {
    Active,
    Shadow,
    Every(u32),
}

fn file(text: &str) -> Arc<SourceFile> {
    SourceFile::new("x.yaml", text)
}

fn good(text: &str) -> Spec {
    let mut report = Report::default();
    read(&file(text), &mut report).unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// Each fault as `line:column message (help)`.
fn faults(text: &str) -> Vec<String> {
    let mut report = Report::default();
    let spec: Option<Spec> = read(&file(text), &mut report);
    assert!(spec.is_none(), "{spec:?}");
    report.diagnostics.iter().map(|fault| fault.to_string().replace("x.yaml:", "")).collect()
}

#[test]
fn keys_and_values_know_their_place() {
    let spec = good("rooms:\n  Flower Room: 3\n  b: 4\nthen: |\n  let a = 1;\n");
    assert_eq!(spec.rooms.0[0].0.place, Place { line: 2, column: 3, len: 11 });
    assert_eq!((spec.rooms.0[1].1.place.line, spec.rooms.0[1].1.place.column), (3, 6));
    assert_eq!(spec.then.map(|t| t.place.line), Some(5));
}

#[test]
fn every_form_of_value_is_read() {
    let spec =
        good("\u{feff}pair: [1, 0x10]\r\nitems:\r\n- name: 007\r\n  on: true\r\n- {name: 'it''s'}\r\nrooms:\r\n");
    assert_eq!(spec.pair, Some((1.0, 16.0)));
    let names: Vec<&str> = spec.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!((names, spec.items[0].on), (vec!["007", "it's"], true));
    assert_eq!((spec.items[1].name.place.line, spec.items[1].name.place.column), (5, 10));
    assert_eq!((good("word: shadow").word, good("word: {every: 3}").word), (Some(Word::Shadow), Some(Word::Every(3))));
    assert!(good("pair: [.inf, '-.5']").pair.is_some_and(|(inf, half)| inf.is_infinite() && half == -0.5));
    let untyped: Option<serde_json::Value> = read(&file("a: .nan"), &mut Report::default());
    assert_eq!(untyped, None);
    let merged = good("items:\n- &a {name: x, on: true}\n- {<<: *a, name: y}\n- *a\n");
    assert_eq!(merged.items.iter().filter(|item| item.on).count(), 3);
}

#[test]
fn a_value_of_several_forms_has_the_place_of_the_whole() {
    let Some(Spanned { value: Switch::Address { host }, .. }) = good("word: active\nswitch: {host: h}\n").switch else {
        panic!("it is an address");
    };
    assert_eq!((host.place.line, host.place.column), (2, 9));
    assert_eq!(
        faults("switch: 5\n"),
        ["1:9: expected an address such as 127.0.0.1:6380, or false, found the number `5`"]
    );
    assert!(matches!(good("switch: false").switch.map(|it| it.value), Some(Switch::Flag(false))));
}

#[test]
fn every_fault_of_shape_is_told_at_once_and_no_other_for_it() {
    let text =
        "rooms: {a: x, b: 3}\nthem: x\npair: [1]\nitems:\n- nam: x\n- name: y\n  on: yes\n- {on: true}\nword: actve\n";
    assert_eq!(
        faults(text),
        [
            "1:12: expected a whole number, 0 or more, found the text `x`",
            "2:1: unknown key `them` (did you mean `then`?)",
            "3:7: expected a list of 2 values, found a list of one value",
            "5:3: unknown key `nam` (did you mean `name`?)",
            "7:7: expected `true` or `false`, found the text `yes` (write `true`, without quotes)",
            "8:3: the key `name` is missing",
            "9:7: `actve` is not one of the words that are possible here (did you mean `active`?)",
        ]
    );
}

#[test]
fn what_is_no_yaml_hides_nothing_else() {
    let text = "rooms:\n  a: 1\n  b: [2\n  c: x\nthen: info(\"a: b\")\npair: 3\nitems:\n\t- name: x\n";
    assert_eq!(
        faults(text),
        [
            "3:6: `[` is never closed (write the `]` where the list ends)",
            "4:6: expected a whole number, 0 or more, found the text `x`",
            "5:14: `: ` within a text begins a value in YAML (write `then: |` and the script below it, indented)",
            "6:7: expected a list of 2 values, found the number `3` (one value is a list as well: `[3]`)",
            "8:1: a tab indents this line: YAML takes spaces only (replace it by spaces; most editors can do so whenever they save)",
        ]
    );
}

#[test]
fn a_spec_with_gaps_knows_what_is_missing() {
    let mut report = Report::default();
    let text = "rooms:\n  Veg: x\n  Flower: 2\nitems:\n- {name: [], on: true}\nword: nothing\n";
    let (spec, gaps) = read_with_gaps::<Spec>(&file(text), &mut report).expect("something is left");
    assert_eq!((spec.rooms.0.len(), report.errors()), (1, 3));
    assert!(gaps.name("Veg") && !gaps.name("Flower") && gaps.key("word") && !gaps.key("name"));
    assert!(gaps.key_near(Place { line: 2, column: 1, len: 1 }, "Veg"));
    assert!(!gaps.key_near(Place { line: 2, column: 1, len: 1 }, "name"));
}

/// Whatever is typed or lost anywhere: a spec or faults, each at a place of the file, and never a panic.
#[test]
fn a_slip_at_any_place_is_told_at_a_place_of_the_file() {
    const ODD: [&str; 18] =
        ["\t", ":", ": ", "{", "}", "[", "]", "\"", "'", "- ", " #", "\u{a0}", "“", "*", "&a ", "!x ", "\n", "\r\n  "];
    let good = "rooms:\n  Flower Room: 3 # why\n  'b': 0x10\nthen: |\n  info(\"°C\");\n\npair: [1, 2.5]\nitems:\n\
        - name: one\n  on: true\n- {name: \"two\", on: false}\nswitch: {host: h}\nword: active\n";
    let (mut refused, mut loaded) = (0, 0);
    for at in (0..good.len()).filter(|at| good.is_char_boundary(*at)) {
        let rest = good[at..].char_indices().nth(1).map_or("", |(next, _)| &good[at + next..]);
        let slips = ODD.iter().map(|odd| format!("{}{odd}{}", &good[..at], &good[at..]));
        for text in slips.chain([format!("{}{rest}", &good[..at]), good[..at].to_owned()]) {
            let mut report = Report::default();
            let spec: Option<Spec> = read(&file(&text), &mut report);
            assert_eq!(spec.is_some(), report.errors() == 0, "{text}");
            for fault in &report.diagnostics {
                assert!(fault.place.line <= text.lines().count().max(1), "{}\n{text}", report.render(false));
                assert!(fault.place.end(&text) >= (fault.place.line, fault.place.column), "{fault}\n{text}");
            }
            assert!(report.diagnostics.len() < 20, "{}", report.render(false));
            *(if spec.is_some() { &mut loaded } else { &mut refused }) += 1;
        }
    }
    assert!(refused > 500 && loaded > 500, "{refused} {loaded}");
}

#[test]
fn a_yaml_bomb_costs_nothing() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..12 {
        let refs = vec![format!("*a{}", i - 1); 9].join(",");
        text += &format!("a{i}: &a{i} [{refs}]\n");
    }
    assert!(faults(&text)[0].contains("20000"), "{:?}", faults(&text));
    assert!(faults(&"[".repeat(10_000))[0].contains("deep"));
    assert!(faults(&"x: 1\n".repeat(10_000)).len() < 110);
    assert!(faults(&"- x: {\n".repeat(10_000)).len() < 110);
}
