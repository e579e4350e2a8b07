//! Who uses which identifier on which bus: two senders of one identifier destroy each other's frames.

use std::collections::HashMap;

use crate::can::{BusId, CanId};
use crate::files::Place;

use super::check::Check;

/// What an identifier is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A node sends it.
    Node,
    /// A node sends it, and it tells a device's state.
    Feedback,
    /// growctl sends it.
    Command,
}

/// One use of an identifier.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) role: Role,
    /// `node FR-C1`, `device Veg Room/valve_1`.
    pub(super) whom: String,
    /// Name of the frame.
    pub(super) frame: String,
    /// Of a device, its own signal.
    pub(super) signal: Option<String>,
    pub(super) place: Place,
}

/// All uses so far.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<(BusId, CanId), Vec<Claim>>);

impl Claims {
    /// Notes a use, reporting one that does not go with an earlier one. Whether it is right.
    pub(super) fn add(&mut self, check: &mut Check, bus: BusId, id: CanId, claim: Claim) -> bool {
        let others = self.0.entry((bus, id)).or_default();
        let fault = others.iter().find_map(|other| conflict(other, &claim).map(|fault| (fault, other.place)));
        let fine = fault.is_none();
        if let Some(((message, help), first)) = fault {
            let message = format!("{id} {message}");
            check.error(claim.place, message).help(format!("{help} (line {})", first.line));
        }
        others.push(claim);
        fine
    }
}

/// What is wrong, behind the identifier, and what is there already.
fn conflict(other: &Claim, new: &Claim) -> Option<(String, String)> {
    use Role::{Command, Feedback, Node};
    let there = |what: &str| Some((what.to_owned(), format!("{} has it already", other.whom)));
    match (other.role, new.role) {
        (Node, Node) => there("is used twice on this bus"),
        (Command, Node | Feedback) | (Node | Feedback, Command) => there("is both a command and sent by a node"),
        _ if other.frame != new.frame => {
            let what = format!("cannot be the frame {} here", new.frame);
            Some((what, format!("for {} it is the frame {}", other.whom, other.frame)))
        }
        (Command, Command) | (Feedback, Feedback) if other.signal == new.signal => {
            let signal = new.signal.as_deref().unwrap_or_default();
            Some((format!("has its signal {signal} used twice"), format!("{} has it already", other.whom)))
        }
        (Node | Feedback, Node | Feedback) | (Command, Command) => None,
    }
}
