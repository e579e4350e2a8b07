//! How a bus is: what its interface and its controller say, in words for people, with the command that mends it.

use serde::Serialize;

use super::Frame;

/// What can be done with a bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BusState {
    /// There is no such interface, or none was found yet.
    #[default]
    Absent,
    /// The interface is there and down.
    Down,
    /// All is well.
    Up,
    /// Errors are frequent.
    ErrorWarning,
    /// Errors are so frequent that the controller holds back.
    ErrorPassive,
    /// The controller has left the bus.
    BusOff,
}

impl BusState {
    /// As `status` and messages write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            BusState::Absent => "absent",
            BusState::Down => "down",
            BusState::Up => "up",
            BusState::ErrorWarning => "error-warning",
            BusState::ErrorPassive => "error-passive",
            BusState::BusOff => "bus-off",
        }
    }

    /// Whether frames may pass.
    #[must_use]
    pub fn is_usable(self) -> bool {
        !matches!(self, BusState::Absent | BusState::Down)
    }
}

/// How a bus is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BusHealth {
    /// In a word.
    pub state: BusState,
    /// In a sentence; `None` if all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// As the interface is set.
    #[serde(flatten)]
    pub rates: Rates,
}

/// Bits a second; `None`: not known, or not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rates {
    /// Of everything, or of the arbitration of FD frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u32>,
    /// Of the data of FD frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_bitrate: Option<u32>,
}

impl Rates {
    /// What is other than wanted, and the command that sets it.
    fn differ(self, wanted: Rates, interface: &str) -> Option<(String, String)> {
        let other = |is: Option<u32>, wanted: Option<u32>| is.zip(wanted).filter(|(is, wanted)| is != wanted);
        let (is, should) = other(self.bitrate, wanted.bitrate).or(other(self.data_bitrate, wanted.data_bitrate))?;
        let reason = format!("the interface {interface} runs at {is} bit/s, the channel map says {should}");
        let mut set = format!("ip link set {interface} type can");
        if let Some(rate) = wanted.bitrate.or(self.bitrate) {
            set += &format!(" bitrate {rate}");
        }
        if let Some(rate) = wanted.data_bitrate {
            set += &format!(" dbitrate {rate} fd on");
        }
        Some((reason, format!("ip link set {interface} down && {set} && ip link set {interface} up")))
    }
}

/// The account of an interface. Of what was sent to it and what it took, `received + error_frames + lost` is what passed the
/// filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BusCounts {
    /// Frames read, without error frames.
    pub received: u64,
    /// Error frames read.
    pub error_frames: u64,
    /// Frames that the kernel dropped because they were not read in time.
    pub lost: u64,
    /// Frames read that were dropped because whoever takes them was too slow; they are in `received` too.
    pub dropped: u64,
    /// How often the controller itself says that it lost some.
    pub overruns: u64,
    /// Frames of a shape that no frame has.
    pub malformed: u64,
    /// Frames sent.
    pub sent: u64,
    /// Frames that the interface refused for good, as FD frames on a classic bus.
    pub refused: u64,
    /// How often the interface's own queue had no room for a frame, which then waits here.
    pub no_room: u64,
    /// How often the interface was opened.
    pub opened: u64,
}

/// What an error frame tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorReport {
    /// The controller's state, if it tells.
    pub(super) state: Option<BusState>,
    /// The controller lost frames.
    pub(super) overrun: bool,
    /// Nobody acknowledged a frame.
    pub(super) unheard: bool,
}

// Classes and bits of <linux/can/error.h>.
const CONTROLLER: u32 = 0x04;
const ACKNOWLEDGE: u32 = 0x20;
const BUS_OFF: u32 = 0x40;
const RESTARTED: u32 = 0x100;
const RECEIVE_OVERFLOW: u8 = 0x01;
const WARNING: u8 = 0x04 | 0x08;
const PASSIVE: u8 = 0x10 | 0x20;
const ACTIVE: u8 = 0x40;

/// Reads an error frame.
pub(super) fn read_error(frame: &Frame) -> ErrorReport {
    let (class, detail) = (frame.id.raw(), frame.bytes().get(1).copied().unwrap_or(0));
    let controller = if class & CONTROLLER != 0 { detail } else { 0 };
    let state = if class & BUS_OFF != 0 {
        Some(BusState::BusOff)
    } else if controller & PASSIVE != 0 {
        Some(BusState::ErrorPassive)
    } else if controller & WARNING != 0 {
        Some(BusState::ErrorWarning)
    } else if class & RESTARTED != 0 || controller & ACTIVE != 0 {
        Some(BusState::Up)
    } else {
        None
    };
    ErrorReport { state, overrun: controller & RECEIVE_OVERFLOW != 0, unheard: class & ACKNOWLEDGE != 0 }
}

/// What is known of an interface beside its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// As the interface is set.
    pub(super) rates: Rates,
    /// After so many milliseconds it comes back from bus-off by itself; 0 never.
    pub(super) restart_ms: Option<u32>,
    /// Frames of its own were acknowledged by nobody.
    pub(super) unheard: bool,
    /// Only an error frame says so; the interface itself tells nothing, as a virtual one.
    pub(super) hearsay: bool,
}

/// The words for a state.
pub(super) fn health(interface: &str, state: BusState, facts: Facts, wanted: Rates) -> BusHealth {
    let Facts { rates, restart_ms, unheard, hearsay } = facts;
    let lonely =
        if unheard { "; nobody acknowledges: is another node on, and are cable and termination whole?" } else { "" };
    let said = if hearsay { " (an error frame says so; the interface itself tells nothing)" } else { "" };
    let (reason, remedy) = match state {
        BusState::Up => rates.differ(wanted, interface).unzip(),
        BusState::Absent => {
            let reason = format!("there is no interface {interface}; waiting for it");
            let remedy = match interface.strip_prefix("vcan") {
                Some(_) => format!("ip link add {interface} type vcan && ip link set {interface} up"),
                None => "ip -details link show type can".to_owned(),
            };
            (Some(reason), Some(remedy))
        }
        BusState::Down => (
            Some(format!("the interface {interface} is down; nothing is sent until somebody sets it up")),
            Some(format!("ip link set {interface} up")),
        ),
        BusState::ErrorWarning => (Some(format!("errors on the bus are frequent{lonely}{said}")), None),
        BusState::ErrorPassive => (
            Some(format!(
                "so many errors that the controller holds back: look at cable, termination and bit rate{lonely}{said}"
            )),
            Some(format!("ip -details -statistics link show {interface}")),
        ),
        BusState::BusOff => {
            let alone = match restart_ms {
                Some(ms) if ms > 0 => format!("the controller tries again every {ms} ms"),
                _ => "it stays off until somebody acts".to_owned(),
            };
            let again = format!(
                "ip link set {interface} down && ip link set {interface} type can restart-ms 100 && ip link set {interface} up"
            );
            (Some(format!("the controller has left the bus after too many errors; {alone}{said}")), Some(again))
        }
    };
    BusHealth { state, reason, remedy, rates }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::can::{BusId, parse_line};
    use crate::model::Timestamp;

    fn report(text: &str) -> ErrorReport {
        let line = format!("(1.000000) can0 {text}");
        read_error(&parse_line(&line).unwrap().unwrap().to_frame(Timestamp::default(), BusId(0)))
    }

    #[test]
    fn error_frames_tell_the_state_of_the_controller() {
        assert_eq!(report("20000040#0000000000000000").state, Some(BusState::BusOff));
        assert_eq!(report("20000004#0020000000000000").state, Some(BusState::ErrorPassive));
        assert_eq!(report("20000004#0008000000000000").state, Some(BusState::ErrorWarning));
        assert_eq!(report("20000004#0040000000000000").state, Some(BusState::Up));
        assert_eq!(report("20000100#0000000000000000").state, Some(BusState::Up));
        assert_eq!(report("20000020#0000000000000000"), ErrorReport { unheard: true, ..ErrorReport::default() });
        assert_eq!(report("20000004#0001000000000000"), ErrorReport { overrun: true, ..ErrorReport::default() });
        // A protocol error has the same byte for something else.
        assert_eq!(report("20000008#0020000000000000"), ErrorReport::default());
    }

    #[test]
    fn what_is_wrong_comes_with_the_command_that_mends_it() {
        let off = Facts { restart_ms: Some(0), ..Facts::default() };
        let off = health("can0", BusState::BusOff, off, Rates::default());
        assert!(off.reason.unwrap().contains("stays off until somebody acts"));
        assert!(off.remedy.unwrap().contains("ip link set can0 type can restart-ms 100"));
        let rates = |bitrate, data_bitrate| Rates { bitrate: Some(bitrate), data_bitrate };
        let facts = Facts { rates: rates(500_000, Some(2_000_000)), ..Facts::default() };
        let slow = health("can1", BusState::Up, facts, rates(250_000, None));
        assert_eq!(slow.reason.unwrap(), "the interface can1 runs at 500000 bit/s, the channel map says 250000");
        assert_eq!(
            slow.remedy.unwrap(),
            "ip link set can1 down && ip link set can1 type can bitrate 250000 && ip link set can1 up"
        );
        assert_eq!(health("can1", BusState::Up, facts, rates(500_000, Some(2_000_000))).reason, None);
        let slow = health("can1", BusState::Up, facts, rates(500_000, Some(4_000_000))).remedy.unwrap();
        assert!(slow.contains("type can bitrate 500000 dbitrate 4000000 fd on"), "{slow}");
    }
}
