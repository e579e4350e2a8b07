//! What goes into the Guard and what comes out of it.

use std::time::Duration;

use crate::can::{BusId, CanId, Frame};
use crate::model::{DeviceKey, DeviceRequest, Message, Name, Reading, Requester};

/// What the Guard is told.
#[derive(Clone, Debug)]
pub enum GuardEvent<'a> {
    /// A rule or a person asks for a state.
    Request {
        /// Who; a newer request of the same requester on the same device replaces the older.
        requester: Requester,
        /// 0 to 100.
        priority: u8,
        /// For what, for how long, why. Without a lease it holds until it is released.
        request: &'a DeviceRequest,
        /// Of the files that decided so.
        revision: Option<&'a Name>,
    },
    /// A requester ends its request on one device.
    Release {
        /// Who.
        requester: &'a Requester,
        /// On which.
        device: &'a DeviceKey,
    },
    /// A requester ends all its requests.
    ReleaseAll {
        /// Who.
        requester: &'a Requester,
    },
    /// A client's message on `device:command:<room>:<device>`.
    Command(&'a Message),
    /// What a device's feedback says, or that it has fallen silent; nodes' readings are passed over.
    Reading(&'a Reading),
    /// A bus takes frames, perhaps again: what was said meanwhile was not heard, so every device on it is told anew.
    Connected(BusId),
    /// A frame did not leave in time on a bus that is up: its devices are told where they belong now.
    Expired(BusId, CanId),
    /// From now on frames are sent: every device is told where it belongs. Before it, requests only gather.
    Start,
    /// All requests end, every device is sent to `safe` once, and nothing is sent after that.
    Stop,
}

/// What the Guard says.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceOut {
    /// A frame for its bus. A newer one of the same bus and identifier replaces one that still waits.
    Transmit {
        /// The frame.
        frame: Frame,
        /// Not on the wire within this: failed, and never sent late.
        ttl: Duration,
    },
    /// A message about a device, without `id` and `ts`, which the Router puts in.
    Update(Message),
    /// A device is at fault, or is not any more.
    Fault {
        /// Which one.
        device: DeviceKey,
        /// Why; `None`: it is tried again, or follows again.
        fault: Option<Name>,
    },
    /// A request that changes nothing.
    Refused {
        /// The device that was named.
        device: String,
        /// Who asked.
        requester: Requester,
        /// Why, and what would be right.
        reason: String,
    },
}
