//! What the Core says: things to do, things for the log, and its counts.

use std::time::Duration;

use serde::Serialize;

use crate::bus::{Delivery, Refused};
use crate::can::Frame;
use crate::model::{AlertChange, Intent, Name, Note, Timestamp};
use crate::rules::RuleFault;

/// What the shell is to do.
#[derive(Debug)]
pub enum Output {
    /// Hand a message to Redis or to the endpoint; a foreign one has no text and has been published already.
    Publish(Delivery),
    /// Put a frame on its bus, within its time or not at all.
    Transmit {
        /// The frame; its `at` is the moment it was decided.
        frame: Frame,
        /// Not on the wire within this: dropped.
        ttl: Duration,
    },
    /// Put a raw frame of the map on its bus, behind the raw frames before it and before any other, within its time or not
    /// at all.
    Raw {
        /// The frame; its `at` is the moment it was decided.
        frame: Frame,
        /// Not on the wire within this: dropped.
        ttl: Duration,
    },
    /// Let an action act on an intent, at the time of its event.
    Act(Timestamp, Intent),
    /// Somebody is to be told of an alert.
    Tell {
        /// The moment of the event.
        at: Timestamp,
        /// A receiver of growctl.yaml.
        receiver: Name,
        /// What.
        note: Note,
    },
    /// A row of the history of alerts.
    AlertChange(AlertChange),
    /// Something for the log.
    Notice(Notice),
}

/// What went wrong inside, for the log and for people.
#[derive(Debug)]
pub enum Notice {
    /// A script or a condition failed.
    Rule(RuleFault),
    /// A device request was refused.
    Device {
        /// Which device, as it was named.
        device: String,
        /// Why.
        reason: String,
    },
    /// A device is at fault and was sent to its safe state; or it is tried again.
    Fault {
        /// Which device.
        device: String,
        /// Why; `None`: it is tried again.
        fault: Option<Name>,
    },
    /// Something that was kept over a restart cannot be read.
    Unread(String),
    /// A foreign message was refused.
    Message {
        /// On which channel.
        channel: Name,
        /// Why.
        why: Refused,
    },
    /// Rules trigger each other in a circle.
    Circle {
        /// The names of the rules, in the order in which they triggered each other.
        rules: Vec<Name>,
        /// The channel whose publication was refused.
        channel: Name,
    },
}

/// What the Core did itself; the parts have counts of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CoreCounts {
    /// Frames taken.
    pub frames: u64,
    /// Messages that went through the rules, own and foreign.
    pub messages: u64,
    /// Intents of rules, the shadowed ones among them.
    pub intents: u64,
    /// Intents of rules in shadow mode, which did nothing.
    pub shadowed: u64,
    /// Messages refused at the ninth hop, those about devices too.
    pub circles: u64,
    /// Publications handed out.
    pub published: u64,
    /// Command frames handed out.
    pub commands: u64,
    /// Raw frames handed out.
    pub raw_frames: u64,
    /// Notes for people handed out.
    pub notes: u64,
}
