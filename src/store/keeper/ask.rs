//! What people ask about the outbox, and want of it. What waits to be written is written first, so that they see it.

use std::time::Duration;

use crate::model::{Class, Name};

use super::super::database::{Database, Loaded};
use super::super::outbox::{OutboxAsk, OutboxRow, Posted, RowState};
use super::super::shared::lock;
use super::super::trouble::Trouble;
use super::Keeper;

/// Dead letters are kept as long.
const KEEP_DEAD: Duration = Duration::from_secs(90 * 24 * 3600);
/// Dead letters forgotten in one step.
const FORGET_STEP: usize = 500;
/// Why they are.
const TOO_OLD: &str = "dead letter older than 90 days";

impl Keeper {
    /// Answers one question; whoever asked may have gone, then the answer is nobody's.
    pub(super) fn answer_outbox(&mut self, asked: OutboxAsk) {
        self.take_posts();
        if self.outbox_has_work() && !self.failing && !self.off {
            self.commit();
        }
        let now = self.now().utc;
        match asked {
            OutboxAsk::List { to, state, limit, answer } => {
                let _ = answer.send(self.list(to.as_ref(), state, limit));
            }
            OutboxAsk::Show(id, answer) => {
                let _ = answer.send(self.show(id));
            }
            OutboxAsk::Retry(which, answer) => {
                let _ = answer.send(self.change(|database, into| database.retry(&which, now, into)));
            }
            OutboxAsk::Drop { which, force, answer } => {
                let _ = answer.send(self.change(|database, into| database.remove(&which, force, into)));
            }
            OutboxAsk::Stats(answer) => {
                let _ = answer.send(self.read(Database::outlets));
            }
        }
    }

    fn list(&self, to: Option<&Name>, state: Option<RowState>, limit: usize) -> Result<Vec<OutboxRow>, String> {
        let rows = self.read(|database| database.outbox_rows(to.map(|to| &**to), state, limit));
        let wanted = |posted: &&Posted| state.is_none() && to.is_none_or(|to| posted.outgoing.to == *to);
        let memory: Vec<OutboxRow> = self.posted().iter().filter(wanted).map(in_memory).collect();
        let mut rows = if memory.is_empty() { rows? } else { rows.unwrap_or_default() };
        let room = limit.saturating_sub(rows.len());
        rows.extend(memory.into_iter().take(room));
        Ok(rows)
    }

    fn show(&self, id: i64) -> Result<Option<OutboxRow>, String> {
        if id > 0 {
            return self.read(|database| database.outbox_row(id));
        }
        let posted = self.posted().iter().find(|posted| posted.tried.as_ref().is_some_and(|(handed, _)| *handed == id));
        Ok(posted.map(|posted| OutboxRow { body: Some(posted.outgoing.body.clone()), ..in_memory(posted) }))
    }

    fn read<T>(&self, what: impl FnOnce(&Database) -> Result<T, Trouble>) -> Result<T, String> {
        let Some(database) = &self.database else { return Err(self.no_database()) };
        what(database).map_err(|trouble| trouble.why)
    }

    fn change<T>(&mut self, what: impl FnOnce(&mut Database, &mut Loaded) -> Result<T, Trouble>) -> Result<T, String> {
        let mut into = Loaded { held: self.held(), ..Loaded::default() };
        let Some(database) = &mut self.database else { return Err(self.no_database()) };
        let done = what(database, &mut into).map_err(|trouble| trouble.why)?;
        self.changed(into);
        Ok(done)
    }

    /// Dead letters have their time as well.
    pub(super) fn forget_dead(&mut self) {
        let held = self.held();
        if held[Class::Alert].dead + held[Class::Export].dead == 0 {
            return;
        }
        let before = self.now().utc.seconds() - KEEP_DEAD.as_secs_f64();
        // What goes wrong here shows with the next post as well.
        let _ = self.change(|database, into| database.forget_dead(before, FORGET_STEP, into, TOO_OLD));
    }

    pub(super) fn no_database(&self) -> String {
        let health = lock(&self.shared.done).health.clone();
        health.trouble().map_or("the store is not open", |(why, _)| why).to_owned()
    }
}

/// What is not on disk, as a row.
fn in_memory(posted: &Posted) -> OutboxRow {
    let (outgoing, put_at) = (&posted.outgoing, posted.put_at.seconds());
    OutboxRow {
        id: posted.tried.as_ref().map_or(0, |(id, _)| *id),
        class: outgoing.class.name().to_owned(),
        to: outgoing.to.to_string(),
        at: outgoing.at.seconds(),
        key: outgoing.key.to_string(),
        body: None,
        bytes: outgoing.body.len() as u64,
        put_at,
        state: "memory".to_owned(),
        tries: u32::from(posted.tried.is_some()),
        next_try: put_at,
        error: None,
    }
}
