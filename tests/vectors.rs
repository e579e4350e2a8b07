//! The codec against cantools: every line of `tests/vectors/vectors.jsonl`, whose README says how it was made and where
//! growctl differs on purpose.

use std::collections::BTreeMap;
use std::path::Path;

use growctl_engine::can::CanId;
use growctl_engine::channels::codec::Number;
use growctl_engine::channels::dbc::{Database, Message, Value as Decoded};
use growctl_engine::files::{Report, read_database};
use growctl_engine::model::Value;
use serde_json::Value as Json;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"))
}

fn open(name: &str) -> Database {
    let mut report = Report::default();
    let file = read_database(folder(), Path::new(name), &mut report);
    let database = file.and_then(|file| Database::load(&file, &mut report));
    database.unwrap_or_else(|| panic!("{name}: {}", report.render(false)))
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

fn number(json: &Json) -> Option<Number> {
    match json {
        Json::String(text) => {
            let float = || text.parse::<f64>().ok().filter(|float| float.is_finite()).map(Number::Float);
            text.parse::<i128>().map(Number::Int).ok().or_else(float)
        }
        Json::Number(n) if n.is_f64() => n.as_f64().map(Number::Float),
        Json::Number(n) => n.as_i64().map(i128::from).or(n.as_u64().map(i128::from)).map(Number::Int),
        _ => None,
    }
}

/// Equal as Python compares an integer with a float: by the exact value.
fn same(ours: Number, theirs: Number) -> bool {
    match (ours, theirs) {
        (Number::Int(a), Number::Int(b)) => a == b,
        (Number::Float(a), Number::Float(b)) => a == b,
        (Number::Int(whole), Number::Float(float)) | (Number::Float(float), Number::Int(whole)) => {
            float.fract() == 0.0 && float as i128 == whole
        }
    }
}

fn object(json: &Json, key: &str) -> BTreeMap<String, Json> {
    json.get(key).and_then(Json::as_object).into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The first difference of a decoded frame.
fn decode(message: &Message, line: &Json, hex: &str) -> Result<(), String> {
    let (mut numbers, labels) = (object(line, "n"), object(line, "l"));
    let data = bytes(hex);
    let decoded = message.decode(&data);
    for (signal, value) in decoded.signals() {
        let theirs = numbers.remove(&*signal.name);
        match value {
            Decoded::Number(ours, bits) => {
                let wanted =
                    theirs.as_ref().and_then(number).ok_or_else(|| format!("{} is not theirs: {ours}", signal.name))?;
                if !same(ours, wanted) {
                    return Err(format!("{}: {ours:?} is {wanted:?}", signal.name));
                }
                let label = signal.text_of(bits).map(|text| &**text);
                let wanted = labels.get(&*signal.name).and_then(Json::as_str);
                if label != wanted {
                    return Err(format!("{}: the label {label:?} is {wanted:?}", signal.name));
                }
            }
            // NaN and infinities are texts in the file; what does not fit is not in it.
            Decoded::Bad(why) if theirs.is_none() == (why.to_string() == "short") => {}
            Decoded::Bad(why) => return Err(format!("{} is {why}: {theirs:?}", signal.name)),
        }
    }
    if numbers.is_empty() { Ok(()) } else { Err(format!("missing {numbers:?}")) }
}

/// Encodes all signals of a message that have numbers.
fn encode(message: &Message, line: &Json, hex: &str) -> Result<(), String> {
    let mut data = vec![0; usize::from(message.layout.length)];
    for (name, value) in object(line, "e") {
        let at = message.layout.signal(&name).ok_or_else(|| format!("no signal {name}"))?;
        // NaN and infinities are refused.
        let Some(value) = number(&value) else { return Ok(()) };
        message.layout.signals[at].encode_number(value, &mut data)?;
    }
    if data == bytes(hex) { Ok(()) } else { Err(format!("{data:02x?}")) }
}

fn one(message: &Message, line: &Json, name: &str) -> Result<(), String> {
    let at = message.layout.signal(name).ok_or_else(|| format!("no signal {name}"))?;
    let signal = &message.layout.signals[at];
    let value = match line.get("t").and_then(Json::as_str) {
        Some(text) => Value::text(text),
        None => Value::Number(number(&line["v"]).ok_or("no number")?.as_f64()),
    };
    let mut data = [0; 64];
    let ours = signal.encode(&value, &mut data).ok().and_then(|()| signal.layout.get(&data));
    let theirs = line.get("bits").and_then(Json::as_u64);
    if ours == theirs { Ok(()) } else { Err(format!("{name} = {value}: {ours:?} is {theirs:?}")) }
}

fn check(message: &Message, line: &Json) -> Result<(), String> {
    let text = |key: &str| line.get(key).and_then(Json::as_str);
    match (text("d"), text("short"), text("s")) {
        (Some(hex), ..) if line.get("e").is_some() => encode(message, line, hex),
        (Some(hex), ..) | (_, Some(hex), _) => decode(message, line, hex),
        (.., Some(signal)) => one(message, line, signal),
        _ => Err("no vector".to_owned()),
    }
}

fn id(line: &Json) -> Option<CanId> {
    let raw = u32::try_from(line.get("id")?.as_u64()?).ok()?;
    if raw >> 31 == 1 { CanId::extended(raw & 0x7FFF_FFFF) } else { CanId::standard(raw) }
}

#[test]
fn every_vector_of_cantools_is_passed() {
    let text = std::fs::read_to_string(folder().join("vectors.jsonl")).expect("the vectors can be read");
    let (mut name, mut database, mut of) = (String::new(), None, None);
    let (mut passed, mut wrong) = (0, Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let json: Json = serde_json::from_str(line).expect("a line is JSON");
        if let Some(file) = json.get("file").and_then(Json::as_str) {
            (name, database, of) = (file.to_owned(), Some(open(file)), None);
        } else if let Some(id) = id(&json) {
            of = Some(id);
            let message = database.as_ref().and_then(|database| database.with_id(id));
            assert_eq!(message.map(|message| &*message.name), json["m"].as_str(), "{name} {id}");
        } else if json.get("refused").is_none() {
            let message =
                database.as_ref().zip(of).and_then(|(database, id)| database.with_id(id)).expect("it is there");
            match check(message, &json) {
                Ok(()) => passed += 1,
                Err(why) => wrong.push(format!("line {number}: {name} {}: {why}\n    {line}", message.name)),
            }
        }
    }
    let shown: Vec<&str> = wrong.iter().take(20).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), wrong.len() + passed, shown.join("\n"));
    assert!(passed > 10_000, "{passed} vectors only");
}
