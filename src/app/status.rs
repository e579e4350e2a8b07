//! What `growctl status` shows: one JSON object, composed on the control thread from the counts of every part.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::actions::Account;
use crate::bus::Bridge;
use crate::can::{BusCounts, BusHealth, BusId, BusState, Pending, PendingCounts};
use crate::channels::{Bus, Link};
use crate::model::{Name, QueueCounts, Timestamp};
use crate::store::Store;

use super::control::Control;
use super::interfaces::Interfaces;
use super::reload::Reloaded;

/// What does not change while the engine runs, and the other ends that are asked when somebody asks.
pub(super) struct Status {
    /// Of this machine.
    pub(super) name: String,
    /// `id` of this run in every message.
    pub(super) origin: String,
    /// The buses of the map.
    pub(super) buses: Vec<Bus>,
    /// Those that are SocketCAN interfaces.
    pub(super) interfaces: Interfaces,
    /// When the engine started.
    pub(super) started: Timestamp,
    /// Where Redis clients are served: `redis://…` without its password.
    pub(super) serves: Option<String>,
    /// The last look at the files that came to anything.
    pub(super) reloaded: Box<Reloaded>,
    /// The bridge to the server; `None` without one.
    pub(super) bridge: Option<Arc<Bridge>>,
    /// What became of the rules' log lines and files.
    pub(super) actions: Account,
}

#[derive(Serialize)]
struct BusStatus {
    bus: Name,
    link: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<Name>,
    #[serde(flatten)]
    health: BusHealth,
    /// Of an interface only.
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<BusCounts>,
    commands: PendingCounts,
}

impl Status {
    /// The whole of it.
    pub(super) fn json(&self, now: Timestamp, control: &Control) -> Value {
        let (gateway, router, engine, guard) = control.core.parts();
        let queues: serde_json::Map<String, Value> = self
            .queues(control)
            .into_iter()
            .map(|(name, counts)| (name.to_owned(), serde_json::to_value(counts).unwrap_or_default()))
            .collect();
        json!({
            "name": self.name,
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "origin": self.origin,
            "revision": control.core.revision(),
            "files": &self.reloaded,
            "uptime": now.mono.since(self.started.mono).as_secs_f64(),
            "redis": { "serves": self.serves, "bridge": self.bridge.as_ref().map(|bridge| bridge.status()),
                "endpoint": control.outlets.endpoint.as_ref().map(|endpoint| endpoint.counts()) },
            "buses": self.bus_status(control),
            "store": control.outlets.store.as_ref().map(Store::status),
            "actions": self.actions.counts(),
            "core": control.core.counts(),
            "frames": gateway.counts(),
            "foreign": router.counts(),
            "queues": queues,
            "rules": engine.status(now.mono),
            "devices": guard.status(),
            "requests": guard.counts(),
        })
    }

    /// The interfaces that take no frames now.
    pub(super) fn buses_closed(&self, pending: &[Arc<Pending>]) -> Vec<Name> {
        let buses = self.buses.iter().zip(pending);
        let closed = buses.filter(|(bus, pending)| matches!(bus.link, Link::Interface(_)) && !pending.is_open());
        closed.map(|(bus, _)| bus.name.clone()).collect()
    }

    fn bus_status(&self, control: &Control) -> Vec<BusStatus> {
        let status = |((bus, id), pending): ((&Bus, u8), &Arc<Pending>)| {
            let looked = self.interfaces.port(BusId(id)).map(|port| port.watch.look());
            let health = match (&looked, &bus.link) {
                (Some((health, _)), _) => health.clone(),
                (None, _) => BusHealth { state: BusState::Up, ..BusHealth::default() },
            };
            let (link, interface) = link(&bus.link);
            let frames = looked.map(|(_, counts)| counts);
            BusStatus { bus: bus.name.clone(), link, interface, health, frames, commands: pending.counts() }
        };
        self.buses.iter().zip(0..).zip(&control.outlets.buses).map(status).collect()
    }

    fn queues(&self, control: &Control) -> Vec<(&'static str, QueueCounts)> {
        control.inlets.counts().into_iter().chain(control.outlets.counts()).collect()
    }
}

/// What is at the other end, and its name.
fn link(link: &Link) -> (&'static str, Option<Name>) {
    match link {
        Link::Interface(name) => ("interface", Some(name.clone())),
        Link::Replay { .. } => ("replay", None),
        Link::Simulated => ("simulated", None),
    }
}
