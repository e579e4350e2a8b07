//! JSON with `{{name}}` in its texts. It is filled in the parsed tree, so whatever a value holds, it stays one text of it: no
//! quotation mark of a rule's words can end it. A name that nobody knows is told when it is read.

use serde_json::{Map, Value as Json};

use crate::files::closest;
use crate::model::Parcel;

/// JSON with holes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Plain(Json),
    Text(Vec<Piece>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Words(String),
    Hole(String),
}

/// What a template of a value can name, besides `value` and `value.<field>`.
const OF_VALUE: [&str; 4] = ["value", "key", "at", "tries"];

impl Template {
    /// One that may name these.
    pub(super) fn new(json: &Json, names: &[&str]) -> Result<Template, String> {
        Ok(Template(read(json, &|name| check(name, names))?))
    }

    /// One that is filled with the value of `send`.
    pub(super) fn of_value(json: &Json) -> Result<Template, String> {
        Ok(Template(read(json, &|name| match name.strip_prefix("value.") {
            Some(field) if !field.is_empty() => Ok(()),
            _ => check(name, &OF_VALUE).map_err(|why| format!("{why}; a field of the value is `value.temperature`")),
        })?))
    }

    /// Filled with the value of `send`.
    pub(super) fn fill_value(&self, value: &Json, parcel: &Parcel) -> Json {
        self.fill(&|name| match name {
            "value" => value.clone(),
            "key" => Json::from(&*parcel.key),
            "at" => Json::from(parcel.at.seconds()),
            "tries" => Json::from(parcel.tries),
            _ => field(value, name.trim_start_matches("value.")),
        })
    }

    /// Filled: a text that is one hole and no more becomes what stands for it, be it a number.
    pub(super) fn fill(&self, holes: &dyn Fn(&str) -> Json) -> Json {
        fill(&self.0, holes)
    }
}

fn field(value: &Json, path: &str) -> Json {
    path.split('.').try_fold(value, |value, name| value.get(name)).cloned().unwrap_or(Json::Null)
}

fn check(name: &str, names: &[&str]) -> Result<(), String> {
    if names.contains(&name) {
        return Ok(());
    }
    let near = closest(name, names.iter().copied()).map(|near| format!(", did you mean `{near}`?"));
    let near = near.unwrap_or_else(|| format!(": expected one of {}", names.join(", ")));
    Err(format!("`{{{{{name}}}}}` names nothing{near}"))
}

fn read(json: &Json, known: &dyn Fn(&str) -> Result<(), String>) -> Result<Node, String> {
    Ok(match json {
        Json::String(text) => Node::Text(pieces(text, known)?),
        Json::Array(items) => Node::List(items.iter().map(|item| read(item, known)).collect::<Result<_, _>>()?),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, item)| Ok((name.clone(), read(item, known)?)));
            Node::Map(fields.collect::<Result<_, String>>()?)
        }
        plain => Node::Plain(plain.clone()),
    })
}

fn pieces(text: &str, known: &dyn Fn(&str) -> Result<(), String>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let Some(length) = rest[open..].find("}}") else {
            return Err(format!("{text:?} opens `{{{{` and does not close it"));
        };
        let name = rest[open + 2..open + length].trim();
        known(name)?;
        pieces.extend([Piece::Words(rest[..open].to_owned()), Piece::Hole(name.to_owned())]);
        rest = &rest[open + length + 2..];
    }
    pieces.push(Piece::Words(rest.to_owned()));
    pieces.retain(|piece| !matches!(piece, Piece::Words(words) if words.is_empty()));
    Ok(pieces)
}

fn fill(node: &Node, holes: &dyn Fn(&str) -> Json) -> Json {
    match node {
        Node::Plain(json) => json.clone(),
        Node::Text(pieces) => match &pieces[..] {
            [Piece::Hole(name)] => holes(name),
            _ => Json::from(pieces.iter().map(|piece| words(piece, holes)).collect::<String>()),
        },
        Node::List(items) => items.iter().map(|item| fill(item, holes)).collect(),
        Node::Map(fields) => {
            Json::Object(fields.iter().map(|(name, item)| (name.clone(), fill(item, holes))).collect::<Map<_, _>>())
        }
    }
}

fn words(piece: &Piece, holes: &dyn Fn(&str) -> Json) -> String {
    match piece {
        Piece::Words(words) => words.clone(),
        Piece::Hole(name) => match holes(name) {
            Json::String(text) => text,
            Json::Null => String::new(),
            Json::Array(lines) => lines
                .iter()
                .map(|line| line.as_str().map_or_else(|| line.to_string(), ToOwned::to_owned))
                .collect::<Vec<_>>()
                .join("\n"),
            other => other.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parcel() -> Parcel {
        Parcel { id: 1, key: "k".into(), at: crate::model::Utc(1_500_000_000), tries: 2, body: String::new() }
    }

    #[test]
    fn a_hole_keeps_its_kind_and_its_place() {
        let told = json!({"t": "{{value.temperature}}", "text": "{{ value.id }}: {{value.temperature}} °C, {{value.gone}}",
            "more": [{"all": "{{value}}", "gone": "{{value.gone}}"}, 1, null, "{{at}} {{key}} {{tries}}"]});
        let template = Template::of_value(&told).expect("every name is known");
        let value = json!({"id": "a\",\"x\":\"}", "temperature": 21.5});
        let filled = json!({"t": 21.5, "text": "a\",\"x\":\"}: 21.5 °C, ",
            "more": [{"all": value, "gone": null}, 1, null, "1.5 k 2"]});
        assert_eq!(template.fill_value(&value, &parcel()), filled);
    }

    #[test]
    fn a_name_that_nobody_knows_is_told_with_the_one_that_was_meant() {
        let told = |text: &str| Template::new(&json!([{"x": text}]), &["summary", "site"]).expect_err("it is wrong");
        assert_eq!(told("{{sumary}}"), "`{{sumary}}` names nothing, did you mean `summary`?");
        assert_eq!(told("a {{weather}}"), "`{{weather}}` names nothing: expected one of summary, site");
        assert!(told("{{site").contains("does not close it"));
        assert!(Template::of_value(&json!("{{temperature}}")).expect_err("no field").contains("value.temperature"));
    }
}
