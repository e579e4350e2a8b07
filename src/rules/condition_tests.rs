use proptest::prelude::*;

use super::*;
use crate::model::Value;
use crate::rules::fixture::{World, host, segments};

fn compile(text: &str) -> Result<Condition, ScriptError> {
    Condition::compile(&host(), text, &segments(), &mut Vec::new())
}

fn judge(text: &str, fields: &[(&str, Value)]) -> Result<Truth, Fault> {
    let (mut host, mut world) = (host(), World::with(fields));
    let condition = Condition::compile(&host, text, &segments(), &mut Vec::new()).expect(text);
    condition.judge(&mut host, &world.env())
}

fn is_lowered(node: &Node) -> bool {
    match node {
        Node::And(parts) | Node::Or(parts) => parts.iter().all(is_lowered),
        Node::Not(part) => is_lowered(part),
        Node::Leaf(_) => false,
        _ => true,
    }
}

#[test]
fn semantics_04_what_is_not_good_makes_a_comparison_unknown_whichever_side_it_stands_on() {
    let fields = [
        ("t", Value::Null),
        ("word", "hot".into()),
        ("on", true.into()),
        ("n", 3.0.into()),
        ("list", Value::List(Box::new([]))),
    ];
    for text in [
        "msg.t > 3.0",
        "3.0 == msg.t",
        "3.0 != msg.t",
        "msg.t == msg.absent",
        "msg.absent < 1",
        "msg.word > 3",
        "3 == msg.word",
        "msg.on == 1",
        "msg.on != msg.word",
        "msg.t",
        "!msg.t",
        "msg.t * 2.0 + 1 > 3",
        "-msg.t < 0",
        "(msg.t * 2.0 ?? 5.0) > 3",
        "() < 3",
        "msg.t == \"hot\"",
        "msg.n / 0 * 0.0 == 1.0",
        "msg.t.abs() > 3.0",
        "msg.list > 1",
        "msg.list == msg.list",
        "last(\"nowhere\", \"t\") > 3",
        "3.0 == last(\"nowhere\", \"t\")",
        "vpd(msg.t, 50) > 1",
        "sqrt(msg.t) > 1.0",
    ] {
        assert_eq!(judge(text, &fields), Ok(Truth::Unknown), "{text}");
    }
}

#[test]
fn semantics_04_a_condition_may_ask_whether_there_is_a_value() {
    let fields = [("t", Value::Null), ("n", 3.0.into())];
    for (text, holds) in [
        ("msg.t == ()", true),
        ("() == msg.t", true),
        ("msg.t != ()", false),
        ("msg.absent == ()", true),
        ("msg.n == ()", false),
        ("(msg.t ?? 5) > 4", true),
        ("(msg.absent ?? msg.t ?? 1.0) == 1", true),
        ("(msg.n ?? 5) > 4", false),
        ("last(\"nowhere\", \"t\") == ()", true),
        ("() != last(\"nowhere\", \"t\")", false),
        ("(last(\"nowhere\", \"t\") ?? 1) < 5", true),
        ("state == ()", false),
    ] {
        assert_eq!(judge(text, &fields), Ok(truth(holds)), "{text}");
    }
}

#[test]
fn kleene_decides_as_soon_as_one_side_does() {
    let fields = [("t", Value::Null), ("n", 3.0.into())];
    for (text, answer) in [
        ("msg.t > 1 && msg.n > 5", Truth::False),
        ("msg.n > 5 && msg.t > 1", Truth::False),
        ("msg.t > 1 || msg.n > 1", Truth::True),
        ("msg.n > 1 || msg.t > 1", Truth::True),
        ("msg.t > 1 && msg.n > 1", Truth::Unknown),
        ("msg.t > 1 || msg.n > 5", Truth::Unknown),
        ("!(msg.t > 1 && msg.n > 1)", Truth::Unknown),
        ("!(msg.t > 1 && msg.n > 5)", Truth::True),
        ("vpd(msg.t, 50) > 1 && msg.n > 5", Truth::False),
        ("vpd(msg.t, 50) > 1 || msg.n > 1", Truth::True),
        ("stale || msg.n > 1", Truth::True),
        ("stale && msg.t > 1", Truth::False),
    ] {
        assert_eq!(judge(text, &fields), Ok(answer), "{text}");
    }
}

#[test]
fn comparisons_are_lowered_and_calls_are_left_to_rhai() {
    let tree = |text: &str| compile(text).expect(text).tree;
    for text in [
        "msg.t > 28.0 && msg.h <= 60 || stale",
        "reset && msg.leak == \"leak\"",
        "room == \"Flower\" && channel != \"x\"",
        "msg.t * 9 / 5 + 32 > 90",
        "-msg.t < -(3)",
        "(msg.t ?? 2) > 1 + 1",
        "msg.on",
        "!msg.on",
        "true",
        "msg.t == ()",
        "rule != \"x\"",
    ] {
        assert!(is_lowered(&tree(text)), "{text}: {:?}", tree(text));
    }
    for text in [
        "between(\"06:00\", \"22:00\")",
        "msg.get(\"t\") > 3",
        "state.n > 3",
        "msg.a.b > 3",
        "msg.list[0] > 1",
        "\"a\" + msg.t == \"a1\"",
    ] {
        assert!(!is_lowered(&tree(text)), "{text}");
    }
}

#[test]
fn variables_of_the_host_are_known() {
    let fields = [("t", 3.0.into())];
    for text in [
        "!stale && !reset",
        "room == \"Flower\"",
        "channel == \"sensor:update:Flower:front\"",
        "rule == \"r\"",
        "last(channel, \"t\") == 3.0",
        "room.len() == 6",
        "msg.get(\"nothing\") == () && msg.get(\"t\") == 3.0",
    ] {
        assert_eq!(judge(text, &fields), Ok(Truth::True), "{text}");
    }
}

#[test]
fn what_is_neither_true_nor_false_fails_with_a_reason() {
    let fields = [("t", 24.5.into()), ("word", "hot".into())];
    let failed = |text| match judge(text, &fields) {
        Err(Fault::Failed { message }) => message,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(failed("msg.t"), "msg.t is 24.5, neither true nor false: compare it");
    assert_eq!(failed("stale || msg.word"), "msg.word is 'hot', neither true nor false: compare it");
    assert!(failed("last(channel, \"t\")").contains("neither true nor false"));
    assert!(failed("state.typo > 3").contains("typo"));
}

#[test]
fn a_wrong_condition_is_refused_at_load_with_its_place() {
    for (text, expected, at) in [
        ("msg.t", "", None),
        ("28.0", "a condition must be true or false", Some((1, 1))),
        ("msg.t > 3 && \"x\"", "Expecting a boolean expression, not a string", Some((1, 14))),
        ("msg.t + 1", "a condition must be true or false, not a number", Some((1, 7))),
        ("msg.t > 3 &&\n lst(\"a\", \"b\") > 1", "there is no function `lst`; did you mean `last`?", Some((2, 2))),
        ("last(\"a\") > 1", "`last` takes 2 or 3 arguments, not 1", Some((1, 1))),
        ("msg.t > tempp", "Undefined variable: tempp", Some((1, 9))),
        ("window(room, \"30m\").mean > 1", "`window` needs constant texts", Some((1, 1))),
        ("window(\"t\", \"30\").mean > 1", "'30' is not a duration", Some((1, 1))),
        ("between(\"6\", \"22:00\")", "'6' is not a time of day; write it as 06:00", Some((1, 9))),
        (
            "device(\"a\", \"b\").on() == ()",
            "a condition only asks: `on` belongs into `then`, `each` or `finally`",
            Some((1, 18)),
        ),
        ("stale ||\n warn(1) == ()", "a condition only asks: `warn`", Some((2, 2))),
        ("let x = 3; x > 1", "", Some((1, 1))),
    ] {
        let result = compile(text);
        if text == "msg.t" {
            assert!(result.is_ok());
            continue;
        }
        let error = result.expect_err(text);
        assert!(error.message.contains(expected), "{text}: {error}");
        assert_eq!(error.at, at, "{text}: {error}");
    }
}

#[test]
fn a_condition_knows_what_it_names() {
    let condition = compile("(msg.t > 1 || stale) && msg.get(\"h\") != () && reset").expect("right");
    assert_eq!(condition.fields().iter().map(|name| &**name).collect::<Vec<_>>(), ["t"]);
    assert!(condition.names_stale() && condition.names_reset());
    let other = compile("msg.stale > 1.0 && \"reset\" == room").expect("right");
    assert!(!other.names_stale() && !other.names_reset());
}

/// An expression as a person would write it.
#[derive(Clone, Debug)]
enum Ex {
    Compare(&'static str, Te, Te),
    Is(bool, Te),
    Flag(&'static str),
    Not(Box<Ex>),
    And(Vec<Ex>),
    Or(Vec<Ex>),
}

#[derive(Clone, Debug)]
enum Te {
    Literal(Value),
    Whole(i64),
    Field(&'static str),
    Calculate(&'static str, Box<Te>, Box<Te>),
    Or(Box<Te>, Box<Te>),
}

impl Ex {
    fn text(&self) -> String {
        let join =
            |parts: &[Ex], by: &str| parts.iter().map(|part| format!("({})", part.text())).collect::<Vec<_>>().join(by);
        match self {
            Ex::Compare(op, a, b) => format!("{} {op} {}", a.text(), b.text()),
            Ex::Is(null, a) => format!("{} {} ()", a.text(), if *null { "==" } else { "!=" }),
            Ex::Flag(name) => format!("msg.{name}"),
            Ex::Not(part) => format!("!({})", part.text()),
            Ex::And(parts) => join(parts, " && "),
            Ex::Or(parts) => join(parts, " || "),
        }
    }

    /// Kleene's logic, spelt out. `None` is unknown.
    fn truth(&self, world: &[(&'static str, Value)]) -> Option<bool> {
        match self {
            Ex::Compare(op, a, b) => {
                let (a, b) = (a.value(world)?, b.value(world)?);
                let order = match (&a, &b) {
                    (Value::Number(a), Value::Number(b)) => a.partial_cmp(b)?,
                    (Value::Text(a), Value::Text(b)) => a.cmp(b),
                    (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
                    _ => return None,
                };
                Some(match *op {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    ">=" => order.is_ge(),
                    "==" => order.is_eq(),
                    _ => order.is_ne(),
                })
            }
            Ex::Is(null, a) => Some(a.value(world)?.is_null() == *null),
            Ex::Flag(name) => match field(world, name) {
                Value::Bool(flag) => Some(flag),
                _ => None,
            },
            Ex::Not(part) => part.truth(world).map(|truth| !truth),
            Ex::And(parts) => kleene(parts, world, false),
            Ex::Or(parts) => kleene(parts, world, true),
        }
    }
}

fn kleene(parts: &[Ex], world: &[(&'static str, Value)], decides: bool) -> Option<bool> {
    let truths: Vec<_> = parts.iter().map(|part| part.truth(world)).collect();
    if truths.contains(&Some(decides)) { Some(decides) } else { (!truths.contains(&None)).then_some(!decides) }
}

fn field(world: &[(&'static str, Value)], name: &str) -> Value {
    world.iter().find(|(known, _)| *known == name).map_or(Value::Null, |(_, value)| value.clone())
}

impl Te {
    fn text(&self) -> String {
        match self {
            Te::Literal(Value::Number(number)) => format!("({number:?})"),
            Te::Literal(Value::Text(text)) => format!("{text:?}"),
            Te::Literal(value) => value.to_string(),
            Te::Whole(number) => format!("({number})"),
            Te::Field(name) => format!("msg.{name}"),
            Te::Calculate(op, a, b) => format!("({} {op} {})", a.text(), b.text()),
            Te::Or(a, b) => format!("({} ?? {})", a.text(), b.text()),
        }
    }

    /// `Some(Null)`: there is none; `None`: calculated from what is not good.
    fn value(&self, world: &[(&'static str, Value)]) -> Option<Value> {
        Some(match self {
            Te::Literal(value) => value.clone(),
            Te::Whole(number) => Value::Number(*number as f64),
            Te::Field(name) => field(world, name),
            Te::Calculate(op, a, b) => {
                let (a, b) = (a.value(world)?.as_number()?, b.value(world)?.as_number()?);
                Value::Number(match *op {
                    "+" => a + b,
                    "-" => a - b,
                    "*" => a * b,
                    "/" => a / b,
                    _ => a % b,
                })
            }
            Te::Or(a, b) => match a.value(world)? {
                Value::Null => b.value(world)?,
                value => value,
            },
        })
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-3..4i32).prop_map(f64::from),
        (-100.0..100.0f64).prop_map(|n| (n * 10.0).round() / 10.0),
        Just(0.1 + 0.2),
        Just(0.3)
    ]
}

/// Numbers, and calculations with at least one field, so that integers never meet alone.
fn numeric() -> BoxedStrategy<Te> {
    let field = prop_oneof![Just(Te::Field("a")), Just(Te::Field("b")), Just(Te::Field("absent"))];
    let constant = prop_oneof![number().prop_map(|n| Te::Literal(n.into())), (-5..6i64).prop_map(Te::Whole)];
    let operator = || prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%")];
    let or = (field.clone(), number()).prop_map(|(f, n)| Te::Or(Box::new(f), Box::new(Te::Literal(n.into()))));
    let leaf = prop_oneof![field.clone(), constant.clone(), or];
    let one = (operator(), field, constant).prop_map(|(op, a, b)| Te::Calculate(op, Box::new(a), Box::new(b)));
    let two =
        (operator(), one.clone(), leaf.clone()).prop_map(|(op, a, b)| Te::Calculate(op, Box::new(b), Box::new(a)));
    prop_oneof![leaf, one, two].boxed()
}

fn anything() -> BoxedStrategy<Te> {
    let word = prop_oneof![Just("a"), Just("b"), Just("")].prop_map(|text| Te::Literal(text.into()));
    let flag = any::<bool>().prop_map(|flag| Te::Literal(flag.into()));
    prop_oneof![4 => numeric(), 1 => word, 1 => flag, 2 => Just(Te::Field("any"))].boxed()
}

fn expression() -> BoxedStrategy<Ex> {
    let order = prop_oneof![Just("<"), Just("<="), Just(">"), Just(">="), Just("=="), Just("!=")];
    let leaf = prop_oneof![
        6 => (order, anything(), anything()).prop_map(|(op, a, b)| Ex::Compare(op, a, b)),
        1 => (any::<bool>(), prop_oneof![Just("any"), Just("a"), Just("absent")]).prop_map(|(null, f)| Ex::Is(null, Te::Field(f))),
        1 => Just(Ex::Flag("flag")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let several = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            inner.clone().prop_map(|e| Ex::Not(Box::new(e))),
            several().prop_map(Ex::And),
            several().prop_map(Ex::Or)
        ]
    })
    .boxed()
}

fn world() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let good = || prop_oneof![3 => number().prop_map(Value::from), 1 => Just(Value::Null)];
    let any_value = prop_oneof![good(), Just("a".into()), any::<bool>().prop_map(Value::from)];
    let flag = prop_oneof![any::<bool>().prop_map(Value::from), Just(Value::Null)];
    (good(), good(), any_value, flag)
        .prop_map(|(a, b, any, flag)| vec![("a", a), ("b", b), ("any", any), ("flag", flag)])
}

proptest! {
    #[test]
    fn the_lowered_tree_agrees_with_kleene_and_with_rhai(expression in expression(), fields in world()) {
        let (mut host, text) = (host_once(), expression.text());
        let condition = Condition::compile(&host, &text, &segments(), &mut Vec::new()).expect(&text);
        prop_assert!(is_lowered(&condition.tree), "{text}");
        let mut world = World::with(&fields);
        let judged = condition.judge(&mut host, &world.env()).expect(&text);
        prop_assert_eq!(judged, expression.truth(&fields).map_or(Truth::Unknown, truth), "{}", text);
        // Rhai stops at the first value that is not good, where Kleene's logic may still decide.
        match leaf(&condition.script, &mut host, &world.env()).expect(&text) {
            Truth::Unknown => {}
            told => prop_assert_eq!(judged, told, "{}", text),
        }
    }
}

/// Making a host costs more than judging with it.
fn host_once() -> std::sync::MutexGuard<'static, Host> {
    static HOST: std::sync::LazyLock<std::sync::Mutex<Host>> =
        std::sync::LazyLock::new(|| std::sync::Mutex::new(host()));
    HOST.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
