//! Devices: where commands go, where a device goes when nobody asks, how its node is kept awake.

use std::sync::Arc;
use std::time::Duration;

use crate::files::{Entries, Spanned};
use crate::model::{DeviceKey, Name, Span, Value, format_duration, parse_duration};

use super::super::limits::Limits;
use super::super::map::{Command, Device, Safe};
use super::super::spec::{CommandSpec, DeviceSpec};
use super::check::Check;
use super::claims::{Claim, Claims, Role};
use super::feedback;
use super::frames::FrameEntry;
use super::multiplexed;
use super::names::check_name;
use super::nodes::{Sites, can_id};
use super::safe;

/// The check that finds a device without a watchdog, as `allow` and the reference call it.
pub const NO_WATCHDOG: &str = "no-watchdog";
/// On the wire within this, where the device says nothing.
const TTL: Duration = Duration::from_secs(2);
/// How long a client's request without `for` lives, where the device says nothing.
const LEASE: Duration = Duration::from_secs(15 * 60);
/// Commands within the time of a node's watchdog, so that one or two may be lost.
const REPEATS: u32 = 3;

/// All devices in the order of the file.
pub(super) fn devices(
    check: &mut Check,
    sites: &Sites<'_>,
    claims: &mut Claims,
    rooms: &Entries<Entries<Spanned<DeviceSpec>>>,
) -> Vec<Device> {
    let mut all = Vec::new();
    for (room, devices) in rooms {
        check_name(check, "room", room);
        for (name, spec) in devices {
            check_name(check, "device", name);
            if name.contains('/') {
                let message = format!("a device cannot be called '{}': `/` stands between room and device", name.value);
                check.error(name.place, message);
            }
            let key = DeviceKey { room: Name::from(room.as_str()), device: Name::from(name.as_str()) };
            all.extend(device(check, sites, claims, key, spec));
        }
    }
    feedback::share(&mut all);
    check_keepers(check, rooms, &all);
    check_images(check, rooms, &all);
    all
}

/// One device; `None` if it has faults.
fn device(
    check: &mut Check,
    sites: &Sites<'_>,
    claims: &mut Claims,
    key: DeviceKey,
    spec: &Spanned<DeviceSpec>,
) -> Option<Device> {
    if spec.kind.trim().is_empty() {
        check.error(spec.kind.place, "the kind is empty").help("write fan, switch, dimmer, valve or heater");
    }
    let (watchdog, repeat) = rhythm(check, spec);
    let ttl = time(check, "ttl", spec.ttl.as_ref(), TTL);
    let lease = time(check, "lease", spec.lease.as_ref(), LEASE);
    let command = command(check, sites, claims, &key, &spec.command);
    let safe = match &command {
        Some(command) => safe::safe(check, &spec.safe, &command.frame.signals[command.signal]),
        None => None,
    };
    let feedback = spec.feedback.as_ref().map(|feedback| feedback::feedback(check, sites, claims, &key, feedback));
    let allowed = allowed(check, &spec.allow);
    if spec.watchdog.value == "none" && spec.safe.as_text() != Some("keep") && !allowed {
        let message = format!("{key} has no watchdog: it stays as it is when growctl dies [{NO_WATCHDOG}]");
        let help = "its `safe` is reached by command only; if its node has none: `allow: [no-watchdog]`";
        check.warning(spec.watchdog.place, message).help(help);
    }
    if let (Some(watchdog), Some("keep")) = (watchdog, spec.safe.as_text()) {
        let after = format_duration(watchdog);
        let message = format!("{key} does not keep its state: its node falls to its own safe state after {after}");
        let help = "nothing is sent when nobody asks: set `safe` to a state, or `watchdog: none` if the node has none";
        check.warning(spec.safe.place, message).help(help);
    }
    let feedback = match feedback {
        Some(feedback) => Some(feedback?),
        None => None,
    };
    let channel = key.channel();
    let kind = Name::from(spec.kind.as_str());
    Some(Device {
        key,
        kind,
        channel,
        command: command?,
        feedback,
        safe: safe?,
        watchdog,
        repeat,
        ttl,
        lease,
        limits: Limits::default(),
    })
}

/// Whether a device may be without a watchdog.
fn allowed(check: &mut Check, allow: &[Spanned<String>]) -> bool {
    for other in allow.iter().filter(|id| id.value != NO_WATCHDOG) {
        let message = format!("there is no check `{}` of devices", other.value);
        check.error(other.place, message).did_you_mean(other, [NO_WATCHDOG]);
    }
    allow.iter().any(|id| id.value == NO_WATCHDOG)
}

/// Watchdog and repeat. A node with a watchdog falls to its safe state unless commands go on: without `repeat` they are
/// sent three times within its time.
fn rhythm(check: &mut Check, spec: &DeviceSpec) -> (Option<Duration>, Option<Duration>) {
    let repeat = spec.repeat.as_ref().map(|repeat| repeat.0).filter(|repeat| !repeat.is_zero());
    if let (Some(spec), None) = (&spec.repeat, repeat) {
        check.error(spec.place, "a repeat of 0s is none: leave it out to send at changes only");
    }
    let watchdog = match spec.watchdog.as_str() {
        "none" => return (None, repeat),
        text => parse_duration(text),
    };
    let watchdog = match watchdog {
        Ok(watchdog) if !watchdog.is_zero() => watchdog,
        Ok(_) => {
            check.error(spec.watchdog.place, "a watchdog of 0s is none").help("write `watchdog: none`");
            return (None, repeat);
        }
        Err(why) => {
            let diagnostic = check.error(spec.watchdog.place, format!("the watchdog is wrong: {why}"));
            diagnostic.help("a duration such as 15s, or `none`");
            return (None, repeat);
        }
    };
    let most = watchdog / REPEATS;
    if let (Some(repeat), Some(spec)) = (repeat, &spec.repeat)
        && repeat > most
    {
        let (repeat, watchdog) = (format_duration(repeat), format_duration(watchdog));
        let message = format!("a repeat of {repeat} is too slow for a watchdog of {watchdog}");
        check.error(spec.place, message).help(format!("at most a third of it: {}", format_duration(most)));
    }
    (Some(watchdog), Some(repeat.unwrap_or(most)))
}

/// A duration that is not 0.
pub(super) fn time(check: &mut Check, what: &str, spec: Option<&Spanned<Span>>, otherwise: Duration) -> Duration {
    let Some(spec) = spec else { return otherwise };
    if spec.0.is_zero() {
        check.error(spec.place, format!("`{what}` of 0s leaves no time"));
    }
    spec.0
}

fn command(
    check: &mut Check,
    sites: &Sites<'_>,
    claims: &mut Claims,
    key: &DeviceKey,
    spec: &Spanned<CommandSpec>,
) -> Option<Command> {
    let bus = sites.bus(check, &spec.bus);
    let frame = sites.frames.find(check, &spec.frame)?;
    let id = spec.id.as_ref().map_or(frame.id, |id| can_id(check, id.value, id.place));
    if spec.id.is_none() && id.is_none() {
        let message = format!("the command of {key} has no `id`");
        check.lacking(spec.bus.place, &["id"], message).help("write the CAN id that its node listens to: `id: 0x301`");
    }
    let signal = frame.signal(check, &spec.signal);
    if let Some(beyond) = signal
        .map(|at| &frame.layout.signals[at])
        .filter(|signal| signal.layout.bytes_needed() > usize::from(frame.layout.length))
    {
        let message = format!("{} is beyond the end of {}: it cannot be sent", beyond.name, frame.layout.name);
        check.error(spec.signal.place, message).help("the DBC file gives the message too few bytes");
    }
    let with = with(check, frame, spec);
    let with = multiplexed::with(check, frame, spec, with);
    let (bus, id, signal) = (bus?, id?, signal?);
    sites.check_fd(check, bus, frame, spec.frame.place);
    let place = spec.id.as_ref().map_or(spec.place, |id| id.place);
    let (whom, name) = (format!("device {key}"), frame.layout.name.to_string());
    let claim = Claim { role: Role::Command, whom, frame: name, signal: Some(spec.signal.value.clone()), place };
    claims.add(check, bus, id, claim);
    // How often readings are published is nothing to a command: another policy makes no other command.
    let layout = Arc::new(frame.layout.without_policy());
    Some(Command { bus, id, frame: layout, signal, with })
}

fn with(check: &mut Check, frame: &FrameEntry, spec: &CommandSpec) -> Vec<(usize, Value)> {
    let mut with = Vec::new();
    for (name, value) in &spec.with {
        if name.value == spec.signal.value {
            check.error(name.place, format!("{} is the device's own signal: it cannot be in `with`", name.value));
            continue;
        }
        let Some(at) = frame.signal(check, name) else { continue };
        let signal = &frame.layout.signals[at];
        let state = safe::state(signal, value);
        match safe::encodes(signal, &state) {
            Ok(()) => with.push((at, state)),
            Err(why) => {
                let given = value.as_text().unwrap_or_default().to_owned();
                let diagnostic = check.unfit(value.place, why);
                if !given.is_empty() {
                    diagnostic.did_you_mean(&given, signal.values.iter().map(|(_, text)| &**text));
                }
            }
        }
    }
    with
}

/// A frame waits until the state of every device in it is known that keeps it: without feedback that is never, unless it
/// is told itself.
fn check_keepers(check: &mut Check, rooms: &Entries<Entries<Spanned<DeviceSpec>>>, all: &[Device]) {
    let keepers = all.iter().filter(|device| device.safe == Safe::Keep && device.feedback.is_none());
    for Device { key, command, .. } in keepers {
        let same = |other: &Device| (other.command.bus, other.command.id) == (command.bus, command.id);
        let shares = |other: &&Device| other.key != *key && same(other);
        let Some(other) = all.iter().find(shares) else { continue };
        let Some(spec) = rooms.get(&key.room).and_then(|room| room.get(&key.device)) else { continue };
        let message =
            format!("{key} keeps a state that nothing tells, and {} in its frame would wait for it", other.key);
        check.error(spec.safe.place, message).help("give it a `feedback`, or a state as `safe`");
    }
}

/// Devices that share a frame: none may say in `with` what another decides, or what another says differently.
fn check_images(check: &mut Check, rooms: &Entries<Entries<Spanned<DeviceSpec>>>, all: &[Device]) {
    for (i, device) in all.iter().enumerate() {
        let own = &device.command;
        let Some(spec) = rooms.get(&device.key.room).and_then(|room| room.get(&device.key.device)) else { continue };
        for (at, value) in &own.with {
            let name = &own.frame.signals[*at].name;
            let place = spec.command.with.iter().find(|(key, _)| *key.value == **name).map(|(key, _)| key.place);
            let place = place.unwrap_or(spec.command.place);
            let sharing = |other: &&Device| (other.command.bus, other.command.id) == (own.bus, own.id);
            if let Some(other) = all.iter().filter(sharing).find(|other| other.command.signal == *at) {
                let message = format!("`with` says {name} = {value}, but {name} is switched by {}", other.key);
                check.error(place, message).help("devices that share a frame leave each other's signals alone");
            }
            let differs = |(key, _): &&(usize, Value), other: &Value| key == at && other != value;
            let against = all[..i]
                .iter()
                .filter(sharing)
                .find(|other| other.command.with.iter().any(|entry| differs(&entry, &entry.1)));
            if let Some(other) = against {
                let message =
                    format!("`with` says {name} = {value}, and {} says otherwise in the same frame", other.key);
                check.error(place, message);
            }
        }
    }
}
