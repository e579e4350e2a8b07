//! Time: the event's own, in the site's time zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rhai::{Dynamic, Engine};

use crate::model::{Timestamp, Utc, parse_duration};

use super::{Answer, Notes, Shared, fail, not_good, number};

pub(super) fn register(engine: &mut Engine, shared: &Shared) {
    let notes = shared.clone();
    engine.register_fn("now", move || notes.with(|notes| notes.now.utc.seconds()));
    let notes = shared.clone();
    engine.register_fn("between", move |from: &str, to: &str| {
        let (from, to) = (parse_time_of_day(from)?, parse_time_of_day(to)?);
        let second = i64::from(notes.with(|notes| civil(notes).map(|now| seconds_of_day(now.time())))?);
        Ok::<_, Box<rhai::EvalAltResult>>(is_between(second, from, to))
    });
    let notes = shared.clone();
    engine.register_fn("today", move || notes.with(|notes| civil(notes).map(|now| now.date().to_string())));
    let notes = shared.clone();
    engine.register_fn("days_since", move |date: &str| {
        let date = parse_date(date)?;
        notes.with(|notes| civil(notes).map(|now| days_between(date, now.date())))
    });
    let notes = shared.clone();
    engine.register_fn("ramp", move |from: Dynamic, to: Dynamic, over: &str| {
        let (from, to) = (number("from", &from)?, number("to", &to)?);
        let over = parse_duration(over)?.as_secs_f64();
        let Some(elapsed) = notes.with(elapsed) else { return not_good() };
        Ok(if elapsed < over { from + (to - from) * (elapsed / over) } else { to })
    });
    let notes = shared.clone();
    engine.register_fn("runs", move |span: &str| notes.with(|notes| runs(notes, span)));
    // Rhai's own `sleep` takes exactly these types, and an exact match goes before one of any type.
    engine.register_fn("sleep", |_: i64| fail::<()>("scripts cannot sleep: use `for` or `schedule`"));
    engine.register_fn("sleep", |_: f64| fail::<()>("scripts cannot sleep: use `for` or `schedule`"));
}

/// Seconds since the episode began; `None` while it has not.
fn elapsed(notes: &mut Notes) -> Option<f64> {
    let Timestamp { mono, .. } = notes.begun?;
    Some(notes.now.mono.since(mono).as_secs_f64())
}

fn runs(notes: &Notes, span: &str) -> Answer<i64> {
    let planned = notes.plan.runs.iter().position(|(text, _)| *text == span);
    match planned.and_then(|at| notes.runs.get(at)) {
        Some(count) => Ok(*count as i64),
        // Only by a call that the walk at load cannot see, as Fn("runs").call(…).
        None => fail("`runs` must be called by its name with a constant span"),
    }
}

fn civil(notes: &Notes) -> Answer<jiff::Zoned> {
    let zone = notes.zone.clone().unwrap_or(TimeZone::UTC);
    let Utc(nanos) = notes.now.utc;
    match jiff::Timestamp::from_nanosecond(i128::from(nanos)) {
        Ok(at) => Ok(at.to_zoned(zone)),
        Err(error) => fail(format!("the clock is out of range: {error}")),
    }
}

fn seconds_of_day(time: jiff::civil::Time) -> i32 {
    i32::from(time.hour()) * 3_600 + i32::from(time.minute()) * 60 + i32::from(time.second())
}

/// `from` belongs to it, `to` does not; where `to` is not after `from` it wraps midnight.
fn is_between(second: i64, from: i64, to: i64) -> bool {
    if from < to { (from..to).contains(&second) } else { second >= from || second < to }
}

fn days_between(from: Date, to: Date) -> i64 {
    // Both dates are of the years that jiff knows, so the difference in days cannot fail.
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// Seconds after midnight of `06:00`, `06:00:30` or `24:00`.
pub(in super::super) fn parse_time_of_day(text: &str) -> Result<i64, String> {
    let wrong = || format!("'{text}' is not a time of day; write it as 06:00");
    let parts: Vec<&str> = text.split(':').collect();
    let two = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(parts.len(), 2 | 3) || !parts.iter().all(two) {
        return Err(wrong());
    }
    let numbers: Vec<i64> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    let (hour, minute, second) = (numbers[0], numbers[1], numbers.get(2).copied().unwrap_or(0));
    let total = hour * 3_600 + minute * 60 + second;
    if minute > 59 || second > 59 || total > 86_400 { Err(wrong()) } else { Ok(total) }
}

/// A date as `2026-01-31`.
pub(in super::super) fn parse_date(text: &str) -> Result<Date, String> {
    text.trim().parse().map_err(|_| format!("'{text}' is not a date; write it as 2026-01-31"))
}
