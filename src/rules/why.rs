//! Why a rule acts or does not: what `growctl rule why` is told. Facts and codes; the words for people are the CLI's.

use serde::Serialize;

use crate::model::{Mono, Name, Timestamp, Value};

use super::journal::{Entry, What};
use super::{Asked, Checked, Ended, Mode, Truth};

/// Everything about one rule, at one moment. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// The rule.
    pub rule: Name,
    /// Its file.
    pub file: String,
    /// Whether it acts.
    pub mode: Mode,
    /// Of the files that decide now.
    pub revision: Name,
    /// The moment.
    pub now: f64,
    /// Since when these files decide.
    pub decides_since: f64,
    /// Where and how its conditions and durations are written.
    pub conditions: Vec<Text>,
    /// It takes too much time, and is left alone until then.
    pub parked_until: Option<f64>,
    /// It has schedules of which ticks come.
    pub ticks: bool,
    /// When the next tick comes.
    pub next_tick: Option<f64>,
    /// It subscribes to channels.
    pub subscribes: bool,
    /// Messages of its channels that did not concern it, since the engine started.
    pub not_concerned: u64,
    /// Of those, the newest since these files decide: of each channel and set of fields.
    pub lacking: Vec<Lacking>,
    /// Its instances, in the order in which events reach them.
    pub instances: Vec<Standing>,
    /// The names of those that are not among them.
    pub others: Vec<Name>,
    /// What it decided lately, the oldest first.
    pub decisions: Vec<Decision>,
}

/// A condition or a duration as it is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Text {
    /// `when`, `for`, `until`, `cooldown`.
    pub key: &'static str,
    /// What is written.
    pub text: String,
    /// The line, where it is known.
    pub line: Option<usize>,
}

/// Messages of a channel that did not concern the rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lacking {
    /// The channel.
    pub channel: Name,
    /// The fields that the rule names and they do not have.
    pub lacks: Vec<Name>,
    /// When the last one came.
    pub at: f64,
    /// How many.
    pub times: u64,
}

/// Why an instance acts or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing has happened to it yet.
    NeverHeard,
    /// All its sources are silent.
    Silent,
    /// `when` is false.
    False,
    /// `when` compares a value that is not good.
    Unknown,
    /// `when` could not be judged.
    Failed,
    /// Its episode is over, and `when` has not been judged since.
    Ended,
    /// `when` holds; the next event may begin it.
    Holds,
    /// `when` holds, and `for` is running.
    Waiting,
    /// `for` cannot become complete: the last event told nothing.
    Interrupted,
    /// Only the cooldown holds it back.
    Cooldown,
    /// Its episode lasts.
    Active,
    /// Its episode lasted before a restart, and goes on with the first good event.
    Resuming,
    /// Its episode lasts, and `then` has not succeeded yet.
    Owed,
    /// Its episode lasts, and it knows nothing.
    Blind,
    /// Without `when`: `each` ran at the last event.
    Runs,
    /// Without `when`: the cooldown after the last run lasts.
    Resting,
    /// Without `when`: `each` stopped at a value that is not good.
    Stopped,
    /// Without `when`: `each` failed.
    EachFailed,
    /// Without `when`: it was blind for too long, and asks for nothing.
    LetGo,
}

/// How one instance stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// The instance; empty for `per: rule`.
    pub instance: Name,
    /// Why it stands so.
    pub reason: Reason,
    /// `idle`, `pending`, `active`, or `always` without `when`.
    pub phase: &'static str,
    /// Since when it is pending or active.
    pub since: Option<f64>,
    /// When it begins, if its condition goes on to hold.
    pub begins: Option<f64>,
    /// When the duration of `until` is over.
    pub ends: Option<f64>,
    /// Until when its cooldown lasts, if it does.
    pub rests_until: Option<f64>,
    /// Since when it knows nothing.
    pub blind_since: Option<f64>,
    /// When that will have been for too long.
    pub blind_until: Option<f64>,
    /// The last event that it judged.
    pub judged: Option<Judgement>,
    /// Of what it is judged by now, every part: on the last message, at the time of the last event.
    pub checks: Vec<Checked>,
    /// Judged anew, the whole differs from what it was at the event: windows, last values or `state` have gone on.
    pub drifted: bool,
    /// The channel of its last message.
    pub channel: Option<Name>,
    /// When it last had one that was no word of silence.
    pub heard: Option<f64>,
    /// Fields that the rule names and that have no good value in it, each with the reason.
    pub not_good: Vec<(Name, String)>,
    /// Sources of the map, and how many of them are silent.
    pub sources: (u32, u32),
    /// What failed, with its place.
    pub error: Option<String>,
}

/// What an event was judged to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// When.
    pub at: f64,
    /// `message`, `silence` (the word that a source says nothing more), `tick` (any schedule), `reset` or `edit`.
    pub event: &'static str,
    /// `when`, `until` or `each`.
    pub part: &'static str,
    /// The answer; of `each` none.
    pub truth: Option<Truth>,
}

/// Something that the rule decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// When; of several, the last one.
    pub at: f64,
    /// Of several, the first one.
    pub first: f64,
    /// How often the same happened.
    pub times: u64,
    /// Of the files that decided.
    pub revision: Name,
    /// The instance.
    pub instance: Name,
    /// `began`, `broke` (`for` was not complete), `resumed` (after a restart), `ended`, `ran`, `stopped` (at a value that is not good), `failed`,
    /// `let_go`, `parked`.
    pub what: &'static str,
    /// Which script or condition.
    pub part: Option<&'static str>,
    /// Since when the condition had held.
    pub since: Option<f64>,
    /// Until when it is parked.
    pub until: Option<f64>,
    /// Why the episode ended. `until` without checks: its duration was over.
    pub ended: Option<Ended>,
    /// What failed.
    pub error: Option<String>,
    /// What the condition said.
    pub checks: Vec<Checked>,
    /// What its script asked for.
    pub asked: Vec<Asked>,
}

/// Turns moments of the monotonic clock into seconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Civil(pub(super) Timestamp);

impl Civil {
    pub(super) fn at(self, moment: Mono) -> f64 {
        let Civil(now) = self;
        let past = i64::try_from(now.mono.since(moment).as_nanos()).unwrap_or(i64::MAX);
        let to_come = i64::try_from(moment.since(now.mono).as_nanos()).unwrap_or(i64::MAX);
        crate::model::Utc(now.utc.0.saturating_sub(past).saturating_add(to_come)).seconds()
    }
}

impl Decision {
    pub(super) fn of(entry: &Entry) -> Decision {
        // As the civil clock was then.
        let moment = |at: &Mono| Civil(entry.at).at(*at);
        let (mut part, mut since, mut until, mut ended, mut error) = (None, None, None, None, None);
        let what = match &entry.what {
            What::Began(at) => {
                since = Some(moment(at));
                "began"
            }
            What::Broke(at) => {
                since = Some(moment(at));
                "broke"
            }
            What::Resumed(at) => {
                since = Some(moment(at));
                "resumed"
            }
            What::Ended(why) => {
                ended = Some(*why);
                "ended"
            }
            What::Ran(which) => {
                part = Some(*which);
                "ran"
            }
            What::Stopped(which) => {
                part = Some(*which);
                "stopped"
            }
            What::Failed(which, message) => {
                (part, error) = (Some(*which), Some(message.clone()));
                "failed"
            }
            What::LetGo => "let_go",
            What::Parked(at) => {
                until = Some(moment(at));
                "parked"
            }
        };
        Decision {
            at: entry.at.utc.seconds(),
            first: entry.first.utc.seconds(),
            times: entry.times,
            revision: entry.revision.clone(),
            instance: entry.instance.clone(),
            what,
            part,
            since,
            until,
            ended,
            error,
            checks: entry.checks.clone(),
            asked: entry.asked.clone(),
        }
    }
}

/// Why a field of a message has no good value.
pub(super) fn quality(fields: &crate::model::Fields, name: &str) -> Option<String> {
    match fields.get(name) {
        None => Some("absent".to_owned()),
        Some(Value::Null) => {
            let why = match fields.get("quality") {
                Some(Value::Map(quality)) => quality.get(name).and_then(Value::as_text).map(str::to_owned),
                _ => None,
            };
            Some(why.unwrap_or_else(|| "no value".to_owned()))
        }
        Some(_) => None,
    }
}
