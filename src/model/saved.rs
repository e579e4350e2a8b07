//! What outlives the process, as the store sees it: a key on a shelf and JSON text. Whoever saves knows what the text means; the
//! store does not.

use super::Name;

/// Which table a saved value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// `rule_state`, by rule and instance.
    Rules,
    /// `device_state`, by room and device.
    Devices,
    /// `alert_state`, by rule and instance.
    Alerts,
}

/// One value to keep, or to forget. The last one of a key is what the next start gets back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Where it belongs.
    pub shelf: Shelf,
    /// Rule and instance, or room and device.
    pub key: (Name, Name),
    /// JSON text; `None` forgets the key.
    pub value: Option<String>,
}
