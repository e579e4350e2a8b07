//! What tests of scripts and conditions look at: one instance in a world of its own.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::bus::Last;
use crate::model::{Fields, Message, Mono, Name, Provenance, Timestamp, Utc, Value};

use super::{Env, Host, HostFunction, Param, RunLog, Windows};

/// Functions as actions bring them.
pub(super) const ACTIONS: &[HostFunction] = &[
    HostFunction { name: "log_file", params: &[Param::Text, Param::Any], summary: "" },
    HostFunction { name: "info", params: &[Param::Any], summary: "" },
    HostFunction { name: "warn", params: &[Param::Any], summary: "" },
];

/// A world that a test arranges before it looks at it.
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) message: Option<Arc<Message>>,
    pub(super) channel: Name,
    pub(super) state: Fields,
    pub(super) stale: bool,
    pub(super) reset: bool,
    pub(super) begun: Option<Timestamp>,
    pub(super) runs: RunLog,
    pub(super) windows: Windows,
    pub(super) last: Last,
    pub(super) zone: TimeZone,
    rule: Name,
    segments: Vec<(Name, Name)>,
}

impl World {
    /// With a message of these fields on `sensor:update:Flower:front`, which is also the last one.
    pub(super) fn with(fields: &[(&str, Value)]) -> World {
        let message = message("sensor:update:Flower:front", fields);
        let mut world = World {
            now: at(0.0),
            channel: message.channel.clone(),
            message: None,
            state: Fields::default(),
            stale: false,
            reset: false,
            begun: None,
            runs: RunLog::default(),
            windows: Windows::default(),
            last: Last::default(),
            zone: TimeZone::UTC,
            rule: "r".into(),
            segments: vec![("room".into(), "Flower".into())],
        };
        world.last.record(world.now, &message);
        world.message = Some(message);
        world
    }

    pub(super) fn env(&mut self) -> Env<'_> {
        Env {
            now: self.now,
            part: "each",
            rule: &self.rule,
            message: self.message.as_ref(),
            channel: &self.channel,
            segments: &self.segments,
            state: &mut self.state,
            stale: self.stale,
            reset: self.reset,
            ended: None,
            begun: self.begun,
            runs: &self.runs,
            windows: &self.windows,
            last: &self.last,
            zone: &self.zone,
        }
    }
}

/// A host with [`ACTIONS`].
pub(super) fn host() -> Host {
    Host::new(ACTIONS)
}

/// The named segments of every test.
pub(super) fn segments() -> [Name; 1] {
    ["room".into()]
}

/// Seconds on both clocks.
pub(super) fn at(seconds: f64) -> Timestamp {
    Timestamp { mono: Mono((seconds * 1e9) as u64), utc: Utc::from_seconds(seconds) }
}

pub(super) fn message(channel: &str, fields: &[(&str, Value)]) -> Arc<Message> {
    Arc::new(Message {
        channel: channel.into(),
        broad: None,
        source: None,
        provenance: Provenance::Frames,
        stale: false,
        hop: 0,
        fields: fields.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect(),
    })
}
