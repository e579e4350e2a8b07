//! A condition beside the one that begins an episode, as the hours in which it may: when `until` does not ask for it, the
//! episode goes on after it has ceased to hold. Hysteresis, the same value with another limit, is what `until` is for.

use std::collections::BTreeSet;

use rhai::{ASTNode, Expr, Stmt};

use crate::files::Severity;
use crate::model::Name;

use super::sight::Eye;
use super::written::{Written, begin, conjuncts};
use super::{Lint, Looking, Of, Says, Text};

pub(super) static LINT: Lint = Lint {
    id: "gate-forgotten",
    severity: Severity::Warning,
    finds: "a part of `when` that `until` does not ask for: the episode goes on when it no longer holds",
    of: Of::Rule(check),
};

fn check(looking: &Looking<'_>, says: &mut Says<'_>) {
    let Some(when) = looking.texts.iter().find(|text| text.key == "when") else { return };
    let until: Vec<&Text<'_>> = looking.texts.iter().filter(|text| text.key == "until").collect();
    let segments = &looking.rule.segments;
    let asked: BTreeSet<String> =
        until.iter().flat_map(|text| whole(text)).flat_map(|part| subjects(part, when.written, segments)).collect();
    let parts = parts(when);
    let about: Vec<BTreeSet<String>> = parts.iter().map(|part| subjects(part, when.written, segments)).collect();
    // Where `until` asks for nothing of `when`, the end is a thing of its own: a latch, a shot.
    if !about.iter().any(|part| !part.is_disjoint(&asked)) {
        return;
    }
    let texts = conjuncts(&when.written.text.value);
    for (at, part) in parts.iter().enumerate().filter(|(at, _)| !about[*at].is_empty()) {
        if !about[at].is_disjoint(&asked) {
            continue;
        }
        let start = when.written.offset(begin(part));
        let shown = if texts.len() == parts.len() { texts[at] } else { when.written.piece(&when.written.term(part)) };
        let range = start..start + shown.len();
        let range = if when.written.piece(&range) == shown { range } else { when.written.term(part) };
        let place = when.written.place(&range);
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let message = format!("the episode goes on when `{shown}` no longer holds: `until` does not ask for it");
        says.say(place, message).help(format!("add to the list of `until`: - '{}'", negated(&shown)));
    }
}

/// The condition that begins, taken apart at its `&&`.
fn parts<'a>(when: &'a Text<'_>) -> Vec<&'a Expr> {
    match whole(when) {
        Some(Expr::And(parts, _)) => parts.iter().collect(),
        other => other.into_iter().collect(),
    }
}

/// A condition as the one expression that it is.
fn whole<'a>(text: &'a Text<'_>) -> Option<&'a Expr> {
    match text.script.ast.statements() {
        [Stmt::Expr(expr)] => Some(expr),
        _ => None,
    }
}

/// What a part of a condition is about: values, the hour, a device. What stays as it is while an episode lasts, what
/// only limits beginnings, and what ends an episode by itself are not gates.
fn subjects(part: &Expr, written: Written<'_>, segments: &[Name]) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = Eye::reads(part, written, segments)
        .iter()
        .map(|read| {
            let from = read.from.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{from} {}", read.field.as_deref().unwrap_or("?"))
        })
        .collect();
    part.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))) = path.last() {
            match call.name.as_str() {
                "between" | "now" | "today" | "days_since" => drop(found.insert("the clock".to_owned())),
                "device" => {
                    let names = call.args.iter().map(|name| if let Expr::StringConstant(text, _) = name { text } else { "?" });
                    found.insert(format!("device {}", names.collect::<Vec<_>>().join("/")));
                }
                _ => {}
            }
        }
        true
    });
    found
}

/// The opposite of a part of a condition, as one would write it.
fn negated(part: &str) -> String {
    let call = part.ends_with(')') && part.split('(').next().is_some_and(|name| name.chars().all(is_name) && !name.is_empty());
    match part.strip_prefix('!') {
        Some(rest) if rest.chars().next().is_some_and(is_name) && !rest.contains(['<', '>', '=']) => rest.to_owned(),
        _ if call || part.chars().all(|c| is_name(c) || c == '.') => format!("!{part}"),
        _ => format!("!({part})"),
    }
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
