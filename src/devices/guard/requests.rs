//! What is asked of devices, and why it is refused.

use std::time::Duration;

use crate::files::closest;
use crate::model::{
    CommandsFrom, DeviceKey, DeviceRequest, Fields, Message, Mono, Name, Requester, Timestamp, format_duration,
};

use super::super::arbitration::Held;
use super::super::command::{self, Command};
use super::super::status::{DeviceStatus, PersonRefused, PersonsWord};
use super::super::update::civil;
use super::{DeviceOut, Guard, PERSONS_LEASE, PERSONS_LONGEST, PERSONS_PRIORITY, Phase};

/// Which count a refusal goes to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    UnknownDevice,
    Malformed,
    NotPossible,
    NotAllowed,
    Stopping,
}

pub(super) type Refusal = (Why, String);

impl Guard {
    /// Which clients may command devices, from now on. What they have asked for already ends in its time.
    pub fn take_commands_from(&mut self, from: CommandsFrom) {
        self.commands_from = from;
    }

    pub(super) fn request(
        &mut self,
        requester: &Requester,
        priority: u8,
        request: &DeviceRequest,
        revision: Option<&Name>,
        out: &mut Vec<DeviceOut>,
    ) -> Result<(), Refusal> {
        if self.phase == Phase::Stopped {
            return Err((Why::Stopping, "the engine is stopping: devices are at safe".to_owned()));
        }
        let at = self.find(&request.device)?;
        let now = self.now.mono;
        let device = &mut self.devices[at];
        let target = device.levels.resolve(request.level).map_err(|why| (Why::NotPossible, why))?;
        let reason = match (&request.reason, target.clamped_from) {
            (reason, None) => reason.clone(),
            (None, Some(asked)) => Some(format!("{asked} is limited to {}", target.shown).into()),
            (Some(reason), Some(asked)) => Some(format!("{reason} ({asked} is limited to {})", target.shown).into()),
        };
        let end = request.lease.map_or(Mono(u64::MAX), |lease| now + lease);
        device.arbiter.advance(now);
        let revision = revision.cloned();
        let held = Held { requester: requester.clone(), priority, level: target.level, reason, revision, end };
        device.arbiter.request(held).map_err(|why| (Why::NotPossible, why.to_string()))?;
        self.counts.clamped += u64::from(target.clamped_from.is_some());
        self.refresh([at], out);
        Ok(())
    }

    pub(super) fn command(&mut self, message: &Message, out: &mut Vec<DeviceOut>) -> Result<(), Refusal> {
        let malformed = |why| (Why::Malformed, why);
        let no_device = || "a command goes to device:command:<room>:<device>".to_owned();
        let key = command::device_of(&message.channel).ok_or_else(|| malformed(no_device()))?;
        let at = self.find(&key)?;
        if !self.commands_from.allows(&key) {
            return Err((
                Why::NotAllowed,
                format!("`devices.commands_from` of growctl.yaml lets no client command {key}"),
            ));
        }
        match command::read(&message.fields).map_err(malformed)? {
            Command::Release => {
                if self.release(at, &Requester::Client) {
                    self.refresh([at], out);
                }
                Ok(())
            }
            Command::Set { value, lease, reason } => {
                let device = &self.devices[at];
                let level = device.levels.level_of(&value).map_err(malformed)?;
                let lease = Some(lease.unwrap_or(device.spec.lease));
                let request = DeviceRequest { device: key, level, lease, reason };
                self.request(&Requester::Client, PERSONS_PRIORITY, &request, None, out)
            }
        }
    }

    /// A person's word on a device, in the fields of a command: a state, for how long and why, or `release`. A state ends a
    /// fault of the device, which is tried again at once.
    ///
    /// # Errors
    /// Nothing changes: there is no such device, it cannot be so, or the engine is stopping.
    pub fn person(
        &mut self,
        now: Timestamp,
        key: &DeviceKey,
        fields: &Fields,
        out: &mut Vec<DeviceOut>,
    ) -> Result<PersonsWord, PersonRefused> {
        self.due(now, out);
        self.now = now;
        let said = self.persons_word(key, fields, out);
        let done = said.as_ref().map(|_| ()).map_err(Clone::clone);
        self.account(done, &Requester::Person, &key.to_string(), out);
        self.deadline = self.earliest();
        said.map_err(|(why, reason)| match why {
            Why::Stopping => PersonRefused::Stopping(reason),
            _ => PersonRefused::Wrong(reason),
        })
    }

    fn persons_word(
        &mut self,
        key: &DeviceKey,
        fields: &Fields,
        out: &mut Vec<DeviceOut>,
    ) -> Result<PersonsWord, Refusal> {
        let at = self.find(key)?;
        let (mut limited_from, mut forgiven, mut released) = (None, None, false);
        match command::read(fields).map_err(|why| (Why::Malformed, why))? {
            Command::Release => {
                released = self.release(at, &Requester::Person);
                self.refresh(released.then_some(at), out);
            }
            Command::Set { value, lease, reason } => {
                let lease = persons_lease(lease.unwrap_or(PERSONS_LEASE))?;
                let levels = &self.devices[at].levels;
                let level = levels.level_of(&value).map_err(|why| (Why::Malformed, why))?;
                limited_from = levels.resolve(level).ok().and_then(|target| target.clamped_from);
                let fault = self.devices[at].fault.as_ref().map(|fault| fault.text.clone());
                let request = DeviceRequest { device: key.clone(), level, lease: Some(lease), reason };
                self.request(&Requester::Person, PERSONS_PRIORITY, &request, None, out)?;
                // Only now: what is refused leaves the fault as it is.
                if self.forgive(at, out) {
                    forgiven = fault;
                    self.refresh([at], out);
                    self.confirm([at], out);
                }
            }
        }
        let device = &self.devices[at];
        let status = DeviceStatus::of(self.now, device, self.images[device.image].held_back.clone());
        Ok(PersonsWord { now: civil(self.now, self.now.mono), device: status, limited_from, forgiven, released })
    }

    pub(super) fn find(&self, key: &DeviceKey) -> Result<usize, Refusal> {
        self.by_key.get(key).copied().ok_or_else(|| {
            let there = self.devices.iter().filter(|device| !device.ghost);
            let names: Vec<String> = there.map(|device| device.spec.key.to_string()).collect();
            let near = closest(&key.to_string(), names.iter().map(String::as_str));
            let meant = near.map(|near| format!(", did you mean '{near}'?")).unwrap_or_default();
            (Why::UnknownDevice, format!("the channel map has no device '{key}'{meant}"))
        })
    }

    pub(super) fn account(
        &mut self,
        done: Result<(), Refusal>,
        requester: &Requester,
        device: &str,
        out: &mut Vec<DeviceOut>,
    ) {
        self.counts.received += 1;
        let Err((why, reason)) = done else {
            self.counts.accepted += 1;
            return;
        };
        *match why {
            Why::UnknownDevice => &mut self.counts.unknown_device,
            Why::Malformed => &mut self.counts.malformed,
            Why::NotPossible => &mut self.counts.not_possible,
            Why::NotAllowed => &mut self.counts.not_allowed,
            Why::Stopping => &mut self.counts.stopping,
        } += 1;
        out.push(DeviceOut::Refused { device: device.to_owned(), requester: requester.clone(), reason });
    }
}

fn persons_lease(lease: Duration) -> Result<Duration, Refusal> {
    if lease <= PERSONS_LONGEST {
        return Ok(lease);
    }
    let (asked, most) = (format_duration(lease), PERSONS_LONGEST.as_secs() / 3_600);
    Err((Why::Malformed, format!("for is {asked}, at most {most}h: a forgotten request would stand above the rules")))
}

/// How a refusal names the device of a command channel.
pub(super) fn device_named(channel: &str) -> &str {
    channel.strip_prefix("device:command:").unwrap_or(channel)
}

#[cfg(test)]
#[path = "person_tests.rs"]
mod tests;
