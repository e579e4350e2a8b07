//! Limits of devices: what no rule may do, with every name resolved. What a limit contradicts is found in
//! `contradictions`, once all are known.

mod contradictions;
mod numbers;
mod own;
mod readings;
mod states;
mod whiles;

use std::time::Duration;

use crate::channels::Limits;
use crate::channels::map::{Device, NodeFrame};
use crate::channels::spec::{DeviceSpec, MapSpec};
use crate::files::{Entries, Spanned};
use crate::model::{DeviceKey, Name};

use super::check::Check;

type Rooms = Entries<Entries<Spanned<DeviceSpec>>>;

/// What limits refer to.
#[derive(Clone, Copy)]
struct Around<'a> {
    rooms: &'a Rooms,
    /// Those without faults.
    devices: &'a [Device],
    nodes: &'a [NodeFrame],
    /// Whether these are all the nodes of the file.
    all_nodes: bool,
}

impl<'a> Around<'a> {
    /// A device by its key; `None` if it has faults.
    fn device(&self, key: &DeviceKey) -> Option<&'a Device> {
        self.devices.iter().find(|device| device.key == *key)
    }
}

/// A device of the file and its limits.
struct Limited<'a> {
    key: DeviceKey,
    spec: &'a Spanned<DeviceSpec>,
    /// The device; `None` if it has faults.
    device: Option<&'a Device>,
    limits: Limits,
}

/// Checks the limits of all devices, and fills them in. `all_nodes`: nothing that makes the file's nodes has
/// faults.
pub(super) fn guards(check: &mut Check, spec: &MapSpec, nodes: &[NodeFrame], all_nodes: bool, devices: &mut [Device]) {
    let around = Around { rooms: &spec.devices, devices, nodes, all_nodes };
    let stagger = spec.defaults.stagger.as_ref().map_or(Duration::ZERO, |stagger| stagger.0);
    let mut all = Vec::new();
    for (room, specs) in &spec.devices {
        for (name, spec) in specs {
            let key = DeviceKey { room: Name::from(room.as_str()), device: Name::from(name.as_str()) };
            all.push(limited(check, around, stagger, key, spec));
        }
    }
    contradictions::find(check, &all);
    let limits: Vec<_> = all.into_iter().map(|limited| (limited.key, limited.limits)).collect();
    for (key, limits) in limits {
        if let Some(device) = devices.iter_mut().find(|device| device.key == key) {
            device.limits = limits;
        }
    }
}

fn limited<'a>(
    check: &mut Check,
    around: Around<'a>,
    stagger: Duration,
    key: DeviceKey,
    spec: &'a Spanned<DeviceSpec>,
) -> Limited<'a> {
    let device = around.device(&key);
    let limits = Limits {
        stagger: spec.stagger.as_ref().map_or(stagger, |stagger| stagger.0),
        forbid_while: whiles::whiles(check, around, &key, &spec.forbid_while),
        only_while: whiles::whiles(check, around, &key, &spec.only_while),
        needs: spec.needs.iter().filter_map(|need| readings::need(check, around, need)).collect(),
        verify: spec.verify.as_ref().and_then(|verify| readings::verify(check, around, verify)),
        interlocks: own::interlocks(check, around.rooms, &spec.interlock),
        ..own::limits(check, spec, device)
    };
    Limited { key, spec, device, limits }
}

#[cfg(test)]
#[path = "guards_tests.rs"]
mod tests;
