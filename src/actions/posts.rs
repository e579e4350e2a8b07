//! The way into the outbox: whoever has something for the outside hands it over here, by the name of a receiver or a target.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Class, Name, Note, Outgoing, Utc};
use crate::store::Store;

use super::Failure;

/// Knows the outlets of the site. Clones are the same.
#[derive(Clone)]
pub struct Posts(Arc<Inner>);

struct Inner {
    /// None in a replay and in tests: what is posted is counted by whoever posts, and goes nowhere.
    store: Option<Store>,
    /// The first part of every key: new at each start.
    origin: String,
    next: AtomicU64,
    known: Mutex<Known>,
}

/// What can be posted to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The name of this machine.
    pub site: String,
    /// By receiver, the outlets that lead to it.
    pub receivers: BTreeMap<Name, Vec<Name>>,
    /// The targets.
    pub targets: BTreeSet<Name>,
}

impl fmt::Debug for Posts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Posts").field("known", &*self.known()).finish_non_exhaustive()
    }
}

impl Posts {
    /// Into this store.
    #[must_use]
    pub fn new(store: Option<Store>, origin: String, known: Known) -> Posts {
        Posts(Arc::new(Inner { store, origin, next: AtomicU64::new(1), known: Mutex::new(known) }))
    }

    /// Other settings.
    pub fn turn_to(&self, known: Known) {
        *self.known() = known;
    }

    /// Hands a note over, for every way to a receiver, or for one of them: `sms`, `email`, `push`, `webhook`.
    ///
    /// # Errors
    /// There is no such receiver or way, or the outbox takes no more.
    pub fn tell(&self, at: Utc, receiver: &str, way: Option<&str>, note: &Note) -> Result<(), Failure> {
        let (outlets, site) = self.outlets(receiver, way)?;
        let note = Note { site, ..note.clone() };
        let body = serde_json::to_string(&note).map_err(|error| Failure::Call(format!("no JSON: {error}")))?;
        let mut failed = None;
        for to in outlets {
            let outgoing = Outgoing { class: Class::Alert, to, at, key: self.key(), body: body.clone() };
            failed = self.post(outgoing).err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Hands a value over, as JSON text.
    ///
    /// # Errors
    /// There is no such target, or the outbox takes no more.
    pub fn send(&self, at: Utc, target: &str, body: String) -> Result<(), Failure> {
        let to = self.known().targets.get(target).cloned();
        let to = to.ok_or_else(|| Failure::Call(format!("there is no target '{target}' in growctl.yaml")))?;
        self.post(Outgoing { class: Class::Export, to, at, key: self.key(), body })
    }

    fn outlets(&self, receiver: &str, way: Option<&str>) -> Result<(Vec<Name>, String), Failure> {
        let known = self.known();
        let none = || Failure::Call(format!("there is no receiver '{receiver}' in growctl.yaml"));
        let all = known.receivers.get(receiver).ok_or_else(none)?;
        let by = |outlet: &&Name| way.is_none_or(|way| outlet.strip_prefix(receiver) == Some(&format!("/{way}")));
        let outlets: Vec<Name> = all.iter().filter(by).cloned().collect();
        match way.filter(|_| outlets.is_empty()) {
            Some(way) => Err(Failure::Call(format!("the receiver '{receiver}' has no {way} in growctl.yaml"))),
            None => Ok((outlets, known.site.clone())),
        }
    }

    fn post(&self, outgoing: Outgoing) -> Result<(), Failure> {
        let Some(store) = &self.0.store else { return Ok(()) };
        store.post(outgoing).map_err(|refused| {
            Failure::Outside(format!("the outbox takes no more {}s: too many wait, or it is off", refused.class.name()))
        })
    }

    fn key(&self) -> Name {
        Name::from(format!("{}-o{:06}", self.0.origin, self.0.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// What it guards is consistent at every unlock.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
