//! A recording as it is played again: its frames in order, with buses of the map, the log's own time, and the moment at
//! which each is due. Pure but for the reader underneath; whoever plays it waits, and never drops.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::str::FromStr;
use std::time::Duration;

use super::{BusId, Direction, Frame, LogReader};
use crate::model::{Mono, Timestamp, Utc};

/// Farther back than this is no frame out of order but a clock that was set.
const CLOCK_SET: Duration = Duration::from_secs(1);
/// Unknown interfaces told apart; the rest is `others`.
const MOST_INTERFACES: usize = 32;

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many times as fast as it was recorded; positive and finite.
    AsRecorded(f64),
    /// As fast as possible.
    Max,
}

impl Pace {
    /// When something is due, after the real beginning, that came this long after the log's beginning.
    #[must_use]
    pub fn due(self, offset: Duration) -> Duration {
        match self {
            Pace::Max => Duration::ZERO,
            Pace::AsRecorded(1.0) => offset,
            Pace::AsRecorded(speed) => {
                Duration::try_from_secs_f64(offset.as_secs_f64() / speed).unwrap_or(Duration::MAX)
            }
        }
    }
}

/// `10`, `0.5` or `max`.
impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Pace, String> {
        let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
        match (text, speed) {
            ("max", _) => Ok(Pace::Max),
            (_, Some(speed)) => Ok(Pace::AsRecorded(speed)),
            _ => Err(format!("'{text}' is no speed: write 1 (as recorded), 10 (ten times as fast) or max")),
        }
    }
}

/// One frame of a recording, and when it is to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// The frame; its `at` is the log's time: `utc` the stamp, `mono` the time since the first stamp.
    pub frame: Frame,
    /// How long after the real beginning it is due.
    pub due: Duration,
    /// Which way it went when it was recorded, if the log says so.
    pub direction: Option<Direction>,
    /// Its line in the log.
    pub line: u64,
}

/// The account of a replay. Every line with a stamp is one of `frames`, `unknown_interface` and `bad_lines`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReplayCounts {
    /// Frames played.
    pub frames: u64,
    /// Frames of interfaces that are no bus of the map, by interface.
    pub unknown_interface: BTreeMap<String, u64>,
    /// Stamps earlier than one before: frames out of order, or a clock that was set back.
    pub stepped_back: u64,
    /// Broken lines.
    pub bad_lines: u64,
    /// Frames that the recording host lost, by the log's own word.
    pub dropped_by_kernel: u64,
}

/// A recording being played.
#[derive(Debug)]
pub struct Replay<R, B> {
    reader: LogReader<R>,
    bus_of: B,
    pace: Pace,
    time: LogTime,
    ahead: Option<Played>,
    counts: ReplayCounts,
}

impl<R: BufRead, B: FnMut(&str) -> Option<BusId>> Replay<R, B> {
    /// Plays `input`; `bus_of` says which bus an interface of the log is, `None` for one that is to be left out.
    #[must_use]
    pub fn new(input: R, pace: Pace, bus_of: B) -> Replay<R, B> {
        let (time, counts) = (LogTime::default(), ReplayCounts::default());
        Replay { reader: LogReader::new(input), bus_of, pace, time, ahead: None, counts }
    }

    /// The next frame without taking it: its time is where a core begins, its `due` how long to wait.
    ///
    /// # Errors
    /// What the input gave.
    pub fn peek(&mut self) -> io::Result<Option<&Played>> {
        if self.ahead.is_none() {
            self.ahead = self.read()?;
        }
        Ok(self.ahead.as_ref())
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// What the input gave; a broken line is none, see [`Replay::bad`].
    pub fn next_frame(&mut self) -> io::Result<Option<Played>> {
        let next = match self.ahead.take() {
            Some(played) => Some(played),
            None => self.read()?,
        };
        self.counts.frames += u64::from(next.is_some());
        Ok(next)
    }

    /// The account so far.
    #[must_use]
    pub fn counts(&self) -> ReplayCounts {
        let (bad_lines, dropped_by_kernel) = (self.reader.bad_total(), self.reader.dropped_by_kernel());
        ReplayCounts { bad_lines, dropped_by_kernel, stepped_back: self.time.stepped_back, ..self.counts.clone() }
    }

    /// The first hundred broken lines, with line number and reason.
    #[must_use]
    pub fn bad(&self) -> &[(u64, String)] {
        self.reader.bad()
    }

    fn read(&mut self) -> io::Result<Option<Played>> {
        while let Some((line, entry)) = self.reader.next_entry()? {
            match (self.bus_of)(entry.interface) {
                Some(bus) => {
                    let at = self.time.at(entry.utc);
                    let due = self.pace.due(at.mono.since(Mono::default()));
                    let (frame, direction) = (entry.to_frame(at, bus), entry.direction);
                    return Ok(Some(Played { frame, due, direction, line }));
                }
                None => note_unknown(&mut self.counts.unknown_interface, entry.interface),
            }
        }
        Ok(None)
    }
}

fn note_unknown(counts: &mut BTreeMap<String, u64>, interface: &str) {
    if let Some(count) = counts.get_mut(interface) {
        *count += 1;
    } else {
        let name = if counts.len() < MOST_INTERFACES { interface } else { "others" };
        *counts.entry(name.to_owned()).or_default() += 1;
    }
}

/// A clock that never goes back, from stamps that may.
#[derive(Debug, Default)]
struct LogTime {
    /// A stamp and the moment that it stands for: the first one, or the first after the clock was set back.
    anchor: Option<(Utc, Mono)>,
    last: Mono,
    stepped_back: u64,
}

impl LogTime {
    fn at(&mut self, utc: Utc) -> Timestamp {
        let (stamp, moment) = *self.anchor.get_or_insert((utc, Mono::default()));
        let moment = i128::from(moment.0) + i128::from(utc.0) - i128::from(stamp.0);
        let back = i128::from(self.last.0) - moment;
        if back <= 0 {
            self.last = Mono(u64::try_from(moment).unwrap_or(u64::MAX));
        } else {
            self.stepped_back += 1;
            if back > CLOCK_SET.as_nanos() as i128 {
                // Held, all that follows would play at once until the stamps have caught up.
                self.anchor = Some((utc, self.last));
            }
        }
        Timestamp { mono: self.last, utc }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replay(log: &str, pace: Pace) -> Replay<&[u8], impl FnMut(&str) -> Option<BusId>> {
        let bus_of = |interface: &str| match interface {
            "can0" => Some(BusId(0)),
            "vcan1" => Some(BusId(1)),
            _ => None,
        };
        Replay::new(log.as_bytes(), pace, bus_of)
    }

    fn all<R: BufRead, B: FnMut(&str) -> Option<BusId>>(replay: &mut Replay<R, B>) -> Vec<Played> {
        std::iter::from_fn(|| replay.next_frame().expect("memory")).collect()
    }

    const LOG: &str = "(100.000000) can0 181#01\n(100.500000) can9 182#\n(broken\n(101.000000) vcan1 183#03 T\n\
        (103.000000001) can0 181#02\nDROPCOUNT: dropped 2 CAN frames on 'can0' socket (total drops 2)\n\
        (104.000000) lo 1FF#\n(104.500000) lo 1FF#\n";

    #[test]
    fn frames_have_buses_the_logs_time_and_a_moment_to_be_played() {
        let mut replay = replay(LOG, Pace::AsRecorded(2.0));
        let first = *replay.peek().unwrap().unwrap();
        assert_eq!(first.frame.at, Timestamp { mono: Mono(0), utc: Utc(100_000_000_000) });
        let played = all(&mut replay);
        assert_eq!(played[0], first, "to look at it does not take it");
        let brief = |p: &Played| (p.frame.bus.0, p.frame.bytes()[0], p.line, p.due.as_millis());
        let brief: Vec<_> = played.iter().map(brief).collect();
        assert_eq!(brief, [(0, 1, 1, 0), (1, 3, 4, 500), (0, 2, 5, 1500)]);
        assert_eq!((played[2].frame.at.mono, played[2].frame.at.utc), (Mono(3_000_000_001), Utc(103_000_000_001)));
        assert_eq!(played[1].direction, Some(Direction::Transmitted));
        let counts = replay.counts();
        let unknown: Vec<_> = counts.unknown_interface.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(unknown, [("can9", 1), ("lo", 2)]);
        assert_eq!((counts.frames, counts.bad_lines, counts.dropped_by_kernel), (3, 1, 2));
        assert_eq!((replay.bad()[0].0, replay.peek().unwrap()), (3, None));
    }

    #[test]
    fn time_starts_with_the_first_frame_that_is_played() {
        let mut replay = replay("(1.000000) lo 181#\n(50.000000) can0 181#\n", Pace::AsRecorded(1.0));
        assert_eq!(all(&mut replay)[0].due, Duration::ZERO);
    }

    #[test]
    fn a_frame_out_of_order_is_held_and_a_clock_set_back_begins_anew() {
        let stamps =
            ["10.000000", "9.900000", "12.000000", "11.500000", "12.250000", "5.000000", "6.000000", "4.999999"];
        let log: String = stamps.iter().map(|stamp| format!("({stamp}) can0 181#\n")).collect();
        let mut replay = replay(&log, Pace::AsRecorded(1.0));
        let millis: Vec<_> = all(&mut replay).iter().map(|p| p.due.as_millis()).collect();
        assert_eq!(millis, [0, 0, 2000, 2000, 2250, 2250, 3250, 3250]);
        assert_eq!(replay.counts().stepped_back, 4);
    }

    #[test]
    fn speeds_as_people_write_them() {
        assert_eq!("max".parse(), Ok(Pace::Max));
        assert_eq!("0.5".parse(), Ok(Pace::AsRecorded(0.5)));
        for bad in ["", "0", "-1", "inf", "NaN", "fast", "1x"] {
            assert!(bad.parse::<Pace>().is_err_and(|why| why.contains("max")), "{bad}");
        }
        assert_eq!(Pace::Max.due(Duration::from_secs(9)), Duration::ZERO);
        assert_eq!(Pace::AsRecorded(f64::MIN_POSITIVE).due(Duration::from_secs(9)), Duration::MAX);
    }

    #[test]
    fn unknown_interfaces_are_bounded_and_all_counted() {
        let log: String = (0..100).map(|i| format!("(1.000000) x{i} 181#\n")).collect();
        let mut replay = replay(&log, Pace::Max);
        assert_eq!(all(&mut replay), []);
        let unknown = replay.counts().unknown_interface;
        assert_eq!((unknown.len(), unknown.values().sum::<u64>()), (MOST_INTERFACES + 1, 100));
    }

    proptest! {
        #[test]
        fn time_never_goes_back_and_going_on_takes_what_it_took(
            stamps in proptest::collection::vec(0..i64::MAX, 1..30), steps in proptest::collection::vec(0..1_000_000_000_u64, 0..30),
        ) {
            let mut time = LogTime::default();
            let mut last = Mono::default();
            for stamp in &stamps {
                let at = time.at(Utc(*stamp));
                prop_assert!(at.mono >= last && at.utc == Utc(*stamp));
                last = at.mono;
            }
            // From a stamp in order on, the spans are the log's own.
            let mut utc = Utc(time.anchor.expect("there was one").0.0) + last.since(time.anchor.expect("one").1);
            for step in steps {
                let span = Duration::from_nanos(step);
                utc = utc + span;
                if utc.0 == i64::MAX { break; }
                last = last + span;
                prop_assert_eq!(time.at(utc).mono, last);
            }
        }
    }
}
