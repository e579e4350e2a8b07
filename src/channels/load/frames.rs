//! Frames: their signals side by side, which of them are published, and when a source of them is stale.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::can::CanId;
use crate::files::Spanned;
use crate::model::{Name, format_duration, parse_duration};

use super::super::codec::{Signal, When};
use super::super::map::FrameLayout;
use super::super::spec::{FrameSpec, MapSpec};
use super::STALE_AFTER;
use super::check::Check;
use super::databases::Databases;
use super::fields::MOST_PARTS;
use super::publish::Publish;
use super::signals;
use super::when::Chooser;

/// Cycles without a frame after which a source is stale, where neither the site nor the frame says anything.
pub(super) const CYCLES: f64 = 3.0;
/// What CAN FD can send beyond 8 bytes.
const FD_LENGTHS: [u64; 7] = [12, 16, 20, 24, 32, 48, 64];

/// The frames of the map by name, and those that it takes from databases.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    entries: Vec<FrameEntry>,
    databases: Databases<'a>,
}

/// One frame, its good signals only.
#[derive(Debug)]
pub(super) struct FrameEntry {
    pub(super) layout: Arc<FrameLayout>,
    /// Beside `FrameLayout::signals`: whether messages have the signal.
    pub(super) published: Vec<bool>,
    /// A source of this frame is stale after this.
    pub(super) stale_after: Duration,
    /// Signals of one of its parts are.
    pub(super) part_stale_after: Duration,
    /// The identifier that a database gives it.
    pub(super) id: Option<CanId>,
    /// Signals with faults of their own, which are reported.
    pub(super) faulty: Vec<Name>,
    /// It is of a database: the names of its signals were not checked.
    pub(super) foreign: bool,
}

/// What the site says for frames that say nothing themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    pub(super) publish: Publish,
    pub(super) stale: Option<Stale>,
}

impl FrameEntry {
    /// Finds a signal by name, reporting one that does not exist. `None` also for one with a fault of its own.
    pub(super) fn signal(&self, check: &mut Check, name: &Spanned<String>) -> Option<usize> {
        let found = self.layout.signal(name);
        if found.is_none() && !self.faulty.iter().any(|faulty| **faulty == *name.value) {
            let message = format!("the frame {} has no signal '{}'", self.layout.name, name.value);
            let names = self.layout.signals.iter().map(|signal| &*signal.name);
            check.unknown(name, message).did_you_mean(name, names.chain(self.faulty.iter().map(|name| &**name)));
        }
        found
    }

    /// The signals that choose others of this frame.
    pub(super) fn multiplexers(&self) -> impl Iterator<Item = &str> {
        let signals = &self.layout.signals;
        let chooses = |at: &usize| signals.iter().any(|signal| signal.when.iter().any(|when| when.multiplexer == *at));
        (0..signals.len()).filter(chooses).map(|at| &*signals[at].name)
    }
}

impl<'a> Frames<'a> {
    /// Reads all frames, reporting their faults.
    pub(super) fn read(check: &mut Check, spec: &'a MapSpec, read: super::ReadDatabase<'_>) -> Frames<'a> {
        let defaults = &spec.defaults;
        let site = Publish::default().within(check, defaults.publish.as_ref());
        let stale = defaults.stale_after.as_ref().and_then(|text| stale_after(check, text));
        let site = Site { publish: site, stale };
        let entries = spec.frames.iter().map(|(name, frame)| entry(check, name, frame, site)).collect();
        Frames { entries, databases: Databases::read(check, spec, site, read) }
    }

    /// Finds a frame by name, reporting one that does not exist. `None` also where what it stands for has faults.
    pub(super) fn find(&self, check: &mut Check, name: &Spanned<String>) -> Option<&FrameEntry> {
        if let Some(entry) = self.entries.iter().find(|entry| *entry.layout.name == *name.value) {
            return Some(entry);
        }
        if let Some((database, message)) = name.split_once('.') {
            return self.databases.find(check, name, database, message);
        }
        let names = self.entries.iter().map(|entry| &*entry.layout.name);
        check.unknown(name, format!("there is no frame '{}'", name.value)).did_you_mean(name, names);
        None
    }
}

fn entry(check: &mut Check, name: &Spanned<String>, spec: &FrameSpec, site: Site) -> FrameEntry {
    if name.trim().is_empty() || name.contains('.') {
        let why = if name.contains('.') { "`.` separates a database and its frame" } else { "it is empty" };
        check.error(name.place, format!("a frame cannot be called '{}': {why}", name.value));
    }
    check_length(check, name, spec);
    let own = site.publish.within(check, spec.publish.as_ref());
    let chooser = Chooser::new(check, spec);
    let (mut signals, mut published, mut faulty) = (Vec::new(), Vec::new(), Vec::new());
    for (signal_name, signal) in &spec.signals {
        let publish = own.of_signal(check, signal);
        match signals::signal(check, signal_name, signal, signal.place, spec.length.value) {
            Some(good) => {
                signals.push(Signal { policy: publish.policy, ..good });
                published.push(!publish.never);
            }
            None => faulty.push(Name::from(signal_name.as_str())),
        }
    }
    chooser.apply(&mut signals);
    super::overlap::check(check, spec, &signals);
    let cycle = cycle(check, spec);
    let stale = spec.stale_after.as_ref().and_then(|text| {
        let stale = stale_after(check, text);
        if let (Some(Stale::Cycles(_)), None) = (stale, &spec.cycle) {
            let message = format!("'{}' has no length: the frame {} has no `cycle`", text.value, name.value);
            check.lacking(text.place, &["cycle"], message).help("say how often nodes send it: `cycle: 2s`");
        }
        stale
    });
    let stale = stale.or(site.stale).unwrap_or(Stale::Cycles(CYCLES));
    if let (Stale::Time(time), Some(cycle), Some(spec)) = (stale, cycle, &spec.cycle)
        && time <= cycle
    {
        let (time, cycle) = (format_duration(time), format_duration(cycle));
        let message = format!("nodes send {} every {cycle} and would be stale after {time}", name.value);
        check.error(spec.place, message).help("give the frame a longer `stale_after`, such as `3 cycles`");
    }
    let length = u8::try_from(spec.length.value).unwrap_or(64);
    let part_stale_after = stale.of_part(cycle, &signals);
    let layout = Arc::new(FrameLayout { name: Name::from(name.as_str()), length, cycle, signals });
    FrameEntry { layout, published, stale_after: stale.of(cycle), part_stale_after, id: None, faulty, foreign: false }
}

fn check_length(check: &mut Check, name: &Spanned<String>, spec: &FrameSpec) {
    let (length, place) = (spec.length.value, spec.length.place);
    if length > 64 {
        check.error(place, format!("no frame has {length} bytes: CAN has up to 8, CAN FD up to 64"));
    } else if length == 0 {
        check.error(place, "a frame of 0 bytes carries no signals");
    } else if length > 8 && !FD_LENGTHS.contains(&length) {
        let next = FD_LENGTHS.iter().find(|fits| **fits > length).unwrap_or(&64);
        check
            .error(place, format!("no CAN FD frame has {length} bytes"))
            .help(format!("the next longer one has {next}"));
    }
    if spec.signals.is_empty() {
        check.unfit(name.place, format!("the frame {} has no signals", name.value));
    }
}

fn cycle(check: &mut Check, spec: &FrameSpec) -> Option<Duration> {
    let cycle = spec.cycle.as_ref()?;
    if cycle.0.is_zero() {
        check.error(cycle.place, "a cycle of 0 s is none: leave it out if nodes send when they like");
        return None;
    }
    Some(cycle.0)
}

/// What `stale_after` says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stale {
    Cycles(f64),
    Time(Duration),
}

impl Stale {
    pub(super) fn of(self, cycle: Option<Duration>) -> Duration {
        match (self, cycle) {
            (Stale::Time(time), _) => time,
            // Saturates rather than panics: a cycle of a century times a million is beyond any map, but is allowed.
            (Stale::Cycles(count), Some(cycle)) => {
                Duration::try_from_secs_f64(cycle.as_secs_f64() * count).unwrap_or(Duration::MAX)
            }
            (Stale::Cycles(_), None) => STALE_AFTER,
        }
    }

    /// The same of one part of a multiplexed frame. A node sends its parts in turn, one a cycle: cycles are rounds, and
    /// a time is not over before a round and one frame more.
    pub(super) fn of_part(self, cycle: Option<Duration>, signals: &[Signal]) -> Duration {
        let parts = parts(signals).max(1);
        match (self, cycle) {
            (Stale::Time(time), Some(cycle)) if parts > 1 => time.max(cycle.saturating_mul(parts.saturating_add(1))),
            (Stale::Time(time), _) => time,
            (Stale::Cycles(_), _) => self.of(cycle).saturating_mul(parts),
        }
    }
}

/// How many frames a round of all parts has: the raw values that choose by any multiplexer; a range of more than
/// [`MOST_PARTS`] is one of which a node sends few.
fn parts(signals: &[Signal]) -> u32 {
    let mut by: BTreeMap<usize, BTreeSet<(u64, u64)>> = BTreeMap::new();
    for when in signals.iter().flat_map(|signal| &signal.when) {
        by.entry(when.multiplexer).or_default().extend(when.values.iter().copied());
    }
    let count = |(multiplexer, values): (usize, BTreeSet<(u64, u64)>)| {
        let (wide, narrow): (Vec<_>, Vec<_>) = values.into_iter().partition(|(from, to)| to - from >= MOST_PARTS);
        let narrow = When::new(multiplexer, signals[multiplexer].layout, narrow).count();
        wide.len() as u64 + narrow
    };
    u32::try_from(by.into_iter().map(count).sum::<u64>()).unwrap_or(u32::MAX)
}

fn stale_after(check: &mut Check, text: &Spanned<String>) -> Option<Stale> {
    let count = text.trim().strip_suffix('s').unwrap_or(text.trim()).strip_suffix("cycle").map(str::trim);
    let help = "write `3 cycles`, or a duration such as 30s";
    match (count.map(str::parse::<f64>), parse_duration(text)) {
        (Some(Ok(count)), _) if count.is_finite() && count > 1.0 => return Some(Stale::Cycles(count)),
        (Some(Ok(_)), _) => {
            let message = format!("'{}' is no time to become stale: the next frame comes after one cycle", text.value);
            check.error(text.place, message).help(help);
        }
        (Some(Err(_)), _) | (None, Err(_)) => {
            check.error(text.place, format!("'{}' is no time to become stale", text.value)).help(help);
        }
        (None, Ok(time)) if time.is_zero() => {
            check.error(text.place, format!("stale after {} is always stale", format_duration(time))).help(help);
        }
        (None, Ok(time)) => return Some(Stale::Time(time)),
    }
    None
}
