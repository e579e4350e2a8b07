//! Comparisons whose answer is known: the value cannot go beyond its signal's range. A value out of range is no good
//! value, and a condition on it is unknown.

use crate::files::Severity;
use crate::model::FieldFacts;

use super::super::condition::Order;
use super::sight::Constant;
use super::{Lint, Looking, Of, Says};

pub(super) static LINT: Lint = Lint {
    id: "beyond-range",
    severity: Severity::Warning,
    finds: "a comparison with a number outside what the value can be: never true, or always",
    of: Of::Rule(check),
};

fn check(looking: &Looking<'_>, says: &mut Says<'_>) {
    for text in &looking.texts {
        for comparison in &text.sight.comparisons {
            let Constant::Number(limit) = comparison.with else { continue };
            let facts = looking.facts(&comparison.read);
            let (place, written) = (text.written.place(&comparison.whole), text.written.piece(&comparison.whole));
            let field = comparison.read.field.as_deref().unwrap_or_default();
            let Some(whole) = reach(&facts) else {
                if let Some(first) = facts.first() {
                    let message = format!("`{written}` is never true: `{field}` is a text, never a number");
                    let texts: Vec<String> = first.texts.iter().map(|text| format!("\"{text}\"")).collect();
                    says.say(place, message).help(format!("compare it with {}", texts.join(" or ")));
                }
                continue;
            };
            let Some(always) = answer(comparison.order, limit, whole) else { continue };
            let (how_often, or) = if always { ("always", "leave it out, or choose") } else { ("never", "choose") };
            let message = format!("`{written}` is {how_often} true: `{field}` {}", shown(whole, &facts));
            says.say(place, message).help(format!("{or} a limit within that"));
        }
    }
}

/// The least and the greatest number of all; `None` if it is never one, or nothing is known.
fn reach(facts: &[&FieldFacts]) -> Option<(f64, f64)> {
    let numbers = facts.iter().filter_map(|facts| facts.numbers);
    numbers.reduce(|(low, high), (least, most)| (low.min(least), high.max(most)))
}

/// The answer, where it is the same for every value from `low` to `high`.
fn answer(order: Order, limit: f64, (low, high): (f64, f64)) -> Option<bool> {
    let (never, always) = match order {
        Order::Greater => (high <= limit, low > limit),
        Order::AtLeast => (high < limit, low >= limit),
        Order::Less => (low >= limit, high < limit),
        Order::AtMost => (low > limit, high <= limit),
        Order::Equal => (limit < low || limit > high, false),
        Order::Differs => (false, limit < low || limit > high),
    };
    (never || always).then_some(always)
}

fn shown((low, high): (f64, f64), facts: &[&FieldFacts]) -> String {
    let unit = facts.iter().find_map(|facts| facts.unit.as_ref()).map(|unit| format!(" {unit}")).unwrap_or_default();
    match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("goes from {low} to {high}{unit}"),
        (true, false) => format!("is {low}{unit} or more"),
        _ => format!("is {high}{unit} or less"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_only_where_every_value_gives_it() {
        let orders = [Order::Equal, Order::Differs, Order::Less, Order::AtMost, Order::Greater, Order::AtLeast];
        for order in orders {
            for limit in [-1.0, 0.0, 1.0, 2.0, 3.0] {
                let holds = |value: f64| match order {
                    Order::Equal => value == limit,
                    Order::Differs => value != limit,
                    Order::Less => value < limit,
                    Order::AtMost => value <= limit,
                    Order::Greater => value > limit,
                    Order::AtLeast => value >= limit,
                };
                let answers: Vec<bool> = [0.0, 0.5, 1.0, 1.5, 2.0].map(holds).to_vec();
                let same = answers.iter().all(|answer| *answer == answers[0]).then_some(answers[0]);
                assert_eq!(answer(order, limit, (0.0, 2.0)), same, "{order:?} {limit}");
            }
        }
    }
}
