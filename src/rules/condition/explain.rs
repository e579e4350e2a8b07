//! What a condition says, part by part: for people who ask why. Judged anew when somebody asks, so that an event pays
//! nothing for it.

use serde::Serialize;

use crate::model::{Name, Value};

use super::super::convert::to_value;
use super::super::host::Host;
use super::super::script::Script;
use super::super::{Env, Fault, Truth};
use super::parts::Written;
use super::term::{Term, Val};
use super::{Condition, Node};

/// So many parts of one condition are shown.
const MOST_PARTS: usize = 24;
/// So many characters of a text are shown.
const MOST_LETTERS: usize = 60;

/// A part of a condition that is true, false or unknown by itself.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) written: Written,
    /// The sides of a comparison that Rhai evaluates.
    pub(super) sides: Box<[Side]>,
}

/// One side of such a comparison.
#[derive(Debug)]
pub(super) enum Side {
    Term(Term),
    Script(Name, Box<Script>),
}

/// What one part of a condition says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// As it is written.
    pub text: Name,
    /// Where, in the rule's file.
    pub line: u32,
    /// Where in the line, from 1.
    pub column: u32,
    /// Its answer.
    pub truth: Truth,
    /// What it names, and what that was worth; `null`: no good value.
    pub values: Vec<(Name, Value)>,
    /// Why it could not be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Checked {
    /// About how many bytes it takes.
    pub(in crate::rules) fn weight(&self) -> usize {
        let text = |value: &Value| value.as_text().map_or(0, str::len);
        let values = self.values.iter().map(|(_, value)| size_of::<(Name, Value)>() + text(value));
        size_of::<Checked>() + values.sum::<usize>() + self.error.as_ref().map_or(0, String::len)
    }
}

impl Condition {
    /// Tells where in its file every part stands; `place` takes line and column of the condition.
    pub(in crate::rules) fn settle(&mut self, place: impl Fn(usize, usize) -> (usize, usize)) {
        for Written { line, column, .. } in self.parts.iter_mut().map(|part| &mut part.written) {
            (*line, *column) = place(*line, *column);
        }
    }

    /// Judges every part, those too that need not be looked at for the answer.
    pub(in crate::rules) fn explain(&self, host: &mut Host, env: &Env<'_>, into: &mut Vec<Checked>) {
        let mut parts = self.parts.iter().take(MOST_PARTS.saturating_sub(into.len()));
        self.tree.explain(&mut parts, host, env, into);
    }
}

impl Node {
    fn explain<'p>(
        &self,
        parts: &mut impl Iterator<Item = &'p Part>,
        host: &mut Host,
        env: &Env<'_>,
        into: &mut Vec<Checked>,
    ) {
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| node.explain(parts, host, env, into)),
            Node::Not(node) => node.explain(parts, host, env, into),
            _ => {
                let Some(part) = parts.next() else { return };
                let (truth, error) = match self.judge(host, env) {
                    Ok(truth) => (truth, None),
                    Err(Fault::Unknown) => (Truth::Unknown, None),
                    Err(Fault::Failed { message }) => (Truth::Unknown, Some(message)),
                };
                let values = self.values(part, host, env);
                let Written { text, line, column } = &part.written;
                let (text, line, column) = (text.clone(), *line as u32, *column as u32);
                into.push(Checked { text, line, column, truth, values, error });
            }
        }
    }

    fn values(&self, part: &Part, host: &mut Host, env: &Env<'_>) -> Vec<(Name, Value)> {
        let mut found = Vec::new();
        let mut add = |name: Name, value: Value| {
            if !found.iter().any(|(known, _)| *known == name) {
                found.push((name, value));
            }
        };
        match self {
            Node::Compare(_, left, right) => [left, right].into_iter().for_each(|term| term.named(env, &mut add)),
            Node::Absent(term, _) | Node::Flag(term) => term.named(env, &mut add),
            Node::Leaf(script) => {
                for side in &part.sides {
                    match side {
                        Side::Term(term) => term.named(env, &mut add),
                        Side::Script(name, script) => {
                            let value = host.evaluate(script, env).ok().and_then(|value| to_value(&value).ok());
                            add(name.clone(), shown(value.unwrap_or_default()));
                        }
                    }
                }
                for field in &script.fields {
                    let value = env.message.and_then(|message| message.fields.get(field)).cloned();
                    add(format!("msg.{field}").into(), shown(value.unwrap_or_default()));
                }
            }
            Node::And(_) | Node::Or(_) | Node::Not(_) | Node::Constant(_) => {}
        }
        found
    }
}

impl Term {
    /// Everything in it that has a name, with what it is worth.
    fn named(&self, env: &Env<'_>, add: &mut impl FnMut(Name, Value)) {
        match self {
            Term::Null | Term::Bool(_) | Term::Int(_) | Term::Number(_) | Term::Text(_) | Term::Rule => {}
            Term::Negative(term) => term.named(env, add),
            Term::Calculate(_, terms) => terms.iter().for_each(|term| term.named(env, add)),
            Term::Coalesce(terms) => terms.iter().for_each(|term| term.named(env, add)),
            Term::Field(_) | Term::Segment(_) | Term::Channel | Term::Stale | Term::Reset => {
                add(self.to_string().into(), of(self.value(env)));
            }
        }
    }
}

fn of(value: Val<'_>) -> Value {
    match value {
        Val::Null | Val::Bad => Value::Null,
        Val::Bool(flag) => flag.into(),
        Val::Int(number) => Value::Number(number as f64),
        Val::Number(number) => number.into(),
        Val::Text(text) => shown(text.into()),
        Val::Other => "a list or a map".into(),
    }
}

/// A value as it is kept and shown: never a long one.
fn shown(value: Value) -> Value {
    match &value {
        Value::Text(text) if text.chars().count() > MOST_LETTERS => {
            let start: String = text.chars().take(MOST_LETTERS).collect();
            Value::text(&format!("{start}…"))
        }
        Value::List(_) | Value::Map(_) => "a list or a map".into(),
        _ => value,
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
