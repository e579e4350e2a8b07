//! Between the outbox and the senders: one worker an outlet takes what is due, has it delivered, and tells the store what
//! became of it. An outlet that hangs or fails holds up itself alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::actions::{Known, Posts};
use crate::model::{Class, Name, Parcel, Queue, Utc, Verdict};
use crate::senders::{Outlet, Sender, SenderContext, Transcript};
use crate::store::schedule::{self, Policy};
use crate::store::{Question, Settled, Step, Store, Taken};
use crate::web::Request;

use super::replies::{self, Phone};
use super::{Clock, Settings};

/// A store that takes no questions is asked again after this.
const BUSY: Duration = Duration::from_millis(200);
/// The longest sleep; nobody wakes a worker whose clock was set.
const LOOK: Duration = Duration::from_secs(60);

/// An outlet that has failed for so long is told to people, as is the first dead letter.
const LONG: Duration = Duration::from_secs(15 * 60);

/// How an outlet is, for the control thread: what is wrong, or that it delivers again.
#[derive(Debug)]
pub(super) struct OutletEvent {
    pub(super) outlet: Name,
    pub(super) class: Class,
    pub(super) trouble: Option<String>,
}

/// All workers. Clones are the same.
#[derive(Clone)]
pub(super) struct Couriers(Arc<Shared>);

/// Where they work, and whom they speak to.
pub(super) struct CourierEnds<'a> {
    /// The site folder.
    pub(super) folder: &'a Path,
    /// To the control thread: how outlets are.
    pub(super) events: Arc<Queue<OutletEvent>>,
    /// To the control thread: what people answer.
    pub(super) control: Arc<Queue<Request>>,
}

struct Shared {
    store: Store,
    posts: Posts,
    clock: Clock,
    folder: PathBuf,
    runtime: Handle,
    stop: watch::Sender<bool>,
    events: Arc<Queue<OutletEvent>>,
    phones: watch::Sender<Vec<Phone>>,
    working: Mutex<BTreeMap<Name, Working>>,
}

struct Working {
    /// `None`: the outlet is no more.
    outlet: watch::Sender<Option<Job>>,
    task: JoinHandle<()>,
}

/// What a worker is to do.
#[derive(Clone)]
struct Job {
    outlet: Outlet,
    context: SenderContext,
}

impl Job {
    fn is_same(&self, other: &Job) -> bool {
        let same = |a: &SenderContext, b: &SenderContext| a.zone == b.zone && a.site == b.site;
        self.outlet == other.outlet && same(&self.context, &other.context)
    }
}

/// What can be posted to, by the settings.
pub(super) fn known(settings: &Settings) -> Known {
    let outlets = |outlets: &[Outlet]| outlets.iter().map(|outlet| outlet.name.clone()).collect();
    let receivers = settings.receivers.iter().map(|one| (one.name.clone(), outlets(&one.outlets))).collect();
    let targets: BTreeSet<Name> = settings.targets.iter().map(|target| target.name.clone()).collect();
    Known { site: settings.name.clone(), receivers, targets }
}

impl Couriers {
    /// One worker for each outlet of the settings, on this runtime.
    pub(super) fn start(
        store: Store,
        posts: Posts,
        clock: Clock,
        settings: &Settings,
        ends: CourierEnds<'_>,
    ) -> Couriers {
        let ((stop, _), (phones, answers)) = (watch::channel(false), watch::channel(Vec::new()));
        let CourierEnds { folder, events, control } = ends;
        tokio::spawn(replies::listen(control, answers));
        let (runtime, working) = (Handle::current(), Mutex::default());
        let folder = folder.to_owned();
        let couriers =
            Couriers(Arc::new(Shared { store, posts, clock, folder, runtime, stop, events, phones, working }));
        couriers.turn_to(settings);
        couriers
    }

    /// Other settings: what is under way ends as it began, then the new ones hold. What waits for an outlet that is no more
    /// stays in the outbox.
    pub(super) fn turn_to(&self, settings: &Settings) {
        let context = SenderContext {
            folder: self.0.folder.clone(),
            zone: settings.zone.clone(),
            site: settings.name.clone(),
            transcript: Transcript::default(),
        };
        self.0.posts.turn_to(known(settings));
        self.0.phones.send_replace(replies::phones(settings));
        let mut working = self.working();
        working.retain(|_, one| !one.task.is_finished());
        let outlets = settings.receivers.iter().flat_map(|one| &one.outlets).chain(&settings.targets);
        let jobs: BTreeMap<Name, Job> = outlets
            .map(|outlet| (outlet.name.clone(), Job { outlet: outlet.clone(), context: context.clone() }))
            .collect();
        for one in working.iter().filter(|(name, _)| !jobs.contains_key(*name)).map(|(_, one)| one) {
            one.outlet.send_replace(None);
        }
        for (name, job) in jobs {
            match working.get(&name) {
                Some(one) => {
                    one.outlet.send_if_modified(|old| {
                        let other = old.as_ref().is_none_or(|old| !old.is_same(&job));
                        *old = Some(job);
                        other
                    });
                }
                None => {
                    let (outlet, told) = watch::channel(Some(job));
                    let courier = Courier::new(name.clone(), &self.0, told);
                    working.insert(name, Working { outlet, task: self.0.runtime.spawn(courier.run()) });
                }
            }
        }
    }

    /// No new tries; those under way have `limit` to end. What is cut off may have arrived, and is tried again at the next start.
    pub(super) async fn stop(&self, limit: Duration) {
        self.0.stop.send_replace(true);
        let tasks: Vec<JoinHandle<()>> =
            std::mem::take(&mut *self.working()).into_values().map(|one| one.task).collect();
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            for task in tasks {
                let _ = task.await;
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }

    /// What it guards is consistent at every unlock.
    fn working(&self) -> MutexGuard<'_, BTreeMap<Name, Working>> {
        self.0.working.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has gone wrong since an outlet delivered last.
#[derive(Clone, Copy)]
struct Failing {
    since: Utc,
    /// Something was given up, and the log says so.
    dead: bool,
    people_know: bool,
}

/// One worker.
struct Courier {
    name: Name,
    store: Store,
    clock: Clock,
    stop: watch::Receiver<bool>,
    told: watch::Receiver<Option<Job>>,
    moves: watch::Receiver<u64>,
    events: Arc<Queue<OutletEvent>>,
    failing: Option<Failing>,
}

impl Courier {
    fn new(name: Name, shared: &Shared, told: watch::Receiver<Option<Job>>) -> Courier {
        let (store, moves) = (shared.store.clone(), shared.store.outbox_moves());
        let (stop, events) = (shared.stop.subscribe(), shared.events.clone());
        Courier { name, store, clock: shared.clock, stop, told, moves, events, failing: None }
    }

    async fn run(mut self) {
        loop {
            let Some(job) = self.told.borrow_and_update().clone() else { return };
            let mut sender = job.outlet.kind.sender(&job.context);
            if let Err(why) = &sender {
                tracing::error!(outlet = &*self.name, "{} cannot be reached: {why}", self.name);
            }
            // Until the outlet changes.
            while !*self.stop.borrow() && !self.told.has_changed().unwrap_or(true) {
                self.turn(&job.outlet, &mut sender).await;
            }
            if *self.stop.borrow() || self.told.has_changed().is_err() {
                return;
            }
        }
    }

    /// One batch, or a wait for one.
    async fn turn(&mut self, outlet: &Outlet, sender: &mut Result<Box<dyn Sender>, String>) {
        self.moves.borrow_and_update();
        let Some(Taken { parcels, next, put_at }) = self.take(outlet.most).await else { return self.rest(BUSY).await };
        if parcels.is_empty() {
            let now = self.clock.now().utc;
            let due = next
                .map_or(LOOK, |next| Duration::try_from_secs_f64(next.seconds() - now.seconds()).unwrap_or_default());
            return self.wait(due.clamp(Duration::from_millis(1), LOOK)).await;
        }
        let verdicts = deliver(sender, &parcels).await;
        let all = verdicts.iter().all(|verdict| *verdict == Verdict::Delivered);
        self.settle(outlet, &parcels, &put_at, &verdicts);
        if all && parcels.len() < outlet.most {
            self.rest(outlet.every).await;
        }
    }

    async fn take(&self, most: usize) -> Option<Taken> {
        let (answer, wait) = oneshot::channel();
        self.store.ask(Question::Take { to: self.name.clone(), most, answer }).ok()?;
        wait.await.ok()
    }

    fn settle(&mut self, outlet: &Outlet, parcels: &[Parcel], put_at: &[Utc], verdicts: &[Verdict]) {
        let [first_pause, longest_pause] = outlet.pauses;
        let policy = Policy { keep_trying: outlet.keep_trying, first_pause, longest_pause };
        // The same for all that were tried together, so that they stay together.
        let (now, random) = (self.clock.now().utc, fastrand::f64());
        for ((parcel, put_at), verdict) in parcels.iter().zip(put_at).zip(verdicts) {
            let step = schedule::step(verdict, parcel.tries, *put_at, now, &policy, random);
            let (why, dead) = match &step {
                Step::Done => (None, false),
                Step::Retry { why, .. } => (Some(why.clone()), false),
                Step::Dead { why } => (Some(why.clone()), true),
            };
            self.store.settle(Settled { id: parcel.id, step });
            self.judge(outlet, now, why, dead);
        }
    }

    /// Says once that an outlet fails, and that it delivers again; and to people, when it has given something up or failed for long.
    fn judge(&mut self, outlet: &Outlet, now: Utc, why: Option<String>, dead: bool) {
        let Some(why) = why else {
            if let Some(failing) = self.failing.take() {
                tracing::info!(outlet = &*self.name, "{} takes what is for it again", self.name);
                if failing.people_know {
                    self.events.push(OutletEvent { outlet: self.name.clone(), class: outlet.class, trouble: None });
                }
            }
            return;
        };
        let first = self.failing.is_none();
        let failing = self.failing.get_or_insert(Failing { since: now, dead: false, people_know: false });
        if first || (dead && !failing.dead) {
            let what = if dead {
                "gives something up, see `growctl outbox list --state dead`"
            } else {
                "fails, and is tried again"
            };
            tracing::warn!(outlet = &*self.name, "{} {what}: {why}", self.name);
        }
        failing.dead |= dead;
        let long = now.seconds() - failing.since.seconds() >= LONG.as_secs_f64();
        if (dead || long) && !std::mem::replace(&mut failing.people_know, dead || long) {
            let trouble = Some(if dead { format!("given up: {why}") } else { format!("nothing arrives: {why}") });
            self.events.push(OutletEvent { outlet: self.name.clone(), class: outlet.class, trouble });
        }
    }

    /// Until the outbox moves, or something else is to be seen to.
    async fn wait(&mut self, limit: Duration) {
        tokio::select! {
            _ = self.moves.changed() => {}
            _ = self.told.changed() => self.told.mark_changed(),
            _ = self.stop.changed() => {}
            () = tokio::time::sleep(limit) => {}
        }
    }

    /// The same, whatever the outbox does.
    async fn rest(&mut self, span: Duration) {
        tokio::select! {
            _ = self.told.changed() => self.told.mark_changed(),
            _ = self.stop.changed() => {}
            () = tokio::time::sleep(span) => {}
        }
    }
}

/// One try. A sender that does not end, or does not answer for all, has failed.
async fn deliver(sender: &mut Result<Box<dyn Sender>, String>, parcels: &[Parcel]) -> Vec<Verdict> {
    let failed = |why: String| vec![Verdict::Failed { why, retry_after: None }; parcels.len()];
    let sender = match sender {
        Ok(sender) => sender,
        Err(why) => return failed(why.clone()),
    };
    let limit = sender.limit();
    match tokio::time::timeout(limit, sender.send(parcels)).await {
        Ok(verdicts) if verdicts.len() == parcels.len() => verdicts,
        Ok(verdicts) => {
            failed(format!("the sender answered for {} of {}: please report it", verdicts.len(), parcels.len()))
        }
        Err(_) => failed(format!("no answer within {} s", limit.as_secs())),
    }
}
