//! Conditions: three-valued logic over one message.

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {}
