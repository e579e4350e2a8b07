//! Script functions that only note a wish for the outside: each action brings its own.

/// A script function whose call becomes an `Ask::Act` with its name and arguments, and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct HostFunction {
    /// Its name in scripts.
    pub name: &'static str,
    /// What it takes, in order.
    pub params: &'static [Param],
    /// One line for the reference page.
    pub summary: &'static str,
}

/// What a parameter of a [`HostFunction`] may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// Text.
    Text,
    /// Any value that a message can carry.
    Any,
}
