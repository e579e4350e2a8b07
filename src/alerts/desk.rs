//! What waits to be told to one receiver, and when it may go: a storm is gathered, quiet hours and the rate are kept. What has
//! passed all of that goes out together, in one note of what fires and one of what has ended.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{AlertEnd, Mono, Note, Severity, Standing, Timestamp};

use super::config::{BookConfig, ReceiverConfig};
use super::item::{Episode, Item, Kind, note};

/// The first goes at once; what comes within this after it is gathered.
pub(super) const STORM: Duration = Duration::from_secs(30);
/// Rates are of an hour.
const HOUR: Duration = Duration::from_secs(3600);
/// Quiet hours end by the civil clock, which may be set: it is looked at this often.
const LOOK: Duration = Duration::from_secs(60);

/// Since a note went out, what is no worse waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) until: Mono,
    pub(super) severity: Severity,
}

/// One receiver's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Desk {
    pub(super) items: Vec<Item>,
    pub(super) firing: Option<Window>,
    pub(super) ended: Option<Window>,
    /// Notes of the last hour, and whether each was critical.
    pub(super) sent: VecDeque<(Mono, bool)>,
}

/// Why something is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Storm,
    Quiet,
    Rate,
}

impl Desk {
    /// Something more to tell; `knows`: the receiver has been told of this episode. It joins what waits of it already.
    pub(super) fn put(&mut self, item: Item, knows: bool) {
        let known = self.items.iter().position(|known| known.episode == item.episode);
        let Some(at) = known else {
            // Who has not been told that it began need not be told that it is over.
            if item.kind.fires() || knows {
                self.items.push(item);
            }
            return;
        };
        let kind = match (self.items[at].kind, item.kind) {
            (Kind::Began, Kind::Repeat(_) | Kind::Escalated) => Kind::Began,
            (Kind::Escalated, Kind::Repeat(_) | Kind::Began) => Kind::Escalated,
            (_, Kind::Ended(AlertEnd::Changed | AlertEnd::Disabled)) if !knows => {
                self.items.remove(at);
                return;
            }
            (Kind::Began | Kind::Escalated, Kind::Ended(how)) if !knows => Kind::Passed(how),
            (_, kind) => kind,
        };
        self.items[at] = Item { kind, ..item };
    }

    /// Takes back what has not been told of an alert that fires: all of it, or what only repeats and escalates. Whether the
    /// receiver would have learnt of it by that.
    pub(super) fn withdraw(&mut self, episode: &Episode, all: bool) -> bool {
        let is =
            |item: &Item| item.episode == *episode && item.kind.fires() && (all || !matches!(item.kind, Kind::Began));
        let Some(at) = self.items.iter().position(is) else { return false };
        !matches!(self.items.remove(at).kind, Kind::Repeat(_))
    }

    /// When an item may go, and what holds it back until then.
    fn gate(&self, item: &Item, now: Timestamp, config: (&ReceiverConfig, &BookConfig)) -> Option<(Mono, Held)> {
        let urgency = item.urgency();
        let (receiver, book) = config;
        let window = if item.kind.fires() { self.firing } else { self.ended };
        let storm = window.filter(|window| window.until > now.mono && urgency <= window.severity);
        let storm = storm.map(|window| (window.until, Held::Storm));
        let quiet = receiver.quiet.and_then(|quiet| quiet.until(now, urgency, &book.zone));
        let quiet = quiet.map(|until| (until.min(now.mono + LOOK), Held::Quiet));
        let rate = self.rate(item, now, receiver).map(|until| (until, Held::Rate));
        [storm, quiet, rate].into_iter().flatten().max_by_key(|(at, _)| *at)
    }

    /// When the hour has room for it, if it has none now.
    fn rate(&self, item: &Item, now: Timestamp, receiver: &ReceiverConfig) -> Option<Mono> {
        let urgency = item.urgency();
        let is = |critical: bool| critical == (urgency == Severity::Critical);
        let mut sent = self.sent.iter().filter(|(at, critical)| is(*critical) && *at + HOUR > now.mono);
        let (most, many) = (receiver.rate.most(urgency), sent.clone().count());
        (many >= most).then(|| sent.nth(many - most)).flatten().map(|(at, _)| *at + HOUR)
    }

    /// When something may go next.
    pub(super) fn deadline(&self, now: Timestamp, config: (&ReceiverConfig, &BookConfig)) -> Option<Mono> {
        self.items.iter().map(|item| self.gate(item, now, config).map_or(now.mono, |(at, _)| at)).min()
    }

    /// What holds each item back.
    pub(super) fn held(
        &self,
        now: Timestamp,
        config: (&ReceiverConfig, &BookConfig),
    ) -> impl Iterator<Item = (&Item, Option<Held>)> {
        self.items.iter().map(move |item| (item, self.gate(item, now, config).map(|(_, held)| held)))
    }

    /// Notes of what may go now, with what each is made of.
    pub(super) fn flush(&mut self, now: Timestamp, config: (&ReceiverConfig, &BookConfig)) -> Vec<(Note, Vec<Item>)> {
        while self.sent.front().is_some_and(|(at, _)| *at + HOUR <= now.mono) {
            self.sent.pop_front();
        }
        // What may go is known before the first note closes the way for the rest.
        let goes = |item: &Item| self.gate(item, now, config).is_none();
        let (mut go, mut stay): (Vec<Item>, Vec<Item>) = self.items.iter().cloned().partition(goes);
        let mut notes = Vec::new();
        for standing in [Standing::Firing, Standing::Resolved, Standing::NoData] {
            let (of, others): (Vec<Item>, Vec<Item>) = go.into_iter().partition(|i| i.kind.standing() == standing);
            go = others;
            let (of, late): (Vec<Item>, Vec<Item>) =
                of.into_iter().partition(|i| self.rate(i, now, config.0).is_none());
            stay.extend(late);
            let Some(note) = note(of.clone(), now, &config.1.site, &config.1.zone) else { continue };
            self.sent.push_back((now.mono, note.severity == Severity::Critical));
            notes.push((note, of));
        }
        self.items = stay;
        for (note, _) in &notes {
            let window = if note.standing == Standing::Firing { &mut self.firing } else { &mut self.ended };
            let new = Window { until: now.mono + STORM, severity: note.severity };
            // What is worse passes a storm; the rest does not wait longer for that.
            let open = window.filter(|open| open.until > now.mono);
            *window = Some(open.map_or(new, |open| Window { severity: open.severity.max(new.severity), ..open }));
        }
        notes
    }
}
