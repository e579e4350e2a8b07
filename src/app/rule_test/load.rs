//! From a test file to tests: every fault is shown where it was written.

use std::sync::Arc;
use std::time::Duration;

use crate::files::{Place, Report, SourceFile, Spanned, read};
use crate::model::{Name, Utc, parse_duration};

use super::super::settings::check_location;
use super::Bench;
use super::input::Input;
use super::moment::{Calendar, civil};
use super::spec::{FileSpec, TestSpec};
use super::test::{Cast, Happening, Test};

/// Where a test without `start` begins.
const START: &str = "2026-01-01 12:00:00";
/// How long a test without `until` goes on behind the last thing that is written.
const LINGER: Duration = Duration::from_secs(1);
/// Longer tests are a slip: everything in them happens, event by event.
const LONGEST: Duration = Duration::from_secs(400 * 86_400);

/// One test on its way.
pub(super) struct Loading<'a> {
    pub(super) bench: &'a Bench<'a>,
    pub(super) file: &'a Arc<SourceFile>,
    pub(super) report: &'a mut Report,
    pub(super) calendar: Calendar,
    pub(super) cast: Cast,
    /// The latest moment that is written.
    pub(super) last: Duration,
}

/// Reads and checks a test file; `None` if there were errors.
pub(super) fn load(bench: &Bench<'_>, file: &Arc<SourceFile>, report: &mut Report) -> Option<Vec<Test>> {
    let before = report.errors();
    let spec: FileSpec = read(file, report)?;
    let mut zone = bench.settings.zone.clone();
    if let Some(name) = &spec.time_zone {
        match jiff::tz::TimeZone::get(name) {
            Ok(found) => zone = found,
            Err(error) => {
                let message = format!("unknown time zone: {error}; expected one such as Europe/Amsterdam");
                report.error(file, name.place, message);
            }
        }
    }
    let own = spec.location.as_ref().and_then(|location| check_location(file, location, report));
    let location = own.or(bench.settings.location);
    if spec.tests.is_empty() {
        report.warning(file, Place::default(), "has no tests").help("`tests:` is a list, see docs/rule-tests.md");
    }
    let mut tests: Vec<Test> = Vec::new();
    for one in &spec.tests {
        if let Some(twin) = tests.iter().find(|test| test.name == one.name.value) {
            report.error(file, one.name.place, format!("the test of line {} has the same name", twin.line));
        }
        let calendar = Calendar { zone: zone.clone(), start: Utc(0) };
        let mut loading = Loading { bench, file, report, calendar, cast: Cast::default(), last: Duration::ZERO };
        tests.push(loading.test(one, location));
    }
    (report.errors() == before).then_some(tests)
}

impl Loading<'_> {
    fn test(&mut self, spec: &TestSpec, location: Option<(f64, f64)>) -> Test {
        let start = spec.start.as_ref().map_or(START, |start| start.as_str());
        let place = spec.start.as_ref().map_or(spec.name.place, |start| start.place);
        self.calendar.start = self.right(place, civil(start, &self.calendar.zone)).unwrap_or_default();
        let with = self.with(spec);
        let every = spec.every.as_ref().and_then(|every| self.period(every));
        let inputs = spec.input.iter().flat_map(|input| self.input(input, every)).collect::<Vec<_>>();
        self.distinct(&inputs);
        let mut events: Vec<(Duration, Happening)> =
            spec.events.iter().filter_map(|event| self.event(event, &inputs)).collect();
        events.sort_by_key(|(at, _)| *at);
        let expect = spec.expect.as_ref().map(|expect| self.expect(expect));
        let commands = spec.commands.as_ref().map(|commands| self.commands(commands));
        if expect.is_none() && commands.is_none() {
            let message = "the test compares nothing: it has neither `expect` nor `commands`";
            self.report.error(self.file, spec.name.place, message).help("`expect: []` if the rule is to do nothing");
        }
        let ends = inputs.iter().filter(|input| !input.is_endless());
        let ends = ends
            .map(|input| input.every.saturating_mul(u32::try_from(input.len()).unwrap_or(u32::MAX).saturating_sub(1)));
        self.last = ends.chain([self.last]).max().unwrap_or_default();
        Test {
            name: spec.name.value.clone(),
            line: spec.name.place.line,
            calendar: self.calendar.clone(),
            location,
            with,
            cast: std::mem::take(&mut self.cast),
            until: self.until(spec, &inputs),
            inputs,
            events,
            expect,
            commands,
        }
    }

    fn until(&mut self, spec: &TestSpec, inputs: &[Input]) -> Duration {
        let Some(until) = &spec.until else {
            if self.last.is_zero() && inputs.iter().any(Input::is_endless) {
                let message = "nothing says how long the test goes on: `x*` has no end";
                self.report.error(self.file, spec.name.place, message).help("add `until: 10m`");
            }
            return self.last + LINGER;
        };
        let Some(at) = self.moment(until) else { return Duration::ZERO };
        if at < self.last {
            let message = "the test ends before the last thing that is written in it";
            self.report.warning(self.file, until.place, message);
        }
        at
    }

    fn with(&mut self, spec: &TestSpec) -> Vec<Name> {
        let mut with = Vec::new();
        for name in spec.with.iter().flat_map(|names| names.iter()) {
            let known = self.bench.names();
            if known.clone().any(|known| *known == *name.value) {
                with.push(Name::from(name.as_str()));
            } else {
                let message = format!("there is no rule `{}`", name.value);
                self.report.error(self.file, name.place, message).did_you_mean(name, known);
            }
        }
        with
    }

    /// A moment of the test; the latest is kept, as the test goes on until then.
    pub(super) fn moment(&mut self, text: &Spanned<String>) -> Option<Duration> {
        let at = self.right(text.place, self.calendar.after(text))?;
        if at > LONGEST {
            self.report.error(self.file, text.place, "a test lasts for 400 days at most");
            return None;
        }
        Some(at)
    }

    pub(super) fn written(&mut self, at: &Spanned<String>) -> Option<Duration> {
        let at = self.moment(at)?;
        self.last = self.last.max(at);
        Some(at)
    }

    /// A span of some length.
    pub(super) fn period(&mut self, text: &Spanned<String>) -> Option<Duration> {
        let span = parse_duration(text).and_then(|span| match span.is_zero() {
            true => Err("a spacing of no length: write it as 2s or 500ms".to_owned()),
            false => Ok(span),
        });
        self.right(text.place, span)
    }

    /// The value, or its fault in the report.
    pub(super) fn right<T>(&mut self, place: Place, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(message) => {
                self.report.error(self.file, place, message);
                None
            }
        }
    }
}
