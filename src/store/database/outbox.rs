//! The outbox in SQL: what one transaction does to it, and what is read of it. A row whose checksum is wrong is never handed out.

use std::collections::BTreeSet;

use rusqlite::types::ValueRef;
use rusqlite::{Row, Transaction, params};

use crate::model::{Class, Name, Parcel, Utc};

use super::super::outbox::{Held, OutboxMost, Posted, RowState, Settled, Taken, Tallies};
use super::super::schedule::{LONGEST, Step};
use super::super::trouble::{Kind, Trouble};
use super::Database;
use super::outbox_room::make_room;

/// Bytes of a row, as they count for the cap.
pub(super) const SIZE: &str = "(octet_length(body) + octet_length(key) + octet_length(target) + 100)";

pub(super) fn size(to: &str, key: &str, body: &str) -> u64 {
    (body.len() + key.len() + to.len() + 100) as u64
}

/// One answer has at most so many bytes of bodies, and always one parcel.
const MOST_TAKEN: usize = 8 << 20;

/// What is to be done to the outbox in one transaction, in this order.
pub(in super::super) struct Load<'a> {
    pub(in super::super) posted: &'a [Posted],
    /// Handed out while nothing could be written: their tries have not been counted.
    pub(in super::super) handed: &'a BTreeSet<i64>,
    pub(in super::super) settled: &'a [Settled],
    pub(in super::super) takes: &'a [(Name, usize)],
    pub(in super::super) now: Utc,
    pub(in super::super) most: OutboxMost,
    pub(in super::super) held: Held,
}

/// What that came to.
#[derive(Default)]
pub(in super::super) struct Loaded {
    /// The places of what was posted.
    pub(in super::super) ids: Vec<i64>,
    /// An answer for each of the takes.
    pub(in super::super) taken: Vec<Taken>,
    /// Rows that turned out to be damaged.
    pub(in super::super) damaged: u64,
    pub(in super::super) tallies: Tallies,
    pub(in super::super) held: Held,
}

/// What an opened database has of the outbox.
pub(in super::super) struct Known {
    pub(in super::super) held: Held,
    /// The last place that was ever given.
    pub(in super::super) last_id: i64,
    /// Rows that turned out to be damaged.
    pub(in super::super) damaged: u64,
}

/// What an outlet would get now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Ready {
    Now,
    Later(Option<Utc>),
}

pub(super) fn load(transaction: &Transaction<'_>, load: &Load<'_>) -> Result<Loaded, rusqlite::Error> {
    let mut loaded = Loaded { held: load.held, ..Loaded::default() };
    // What leaves comes first: it makes room for what comes.
    for id in load.handed {
        let sql = "UPDATE outbox SET state = 'sending', tries = tries + 1 WHERE id = ?1 AND state = 'waiting'";
        transaction.prepare_cached(sql)?.execute([id])?;
    }
    for settled in load.settled {
        settle(transaction, settled, &mut loaded)?;
    }
    make_room(transaction, load.most, load.posted, &mut loaded)?;
    put(transaction, load.posted, &mut loaded)?;
    make_room(transaction, load.most, &[], &mut loaded)?;
    for (to, most) in load.takes {
        let taken = take(transaction, to, *most, load.now, &mut loaded)?;
        loaded.taken.push(taken);
    }
    Ok(loaded)
}

/// Over everything that must arrive as it was.
fn checksum(class: &str, target: &str, at: f64, key: &str, body: &str) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    for text in [class, target, key, body] {
        sum.update(text.as_bytes());
        sum.update(&[0]);
    }
    sum.update(&at.to_bits().to_le_bytes());
    sum.finalize()
}

fn put(transaction: &Transaction<'_>, posted: &[Posted], loaded: &mut Loaded) -> Result<(), rusqlite::Error> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO outbox (class, target, at, key, body, crc, put_at, state, tries, next_try, error)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for Posted { outgoing, put_at, tried } in posted {
        let (class, at) = (outgoing.class.name(), outgoing.at.seconds());
        let crc = checksum(class, &outgoing.to, at, &outgoing.key, &outgoing.body);
        let (state, tries, next_try, error) = match tried {
            None => (RowState::Waiting, 0, *put_at, None),
            // What is done is not there any more.
            Some((_, None | Some(Step::Done))) => (RowState::Sending, 1, *put_at, None),
            Some((_, Some(Step::Retry { at, why }))) => (RowState::Waiting, 1, *at, Some(why)),
            Some((_, Some(Step::Dead { why }))) => (RowState::Dead, 1, *put_at, Some(why)),
        };
        insert.execute(params![
            class,
            outgoing.to,
            at,
            outgoing.key,
            outgoing.body,
            crc,
            put_at.seconds(),
            state.name(),
            tries,
            next_try.seconds(),
            error
        ])?;
        loaded.ids.push(transaction.last_insert_rowid());
        loaded.tallies[outgoing.class].committed += 1;
        let holding = &mut loaded.held[outgoing.class];
        *(if state == RowState::Dead { &mut holding.dead } else { &mut holding.open }) += 1;
        loaded.held.bytes += size(&outgoing.to, &outgoing.key, &outgoing.body);
    }
    Ok(())
}

fn settle(transaction: &Transaction<'_>, settled: &Settled, loaded: &mut Loaded) -> Result<(), rusqlite::Error> {
    match &settled.step {
        Step::Done => {
            let sql = format!("DELETE FROM outbox WHERE id = ?1 RETURNING class, state, tries, {SIZE}");
            let mut delete = transaction.prepare_cached(&sql)?;
            let mut rows = delete.query([settled.id])?;
            // A row that is not there was dropped by a person meanwhile.
            let Some(row) = rows.next()? else { return Ok(()) };
            let (class, dead, tries) =
                (class(row.get_ref(0)?), text(row.get_ref(1)?) == "dead", number(row.get_ref(2)?));
            leave(loaded, class, dead, count(row, 3)?);
            loaded.tallies[class].delivered += 1;
            loaded.tallies[class].maybe_twice += u64::from(tries > 1.0);
        }
        Step::Retry { at, why } => {
            let sql =
                "UPDATE outbox SET state = 'waiting', next_try = ?2, error = ?3 WHERE id = ?1 AND state = 'sending'
                       RETURNING class";
            let mut update = transaction.prepare_cached(sql)?;
            let mut rows = update.query(params![settled.id, at.seconds(), why])?;
            if let Some(row) = rows.next()? {
                loaded.tallies[class(row.get_ref(0)?)].retried += 1;
            }
        }
        Step::Dead { why } => bury(transaction, settled.id, why, loaded)?,
    }
    Ok(())
}

/// Makes a dead letter of a row.
fn bury(transaction: &Transaction<'_>, id: i64, why: &str, loaded: &mut Loaded) -> Result<(), rusqlite::Error> {
    let sql = "UPDATE outbox SET state = 'dead', error = ?2 WHERE id = ?1 AND state <> 'dead' RETURNING class";
    let mut update = transaction.prepare_cached(sql)?;
    let mut rows = update.query(params![id, why])?;
    if let Some(row) = rows.next()? {
        let holding = &mut loaded.held[class(row.get_ref(0)?)];
        holding.open = holding.open.saturating_sub(1);
        holding.dead += 1;
    }
    Ok(())
}

pub(super) fn leave(loaded: &mut Loaded, class: Class, dead: bool, size: u64) {
    let holding = &mut loaded.held[class];
    let count = if dead { &mut holding.dead } else { &mut holding.open };
    *count = count.saturating_sub(1);
    loaded.held.bytes = loaded.held.bytes.saturating_sub(size);
}

/// What an outlet gets: all that is due and has nothing before it that is not.
fn take(
    transaction: &Transaction<'_>,
    to: &str,
    most: usize,
    now: Utc,
    loaded: &mut Loaded,
) -> Result<Taken, rusqlite::Error> {
    // Whoever took these has not said what became of them and asks for more: he has given them up.
    transaction
        .prepare_cached("UPDATE outbox SET state = 'waiting', next_try = 0 WHERE target = ?1 AND state = 'sending'")?
        .execute([to])?;
    let (taken, damaged) = due(transaction, to, most, now)?;
    let mut send =
        transaction.prepare_cached("UPDATE outbox SET state = 'sending', tries = tries + 1 WHERE id = ?1")?;
    for parcel in &taken.parcels {
        send.execute([parcel.id])?;
    }
    for id in damaged {
        bury(transaction, id, "damaged: its checksum is wrong", loaded)?;
        loaded.damaged += 1;
    }
    Ok(taken)
}

/// What is due and has nothing before it that is not, and the damaged rows on the way.
fn due(transaction: &Transaction<'_>, to: &str, most: usize, now: Utc) -> Result<(Taken, Vec<i64>), rusqlite::Error> {
    let (mut taken, mut damaged, mut bytes) = (Taken::default(), Vec::new(), 0);
    let mut waiting = transaction.prepare_cached(WAITING)?;
    let mut rows = waiting.query([to])?;
    while taken.parcels.len() < most && bytes < MOST_TAKEN {
        let Some(row) = rows.next()? else { break };
        let candidate = candidate(row)?;
        if candidate.damaged {
            damaged.push(candidate.parcel.id);
        } else if is_due(candidate.next_try, now) {
            bytes += candidate.parcel.body.len();
            taken.add(candidate.parcel, candidate.put_at);
        } else {
            taken.next = Some(candidate.next_try).filter(|_| taken.parcels.is_empty());
            break;
        }
    }
    Ok((taken, damaged))
}

/// What was never tried is due, wherever the clock was when it was put in.
const WAITING: &str =
    "SELECT id, class, at, key, body, crc, put_at, tries, iif(tries = 0, 0, next_try), target FROM outbox
    WHERE target = ?1 AND state = 'waiting' ORDER BY id";

/// A row that might be handed out, with this try counted.
struct Candidate {
    parcel: Parcel,
    put_at: Utc,
    next_try: Utc,
    class: String,
    damaged: bool,
}

/// Reads a row as it is, damaged or not.
fn candidate(row: &Row<'_>) -> Result<Candidate, rusqlite::Error> {
    let (class, key, body) = (text(row.get_ref(1)?), text(row.get_ref(3)?), text(row.get_ref(4)?));
    let (at, target) = (number(row.get_ref(2)?), text(row.get_ref(9)?));
    let sum = checksum(&class, &target, at, &key, &body);
    let damaged = number(row.get_ref(5)?) != f64::from(sum);
    let parcel = Parcel {
        id: row.get(0)?,
        key: key.into(),
        at: Utc::from_seconds(at),
        tries: (number(row.get_ref(7)?) as u32).saturating_add(1),
        body,
    };
    let moment = |at: usize| Ok::<_, rusqlite::Error>(Utc::from_seconds(number(row.get_ref(at)?)));
    Ok(Candidate { parcel, put_at: moment(6)?, next_try: moment(8)?, class, damaged })
}

fn is_due(next_try: Utc, now: Utc) -> bool {
    next_try <= now || next_try > now + LONGEST
}

impl Database {
    fn free(&mut self) -> Result<usize, Trouble> {
        let under_way = "UPDATE outbox SET state = 'waiting', next_try = 0 WHERE state = 'sending'";
        self.connection.execute(under_way, [])?;
        let unknown = "UPDATE outbox SET state = 'dead', error = 'damaged: its state was ' || quote(state)
            WHERE state NOT IN ('waiting', 'sending', 'dead')";
        Ok(self.connection.execute(unknown, [])?)
    }

    /// Counts what is there. With `free`, what was under way when the last run ended waits again, and rows in a state that there is
    /// not are dead letters. No place up to `last_id`, of a database before this one, is given again.
    pub(in super::super) fn learn(&mut self, free: bool, last_id: i64) -> Result<Known, Trouble> {
        // Where there is no room for this, whoever asks for parcels frees those of his outlet.
        let damaged = match if free { self.free() } else { Ok(0) } {
            Err(trouble) if trouble.kind != Kind::Full => return Err(trouble),
            freed => freed.unwrap_or(0),
        };
        let sql = format!("SELECT class, state = 'dead', count(*), sum({SIZE}) FROM outbox GROUP BY 1, 2");
        let mut held = Held::default();
        let mut select = self.connection.prepare(&sql)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let holding = &mut held[class(row.get_ref(0)?)];
            *(if row.get(1)? { &mut holding.dead } else { &mut holding.open }) += count(row, 2)?;
            held.bytes += count(row, 3)?;
        }
        let given = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)";
        let given: i64 = self.connection.query_row(given, [], |row| row.get(0))?;
        if given < last_id {
            self.connection.execute("DELETE FROM sqlite_sequence WHERE name = 'outbox'", [])?;
            self.connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?1)", [last_id])?;
        }
        Ok(Known { held, last_id: given.max(last_id), damaged: damaged as u64 })
    }

    /// Whether a transaction would bring an outlet anything.
    pub(in super::super) fn ready(&self, to: &str, now: Utc) -> Result<Ready, Trouble> {
        let under_way = "SELECT EXISTS (SELECT 1 FROM outbox WHERE target = ?1 AND state = 'sending')";
        if self.connection.prepare_cached(under_way)?.query_row([to], |row| row.get(0))? {
            return Ok(Ready::Now);
        }
        let sql = "SELECT iif(tries = 0, 0, next_try) FROM outbox WHERE target = ?1 AND state = 'waiting' ORDER BY id LIMIT 1";
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select.query([to])?;
        let Some(row) = rows.next()? else { return Ok(Ready::Later(None)) };
        let next = Utc::from_seconds(number(row.get_ref(0)?));
        Ok(if is_due(next, now) { Ready::Now } else { Ready::Later(Some(next)) })
    }

    /// The alerts of an outlet that are due and not among `handed`, only read.
    pub(in super::super) fn due_alerts(
        &self,
        to: &str,
        most: usize,
        now: Utc,
        handed: &BTreeSet<i64>,
    ) -> Result<Taken, Trouble> {
        let mut taken = Taken::default();
        let mut waiting = self.connection.prepare_cached(WAITING)?;
        let mut rows = waiting.query([to])?;
        while taken.parcels.len() < most {
            let Some(row) = rows.next()? else { break };
            let found = candidate(row)?;
            let fit = !found.damaged && found.class == "alert" && is_due(found.next_try, now);
            if fit && !handed.contains(&found.parcel.id) {
                taken.add(found.parcel, found.put_at);
            }
        }
        Ok(taken)
    }
}

pub(super) fn class(cell: ValueRef<'_>) -> Class {
    // A damaged word counts as what must not be lost.
    if text(cell) == "export" { Class::Export } else { Class::Alert }
}

/// Whatever stands there, as a text.
pub(super) fn text(cell: ValueRef<'_>) -> String {
    match cell {
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
    }
}

/// Whatever stands there, as a number.
pub(super) fn number(cell: ValueRef<'_>) -> f64 {
    match cell {
        ValueRef::Integer(number) => number as f64,
        ValueRef::Real(number) => number,
        ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => 0.0,
    }
}

pub(super) fn count(row: &Row<'_>, at: usize) -> Result<u64, rusqlite::Error> {
    Ok(row.get::<_, i64>(at)?.unsigned_abs())
}
