//! The last station before the bus: every request on a device passes here, the strongest is drawn into the frame that
//! the device shares with others, and nobody asking means `safe`. Pure; the shell sends the frames within their `ttl`.

mod absent;
mod event;
mod faults;
mod hearing;
mod judge;
mod reload;
mod requests;
mod saved;
mod why;

use std::time::Duration;

use hashbrown::HashMap;

use crate::can::{BusId, CanId};
use crate::channels::ChannelMap;
use crate::model::{CommandsFrom, DeviceKey, Mono, Name, Reading, Requester, Timestamp};

use super::device::Switched;
use super::image::{Image, Occasion};
use super::readings::Readings;
use super::status::{DeviceStatus, GuardCounts, Hold};
use super::update::Names;
use absent::Absent;
use judge::Company;

pub use event::{DeviceOut, GuardEvent};
pub use why::{CommandWhy, DeviceWhy, FeedbackWhy, LimitWhy, NeedWhy, SeenWhy, TimingWhy};

/// Priority of a person's request.
pub const PERSONS_PRIORITY: u8 = 70;
/// How long a person's request holds that says nothing of it.
pub const PERSONS_LEASE: Duration = Duration::from_secs(3_600);
/// How long one may hold at most: it stands above the rules, and who has forgotten it does not see that they are silent.
pub const PERSONS_LONGEST: Duration = Duration::from_secs(24 * 3_600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Gathering,
    Running,
    Stopped,
}

/// All devices of a site.
#[derive(Debug)]
pub struct Guard {
    devices: Vec<Switched>,
    images: Vec<Image>,
    by_key: HashMap<DeviceKey, usize>,
    /// By `device:update:<room>:<device>`.
    by_channel: HashMap<Name, usize>,
    absent: Absent,
    /// The nodes' readings that limits look at.
    readings: Readings,
    /// Devices that have to do with each other.
    companies: Vec<Company>,
    /// Which clients are heard.
    commands_from: CommandsFrom,
    /// `false`: where nobody answers, a feedback that was never heard is not missed.
    expects_answers: bool,
    names: Names,
    phase: Phase,
    now: Timestamp,
    /// The clocks by which what was saved has its civil times.
    saved_by: Option<Timestamp>,
    deadline: Option<Mono>,
    counts: GuardCounts,
    /// Devices that wait to be drawn anew, while requests that belong together come in.
    held: Option<Vec<usize>>,
}

impl Guard {
    /// Nobody asks yet, and nothing is sent before [`GuardEvent::Start`].
    #[must_use]
    pub fn new(map: &ChannelMap, now: Timestamp) -> Guard {
        let mut guard = Guard {
            devices: Vec::with_capacity(map.devices.len()),
            images: Vec::new(),
            by_key: HashMap::new(),
            by_channel: HashMap::new(),
            absent: Absent::default(),
            readings: Readings::default(),
            companies: Vec::new(),
            commands_from: CommandsFrom::All,
            expects_answers: true,
            names: Names::default(),
            phase: Phase::Gathering,
            now,
            saved_by: None,
            deadline: None,
            counts: GuardCounts::default(),
            held: None,
        };
        for spec in &map.devices {
            let (at, bus, id) = (guard.devices.len(), spec.command.bus, spec.command.id);
            let image = guard.images.iter().position(|image| image.bus == bus && image.id == id).unwrap_or_else(|| {
                guard.images.push(Image::new(bus, id));
                guard.images.len() - 1
            });
            let device = Switched::new(spec.clone(), image);
            guard.images[image].add(at, &device);
            guard.by_key.insert(spec.key.clone(), at);
            guard.by_channel.insert(spec.channel.clone(), at);
            guard.devices.push(device);
        }
        let (readings, watches) = Readings::new(map);
        guard.readings = readings;
        guard.devices.iter_mut().zip(watches).for_each(|(device, watches)| device.watches = watches);
        guard.keep_company();
        guard
    }

    /// Handles one event; what was due before it happens first.
    pub fn step(&mut self, now: Timestamp, event: GuardEvent<'_>, out: &mut Vec<DeviceOut>) {
        self.due(now, out);
        self.now = now;
        match event {
            GuardEvent::Request { requester, priority, request, revision } => {
                let done = self.request(&requester, priority, request, revision, out);
                self.account(done, &requester, &request.device.to_string(), out);
            }
            GuardEvent::Command(message) => {
                let done = self.command(message, out);
                self.account(done, &Requester::Client, requests::device_named(&message.channel), out);
            }
            GuardEvent::Release { requester, device } => {
                self.counts.released += self.absent.release(requester, device) as u64;
                let touched = self.by_key.get(device).copied().filter(|&at| self.release(at, requester));
                self.refresh(touched, out);
            }
            GuardEvent::ReleaseAll { requester } => {
                self.counts.released += self.absent.release_all(requester) as u64;
                let touched: Vec<usize> = (0..self.devices.len()).filter(|&at| self.release(at, requester)).collect();
                self.refresh(touched, out);
            }
            GuardEvent::Reading(reading) => self.reading(reading, out),
            GuardEvent::Connected(bus) => self.connected(bus, None, out),
            GuardEvent::Expired(bus, id) => self.connected(bus, Some(id), out),
            GuardEvent::Start => self.start(out),
            GuardEvent::Stop => self.stop(out),
        }
        self.deadline = self.earliest();
    }

    /// From here to [`Guard::release_held`], requests are taken, and nothing goes out: of what happens at one moment, the
    /// devices see the net effect. What was due before it happens first. `false` if it holds already, for whoever began.
    pub fn hold(&mut self, now: Timestamp, out: &mut Vec<DeviceOut>) -> bool {
        if self.held.is_some() {
            return false;
        }
        self.due(now, out);
        self.held = Some(Vec::new());
        true
    }

    /// Sends what the requests since [`Guard::hold`] come to.
    pub fn release_held(&mut self, now: Timestamp, out: &mut Vec<DeviceOut>) {
        self.now = now;
        let touched = self.held.take().unwrap_or_default();
        self.refresh(touched, out);
        self.deadline = self.earliest();
    }

    /// Ends the leases and repeats the frames that are due at `now`.
    pub fn due(&mut self, now: Timestamp, out: &mut Vec<DeviceOut>) {
        if self.deadline.is_none_or(|deadline| deadline > now.mono) {
            return;
        }
        debug_assert!(self.held.is_none(), "what is due goes out before a moment begins, and not within it");
        self.now = now;
        self.counts.expired += self.absent.advance(now.mono) as u64;
        let mut ended = Vec::new();
        for (at, device) in self.devices.iter_mut().enumerate() {
            let count = device.arbiter.advance(now.mono);
            self.counts.expired += count as u64;
            if count > 0 {
                ended.push(at);
            }
        }
        for (at, device) in self.devices.iter_mut().enumerate() {
            // Whatever comes of it: what stays due would be due for ever.
            if device.recheck.take_if(|recheck| *recheck <= now.mono).is_some() {
                ended.push(at);
            }
        }
        self.refresh(ended, out);
        let is_due = |at: Option<Mono>| at.is_some_and(|at| at <= now.mono);
        let checked = (0..self.devices.len()).filter(|&at| is_due(self.devices[at].check_at));
        self.confirm(checked.collect::<Vec<_>>(), out);
        for image in &mut self.images {
            if let Some((frame, ttl)) = image.repeat(now, &self.devices) {
                self.counts.repeated += 1;
                out.push(DeviceOut::Transmit { frame, ttl });
            }
        }
        self.deadline = self.earliest();
    }

    /// When [`Guard::due`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.deadline
    }

    /// The account so far.
    #[must_use]
    pub fn counts(&self) -> GuardCounts {
        self.counts
    }

    /// Every device as it stands, in the order of the map.
    #[must_use]
    pub fn status(&self) -> Vec<DeviceStatus> {
        let held_back = |device: &Switched| self.images[device.image].held_back.clone();
        self.devices
            .iter()
            .filter(|device| !device.ghost)
            .map(|device| DeviceStatus::of(self.now, device, held_back(device)))
            .collect()
    }

    /// The requests of a rule's instances, in the order of the map.
    #[must_use]
    pub fn holds(&self, rule: &str) -> Vec<Hold> {
        let of = |device: &Switched| Hold::of(self.now, device, rule, self.images[device.image].held_back.as_deref());
        self.devices.iter().flat_map(of).collect()
    }

    /// Whether there was a request to end.
    fn release(&mut self, at: usize, requester: &Requester) -> bool {
        let was = self.devices[at].arbiter.release(requester);
        self.counts.released += u64::from(was);
        was
    }

    /// Tells the devices of a bus, or of one frame, where they belong, whether they have been told or not.
    fn connected(&mut self, bus: BusId, only: Option<CanId>, out: &mut Vec<DeviceOut>) {
        for image in 0..self.images.len() {
            if self.images[image].bus == bus && only.is_none_or(|id| self.images[image].id == id) {
                self.transmit(image, Occasion::Start, out);
                self.say_changes(image, out);
            }
        }
    }

    fn start(&mut self, out: &mut Vec<DeviceOut>) {
        if self.phase != Phase::Gathering {
            return;
        }
        self.phase = Phase::Running;
        for device in &mut self.devices {
            device.timing.begin(self.now.mono, device.keeps());
        }
        self.judge(&(0..self.devices.len()).collect::<Vec<_>>());
        for image in 0..self.images.len() {
            self.transmit(image, Occasion::Start, out);
            self.say_changes(image, out);
        }
    }

    fn stop(&mut self, out: &mut Vec<DeviceOut>) {
        if self.phase == Phase::Stopped {
            return;
        }
        let started = self.phase == Phase::Running;
        self.counts.released += self.absent.clear() as u64;
        for device in &mut self.devices {
            // The last word is the safe state, at once: nobody is there to see to a limit any more.
            (device.permit, device.fault, device.recheck, device.check_at) = (None, None, None, None);
            self.counts.released += device.arbiter.clear() as u64;
        }
        for image in 0..self.images.len() {
            if started {
                self.transmit(image, Occasion::LastWord, out);
            }
            self.images[image].rest();
            self.say_changes(image, out);
        }
        self.devices.iter_mut().for_each(|device| device.check_at = None);
        self.phase = Phase::Stopped;
    }

    /// Draws the images of the devices anew, each once, and says what changed.
    fn refresh(&mut self, devices: impl IntoIterator<Item = usize>, out: &mut Vec<DeviceOut>) {
        if let Some(held) = &mut self.held {
            return held.extend(devices);
        }
        let mut touched: Vec<usize> = devices.into_iter().collect();
        if self.phase == Phase::Running && !touched.is_empty() {
            touched.extend(self.waiting_beside(&touched));
            touched.extend(self.judge(&touched));
        }
        let mut images: Vec<usize> = touched.iter().map(|&at| self.devices[at].image).collect();
        images.sort_unstable();
        images.dedup();
        for image in images {
            self.transmit(image, Occasion::Change, out);
            self.say_changes(image, out);
        }
    }

    /// The devices of frames that could not be sent so far: what was decided about them is of an earlier moment.
    fn waiting_beside(&self, touched: &[usize]) -> Vec<usize> {
        let images = touched.iter().map(|&at| &self.images[self.devices[at].image]);
        images.filter(|image| image.held_back.is_some()).flat_map(|image| image.members.iter().copied()).collect()
    }

    fn transmit(&mut self, image: usize, occasion: Occasion, out: &mut Vec<DeviceOut>) {
        if self.phase != Phase::Running {
            return;
        }
        if let Some((frame, ttl)) = self.images[image].refresh(self.now, &mut self.devices, occasion) {
            self.counts.sent += 1;
            out.push(DeviceOut::Transmit { frame, ttl });
        }
        let moved = std::mem::take(&mut self.images[image].moved);
        if !moved.is_empty() {
            self.wake_company(&moved);
            moved.into_iter().for_each(|at| self.look_out(at));
        }
    }

    fn say_changes(&mut self, image: usize, out: &mut Vec<DeviceOut>) {
        if self.phase == Phase::Gathering {
            return;
        }
        for i in 0..self.images[image].members.len() {
            let at = self.images[image].members[i];
            let device = &self.devices[at];
            if device.said.as_ref() != Some(&device.word()) {
                self.say(at, None, out);
            }
        }
    }

    fn say(&mut self, at: usize, reading: Option<&Reading>, out: &mut Vec<DeviceOut>) {
        let word = self.devices[at].word();
        let message = self.names.message(self.now, &self.devices[at], &word, reading);
        self.devices[at].said = Some(word);
        self.counts.updates += 1;
        out.push(DeviceOut::Update(message));
    }

    fn earliest(&self) -> Option<Mono> {
        let leases = self.devices.iter().filter_map(|device| device.arbiter.next_deadline());
        let devices = self.devices.iter().flat_map(|device| [device.recheck, device.check_at]).flatten();
        leases
            .chain(devices)
            .chain(self.images.iter().filter_map(|image| image.next))
            .chain(self.absent.next_deadline())
            .min()
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "guard/limits_tests.rs"]
mod limits_tests;

#[cfg(test)]
#[path = "guard/found_tests.rs"]
mod found_tests;

#[cfg(test)]
#[path = "guard/faults_tests.rs"]
mod faults_tests;

#[cfg(test)]
#[path = "guard_model_tests.rs"]
mod model_tests;
