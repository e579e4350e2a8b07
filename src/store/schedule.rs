//! stub
use super::{Policy, Step};
use crate::model::{Utc, Verdict};
/// stub
pub fn step(verdict: &Verdict, _tries: u32, _put_at: Utc, now: Utc, policy: &Policy, random: f64) -> Step {
    match verdict {
        Verdict::Delivered => Step::Done,
        Verdict::Failed { why, .. } => Step::Retry { at: now + policy.first_pause.mul_f64(random), why: why.clone() },
        Verdict::Refused(why) => Step::Dead { why: why.clone() },
    }
}
