//! A message on the bus. "Message" never means a CAN frame.

use super::{Fields, Name};

/// Where a message entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// Decoded from frames by this engine's Gateway: the only kind that tells about staleness.
    Frames,
    /// The Guard's word about a device.
    Guard,
    /// A rule's `publish(…)`.
    Rule,
    /// The engine itself: `system:update:…`, `alert:update:…`.
    System,
    /// Another client of Redis or of the embedded endpoint.
    Outside,
}

/// One message: a flat set of fields on a specific channel, which may have a broad copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The specific channel, as `sensor:update:Flower Room:front`.
    pub channel: Name,
    /// The broad channel that carries the same text, as `sensor:update`.
    pub broad: Option<Name>,
    /// The node or device that it is about; `None`: the channel itself stands for its source.
    pub source: Option<Name>,
    /// Where it entered.
    pub provenance: Provenance,
    /// It says that its source has fallen silent.
    pub stale: bool,
    /// How many rules it has passed through: 0 for what comes from outside, one more for each `publish`.
    pub hop: u8,
    /// All fields in order, `id` and `ts` among them.
    pub fields: Fields,
}
