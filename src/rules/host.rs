//! The script host: Rhai with every limit set. Whatever a script does, it ends as a `Run` or as a `Fault`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rhai::module_resolvers::DummyModuleResolver;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage, BasicStringPackage,
    LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{AST, Dynamic, Engine, EvalAltResult, ImmutableString, Map, OptimizationLevel, ParseError, Scope};

use crate::model::{Fields, Message, Name};

use super::condition::Words;
use super::convert::{to_dynamic, to_fields, to_message};
use super::env::Altered;
use super::functions::{ACTING, NotGood, Notes, Shared, register};
use super::names::{Known, VARIABLES, known_functions, survey};
pub use super::script::{Script, ScriptError};
use super::{Env, Fault, HostFunction, Run, WindowSpec};

/// The longest script: a rule is a page of text at most.
const LONGEST: usize = 64 << 10;

/// Compiles scripts and runs them, confined. One per thread that runs rules.
pub struct Host {
    engine: Engine,
    known: Known,
    acting: Vec<&'static str>,
    notes: Shared,
    operations: Arc<AtomicU64>,
    scope: Scope<'static>,
    /// Whose `msg` stands first in the scope.
    message: Option<Arc<Message>>,
    total: u64,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// A host with its own functions and those of the actions.
    #[must_use]
    pub fn new(functions: &[HostFunction]) -> Host {
        let mut engine = Engine::new_raw();
        LanguageCorePackage::new().register_into_engine(&mut engine);
        ArithmeticPackage::new().register_into_engine(&mut engine);
        LogicPackage::new().register_into_engine(&mut engine);
        BasicStringPackage::new().register_into_engine(&mut engine);
        MoreStringPackage::new().register_into_engine(&mut engine);
        BasicMathPackage::new().register_into_engine(&mut engine);
        BasicArrayPackage::new().register_into_engine(&mut engine);
        BasicMapPackage::new().register_into_engine(&mut engine);
        BasicIteratorPackage::new().register_into_engine(&mut engine);
        confine(&mut engine);
        let operations = Arc::new(AtomicU64::new(0));
        let counter = operations.clone();
        engine.on_progress(move |count| {
            counter.store(count, Ordering::Relaxed);
            None
        });
        let notes = Shared::default();
        register(&mut engine, &notes, functions);
        let known = known_functions(&engine);
        let acting = ACTING.into_iter().chain(functions.iter().map(|function| function.name)).collect();
        Host { engine, known, acting, notes, operations, scope: Scope::new(), message: None, total: 0 }
    }

    /// Compiles a script that may use the named `segments`. The windows that it looks at are added to those of its
    /// rule, unless they are there.
    ///
    /// # Errors
    /// Says what is wrong and where in the script.
    pub fn compile(&self, text: &str, segments: &[Name], windows: &mut Vec<WindowSpec>) -> Result<Script, ScriptError> {
        let ast = self.parse(text, segments, |scope| self.engine.compile_with_scope(scope, text))?;
        self.survey(ast, &[], segments, windows)
    }

    /// Compiles an expression that may only ask.
    pub(super) fn compile_question(
        &self,
        text: &str,
        segments: &[Name],
        windows: &mut Vec<WindowSpec>,
    ) -> Result<Script, ScriptError> {
        let ast = self.parse(text, segments, |scope| self.engine.compile_expression_with_scope(scope, text))?;
        self.survey(ast, &self.acting, segments, windows)
    }

    /// Walks a compiled script or a part of one, in which the `forbidden` functions may not be called.
    pub(super) fn survey(
        &self,
        ast: AST,
        forbidden: &[&str],
        segments: &[Name],
        windows: &mut Vec<WindowSpec>,
    ) -> Result<Script, ScriptError> {
        survey(ast, &self.known, forbidden, segments, windows)
    }

    /// The words of a condition.
    pub(super) fn words<'a>(&self, text: &'a str) -> Words<'a> {
        Words::of(&self.engine, text)
    }

    fn parse(
        &self,
        text: &str,
        segments: &[Name],
        parse: impl FnOnce(&Scope<'_>) -> Result<AST, ParseError>,
    ) -> Result<AST, ScriptError> {
        if text.len() > LONGEST {
            let message = format!("a script of {} bytes is too long: at most {LONGEST} are read", text.len());
            return Err(ScriptError { message, at: None });
        }
        let mut scope = Scope::new();
        for name in VARIABLES.into_iter().chain(segments.iter().map(|name| &**name)) {
            scope.push_dynamic(name, Dynamic::UNIT);
        }
        match catch_unwind(AssertUnwindSafe(|| parse(&scope))) {
            Ok(parsed) => parsed.map_err(|error| ScriptError::new(error.0.to_string(), error.1)),
            Err(panic) => Err(ScriptError { message: said(&*panic), at: None }),
        }
    }

    #[cfg(test)]
    pub(super) fn notes(&self) -> &Shared {
        &self.notes
    }

    /// Operations of all runs so far, those that failed included.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.total
    }

    /// Runs a script; only a success leaves asks and `state`.
    ///
    /// # Errors
    /// `Unknown` where it used a value that is not good, `Failed` for everything else.
    pub fn run(&mut self, script: &Script, env: &mut Env<'_>) -> Result<Run, Fault> {
        drop(self.evaluate(script, env)?);
        let (asks, hidden) =
            self.notes.with(|notes| (std::mem::take(&mut notes.asks), std::mem::take(&mut notes.hidden)));
        let state = self.scope.get("state").filter(|_| script.names("state"));
        let mut after = match state.map(|state| state.read_lock::<Map>().map(|map| to_fields(&map))) {
            Some(Some(Ok(state))) => Some(state),
            Some(Some(Err(message))) => return Err(Fault::Failed { message: format!("state: {message}") }),
            Some(None) => return Err(Fault::Failed { message: "state must stay a map".to_owned() }),
            None => None,
        };
        if let Some(state) = &mut after {
            let kept = env.state.iter().filter(|(name, _)| is_hidden(name));
            kept.for_each(|(name, value)| state.push(name.clone(), value.clone()));
        }
        let mut altered = Altered::default();
        if let Some(state) = after.filter(|state| *state != *env.state) {
            *env.state = state;
            altered.state = true;
        }
        altered.loops = !hidden.is_empty();
        for (name, value) in &hidden {
            env.state.set(name, value.clone());
        }
        Ok(Run { asks, operations: self.operations.load(Ordering::Relaxed), altered })
    }

    /// Runs a script for its value: as a part of a condition.
    pub(super) fn evaluate(&mut self, script: &Script, env: &Env<'_>) -> Result<Dynamic, Fault> {
        self.fill(script, env)?;
        self.operations.store(0, Ordering::Relaxed);
        let base = self.scope.len();
        let (engine, scope) = (&self.engine, &mut self.scope);
        let result = catch_unwind(AssertUnwindSafe(|| engine.eval_ast_with_scope::<Dynamic>(scope, &script.ast)));
        self.total += self.operations.load(Ordering::Relaxed);
        self.scope.rewind(base);
        // What is lent for the run must not outlive it: the next message would have to copy all last values.
        self.notes.with(|notes| notes.last = None);
        if script.uses.captures || result.is_err() {
            // A capture has made the variable a shared one; of a panic nobody knows what it left half done.
            self.message = None;
        }
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(fault(&error, script)),
            Err(panic) => Err(Fault::Failed { message: said(&*panic) }),
        }
    }

    /// Puts the variables that the script names into the scope; `msg` stays from run to run while the message is the
    /// same.
    fn fill(&mut self, script: &Script, env: &Env<'_>) -> Result<(), Fault> {
        self.lend(script, env);
        self.fill_message(script, env)?;
        let text = |text: &str| Dynamic::from(ImmutableString::from(text));
        for name in &script.variables {
            let value = match name.as_str() {
                "msg" => continue,
                "state" => {
                    let visible = env.state.iter().filter(|(name, _)| !is_hidden(name));
                    let state = visible.map(|(name, value)| ((&**name).into(), to_dynamic(value))).collect::<Map>();
                    self.scope.push_dynamic("state", Dynamic::from_map(state));
                    continue;
                }
                "channel" => text(env.channel),
                "rule" => text(env.rule),
                "stale" => env.stale.into(),
                "reset" => env.reset.into(),
                "ended" => env.ended.map_or(Dynamic::UNIT, |ended| text(&ended.to_string())),
                segment => match env.segments.iter().find(|(name, _)| **name == *segment) {
                    Some((_, value)) => text(value),
                    // The instance has not met a channel yet.
                    None => Dynamic::UNIT,
                },
            };
            self.scope.push_constant_dynamic(name.as_str(), value);
        }
        Ok(())
    }

    fn fill_message(&mut self, script: &Script, env: &Env<'_>) -> Result<(), Fault> {
        let same = match (&self.message, env.message) {
            (Some(held), Some(new)) => Arc::ptr_eq(held, new),
            _ => false,
        };
        let names = script.names("msg");
        if self.message.is_some() && (same || !names) {
            self.scope.rewind(1);
            return Ok(());
        }
        self.scope.clear();
        self.message = None;
        if names {
            let fields = env.message.map(|message| to_message(&message.fields)).transpose();
            let fields = fields.map_err(|message| Fault::Failed { message })?.unwrap_or_default();
            self.scope.push_constant_dynamic("msg", Dynamic::from_map(fields));
            self.message = env.message.cloned();
        }
        Ok(())
    }

    /// Hands the functions what they look at.
    fn lend(&self, script: &Script, env: &Env<'_>) {
        let (uses, plan) = (script.uses, &script.plan);
        self.notes.with(|notes| {
            notes.asks.clear();
            notes.windows.clear();
            notes.windows.extend(plan.windows.iter().map(|(.., index)| env.windows.view(*index, env.now.mono)));
            notes.runs.clear();
            notes.runs.extend(plan.runs.iter().map(|(_, span)| env.runs.within(env.now.mono, *span)));
            let Notes { now, part, begun, last, zone, hidden, .. } = notes;
            (*now, *part, *begun) = (env.now, env.part, env.begun);
            *last = uses.last.then(|| env.last.share());
            *zone = uses.zone.then(|| env.zone.clone());
            *hidden = Fields::default();
            if !plan.loops.is_empty() {
                *hidden = env.state.iter().filter(|(name, _)| is_hidden(name)).cloned().collect();
            }
            notes.plan = plan.clone();
        });
    }
}

/// Whether a name of `state` is the engine's own: scripts neither see nor write it.
fn is_hidden(name: &str) -> bool {
    name.starts_with('#')
}

/// Sets every limit: defaults differ between debug and release builds.
fn confine(engine: &mut Engine) {
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_operations(20_000).set_max_call_levels(8).set_max_expr_depths(32, 24);
    engine.set_max_string_size(1_024).set_max_array_size(1_000).set_max_map_size(200);
    engine.set_max_variables(64).set_max_functions(16).set_max_modules(0);
    engine.set_strict_variables(true).set_fail_on_invalid_map_property(true).set_fast_operators(false);
    engine.disable_symbol("eval").disable_symbol("import");
    engine.set_module_resolver(DummyModuleResolver::new());
    engine.on_print(|_| {}).on_debug(|_, _, _| {});
}

fn fault(error: &EvalAltResult, script: &Script) -> Fault {
    if is_unknown(error, script) {
        Fault::Unknown
    } else {
        Fault::Failed { message: error.to_string().replace('\n', " ") }
    }
}

/// Whether a run ended at a value that is not good, in whatever way Rhai says so.
fn is_unknown(error: &EvalAltResult, script: &Script) -> bool {
    match error {
        EvalAltResult::ErrorTerminated(token, _) => token.is::<NotGood>(),
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => is_unknown(inner, script),
        EvalAltResult::ErrorPropertyNotFound(name, _) => script.fields.iter().any(|field| **field == **name),
        EvalAltResult::ErrorMismatchDataType(_, actual, _) => actual == "()",
        // As in `sqrt (())`: the function exists, that was checked at load, but takes no `()`.
        EvalAltResult::ErrorFunctionNotFound(call, _) => {
            let arguments = call.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')'));
            arguments.is_some_and(|arguments| arguments.split(", ").any(|argument| argument == "()"))
        }
        _ => false,
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the script interpreter panicked: {}", text.unwrap_or("it did not say why"))
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
