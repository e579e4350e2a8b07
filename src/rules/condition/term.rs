//! Terms of a lowered condition: what stands on the sides of a comparison.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::model::{Fields, Name, Value};

use super::super::{Env, Truth};

/// A term. None of them allocates when it is evaluated.
#[derive(Debug)]
pub(super) enum Term {
    Null,
    Bool(bool),
    Int(i64),
    Number(f64),
    Text(Name),
    Field(Field),
    Channel,
    Rule,
    Segment(Name),
    Stale,
    Reset,
    Negative(Box<Term>),
    Calculate(Operator, Box<[Term; 2]>),
    /// `a ?? b ?? …`: the first that is there.
    Coalesce(Box<[Term]>),
}

/// A field of the message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Name,
    /// Where it stood in the last message: those of one channel are mostly alike. Only a guess, so no order is needed.
    guess: AtomicUsize,
}

/// What a term is worth right now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Val<'a> {
    /// `null` or absent.
    Null,
    /// Calculated from something that is not good.
    Bad,
    Bool(bool),
    Int(i64),
    Number(f64),
    Text(&'a str),
    /// A list or a map.
    Other,
}

/// `+ - * / %` on numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Order {
    Equal,
    Differs,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Order {
    /// The comparison of an operator.
    pub(in crate::rules) fn of(operator: &str) -> Option<Order> {
        Some(match operator {
            "==" => Order::Equal,
            "!=" => Order::Differs,
            "<" => Order::Less,
            "<=" => Order::AtMost,
            ">" => Order::Greater,
            ">=" => Order::AtLeast,
            _ => return None,
        })
    }

    /// With the sides exchanged.
    pub(in crate::rules) fn turned(self) -> Order {
        match self {
            Order::Less => Order::Greater,
            Order::AtMost => Order::AtLeast,
            Order::Greater => Order::Less,
            Order::AtLeast => Order::AtMost,
            same => same,
        }
    }
}

impl Field {
    pub(super) fn new(name: &str) -> Field {
        Field { name: Name::from(name), guess: AtomicUsize::new(0) }
    }

    fn find<'a>(&self, fields: &'a Fields) -> Option<&'a Value> {
        let all = fields.iter().as_slice();
        let is = |(name, _): &&(Name, Value)| Arc::ptr_eq(name, &self.name) || **name == *self.name;
        if let Some((_, value)) = all.get(self.guess.load(Ordering::Relaxed)).filter(is) {
            return Some(value);
        }
        let at = all.iter().position(|field| is(&field))?;
        self.guess.store(at, Ordering::Relaxed);
        Some(&all[at].1)
    }
}

impl Term {
    pub(super) fn value<'a>(&'a self, env: &Env<'a>) -> Val<'a> {
        match self {
            Term::Null => Val::Null,
            Term::Bool(flag) => Val::Bool(*flag),
            Term::Int(number) => Val::Int(*number),
            Term::Number(number) => Val::Number(*number),
            Term::Text(text) => Val::Text(text),
            Term::Field(field) => {
                env.message.and_then(|message| field.find(&message.fields)).map_or(Val::Null, Val::of)
            }
            Term::Channel => Val::Text(env.channel),
            Term::Rule => Val::Text(env.rule),
            Term::Segment(name) => {
                env.segments.iter().find(|(known, _)| known == name).map_or(Val::Null, |(_, value)| Val::Text(value))
            }
            Term::Stale => Val::Bool(env.stale),
            Term::Reset => Val::Bool(env.reset),
            Term::Negative(term) => term.value(env).number().map_or(Val::Bad, |number| Val::Number(-number)),
            Term::Calculate(operator, sides) => match (sides[0].value(env).number(), sides[1].value(env).number()) {
                (Some(left), Some(right)) => Val::Number(operator.calculate(left, right)),
                _ => Val::Bad,
            },
            Term::Coalesce(terms) => {
                let there = |value: &Val<'_>| !matches!(value, Val::Null);
                terms.iter().map(|term| term.value(env)).find(there).unwrap_or(Val::Null)
            }
        }
    }
}

impl<'a> Val<'a> {
    fn of(value: &'a Value) -> Val<'a> {
        match value {
            Value::Null => Val::Null,
            Value::Bool(flag) => Val::Bool(*flag),
            Value::Number(number) => Val::Number(*number),
            Value::Text(text) => Val::Text(text),
            Value::List(_) | Value::Map(_) => Val::Other,
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Val::Number(number) => Some(number),
            Val::Int(number) => Some(number as f64),
            _ => None,
        }
    }
}

impl Operator {
    fn calculate(self, left: f64, right: f64) -> f64 {
        match self {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide => left / right,
            Operator::Remainder => left % right,
        }
    }
}

impl Order {
    /// Unknown unless both are good and of one kind. Floats compare exactly; an integer beside a float becomes one.
    pub(super) fn holds(self, left: Val<'_>, right: Val<'_>) -> Truth {
        let order = match (left, right) {
            (Val::Number(left), Val::Number(right)) => left.partial_cmp(&right),
            (Val::Number(left), Val::Int(right)) => left.partial_cmp(&(right as f64)),
            (Val::Int(left), Val::Number(right)) => (left as f64).partial_cmp(&right),
            (Val::Int(left), Val::Int(right)) => Some(left.cmp(&right)),
            (Val::Text(left), Val::Text(right)) => Some(left.cmp(right)),
            (Val::Bool(left), Val::Bool(right)) => Some(left.cmp(&right)),
            _ => None,
        };
        let Some(order) = order else { return Truth::Unknown };
        super::truth(match self {
            Order::Equal => order.is_eq(),
            Order::Differs => order.is_ne(),
            Order::Less => order.is_lt(),
            Order::AtMost => order.is_le(),
            Order::Greater => order.is_gt(),
            Order::AtLeast => order.is_ge(),
        })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Field(field) => write!(f, "msg.{}", field.name),
            Term::Segment(name) => f.write_str(name),
            Term::Channel => f.write_str("channel"),
            Term::Stale => f.write_str("stale"),
            Term::Reset => f.write_str("reset"),
            _ => f.write_str("a part of the condition"),
        }
    }
}

impl fmt::Display for Val<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Val::Null | Val::Bad => f.write_str("no value"),
            Val::Bool(flag) => write!(f, "{flag}"),
            Val::Int(number) => write!(f, "{number}"),
            Val::Number(number) => write!(f, "{number}"),
            Val::Text(text) => write!(f, "'{text}'"),
            Val::Other => f.write_str("a list or a map"),
        }
    }
}
