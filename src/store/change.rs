//! Rows of `device_change` and `alert_change`: something about a device or an alert became different.

use serde::Serialize;

use crate::model::{AlertChange, Name, Value};

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

/// A row of `alert_change`, as it is read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertRow {
    /// When, in seconds since 1970.
    pub at: f64,
    /// The rule, or `system`.
    pub rule: Name,
    /// Key of the instance.
    pub instance: Name,
    /// How bad it was.
    pub severity: String,
    /// `firing`, `repeated`, `escalated`, `acknowledged`, `silenced`, `resolved`, `no data`, `ended`.
    pub event: String,
    /// The alert in one line.
    pub summary: Name,
    /// Who was told, with commas between them.
    pub told: Option<String>,
    /// Who acknowledged or silenced it.
    pub by: Option<Name>,
}

/// News of the plant, to be written down for good.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Of a device.
    Device(DeviceChange),
    /// Of an alert.
    Alert(AlertChange),
}

impl From<DeviceChange> for Change {
    fn from(change: DeviceChange) -> Change {
        Change::Device(change)
    }
}

impl From<AlertChange> for Change {
    fn from(change: AlertChange) -> Change {
        Change::Alert(change)
    }
}
