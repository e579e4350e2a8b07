//! What a script names: walked once at load, so that a misspelt name is found before its branch is first taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, ImmutableString, Position, Stmt};

use crate::bus::Pattern;
use crate::files::closest;
use crate::model::{Name, parse_duration};

use super::WindowSpec;
use super::functions::{parse_date, parse_time_of_day};
use super::script::{Plan, Script, ScriptError};

/// The variables of every script.
pub(super) const VARIABLES: [&str; 7] = ["msg", "channel", "state", "rule", "stale", "reset", "ended"];

/// Functions that Rhai itself provides, beside the registered ones.
const BUILT_IN: [(&str, usize); 12] = [
    ("type_of", 1),
    ("is_shared", 1),
    ("is_def_var", 1),
    ("is_def_fn", 2),
    ("is_def_fn", 3),
    ("Fn", 1),
    ("print", 1),
    ("debug", 1),
    ("call", 1),
    ("call", 2),
    ("call", 3),
    ("curry", 2),
];

/// Functions that the design has and this version has not.
const NOT_YET: [&str; 5] = ["record", "broadcast", "dli", "predict", "zscore"];

/// The names of all functions with how many arguments they take, a method's object included.
pub(super) type Known = BTreeMap<String, BTreeSet<usize>>;

/// Every function of the engine.
pub(super) fn known_functions(engine: &Engine) -> Known {
    let named = |f: rhai::FuncInfo<'_>| Some((f.metadata.name.to_string(), f.metadata.num_params));
    let registered = engine.collect_fn_metadata(None, named, true);
    let built_in = BUILT_IN.iter().map(|(name, arity)| ((*name).to_owned(), *arity));
    let mut known = Known::new();
    for (name, arity) in registered.into_iter().chain(built_in) {
        known.entry(name).or_default().insert(arity);
    }
    known
}

/// Walks a compiled script. Windows that the rule does not have yet are added to `windows`.
pub(super) fn survey(
    ast: AST,
    known: &Known,
    forbidden: &[&str],
    segments: &[Name],
    windows: &mut Vec<WindowSpec>,
) -> Result<Script, ScriptError> {
    let own = ast.iter_functions().map(|function| (function.name.to_owned(), function.params.len())).collect();
    let script = Script::new(ast);
    let mut survey =
        Survey { known, forbidden, own, segments, windows, captured: Vec::new(), plan: Plan::default(), script };
    let ast = survey.script.ast.clone();
    let mut fault = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(node) = path.last() {
            fault = survey.node(node).err();
        }
        fault.is_none()
    });
    match fault {
        Some(fault) => Err(fault),
        None => survey.finish(),
    }
}

struct Survey<'a> {
    known: &'a Known,
    /// Functions that a condition may not call.
    forbidden: &'a [&'a str],
    own: Vec<(String, usize)>,
    segments: &'a [Name],
    windows: &'a mut Vec<WindowSpec>,
    captured: Vec<ImmutableString>,
    plan: Plan,
    script: Script,
}

type Checked = Result<(), ScriptError>;

impl Survey<'_> {
    fn node(&mut self, node: &ASTNode<'_>) -> Checked {
        match node {
            ASTNode::Stmt(stmt) => self.statement(stmt),
            ASTNode::Expr(expr) => self.expression(expr),
            _ => Ok(()),
        }
    }

    fn statement(&mut self, stmt: &Stmt) -> Checked {
        match stmt {
            Stmt::FnCall(call, at) => self.call(call, 0, *at),
            Stmt::Var(var, _, at) => self.defined(&var.0.name, *at),
            Stmt::For(names, at) => {
                let counter = names.1.as_ref().map(|counter| &counter.name);
                [Some(&names.0.name), counter].into_iter().flatten().try_for_each(|name| self.defined(name, *at))
            }
            Stmt::Share(names) => {
                self.script.uses.captures = true;
                self.captured.extend(names.iter().map(|(name, _)| name.name.clone()));
                names.iter().for_each(|(name, _)| self.variable(&name.name));
                Ok(())
            }
            // Rhai's own walk leaves out the value of a `break`.
            Stmt::BreakLoop(Some(value), ..) => {
                let mut fault = Ok(());
                value.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                    fault = path.last().map_or(Ok(()), |node| self.node(node));
                    fault.is_ok()
                });
                fault
            }
            _ => Ok(()),
        }
    }

    fn expression(&mut self, expr: &Expr) -> Checked {
        match expr {
            Expr::FnCall(call, at) => return self.call(call, 0, *at),
            Expr::MethodCall(call, at) => return self.call(call, 1, *at),
            Expr::Variable(name, ..) => self.variable(&name.1),
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => self.field(&pair.lhs, &pair.rhs),
            _ => {}
        }
        Ok(())
    }

    /// A name of the host's that a script takes for itself would make `msg.x` mean something else from there on.
    fn defined(&self, name: &str, at: Position) -> Checked {
        if VARIABLES.contains(&name) || self.segments.iter().any(|segment| **segment == *name) {
            let message = format!("`{name}` is given to every script and cannot be defined anew; choose another name");
            return Err(ScriptError::new(message, at));
        }
        Ok(())
    }

    fn variable(&mut self, name: &ImmutableString) {
        let ours = VARIABLES.contains(&name.as_str()) || self.segments.iter().any(|segment| **segment == **name);
        if ours && !self.script.names(name) {
            self.script.variables.push(name.clone());
        }
    }

    fn field(&mut self, of: &Expr, rest: &Expr) {
        if !matches!(of, Expr::Variable(name, ..) if name.1 == "msg") {
            return;
        }
        let first = if let Expr::Dot(inner, ..) | Expr::Index(inner, ..) = rest { &inner.lhs } else { rest };
        if let Expr::Property(property, _) = first {
            push(&mut self.script.fields, &property.2);
        } else if let Expr::StringConstant(name, _) = first {
            push(&mut self.script.fields, name);
        }
    }

    fn call(&mut self, call: &FnCallExpr, object: usize, at: Position) -> Checked {
        let name = call.name.as_str();
        if call.op_token.is_some() {
            if matches!(name, "==" | "!=") && call.args.iter().any(Expr::is_unit) {
                self.plan.asking.push(at);
            }
            return Ok(());
        }
        if name.contains('$') {
            return Ok(());
        }
        self.exists(name, call.args.len() + object, object, at)?;
        if self.forbidden.contains(&name) {
            let message = format!("a condition only asks: `{name}` belongs into `then`, `each` or `finally`");
            return Err(ScriptError::new(message, at));
        }
        push(&mut self.script.calls, &call.name);
        let pair = || (constant(call.args.first()).map(name_of), constant(call.args.get(1)).map(name_of));
        match name {
            "device" => self.script.devices.push(pair()),
            "publish" => self.script.publishes.extend(constant(call.args.first()).map(name_of)),
            "state" => self.script.uses.last = true,
            "pid" => self.plan.loops.push(at),
            "today" => self.script.uses.zone = true,
            "last" => {
                self.script.uses.last = true;
                self.script.lasts.push(pair());
                check(call.args.get(2), |age| parse_duration(age).map(drop))?;
            }
            "readings" => {
                self.script.uses.last = true;
                self.script.readings.push(pair());
                check(call.args.first(), |pattern| Pattern::parse(pattern).map(drop))?;
            }
            "between" => {
                self.script.uses.zone = true;
                call.args.iter().try_for_each(|time| check(Some(time), |text| parse_time_of_day(text).map(drop)))?;
            }
            "days_since" => {
                self.script.uses.zone = true;
                check(call.args.first(), |date| parse_date(date).map(drop))?;
            }
            "ramp" => check(call.args.get(2), |span| parse_duration(span).map(drop))?,
            "runs" => self.runs(call, at)?,
            "window" => self.window(call, at)?,
            _ => {}
        }
        Ok(())
    }

    fn exists(&self, name: &str, arity: usize, object: usize, at: Position) -> Checked {
        let own: BTreeSet<usize> = self.own.iter().filter(|(own, _)| own == name).map(|(_, arity)| *arity).collect();
        let known = self.known.get(name);
        // A script's own function called as a method has its object as `this`, not among its parameters.
        if own.contains(&arity) || own.contains(&(arity - object)) || known.is_some_and(|known| known.contains(&arity))
        {
            return Ok(());
        }
        let Some(known) = known.or((!own.is_empty()).then_some(&own)) else {
            if NOT_YET.contains(&name) {
                return Err(ScriptError::new(format!("`{name}` is not in this version of growctl yet"), at));
            }
            let names = self.known.keys().map(String::as_str).chain(self.own.iter().map(|(own, _)| own.as_str()));
            let hint = closest(name, names.filter(|name| !name.contains('$')));
            let hint = hint.map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default();
            return Err(ScriptError::new(format!("there is no function `{name}`{hint}"), at));
        };
        let takes: Vec<String> = known.iter().filter_map(|n| n.checked_sub(object)).map(|n| n.to_string()).collect();
        let plural = if takes.last().is_some_and(|n| n == "1") { "" } else { "s" };
        let message = format!("`{name}` takes {} argument{plural}, not {}", takes.join(" or "), arity - object);
        Err(ScriptError::new(message, at))
    }

    fn runs(&mut self, call: &FnCallExpr, at: Position) -> Checked {
        let span = constant(call.args.first())
            .ok_or_else(|| ScriptError::new("`runs` needs a constant span, as runs(\"24h\")", at))?;
        let length = parse_duration(span).map_err(|message| ScriptError::new(message, at))?;
        self.plan.runs.push((span.clone(), length));
        Ok(())
    }

    fn window(&mut self, call: &FnCallExpr, at: Position) -> Checked {
        let texts: Option<Vec<&ImmutableString>> = call.args.iter().map(|arg| constant(Some(arg))).collect();
        let (pattern, field, span) = match texts.as_deref() {
            Some([field, span]) => (None, *field, *span),
            Some([pattern, field, span]) => (Some(*pattern), *field, *span),
            _ => {
                let message = "`window` needs constant texts, as window(\"temperature\", \"30m\"): \
                    its values are gathered before the script runs";
                return Err(ScriptError::new(message, at));
            }
        };
        let spec = window_spec(pattern, field, span).map_err(|message| ScriptError::new(message, at))?;
        let index = self.windows.iter().position(|known| *known == spec).unwrap_or_else(|| {
            self.windows.push(spec);
            self.windows.len() - 1
        });
        self.plan.windows.push((pattern.cloned(), field.clone(), span.clone(), index));
        Ok(())
    }

    fn finish(mut self) -> Result<Script, ScriptError> {
        for function in self.script.ast.iter_fn_def() {
            let captured = |name: &ImmutableString| function.name.contains('$') && self.captured.contains(name);
            function.params.iter().filter(|name| !captured(name)).try_for_each(|n| self.defined(n, Position::NONE))?;
        }
        // The order of `switch` cases in Rhai's tree is that of a hash.
        self.plan.loops.sort_unstable();
        self.script.plan = Arc::new(self.plan);
        Ok(self.script)
    }
}

fn window_spec(pattern: Option<&ImmutableString>, field: &str, span: &str) -> Result<WindowSpec, String> {
    let pattern = pattern.map(|text| Pattern::parse(text)).transpose()?;
    if let Some(name) = pattern.as_ref().and_then(|pattern| pattern.names.first()) {
        return Err(format!("a window's pattern has no names: write `*` for `{{{name}}}`"));
    }
    let span = parse_duration(span)?;
    if span.is_zero() {
        return Err("a window of no length is empty".to_owned());
    }
    Ok(WindowSpec { pattern, field: field.into(), span })
}

fn check(argument: Option<&Expr>, parse: impl Fn(&str) -> Result<(), String>) -> Checked {
    match argument {
        Some(Expr::StringConstant(text, at)) => parse(text).map_err(|message| ScriptError::new(message, *at)),
        _ => Ok(()),
    }
}

fn constant(argument: Option<&Expr>) -> Option<&ImmutableString> {
    match argument {
        Some(Expr::StringConstant(text, _)) => Some(text),
        _ => None,
    }
}

fn name_of(text: &ImmutableString) -> Name {
    Name::from(text.as_str())
}

fn push(names: &mut Vec<Name>, name: &str) {
    if !names.iter().any(|known| **known == *name) {
        names.push(name.into());
    }
}
