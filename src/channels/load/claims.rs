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
        let fault = others.iter().find_map(|other| conflict(id, other, &claim).map(|message| (message, other)));
        let fine = fault.is_none();
        if let Some((message, other)) = fault {
            let help = format!("{} has it already, on line {}", other.whom, other.place.line);
            check.error(claim.place, message).help(help);
        }
        others.push(claim);
        fine
    }
}

/// What is wrong with two uses of one identifier.
fn conflict(id: CanId, other: &Claim, new: &Claim) -> Option<String> {
    use Role::{Command, Feedback, Node};
    match (other.role, new.role) {
        (Node, Node) => Some(format!("{id} is used twice on this bus")),
        (Command, Node | Feedback) | (Node | Feedback, Command) => {
            Some(format!("{id} is sent by growctl as a command and by a node"))
        }
        _ if other.frame != new.frame => {
            Some(format!("{id} is the frame {} here and {} elsewhere", new.frame, other.frame))
        }
        (Command, Command) | (Feedback, Feedback) if other.signal == new.signal => {
            Some(format!("{} of {id} is used twice", new.signal.as_deref().unwrap_or("the signal")))
        }
        (Node | Feedback, Node | Feedback) | (Command, Command) => None,
    }
}
