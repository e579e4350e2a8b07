//! What is kept of one instance over a restart, as JSON. Times are spans before or after the moment of writing: the
//! monotonic clock ends with the process, and how long the engine was away the civil clock says.

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{DeviceKey, DeviceRequest, Fields, Level, Mono, Name, Timestamp, Utc};

use super::Rule;
use super::instance::Wanted;
use super::ticks::BELIEVABLE;

/// Of this form.
const VERSION: u32 = 1;
/// So many beginnings are kept, the newest; `runs` counts no more of those before a restart.
pub(super) const MOST_RUNS: usize = 1_000;
/// So many requests of an instance are kept.
const MOST_REQUESTS: usize = 64;
/// A longer row is not written.
const MOST_BYTES: usize = 64 << 10;
/// What nobody asks for any more is deleted after this.
const FORGOTTEN: Duration = Duration::from_secs(31 * 86_400);

/// One instance.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    v: u32,
    /// When it was written, in nanoseconds since 1970.
    at: i64,
    /// Of what the rule does.
    pub(super) print: String,
    pub(super) per: String,
    /// The channel that the instance was made for, and whether the map asked for it.
    pub(super) channel: Name,
    pub(super) mapped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) episode: Option<KeptEpisode>,
    /// What its episode asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) requests: Vec<KeptRequest>,
    /// What `finally` has asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parting: Vec<KeptRequest>,
    /// How long it rests yet, in nanoseconds.
    #[serde(default)]
    pub(super) rests: u64,
    /// How long ago its episodes began, in nanoseconds, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) runs: Vec<u64>,
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub(super) state: Fields,
    /// The first values of `state`: their types decide what survives an edit.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub(super) first: Fields,
}

/// An episode, or the time since which a rule without `when` is at work.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptEpisode {
    /// How long ago it began, in nanoseconds.
    pub(super) since: u64,
    /// `then` has not succeeded yet.
    pub(super) owed: bool,
    /// Of a latch.
    pub(super) latch: bool,
}

/// A request for a device.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptRequest {
    room: Name,
    device: Name,
    to: KeptLevel,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Name>,
    /// What is left of its lease, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeptLevel {
    On,
    Off,
    At(f64),
}

impl Kept {
    /// Nothing yet, of an instance of a rule.
    pub(super) fn new(now: Utc, print: String, per: String, channel: Name, mapped: bool) -> Kept {
        Kept {
            v: VERSION,
            at: now.0,
            print,
            per,
            channel,
            mapped,
            episode: None,
            requests: Vec::new(),
            parting: Vec::new(),
            rests: 0,
            runs: Vec::new(),
            state: Fields::default(),
            first: Fields::default(),
        }
    }

    /// Whether it says no more than an instance that is new.
    pub(super) fn is_nothing(&self) -> bool {
        let asks = !self.requests.is_empty() || !self.parting.is_empty();
        self.episode.is_none() && !asks && self.rests == 0 && self.runs.is_empty() && self.state == self.first
    }

    /// As text.
    ///
    /// # Errors
    /// Says why it cannot be kept.
    pub(super) fn write(&self) -> Result<String, String> {
        let text = serde_json::to_string(self).map_err(|error| error.to_string())?;
        if text.len() > MOST_BYTES {
            return Err(format!("more than {MOST_BYTES} bytes are too many to keep"));
        }
        Ok(text)
    }

    /// From text, with the time since it was written counted in.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn read(text: &str, away: Absence) -> Result<Kept, String> {
        let mut kept: Kept = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if kept.v != VERSION {
            return Err(format!("it is of version {}, and this one reads version {VERSION}", kept.v));
        }
        kept.pass(away.since(Utc(kept.at)));
        Ok(kept)
    }

    /// Whether it is so old that nobody will ask for it any more.
    pub(super) fn is_forgotten(&self, now: Utc) -> bool {
        now >= Utc(self.at) + FORGOTTEN
    }

    /// Time goes by.
    pub(super) fn pass(&mut self, pause: Duration) {
        let pause = nanos(pause);
        let older = |age: &mut u64| *age = age.saturating_add(pause);
        self.episode.iter_mut().for_each(|episode| older(&mut episode.since));
        self.runs.iter_mut().for_each(older);
        self.rests = self.rests.saturating_sub(pause);
        for requests in [&mut self.requests, &mut self.parting] {
            requests.iter_mut().for_each(|request| {
                request.left = request.left.map(|left| left.saturating_sub(pause));
            });
            requests.retain(|request| request.left != Some(0));
        }
        let pause = i64::try_from(pause).unwrap_or(i64::MAX);
        super::functions::shift_loops(&mut self.state, |age| age.saturating_add(pause));
    }
}

/// Since when the engine was away, as far as the civil clock can say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Absence {
    /// The last sign of life.
    pub(super) alive: Utc,
    pub(super) now: Utc,
}

impl Absence {
    /// How long ago a moment before it was. A civil clock that went back meanwhile, or that is not set yet, says nothing:
    /// then the engine was away for no time.
    fn since(self, before: Utc) -> Duration {
        let now = match (before < BELIEVABLE, self.alive < BELIEVABLE) {
            (false, _) => self.now.max(self.alive),
            (true, true) => self.alive,
            (true, false) => before,
        };
        if now < before { Duration::ZERO } else { Duration::from_nanos(now.0.abs_diff(before.0)) }
    }
}

/// A sign of life.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alive {
    v: u32,
    /// In nanoseconds since 1970.
    at: i64,
}

impl Alive {
    pub(super) fn write(now: Utc) -> String {
        serde_json::to_string(&Alive { v: VERSION, at: now.0 }).unwrap_or_default()
    }

    /// Of none that can be read, the engine was never alive.
    pub(super) fn read(text: &str) -> Utc {
        let alive = serde_json::from_str(text).ok().filter(|alive: &Alive| alive.v == VERSION);
        Utc(alive.map_or(i64::MIN, |alive| alive.at))
    }
}

impl KeptRequest {
    /// Those that last, and not too many.
    pub(super) fn all<'a>(wanted: impl Iterator<Item = &'a Wanted>, now: Mono) -> Vec<KeptRequest> {
        wanted.filter_map(|wanted| KeptRequest::of(wanted, now)).take(MOST_REQUESTS).collect()
    }

    fn of(Wanted { request, at }: &Wanted, now: Mono) -> Option<KeptRequest> {
        let left = request.lease.map(|lease| nanos((*at + lease).since(now)));
        if left == Some(0) {
            return None;
        }
        let DeviceKey { room, device } = request.device.clone();
        let to = match request.level {
            Level::On => KeptLevel::On,
            Level::Off => KeptLevel::Off,
            Level::At(number) => KeptLevel::At(number),
        };
        Some(KeptRequest { room, device, to, reason: request.reason.clone(), left })
    }

    /// As it is asked for again.
    pub(super) fn wanted(self, at: Mono) -> Wanted {
        let level = match self.to {
            KeptLevel::On => Level::On,
            KeptLevel::Off => Level::Off,
            KeptLevel::At(number) => Level::At(number),
        };
        let device = DeviceKey { room: self.room, device: self.device };
        let lease = self.left.map(Duration::from_nanos);
        Wanted { request: DeviceRequest { device, level, lease, reason: self.reason }, at }
    }
}

/// How long ago something was, in nanoseconds.
pub(super) fn age(now: Mono, at: Mono) -> u64 {
    nanos(now.since(at))
}

/// The moment so many nanoseconds ago.
pub(super) fn ago(now: Timestamp, age: u64) -> Timestamp {
    let utc = Utc(now.utc.0.saturating_sub_unsigned(age));
    Timestamp { mono: now.mono - Duration::from_nanos(age), utc }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// What tells one version of a rule from another that does something else ([`Rule::behaves_as`]), the same in every
/// process.
pub(super) fn print(rule: &Rule) -> String {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    let until = rule.until.as_ref().map(|until| until.after);
    let patterns = rule.patterns.iter().map(|pattern| &pattern.text);
    // Into a hash nothing fails.
    let _ =
        write!(hash, "{:?}", (patterns.collect::<Vec<_>>(), &rule.per, &rule.state, rule.hold, until, rule.cooldown));
    let _ = write!(hash, "{:?}", (rule.stale, rule.priority, rule.mode));
    rule.schedule.iter().for_each(|schedule| _ = write!(hash, "{:?}", schedule.key()));
    rule.texts.iter().for_each(|(key, text)| _ = write!(hash, "{:?}", (key, &text.value)));
    format!("{:016x}", hash.0)
}

/// FNV-1a: the same in every build, unlike the hashes of the standard library.
struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}
