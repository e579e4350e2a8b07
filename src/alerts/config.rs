//! What the machine's settings say about people and alerts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::model::{Mono, Name, Severity, Timestamp};

/// How people want to be told, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct BookConfig {
    /// Of each receiver; one that is not here is told at any time.
    pub receivers: BTreeMap<Name, ReceiverConfig>,
    /// Who is told of faults of growctl and of the plant itself.
    pub system: Vec<Name>,
    /// The name of this machine.
    pub site: String,
    /// Civil times are of this zone.
    pub zone: TimeZone,
}

impl Default for BookConfig {
    fn default() -> BookConfig {
        BookConfig { receivers: BTreeMap::new(), system: Vec::new(), site: String::new(), zone: TimeZone::UTC }
    }
}

/// How one receiver wants to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReceiverConfig {
    /// When not.
    pub quiet: Option<Quiet>,
    /// How often at the most.
    pub rate: Rate,
}

/// Notes of one hour at the most; what is above is told together, later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Of those that are not critical.
    pub normal: u32,
    /// Of the critical ones.
    pub critical: u32,
}

impl Default for Rate {
    fn default() -> Rate {
        Rate { normal: 20, critical: 60 }
    }
}

impl Rate {
    pub(super) fn most(self, severity: Severity) -> usize {
        // None at all would be silence for ever.
        (if severity == Severity::Critical { self.critical } else { self.normal }).max(1) as usize
    }
}

/// Hours of the day in which nothing is told that can wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quiet {
    /// From this time of day.
    pub from: Time,
    /// To this one; an earlier one is tomorrow's.
    pub to: Time,
    /// What is as bad as this, or worse, is told all the same.
    pub except: Severity,
}

impl Quiet {
    /// When they end, if they rule now and for a note as bad as this.
    pub(super) fn until(&self, now: Timestamp, severity: Severity, zone: &TimeZone) -> Option<Mono> {
        if severity >= self.except || self.from == self.to {
            return None;
        }
        let civil = jiff::Timestamp::from_nanosecond(i128::from(now.utc.0)).ok()?.to_zoned(zone.clone());
        let time = civil.time();
        let rules = match self.from < self.to {
            true => (self.from..self.to).contains(&time),
            false => time >= self.from || time < self.to,
        };
        if !rules {
            return None;
        }
        let day = if time < self.to { civil.date() } else { civil.date().tomorrow().ok()? };
        let end = day.to_datetime(self.to).to_zoned(zone.clone()).ok()?.timestamp();
        let left = u64::try_from(end.as_nanosecond() - i128::from(now.utc.0)).unwrap_or(0);
        // The hour that a clock change skips or doubles may leave the end in the past.
        Some(now.mono + Duration::from_nanos(left.max(1_000_000_000)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Utc;

    #[test]
    fn quiet_hours_are_civil_wrap_midnight_and_let_pass_what_is_bad_enough() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let time = |text: &str| text.parse::<Time>().unwrap();
        let quiet = Quiet { from: time("22:00"), to: time("06:00"), except: Severity::Critical };
        let at = |text: &str| {
            let utc = text.parse::<jiff::civil::DateTime>().unwrap().to_zoned(zone.clone()).unwrap().timestamp();
            Timestamp { mono: Mono(0), utc: Utc(utc.as_nanosecond() as i64) }
        };
        let hours = |text: &str| {
            let until = quiet.until(at(text), Severity::Warning, &zone);
            until.map(|until| until.since(Mono(0)).as_secs_f64() / 3600.0)
        };
        assert_eq!(hours("2026-03-10 23:00:00"), Some(7.0));
        assert_eq!(hours("2026-03-10 05:30:00"), Some(0.5));
        assert_eq!((hours("2026-03-10 06:00:00"), hours("2026-03-10 21:59:59")), (None, None));
        // The night in which 2 o'clock is skipped is an hour shorter.
        assert_eq!(hours("2026-03-28 23:00:00"), Some(6.0));
        assert_eq!(quiet.until(at("2026-03-10 23:00:00"), Severity::Critical, &zone), None);
    }
}
