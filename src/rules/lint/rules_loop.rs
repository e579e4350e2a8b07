//! Rules that trigger each other, by what they publish and by the devices that they ask for: each turn runs them again.
//! The engine cuts such a loop at the ninth hop; here it is found before it runs.

use std::collections::{BTreeMap, VecDeque};

use crate::files::{Place, Report, Severity};
use crate::model::DeviceKey;

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
    let hearing = Hearing::of(&all.rules);
    let edges: Vec<Vec<Edge>> = all.rules.iter().map(|looking| hearing.edges(looking)).collect();
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

/// Who hears what.
#[derive(Debug)]
struct Hearing<'a> {
    /// What rules subscribe to beside the engine's own channels.
    globs: Vec<(usize, Glob)>,
    devices: BTreeMap<&'a DeviceKey, Vec<usize>>,
}

impl<'a> Hearing<'a> {
    fn of(rules: &'a [Looking<'_>]) -> Hearing<'a> {
        let patterns = rules.iter().enumerate().flat_map(|(at, rule)| rule.patterns.iter().map(move |(p, _)| (at, *p)));
        let globs =
            patterns.filter(|(_, pattern)| !ours(&pattern.redis)).map(|(at, p)| (at, Glob::pattern(p))).collect();
        let devices = rules.first().map_or(&[][..], |rule| &rule.inventory.devices);
        let listening = |device: &&'a DeviceKey| {
            (0..rules.len()).filter(|at| rules[*at].hears_device(device)).collect::<Vec<usize>>()
        };
        Hearing { globs, devices: devices.iter().map(|device| (device, listening(&device))).collect() }
    }

    /// The rules that a rule triggers, each once. What a shadow says reaches nobody.
    fn edges(&self, from: &Looking<'_>) -> Vec<Edge> {
        let mut edges: Vec<Edge> = Vec::new();
        let mut add = |to: usize, by: &dyn Fn() -> String, place: Place| {
            if !edges.iter().any(|edge| edge.to == to) {
                edges.push(Edge { to, by: by(), place });
            }
        };
        if from.rule.mode != Mode::Active {
            return Vec::new();
        }
        for text in &from.texts {
            // Of what is calculated altogether nobody can tell whom it triggers.
            for (channel, range) in text.sight.publishes.iter().filter(|(channel, _)| !channel.prefix().is_empty()) {
                for (to, _) in self.globs.iter().filter(|(_, heard)| heard.meets(channel)) {
                    add(*to, &|| format!("`{channel}`"), text.written.place(range));
                }
            }
        }
        for asked in from.asked() {
            for to in self.devices.get(asked.device).into_iter().flatten() {
                add(*to, &|| format!("the device {}", asked.device), asked.place);
            }
        }
        edges
    }
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
