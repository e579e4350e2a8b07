//! Who uses which identifier on which bus: two senders of one identifier destroy each other's frames.

use std::collections::BTreeMap;

use crate::can::BusId;
use crate::files::Place;

use super::super::j1939::{Address, Group};
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
    /// growctl sends it, and no guard looks at it.
    Raw,
    /// A node sends it when it has booted, whatever else it says with it.
    Boot,
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
pub(super) struct Claims(BTreeMap<(BusId, Address), Vec<Claim>>);

impl Claims {
    /// Notes a use, reporting one that does not go with an earlier one. Whether it is right.
    pub(super) fn add(&mut self, check: &mut Check, bus: BusId, at: impl Into<Address>, claim: Claim) -> bool {
        let at = at.into();
        let others = self.0.entry((bus, at)).or_default();
        let fault = others.iter().find_map(|other| conflict(at, other, &claim).map(|message| (message, other)));
        let fine = fault.is_none();
        if let Some((message, other)) = fault {
            let help = format!("{} has it already, on line {}", other.whom, other.place.line);
            check.error(claim.place, message).help(help);
        }
        others.push(claim);
        fine
    }

    /// Warns of identifiers that belong to a J1939 group of the map as well: the identifier has its frames alone.
    pub(super) fn check_groups(&self, check: &mut Check) {
        for ((bus, at), claims) in &self.0 {
            let Address::Id(id) = at else { continue };
            let Some(own) = Group::of(*id) else { continue };
            let any = Group { source: None, ..own };
            let groups =
                [own, any].into_iter().filter_map(|group| Some((group, self.0.get(&(*bus, Address::Group(group)))?)));
            for (group, others) in groups.take(1) {
                if let (Some(claim), Some(other)) = (claims.first(), others.first()) {
                    let message = format!("{id} is of {group} too, which is {}, line {}", other.whom, other.place.line);
                    let help = format!("its frames go to {} alone", claim.whom);
                    check.warning(claim.place, message).help(help);
                }
            }
        }
    }
}

/// What is wrong with two uses of one identifier.
fn conflict(id: Address, other: &Claim, new: &Claim) -> Option<String> {
    use Role::{Boot, Command, Feedback, Node, Raw};
    match (other.role, new.role) {
        (Raw, Raw) | (Boot, Boot | Node | Feedback) | (Node | Feedback, Boot) => None,
        (Command, Raw) | (Raw, Command) => {
            Some(format!("{id} commands devices: sent raw it would pass by their guards"))
        }
        (Raw | Command, Boot) | (Boot, Raw | Command) => {
            Some(format!("{id} is sent by growctl: no node says with it that it has booted"))
        }
        (Node | Feedback, Raw) | (Raw, Node | Feedback) => Some(format!("{id} is sent by growctl and by a node")),
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
