//! How the store is, for `status`, the log and `system:update:store`.

use serde::Serialize;

/// Whether what is handed over reaches the disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum StoreHealth {
    /// It does.
    #[default]
    Ok,
    /// Not now, or not for long: the latest values are kept in memory, and it is tried again.
    Degraded {
        /// What is wrong.
        #[serde(rename = "reason")]
        why: String,
        /// Since when, in seconds since 1970.
        since: f64,
        /// What a person can do about it.
        remedy: String,
    },
    /// Not in this run.
    Off {
        /// What is wrong.
        #[serde(rename = "reason")]
        why: String,
        /// What a person can do about it.
        remedy: String,
    },
}

impl StoreHealth {
    /// In one word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            StoreHealth::Ok => "ok",
            StoreHealth::Degraded { .. } => "degraded",
            StoreHealth::Off { .. } => "off",
        }
    }

    /// What is wrong, and what a person can do about it.
    #[must_use]
    pub fn trouble(&self) -> Option<(&str, &str)> {
        match self {
            StoreHealth::Ok => None,
            StoreHealth::Degraded { why, remedy, .. } | StoreHealth::Off { why, remedy } => Some((why, remedy)),
        }
    }
}
