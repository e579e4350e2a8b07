//! Conditions: three-valued logic over one message.
//!
//! Rhai parses a condition; what compares fields, constants and the variables of the host is lowered into a tree of
//! our own, which costs some ten nanoseconds and allocates nothing. The rest (calls, windows, `state`) stays Rhai's, as
//! leaves of the tree. `unknown && false` is false and `unknown || true` is true, as Kleene has it.

mod explain;
mod lower;
mod parts;
mod term;

use crate::model::Name;

use super::host::Host;
use super::script::{Script, ScriptError};
use super::{Env, Fault, Truth, WindowSpec};

pub use explain::Checked;
use explain::Part;
use lower::Lowering;
pub(super) use parts::Words;
use term::{Term, Val};

pub(super) use term::Order;

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {
    /// The whole of it, for what it names.
    script: Script,
    tree: Node,
    /// What the tree's ends say by themselves, in its order.
    parts: Box<[Part]>,
}

/// A part of a condition that is true, false or unknown.
#[derive(Debug)]
enum Node {
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Not(Box<Node>),
    Compare(Order, Term, Term),
    /// `== ()`, or `!= ()` where the answer is `false` for a value that is absent.
    Absent(Term, bool),
    /// A term that is true or false itself.
    Flag(Term),
    Constant(Truth),
    Leaf(Box<Script>),
}

impl Condition {
    /// Compiles a condition that may use the named `segments`. The windows that it looks at are added to those of its
    /// rule, unless they are there.
    ///
    /// # Errors
    /// Says what is wrong and where in the text.
    pub fn compile(
        host: &Host,
        text: &str,
        segments: &[Name],
        windows: &mut Vec<WindowSpec>,
    ) -> Result<Condition, ScriptError> {
        let script = host.compile_question(text, segments, windows)?;
        let mut lowering = Lowering { host, segments, windows, words: host.words(text), parts: Vec::new() };
        let tree = lowering.whole(&script.ast)?;
        let parts = lowering.parts.into();
        Ok(Condition { script, tree, parts })
    }

    /// Judges it.
    ///
    /// # Errors
    /// What failed in a part that Rhai evaluates, or a part that is neither true nor false. Never `Fault::Unknown`.
    pub fn judge(&self, host: &mut Host, env: &Env<'_>) -> Result<Truth, Fault> {
        self.tree.judge(host, env)
    }

    /// What it names.
    #[must_use]
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// Fields that it names as `msg.x`.
    #[must_use]
    pub fn fields(&self) -> &[Name] {
        &self.script.fields
    }

    /// It names `stale`.
    #[must_use]
    pub fn names_stale(&self) -> bool {
        self.script.names("stale")
    }

    /// It names `reset`.
    #[must_use]
    pub fn names_reset(&self) -> bool {
        self.script.names("reset")
    }
}

impl Node {
    fn judge(&self, host: &mut Host, env: &Env<'_>) -> Result<Truth, Fault> {
        match self {
            Node::And(parts) => all(parts, Truth::False, host, env),
            Node::Or(parts) => all(parts, Truth::True, host, env),
            Node::Not(part) => Ok(not(part.judge(host, env)?)),
            Node::Compare(order, left, right) => Ok(order.holds(left.value(env), right.value(env))),
            Node::Absent(term, wanted) => Ok(match term.value(env) {
                Val::Bad => Truth::Unknown,
                value => truth(matches!(value, Val::Null) == *wanted),
            }),
            Node::Flag(term) => flag(term, env),
            Node::Constant(truth) => Ok(*truth),
            Node::Leaf(script) => leaf(script, host, env),
        }
    }
}

/// The parts in order, until one decides: a false one of `&&`, a true one of `||`. Else unknown if any is.
fn all(parts: &[Node], decides: Truth, host: &mut Host, env: &Env<'_>) -> Result<Truth, Fault> {
    let mut answer = not(decides);
    for part in parts {
        match part.judge(host, env)? {
            truth if truth == decides => return Ok(decides),
            Truth::Unknown => answer = Truth::Unknown,
            _ => {}
        }
    }
    Ok(answer)
}

fn not(truth: Truth) -> Truth {
    match truth {
        Truth::True => Truth::False,
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
    }
}

fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

fn flag(term: &Term, env: &Env<'_>) -> Result<Truth, Fault> {
    match term.value(env) {
        Val::Bool(holds) => Ok(truth(holds)),
        Val::Null | Val::Bad => Ok(Truth::Unknown),
        value => Err(Fault::Failed { message: format!("{term} is {value}, neither true nor false: compare it") }),
    }
}

fn leaf(script: &Script, host: &mut Host, env: &Env<'_>) -> Result<Truth, Fault> {
    match host.evaluate(script, env) {
        Ok(value) if value.is_unit() => Ok(Truth::Unknown),
        Ok(value) => value.as_bool().map(truth).map_err(|kind| Fault::Failed {
            message: format!("a part of the condition is of type {kind}, neither true nor false: compare it"),
        }),
        Err(Fault::Unknown) => Ok(Truth::Unknown),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
