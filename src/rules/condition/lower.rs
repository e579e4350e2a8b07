//! From Rhai's tree to ours. What means the same in both is lowered; what may not is left to Rhai.

use rhai::{AST, ASTFlags, Expr, FnCallExpr, Stmt};

use crate::model::Name;

use super::super::host::Host;
use super::super::script::{Script, ScriptError};
use super::super::{Truth, WindowSpec};
use super::Node;
use super::explain::{Part, Side};
use super::parts::Words;
use super::term::{Field, Operator, Order, Term};

/// What a condition is compiled with.
pub(super) struct Lowering<'a> {
    pub(super) host: &'a Host,
    pub(super) segments: &'a [Name],
    pub(super) windows: &'a mut Vec<WindowSpec>,
    pub(super) words: Words<'a>,
    /// The ends of the tree so far.
    pub(super) parts: Vec<Part>,
}

impl Lowering<'_> {
    pub(super) fn whole(&mut self, ast: &AST) -> Result<Node, ScriptError> {
        match ast.statements() {
            [Stmt::Expr(expr)] => self.node(expr, ast),
            [Stmt::FnCall(call, at)] => self.node(&Expr::FnCall(call.clone(), *at), ast),
            _ => Err(ScriptError { message: "a condition is one expression".to_owned(), at: None }),
        }
    }

    fn node(&mut self, expr: &Expr, ast: &AST) -> Result<Node, ScriptError> {
        match expr {
            Expr::And(parts, _) => return Ok(Node::And(self.nodes(parts, ast)?)),
            Expr::Or(parts, _) => return Ok(Node::Or(self.nodes(parts, ast)?)),
            Expr::FnCall(call, _) if is_operator(call, "!", 1) => {
                return Ok(Node::Not(Box::new(self.node(&call.args[0], ast)?)));
            }
            Expr::FnCall(call, _) => {
                if let Some(node) = self.comparison(call) {
                    return Ok(self.end(expr, node));
                }
            }
            Expr::Array(_, at) | Expr::Map(_, at) | Expr::InterpolatedString(_, at) => {
                return Err(ScriptError::new("a condition must be true or false", *at));
            }
            _ => {}
        }
        match self.term(expr) {
            Some(Term::Bool(holds)) => Ok(self.end(expr, Node::Constant(super::truth(holds)))),
            Some(Term::Null | Term::Int(_) | Term::Number(_) | Term::Text(_) | Term::Channel | Term::Rule) => {
                Err(ScriptError::new("a condition must be true or false", expr.start_position()))
            }
            Some(Term::Negative(_) | Term::Calculate(..)) => {
                Err(ScriptError::new("a condition must be true or false, not a number", expr.start_position()))
            }
            Some(term) => Ok(self.end(expr, Node::Flag(term))),
            None => self.leaf(expr, ast),
        }
    }

    fn nodes(&mut self, parts: &[Expr], ast: &AST) -> Result<Box<[Node]>, ScriptError> {
        parts.iter().map(|part| self.node(part, ast)).collect()
    }

    fn leaf(&mut self, expr: &Expr, ast: &AST) -> Result<Node, ScriptError> {
        let script = self.script(expr, ast)?;
        let mut sides = Vec::new();
        if let Expr::FnCall(call, _) = expr
            && order(call).is_some()
        {
            for side in &call.args {
                sides.push(match self.term(side) {
                    Some(term) => Side::Term(term),
                    None => Side::Script(self.words.written(side).text, self.script(side, ast)?),
                });
            }
        }
        self.parts.push(Part { written: self.words.written(expr), sides: sides.into() });
        Ok(Node::Leaf(script))
    }

    fn script(&mut self, expr: &Expr, ast: &AST) -> Result<Box<Script>, ScriptError> {
        let part = AST::new([Stmt::Expr(Box::new(expr.clone()))], ast.shared_lib().clone());
        self.host.survey(part, &[], self.segments, self.windows).map(Box::new)
    }

    /// An end of the tree, and how it is written.
    fn end(&mut self, expr: &Expr, node: Node) -> Node {
        self.parts.push(Part { written: self.words.written(expr), sides: Box::default() });
        node
    }

    fn comparison(&self, call: &FnCallExpr) -> Option<Node> {
        let order = order(call)?;
        let (left, right) = (self.term(&call.args[0])?, self.term(&call.args[1])?);
        Some(match (order, left, right) {
            (Order::Equal | Order::Differs, term, Term::Null) | (Order::Equal | Order::Differs, Term::Null, term) => {
                Node::Absent(term, order == Order::Equal)
            }
            (_, Term::Null, _) | (_, _, Term::Null) => Node::Constant(Truth::Unknown),
            (order, left, right) => Node::Compare(order, left, right),
        })
    }

    fn term(&self, expr: &Expr) -> Option<Term> {
        match expr {
            Expr::Unit(_) => Some(Term::Null),
            Expr::BoolConstant(flag, _) => Some(Term::Bool(*flag)),
            Expr::IntegerConstant(number, _) => Some(Term::Int(*number)),
            Expr::FloatConstant(number, _) => Some(Term::Number(**number)),
            Expr::StringConstant(text, _) => Some(Term::Text(text.as_str().into())),
            Expr::Variable(name, ..) => self.variable(&name.1),
            Expr::Dot(pair, flags, _) => match (&pair.lhs, &pair.rhs) {
                (Expr::Variable(of, ..), Expr::Property(property, _))
                    if of.1 == "msg" && !flags.contains(ASTFlags::NEGATED) =>
                {
                    Some(Term::Field(Field::new(&property.2)))
                }
                _ => None,
            },
            Expr::Coalesce(parts, _) => {
                Some(Term::Coalesce(parts.iter().map(|part| self.term(part)).collect::<Option<_>>()?))
            }
            Expr::FnCall(call, _) => self.calculation(call),
            _ => None,
        }
    }

    fn variable(&self, name: &str) -> Option<Term> {
        match name {
            "stale" => Some(Term::Stale),
            "reset" => Some(Term::Reset),
            "channel" => Some(Term::Channel),
            "rule" => Some(Term::Rule),
            _ => self.segments.iter().find(|segment| ***segment == *name).cloned().map(Term::Segment),
        }
    }

    fn calculation(&self, call: &FnCallExpr) -> Option<Term> {
        if is_operator(call, "-", 1) {
            return match self.term(&call.args[0])? {
                Term::Int(number) => number.checked_neg().map(Term::Int),
                Term::Number(number) => Some(Term::Number(-number)),
                term => (is_number(&term) && !may_be_int(&term)).then(|| Term::Negative(Box::new(term))),
            };
        }
        if call.op_token.is_none() || call.args.len() != 2 {
            return None;
        }
        let operator = match call.name.as_str() {
            "+" => Operator::Add,
            "-" => Operator::Subtract,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            "%" => Operator::Remainder,
            _ => return None,
        };
        let (left, right) = (self.term(&call.args[0])?, self.term(&call.args[1])?);
        if let (Term::Int(left), Term::Int(right)) = (&left, &right) {
            return whole(operator, *left, *right).map(Term::Int);
        }
        // Two integers calculate in integers, and texts are joined: both are Rhai's.
        let lowers = is_number(&left) && is_number(&right) && !(may_be_int(&left) && may_be_int(&right));
        lowers.then(|| Term::Calculate(operator, Box::new([left, right])))
    }
}

/// Which comparison a call is, if it is one.
fn order(call: &FnCallExpr) -> Option<Order> {
    if call.op_token.is_none() || call.args.len() != 2 {
        return None;
    }
    Order::of(call.name.as_str())
}

fn is_operator(call: &FnCallExpr, name: &str, arity: usize) -> bool {
    call.op_token.is_some() && call.name == name && call.args.len() == arity
}

fn whole(operator: Operator, left: i64, right: i64) -> Option<i64> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => left.checked_div(right),
        Operator::Remainder => left.checked_rem(right),
    }
}

/// Whether a term is a number when it is good: a field may be, the others say so.
fn is_number(term: &Term) -> bool {
    match term {
        Term::Int(_) | Term::Number(_) | Term::Field(_) | Term::Negative(_) | Term::Calculate(..) => true,
        Term::Coalesce(terms) => terms.iter().all(is_number),
        _ => false,
    }
}

fn may_be_int(term: &Term) -> bool {
    match term {
        Term::Int(_) => true,
        Term::Coalesce(terms) => terms.iter().any(may_be_int),
        _ => false,
    }
}
