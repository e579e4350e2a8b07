//! Room in the outbox: beyond the cap exports go, dead letters among them first, then the oldest. Never an alert, nor what is
//! under way.

use rusqlite::Transaction;

use crate::model::Class;

use super::super::outbox::{OutboxMost, Posted};
use super::outbox::{Loaded, SIZE, count, leave, size};

/// What is dropped at the least, so that it does not come to that with every transaction.
const DROP_AT_LEAST: u64 = 100;

/// Makes room for what comes, or for what is there already.
pub(super) fn make_room(
    transaction: &Transaction<'_>,
    most: OutboxMost,
    coming: &[Posted],
    loaded: &mut Loaded,
) -> Result<(), rusqlite::Error> {
    let exports = loaded.held[Class::Export];
    let coming_bytes: u64 = coming.iter().map(|Posted { outgoing: out, .. }| size(&out.to, &out.key, &out.body)).sum();
    let over_rows = (loaded.held.rows() + coming.len() as u64).saturating_sub(most.rows);
    let over_bytes = (loaded.held.bytes + coming_bytes).saturating_sub(most.bytes);
    if (over_rows, over_bytes) == (0, 0) || exports.open + exports.dead == 0 {
        return Ok(());
    }
    let mut left = (over_rows.max(DROP_AT_LEAST.min(most.rows / 10)), over_bytes);
    drop_oldest(transaction, "dead", "outbox full, a dead letter", &mut left, loaded)?;
    drop_oldest(transaction, "waiting", "outbox full", &mut left, loaded)
}

/// Drops exports in one state until so many rows and bytes are gone.
fn drop_oldest(
    transaction: &Transaction<'_>,
    state: &str,
    reason: &'static str,
    (rows_left, bytes_left): &mut (u64, u64),
    loaded: &mut Loaded,
) -> Result<(), rusqlite::Error> {
    if state == "dead" && loaded.held[Class::Export].dead == 0 {
        return Ok(());
    }
    let sql = format!("SELECT id, {SIZE} FROM outbox WHERE class = 'export' AND state = ?1 ORDER BY id");
    let mut oldest = transaction.prepare_cached(&sql)?;
    let (mut rows, mut ids) = (oldest.query([state])?, Vec::new());
    while *rows_left > 0 || *bytes_left > 0 {
        let Some(row) = rows.next()? else { break };
        let size = count(row, 1)?;
        ids.push(row.get::<_, i64>(0)?);
        (*rows_left, *bytes_left) = (rows_left.saturating_sub(1), bytes_left.saturating_sub(size));
        leave(loaded, Class::Export, state == "dead", size);
    }
    let mut delete = transaction.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
    for id in &ids {
        delete.execute([id])?;
    }
    loaded.tallies[Class::Export].drop(reason, ids.len() as u64);
    Ok(())
}
