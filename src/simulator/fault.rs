//! What can be made to go wrong, so that alarms and safe states can be tried without hardware.

use std::fmt;
use std::str::FromStr;

/// How a node or a device fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// It sends nothing: a pulled plug. Commands still reach a device. A relay board that reports for several devices
    /// in one frame falls silent as a whole.
    Silent,
    /// It sends what its signals have for "no value"; a signal that has no such bits, and no state called `fault`,
    /// goes on as before.
    Invalid,
    /// A node repeats its last frame for ever; a device no longer moves, whatever it is told, and says so truly.
    Stuck,
}

impl FaultKind {
    /// Every kind, in the order of `Display`.
    pub const ALL: [FaultKind; 3] = [FaultKind::Silent, FaultKind::Invalid, FaultKind::Stuck];
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultKind::Silent => "silent",
            FaultKind::Invalid => "invalid",
            FaultKind::Stuck => "stuck",
        })
    }
}

impl FromStr for FaultKind {
    type Err = String;
    fn from_str(text: &str) -> Result<FaultKind, String> {
        let found = FaultKind::ALL.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("'{text}' is no fault: it is silent, invalid or stuck"))
    }
}
