//! Schedules: `every 30s`, `at 07:00`, `cron 0 6 * * 1`, `sunrise-30m`, `startup`, `shutdown`.
//! Pure: the moment, the zone and the place are arguments.

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::model::{Utc, parse_duration};

/// When a rule runs without a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Every so long, on the monotonic clock.
    Every(Duration),
    /// `at` and `cron`: at these civil times of the site.
    Civil(Box<Cron>),
    /// So long after sunrise, before it if negative.
    Sunrise(SignedDuration),
    /// So long after sunset, before it if negative.
    Sunset(SignedDuration),
    /// Once, when the engine starts.
    Startup,
    /// Once, when it stops.
    Shutdown,
}

/// Longest search for a sunrise: beyond the polar circles there may be none for months.
const SUN_DAYS: usize = 370;
/// Longest run of civil times that a doubled hour refuses: two hours, each second.
const CIVIL_TRIES: usize = 7_300;

impl Schedule {
    /// Reads a schedule as a rule file has it.
    ///
    /// # Errors
    /// Says what is wrong and what would be right, in one phrase.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("startup", "") => return Ok(Schedule::Startup),
            ("shutdown", "") => return Ok(Schedule::Shutdown),
            ("every", _) => {
                let span = parse_duration(rest)?;
                // A zero period would be due for ever in one step.
                if span.is_zero() {
                    return Err(format!("'{text}' has no length; write it as every 30s"));
                }
                return Ok(Schedule::Every(span));
            }
            ("at", _) => return at(rest),
            ("cron", _) => return cron(rest),
            _ => {}
        }
        for (name, make) in
            [("sunrise", Schedule::Sunrise as fn(SignedDuration) -> Schedule), ("sunset", Schedule::Sunset)]
        {
            if let Some(offset) = text.strip_prefix(name) {
                return Ok(make(sun_offset(offset.trim())?));
            }
        }
        Err(format!(
            "'{text}' is not a schedule; write every 30s, at 07:00, cron 0 6 * * 1, sunrise-30m, sunset+1h, startup or shutdown"
        ))
    }

    /// Whether it goes by the civil clock.
    pub(super) fn is_civil(&self) -> bool {
        matches!(self, Schedule::Civil(_) | Schedule::Sunrise(_) | Schedule::Sunset(_))
    }

    /// What tells it from others, the same in every process.
    pub(super) fn key(&self) -> String {
        match self {
            Schedule::Every(period) => format!("every {}ns", period.as_nanos()),
            Schedule::Civil(cron) => format!("cron {cron}"),
            Schedule::Sunrise(offset) => format!("sunrise {}s", offset.as_secs()),
            Schedule::Sunset(offset) => format!("sunset {}s", offset.as_secs()),
            Schedule::Startup => "startup".to_owned(),
            Schedule::Shutdown => "shutdown".to_owned(),
        }
    }

    /// The first moment strictly after `utc`. `None` for `every`, `startup` and `shutdown`, which are not civil, for sun
    /// schedules without a place (latitude, longitude in degrees, north and east positive), and if there is none.
    #[must_use]
    pub fn next_after(&self, utc: Utc, zone: &TimeZone, place: Option<(f64, f64)>) -> Option<Utc> {
        match self {
            Schedule::Civil(cron) => next_civil(cron, utc, zone),
            Schedule::Sunrise(offset) => next_sun(utc, place?, true, *offset),
            Schedule::Sunset(offset) => next_sun(utc, place?, false, *offset),
            Schedule::Every(_) | Schedule::Startup | Schedule::Shutdown => None,
        }
    }
}

fn at(rest: &str) -> Result<Schedule, String> {
    let wrong = || format!("'{rest}' is not a time of day; write it as at 07:00");
    let (hour, minute) = rest.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, below: u8| match text.parse::<u8>() {
        Ok(n) if text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit()) && n < below => Ok(n),
        _ => Err(wrong()),
    };
    cron(&format!("{} {} * * *", number(minute, 60)?, number(hour, 24)?))
}

fn cron(pattern: &str) -> Result<Schedule, String> {
    match Cron::from_str(pattern) {
        Ok(cron) => Ok(Schedule::Civil(Box::new(cron))),
        Err(why) => Err(format!("'{pattern}' is not a cron pattern: {why}; write it as cron 0 6 * * 1")),
    }
}

fn sun_offset(text: &str) -> Result<SignedDuration, String> {
    let signed = |rest: &str| -> Result<SignedDuration, String> {
        let span = parse_duration(rest)?;
        if span > Duration::from_secs(43_200) {
            return Err(format!("'{text}' is more than 12h from the sun's event"));
        }
        SignedDuration::try_from(span).map_err(|why| why.to_string())
    };
    match text.as_bytes().first() {
        None => Ok(SignedDuration::ZERO),
        Some(b'+') => signed(&text[1..]),
        Some(b'-') => signed(&text[1..]).map(|span| -span),
        Some(_) => Err(format!("'{text}' does not follow sunrise or sunset; write sunrise-30m or sunset+1h")),
    }
}

/// Searches in civil time and resolves each match itself: croner would run intervals twice in a doubled hour.
fn next_civil(cron: &Cron, utc: Utc, zone: &TimeZone) -> Option<Utc> {
    let now = jiff::Timestamp::from_nanosecond(i128::from(utc.0)).ok()?;
    let mut civil = zone.to_datetime(now);
    for _ in 0..CIVIL_TRIES {
        civil = cron.find_next_occurrence(&civil, false).ok()?;
        let moment = resolve(civil, zone)?;
        if moment > now {
            return to_utc(moment);
        }
    }
    None
}

/// Skipped times become the first moment after the gap, doubled ones the first of the two.
fn resolve(civil: DateTime, zone: &TimeZone) -> Option<jiff::Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
        let beyond = ambiguous.later().ok()?.checked_add(SignedDuration::from_nanos(1)).ok()?;
        return zone.preceding(beyond).next().map(|change| change.timestamp());
    }
    ambiguous.earlier().ok()
}

fn to_utc(moment: jiff::Timestamp) -> Option<Utc> {
    i64::try_from(moment.as_nanosecond()).ok().map(Utc)
}

fn next_sun(utc: Utc, place: (f64, f64), rise: bool, offset: SignedDuration) -> Option<Utc> {
    let now = jiff::Timestamp::from_nanosecond(i128::from(utc.0)).ok()?;
    // Two days back: an event's UTC day may differ from the solar one, and the offset may carry it over midnight.
    let mut date = TimeZone::UTC.to_datetime(now).date().yesterday().ok()?.yesterday().ok()?;
    for _ in 0..SUN_DAYS {
        if let Some(minutes) = sun_minutes(date, place, rise) {
            let midnight = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
            let seconds = SignedDuration::from_secs((minutes * 60.0).round() as i64);
            let moment = midnight.checked_add(seconds).ok()?.checked_add(offset).ok()?;
            if moment > now {
                return to_utc(moment);
            }
        }
        date = date.tomorrow().ok()?;
    }
    None
}

/// Minutes after 00:00 UTC of `date` at which the sun's upper edge passes the horizon; `None` in polar day and night.
/// Source: NOAA Global Monitoring Division, "General Solar Position Calculations"
/// (<https://gml.noaa.gov/grad/solcalc/solareqns.PDF>); good to a few minutes outside the polar circles.
fn sun_minutes(date: Date, (latitude, longitude): (f64, f64), rise: bool) -> Option<f64> {
    let days = f64::from(date.days_in_year());
    // Fractional year at the hour in question, 6 or 18 o'clock solar time.
    let hour = if rise { 6.0 } else { 18.0 } - longitude / 15.0;
    let g = std::f64::consts::TAU / days * (f64::from(date.day_of_year()) - 1.0 + (hour - 12.0) / 24.0);
    let equation_of_time = 229.18
        * (0.000075 + 0.001868 * g.cos()
            - 0.032077 * g.sin()
            - 0.014615 * (2.0 * g).cos()
            - 0.040849 * (2.0 * g).sin());
    let declination = 0.006918 - 0.399912 * g.cos() + 0.070257 * g.sin() - 0.006758 * (2.0 * g).cos()
        + 0.000907 * (2.0 * g).sin()
        - 0.002697 * (3.0 * g).cos()
        + 0.00148 * (3.0 * g).sin();
    let latitude = latitude.to_radians();
    let cosine =
        90.833_f64.to_radians().cos() / (latitude.cos() * declination.cos()) - latitude.tan() * declination.tan();
    if !(-1.0..=1.0).contains(&cosine) {
        return None;
    }
    let angle = cosine.acos().to_degrees() * if rise { 1.0 } else { -1.0 };
    Some(720.0 - 4.0 * (longitude + angle) - equation_of_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Utc {
        to_utc(text.parse().unwrap()).unwrap()
    }

    fn next(schedule: &str, after: &str) -> Option<Utc> {
        let zone = TimeZone::get("Europe/Amsterdam").expect("the system's tzdb");
        Schedule::parse(schedule).unwrap().next_after(utc(after), &zone, Some((52.37, 4.90)))
    }

    #[test]
    fn schedules_are_read_or_refused() {
        assert_eq!(Schedule::parse("every 30s"), Ok(Schedule::Every(Duration::from_secs(30))));
        assert_eq!(Schedule::parse("startup"), Ok(Schedule::Startup));
        assert_eq!(Schedule::parse("shutdown"), Ok(Schedule::Shutdown));
        assert_eq!(Schedule::parse("sunrise-30m"), Ok(Schedule::Sunrise(SignedDuration::from_mins(-30))));
        assert_eq!(Schedule::parse("sunset+1h"), Ok(Schedule::Sunset(SignedDuration::from_hours(1))));
        for bad in [
            "",
            "every",
            "every 0s",
            "every 5",
            "at 24:00",
            "at 7",
            "at +7:00",
            "cron 61 * * * *",
            "sunrise30m",
            "sunsets",
            "startup now",
            "sunset+13h",
            "noon",
        ] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn civil_times_are_strictly_after_and_in_the_zone() {
        assert_eq!(next("at 07:00", "2026-01-10T05:59:59Z"), Some(utc("2026-01-10T06:00:00Z")));
        assert_eq!(next("at 07:00", "2026-01-10T06:00:00Z"), Some(utc("2026-01-11T06:00:00Z")));
        assert_eq!(next("cron 0 6 * * 1", "2026-07-01T00:00:00Z"), Some(utc("2026-07-06T04:00:00Z")));
        assert_eq!(next("every 30s", "2026-07-01T00:00:00Z"), None);
    }

    #[test]
    fn semantics_17_a_skipped_time_runs_at_the_first_moment_after() {
        let after = Some(utc("2026-03-29T01:00:00Z"));
        assert_eq!(next("at 02:30", "2026-03-28T12:00:00Z"), after);
        assert_eq!(next("at 02:00", "2026-03-28T12:00:00Z"), after);
        assert_eq!(next("at 02:30", "2026-03-29T01:00:00Z"), Some(utc("2026-03-30T00:30:00Z")));
    }

    #[test]
    fn semantics_17_a_doubled_time_runs_once() {
        let first = utc("2026-10-25T00:30:00Z");
        assert_eq!(next("at 02:30", "2026-10-24T12:00:00Z"), Some(first));
        let following = Some(utc("2026-10-26T01:30:00Z"));
        assert_eq!(next("at 02:30", "2026-10-25T00:30:00Z"), following);
        assert_eq!(next("at 02:30", "2026-10-25T01:10:00Z"), following);
    }

    #[test]
    fn the_sun_is_where_almanacs_say() {
        for (schedule, after, expected) in [
            ("sunrise", "2026-06-21T00:00:00Z", "2026-06-21T03:18:00Z"),
            ("sunset", "2026-06-21T00:00:00Z", "2026-06-21T20:06:00Z"),
            ("sunrise-30m", "2026-12-21T00:00:00Z", "2026-12-21T07:18:00Z"),
        ] {
            let found = next(schedule, after).unwrap();
            let off = (found.0 - utc(expected).0).abs();
            assert!(off < 180_000_000_000, "{schedule}: {} s off", off / 1_000_000_000);
        }
        let polar = Schedule::Sunset(SignedDuration::ZERO);
        assert_eq!(polar.next_after(utc("2026-06-21T00:00:00Z"), &TimeZone::UTC, None), None);
        let found = polar.next_after(utc("2026-06-21T00:00:00Z"), &TimeZone::UTC, Some((78.0, 15.0))).unwrap();
        assert!(found > utc("2026-08-01T00:00:00Z"), "the midnight sun does not set");
    }
}
