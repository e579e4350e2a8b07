//! When what is in the outbox is tried again, and when it is given up: a pure function of what became of a try. Whoever makes the
//! tries calls it and hands what it says to [`super::Store::settle`].

use std::time::Duration;

use crate::model::{Utc, Verdict, format_duration};

/// No pause is longer, whatever the other side or the settings say. A next try that lies further ahead comes of a clock that was
/// set back since: it is due at once.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// How patient one outlet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Counted from the moment it was put in; then it is given up.
    pub keep_trying: Duration,
    /// After the first failure at least as long, and after every other one.
    pub first_pause: Duration,
    /// And at most as long; never more than [`LONGEST`].
    pub longest_pause: Duration,
}

impl Default for Policy {
    /// Three days, from a second to five minutes.
    fn default() -> Policy {
        Policy {
            keep_trying: Duration::from_secs(3 * 24 * 3600),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(300),
        }
    }
}

/// What follows from a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has arrived: it leaves the outbox.
    Done,
    /// It stays at its place, and whatever is behind it waits with it.
    Retry {
        /// Not before this.
        at: Utc,
        /// What went wrong; holds no secret.
        why: String,
    },
    /// It stays as a dead letter, for a person to see.
    Dead {
        /// What went wrong; holds no secret.
        why: String,
    },
}

/// What follows from the `tries`-th try (from 1) of something that was put in at `put_at`. The bound of the pause doubles with
/// every try; where between `first_pause` and the bound it ends is up to `random`, from 0 to 1, so that many which failed together
/// do not come back together. Those of one outlet that failed in one try should have the same `random`: then they stay together.
#[must_use]
pub fn step(verdict: &Verdict, tries: u32, put_at: Utc, now: Utc, policy: &Policy, random: f64) -> Step {
    let (why, retry_after) = match verdict {
        Verdict::Delivered => return Step::Done,
        Verdict::Refused(why) => return Step::Dead { why: why.clone() },
        Verdict::Failed { why, retry_after } => (why, retry_after.unwrap_or_default().min(LONGEST)),
    };
    // Put in "later" than now: the clock has gone back since.
    let age = Duration::from_nanos(u64::try_from(now.0.saturating_sub(put_at.0)).unwrap_or(0));
    if age >= policy.keep_trying {
        let tried = format_duration(Duration::from_secs(age.as_secs()));
        return Step::Dead { why: format!("given up after {tried} and {}: {why}", times(tries)) };
    }
    Step::Retry { at: now + pause(tries, policy, random).max(retry_after), why: why.clone() }
}

fn pause(tries: u32, policy: &Policy, random: f64) -> Duration {
    let longest = policy.longest_pause.min(LONGEST);
    let first = policy.first_pause.min(longest);
    let factor = 2_u32.checked_pow(tries).unwrap_or(u32::MAX);
    let bound = first.saturating_mul(factor).min(longest);
    first + (bound - first).mul_f64(random.clamp(0.0, 1.0))
}

fn times(tries: u32) -> String {
    crate::model::counted(u64::from(tries), "try").replace("trys", "tries")
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
