//! The kernel says when a frame came in by the civil clock; this finds the moment on the monotonic one. A civil clock that
//! somebody sets must not make a frame old or early.

use crate::model::{Mono, Timestamp, Utc};

/// The stamps of one socket.
#[derive(Debug)]
pub(super) struct Stamps {
    /// Nothing that is read now came in before this: the socket was empty then.
    empty: Mono,
    /// The last frame's.
    last: Mono,
}

impl Stamps {
    /// Of a socket opened `now`.
    pub(super) fn new(now: Mono) -> Stamps {
        Stamps { empty: now, last: now }
    }

    /// The socket was read empty, at `before` or later.
    pub(super) fn emptied(&mut self, before: Mono) {
        self.empty = before;
    }

    /// When a frame came in that is read `now` and that the kernel stamped `kernel`. What cannot be, because the clock was set
    /// meanwhile, is taken as now.
    pub(super) fn at(&mut self, kernel: Option<Utc>, now: Timestamp) -> Timestamp {
        let earliest = self.empty.max(self.last);
        let possible = |kernel: &Utc| {
            let age = u64::try_from(now.utc.0.checked_sub(kernel.0)?).ok()?;
            // A little before the earliest: the two clocks are not read in one moment.
            (age <= now.mono.since(earliest).as_nanos() as u64 + SLACK).then_some(age)
        };
        let at = match kernel.and_then(|kernel| Some((kernel, possible(&kernel)?))) {
            Some((utc, age)) => Timestamp { mono: Mono(now.mono.0.saturating_sub(age)).max(earliest), utc },
            None => now,
        };
        self.last = at.mono;
        at
    }
}

/// Nanoseconds by which the two clocks may disagree.
const SLACK: u64 = 5_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn now(mono: u64, utc: i64) -> Timestamp {
        Timestamp { mono: Mono(mono * SECOND), utc: Utc(utc * SECOND as i64) }
    }

    fn seconds(seconds: i64) -> Option<Utc> {
        Some(Utc(seconds * SECOND as i64))
    }

    #[test]
    fn a_frame_that_waited_keeps_its_moment() {
        let mut stamps = Stamps::new(Mono(0));
        assert_eq!(stamps.at(seconds(995), now(10, 1000)), now(5, 995));
        assert_eq!(stamps.at(seconds(998), now(10, 1000)), now(8, 998));
        assert_eq!(stamps.at(seconds(1000), now(10, 1000)), now(10, 1000));
    }

    #[test]
    fn a_clock_that_was_set_makes_no_frame_old_or_early() {
        // Set an hour ahead, or back, while the frame waited.
        for utc in [4600, -2600] {
            let mut stamps = Stamps::new(Mono(0));
            stamps.emptied(Mono(9 * SECOND));
            assert_eq!(stamps.at(seconds(1000), now(10, utc)), now(10, utc));
        }
        // Set by less than the frame could have waited: it errs by no more than that, and never goes back.
        let mut stamps = Stamps::new(Mono(0));
        stamps.emptied(Mono(6 * SECOND));
        assert_eq!(stamps.at(seconds(997), now(10, 1000)).mono, Mono(7 * SECOND));
        assert_eq!(stamps.at(seconds(996), now(10, 1000)).mono, Mono(10 * SECOND));
        assert_eq!(stamps.at(None, now(11, 1001)), now(11, 1001));
    }
}
