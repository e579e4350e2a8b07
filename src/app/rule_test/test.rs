//! A test as it runs: every name resolved, every time told from its start.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::can::Frame;
use crate::channels::ChannelMap;
use crate::model::{DeviceKey, Fields, Inventory, Name, SourceKind};

use super::expected::{Expected, ExpectedCommand};
use super::input::Input;
use super::moment::{Calendar, Set};

/// One test of a rule.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) name: String,
    /// Where it stands in its file.
    pub(super) line: usize,
    pub(super) calendar: Calendar,
    /// For the sun.
    pub(super) location: Option<(f64, f64)>,
    /// Rules that run beside the one that is tested.
    pub(super) with: Vec<Name>,
    pub(super) cast: Cast,
    pub(super) inputs: Vec<Input>,
    /// In order of their times.
    pub(super) events: Vec<(Duration, Happening)>,
    /// `None`: intents are not compared.
    pub(super) expect: Option<Vec<Expected>>,
    /// `None`: commands are not compared.
    pub(super) commands: Option<Vec<ExpectedCommand>>,
    pub(super) until: Duration,
}

/// Something that happens once.
#[derive(Debug)]
pub(super) enum Happening {
    Message(String, Fields),
    Frame(Frame),
    Silent(Name),
    Clock(Set),
    Reset,
    /// Stopped, and started again after this.
    Restart(Duration),
}

/// The nodes, and the devices' feedback, that a test names. No other is there: it would only fall silent.
#[derive(Debug, Default)]
pub(super) struct Cast {
    pub(super) nodes: BTreeSet<Name>,
    pub(super) devices: BTreeSet<DeviceKey>,
}

impl Cast {
    /// The site with these nodes alone. Every device can be switched; one without feedback is what it was told to be.
    pub(super) fn stage(&self, map: &ChannelMap) -> ChannelMap {
        let device =
            |room: &Name, name: &Name| self.devices.contains(&DeviceKey { room: room.clone(), device: name.clone() });
        let mut stage = map.clone();
        stage.nodes.retain(|node| self.nodes.contains(&node.source.name));
        for one in stage.devices.iter_mut().filter(|one| !self.devices.contains(&one.key)) {
            one.feedback = None;
        }
        let mut sources = map.inventory.sources.clone();
        sources.retain(|source| match source.kind {
            SourceKind::Node => self.nodes.contains(&source.name),
            SourceKind::Device => device(&source.room, &source.name),
        });
        stage.inventory = Arc::new(Inventory { sources, ..Inventory::clone(&map.inventory) });
        stage
    }
}
