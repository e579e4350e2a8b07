//! The book of alerts in the Core: what rules and the plant tell it, what people do to it, and what it says.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alerts::{AlertEvent, BookConfig, BookOut, BookStatus, SilenceWish};
use crate::app::Output;
use crate::can::BusId;
use crate::channels::ChannelMap;
use crate::model::{AlertAsk, Name, Origin, Provenance, Raised, Severity, SourceKind, Timestamp};

use super::trail::Trail;
use super::{Core, Hop, MOST_HOPS, message};

/// The names of the buses, and which of them each node is on.
#[derive(Debug, Default)]
pub(super) struct Places {
    buses: Vec<Name>,
    nodes: BTreeMap<Name, Name>,
}

impl Places {
    pub(super) fn of(map: &ChannelMap) -> Places {
        let buses: Vec<Name> = map.buses.iter().map(|bus| bus.name.clone()).collect();
        let nodes = map.nodes.iter().filter(|node| node.source.kind == SourceKind::Node);
        let bus = |bus: BusId| buses.get(usize::from(bus.0)).cloned();
        let nodes = nodes.filter_map(|node| Some((node.source.name.clone(), bus(node.bus)?))).collect();
        Places { buses, nodes }
    }
}

impl Core {
    /// How people want to be told, from now on. What is waiting for them stays, and nothing is told twice.
    pub fn take_book_config(&mut self, now: Timestamp, config: BookConfig, out: &mut Vec<Output>) {
        self.advance(now, out);
        self.book.take_config(self.now, config);
    }

    /// How alerts, silences and waiting notes stand.
    pub fn alerts(&mut self, now: Timestamp, out: &mut Vec<Output>) -> BookStatus {
        self.advance(now, out);
        self.book.status(self.now)
    }

    /// A person has seen to alerts, by their codes, their rule, or all of them; which those were: rule and instance.
    ///
    /// # Errors
    /// No alert that fires is meant; what fires.
    pub fn acknowledge(
        &mut self,
        now: Timestamp,
        which: &str,
        by: &str,
        out: &mut Vec<Output>,
    ) -> Result<Vec<(Name, Name)>, String> {
        self.advance(now, out);
        let meant = self.book.acknowledge(self.now, which, by, &mut self.book_outs);
        self.settle(out);
        meant
    }

    /// A person wants to hear nothing of some alerts for a while; by which id that is ended.
    pub fn silence(&mut self, now: Timestamp, wish: SilenceWish, out: &mut Vec<Output>) -> Name {
        self.advance(now, out);
        let id = self.book.silence(self.now, wish, &mut self.book_outs);
        self.settle(out);
        id
    }

    /// Ends a silence; `false` if there is none of that id.
    pub fn unsilence(&mut self, now: Timestamp, id: &str, out: &mut Vec<Output>) -> bool {
        self.advance(now, out);
        let ended = self.book.unsilence(self.now, id, &mut self.book_outs);
        // What may be heard again goes out at once.
        self.book.step(self.now, AlertEvent::Tick, &mut self.book_outs);
        self.settle(out);
        ended
    }

    /// A bus takes no frames; [`Core::connected`] says that it does again.
    pub fn disconnected(&mut self, now: Timestamp, bus: BusId, out: &mut Vec<Output>) {
        self.advance(now, out);
        let Some(name) = self.places.buses.get(usize::from(bus.0)).cloned() else { return };
        self.book.step(self.now, AlertEvent::BusDown(&name), &mut self.book_outs);
        self.settle(out);
    }

    pub(super) fn bus_is_up(&mut self, bus: BusId, out: &mut Vec<Output>) {
        let Some(name) = self.places.buses.get(usize::from(bus.0)).cloned() else { return };
        self.book.step(self.now, AlertEvent::BusUp(&name), &mut self.book_outs);
        self.settle(out);
    }

    /// Something of growctl itself is wrong, such as `store` or `outbox influx`, or (`None`) is not any more: those that
    /// growctl.yaml names under `alerts: system:` are told.
    pub fn trouble(&mut self, now: Timestamp, what: &str, trouble: Option<(Severity, String)>, out: &mut Vec<Output>) {
        self.advance(now, out);
        let trouble = trouble.map(|(severity, summary)| (severity, summary.into()));
        self.book.step(self.now, AlertEvent::System { what: &what.into(), trouble }, &mut self.book_outs);
        self.settle(out);
    }

    pub(super) fn system_alert(&mut self, what: String, trouble: Option<(Severity, Name)>) {
        self.book.step(self.now, AlertEvent::System { what: &what.into(), trouble }, &mut self.book_outs);
    }

    /// What a rule says of its alert.
    pub(super) fn alert(&mut self, origin: &Origin, ask: AlertAsk) {
        let Origin { rule, instance, .. } = origin;
        let event = match ask {
            AlertAsk::Pending(raised) => AlertEvent::Pending { rule, instance, raised: self.placed(*raised) },
            AlertAsk::Raise(raised) => AlertEvent::Began { rule, instance, raised: self.placed(*raised) },
            AlertAsk::End(how) => AlertEvent::Ended { rule, instance, how },
        };
        self.book.step(self.now, event, &mut self.book_outs);
    }

    fn placed(&self, mut raised: Raised) -> Raised {
        if let Some(bus) = self.places.nodes.get(&raised.about.node) {
            raised.about.bus = bus.clone();
        }
        raised
    }

    /// Everything of the book that is due now. What is said again is said in the words of the last good message.
    pub(super) fn tick_book(&mut self, out: &mut Vec<Output>) {
        for key in self.book.worded_now(self.now.mono) {
            if let Some(summary) = self.engine.summary(self.now, &key, &self.last) {
                let (rule, instance) = (&key.0, &key.1);
                self.book.step(self.now, AlertEvent::Said { rule, instance, summary }, &mut self.book_outs);
            }
        }
        self.book.step(self.now, AlertEvent::Tick, &mut self.book_outs);
        self.settle(out);
    }

    /// After another map was put in place.
    pub(super) fn place_anew(&mut self, map: &ChannelMap) {
        let places = Places::of(map);
        for bus in std::mem::replace(&mut self.places, places).buses {
            if !self.places.buses.contains(&bus) {
                self.book.step(self.now, AlertEvent::BusUp(&bus), &mut self.book_outs);
            }
        }
    }

    pub(super) fn take_book_outs(&mut self, hop: u8, trail: Option<&Arc<Trail>>, out: &mut Vec<Output>) {
        let mut outs = std::mem::take(&mut self.book_outs);
        for book_out in outs.drain(..) {
            match book_out {
                BookOut::Tell { receiver, note } => {
                    self.counts.notes += 1;
                    out.push(Output::Tell { at: self.now, receiver, note });
                }
                BookOut::Changed(change) => out.push(Output::AlertChange(change)),
                BookOut::Publish { rule, fields } => {
                    let channel = Name::from(format!("alert:update:{rule}"));
                    // A circle through an alert stops as one through publications does.
                    if let Some(trail) = trail.filter(|_| hop > MOST_HOPS) {
                        self.refuse_circle(trail, channel, out);
                        continue;
                    }
                    let mut message = message(channel, Provenance::System, hop, fields);
                    message.broad = Some("alert:update".into());
                    let delivery = self.router.stamp(self.now, message);
                    self.queue.push_back(Hop { delivery, trail: trail.cloned() });
                }
            }
        }
        self.book_outs = outs;
    }
}
