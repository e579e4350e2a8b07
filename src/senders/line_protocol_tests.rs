use proptest::prelude::*;
use serde_json::json;

use super::super::test_server::parcel;
use super::*;

#[test]
fn a_reading_becomes_a_point() {
    let reading = json!({"id": "k3v9-1", "ts": 1735270496.916858, "room": "Flower Room", "cluster": "front",
        "node": "FR-C1", "temperature": 24.8, "light": true, "co2": null, "state": "o\"k\\", "time": 7, "n": 1e300,
        "quality": {"co2": "late"}});
    // As JSON text has them sorted.
    let expected = concat!(
        r"air\ 1,room=Flower\ Room,cluster=front,node=FR-C1 ",
        r#"light=true,n=1e300,quality="{\"co2\":\"late\"}",state="o\"k\\",temperature=24.8,time_=7.0 1735270496916858000"#,
    );
    assert_eq!(line("air 1", &parcel(1, &reading)).as_deref(), Ok(expected));
}

#[test]
fn what_has_no_time_happened_when_it_was_sent() {
    assert_eq!(line("m", &parcel(1, &json!(5))).as_deref(), Ok("m value=5.0 1785000000123456789"));
    assert_eq!(line("m", &parcel(1, &json!({"ok": false}))).as_deref(), Ok("m ok=false 1785000000123456789"));
    for nothing in [json!({"room": "A", "id": "1", "ts": 1}), json!({"x": null}), json!([1]), json!(null)] {
        assert!(line("m", &parcel(1, &nothing)).is_err(), "{nothing}");
    }
}

/// A point, read character by character, as the specification has it.
#[derive(Debug, PartialEq)]
struct Point {
    measurement: String,
    tags: Vec<(String, String)>,
    fields: Vec<(String, Value)>,
    at: i64,
}

struct Reader<'a>(std::iter::Peekable<std::str::Chars<'a>>);

impl Reader<'_> {
    /// Up to an unescaped character of `ends`, which stays.
    fn name(&mut self, special: &str, ends: &str) -> String {
        let mut text = String::new();
        while let Some(c) = self.0.peek().copied().filter(|c| !ends.contains(*c)) {
            self.0.next();
            match self.0.peek() {
                Some(next) if c == '\\' && special.contains(*next) => text.extend(self.0.next()),
                _ => text.push(c),
            }
        }
        text
    }

    fn value(&mut self) -> Value {
        if self.0.next_if_eq(&'"').is_none() {
            let word = self.name("", ", ");
            return word.parse().map_or_else(|_| Value::Bool(word == "true"), Value::Number);
        }
        let mut text = String::new();
        loop {
            match self.0.next().expect("the text ends") {
                '"' => return Value::text(&text),
                '\\' if self.0.peek().is_some_and(|c| *c == '"' || *c == '\\') => text.extend(self.0.next()),
                c => text.push(c),
            }
        }
    }

    fn point(mut self) -> Point {
        let measurement = self.name(", ", ", ");
        let (mut tags, mut fields) = (Vec::new(), Vec::new());
        while self.0.next().expect("fields follow") == ',' {
            let name = self.name(",= ", ",= ");
            assert_eq!(self.0.next(), Some('='));
            tags.push((name, self.name(",= ", ",= ")));
        }
        loop {
            let name = self.name(",= ", ",= ");
            assert_eq!(self.0.next(), Some('='));
            fields.push((name, self.value()));
            if self.0.next().expect("a time follows") == ' ' {
                break;
            }
        }
        let at = self.0.collect::<String>().parse().expect("nanoseconds");
        Point { measurement, tags, fields, at }
    }
}

fn outside(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).map(|c| if c == '\\' { '/' } else { c }).collect()
}

fn nasty() -> impl Strategy<Value = String> {
    prop_oneof!["[ab ,=\"\\\\\n#é]{1,6}", "\\PC{1,8}"]
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_as_it_was(
        measurement in nasty(), room in nasty(), node in nasty(), name in nasty(), text in nasty(), thousandths in -1_000_000_000..1_000_000_000_i64,
    ) {
        // Up to 15 digits are read to the last bit.
        let number = thousandths as f64 / 1e3;
        prop_assume!(!["id", "ts", "time", "room", "cluster", "node", "device", "n"].contains(&&*name));
        let value = json!({"room": room, "node": node, "n": number, &name: text, "ts": 12.5});
        let line = line(&measurement, &parcel(1, &value)).expect("it has fields");
        prop_assert!(!line.contains('\n'));
        let clean = text.replace(char::is_control, " ");
        let mut point = Reader(line.chars().peekable()).point();
        let mut fields = vec![("n".to_owned(), Value::Number(number)), (outside(&name), Value::text(&clean))];
        point.fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        let tags = vec![("room".to_owned(), outside(&room)), ("node".to_owned(), outside(&node))];
        prop_assert_eq!(point, Point { measurement: outside(&measurement), tags, fields, at: 12_500_000_000 });
    }
}
