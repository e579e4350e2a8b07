//! The scripts and conditions of a rule file: compiled, and what they name gathered with its place.

use std::time::Duration;

use crate::files::{Place, Spanned};
use crate::model::{Name, parse_duration};

use super::super::condition::Condition;
use super::super::host::ScriptError;
use super::super::lint::NO_SUCH_DEVICE;
use super::super::spec::OneOrMore;
use super::parts::VARIABLES;
use super::{Loading, Script, Until, scalar, traps};

/// Namespaces that only the engine publishes on.
const OURS: [&str; 4] = ["sensor:", "device:", "alert:", "system:"];

/// Whether an item of `until` is meant as a duration: it begins with a digit.
pub(super) fn is_duration(text: &str) -> bool {
    text.trim_start().starts_with(|c: char| c.is_ascii_digit())
}

impl Loading<'_> {
    pub(super) fn script(&mut self, text: Option<&Spanned<String>>, segments: &[Name]) -> Option<Script> {
        let text = text?;
        match self.site.host.compile(text, segments, &mut self.windows) {
            Ok(script) => {
                self.gather(text, &script);
                Some(script)
            }
            Err(error) => self.refuse(text, error, segments),
        }
    }

    pub(super) fn condition(
        &mut self,
        key: &str,
        text: Option<&Spanned<String>>,
        segments: &[Name],
    ) -> Option<Condition> {
        let text = text?;
        match Condition::compile(self.site.host, text, segments, &mut self.windows) {
            Ok(mut condition) => {
                condition.settle(|line, column| {
                    let place = scalar::place(self.file, text, line, column);
                    (place.line, place.column)
                });
                self.gather(text, condition.script());
                if key == "when" && condition.names_stale() {
                    self.names.stale = scalar::find(self.file, text, "stale").or(Some(text.place));
                }
                Some(condition)
            }
            Err(error) => self.refuse(text, error, segments),
        }
    }

    /// `until`: durations and conditions.
    pub(super) fn until(&mut self, texts: &OneOrMore, segments: &[Name]) -> Until {
        let mut until = Until::default();
        for text in texts.iter() {
            if is_duration(text) {
                match parse_duration(text) {
                    Ok(Duration::ZERO) => {
                        self.report.error(
                            self.file,
                            text.place,
                            "an `until` of no length would end every episode at once",
                        );
                    }
                    Ok(after) => until.after = Some(until.after.map_or(after, |known: Duration| known.min(after))),
                    Err(message) => {
                        self.report.error(self.file, text.place, message);
                    }
                }
            } else {
                until.conditions.extend(self.condition("until", Some(text), segments));
            }
        }
        until
    }

    pub(super) fn refuse<T>(&mut self, text: &Spanned<String>, error: ScriptError, segments: &[Name]) -> Option<T> {
        let undefined = error.message.to_lowercase();
        let undefined = undefined.starts_with("undefined variable").then(|| error.message.rsplit(' ').next()).flatten();
        // A pattern that was refused may have brought it.
        if undefined.is_some() && self.unknown_segments {
            return None;
        }
        let place = error.at.map_or(text.place, |(line, column)| scalar::place(self.file, text, line, column));
        let hint = traps::hint(self.file, text, place);
        // Rhai wraps what its lexer refuses.
        let message = error.message.replace("'Unexpected '", "'").replace("''", "'");
        let mut letters = message.chars();
        let first = letters.next().map(char::to_lowercase).into_iter().flatten();
        let fault = self.report.error(self.file, place, first.chain(letters).collect::<String>());
        match (hint, undefined) {
            (None, Some(name)) => {
                fault.did_you_mean(name, segments.iter().map(|name| &**name).chain(VARIABLES));
            }
            (hint, _) => fault.help = hint,
        }
        None
    }

    /// Takes in what a script names, and checks what can be checked without the patterns.
    pub(super) fn gather(&mut self, text: &Spanned<String>, script: &Script) {
        for field in &script.fields {
            if !self.names.fields.iter().any(|(known, _)| known == field) {
                let place = scalar::find(self.file, text, &format!("msg.{field}")).unwrap_or(text.place);
                self.names.fields.push((field.clone(), place));
            }
        }
        for channel in &script.publishes {
            if let Some(own) = OURS.iter().find(|own| channel.starts_with(**own)) {
                let place = self.quoted(text, channel);
                let message = format!("rules may not publish on `{own}…`: only growctl itself speaks there");
                self.report.error(self.file, place, message).help("choose a name of your own, as `analytics:…`");
            }
        }
        let asks = script.calls.iter().any(|call| matches!(&**call, "on" | "off" | "set"));
        if asks && !script.devices.is_empty() && self.names.asks.is_none() {
            self.names.asks = scalar::find(self.file, text, "device").or(Some(text.place));
        }
        let named = if self.map { script.devices.as_slice() } else { &[] };
        for (room, device) in named {
            self.device(text, room.as_deref(), device.as_deref());
        }
    }

    /// A device that a script names must exist: in its room, or, where the room is no constant, in any.
    fn device(&mut self, text: &Spanned<String>, room: Option<&str>, device: Option<&str>) {
        let devices = &self.site.inventory.devices;
        let in_room = |wanted: &str| room.is_none_or(|room| room == wanted);
        let rooms = devices.iter().map(|key| &*key.room);
        if let Some(room) = room.filter(|room| !rooms.clone().any(|known| known == *room)) {
            let mut rooms: Vec<&str> = rooms.collect();
            rooms.dedup();
            let place = self.quoted(text, room);
            let message = NO_SUCH_DEVICE.tag(format!("there is no room `{room}` with devices"));
            self.report.error(self.file, place, message).did_you_mean(room, rooms);
            return;
        }
        let Some(device) = device else { return };
        let there: Vec<&str> = devices.iter().filter(|key| in_room(&key.room)).map(|key| &*key.device).collect();
        if !there.contains(&device) {
            let whose = room.map_or("no room has".to_owned(), |room| format!("`{room}` has no"));
            let place = self.quoted(text, device);
            let message = format!("{whose} device `{device}`").replace("has device", "has a device");
            self.report.error(self.file, place, NO_SUCH_DEVICE.tag(message)).did_you_mean(device, there);
        }
    }

    /// Where a script has a text as a constant.
    fn quoted(&self, text: &Spanned<String>, constant: &str) -> Place {
        ['"', '`', '\'']
            .iter()
            .find_map(|quote| scalar::find(self.file, text, &format!("{quote}{constant}{quote}")))
            .unwrap_or(text.place)
    }
}
