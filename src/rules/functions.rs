//! What scripts can call. A function that wishes something only notes an `Ask`: the host hands the notes over if the
//! whole run succeeds. A function that reads the world finds it in the notes, where the host has put it for this run.

mod analytics;
mod control;
mod devices;
mod messages;
mod numbers;
mod operators;
mod time;

use std::sync::{Arc, Mutex, PoisonError};

use rhai::{Dynamic, Engine, EvalAltResult, Position};

use crate::bus::Last;
use crate::model::{Ask, Fields, Timestamp};

use super::script::Plan;
use super::{HostFunction, Stats};

pub(super) use control::shift_loops;
pub(super) use time::{parse_date, parse_time_of_day};

/// More asks than this in one run are an endless loop's.
const MOST_ASKS: usize = 256;

/// Functions that wish or remember something, beside those of the actions: a condition may not call them.
pub(super) const ACTING: [&str; 6] = ["publish", "on", "off", "set", "release", "pid"];

type Answer<T> = Result<T, Box<EvalAltResult>>;

/// The end of a run at a value that is not good; no `catch` of a script holds it.
#[derive(Clone, Debug)]
pub(super) struct NotGood;

/// What one run reads and leaves.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) asks: Vec<Ask>,
    pub(super) now: Timestamp,
    /// Which script it is.
    pub(super) part: &'static str,
    pub(super) begun: Option<Timestamp>,
    pub(super) plan: Arc<Plan>,
    /// Only if the script names a function that looks at it.
    pub(super) last: Option<Last>,
    /// Only if the script names a function that looks at it.
    pub(super) zone: Option<jiff::tz::TimeZone>,
    /// In the order of the plan.
    pub(super) windows: Vec<Stats>,
    /// In the order of the plan.
    pub(super) runs: Vec<usize>,
    /// The hidden part of the state: what control loops remember.
    pub(super) hidden: Fields,
}

/// Notes that the functions and the host share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<Notes>>);

impl Shared {
    /// Runs `f` on the notes; those of a run that panicked are cleared by the next, so poison does not matter.
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Notes) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, ask: Ask) -> Answer<()> {
        self.with(|notes| {
            if notes.asks.len() >= MOST_ASKS {
                return fail(format!("more than {MOST_ASKS} requests in one run"));
            }
            notes.asks.push(ask);
            Ok(())
        })
    }
}

/// Registers every function of the host, and those of the actions.
pub(super) fn register(engine: &mut Engine, shared: &Shared, actions: &[HostFunction]) {
    messages::register(engine, shared);
    messages::register_actions(engine, shared, actions);
    devices::register(engine, shared);
    analytics::register(engine, shared);
    control::register(engine, shared);
    time::register(engine, shared);
    numbers::register(engine);
    operators::register(engine, shared);
}

fn fail<T>(text: impl Into<String>) -> Answer<T> {
    Err(text.into().into())
}

fn not_good<T>() -> Answer<T> {
    Err(Box::new(EvalAltResult::ErrorTerminated(Dynamic::from(NotGood), Position::NONE)))
}

/// The argument `what` as a number; a script may give an integer wherever a float is meant.
fn number(what: &str, value: &Dynamic) -> Answer<f64> {
    if let Ok(number) = value.as_float() {
        return if number.is_nan() { not_good() } else { Ok(number) };
    }
    if let Ok(number) = value.as_int() {
        return Ok(number as f64);
    }
    // A null, or a word where a number should be: the sensor has no value.
    if value.is_unit() || value.is_string() {
        return not_good();
    }
    fail(format!("{what} must be a number, not {}", value.type_name()))
}

#[cfg(test)]
#[path = "functions_tests.rs"]
mod tests;
