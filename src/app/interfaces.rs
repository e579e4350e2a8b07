//! The SocketCAN interfaces of a site, all on one thread: frames go to control, and so does word of how each bus is.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use futures_util::future::join_all;

use crate::can::{BusCounts, BusHealth, BusId, CanId, Filter, Frame, FrameKind, Listener, Port, serve, serve_on};
use crate::channels::{ChannelMap, Group, Link};
use crate::model::{Queue, Timestamp};

use super::Clock;

/// Word of one bus.
#[derive(Clone, Debug)]
pub(super) struct BusEvent {
    pub(super) bus: BusId,
    pub(super) health: BusHealth,
    pub(super) counts: BusCounts,
}

/// Where the interfaces lead.
#[derive(Clone, Debug)]
pub(super) struct BusEnds {
    pub(super) clock: Clock,
    pub(super) frames: Arc<Queue<Frame>>,
    pub(super) events: Arc<Queue<BusEvent>>,
}

/// Sockets that are open already and stand for the interface of that name, see [`serve_on`].
pub(super) type Sockets = BTreeMap<String, OwnedFd>;

/// The interfaces, for whoever changes their map or asks how they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Interfaces(Vec<Port>);

impl Interfaces {
    /// Those of the map, served by nobody yet.
    pub(super) fn of(map: &ChannelMap) -> Interfaces {
        let ports = (0..).map(BusId).zip(&map.buses).filter_map(|(bus, spec)| match &spec.link {
            Link::Interface(name) => Some(Port::new(name, bus, wanted(map, bus), spec.rates)),
            Link::Replay { .. } | Link::Simulated => None,
        });
        Interfaces(ports.collect())
    }

    /// The interface of that bus.
    pub(super) fn port(&self, bus: BusId) -> Option<&Port> {
        self.0.iter().find(|port| port.bus == bus)
    }

    /// Starts the thread that serves them, on `sockets` where there is one; `None` where there are no interfaces.
    pub(super) fn start(&self, ends: &BusEnds, mut sockets: Sockets) -> std::io::Result<Option<JoinHandle<()>>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = self.0.iter().map(|port| {
            let (socket, control) =
                (sockets.remove(&port.interface), Control { bus: port.bus, ends: ends.clone(), all: self.clone() });
            attend(port.clone(), socket, control)
        });
        let served: Vec<_> = served.collect();
        let thread = thread::Builder::new().name("can".to_owned());
        thread.spawn(move || drop(runtime.block_on(join_all(served)))).map(Some)
    }

    /// Goes over to another map of the same buses.
    pub(super) fn reload(&self, map: &ChannelMap) {
        for port in &self.0 {
            port.filters.push(wanted(map, port.bus));
        }
    }

    /// Ends the thread.
    pub(super) fn stop(&self) {
        self.0.iter().for_each(Port::stop);
    }
}

async fn attend(port: Port, socket: Option<OwnedFd>, control: Control) {
    let Some(socket) = socket else { return serve(port, control).await };
    let interface = port.interface.clone();
    if let Err(error) = serve_on(port, socket, control).await {
        tracing::error!(%interface, "the socket in place of {interface} cannot be waited for: {error}");
    }
}

/// What the map has on a bus: identifiers, J1939 groups, and what nodes say when they have booted.
fn wanted(map: &ChannelMap, bus: BusId) -> Filter {
    let nodes = map.nodes.iter().map(|node| (node.bus, node.id, node.group));
    let commands = map.devices.iter().map(|device| (device.command.bus, device.command.id, None));
    let feedback = map.devices.iter().filter_map(|device| device.feedback.as_ref()).map(|f| (f.bus, f.id, None));
    let boots = map.greetings.get(usize::from(bus.0)).into_iter().flat_map(|bus| bus.on_boot.keys());
    let heard = nodes.chain(commands).chain(feedback).chain(boots.map(|id| (bus, *id, None)));
    let mut filters: Vec<(CanId, u32)> = heard
        .filter(|(on, ..)| *on == bus)
        .map(|(_, id, group)| group.map_or_else(|| Filter::exact(id), |group: Group| (id, group.mask())))
        .collect();
    filters.sort_unstable();
    filters.dedup();
    Filter::Only(filters)
}

/// The control thread, as an interface sees it.
struct Control {
    bus: BusId,
    ends: BusEnds,
    /// All of them share one way to control.
    all: Interfaces,
}

impl Listener for Control {
    fn now(&self) -> Timestamp {
        self.ends.clock.now()
    }

    fn frames(&mut self, frames: &mut Vec<Frame>) {
        // Error frames have been read and counted; they say nothing about the plant.
        frames.retain(|frame| frame.kind != FrameKind::Error);
        let mut dropped = Vec::new();
        self.ends.frames.push_all(frames, |frame| dropped.push(frame.bus));
        dropped.into_iter().filter_map(|bus| self.all.port(bus)).for_each(|port| port.watch.count_dropped());
    }

    fn health(&mut self, health: &BusHealth, counts: BusCounts) {
        self.ends.events.push(BusEvent { bus: self.bus, health: health.clone(), counts });
    }
}
