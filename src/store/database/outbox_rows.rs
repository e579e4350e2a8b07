//! The outbox as people see it: lists, one row, numbers by outlet; and what people do to it.

use std::path::Path;

use rusqlite::{Row, Transaction, TransactionBehavior, params};

use crate::model::Utc;

use super::super::MOST_ROWS;
use super::super::outbox::{OutboxRow, OutletStats, Removed, RowState, Which};
use super::super::trouble::Trouble;
use super::Database;
use super::outbox::{Loaded, SIZE, class, count, leave, number, text};

/// Rows of the outbox of a database that nobody has open, without their bodies; nothing is written.
///
/// # Errors
/// It is not there, of another version, or cannot be read.
pub fn read_outbox(
    path: &Path,
    to: Option<&str>,
    state: Option<RowState>,
    limit: usize,
) -> Result<Vec<OutboxRow>, String> {
    read(path, |database| database.outbox_rows(to, state, limit))
}

/// One row of it with its body, as [`read_outbox`].
///
/// # Errors
/// As [`read_outbox`].
pub fn read_outbox_row(path: &Path, id: i64) -> Result<Option<OutboxRow>, String> {
    read(path, |database| database.outbox_row(id))
}

/// Its outlets in numbers, as [`read_outbox`].
///
/// # Errors
/// As [`read_outbox`].
pub fn read_outbox_stats(path: &Path) -> Result<Vec<OutletStats>, String> {
    read(path, Database::outlets)
}

fn read<T>(path: &Path, what: impl FnOnce(&Database) -> Result<T, Trouble>) -> Result<T, String> {
    if !path.exists() {
        return Err(format!("{} is not there: growctl has not run on this site yet", path.display()));
    }
    Database::to_read(path).and_then(|database| what(&database)).map_err(|trouble| trouble.why)
}

const COLUMNS: &str = "id, class, target, at, key, octet_length(body), put_at, state, tries, next_try, error";

fn shown(row: &Row<'_>) -> Result<OutboxRow, rusqlite::Error> {
    let error = row.get_ref(10)?;
    Ok(OutboxRow {
        id: row.get(0)?,
        class: text(row.get_ref(1)?),
        to: text(row.get_ref(2)?),
        at: number(row.get_ref(3)?),
        key: text(row.get_ref(4)?),
        body: None,
        bytes: count(row, 5)?,
        put_at: number(row.get_ref(6)?),
        state: text(row.get_ref(7)?),
        tries: number(row.get_ref(8)?) as u32,
        next_try: number(row.get_ref(9)?),
        error: Some(text(error)).filter(|error| !error.is_empty()),
    })
}

impl Database {
    pub(in super::super) fn outbox_rows(
        &self,
        to: Option<&str>,
        state: Option<RowState>,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, Trouble> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox WHERE (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR state = ?2)
             ORDER BY id LIMIT ?3"
        );
        let mut select = self.connection.prepare(&sql)?;
        let rows = select.query_map(params![to, state.map(RowState::name), limit.min(MOST_ROWS) as i64], shown)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(in super::super) fn outbox_row(&self, id: i64) -> Result<Option<OutboxRow>, Trouble> {
        let mut select = self.connection.prepare(&format!("SELECT {COLUMNS}, body FROM outbox WHERE id = ?1"))?;
        let mut rows = select.query([id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(OutboxRow { body: Some(text(row.get_ref(11)?)), ..shown(row)? }))
    }

    pub(in super::super) fn outlets(&self) -> Result<Vec<OutletStats>, Trouble> {
        // What was never tried is due since it was put in, whatever the clock was then.
        let mut select = self.connection.prepare(
            "SELECT target, total(state = 'waiting'), total(state = 'sending'), total(state = 'dead'),
                    min(iif(state <> 'dead', put_at, NULL)), min(iif(state = 'waiting', id, NULL)),
                    max(iif(error IS NOT NULL, id, NULL))
             FROM outbox GROUP BY target ORDER BY target",
        )?;
        let found = select.query_map([], |row| {
            let stats = OutletStats {
                to: text(row.get_ref(0)?),
                waiting: number(row.get_ref(1)?) as u64,
                sending: number(row.get_ref(2)?) as u64,
                dead: number(row.get_ref(3)?) as u64,
                oldest: row.get(4)?,
                ..OutletStats::default()
            };
            Ok((stats, row.get::<_, Option<i64>>(5)?, row.get::<_, Option<i64>>(6)?))
        })?;
        let mut all = Vec::new();
        for outlet in found {
            let (mut stats, head, failed) = outlet?;
            // The head decides when the next try is: nothing overtakes it.
            stats.next_try = head.map(|head| self.outbox_row(head)).transpose()?.flatten().map(|row| row.next_try);
            stats.last_error = failed.map(|row| self.outbox_row(row)).transpose()?.flatten().and_then(|row| row.error);
            all.push(stats);
        }
        Ok(all)
    }

    /// Dead letters live again, and what waits need not: as if they had just been put in, but for their place and their tries. Says how
    /// many.
    pub(in super::super) fn retry(&mut self, which: &Which, now: Utc, into: &mut Loaded) -> Result<u64, Trouble> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut again = 0;
        for id in ids(&transaction, which)? {
            let sql = "UPDATE outbox SET state = 'waiting', put_at = ?2, next_try = ?2 WHERE id = ?1 AND state = ?3
                       RETURNING class";
            for state in ["dead", "waiting"] {
                let mut update = transaction.prepare_cached(sql)?;
                let mut rows = update.query(params![id, now.seconds(), state])?;
                let Some(row) = rows.next()? else { continue };
                let holding = &mut into.held[class(row.get_ref(0)?)];
                if state == "dead" {
                    holding.dead = holding.dead.saturating_sub(1);
                    holding.open += 1;
                }
                again += 1;
                break;
            }
        }
        transaction.commit()?;
        Ok(again)
    }

    /// Rows go; alerts that are not dead only by force. What is under way may arrive all the same.
    pub(in super::super) fn remove(
        &mut self,
        which: &Which,
        force: bool,
        into: &mut Loaded,
    ) -> Result<Removed, Trouble> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut removed = Removed::default();
        for id in ids(&transaction, which)? {
            let sql = format!(
                "DELETE FROM outbox WHERE id = ?1 AND (?2 OR class = 'export' OR state = 'dead')
                 RETURNING class, state, {SIZE}"
            );
            let mut delete = transaction.prepare_cached(&sql)?;
            let mut rows = delete.query(params![id, force])?;
            if let Some(row) = rows.next()? {
                let class = class(row.get_ref(0)?);
                leave(into, class, text(row.get_ref(1)?) == "dead", count(row, 2)?);
                into.tallies[class].removed += 1;
                removed.dropped += 1;
            } else {
                let there = "SELECT EXISTS (SELECT 1 FROM outbox WHERE id = ?1)";
                removed.left +=
                    u64::from(transaction.prepare_cached(there)?.query_row([id], |row| row.get::<_, bool>(0))?);
            }
        }
        transaction.commit()?;
        Ok(removed)
    }

    /// Dead letters that were put in before this are forgotten, at most `step`; says how many.
    pub(in super::super) fn forget_dead(
        &mut self,
        before: f64,
        step: usize,
        into: &mut Loaded,
        reason: &'static str,
    ) -> Result<usize, Trouble> {
        let sql = format!(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state = 'dead' AND put_at < ?1 LIMIT ?2)
             RETURNING class, {SIZE}"
        );
        let mut forgotten = 0;
        let mut delete = self.connection.prepare_cached(&sql)?;
        let mut rows = delete.query(params![before, step as i64])?;
        while let Some(row) = rows.next()? {
            let class = class(row.get_ref(0)?);
            leave(into, class, true, count(row, 1)?);
            into.tallies[class].drop(reason, 1);
            forgotten += 1;
        }
        Ok(forgotten)
    }
}

fn ids(transaction: &Transaction<'_>, which: &Which) -> Result<Vec<i64>, rusqlite::Error> {
    let (sql, to) = match which {
        Which::Ids(ids) => return Ok(ids.clone()),
        Which::Outlet(to) => ("SELECT id FROM outbox WHERE target = ?1 ORDER BY id", to.to_string()),
        Which::Dead => ("SELECT id FROM outbox WHERE state = ?1 ORDER BY id", "dead".to_owned()),
    };
    transaction.prepare(sql)?.query_map([to], |row| row.get(0))?.collect()
}
