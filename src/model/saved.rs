//! What outlasts the process: rows that the pure parts hand over to be kept, and get back at the next start. Whoever keeps
//! them knows nothing of what they say.

use super::Name;

/// Whose rows they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// Of the rules: an instance's phase, state and limits; the schedules of a rule.
    Rules,
    /// Of the devices.
    Devices,
}

/// A row that is written, replaced or deleted; of several with one key, the last counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Whose.
    pub shelf: Shelf,
    /// Of the rules: the rule and its instance; of the schedules of a rule: nothing, and the rule.
    pub key: (Name, Name),
    /// JSON; `None` deletes it.
    pub value: Option<String>,
}
