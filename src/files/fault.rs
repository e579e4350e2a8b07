//! What serde has against a value, with the number of the node at which it came up.

use std::fmt;

use serde::de::{Error, Unexpected};

use super::node::Node;

/// What serde has against a node.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    /// The node; none only before the first one knows of it.
    pub(super) at: Option<u32>,
    pub(super) what: What,
}

#[derive(Debug, PartialEq)]
pub(super) enum What {
    UnknownKey {
        given: String,
        known: &'static [&'static str],
    },
    MissingKey(&'static str),
    /// One of some words was expected.
    UnknownWord {
        given: String,
        known: &'static [&'static str],
    },
    /// Another kind of value was expected: in serde's words, or in those of the spec.
    Expected(String),
    /// A number that does not fit, a list of another length: what was expected.
    Unfit(String),
    /// A number such as `010`.
    LeadingZero,
    /// A text is missing.
    Nothing,
    Own(String),
}

impl Fault {
    pub(super) fn new(what: What) -> Fault {
        Fault { at: None, what }
    }

    pub(super) fn at(mut self, node: &Node<'_>) -> Fault {
        self.at.get_or_insert(node.id);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Fault {
        Fault::new(What::Own(message.to_string()))
    }
    fn invalid_type(_: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Fault {
        Fault::new(What::Expected(expected.to_string()))
    }
    fn invalid_value(_: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Fault {
        Fault::new(What::Unfit(expected.to_string()))
    }
    fn invalid_length(_: usize, expected: &dyn serde::de::Expected) -> Fault {
        Fault::new(What::Unfit(expected.to_string()))
    }
    fn unknown_variant(given: &str, known: &'static [&'static str]) -> Fault {
        Fault::new(What::UnknownWord { given: given.to_owned(), known })
    }
    fn unknown_field(given: &str, known: &'static [&'static str]) -> Fault {
        Fault::new(What::UnknownKey { given: given.to_owned(), known })
    }
    fn missing_field(field: &'static str) -> Fault {
        Fault::new(What::MissingKey(field))
    }
}
