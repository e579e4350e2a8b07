//! Operators, so that a script and a condition compare alike.
//!
//! Numbers compare exactly, as Rust does: Rhai's own tolerance would make `24.0 > 23.999999999999996` false. Comparing
//! or calculating with what is not good ends the run; so does a NaN. A literal `()` beside `==` or `!=` asks whether
//! there is a value: the walk at load has noted where those stand.

use rhai::{Array, Engine, ImmutableString, Map, NativeCallContext};

use super::{Answer, Shared, not_good};

const ORDER: [&str; 4] = ["<", "<=", ">", ">="];
const EQUAL: [&str; 2] = ["==", "!="];
const ALL: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];
const CALCULATE: [&str; 6] = ["+", "-", "*", "/", "%", "**"];

pub(super) fn register(engine: &mut Engine, shared: &Shared) {
    exact(engine);
    nothing(engine, shared);
    mixed(engine);
}

fn exact(engine: &mut Engine) {
    macro_rules! exact {
        ($($name:literal $operator:tt),*) => {$(
            engine.register_fn($name, |a: f64, b: f64| compare(a, b, |a, b| a $operator b));
            engine.register_fn($name, |a: f64, b: i64| compare(a, b as f64, |a, b| a $operator b));
            engine.register_fn($name, |a: i64, b: f64| compare(a as f64, b, |a, b| a $operator b));
        )*};
    }
    exact!("<" <, "<=" <=, ">" >, ">=" >=, "==" ==, "!=" !=);
}

fn compare(a: f64, b: f64, holds: fn(f64, f64) -> bool) -> Answer<bool> {
    if a.is_nan() || b.is_nan() { not_good() } else { Ok(holds(a, b)) }
}

/// Everything with `()`.
fn nothing(engine: &mut Engine, shared: &Shared) {
    macro_rules! with {
        ($($other:ty),*) => {$(
            for name in ORDER {
                engine.register_fn(name, |_: (), _: $other| not_good::<bool>());
                engine.register_fn(name, |_: $other, _: ()| not_good::<bool>());
            }
            for name in EQUAL {
                let notes = shared.clone();
                engine.register_fn(name, move |at: NativeCallContext<'_>, _: (), _: $other| asked(&notes, &at, name == "!="));
                let notes = shared.clone();
                engine.register_fn(name, move |at: NativeCallContext<'_>, _: $other, _: ()| asked(&notes, &at, name == "!="));
            }
        )*};
    }
    with!(f64, i64, bool, char, ImmutableString, Array, Map);
    for name in ORDER {
        engine.register_fn(name, |_: (), _: ()| not_good::<bool>());
    }
    for name in EQUAL {
        let notes = shared.clone();
        engine.register_fn(name, move |at: NativeCallContext<'_>, _: (), _: ()| asked(&notes, &at, name == "=="));
    }
    for name in CALCULATE {
        engine.register_fn(name, |_: (), _: f64| not_good::<f64>());
        engine.register_fn(name, |_: f64, _: ()| not_good::<f64>());
        engine.register_fn(name, |_: (), _: i64| not_good::<f64>());
        engine.register_fn(name, |_: i64, _: ()| not_good::<f64>());
        engine.register_fn(name, |_: (), _: ()| not_good::<f64>());
    }
    engine.register_fn("-", |_: ()| not_good::<f64>());
    engine.register_fn("!", |_: ()| not_good::<bool>());
}

fn asked(shared: &Shared, at: &NativeCallContext<'_>, answer: bool) -> Answer<bool> {
    let at = at.call_position();
    if shared.with(|notes| notes.plan.asking.contains(&at)) { Ok(answer) } else { not_good() }
}

/// Values of different kinds: a sensor that says a word where it used to say a number.
fn mixed(engine: &mut Engine) {
    macro_rules! pair {
        ($($left:ty, $right:ty);*) => {$(
            for name in ALL {
                engine.register_fn(name, |_: $left, _: $right| not_good::<bool>());
                engine.register_fn(name, |_: $right, _: $left| not_good::<bool>());
            }
        )*};
    }
    pair!(ImmutableString, f64; ImmutableString, i64; ImmutableString, bool; bool, f64; bool, i64);
    pair!(Array, f64; Array, i64; Array, bool; Array, ImmutableString);
    for name in ORDER {
        engine.register_fn(name, |_: Array, _: Array| not_good::<bool>());
        engine.register_fn(name, |_: Map, _: Map| not_good::<bool>());
    }
    pair!(Map, f64; Map, i64; Map, bool; Map, ImmutableString; Map, Array);
}
