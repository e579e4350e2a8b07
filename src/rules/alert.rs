//! The alert that a rule's episodes are: who is told what, and how its summary is filled in.

use crate::model::AlertPlan;

use super::env::Env;
use super::host::{Host, Script};
use super::{Fault, Rule};

/// What stands where a value is not good.
const NOT_GOOD: &str = "?";

/// `alert` of a rule file, checked.
#[derive(Debug)]
pub struct Alert {
    /// Who is told, and when.
    pub plan: AlertPlan,
    /// `summary` as it is written.
    pub text: String,
    pub(super) parts: Vec<Part>,
}

/// A piece of a summary.
#[derive(Debug)]
pub(super) enum Part {
    /// As it is.
    Text(String),
    /// What stood in `${…}`.
    Value(Script),
}

/// A summary, filled in.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) text: String,
    /// Every value was good.
    pub(super) whole: bool,
    /// What failed.
    pub(super) fault: Option<String>,
}

impl Alert {
    pub(super) fn fill(&self, host: &mut Host, env: &Env<'_>) -> Filled {
        let mut filled = Filled { text: String::new(), whole: true, fault: None };
        for part in &self.parts {
            let script = match part {
                Part::Text(text) => {
                    filled.text += text;
                    continue;
                }
                Part::Value(script) => script,
            };
            let value = host.evaluate(script, env);
            match value {
                Ok(value) if !value.is_unit() => filled.text += &value.to_string(),
                Ok(_) | Err(Fault::Unknown) => filled.give_up(),
                Err(Fault::Failed { message }) => {
                    filled.give_up();
                    filled.fault = Some(message);
                }
            }
        }
        // One line, whatever a message brings.
        filled.text = filled.text.split_whitespace().collect::<Vec<_>>().join(" ");
        filled
    }
}

impl Filled {
    fn give_up(&mut self) {
        self.text += NOT_GOOD;
        self.whole = false;
    }
}

impl Rule {
    /// Whether its alert says what that of another version says, to the same people.
    pub(super) fn alerts_as(&self, other: &Rule) -> bool {
        let said = |rule: &Rule| rule.alert.as_ref().map(|alert| (alert.plan.clone(), alert.text.clone()));
        said(self) == said(other) && self.labels == other.labels
    }
}
