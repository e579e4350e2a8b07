//! Devices that do not do what they are told, or that do it without effect: told again, and then at fault, which sends them
//! to their safe state until they are tried again.

use std::time::Duration;

use crate::model::{Mono, Name, Value};

use super::super::confirm::{Confirm, Fault, Verdict};
use super::super::device::{Heard, Switched, Wish};
use super::super::image::Occasion;
use super::{DeviceOut, Guard, Phase};

impl Guard {
    /// Nobody answers at the other end, as in a replay: a feedback that was never heard is not missed.
    pub fn expect_no_answers(&mut self) {
        self.expects_answers = false;
    }

    /// Devices with a feedback that does not agree with what they were told last, in words, and the longest time that one
    /// of them may take.
    #[must_use]
    pub fn unconfirmed(&self) -> (Duration, Vec<String>) {
        let (mut longest, mut words) = (Duration::ZERO, Vec::new());
        for device in self.devices.iter().filter(|device| !device.ghost && device.was_told()) {
            let Some(feedback) = &device.spec.feedback else { continue };
            let told = device.told().map(|told| device.levels.number(told));
            if device.says().zip(told).is_none_or(|(says, told)| (says - told).abs() > feedback.tolerance + 1e-9) {
                longest = longest.max(feedback.within);
                let (key, state) = (&device.spec.key, device.state().0);
                words.push(format!("{key} was told {}, and its feedback says {state}", device.sent_value()));
            }
        }
        (longest, words)
    }

    /// Compares what the devices say with what they were told.
    pub(super) fn confirm(&mut self, devices: impl IntoIterator<Item = usize>, out: &mut Vec<DeviceOut>) {
        if self.phase != Phase::Running {
            return;
        }
        let (mut changed, mut again) = (Vec::new(), Vec::new());
        for at in devices {
            self.devices[at].check_at = None;
            if self.clear_fault(at, out) {
                changed.push(at);
            }
            let why = self.does_not_follow(at, &mut again).or_else(|| self.has_no_effect(at));
            if let Some((text, unheard)) = why {
                let fault = Fault { text, until: Confirm::rests_until(self.now.mono), unheard };
                self.devices[at].check_at = Some(fault.until);
                self.tell_fault(at, Some(&fault.text), out);
                self.devices[at].fault = Some(fault);
                changed.push(at);
            }
        }
        if !changed.is_empty() {
            self.refresh(changed, out);
        }
        // Not before what is at fault has been judged: a neighbour in the same frame has its limits then as well.
        again.into_iter().for_each(|image| self.transmit(image, Occasion::Start, out));
    }

    /// Ends a fault whose time has come: after its rest, or when a silent feedback speaks again.
    fn clear_fault(&mut self, at: usize, out: &mut Vec<DeviceOut>) -> bool {
        let device = &mut self.devices[at];
        let Some(fault) = &device.fault else { return false };
        let speaks = fault.unheard && matches!(device.heard, Heard::Good(_));
        if self.now.mono < fault.until && !speaks {
            device.check_at = Some(fault.until);
            return false;
        }
        self.forgive(at, out)
    }

    /// A person tries again, or it is time to; whether there was a fault.
    pub(super) fn forgive(&mut self, at: usize, out: &mut Vec<DeviceOut>) -> bool {
        let device = &mut self.devices[at];
        let was = device.fault.take().is_some();
        if was {
            device.confirm.forget();
            device.effect = Default::default();
            device.tell_anew(self.now.mono);
            self.tell_fault(at, None, out);
        }
        was
    }

    /// It was told something new: it is looked at when it has had the time to follow, and to have an effect.
    pub(super) fn look_out(&mut self, at: usize) {
        let now = self.now.mono;
        // One that has left the map is not looked at any more.
        if self.devices[at].ghost {
            return;
        }
        // What is read now is what the effect is measured by.
        self.has_no_effect(at);
        let device = &mut self.devices[at];
        let feedback = device.spec.feedback.as_ref().filter(|_| self.expects_answers || device.heard != Heard::Nothing);
        let within = feedback.map(|feedback| now + feedback.within);
        let next = device.timing.next_deadline(now, &device.spec.limits);
        device.recheck = [device.recheck, next].into_iter().flatten().min();
        device.check_at = [device.check_at, within].into_iter().flatten().min();
    }

    /// `again`: the frames that are to be sent once more.
    fn does_not_follow(&mut self, at: usize, again: &mut Vec<usize>) -> Option<(Name, bool)> {
        let device = &mut self.devices[at];
        let feedback = device.spec.feedback.as_ref()?;
        let missed = self.expects_answers || device.heard != Heard::Nothing;
        if device.fault.is_some() || !missed || matches!(device.wish(), Wish::Keep(_)) {
            return None;
        }
        let heard = device.says();
        match device.confirm.judge(self.now.mono, feedback, heard) {
            Verdict::Wait(next) => device.check_at = next,
            Verdict::Again => {
                device.check_at = Some(self.now.mono + feedback.within);
                again.push(device.image);
                self.counts.retried += 1;
            }
            Verdict::Fault => {
                let told = device.sent_value();
                let text = match &device.heard {
                    Heard::Good(value) => format!("told {told}, and its feedback says {value}"),
                    Heard::Bad(why) => format!("told {told}, and its feedback is {why}"),
                    Heard::Nothing => format!("told {told}, and its feedback was never heard"),
                };
                return Some((text.into(), !matches!(device.heard, Heard::Good(_))));
            }
        }
        None
    }

    fn has_no_effect(&mut self, at: usize) -> Option<(Name, bool)> {
        let device = &mut self.devices[at];
        let verify = device.spec.limits.verify.clone().filter(|_| device.fault.is_none())?;
        let numbers = self.readings.numbers(&device.watches);
        match device.effect.judge(self.now.mono, (verify.change, verify.within), numbers) {
            Ok(next) => {
                device.check_at = [device.check_at, next].into_iter().flatten().min();
                None
            }
            Err(moved) => {
                Some((format!("{}, and it has moved by {}", verify.text, Value::Number(moved)).into(), false))
            }
        }
    }

    /// `system:update:device`: a device is at fault, or is not any more.
    fn tell_fault(&mut self, at: usize, fault: Option<&Name>, out: &mut Vec<DeviceOut>) {
        self.counts.faults += u64::from(fault.is_some());
        let device = self.devices[at].spec.key.clone();
        out.push(DeviceOut::Fault { device, fault: fault.cloned() });
    }
}

impl Switched {
    /// The number that its feedback says now.
    pub(super) fn says(&self) -> Option<f64> {
        Some(self.levels.number(self.says_good()?))
    }

    fn sent_value(&self) -> Value {
        self.told().map_or(Value::Null, |told| told.shown.clone())
    }

    /// What it was told counts from now: it has the whole time to follow.
    fn tell_anew(&mut self, now: Mono) {
        if let Some(told) = self.told().cloned() {
            let on = self.levels.is_on(&told);
            self.confirm.told(now, self.levels.number(&told));
            self.effect.told(now, on);
        }
    }
}
