//! A compiled script or condition, and what it names: the loader checks names against the site, the host fills only
//! the variables that occur.

use std::fmt;
use std::sync::Arc;

use rhai::{AST, ImmutableString, Position};

use crate::model::Name;

/// A compiled script.
#[derive(Debug)]
pub struct Script {
    pub(super) ast: AST,
    /// Fields that it names as `msg.x`, each once. `msg.get("x")` names none: it may be absent.
    pub fields: Vec<Name>,
    /// Names of the functions and methods that it calls, each once.
    pub calls: Vec<Name>,
    /// Devices that it names: room and device, as far as they are constants.
    pub devices: Vec<(Option<Name>, Option<Name>)>,
    /// Channels that it publishes on, where they are constants.
    pub publishes: Vec<Name>,
    /// What it asks of `last`: channel and field, as far as they are constants.
    pub lasts: Vec<(Option<Name>, Option<Name>)>,
    /// What it asks of `readings`: pattern and field glob, as far as they are constants.
    pub readings: Vec<(Option<Name>, Option<Name>)>,
    /// The variables of the host that it names, named segments among them.
    pub(super) variables: Vec<ImmutableString>,
    pub(super) uses: Uses,
    pub(super) plan: Arc<Plan>,
}

impl Script {
    pub(super) fn new(ast: AST) -> Script {
        Script {
            ast,
            fields: Vec::new(),
            calls: Vec::new(),
            devices: Vec::new(),
            publishes: Vec::new(),
            lasts: Vec::new(),
            readings: Vec::new(),
            variables: Vec::new(),
            uses: Uses::default(),
            plan: Arc::default(),
        }
    }

    /// Whether it names this variable: `stale`, `reset`, `ended`, `state`, a segment.
    #[must_use]
    pub fn names(&self, variable: &str) -> bool {
        self.variables.iter().any(|known| known == variable)
    }
}

/// Which parts of the world its functions read: only those are handed to a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Uses {
    /// A closure captures a variable, which Rhai then turns into a shared one.
    pub(super) captures: bool,
    pub(super) last: bool,
    pub(super) zone: bool,
}

/// What the functions of a running script look up by the place or the arguments of their call.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// `==` and `!=` with a literal `()`: they ask whether there is a value.
    pub(super) asking: Vec<Position>,
    /// The calls of `pid`, in order.
    pub(super) loops: Vec<Position>,
    /// The calls of `window`: pattern, field and span as written, and which window of the rule that is.
    pub(super) windows: Vec<(Option<ImmutableString>, ImmutableString, ImmutableString, usize)>,
    /// The spans of `runs`.
    pub(super) runs: Vec<(ImmutableString, std::time::Duration)>,
}

/// What is wrong with a script, and where: line and column of the script, from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptError {
    /// What.
    pub message: String,
    /// Line and column, if it has a place.
    pub at: Option<(usize, usize)>,
}

impl ScriptError {
    pub(super) fn new(message: impl Into<String>, at: Position) -> ScriptError {
        let at = at.line().map(|line| (line, at.position().unwrap_or(1)));
        ScriptError { message: message.into(), at }
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{} (line {line}, column {column})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ScriptError {}
