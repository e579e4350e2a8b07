//! The table `alert_change`.

use rusqlite::{Row, Transaction, params};

use crate::model::AlertChange;

use super::super::change::AlertRow;
use super::super::trouble::Trouble;
use super::super::{Change, MOST_ROWS};
use super::Database;

/// Writes the rows of alerts among the changes.
pub(super) fn append(transaction: &Transaction<'_>, changes: &[Change]) -> Result<(), rusqlite::Error> {
    let mut put = transaction.prepare("INSERT INTO alert_change VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for change in changes {
        let Change::Alert(AlertChange { at, rule, instance, severity, event, summary, told, by }) = change else {
            continue;
        };
        put.execute(params![at.seconds(), rule, instance, severity.name(), event, summary, told, by])?;
    }
    Ok(())
}

impl Database {
    /// What became of alerts, the newest first.
    pub(in crate::store) fn alert_history(
        &self,
        rule: Option<&str>,
        since: f64,
        limit: usize,
    ) -> Result<Vec<AlertRow>, Trouble> {
        let query = "SELECT at, rule, instance, severity, event, summary, told, by FROM alert_change
            WHERE at >= ?1 AND (?2 IS NULL OR rule = ?2) ORDER BY at DESC, rowid DESC LIMIT ?3";
        let row = |row: &Row<'_>| {
            Ok(AlertRow {
                at: row.get(0)?,
                rule: row.get(1)?,
                instance: row.get(2)?,
                severity: row.get(3)?,
                event: row.get(4)?,
                summary: row.get(5)?,
                told: row.get(6)?,
                by: row.get(7)?,
            })
        };
        let mut query = self.connection.prepare(query)?;
        let rows: Result<Vec<_>, rusqlite::Error> =
            query.query_map(params![since, rule, limit.min(MOST_ROWS) as i64], row)?.collect();
        Ok(rows?)
    }

    /// As `prune`, of alerts.
    pub(in crate::store) fn prune_alerts(&mut self, before: f64, most: u64, step: usize) -> Result<usize, Trouble> {
        let oldest = "DELETE FROM alert_change WHERE rowid IN (
            SELECT rowid FROM (SELECT rowid, at FROM alert_change ORDER BY rowid LIMIT ?3)
            WHERE at < ?1 OR rowid <= (SELECT max(rowid) FROM alert_change) - ?2)";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(self.connection.execute(oldest, params![before, most, step as i64])?)
    }
}
