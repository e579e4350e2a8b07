//! What is for the outside and has not arrived: what goes in, what comes out for one try, what is asked about it, and the account.
//! The rows are the database's; the rest is here.

mod account;
mod posted;

use serde::Serialize;
use tokio::sync::oneshot;

use crate::model::{Class, Name, Parcel, Utc};

use super::schedule::Step;

pub(super) use account::{Held, Tallies, Tally};
pub use account::{OutboxAccount, OutboxStatus};
pub(super) use posted::{Posted, Posts};

/// Alerts that may wait to be committed.
pub(super) const ALERTS: usize = 10_000;
/// Exports that may wait to be committed.
pub(super) const EXPORTS: usize = 10_000;
/// A body may be this long.
pub const MOST_BODY: usize = 1 << 20;

/// How much the outbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxMost {
    /// Rows.
    pub rows: u64,
    /// Bytes of what is in them.
    pub bytes: u64,
}

impl Default for OutboxMost {
    /// 500,000 rows, 256 MiB.
    fn default() -> OutboxMost {
        OutboxMost { rows: 500_000, bytes: 256 << 20 }
    }
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The parcel.
    pub id: i64,
    /// What follows.
    pub step: Step,
}

/// What an outlet has to do now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// In the order in which they must arrive. A negative id marks an alert that is only in memory, for the database cannot be
    /// written: see [`super::Question::Take`].
    pub parcels: Vec<Parcel>,
    /// When each of them was put in, for [`super::schedule::step`].
    pub put_at: Vec<Utc>,
    /// Where there is none: when the first is due; `None` if there is nothing for this outlet.
    pub next: Option<Utc>,
}

impl Taken {
    pub(super) fn add(&mut self, parcel: Parcel, put_at: Utc) {
        self.parcels.push(parcel);
        self.put_at.push(put_at);
    }
}

/// How a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// For its next try.
    Waiting,
    /// A try is under way.
    Sending,
    /// Given up; it stays for a person to see.
    Dead,
}

impl RowState {
    /// In one word, as it stands in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RowState::Waiting => "waiting",
            RowState::Sending => "sending",
            RowState::Dead => "dead",
        }
    }
}

/// A row as people see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutboxRow {
    /// Its place.
    pub id: i64,
    /// `alert` or `export`.
    pub class: String,
    /// The outlet.
    pub to: String,
    /// The moment of the event, in seconds since 1970.
    pub at: f64,
    /// The same at every try.
    pub key: String,
    /// JSON. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Bytes of the body.
    pub bytes: u64,
    /// When it was put in.
    pub put_at: f64,
    /// `waiting`, `sending`, `dead`, and `memory` where it is not on disk yet.
    pub state: String,
    /// Tries begun.
    pub tries: u32,
    /// Of what waits.
    pub next_try: f64,
    /// Of the last try.
    pub error: Option<String>,
}

/// One outlet in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OutletStats {
    /// Its name.
    pub to: String,
    /// Rows for a next try.
    pub waiting: u64,
    /// Rows under way.
    pub sending: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest that is not dead was put in, in seconds since 1970.
    pub oldest: Option<f64>,
    /// When the first of those that wait is due.
    pub next_try: Option<f64>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// Which rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// These.
    Ids(Vec<i64>),
    /// All of one outlet.
    Outlet(Name),
    /// All dead letters.
    Dead,
}

/// What became of a wish to drop rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Rows that are gone.
    pub dropped: u64,
    /// Alerts that still wait and were left: they need `force`.
    pub left: u64,
}

/// What a person asks about the outbox, or wants of it.
#[derive(Debug)]
pub enum OutboxAsk {
    /// Rows without their bodies, in their order.
    List {
        /// Of one outlet only.
        to: Option<Name>,
        /// In one state only.
        state: Option<RowState>,
        /// At most so many, and never more than [`super::MOST_ROWS`].
        limit: usize,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Vec<OutboxRow>, String>>,
    },
    /// One row with its body, if there is such a one.
    Show(i64, oneshot::Sender<Result<Option<OutboxRow>, String>>),
    /// Dead letters and what waits are tried again now, for as long as something new would be; answered with how many.
    Retry(Which, oneshot::Sender<Result<u64, String>>),
    /// Exports and dead letters go; alerts that wait only by force.
    Drop {
        /// Which.
        which: Which,
        /// Alerts as well.
        force: bool,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Removed, String>>,
    },
    /// Every outlet that has rows.
    Stats(oneshot::Sender<Result<Vec<OutletStats>, String>>),
}

/// Index of a class in what is kept for both.
pub(super) fn of(class: Class) -> usize {
    match class {
        Class::Alert => 0,
        Class::Export => 1,
    }
}
