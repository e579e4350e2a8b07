//! When: durations from the start of a test, or civil times of its time zone.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::{Utc, parse_duration};

/// Where a test stands in time.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// The site's zone, or the file's own.
    pub(super) zone: TimeZone,
    /// When the test starts.
    pub(super) start: Utc,
}

impl Calendar {
    /// `30s`, or a civil time after the start: how long after it.
    pub(super) fn after(&self, text: &str) -> Result<Duration, String> {
        if !is_civil(text) {
            return parse_duration(text);
        }
        let nanos = civil(text, &self.zone)?.0.saturating_sub(self.start.0);
        let nanos = u64::try_from(nanos).map_err(|_| format!("`{text}` is before the start of the test"))?;
        Ok(Duration::from_nanos(nanos))
    }

    /// The time of day.
    pub(super) fn shown(&self, utc: Utc) -> String {
        self.format(utc, "%H:%M:%S")
    }

    /// Day and time of day.
    pub(super) fn day(&self, utc: Utc) -> String {
        self.format(utc, "%Y-%m-%d %H:%M:%S")
    }

    fn format(&self, utc: Utc, how: &str) -> String {
        let stamp = jiff::Timestamp::from_nanosecond(i128::from(utc.0)).unwrap_or_default();
        stamp.to_zoned(self.zone.clone()).strftime(how).to_string()
    }
}

/// What a `clock` event does to the civil clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// Forward or back, in nanoseconds.
    By(i64),
    /// To a moment.
    To(Utc),
}

impl Set {
    pub(super) fn parse(text: &str, zone: &TimeZone) -> Result<Set, String> {
        if is_civil(text) {
            return civil(text, zone).map(Set::To);
        }
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(span), _) => Ok(Set::By(nanos(parse_duration(span)?))),
            (_, Some(span)) => Ok(Set::By(-nanos(parse_duration(span)?))),
            _ => Err(format!("`{text}` says neither by how much nor to what: +1h, -30s or 2026-06-01 14:00:00")),
        }
    }
}

/// A time of day needs its date, so whatever has a colon is meant as a civil time.
fn is_civil(text: &str) -> bool {
    text.contains(':')
}

/// A civil time of the zone, or a time that brings its own offset. Of two moments that a change of the clocks makes the
/// same, the first; one that is skipped is taken as far behind the change as it was meant before it.
pub(super) fn civil(text: &str, zone: &TimeZone) -> Result<Utc, String> {
    let wrong = || format!("`{text}` is no civil time: write it as 2026-06-01 14:00:00");
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment,
        Err(_) => {
            let civil: DateTime = text.parse().map_err(|_| wrong())?;
            zone.to_ambiguous_zoned(civil).compatible().map_err(|_| wrong())?.timestamp()
        }
    };
    i64::try_from(moment.as_nanosecond()).map(Utc).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(start: &str) -> Calendar {
        let zone = TimeZone::get("Europe/Amsterdam").expect("it is known");
        Calendar { start: civil(start, &zone).expect(start), zone }
    }

    #[test]
    fn civil_times_know_the_clock_changes() {
        let spring = calendar("2026-03-29 00:00:00");
        assert_eq!(spring.after("2026-03-29 06:00"), Ok(Duration::from_secs(5 * 3_600)));
        assert_eq!(spring.after("6h"), Ok(Duration::from_secs(6 * 3_600)));
        let autumn = calendar("2026-10-25T00:00:00+02:00");
        assert_eq!(autumn.after("2026-10-25 06:00:00"), Ok(Duration::from_secs(7 * 3_600)));
        assert_eq!(autumn.after("2026-10-25T02:30:00+01:00"), Ok(Duration::from_secs(12_600)));
        assert_eq!(autumn.shown(autumn.start + Duration::from_secs(3 * 3_600)), "02:00:00");
        for wrong in ["2026-10-24 23:59:59", "06:00", "2026-13-01 00:00:00", "30", ""] {
            assert!(autumn.after(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_clock_is_set_by_or_to() {
        let zone = TimeZone::UTC;
        assert_eq!(Set::parse("+1h", &zone), Ok(Set::By(3_600_000_000_000)));
        assert_eq!(Set::parse("-30s", &zone), Ok(Set::By(-30_000_000_000)));
        assert_eq!(Set::parse("1970-01-01 00:00:01", &zone), Ok(Set::To(Utc(1_000_000_000))));
        assert!(Set::parse("1h", &zone).is_err());
    }
}
