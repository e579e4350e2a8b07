//! Raw frames: candump notation, and never with an identifier that is somebody else's.

use crate::can::{BusId, CanId, Frame, FrameKind, read_frame};
use crate::files::{Entries, Spanned};

use super::super::greeter::Greetings;
use super::super::spec::BusSpec;
use super::check::Check;
use super::claims::{Claim, Claims, Role};
use super::nodes::can_id;
use super::signals::whole;

/// More frames than any bus needs to begin.
const MOST: usize = 64;

/// The raw frames of all buses, by `BusId`.
pub(super) fn greetings(check: &mut Check, claims: &mut Claims, spec: &Entries<BusSpec>) -> Vec<Greetings> {
    let buses = (0..=u8::MAX).map(BusId).zip(spec);
    buses.map(|(bus, (name, spec))| of_bus(check, claims, bus, name, spec)).collect()
}

fn of_bus(check: &mut Check, claims: &mut Claims, bus: BusId, name: &Spanned<String>, spec: &BusSpec) -> Greetings {
    let on_start = raw_frames(check, claims, (bus, name, spec.fd), &spec.send_on_start);
    let mut greetings = Greetings { on_start, ..Greetings::default() };
    let mut count = greetings.on_start.len();
    for (id, frames) in &spec.send_on_boot {
        let frames = raw_frames(check, claims, (bus, name, spec.fd), frames);
        count += frames.len();
        let Some(boot) = boot_id(check, id) else { continue };
        let (whom, role) = (format!("the bus {}, as a node's boot-up", name.value), Role::Boot);
        claims.add(check, bus, boot, Claim { role, whom, frame: String::new(), signal: None, place: id.place });
        if greetings.on_boot.insert(boot, frames).is_some() {
            check.error(id.place, format!("{boot} is here twice")).help("list all its frames at one of them");
        }
    }
    if count > MOST {
        let message = format!("the bus {} has {count} raw frames: at most {MOST}", name.value);
        check.error(name.place, message);
    }
    greetings
}

fn raw_frames(
    check: &mut Check,
    claims: &mut Claims,
    (bus, name, fd): (BusId, &str, bool),
    texts: &[Spanned<String>],
) -> Vec<Frame> {
    let one = |text: &Spanned<String>| {
        let frame = raw_frame(check, bus, fd, text)?;
        let (whom, role) = (format!("the bus {name}, raw"), Role::Raw);
        let claim = Claim { role, whom, frame: String::new(), signal: None, place: text.place };
        claims.add(check, bus, frame.id, claim).then_some(frame)
    };
    texts.iter().filter_map(one).collect()
}

fn boot_id(check: &mut Check, id: &Spanned<String>) -> Option<CanId> {
    let Some(raw) = whole(id).and_then(|raw| u64::try_from(raw).ok()) else {
        let message = format!("'{}' is no CAN id", id.value);
        let help = "write the id with which the node says that it has booted: `0x705: [\"000#0105\"]`";
        check.error(id.place, message).help(help);
        return None;
    };
    can_id(check, raw, id.place)
}

fn raw_frame(check: &mut Check, bus: BusId, fd: bool, text: &Spanned<String>) -> Option<Frame> {
    let help = "write it as candump does: \"000#0105\" is id 0x000 with the bytes 01 and 05";
    let mut frame = match read_frame(text.trim()) {
        Ok(frame) => frame,
        Err(why) => {
            check.error(text.place, format!("'{}' is no frame: {why}", text.value)).help(help);
            return None;
        }
    };
    let (message, help) = match frame.kind {
        FrameKind::Error => (format!("'{}' is an error frame: nobody sends those by will", text.value), help),
        FrameKind::Fd { .. } if !fd => {
            (format!("'{}' is CAN FD, and the bus is not", text.value), "is `fd: true` missing at the bus?")
        }
        _ => {
            frame.bus = bus;
            return Some(frame);
        }
    };
    check.error(text.place, message).help(help);
    None
}
