//! Two lists side by side: what is as expected, what differs, what is missing, what came on top.

use std::time::Duration;

use serde::Serialize;

/// Longer stretches of difference are paired one by one, which costs no square of memory.
const MOST: usize = 1_000_000;
/// What is missing or on top costs this; two of them more than up to five differences in a pair.
const GAP: usize = 8;
const PAIR: usize = 10;

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// When, in seconds from the start; of a pair, when it was expected.
    pub at: f64,
    /// How the two stand to each other.
    pub state: State,
    /// The line of the test file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// As the file has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// As it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// In what they differ: what came instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
}

/// How expected and got stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As expected.
    Same,
    /// The same thing, otherwise.
    Differs,
    /// It did not come.
    Missing,
    /// Nobody expected it.
    Unexpected,
}

/// What belongs to what.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pair {
    Both(usize, usize, Vec<String>),
    Missing(usize),
    Unexpected(usize),
}

/// Compares two lists in order. `differs` says in what two entries differ, `None` where they are not of one kind.
pub(super) fn align(expected: usize, got: usize, differs: impl Fn(usize, usize) -> Option<Vec<String>>) -> Vec<Pair> {
    let same = |i: usize, j: usize| differs(i, j).is_some_and(|differences| differences.is_empty());
    let least = expected.min(got);
    let head = (0..least).take_while(|at| same(*at, *at)).count();
    let tail = (1..=least - head).take_while(|back| same(expected - back, got - back)).count();
    let (from, to) = ((head, head), (expected - tail, got - tail));
    let mut pairs: Vec<Pair> = (0..head).map(|at| Pair::Both(at, at, Vec::new())).collect();
    pairs.extend(if (to.0 - from.0).saturating_mul(to.1 - from.1) > MOST {
        one_by_one(from, to, &differs)
    } else {
        cheapest(from, to, &differs)
    });
    pairs.extend((0..tail).rev().map(|back| Pair::Both(expected - back - 1, got - back - 1, Vec::new())));
    pairs
}

type Differs<'a> = &'a dyn Fn(usize, usize) -> Option<Vec<String>>;

fn one_by_one(from: (usize, usize), to: (usize, usize), differs: Differs<'_>) -> Vec<Pair> {
    let both = (to.0 - from.0).min(to.1 - from.1);
    let pair = |n: usize| match differs(from.0 + n, from.1 + n) {
        Some(differences) => vec![Pair::Both(from.0 + n, from.1 + n, differences)],
        None => vec![Pair::Missing(from.0 + n), Pair::Unexpected(from.1 + n)],
    };
    let rest = (from.0 + both..to.0).map(Pair::Missing).chain((from.1 + both..to.1).map(Pair::Unexpected));
    (0..both).flat_map(pair).chain(rest).collect()
}

/// The edit script of least cost.
fn cheapest(from: (usize, usize), to: (usize, usize), differs: Differs<'_>) -> Vec<Pair> {
    let (rows, columns) = (to.0 - from.0, to.1 - from.1);
    // costs[i][j]: of what is behind i and j.
    let mut costs = vec![vec![0; columns + 1]; rows + 1];
    let pair = |i: usize, j: usize| {
        let differences = differs(from.0 + i, from.1 + j)?;
        Some(if differences.is_empty() { 0 } else { PAIR + differences.len() })
    };
    for i in (0..=rows).rev() {
        for j in (0..=columns).rev() {
            costs[i][j] = match (rows - i, columns - j) {
                (0, left) | (left, 0) => left * GAP,
                _ => {
                    let gap = costs[i + 1][j].min(costs[i][j + 1]) + GAP;
                    pair(i, j).map_or(gap, |cost| gap.min(cost + costs[i + 1][j + 1]))
                }
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < rows || j < columns {
        let both = (i < rows && j < columns).then(|| pair(i, j)).flatten();
        if both.is_some_and(|cost| costs[i][j] == cost + costs[i + 1][j + 1]) {
            pairs.push(Pair::Both(from.0 + i, from.1 + j, differs(from.0 + i, from.1 + j).unwrap_or_default()));
            (i, j) = (i + 1, j + 1);
        } else if i < rows && costs[i][j] == costs[i + 1][j] + GAP {
            pairs.push(Pair::Missing(from.0 + i));
            i += 1;
        } else {
            pairs.push(Pair::Unexpected(from.1 + j));
            j += 1;
        }
    }
    pairs
}

/// One line about a pair.
pub(super) fn row(
    at: Duration,
    line: Option<usize>,
    expected: Option<String>,
    got: Option<String>,
    differences: Vec<String>,
) -> Row {
    let state = match (&expected, &got) {
        (Some(_), Some(_)) if differences.is_empty() => State::Same,
        (Some(_), Some(_)) => State::Differs,
        (Some(_), None) => State::Missing,
        (None, _) => State::Unexpected,
    };
    Row { at: at.as_secs_f64(), state, line, expected, got, differences }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters are kinds, digits what may differ: `a1 b2`.
    fn aligned(expected: &str, got: &str) -> String {
        let (expected, got): (Vec<&str>, Vec<&str>) = (expected.split(' ').collect(), got.split(' ').collect());
        let differs = |i: usize, j: usize| {
            let (a, b) = (expected[i], got[j]);
            (a[..1] == b[..1]).then(|| if a == b { Vec::new() } else { vec![b.to_owned()] })
        };
        let shown = |pair: Pair| match pair {
            Pair::Both(i, _, differences) if differences.is_empty() => format!("={}", expected[i]),
            Pair::Both(i, j, _) => format!("{}/{}", expected[i], got[j]),
            Pair::Missing(i) => format!("-{}", expected[i]),
            Pair::Unexpected(j) => format!("+{}", got[j]),
        };
        align(expected.len(), got.len(), differs).into_iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_belongs_together_stands_together() {
        assert_eq!(aligned("a1 b1 a1", "a1 b1 a1"), "=a1 =b1 =a1");
        assert_eq!(aligned("a1 b1 a1", "a1 b2 a1"), "=a1 b1/b2 =a1");
        assert_eq!(aligned("a1 b1 a2", "a1 a2"), "=a1 -b1 =a2");
        assert_eq!(aligned("a1 a2", "a1 c1 a2"), "=a1 +c1 =a2");
        assert_eq!(aligned("a1 b1", "c1 c2"), "-a1 -b1 +c1 +c2");
        assert_eq!(aligned("a1 b1 c1 d1", "b1 c2 d1 e1"), "-a1 =b1 c1/c2 =d1 +e1");
    }

    #[test]
    fn very_long_differences_cost_no_square() {
        let pairs = align(20_000, 10_000, |i, j| Some(vec![format!("{i}/{j}")]));
        assert_eq!(pairs.len(), 20_000);
        assert_eq!(pairs[19_999], Pair::Missing(19_999));
    }
}
