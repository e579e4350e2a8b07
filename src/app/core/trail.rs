//! The rules that a message came through, so that a circle of them can be named.

use std::sync::Arc;

use crate::model::Name;

/// A rule, and those before it.
#[derive(Debug)]
pub(super) struct Trail {
    rule: Name,
    before: Option<Arc<Trail>>,
}

impl Trail {
    pub(super) fn behind(rule: Name, before: Option<&Arc<Trail>>) -> Arc<Trail> {
        Arc::new(Trail { rule, before: before.cloned() })
    }

    pub(super) fn rules(&self) -> Vec<Name> {
        let mut names: Vec<Name> =
            std::iter::successors(Some(self), |trail| trail.before.as_deref()).map(|t| t.rule.clone()).collect();
        names.reverse();
        names
    }
}
