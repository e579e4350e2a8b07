//! Feedback: the frame that tells a device's state, and the device as a source of readings.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::can::{BusId, CanId};
use crate::files::Spanned;
use crate::model::{DeviceKey, Name, Source, SourceKind};

use super::super::map::{Device, Feedback, FrameLayout};
use super::super::spec::FeedbackSpec;
use super::check::Check;
use super::claims::{Claim, Claims, Role};
use super::devices::time;
use super::facts;
use super::nodes::{Sites, can_id};

/// How often a command is sent again that the device does not follow, where the map says nothing.
const RETRIES: u32 = 2;
/// More retries than this only hide a fault.
const MOST_RETRIES: u32 = 10;
/// The device must agree within this, where the map says nothing.
const WITHIN: Duration = Duration::from_secs(3);
/// Fields of every word about a device, which a signal beside its own would be hidden behind.
const OF_DEVICES: [&str; 5] = ["state", "wanted", "source", "reason", "until"];

/// A device's feedback; `None` if it has faults.
pub(super) fn feedback(
    check: &mut Check,
    sites: &Sites<'_>,
    claims: &mut Claims,
    key: &DeviceKey,
    spec: &Spanned<FeedbackSpec>,
) -> Option<Feedback> {
    let bus = sites.bus(check, &spec.bus);
    let tolerance = tolerance(check, spec);
    let within = time(check, "within", spec.within.as_ref(), WITHIN);
    let retries = retries(check, spec);
    let frame = sites.frames.find(check, &spec.frame)?;
    let id = spec.id.as_ref().map_or(frame.id, |id| can_id(check, id.value, id.place));
    if spec.id.is_none() && id.is_none() {
        let message = format!("the feedback of {key} has no `id`");
        check.lacking(spec.bus.place, &["id"], message).help("write the CAN id that its node sends with: `id: 0x381`");
    }
    let (bus, id, signal) = (bus, id, frame.signal(check, &spec.signal)?);
    let (bus, id) = (bus?, id?);
    sites.check_fd(check, bus, frame, spec.frame.place);
    let place = spec.id.as_ref().map_or(spec.place, |id| id.place);
    let (whom, name) = (format!("device {key}"), frame.layout.name.to_string());
    let claim = Claim { role: Role::Feedback, whom, frame: name, signal: Some(spec.signal.value.clone()), place };
    claims.add(check, bus, id, claim);
    let shown: Vec<usize> =
        (0..frame.layout.signals.len()).filter(|at| *at == signal || frame.published[*at]).collect();
    for at in shown.iter().filter(|at| **at != signal) {
        let name = &frame.layout.signals[*at].name;
        if OF_DEVICES.contains(&&**name) {
            let message = format!("{key} would tell {name} twice: every word about a device has that field");
            check.error(spec.frame.place, message).help(format!("call the signal of {} otherwise", frame.layout.name));
        }
    }
    let source = Arc::new(source(key, &frame.layout, signal, &shown, frame.stale_after));
    let (layout, part_stale_after) = (frame.layout.clone(), frame.part_stale_after);
    Some(Feedback { bus, id, frame: layout, signal, shown, tolerance, within, retries, source, part_stale_after })
}

fn tolerance(check: &mut Check, spec: &FeedbackSpec) -> f64 {
    let Some(tolerance) = &spec.tolerance else { return 0.0 };
    if !(tolerance.is_finite() && **tolerance >= 0.0) {
        let message = format!("a tolerance of {} is none: it is 0 or more", tolerance.value);
        check.error(tolerance.place, message);
    }
    tolerance.value
}

fn retries(check: &mut Check, spec: &FeedbackSpec) -> u32 {
    let Some(retries) = &spec.retries else { return RETRIES };
    if **retries > MOST_RETRIES {
        let message =
            format!("{} retries are too many: a device that does not follow would not be told", retries.value);
        check.error(retries.place, message).help(format!("0 to {MOST_RETRIES}"));
    }
    retries.value
}

fn source(key: &DeviceKey, frame: &FrameLayout, signal: usize, shown: &[usize], stale_after: Duration) -> Source {
    Source {
        kind: SourceKind::Device,
        room: key.room.clone(),
        place: key.device.clone(),
        name: key.device.clone(),
        channel: key.channel(),
        broad: Name::from("device:update"),
        stale_after: Some(stale_after),
        frames: vec![shown.iter().map(|at| frame.signals[*at].name.clone()).collect()],
        facts: facts::of_device(frame, signal, shown),
    }
}

/// Where several devices have their feedback in one frame, each tells its own signal alone.
pub(super) fn share(devices: &mut [Device]) {
    let mut count: HashMap<(BusId, CanId), usize> = HashMap::new();
    for feedback in devices.iter().filter_map(|device| device.feedback.as_ref()) {
        *count.entry((feedback.bus, feedback.id)).or_default() += 1;
    }
    for Device { key, feedback, .. } in devices {
        let Some(feedback) = feedback else { continue };
        if count[&(feedback.bus, feedback.id)] > 1 {
            feedback.shown = vec![feedback.signal];
            let stale_after = feedback.source.stale_after.unwrap_or(super::STALE_AFTER);
            feedback.source = Arc::new(source(key, &feedback.frame, feedback.signal, &feedback.shown, stale_after));
        }
    }
}
