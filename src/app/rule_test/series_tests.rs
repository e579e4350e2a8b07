use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> String {
    let series = Series::parse(text).unwrap_or_else(|(item, why)| panic!("{item}: {why}"));
    let value = |value: &Option<Value>| match value {
        None => "_".to_owned(),
        Some(value) => serde_json::to_string(value).unwrap(),
    };
    let mut all: Vec<String> = series.values.iter().map(value).collect();
    if series.endless {
        all.push("…".to_owned());
    }
    all.join(" ")
}

#[test]
fn the_examples_of_promtool_mean_here_what_they_mean_there() {
    assert_eq!(shown("-2+4x3"), "-2.0 2.0 6.0 10.0");
    assert_eq!(shown("1-2x4"), "1.0 -1.0 -3.0 -5.0 -7.0");
    assert_eq!(shown("1x4"), "1.0 1.0 1.0 1.0 1.0");
    assert_eq!(shown(" 1 _x3 2"), "1.0 _ _ _ 2.0");
    assert_eq!(shown("1 _ 2"), "1.0 _ 2.0");
    assert_eq!(shown("20+0.1x3"), "20.0 20.1 20.2 20.3");
    assert_eq!(shown("1e-3x1 -4"), "0.001 0.001 -4.0");
}

#[test]
fn texts_missing_values_and_what_has_no_end() {
    assert_eq!(shown("okx1 'warming up'x1 fault"), r#""ok" "ok" "warming up" "warming up" "fault""#);
    assert_eq!(shown(r#""_" "12" box "x2""#), r#""_" "12" "box" "x2""#);
    assert_eq!(shown("null invalidx1 true"), "null null null true");
    assert_eq!(shown("20 28.5x*"), "20.0 28.5 …");
    assert_eq!(shown("1 _x*"), "1.0 _ …");
    let endless = Series::parse("20 28.5x*").expect("right");
    assert_eq!((endless.at(0), endless.at(9_999)), (Some(&20.0.into()), Some(&28.5.into())));
}

#[test]
fn what_is_no_series_is_refused_with_the_item() {
    for (text, item) in [
        ("", ""),
        ("20 28,5x20", "28,5x20"),
        ("28x1.5", "28x1.5"),
        ("20+0.5", "20+0.5"),
        ("20+0.5x*", "20+0.5x*"),
        ("20++1x3", "20++1x3"),
        ("12:30", "12:30"),
        ("1x* 2", "2"),
        ("'warming up", "'warming up"),
        ("'ok'y", "'ok'y"),
        ("1x100000", "1x100000"),
        ("1x99999999999999999999", "1x99999999999999999999"),
        ("1e999", "1e999"),
        ("-", "-"),
    ] {
        assert_eq!(Series::parse(text).map_err(|(item, _)| item), Err(item.to_owned()), "{text}");
    }
}

/// One item as the test writes it, and the values that it stands for, in tenths so that nothing is rounded.
#[derive(Clone, Debug)]
enum Written {
    Number(i32),
    Same(i32, u8),
    Ramp(i32, i32, u8),
    Gap(Option<u8>),
    Word(&'static str, Option<u8>),
}

fn tenths(n: i32) -> String {
    format!("{}{}.{}", if n < 0 { "-" } else { "" }, n.abs() / 10, n.abs() % 10)
}

impl Written {
    fn text(&self) -> String {
        let more = |n: &Option<u8>| n.map_or(String::new(), |n| format!("x{n}"));
        match self {
            Written::Number(n) => tenths(*n),
            Written::Same(n, more) => format!("{}x{more}", tenths(*n)),
            Written::Ramp(n, by, more) => {
                format!("{}{}{}x{more}", tenths(*n), if *by < 0 { '-' } else { '+' }, tenths(by.abs()))
            }
            Written::Gap(n) => format!("_{}", more(n)),
            Written::Word(word, n) => format!("{word}{}", more(n)),
        }
    }

    /// The slow reading: one value after the other.
    fn expand(&self, into: &mut Vec<Option<Value>>) {
        let number = |n: i32| Some(Value::Number(tenths(n).parse().unwrap()));
        match self {
            Written::Number(n) => into.push(number(*n)),
            Written::Same(n, more) => {
                into.push(number(*n));
                for _ in 0..*more {
                    into.push(number(*n));
                }
            }
            Written::Ramp(n, by, more) => {
                let mut now = *n;
                into.push(number(now));
                for _ in 0..*more {
                    now += by;
                    into.push(number(now));
                }
            }
            Written::Gap(n) => (0..n.unwrap_or(1)).for_each(|_| into.push(None)),
            Written::Word(word, n) => {
                let value = if *word == "null" { Value::Null } else { Value::text(word.trim_matches(['"', '\''])) };
                (0..=n.unwrap_or(0)).for_each(|_| into.push(Some(value.clone())));
            }
        }
    }
}

fn written() -> impl Strategy<Value = Written> {
    let words = prop::sample::select(vec!["ok", "null", "\"warming up\"", "'-5'", "fox", "x", "é"]);
    prop_oneof![
        (-9_999i32..9_999).prop_map(Written::Number),
        (-9_999i32..9_999, any::<u8>()).prop_map(|(n, more)| Written::Same(n, more)),
        (-9_999i32..9_999, -999i32..999, any::<u8>()).prop_map(|(n, by, more)| Written::Ramp(n, by, more)),
        prop::option::of(any::<u8>()).prop_map(Written::Gap),
        (words, prop::option::of(any::<u8>())).prop_map(|(word, more)| Written::Word(word, more)),
    ]
}

proptest! {
    #[test]
    fn a_series_is_its_items_one_after_the_other(
        items in prop::collection::vec((written(), prop::sample::select(vec![" ", "  ", "\n", "\t "])), 1..20),
    ) {
        let (mut text, mut expected) = (String::new(), Vec::new());
        for (item, space) in &items {
            text += space;
            text += &item.text();
            item.expand(&mut expected);
        }
        let got = Series::parse(&text);
        if expected.is_empty() {
            prop_assert!(got.is_err());
        } else {
            prop_assert_eq!(got, Ok(Series { values: expected, endless: false }), "{}", text);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[-+0-9.eExX*_'\" a-zé]{0,24}") {
        let _ = Series::parse(&text);
    }
}
