//! What the Guard says, on its way to the buses, to the rules and to people.

use std::sync::Arc;
use std::time::Duration;

use crate::app::Output;
use crate::app::output::Notice;
use crate::can::Frame;
use crate::devices::{DeviceOut, DeviceWhy, GuardEvent, PersonRefused, PersonsWord};
use crate::model::{
    CommandsFrom, DeviceKey, Fields, Message, Name, Provenance, Severity, SourceKind, Timestamp, Value,
};

use super::trail::Trail;
use super::{Core, Hop, MOST_HOPS, message};

impl Core {
    /// Which clients may command devices, from now on.
    pub fn take_commands_from(&mut self, from: CommandsFrom) {
        self.guard.take_commands_from(from);
    }

    /// A frame after [`Core::stop`]: of devices alone, which confirm their safe states; no rule hears it.
    pub fn last_frame(&mut self, now: Timestamp, frame: &Frame, out: &mut Vec<Output>) {
        let mut readings = Vec::new();
        self.gateway.step(now, frame, &mut readings);
        for reading in readings.iter().filter(|reading| reading.source.kind == SourceKind::Device) {
            self.guard.step(now, GuardEvent::Reading(reading), &mut self.device_outs);
        }
        for device_out in self.device_outs.drain(..) {
            if let DeviceOut::Update(message) = device_out {
                out.push(Output::Publish(self.router.stamp(now, message)));
            }
        }
    }

    /// Devices that do not say yet that they are where they were told to be, in words, and how long that may take.
    #[must_use]
    pub fn unconfirmed(&self) -> (Duration, Vec<String>) {
        self.guard.unconfirmed()
    }

    /// A person's word on a device, see [`Guard::person`](crate::devices::Guard::person).
    ///
    /// # Errors
    /// It changes nothing, and why.
    pub fn person(
        &mut self,
        now: Timestamp,
        device: &DeviceKey,
        fields: &Fields,
        out: &mut Vec<Output>,
    ) -> Result<PersonsWord, PersonRefused> {
        self.advance(now, out);
        let said = self.guard.person(self.now, device, fields, &mut self.device_outs);
        self.settle(out);
        said
    }

    /// Why a device is as it is, and for each of its requests where the rule asks, if a rule does.
    ///
    /// # Errors
    /// There is no such device; which one may be meant.
    pub fn device_why(
        &mut self,
        now: Timestamp,
        device: &DeviceKey,
        out: &mut Vec<Output>,
    ) -> Result<(DeviceWhy, Vec<Option<String>>), String> {
        self.advance(now, out);
        let why = self.guard.why(self.now, device)?;
        let place = |rule: &Name| self.engine.asks_at(rule, device);
        let places = why.status.requests.iter().map(|request| request.rule.as_ref().and_then(place)).collect();
        Ok((why, places))
    }

    pub(super) fn refuse_circle(&mut self, trail: &Trail, channel: Name, out: &mut Vec<Output>) {
        self.counts.circles += 1;
        out.push(Output::Notice(Notice::Circle { rules: trail.rules(), channel }));
    }

    pub(super) fn take_device_outs(&mut self, hop: u8, trail: Option<Arc<Trail>>, out: &mut Vec<Output>) {
        let mut outs = std::mem::take(&mut self.device_outs);
        for device_out in outs.drain(..) {
            match device_out {
                DeviceOut::Transmit { frame, ttl } => {
                    self.counts.commands += 1;
                    out.push(Output::Transmit { frame, ttl });
                }
                DeviceOut::Refused { device, reason, .. } => {
                    out.push(Output::Notice(Notice::Device { device, reason }))
                }
                DeviceOut::Fault { device, fault } => self.device_fault(device, fault, out),
                // A circle through a device stops as one through publications does; the device itself has been served.
                DeviceOut::Update(message) if hop > MOST_HOPS => {
                    if let Some(trail) = &trail {
                        self.refuse_circle(trail, message.channel, out);
                    }
                }
                DeviceOut::Update(message) => {
                    let delivery = self.router.stamp(self.now, Message { hop, ..message });
                    self.queue.push_back(Hop { delivery, trail: trail.clone() });
                }
            }
        }
        self.device_outs = outs;
    }

    /// A device is at fault, or is not any more: on `system:update:device`, and for the log.
    fn device_fault(&mut self, device: DeviceKey, fault: Option<Name>, out: &mut Vec<Output>) {
        let trouble = fault.clone().map(|why| (Severity::Critical, Name::from(format!("{device} is at fault: {why}"))));
        self.system_alert(format!("device {device}"), trouble);
        self.take_book_outs(0, None, out);
        let state = if fault.is_some() { "fault" } else { "tried again" };
        let reason = fault.clone().map_or(Value::Null, Value::Text);
        let fields = [("room", Value::Text(device.room.clone())), ("device", Value::Text(device.device.clone()))];
        let fields = fields.into_iter().chain([("state", state.into()), ("reason", reason)]);
        let fields = fields.map(|(name, value)| (Name::from(name), value)).collect();
        let message = message("system:update:device".into(), Provenance::System, 0, fields);
        let delivery = self.router.stamp(self.now, message);
        self.queue.push_back(Hop { delivery, trail: None });
        out.push(Output::Notice(Notice::Fault { device: device.to_string(), fault }));
    }
}
