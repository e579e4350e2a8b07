//! Numbers: every mixture of integers and floats.

use rhai::{Dynamic, Engine};

use super::{Answer, fail, number};

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("round", |x: Dynamic| number("the value to round", &x).map(f64::round));
    engine.register_fn("round", |x: Dynamic, digits: i64| {
        let scale = 10_f64.powi(digits.clamp(0, 12) as i32);
        Ok::<_, Box<rhai::EvalAltResult>>((number("the value to round", &x)? * scale).round() / scale)
    });
    engine.register_fn("clamp", clamp);
}

/// An integer if all three are.
fn clamp(x: Dynamic, low: Dynamic, high: Dynamic) -> Answer<Dynamic> {
    let numbers =
        (number("the value to clamp", &x)?, number("the lower limit", &low)?, number("the upper limit", &high)?);
    if numbers.1 > numbers.2 {
        return fail(format!("clamp has its lower limit {} above its upper limit {}", numbers.1, numbers.2));
    }
    match (x.as_int(), low.as_int(), high.as_int()) {
        (Ok(x), Ok(low), Ok(high)) => Ok(x.clamp(low, high).into()),
        _ => Ok(numbers.0.clamp(numbers.1, numbers.2).into()),
    }
}
