//! The script host: Rhai with every limit set. Whatever a script does, it ends as a `Run` or as a `Fault`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rhai::module_resolvers::DummyModuleResolver;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage, BasicStringPackage,
    LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, Map, OptimizationLevel, Scope};

use crate::model::{Message, Name};

use super::convert::{to_dynamic, to_fields, to_map};
use super::functions::{NotGood, Shared, Wanted, register};
use super::{Env, Fault, Run};

/// How many different last values one run may ask for.
const MOST_LOOKUPS: usize = 32;

/// A compiled script.
#[derive(Debug)]
pub struct Script {
    ast: AST,
    /// Fields that it names as `msg.x`, each once.
    pub fields: Vec<Name>,
    /// Names of the functions and methods that it calls, each once.
    pub calls: Vec<Name>,
    /// Devices that it names: room and device, as far as they are constants.
    pub devices: Vec<(Option<Name>, Option<Name>)>,
    /// Channels that it publishes on, where they are constants.
    pub publishes: Vec<Name>,
}

/// What is wrong with a script, and where: line and column of the script, from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptError {
    /// What.
    pub message: String,
    /// Where, if anywhere.
    pub at: Option<(usize, usize)>,
}

/// Compiles scripts and runs them, confined. One per thread that runs rules.
pub struct Host {
    engine: Engine,
    notes: Shared,
    operations: Arc<AtomicU64>,
    scope: Scope<'static>,
    message: Option<Arc<Message>>,
    total: u64,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Default for Host {
    fn default() -> Host {
        Host::new()
    }
}

impl Host {
    /// A host with all functions.
    #[must_use]
    pub fn new() -> Host {
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
        register(&mut engine, &notes);
        Host { engine, notes, operations, scope: Scope::new(), message: None, total: 0 }
    }

    /// Compiles a script that may use the named `segments`.
    ///
    /// # Errors
    /// Says what is wrong, with line and column of the script.
    pub fn compile(&self, text: &str, segments: &[Name]) -> Result<Script, ScriptError> {
        let mut scope = Scope::new();
        for name in ["msg", "channel", "state", "rule", "stale", "reset", "ended"] {
            scope.push_dynamic(name, Dynamic::UNIT);
        }
        for name in segments {
            scope.push_dynamic(&**name, Dynamic::UNIT);
        }
        let compiled = catch_unwind(AssertUnwindSafe(|| self.engine.compile_with_scope(&scope, text)));
        let panicked = |panic: Box<dyn Any + Send>| ScriptError { message: said(&*panic), at: None };
        let ast = compiled.map_err(panicked)?.map_err(|error| ScriptError {
            message: error.0.to_string(),
            at: error.1.line().map(|line| (line, error.1.position().unwrap_or(1))),
        })?;
        let (calls, devices, publishes) = calls_of(&ast);
        Ok(Script { fields: fields_of(&ast), calls, devices, publishes, ast })
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
        let (run, _) = self.evaluate(script, env)?;
        let state = self.scope.get("state").and_then(|state| state.read_lock::<Map>().map(|map| to_fields(&map)));
        match state {
            Some(Ok(state)) => *env.state = state,
            Some(Err(message)) => return Err(Fault::Failed { message: format!("state: {message}") }),
            None => return Err(Fault::Failed { message: "state must stay a map".to_owned() }),
        }
        Ok(run)
    }

    /// Runs a script for its value: as a term of a condition.
    pub(super) fn evaluate(&mut self, script: &Script, env: &Env<'_>) -> Result<(Run, Dynamic), Fault> {
        self.notes.with(|notes| {
            *notes = super::functions::Notes { now: Some(env.now), ..Default::default() };
        });
        let mut operations = 0;
        // Scripts are pure, so one that lacks a last value can start anew once it is known.
        for _ in 0..=MOST_LOOKUPS {
            let base = self.fill(env);
            self.operations.store(0, Ordering::Relaxed);
            let (engine, scope) = (&self.engine, &mut self.scope);
            let result = catch_unwind(AssertUnwindSafe(|| engine.eval_ast_with_scope::<Dynamic>(scope, &script.ast)));
            self.scope.rewind(base);
            let spent = self.operations.load(Ordering::Relaxed);
            operations += spent;
            self.total += spent;
            match result {
                Ok(Ok(value)) => {
                    let asks = self.notes.with(|notes| std::mem::take(&mut notes.asks));
                    return Ok((Run { asks, operations }, value));
                }
                Ok(Err(error)) if stopped_by::<Wanted>(&error) => self.look_up(env),
                Ok(Err(error)) => return Err(fault(&error, script)),
                Err(panic) => {
                    // Nobody knows what the panic left half done.
                    self.message = None;
                    return Err(Fault::Failed { message: said(&*panic) });
                }
            }
        }
        Err(Fault::Failed { message: format!("it asks for more than {MOST_LOOKUPS} last values") })
    }

    /// Puts the variables into the scope; `msg` stays from run to run while the message is the same.
    fn fill(&mut self, env: &Env<'_>) -> usize {
        let same = match (&self.message, env.message) {
            (Some(held), Some(new)) => Arc::ptr_eq(held, new),
            _ => false,
        };
        if same {
            self.scope.rewind(1);
        } else {
            self.scope.clear();
            let fields = env.message.map(|message| to_map(&message.fields)).unwrap_or_default();
            self.scope.push_constant_dynamic("msg", Dynamic::from_map(fields));
            self.message = env.message.cloned();
        }
        let text = |text: &str| Dynamic::from(rhai::ImmutableString::from(text));
        self.scope.push_constant_dynamic("channel", text(env.channel));
        self.scope.push_dynamic("state", Dynamic::from_map(to_map(env.state)));
        self.scope.push_constant_dynamic("rule", text(env.rule));
        self.scope.push_constant_dynamic("stale", env.stale.into());
        self.scope.push_constant_dynamic("reset", env.reset.into());
        let ended = env.ended.map_or(Dynamic::UNIT, |ended| text(&ended.to_string()));
        self.scope.push_constant_dynamic("ended", ended);
        for (name, value) in env.segments {
            self.scope.push_constant_dynamic(name.to_string(), text(value));
        }
        self.scope.len()
    }

    fn look_up(&mut self, env: &Env<'_>) {
        self.notes.with(|notes| {
            notes.asks.clear();
            let Some((channel, field)) = notes.wanted.take() else { return };
            let (value, age) = match env.last.get(&channel, &field) {
                Some((value, at)) => (to_dynamic(value), env.now.mono.since(at.mono)),
                None => (Dynamic::UNIT, Duration::ZERO),
            };
            notes.known.push((channel, field, value, age));
        });
    }
}

/// Sets every limit: defaults differ between debug and release builds.
fn confine(engine: &mut Engine) {
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_operations(20_000).set_max_call_levels(32).set_max_expr_depths(32, 32);
    engine.set_max_string_size(1_024).set_max_array_size(1_000).set_max_map_size(200);
    engine.set_max_variables(64).set_max_functions(16).set_max_modules(0);
    engine.set_strict_variables(true).set_fail_on_invalid_map_property(true).set_fast_operators(false);
    engine.disable_symbol("eval").disable_symbol("import");
    engine.set_module_resolver(DummyModuleResolver::new());
    engine.on_print(|_| {}).on_debug(|_, _, _| {});
}

fn stopped_by<T: Any + Clone + Send + Sync>(error: &EvalAltResult) -> bool {
    match error {
        EvalAltResult::ErrorTerminated(token, _) => token.is::<T>(),
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => stopped_by::<T>(inner),
        _ => false,
    }
}

fn fault(error: &EvalAltResult, script: &Script) -> Fault {
    let absent = match error {
        EvalAltResult::ErrorPropertyNotFound(name, _) => script.fields.iter().any(|field| **field == **name),
        _ => false,
    };
    if absent || stopped_by::<NotGood>(error) {
        return Fault::Unknown;
    }
    Fault::Failed { message: error.to_string().replace('\n', " ") }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the script interpreter panicked: {}", text.unwrap_or("it did not say why"))
}

type Calls = (Vec<Name>, Vec<(Option<Name>, Option<Name>)>, Vec<Name>);

fn calls_of(ast: &AST) -> Calls {
    let (mut calls, mut devices, mut publishes): Calls = Calls::default();
    let constant = |expr: Option<&Expr>| match expr {
        Some(Expr::StringConstant(text, _)) => Some(Name::from(text.as_str())),
        _ => None,
    };
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let call = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))) => call,
            Some(ASTNode::Stmt(rhai::Stmt::FnCall(call, _))) => call,
            _ => return true,
        };
        if !calls.iter().any(|known| **known == *call.name) {
            calls.push(Name::from(call.name.as_str()));
        }
        match call.name.as_str() {
            "device" => devices.push((constant(call.args.first()), constant(call.args.get(1)))),
            "publish" => publishes.extend(constant(call.args.first())),
            _ => {}
        }
        true
    });
    (calls, devices, publishes)
}

fn fields_of(ast: &AST) -> Vec<Name> {
    let mut fields: Vec<Name> = Vec::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Dot(pair, ..))) = path.last()
            && matches!(&pair.lhs, Expr::Variable(name, ..) if name.1 == "msg")
        {
            let first =
                if let Expr::Dot(inner, ..) | Expr::Index(inner, ..) = &pair.rhs { &inner.lhs } else { &pair.rhs };
            if let Expr::Property(property, _) = first
                && !fields.iter().any(|known| **known == *property.2)
            {
                fields.push(Arc::from(property.2.as_str()));
            }
        }
        true
    });
    fields
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
