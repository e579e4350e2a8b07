//! The publish policy from the site over the frame to the signal: what is nearer to the signal says it.

use std::time::Duration;

use crate::files::Spanned;

use super::super::pace::Policy;
use super::super::spec::{PaceSpec, PublishSpec, SignalSpec};
use super::check::Check;

/// What holds at one level.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Publish {
    /// For `decode` only.
    pub(super) never: bool,
    pub(super) policy: Policy,
}

impl Publish {
    /// What holds one level further in, with the `publish` of there.
    pub(super) fn within(self, check: &mut Check, publish: Option<&Spanned<PublishSpec>>) -> Publish {
        let Some(publish) = publish else { return self };
        match &publish.value {
            PublishSpec::Word(word) if word == "never" => Publish { never: true, policy: Policy::default() },
            PublishSpec::Word(word) if word == "always" => {
                Publish { never: false, policy: Policy { always: true, ..Policy::default() } }
            }
            PublishSpec::Word(word) => {
                let message = format!("'{word}' is no publish policy");
                let help = "write `never`, `always`, or `{min_interval: 1s, max_interval: 30s}`";
                check.error(publish.place, message).help(help);
                Publish { never: false, ..self }
            }
            PublishSpec::Pace(pace) => {
                check_pace(check, publish, pace);
                Publish { never: false, policy: paced(self.policy, pace) }
            }
        }
    }

    /// What holds for a signal.
    pub(super) fn of_signal(self, check: &mut Check, signal: &SignalSpec) -> Publish {
        let mut own = self.within(check, signal.publish.as_ref());
        if let Some(deadband) = &signal.deadband {
            if !(deadband.is_finite() && **deadband >= 0.0) {
                check.error(deadband.place, format!("a deadband of {} is none: it is 0 or more", deadband.value));
            }
            if matches!(signal.publish.as_deref(), Some(PublishSpec::Word(word)) if word == "always") {
                check.error(deadband.place, "`publish: always` and a deadband: one of them has no effect");
            }
            own.policy = Policy { deadband: Some(deadband.value), always: false, ..own.policy };
        }
        own
    }
}

/// An inherited interval gives way to one that is said here.
fn paced(outer: Policy, pace: &PaceSpec) -> Policy {
    let mut policy = Policy { always: false, ..outer };
    if let Some(min) = pace.min_interval {
        policy.min_interval = Some(min.0).filter(|min| !min.is_zero());
        policy.max_interval = policy.max_interval.map(|max| max.max(min.0));
    }
    if let Some(max) = pace.max_interval {
        policy.max_interval = Some(max.0);
        policy.min_interval = policy.min_interval.map(|min| min.min(max.0));
    }
    policy
}

fn check_pace(check: &mut Check, publish: &Spanned<PublishSpec>, pace: &PaceSpec) {
    if let (Some(min), Some(max)) = (pace.min_interval, pace.max_interval)
        && min > max
    {
        check.error(publish.place, format!("min_interval {min} is longer than max_interval {max}"));
    }
    if pace.max_interval.is_some_and(|max| max.0 == Duration::ZERO) {
        check.error(publish.place, "a max_interval of 0s is none").help("write `always` to publish every frame");
    }
}
