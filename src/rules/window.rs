//! Windows over a field: bounded memory, time-weighted.

use std::time::Duration;

use crate::bus::Pattern;
use crate::model::Name;

/// A `window([pattern,] field, span)` that a rule's scripts name; its arguments are constants.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowSpec {
    /// Of which channels; `None`: of the instance's own messages.
    pub pattern: Option<Pattern>,
    /// Which field.
    pub field: Name,
    /// How far back.
    pub span: Duration,
}

/// All windows of one instance, in the order of `Rule::windows`.
#[derive(Clone, Debug, Default)]
pub struct Windows {}
