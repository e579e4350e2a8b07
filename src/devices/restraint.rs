//! What holds a device back from what is wanted of it, in words and with an end.

use crate::model::{Mono, Name};

use super::level::Target;

/// A limit that is in force.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Restraint {
    /// The map's key for it: `min_off`.
    pub(super) guard: &'static str,
    /// What it says: `off for at least 5m`.
    pub(super) text: Name,
    /// When it ends by itself, if it does.
    pub(super) until: Option<Mono>,
}

impl Restraint {
    pub(super) fn new(guard: &'static str, text: impl Into<Name>, until: Option<Mono>) -> Restraint {
        Restraint { guard, text: text.into(), until }
    }

    /// Whether it ends with what another device does.
    pub(super) fn waits_for_another(&self) -> bool {
        matches!(self.guard, "forbid_while" | "only_while" | "interlock")
    }

    /// As messages say it.
    pub(super) fn words(&self) -> Name {
        format!("{}: {}", self.guard, self.text).into()
    }
}

/// What a device is told in place of what is wanted.
#[derive(Clone, Debug)]
pub(super) struct Permit {
    pub(super) target: Target,
    pub(super) why: Restraint,
}

impl Permit {
    pub(super) fn is_same(&self, other: &Permit) -> bool {
        self.target.is_same(&other.target) && self.why == other.why
    }
}
