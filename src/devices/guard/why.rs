//! Why a device is as it is: the whole chain from who asks to what it says of itself, as plain data. To ask changes nothing.

use serde::Serialize;

use crate::channels::{Limits, Safe, While};
use crate::model::{DeviceKey, Mono, Name, Timestamp, Value, format_duration};

use super::super::device::{Heard, Switched};
use super::super::ramp;
use super::super::restraint::Restraint;
use super::super::status::{DeviceStatus, RequestStatus};
use super::Guard;

/// Everything about one device, at one moment. Times are in seconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceWhy {
    /// The moment.
    pub now: f64,
    /// As `status` shows it, its requests aside.
    #[serde(flatten)]
    pub status: DeviceStatus,
    /// Whether it stays as it is when nobody asks.
    pub keeps: bool,
    /// What it was told last, or says of itself if it never was told anything.
    pub told: Value,
    /// Each limit of the map, and what it says now.
    pub limits: Vec<LimitWhy>,
    /// How long it has been on or off.
    pub timing: TimingWhy,
    /// The frame that it is told with.
    pub command: CommandWhy,
    /// What it says of itself; `null`: the map gives it no feedback.
    pub feedback: Option<FeedbackWhy>,
    /// The readings that it needs.
    pub needs: Vec<NeedWhy>,
}

/// One limit of the map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LimitWhy {
    /// The map's key for it.
    pub guard: &'static str,
    /// What it says.
    pub text: Name,
    /// Whether it stands in the way now; `null` of one that only shapes numbers, or that is looked at later.
    pub in_force: Option<bool>,
    /// What it has found.
    pub found: Option<Name>,
    /// In force: when it ends by itself.
    pub until: Option<f64>,
    /// Not in force: when it will be, if all goes on as it is.
    pub begins: Option<f64>,
}

/// On or off, and since when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimingWhy {
    /// Whether what it was told is on, as limits mean it.
    pub on: bool,
    /// Since when; `null`: not known.
    pub since: Option<f64>,
    /// When it was switched on within the last hour.
    pub starts: Vec<f64>,
    /// Locked off by `max_on` until then.
    pub locked_until: Option<f64>,
}

/// The command frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommandWhy {
    /// The bus, by its position in the map.
    pub bus: u8,
    /// The identifier.
    pub id: String,
    /// The frame in the map.
    pub frame: Name,
    /// The device's own signal.
    pub signal: Name,
    /// How many devices share the frame.
    pub shared_by: usize,
    /// The bytes that went out last, in hex.
    pub bytes: Option<String>,
    /// When.
    pub sent: Option<f64>,
    /// When they go out again.
    pub next: Option<f64>,
    /// Not on the wire within so many seconds: never sent.
    pub ttl: f64,
}

/// The feedback.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeedbackWhy {
    /// The bus, by its position in the map.
    pub bus: u8,
    /// The identifier.
    pub id: String,
    /// The frame in the map.
    pub frame: Name,
    /// Its signal.
    pub signal: Name,
    /// What it said last; `null`: nothing, or nothing good.
    pub value: Value,
    /// When.
    pub heard: Option<f64>,
    /// Whether that is what it was told; `null`: one of the two is not known.
    pub agrees: Option<bool>,
    /// How far off it may be.
    pub tolerance: f64,
    /// So many seconds it has to follow.
    pub within: f64,
    /// When it is looked at next.
    pub looked_at: Option<f64>,
}

/// One need, with all that is read for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NeedWhy {
    /// As the map writes it.
    pub text: Name,
    /// So many seconds old a reading may be.
    pub fresh: Option<f64>,
    /// Each reading that it is about.
    pub readings: Vec<SeenWhy>,
}

/// One reading.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeenWhy {
    /// The node.
    pub node: Name,
    /// The field.
    pub field: Name,
    /// What was read last; `null`: nothing good.
    pub value: Value,
    /// When; `null`: nothing yet.
    pub at: Option<f64>,
}

impl Guard {
    /// Why a device is as it is.
    ///
    /// # Errors
    /// There is none of that name; which one may be meant.
    pub fn why(&mut self, now: Timestamp, key: &DeviceKey) -> Result<DeviceWhy, String> {
        self.now = now;
        let at = self.find(key).map_err(|(_, why)| why)?;
        let device = &self.devices[at];
        let image = &self.images[device.image];
        let mut status = DeviceStatus::of(self.now, device, image.held_back.clone());
        status.requests = self.ordered(device);
        Ok(DeviceWhy {
            now: self.now.utc.seconds(),
            status,
            keeps: matches!(device.spec.safe, Safe::Keep),
            told: device.told().map_or(Value::Null, |told| told.shown.clone()),
            limits: self.limits(at),
            timing: self.timing(device),
            command: self.command_of(device),
            feedback: self.feedback_of(device),
            needs: self.needs_of(device),
        })
    }

    /// The request in force first, then by priority.
    fn ordered(&self, device: &Switched) -> Vec<RequestStatus> {
        let winner = device.arbiter.winner().map(|held| &held.requester);
        let mut all: Vec<_> = device.held().collect();
        all.sort_by_key(|(held, _)| (Some(&held.requester) != winner, std::cmp::Reverse(held.priority)));
        all.into_iter().map(|(held, level)| RequestStatus::of(self.now, held, level)).collect()
    }

    fn seconds(&self, at: Mono) -> f64 {
        self.moment(at)
    }

    fn moment(&self, at: Mono) -> f64 {
        self.now.civil(at).seconds()
    }

    fn timing(&self, device: &Switched) -> TimingWhy {
        let timing = &device.timing;
        TimingWhy {
            on: device.is_on(),
            since: timing.known.then(|| self.moment(timing.since)),
            starts: timing.starts_within_the_hour(self.now.mono).map(|start| self.moment(start)).collect(),
            locked_until: timing.locked_until.filter(|end| self.now.mono < *end).map(|end| self.moment(end)),
        }
    }

    fn command_of(&self, device: &Switched) -> CommandWhy {
        let (command, image) = (&device.spec.command, &self.images[device.image]);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ");
        CommandWhy {
            bus: command.bus.0,
            id: command.id.to_string(),
            frame: command.frame.name.clone(),
            signal: command.signal().name.clone(),
            shared_by: image.members.len(),
            bytes: image.bytes().map(hex),
            sent: image.sent_at.map(|at| self.seconds(at)),
            next: image.next.map(|at| self.seconds(at)),
            ttl: device.spec.ttl.as_secs_f64(),
        }
    }

    fn feedback_of(&self, device: &Switched) -> Option<FeedbackWhy> {
        let feedback = device.spec.feedback.as_ref()?;
        let told = device.told().filter(|_| device.heard != Heard::Nothing).map(|told| device.levels.number(told));
        let agrees = device.says().zip(told).map(|(says, told)| (says - told).abs() <= feedback.tolerance + 1e-9);
        Some(FeedbackWhy {
            bus: feedback.bus.0,
            id: feedback.id.to_string(),
            frame: feedback.frame.name.clone(),
            signal: feedback.frame.signals[feedback.signal].name.clone(),
            value: device.state().0,
            heard: device.heard_at.map(|at| self.seconds(at)),
            agrees,
            tolerance: feedback.tolerance,
            within: feedback.within.as_secs_f64(),
            looked_at: device.check_at.filter(|_| device.fault.is_none()).map(|at| self.seconds(at)),
        })
    }

    fn needs_of(&self, device: &Switched) -> Vec<NeedWhy> {
        let all = device.spec.limits.needs.iter().zip(&device.watches.needs);
        let need = all.map(|(need, positions)| NeedWhy {
            text: need.text.clone(),
            fresh: need.fresh.map(|fresh| fresh.as_secs_f64()),
            readings: need
                .readings
                .iter()
                .zip(self.readings.last(positions))
                .map(|(watched, (value, at))| SeenWhy {
                    node: watched.node.clone(),
                    field: watched.field.clone(),
                    value: value.cloned().unwrap_or_default(),
                    at: (at != Mono::default()).then(|| self.seconds(at)),
                })
                .collect(),
        });
        need.collect()
    }

    fn limits(&self, at: usize) -> Vec<LimitWhy> {
        let mut all = self.timed(at);
        all.extend(self.related(at));
        let device = &self.devices[at];
        for (need, positions) in device.spec.limits.needs.iter().zip(&device.watches.needs) {
            let (why, _) = self.readings.unmet(self.now.mono, need, positions);
            let found = why.as_ref().map(|why| why.text.clone());
            all.push(LimitWhy { found, ..self.limit("needs", need.text.clone(), Some(why)) });
        }
        let limits = &device.spec.limits;
        if let Some((low, high)) = limits.range {
            all.push(self.limit("range", format!("{low} to {high}"), None));
        }
        if let Some(per_second) = limits.ramp {
            let why = device.permit.as_ref().map(|permit| &permit.why).filter(|why| why.guard == "ramp").cloned();
            all.push(self.limit("ramp", ramp::in_words(per_second), Some(why)));
        }
        if let Some(verify) = &limits.verify {
            let begins = device.effect.is_owed_since().map(|since| self.seconds(since + verify.within));
            all.push(LimitWhy { begins, ..self.limit("verify", verify.text.clone(), None) });
        }
        all
    }

    fn limit(&self, guard: &'static str, text: impl Into<Name>, why: Option<Option<Restraint>>) -> LimitWhy {
        let until = why.as_ref().and_then(|why| why.as_ref()?.until).map(|until| self.seconds(until));
        let in_force = why.map(|why| why.is_some());
        LimitWhy { guard, text: text.into(), in_force, found: None, until, begins: None }
    }

    /// Limits that look at the clock, each for itself.
    fn timed(&self, at: usize) -> Vec<LimitWhy> {
        let (device, now) = (&self.devices[at], self.now.mono);
        let (timing, limits) = (&device.timing, &device.spec.limits);
        let mut all = Vec::new();
        if !limits.min_on.is_zero() {
            let text = format!("on for at least {}", format_duration(limits.min_on));
            all.push(self.limit("min_on", text, Some(timing.stays_on(now, limits))));
        }
        let alone = |guard: &str, limits: Limits| {
            timing.stays_off(now, &limits, self.last_start(at)).filter(|why| why.guard == guard && !timing.on)
        };
        if !limits.min_off.is_zero() {
            let text = format!("off for at least {}", format_duration(limits.min_off));
            let why = alone("min_off", Limits { min_off: limits.min_off, ..Limits::default() });
            all.push(self.limit("min_off", text, Some(why)));
        }
        if let Some(max) = limits.max_on {
            let (time, lockout) = (format_duration(max.time), format_duration(max.lockout));
            let text = format!("on for at most {time}, then off for {lockout}");
            let begins = timing.on.then(|| self.moment(timing.since + max.time));
            all.push(LimitWhy { begins, ..self.limit("max_on", text, Some(timing.clone().lockout(now, limits))) });
        }
        if let Some(most) = limits.max_starts_per_hour {
            let why = alone("max_starts_per_hour", Limits { max_starts_per_hour: Some(most), ..Limits::default() });
            let found = Some(format!("{} of {most}", timing.starts_within_the_hour(now).count()).into());
            let text = format!("switched on at most {most} times within an hour");
            all.push(LimitWhy { found, ..self.limit("max_starts_per_hour", text, Some(why)) });
        }
        if !limits.stagger.is_zero() {
            let text = format!("not within {} of another device's start", format_duration(limits.stagger));
            let why = alone("stagger", Limits { stagger: limits.stagger, ..Limits::default() });
            all.push(self.limit("stagger", text, Some(why)));
        }
        if let Some(why) = alone("settle", Limits::default()) {
            all.push(self.limit("settle", why.text.clone(), Some(Some(why))));
        }
        all
    }

    /// Limits that look at other devices.
    fn related(&self, at: usize) -> Vec<LimitWhy> {
        let limits = &self.devices[at].spec.limits;
        let holds =
            |one: &While, in_the_way| self.views(one, &[], &mut None).is_none_or(|views| views.contains(&in_the_way));
        let one = |guard, one: &While, in_the_way| LimitWhy {
            in_force: Some(holds(one, in_the_way)),
            found: Some(self.known_of(&one.device)),
            ..self.limit(guard, one.text.clone(), None)
        };
        let mut all: Vec<LimitWhy> = limits.forbid_while.iter().map(|other| one("forbid_while", other, true)).collect();
        all.extend(limits.only_while.iter().map(|other| one("only_while", other, false)));
        for group in &limits.interlocks {
            let others = self.group(group).filter(|other| *other != at);
            let on: Vec<usize> = others.filter(|other| self.may_be_on(*other, &mut None)).collect();
            let names: Vec<String> = on.iter().map(|&other| self.devices[other].spec.key.to_string()).collect();
            let permit = self.devices[at].permit.as_ref().filter(|permit| permit.why.guard == "interlock");
            let found = match (names.is_empty(), permit) {
                (false, _) => Some(format!("on, or may be: {}", names.join(", ")).into()),
                (true, permit) => permit.map(|permit| permit.why.text.clone()),
            };
            let in_force = Some(found.is_some());
            all.push(LimitWhy { in_force, found, ..self.limit("interlock", group.clone(), None) });
        }
        all
    }

    /// What is known of another device, in words.
    fn known_of(&self, key: &DeviceKey) -> Name {
        let Some(device) = self.by_key.get(key).map(|&at| &self.devices[at]) else { return "it is not there".into() };
        let mut known: Vec<String> = Vec::new();
        for target in device.may_be(self.now.mono, &mut None) {
            let shown = target.shown.to_string();
            if !known.contains(&shown) {
                known.push(shown);
            }
        }
        match known.as_slice() {
            [] => "nothing is known of it".into(),
            known => format!("it is {}", known.join(", or still ")).into(),
        }
    }
}
