//! What people do to alerts: acknowledge, silence, end a silence.

use std::collections::BTreeSet;

use crate::model::{Mono, Name, Timestamp};

use super::SilenceWish;
use super::alert::Why;
use super::book::{Book, Key};
use super::event::BookOut;
use super::silence::Silence;

impl Book {
    /// Somebody has seen to it: nothing of it is repeated or escalated any more. Gives which alerts were meant: rule and
    /// instance.
    ///
    /// # Errors
    /// No alert that fires is meant; what fires.
    pub fn acknowledge(
        &mut self,
        now: Timestamp,
        which: &str,
        by: &str,
        out: &mut Vec<BookOut>,
    ) -> Result<Vec<Key>, String> {
        let keys = self.meant(which)?;
        let by = Name::from(by);
        for key in &keys {
            let Some(alert) = self.alerts.get_mut(key).filter(|alert| alert.acknowledged.is_none()) else { continue };
            alert.acknowledged = Some((by.clone(), now.mono));
            let episode = alert.episode(key);
            self.desks.values_mut().for_each(|desk| {
                desk.withdraw(&episode, false);
            });
            self.unsaved.alerts.insert(key.clone());
            self.unsaved.all_desks(&self.desks);
            self.note_change(now, key, "acknowledged", &BTreeSet::new(), Some(&by), out);
            self.publish(now, key, out);
        }
        self.look_ahead(now);
        Ok(keys)
    }

    /// The alerts that fire and are meant.
    fn meant(&self, which: &str) -> Result<Vec<Key>, String> {
        let which = which.trim();
        if which.eq_ignore_ascii_case("all") {
            return Ok(self.firing().cloned().collect());
        }
        let is = |(rule, instance): &Key| which == &**rule || which == format!("{rule}/{instance}");
        let named: Vec<Key> = self.firing().filter(|key| is(key)).cloned().collect();
        if !named.is_empty() {
            return Ok(named);
        }
        let mut keys = Vec::new();
        for word in which.split([' ', ',', ';']).filter(|word| !word.is_empty()) {
            let is = |code: &Name| !code.is_empty() && code.eq_ignore_ascii_case(word);
            match self.alerts.iter().find(|(_, alert)| is(&alert.code)) {
                Some((key, _)) => keys.push(key.clone()),
                None => return Err(self.nothing_is(word)),
            }
        }
        if keys.is_empty() { Err(self.nothing_is(which)) } else { Ok(keys) }
    }

    fn nothing_is(&self, which: &str) -> String {
        let fires: Vec<String> = self
            .alerts
            .iter()
            .filter(|(_, a)| a.fires)
            .take(10)
            .map(|(key, a)| format!("{} ({})", a.code, key.0))
            .collect();
        match fires.as_slice() {
            [] => format!("no alert `{which}` fires; none does"),
            _ => format!("no alert `{which}` fires; these do: {}", fires.join(", ")),
        }
    }

    /// Nothing is told of such alerts for a while: what waits is taken back, and told when it ends, if it still fires. Gives
    /// the silence's id.
    pub fn silence(&mut self, now: Timestamp, wish: SilenceWish, out: &mut Vec<BookOut>) -> Name {
        let taken = |id: &str| self.silences.iter().any(|silence| *silence.id == *id);
        let id = (1..).map(|n: u32| format!("s{n}")).find(|id| !taken(id)).unwrap_or_default();
        let id = Name::from(id);
        let SilenceWish { matchers, span, by, reason } = wish;
        let meant: Vec<Key> = self
            .alerts
            .iter()
            .filter(|((rule, instance), alert)| alert.fires && matchers.matches(rule, instance, &alert.raised))
            .map(|(key, _)| key.clone())
            .collect();
        self.silences.push(Silence { id: id.clone(), matchers, until: now.mono + span, by: by.clone(), reason });
        self.unsaved.silences = true;
        for key in meant {
            self.fall_silent(&key);
            self.note_change(now, &key, "silenced", &BTreeSet::new(), Some(&by), out);
            self.publish(now, &key, out);
        }
        self.look_ahead(now);
        id
    }

    /// Ends a silence; `false` if there is none of that id.
    pub fn unsilence(&mut self, now: Timestamp, id: &str, out: &mut Vec<BookOut>) -> bool {
        let before = self.silences.len();
        self.silences.retain(|silence| *silence.id != *id);
        let ended = self.silences.len() < before;
        if ended {
            self.unsaved.silences = true;
            self.work_all(now, out);
        }
        self.look_ahead(now);
        ended
    }

    /// What waits to be told of an alert that fires is taken back; who has not been told will be, when it may be heard again.
    pub(super) fn fall_silent(&mut self, key: &Key) {
        let Some(alert) = self.alerts.get_mut(key).filter(|alert| alert.fires) else { return };
        let episode = alert.episode(key);
        for (receiver, desk) in &mut self.desks {
            if desk.withdraw(&episode, true) && !alert.told.contains(receiver) {
                alert.owed.insert(receiver.clone());
            }
        }
        self.unsaved.alerts.insert(key.clone());
        self.unsaved.all_desks(&self.desks);
    }

    pub(super) fn end_silences(&mut self, now: Timestamp) {
        let before = self.silences.len();
        self.silences.retain(|silence| silence.until > now.mono);
        self.unsaved.silences |= self.silences.len() < before;
    }

    /// Why nothing is told of an alert, if so.
    pub(super) fn silent(&self, key: &Key, now: Mono) -> Option<Why> {
        let alert = self.alerts.get(key).filter(|alert| alert.fires)?;
        let silences = self.silences.iter().filter(|silence| silence.until > now);
        let longest = silences.filter(|silence| silence.matchers.matches(&key.0, &key.1, &alert.raised));
        let longest = longest.max_by_key(|silence| silence.until);
        if let Some(Silence { until, by, reason, .. }) = longest {
            return Some(Why::Silence { until: *until, by: by.clone(), reason: reason.clone() });
        }
        self.hides(&alert.raised).map(|bus| Why::Bus(bus.clone()))
    }
}
