//! A row of `device_change`: something about a device became different.

use serde::Serialize;

use crate::model::{Name, Value};

/// How a device was from a moment on, and who wanted that.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeviceChange {
    /// Since when, in seconds since 1970.
    pub at: f64,
    /// Its room.
    pub room: Name,
    /// Its name there.
    pub device: Name,
    /// How it is.
    pub state: Value,
    /// How it should be.
    pub wanted: Value,
    /// Who decided that.
    pub source: Option<Name>,
    /// Why.
    pub reason: Option<Name>,
    /// Until when, in seconds since 1970.
    pub until: Option<f64>,
    /// The state of the files that decided.
    pub revision: Option<Name>,
    /// What keeps the device from what is wanted: a limit, or a fault.
    pub held_back: Option<Name>,
}
