//! What the kernel knows of an interface, over netlink: whether it is up, and of a real controller its state and bit rate.

use socketcan::CanInterface;
use socketcan::nl::CanState;

use super::{BusState, Rates};

/// An interface at a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Whether it is up; `None`: the kernel does not say, or there is none.
    pub(super) up: Option<bool>,
    /// The controller's state; a virtual interface has none.
    pub(super) state: Option<BusState>,
    /// As it is set; a virtual interface has none.
    pub(super) rates: Rates,
    /// After so many milliseconds it comes back from bus-off by itself.
    pub(super) restart_ms: Option<u32>,
}

/// Looks at it. One question to the kernel, which answers at once.
pub(super) fn look(interface: &str) -> Look {
    let Ok(details) = CanInterface::open(interface).and_then(|interface| interface.details()) else {
        return Look::default();
    };
    let state = details.can.state.and_then(|state| match state {
        CanState::ErrorActive => Some(BusState::Up),
        CanState::ErrorWarning => Some(BusState::ErrorWarning),
        CanState::ErrorPassive => Some(BusState::ErrorPassive),
        CanState::BusOff => Some(BusState::BusOff),
        CanState::Stopped | CanState::Sleeping => None,
    });
    Look {
        up: Some(details.is_up),
        state,
        rates: Rates {
            bitrate: details.can.bit_timing.map(|timing| timing.bitrate),
            data_bitrate: details.can.data_bit_timing.map(|timing| timing.bitrate),
        },
        restart_ms: details.can.restart_ms,
    }
}
