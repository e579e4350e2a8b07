//! Rules that trigger each other, by what they publish and by the devices that they ask for: each turn runs them again.
//! The engine cuts such a loop at the ninth hop; here it is found before it runs.

use std::collections::VecDeque;

use crate::files::{Place, Report, Severity};

use super::super::Mode;
use super::glob::Glob;
use super::requests::ours;
use super::{All, Lint, Looking, Of};

pub(super) static LINT: Lint = Lint {
    id: "rules-loop",
    severity: Severity::Warning,
    finds: "rules that trigger each other in a circle, by channels or by devices",
    of: Of::Rules(check),
};

/// How one rule triggers another.
#[derive(Clone, Debug)]
struct Edge {
    to: usize,
    by: String,
    place: Place,
}

fn check(all: &All<'_>, report: &mut Report) {
    let edges: Vec<Vec<Edge>> = all.rules.iter().map(|looking| edges(looking, &all.rules)).collect();
    let mut told = vec![false; all.rules.len()];
    for start in 0..all.rules.len() {
        // A rule of a loop that has been told adds nothing but another way round the same.
        if told[start] {
            continue;
        }
        let Some(path) = way_back(start, &edges) else { continue };
        let rules: Vec<usize> = std::iter::once(start).chain(path.iter().map(|edge| edge.to)).collect();
        rules.iter().for_each(|rule| told[*rule] = true);
        if !rules.iter().all(|rule| all.rules[*rule].minds(&LINT)) {
            continue;
        }
        let steps: Vec<String> = rules.iter().zip(&path).map(|(from, edge)| step(all, *from, edge)).collect();
        let own = &all.rules[start].rule;
        let message = match path.len() {
            1 => format!("triggers itself by {}", path[0].by),
            _ => format!("triggers itself in a circle: {}", steps.join(", ")),
        };
        let help = "let one of them publish on another channel, or subscribe to less";
        report.warning(&own.file, path[0].place, LINT.tag(message)).help(help);
    }
}

fn step(all: &All<'_>, from: usize, edge: &Edge) -> String {
    let (from, to) = (all.rules[from].rule, all.rules[edge.to].rule);
    format!("{} ({}:{}) runs {} by {}", from.name, from.file.path.display(), edge.place.line, to.name, edge.by)
}

/// The rules that a rule triggers. What a shadow says reaches nobody.
fn edges(from: &Looking<'_>, rules: &[Looking<'_>]) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    if from.rule.mode != Mode::Active {
        return edges;
    }
    let published = from.texts.iter().flat_map(|text| text.sight.publishes.iter().map(move |p| (text, p)));
    let published: Vec<(&Glob, Place)> = published
        .filter(|(_, (channel, _))| !channel.prefix().is_empty())
        .map(|(text, (channel, range))| (channel, text.written.place(range)))
        .collect();
    let asked = from.asked();
    for (to, other) in rules.iter().enumerate() {
        let patterns = || other.patterns.iter().filter(|(pattern, _)| !ours(&pattern.redis));
        let heard = published.iter().find(|(channel, _)| patterns().any(|(p, _)| Glob::pattern(p).meets(channel)));
        let device = asked.iter().find(|asked| other.hears_device(asked.device));
        if let Some((channel, place)) = heard {
            edges.push(Edge { to, by: format!("`{channel}`"), place: *place });
        } else if let Some(asked) = device {
            edges.push(Edge { to, by: format!("the device {}", asked.device), place: asked.place });
        }
    }
    edges
}

/// The shortest way from a rule back to itself.
fn way_back(start: usize, edges: &[Vec<Edge>]) -> Option<Vec<Edge>> {
    let mut came: Vec<Option<(usize, Edge)>> = vec![None; edges.len()];
    let mut next = VecDeque::from([start]);
    while let Some(at) = next.pop_front() {
        for edge in &edges[at] {
            if edge.to == start {
                let mut path = vec![edge.clone()];
                let mut back = at;
                while back != start {
                    let (from, edge) = came[back].clone()?;
                    path.insert(0, edge);
                    back = from;
                }
                return Some(path);
            }
            if came[edge.to].is_none() {
                came[edge.to] = Some((at, edge.clone()));
                next.push_back(edge.to);
            }
        }
    }
    None
}
