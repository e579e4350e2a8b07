//! Buses: each has exactly one thing at its other end.

use crate::can::Rates;
use crate::files::{Entries, Spanned};
use crate::model::Name;

use super::super::map::{Bus, Link};
use super::super::spec::BusSpec;
use super::check::Check;
use super::names::check_name;

/// A `BusId` is a byte.
const MOST: usize = 256;
/// The kernel's limit for the name of an interface.
const INTERFACE_MAX: usize = 15;
/// One end is as good as another for a bus whose own is wrong: the map is refused anyway.
const ANY: Link = Link::Simulated;

/// All buses in the order of the file, the faulty ones too, so that what stands on them can be checked.
pub(super) fn buses(check: &mut Check, spec: &Entries<BusSpec>) -> Vec<Bus> {
    if let Some((name, _)) = spec.0.get(MOST) {
        check.error(name.place, format!("{} buses are too many: at most {MOST}", spec.0.len()));
    }
    let mut buses: Vec<Bus> = Vec::new();
    for (name, bus) in spec.iter().take(MOST) {
        check_name(check, "bus", name);
        if name.contains(char::is_whitespace) {
            check.error(name.place, format!("a bus cannot be called '{}': logs have no spaces in it", name.value));
        }
        let link = link(check, name, bus).unwrap_or(ANY);
        if let (Link::Interface(interface), Some(other)) = (&link, buses.iter().find(|b| b.link == link)) {
            let message = format!("the buses {} and {} are both interface {interface}", other.name, name.value);
            check.error(bus.interface.as_ref().map_or(name.place, |i| i.place), message);
        }
        let rates = rates(check, bus);
        buses.push(Bus { name: Name::from(name.as_str()), link, rates });
    }
    buses
}

fn link(check: &mut Check, name: &Spanned<String>, bus: &BusSpec) -> Option<Link> {
    let ends = [bus.interface.is_some(), bus.replay.is_some(), bus.simulate];
    match ends.iter().filter(|end| **end).count() {
        1 => {}
        0 => {
            let message = format!("the bus {} has nothing at its other end", name.value);
            let help = "write `interface: can0`, `replay: logs/monday.log` or `simulate: true`";
            check.lacking(name.place, &["interface", "replay", "simulate"], message).help(help);
        }
        _ => {
            let message = format!("the bus {} has more than one of interface, replay and simulate", name.value);
            check.error(name.place, message).help("keep one of them");
        }
    }
    let speed = speed(check, bus);
    if let Some(interface) = &bus.interface {
        let fits = !interface.is_empty() && interface.len() <= INTERFACE_MAX;
        if !fits || interface.contains(|c: char| c.is_whitespace() || c == '/' || c == ':') {
            let message = format!("'{}' is no interface", interface.value);
            check
                .error(interface.place, message)
                .help("interfaces are called can0, vcan0 or slcan0: `ip link` lists them");
        }
        return Some(Link::Interface(Name::from(interface.as_str())));
    }
    if let Some(replay) = &bus.replay {
        if replay.trim().is_empty() {
            check.error(replay.place, "`replay` names no file").help("write `replay: logs/monday.log`");
        }
        return Some(Link::Replay { path: replay.value.clone().into(), speed });
    }
    bus.simulate.then_some(Link::Simulated)
}

fn speed(check: &mut Check, bus: &BusSpec) -> f64 {
    let Some(speed) = &bus.speed else { return 1.0 };
    if bus.replay.is_none() {
        check.error(speed.place, "`speed` goes with `replay`");
    }
    if !(speed.is_finite() && **speed > 0.0) {
        check.error(speed.place, format!("a speed of {} is none: 1 is as recorded, 10 ten times faster", speed.value));
    }
    speed.value
}

fn rates(check: &mut Check, bus: &BusSpec) -> Rates {
    let mut rate = |rate: &Option<Spanned<String>>| {
        let rate = rate.as_ref()?;
        let bits = bitrate(rate);
        if bits.is_none() {
            check.error(rate.place, format!("'{}' is no bitrate", rate.value)).help("write 250k, 500k, 1M or 2M");
        }
        bits
    };
    let rates = Rates { bitrate: rate(&bus.bitrate), data_bitrate: rate(&bus.data_bitrate) };
    if let (Some(rate), false) = (&bus.data_bitrate, bus.fd) {
        check.warning(rate.place, "`data_bitrate` is for CAN FD, and this bus has no `fd: true`");
    }
    rates
}

/// Bits a second.
fn bitrate(text: &str) -> Option<u32> {
    let (digits, factor) = match text.strip_suffix(['k', 'M']) {
        Some(digits) => (digits, if text.ends_with('k') { 1e3 } else { 1e6 }),
        None => (text, 1.0),
    };
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let rate = plain.then(|| digits.parse::<f64>().ok()).flatten()? * factor;
    (1e3..=2e7).contains(&rate).then_some(rate.round() as u32)
}
