//! What a condition or script looks at and asks for, with the expressions themselves: walked once, then every check
//! looks at the same list.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use rhai::{ASTNode, Expr, FnCallExpr, Stmt};

use crate::model::{Name, parse_duration};

use super::super::condition::Order;
use super::super::script::Script;
use super::glob::Glob;
use super::written::{Written, plain};

/// How a value comes into a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// `msg.x`, `msg.get("x")`.
    Message,
    Last,
    Readings,
    Window,
}

/// One value that is looked at.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) how: How,
    /// Where from; `None`: from the rule's own messages.
    pub(super) from: Option<Glob>,
    /// The field, a glob of `readings`; `None`: no constant.
    pub(super) field: Option<Name>,
    /// What a value of `last` may be old.
    pub(super) age: Option<Duration>,
    pub(super) whole: Range<usize>,
    /// The argument that names the channel, and the one that names the field.
    pub(super) parts: [Range<usize>; 2],
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Number(f64),
    Text(Name),
}

/// A value beside a constant; the value stands on the left, or has been put there.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    pub(super) read: Read,
    pub(super) order: Order,
    pub(super) with: Constant,
    pub(super) whole: Range<usize>,
    pub(super) constant: Range<usize>,
}

/// A name that is a constant, a named segment, or something else.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Constant(Name),
    Segment(Name),
    Open,
}

/// The state that is asked of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Level {
    On,
    Off,
    At(f64),
    /// Calculated.
    Open,
}

/// One `.on()`, `.off()` or `.set(…)`.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) room: Word,
    pub(super) device: Word,
    pub(super) level: Level,
    pub(super) whole: Range<usize>,
}

/// Everything that a script looks at and asks for.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) reads: Vec<Read>,
    pub(super) comparisons: Vec<Comparison>,
    pub(super) requests: Vec<Request>,
    /// Channels that it publishes on.
    pub(super) publishes: Vec<(Glob, Range<usize>)>,
    /// Receivers and targets of growctl.yaml that it names: by which function, and which.
    pub(super) outside: Vec<(&'static str, Name, Range<usize>)>,
}

/// Looks through a script, or through a part of one.
#[derive(Debug)]
pub(super) struct Eye<'a> {
    written: Written<'a>,
    segments: &'a [Name],
    /// Variables that stand for a device: `let fan = device(…)`.
    devices: BTreeMap<String, (Word, Word)>,
    /// Variables that stand for a window or for readings.
    series: BTreeMap<String, Read>,
    sight: Sight,
}

impl<'a> Eye<'a> {
    pub(super) fn see(script: &Script, written: Written<'a>, segments: &'a [Name]) -> Sight {
        let mut eye =
            Eye { written, segments, devices: BTreeMap::new(), series: BTreeMap::new(), sight: Sight::default() };
        script.ast.walk(&mut |path: &[ASTNode<'_>]| {
            path.last().into_iter().for_each(|node| eye.node(node));
            true
        });
        eye.sight
    }

    /// The values that a part of a script looks at.
    pub(super) fn reads(part: &Expr, written: Written<'a>, segments: &'a [Name]) -> Vec<Read> {
        let mut eye =
            Eye { written, segments, devices: BTreeMap::new(), series: BTreeMap::new(), sight: Sight::default() };
        part.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            path.last().into_iter().for_each(|node| eye.node(node));
            true
        });
        eye.sight.reads
    }

    fn node(&mut self, node: &ASTNode<'_>) {
        match node {
            ASTNode::Stmt(Stmt::FnCall(call, at)) => self.expr(&Expr::FnCall(call.clone(), *at)),
            ASTNode::Stmt(Stmt::Var(var, ..)) => {
                let name = || var.0.name.to_string();
                self.devices.extend(self.device(&var.1).map(|device| (name(), device)));
                let series = self.read(&var.1).filter(|read| matches!(read.how, How::Window | How::Readings));
                self.series.extend(series.map(|series| (name(), series)));
            }
            ASTNode::Expr(expr) => self.expr(expr),
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr) {
        self.sight.reads.extend(self.read(expr));
        match expr {
            Expr::FnCall(call, _) if call.op_token.is_some() => self.sight.comparisons.extend(self.comparison(call)),
            Expr::FnCall(call, _) if call.name == "publish" => {
                if let Some(channel) = call.args.first() {
                    let place = self.written.term(channel);
                    self.sight.publishes.push((Glob::of(channel, self.segments), place));
                }
            }
            Expr::FnCall(call, _) => self.outside(call),
            Expr::Dot(pair, ..) => self.sight.requests.extend(self.request(expr, &pair.lhs, &pair.rhs)),
            _ => {}
        }
    }

    fn outside(&mut self, call: &FnCallExpr) {
        let function = ["send", "notify", "sms", "email", "push"].into_iter().find(|name| call.name == *name);
        if let (Some(function), Some(first)) = (function, call.args.first())
            && let Some(Constant::Text(name)) = constant(first)
        {
            self.sight.outside.push((function, name, self.written.term(first)));
        }
    }

    /// The value that an expression is, if it is one as it comes.
    fn read(&self, expr: &Expr) -> Option<Read> {
        match expr {
            Expr::Dot(pair, flags, _) if plain(*flags) => match (&pair.lhs, &pair.rhs) {
                (Expr::Variable(name, ..), Expr::Property(field, _)) if name.1 == "msg" => {
                    Some(self.of_message(expr, &field.2))
                }
                (Expr::Variable(name, ..), Expr::MethodCall(call, _)) if name.1 == "msg" && call.name == "get" => {
                    Some(self.of_message(expr, text(call.args.first())?))
                }
                _ => None,
            },
            Expr::Index(pair, ..) => match (&pair.lhs, &pair.rhs) {
                (Expr::Variable(name, ..), Expr::StringConstant(field, _)) if name.1 == "msg" => {
                    Some(self.of_message(expr, field))
                }
                _ => None,
            },
            Expr::FnCall(call, _) if call.op_token.is_none() => self.of_function(expr, call),
            _ => None,
        }
    }

    fn of_message(&self, expr: &Expr, field: &str) -> Read {
        let whole = self.written.term(expr);
        let parts = [whole.clone(), whole.clone()];
        Read { how: How::Message, from: None, field: Some(field.into()), age: None, whole, parts }
    }

    fn of_function(&self, expr: &Expr, call: &FnCallExpr) -> Option<Read> {
        let (how, pattern) = match (call.name.as_str(), call.args.len()) {
            ("last", 2 | 3) => (How::Last, false),
            ("readings", 2) => (How::Readings, true),
            ("window", 3) => (How::Window, true),
            ("window", 2) => (How::Window, false),
            _ => return None,
        };
        let own = how == How::Window && !pattern;
        let (channel, field) = if own { (None, &call.args[0]) } else { (Some(&call.args[0]), &call.args[1]) };
        let from = channel.map(|channel| Glob::of(channel, self.segments));
        let from = if pattern { from.map(|glob| glob.read_as_pattern()) } else { from };
        let age = (how == How::Last).then(|| text(call.args.get(2)).and_then(|age| parse_duration(age).ok())).flatten();
        let parts = [self.written.term(channel.unwrap_or(field)), self.written.term(field)];
        let field = text(Some(field)).map(Name::from);
        Some(Read { how, from, field, age, whole: self.written.term(expr), parts })
    }

    /// A value, or its mean, least or greatest, which are within what it can be.
    fn value(&self, expr: &Expr) -> Option<Read> {
        let found = self.read(expr);
        if let Some(read) = found.filter(|read| matches!(read.how, How::Message | How::Last)) {
            return Some(read);
        }
        let Expr::Dot(pair, ..) = expr else { return None };
        let of = match &pair.rhs {
            Expr::MethodCall(call, _) => call.name.as_str(),
            Expr::Property(property, _) => property.2.as_str(),
            _ => return None,
        };
        let named = |expr: &Expr| match expr {
            Expr::Variable(name, ..) => self.series.get(name.1.as_str()).cloned(),
            _ => None,
        };
        self.read(&pair.lhs).or_else(|| named(&pair.lhs)).filter(|_| matches!(of, "mean" | "min" | "max"))
    }

    fn comparison(&self, call: &FnCallExpr) -> Option<Comparison> {
        let order = Order::of(call.name.as_str())?;
        let [left, right] = &*call.args else { return None };
        let (read, order, with, beside) = match (constant(left), constant(right)) {
            (None, Some(with)) => (self.value(left)?, order, with, right),
            (Some(with), None) => (self.value(right)?, order.turned(), with, left),
            _ => return None,
        };
        let constant = self.written.term(beside);
        Some(Comparison { read, order, with, whole: self.written.span(left, right), constant })
    }

    fn request(&self, whole: &Expr, of: &Expr, rest: &Expr) -> Option<Request> {
        let rest = if let Expr::Dot(inner, ..) = rest { &inner.lhs } else { rest };
        let Expr::MethodCall(call, _) = rest else { return None };
        let level = match call.name.as_str() {
            "on" => Level::On,
            "off" => Level::Off,
            "set" => match call.args.first()? {
                Expr::BoolConstant(true, _) => Level::On,
                Expr::BoolConstant(false, _) => Level::Off,
                to => match constant(to) {
                    Some(Constant::Number(number)) => Level::At(number),
                    Some(Constant::Text(text)) if matches!(&*text, "on" | "open") => Level::On,
                    Some(Constant::Text(text)) if matches!(&*text, "off" | "closed") => Level::Off,
                    _ => Level::Open,
                },
            },
            _ => return None,
        };
        let (room, device) = self.device(of)?;
        Some(Request { room, device, level, whole: self.written.term(whole) })
    }

    /// The room and the name of the device that an expression is.
    fn device(&self, expr: &Expr) -> Option<(Word, Word)> {
        match expr {
            Expr::FnCall(call, _) if call.name == "device" => match &*call.args {
                [room, device] => Some((self.word(room), self.word(device))),
                _ => None,
            },
            Expr::Variable(name, ..) => self.devices.get(name.1.as_str()).cloned(),
            _ => None,
        }
    }

    fn word(&self, expr: &Expr) -> Word {
        match expr {
            Expr::StringConstant(text, _) => Word::Constant(text.as_str().into()),
            Expr::Variable(name, ..) => self
                .segments
                .iter()
                .find(|segment| ***segment == *name.1)
                .map_or(Word::Open, |segment| Word::Segment(segment.clone())),
            _ => Word::Open,
        }
    }
}

fn constant(expr: &Expr) -> Option<Constant> {
    match expr {
        Expr::IntegerConstant(number, _) => Some(Constant::Number(*number as f64)),
        Expr::FloatConstant(number, _) => Some(Constant::Number(**number)),
        Expr::StringConstant(text, _) => Some(Constant::Text(text.as_str().into())),
        _ => None,
    }
}

fn text(argument: Option<&Expr>) -> Option<&str> {
    match argument {
        Some(Expr::StringConstant(text, _)) => Some(text),
        _ => None,
    }
}
