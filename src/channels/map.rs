//! The channel map as it runs: checked, every name resolved, every default filled in. `load` makes it from a `MapSpec`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::can::{BusId, CanId, Rates};
use crate::model::{DeviceKey, Inventory, Level, Name, Source, Value};

use super::codec::{Signal, When};
use super::greeter::Greetings;
use super::j1939::{Address, Group};
use super::limits::Limits;
use super::pace::Policy;

/// Buses, nodes and devices of a site.
#[derive(Clone, Debug, Default)]
pub struct ChannelMap {
    /// The buses; `BusId` is the position.
    pub buses: Vec<Bus>,
    /// Every frame that a node sends, rows written out.
    pub nodes: Vec<NodeFrame>,
    /// Every device that may be switched.
    pub devices: Vec<Device>,
    /// What each bus is sent raw, by `BusId`.
    pub greetings: Vec<Greetings>,
    /// The same without bits and bytes, for whoever checks names.
    pub inventory: Arc<Inventory>,
}

impl ChannelMap {
    /// Which bus an interface of a recording is: by the bus's name, or by its `interface`.
    #[must_use]
    pub fn bus_of(&self, interface: &str) -> Option<BusId> {
        let named = |bus: &Bus| *bus.name == *interface;
        let linked = |bus: &Bus| matches!(&bus.link, Link::Interface(name) if **name == *interface);
        let at = self.buses.iter().position(named).or_else(|| self.buses.iter().position(linked))?;
        u8::try_from(at).ok().map(BusId)
    }
}

/// One bus and where its frames come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Bus {
    /// Its name in the map.
    pub name: Name,
    /// What is at the other end.
    pub link: Link,
    /// The bit rates that its interface should have.
    pub rates: Rates,
}

/// Where the frames of a bus come from and go to.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// A SocketCAN interface.
    Interface(Name),
    /// A candump recording; commands go nowhere.
    Replay {
        /// The file, relative to the site folder.
        path: PathBuf,
        /// How much faster than recorded; 1 is as recorded.
        speed: f64,
    },
    /// The built-in plant.
    Simulated,
}

/// What the bytes of one kind of frame mean. Written once, shared by every node of that kind.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameLayout {
    /// Its name in the map.
    pub name: Name,
    /// Its bytes.
    pub length: u8,
    /// How often a node sends it.
    pub cycle: Option<Duration>,
    /// Its signals.
    pub signals: Vec<Signal>,
}

impl FrameLayout {
    /// The same bits, as far as they are not read.
    pub(super) fn without_policy(&self) -> FrameLayout {
        let bare = |signal: &Signal| Signal { policy: Policy::default(), ..signal.clone() };
        FrameLayout { signals: self.signals.iter().map(bare).collect(), ..self.clone() }
    }

    /// The position of the signal of that name.
    #[must_use]
    pub fn signal(&self, name: &str) -> Option<usize> {
        self.signals.iter().position(|signal| &*signal.name == name)
    }
}

/// One kind of frame as one node sends it.
#[derive(Clone, Debug)]
pub struct NodeFrame {
    /// The node; one that sends several frames has one source for all.
    pub source: Arc<Source>,
    /// The bus it is on.
    pub bus: BusId,
    /// The identifier it sends with; of a J1939 group one that it could send with.
    pub id: CanId,
    /// The J1939 group by which its frames are known, in place of the identifier.
    pub group: Option<Group>,
    /// What its bytes mean.
    pub frame: Arc<FrameLayout>,
    /// What its signals are called in messages.
    pub fields: Vec<Field>,
    /// Without this frame for so long its fields are stale; the node is when all its frames are.
    pub stale_after: Duration,
    /// The same of one part of a multiplexed frame, whose own fields then are.
    pub part_stale_after: Duration,
}

impl NodeFrame {
    /// How its frames are known.
    #[must_use]
    pub fn address(&self) -> Address {
        self.group.map_or(Address::Id(self.id), Address::Group)
    }

    /// Whether a frame with this identifier may be its own.
    #[must_use]
    pub fn sends(&self, id: CanId) -> bool {
        match (self.group, Group::of(id)) {
            (None, _) => self.id == id,
            (Some(own), Some(other)) => own.pgn == other.pgn && own.source.is_none_or(|_| own.source == other.source),
            (Some(_), None) => false,
        }
    }
}

/// One signal of a node's frame on its way into a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Position in `FrameLayout::signals`.
    pub signal: usize,
    /// The field's name.
    pub name: Name,
    /// `false` for `publish: never`: shown by `decode` and `channels list` only.
    pub published: bool,
    /// The node's calibration: value × scale + offset, after the signal's own.
    pub adjust: Option<(f64, f64)>,
    /// With which values of its multiplexers it is there: the signal's own conditions, or, where each value has a field
    /// of its own, one of them.
    pub when: Vec<When>,
}

/// One device that may be switched.
#[derive(Clone, Debug)]
pub struct Device {
    /// Room and name.
    pub key: DeviceKey,
    /// `fan`, `switch`, `dimmer`, `valve`, `heater` and so on: a word for people, and for the simulator.
    pub kind: Name,
    /// `device:update:<room>:<device>`.
    pub channel: Name,
    /// Where commands go.
    pub command: Command,
    /// Where its state comes from.
    pub feedback: Option<Feedback>,
    /// Where it goes when nobody asks.
    pub safe: Safe,
    /// After this much silence the node itself goes to its safe state; `None`: it has no watchdog.
    pub watchdog: Option<Duration>,
    /// Commands are sent again this often; `None`: only at a change.
    pub repeat: Option<Duration>,
    /// Not on the wire within this: failed, and never sent late.
    pub ttl: Duration,
    /// How long a client's request without `for` lives. A rule's lives as long as its episode.
    pub lease: Duration,
    /// What no rule may do with it.
    pub limits: Limits,
}

/// The frame and signal of a device's command.
#[derive(Clone, Debug)]
pub struct Command {
    /// The bus.
    pub bus: BusId,
    /// The identifier; several devices may share one frame.
    pub id: CanId,
    /// What its bytes mean.
    pub frame: Arc<FrameLayout>,
    /// Position of the device's own signal.
    pub signal: usize,
    /// Other signals of the frame that go along, by position, checked to be encodable.
    pub with: Vec<(usize, Value)>,
}

impl Command {
    /// The device's own signal.
    #[must_use]
    pub fn signal(&self) -> &Signal {
        &self.frame.signals[self.signal]
    }

    /// Every bit of the frame that it says something in, its own signal's and those that go along, as a set.
    #[must_use]
    pub fn bit_set(&self) -> [u64; 8] {
        let along = self.with.iter().map(|(signal, _)| self.frame.signals[*signal].layout.bit_set());
        along.fold(self.signal().layout.bit_set(), |all, bits| std::array::from_fn(|i| all[i] | bits[i]))
    }
}

/// The frame and signal that tell a device's state.
#[derive(Clone, Debug)]
pub struct Feedback {
    /// The bus.
    pub bus: BusId,
    /// The identifier; several devices may share one frame.
    pub id: CanId,
    /// What its bytes mean.
    pub frame: Arc<FrameLayout>,
    /// Position of the device's own signal, which is the message's `state`.
    pub signal: usize,
    /// Positions of all signals that go into the device's messages: the whole frame, or `signal` alone where several
    /// devices share it.
    pub shown: Vec<usize>,
    /// How far from the command it may be, in the signal's unit.
    pub tolerance: f64,
    /// How soon it must agree.
    pub within: Duration,
    /// How often the command is sent again when it does not, before the device is at fault.
    pub retries: u32,
    /// The device as the source of readings.
    pub source: Arc<Source>,
    /// In a multiplexed frame: without its part for so long its signals are stale.
    pub part_stale_after: Duration,
}

/// Where a device goes when nobody asks for anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Safe {
    /// It stays as it is: nothing is sent.
    Keep,
    /// To this state.
    At(Level),
}
