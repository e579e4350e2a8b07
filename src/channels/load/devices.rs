//! The devices of a channel map: where their commands go, where their state comes from, where they are safe.

use std::sync::Arc;
use std::time::Duration;

use crate::can::{BusId, CanId};
use crate::files::Spanned;
use crate::model::{DeviceKey, Level, Name, Source, SourceKind, Value, parse_duration};

use super::super::spec::{CommandSpec, DeviceSpec};
use super::super::{Command, Device, Feedback, FrameLayout, Safe};
use super::Loader;

/// A command is dropped if it is not on the wire within this.
const TTL: Duration = Duration::from_secs(2);
/// A client's request without `for` lives this long.
const LEASE: Duration = Duration::from_secs(15 * 60);

impl Loader<'_> {
    pub(super) fn devices(&mut self) -> Vec<Device> {
        let mut devices = Vec::new();
        for (room, list) in &self.spec.devices {
            self.check_name(room);
            for (name, device) in list {
                self.check_name(name);
                devices.extend(self.device(room, name, device));
            }
        }
        self.share_feedback(&mut devices);
        devices
    }

    fn device(&mut self, room: &str, name: &str, spec: &Spanned<DeviceSpec>) -> Option<Device> {
        let key = DeviceKey { room: room.into(), device: name.into() };
        let command = self.command(&spec.command)?;
        let channel: Name = format!("device:update:{room}:{name}").into();
        let feedback = match &spec.feedback {
            Some(feedback) => {
                let target = (&feedback.bus, feedback.id.as_ref(), &feedback.frame, &feedback.signal);
                let (bus, id, frame, signal) = self.target(target)?;
                let shown: Vec<usize> = (0..frame.signals.len()).collect();
                let source = Arc::new(Source {
                    kind: SourceKind::Device,
                    room: key.room.clone(),
                    place: key.device.clone(),
                    name: key.device.clone(),
                    channel: channel.clone(),
                    broad: "device:update".into(),
                    stale_after: Some(self.stale_after(&frame)),
                    frames: vec![frame.signals.iter().map(|signal| signal.name.clone()).collect()],
                });
                let tolerance = feedback.tolerance.as_ref().map_or(0.0, |tolerance| tolerance.value);
                let within = feedback.within.as_ref().map_or(Duration::from_secs(3), |within| within.value.0);
                Some(Feedback { bus, id, frame, signal, shown, tolerance, within, source })
            }
            None => None,
        };
        let safe = self.safe(&spec.safe, &command);
        let watchdog = self.watchdog(&spec.watchdog);
        let repeat = spec.repeat.as_ref().map(|repeat| repeat.value.0);
        if let (Some(repeat), Some(watchdog), Some(at)) = (repeat, watchdog, &spec.repeat)
            && repeat * 3 > watchdog
        {
            self.report.error(
                self.file,
                at.place,
                "`repeat` is more than a third of `watchdog`: two lost frames would let go",
            );
        }
        let guards = [("min_on", &spec.min_on), ("min_off", &spec.min_off), ("max_on", &spec.max_on)];
        self.later.extend(guards.iter().filter_map(|(name, span)| Some((*name, span.as_ref()?.place))));
        self.later.extend(spec.forbid_while.first().map(|other| ("forbid_while", other.place)));
        self.later.extend(spec.needs.as_ref().map(|needs| ("needs", needs.place)));
        let ttl = spec.ttl.as_ref().map_or(TTL, |ttl| ttl.value.0);
        let lease = spec.lease.as_ref().map_or(LEASE, |lease| lease.value.0);
        let kind = spec.kind.value.as_str().into();
        Some(Device { key, kind, channel, command, feedback, safe, watchdog, repeat, ttl, lease })
    }

    fn watchdog(&mut self, text: &Spanned<String>) -> Option<Duration> {
        if text.value == "none" {
            return None;
        }
        parse_duration(text).map_err(|why| self.report.error(self.file, text.place, why).help("or write none")).ok()
    }

    fn command(&mut self, spec: &Spanned<CommandSpec>) -> Option<Command> {
        let (bus, id, frame, signal) = self.target((&spec.bus, spec.id.as_ref(), &spec.frame, &spec.signal))?;
        let mut with = Vec::new();
        for (name, value) in &spec.with {
            let Some(at) = frame.signal(name) else {
                let names = frame.signals.iter().map(|signal| &*signal.name);
                self.report
                    .error(self.file, name.place, format!("frame `{}` has no signal `{}`", frame.name, name.value))
                    .did_you_mean(name, names);
                continue;
            };
            let value = state_value(&value.value);
            if let Err(why) = frame.signals[at].encode(&value, &mut [0; 64]) {
                self.report.error(self.file, name.place, why);
            }
            with.push((at, value));
        }
        Some(Command { bus, id, frame, signal, with })
    }

    #[allow(clippy::type_complexity)] // the four parts that a command and a feedback have in common
    fn target(
        &mut self,
        (bus, id, frame, signal): (&Spanned<String>, Option<&Spanned<u32>>, &Spanned<String>, &Spanned<String>),
    ) -> Option<(BusId, CanId, Arc<FrameLayout>, usize)> {
        let (bus, frame) = (self.bus(bus), self.frame(frame));
        let (bus, frame) = (bus?, frame?);
        let Some(id) = id else {
            self.report.error(self.file, signal.place, "an `id` is missing here");
            return None;
        };
        let id = self.id(id.value, id.place)?;
        let Some(at) = frame.signal(signal) else {
            let names = frame.signals.iter().map(|signal| &*signal.name);
            self.report
                .error(self.file, signal.place, format!("frame `{}` has no signal `{}`", frame.name, signal.value))
                .did_you_mean(signal, names);
            return None;
        };
        Some((bus, id, frame, at))
    }

    fn safe(&mut self, spec: &Spanned<Value>, command: &Command) -> Safe {
        let value = state_value(&spec.value);
        let level = match value.as_text() {
            Some("keep") => return Safe::Keep,
            Some("off") => Level::Off,
            Some("on") => Level::On,
            _ => match value.as_number() {
                Some(number) => Level::At(number),
                None => {
                    self.report.error(self.file, spec.place, "`safe` is keep, off, on or a number");
                    return Safe::Keep;
                }
            },
        };
        if let Level::At(_) = level
            && let Err(why) = command.frame.signals[command.signal].encode(&value, &mut [0; 64])
        {
            self.report.error(self.file, spec.place, format!("`safe` cannot be sent: {why}"));
        }
        Safe::At(level)
    }

    /// Of a frame that several devices share, each shows its own signal alone.
    fn share_feedback(&mut self, devices: &mut [Device]) {
        let ids: Vec<_> = devices.iter().filter_map(|d| d.feedback.as_ref()).map(|f| (f.bus, f.id)).collect();
        for feedback in devices.iter_mut().filter_map(|device| device.feedback.as_mut()) {
            if ids.iter().filter(|id| **id == (feedback.bus, feedback.id)).count() > 1 {
                feedback.shown = vec![feedback.signal];
            }
        }
    }
}

/// YAML reads `off` and `on` as booleans; where a state is meant they are words.
fn state_value(value: &Value) -> Value {
    match value {
        Value::Bool(true) => "on".into(),
        Value::Bool(false) => "off".into(),
        other => other.clone(),
    }
}
