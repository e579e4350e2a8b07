//! The Core over a change of the site's files: one step, from one whole state to another.

use std::sync::Arc;

use crate::alerts::BookConfig;
use crate::app::Output;
use crate::channels::ChannelMap;
use crate::model::{CommandsFrom, Name, Timestamp};
use crate::rules::{Edited, Rulebook};

use super::Core;

/// Another state of the site's files, on its way into a running Core.
#[derive(Debug)]
pub struct Next {
    /// The channel map, if it is another one.
    pub map: Option<Arc<ChannelMap>>,
    /// The rules, and what every decision from now on carries.
    pub book: Rulebook,
    /// Which clients may command devices.
    pub commands_from: CommandsFrom,
    /// How people want to be told; `None`: as before.
    pub alerts: Option<BookConfig>,
}

impl Core {
    /// Goes over to another state of the files, in one step: what the rules as they were have to say goes out under their
    /// revision, and devices see the net effect.
    pub fn reload(&mut self, now: Timestamp, next: Next, out: &mut Vec<Output>) -> Edited {
        self.advance(now, out);
        self.guard.hold(self.now, &mut self.device_outs);
        let before = self.last.share();
        if next.map.is_some() {
            self.last.refit(self.engine.inventory(), next.book.inventory());
        }
        let edited = self.engine.reload(self.now, next.book, (&before, &self.last), &mut self.intents);
        drop(before);
        let new = self.intents.split_off(edited.last_words);
        self.take_intents(None, out);
        if let Some(map) = next.map {
            self.gateway.reload(&map, self.now);
            self.greet_anew(&map, out);
            self.guard.reload(self.now, &map, &mut self.device_outs);
            self.place_anew(&map);
        }
        self.guard.take_commands_from(next.commands_from);
        if let Some(alerts) = next.alerts {
            self.book.take_config(self.now, alerts);
        }
        self.intents.extend(new);
        self.take_intents(None, out);
        self.guard.release_held(self.now, &mut self.device_outs);
        self.settle(out);
        // What the rules as they are do not go on with is over.
        self.tick_book(out);
        edited
    }

    /// The same files under another name, as after a commit: nothing else happens.
    pub fn carry(&mut self, now: Timestamp, revision: Name, out: &mut Vec<Output>) {
        self.advance(now, out);
        self.engine.carry(revision);
    }
}
