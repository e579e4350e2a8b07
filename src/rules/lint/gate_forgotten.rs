//! A condition beside the one that begins an episode, as the hours in which it may: when `until` does not ask for it, the
//! episode goes on after it has ceased to hold. Hysteresis, the same value with another limit, is what `until` is for.

use std::collections::BTreeSet;

use rhai::{ASTNode, Expr, Stmt};

use crate::files::Severity;
use crate::model::Name;

use super::sight::Eye;
use super::written::{Written, conjuncts};
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
        let range = if texts.len() == parts.len() { texts[at].clone() } else { when.written.term(part) };
        let shown = when.written.piece(&range).split_whitespace().collect::<Vec<_>>().join(" ");
        let message = format!("the episode goes on when `{shown}` no longer holds: `until` does not ask for it");
        let end = negated(&shown).replace('\'', "''");
        let help = format!("make `until` a list and add '{end}'; if it is meant so: `allow: [gate-forgotten]`");
        says.say(when.written.place(&range), message).help(help);
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
                    let names =
                        call.args.iter().map(|name| if let Expr::StringConstant(text, _) = name { text } else { "?" });
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
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.');
    let closes = |text: &str| {
        let mut depth = 0_i32;
        let mut inner = text.char_indices().filter(|(_, letter)| matches!(letter, '(' | ')'));
        inner.find(|(_, letter)| {
            depth += if *letter == '(' { 1 } else { -1 };
            depth == 0
        })
    };
    // A name, a call, or what stands in parentheses of its own.
    let simple = |text: &str| {
        let rest = text.trim_start_matches(is_name);
        rest.is_empty() || (rest.starts_with('(') && closes(rest).is_some_and(|(at, _)| at + 1 == rest.len()))
    };
    match part.strip_prefix('!') {
        Some(rest) if simple(rest) => rest.to_owned(),
        _ if simple(part) => format!("!{part}"),
        _ => format!("!({part})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opposite_is_what_one_would_write() {
        for (part, opposite) in [
            ("between(\"08:00\", \"20:00\")", "!between(\"08:00\", \"20:00\")"),
            ("!between(\"08:00\", \"20:00\")", "between(\"08:00\", \"20:00\")"),
            ("msg.door", "!msg.door"),
            ("(a > 1 || b > 2)", "!(a > 1 || b > 2)"),
            ("(a) > (b)", "!((a) > (b))"),
            ("last(\"x\", \"y\") < 2", "!(last(\"x\", \"y\") < 2)"),
        ] {
            assert_eq!(negated(part), opposite);
        }
    }
}
