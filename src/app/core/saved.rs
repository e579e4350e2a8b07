//! The Core over a restart: what its parts want kept, and what they get back.

use crate::app::Output;
use crate::app::output::Notice;
use crate::model::{Saved, Timestamp};

use super::Core;

impl Core {
    /// Hands over what is to be kept and has changed since the last call; after [`Core::stop`], all of it.
    pub fn drain_saved(&mut self, into: &mut Vec<Saved>) {
        self.engine.drain_saved(self.now, into);
        self.guard.drain_saved(self.now, into);
        self.book.drain_saved(self.now, into);
    }

    /// Takes up what was kept. Right after [`Core::new`]: what devices are asked for again goes out with [`Core::start`].
    pub fn restore(&mut self, now: Timestamp, rows: Vec<Saved>, out: &mut Vec<Output>) {
        self.advance(now, out);
        let mut unread = self.guard.restore(self.now, &rows);
        unread.extend(self.book.restore(self.now, &rows));
        out.extend(unread.into_iter().map(|why| Output::Notice(Notice::Unread(why))));
        self.engine.restore(self.now, rows, &self.last, &mut self.intents);
        self.settle(out);
        let (book, engine) = (&mut self.book, &self.engine);
        book.end_unless(self.now, |key| engine.alert_lasts(key), &mut self.book_outs);
        self.settle(out);
    }
}
