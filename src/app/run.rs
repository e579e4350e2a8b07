//! The shell around the Core: starts what brings and takes, waits for the word to stop, and stops it all in order.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::actions::{ActionContext, Dispatcher, Posts};
use crate::bus::{Bridge, BridgeConfig, BridgeQueues, Endpoint};
use crate::files::Report;
use crate::model::{Full, Queue, Saved};
use crate::rules::Engine;
use crate::store::{Store, StoreConfig, StoreHealth};
use crate::web;

use super::buses::Buses;
use super::control::{Control, Inlets};
use super::core::Core;
use super::couriers::{CourierEnds, Couriers, known};
use super::interfaces::BusEnds;
use super::lock::SiteLock;
use super::outlets::Outlets;
use super::output::CoreCounts;
use super::reload::{Ends, Outcome, Reloaded, Reloader, Start, listens_to, owned};
use super::revision::History;
use super::settings::Redis;
use super::site::Loader;
use super::status::Status;
use super::{Clock, Settings, Site};

/// How long queues may take to drain when the engine stops.
const DRAIN: Duration = Duration::from_secs(2);
/// The look at the files may take this long to end when the engine stops.
const LAST_LOOK: Duration = Duration::from_secs(2);
/// What waits to be written may take this long when the engine stops.
const LAST_WRITES: Duration = Duration::from_secs(5);
/// Deliveries under way may take this long when the engine stops.
const LAST_DELIVERIES: Duration = Duration::from_secs(5);
/// Command frames have this long to leave when the engine stops.
const LAST_COMMANDS: Duration = Duration::from_millis(500);

/// What was done, for the last line of a run.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// The Core's counts.
    pub core: CoreCounts,
    /// Messages that Redis never took, for want of room or of time.
    pub unpublished: u64,
}

/// Why a run could not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another engine, a folder that cannot be written, an action that this site cannot have.
    #[error("{0}")]
    Site(String),
    /// The system gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The settings name a server that can never work.
    #[error("redis.url: {0}")]
    Redis(String),
    /// A bug: the control thread panicked. Devices are left to their nodes' watchdogs.
    #[error("the control thread panicked; the nodes' own watchdogs have the devices, and this is a bug to report")]
    Control,
}

/// The database in the state folder.
const STORE: &str = "growctl.db";

/// Where the CLI finds the engine of a site.
#[must_use]
pub fn socket_path(folder: &Path, settings: &Settings) -> PathBuf {
    folder.join(&settings.state_dir).join("control.sock")
}

/// Where the store of a site is.
#[must_use]
pub fn store_path(folder: &Path, settings: &Settings) -> PathBuf {
    folder.join(&settings.state_dir).join(STORE)
}

/// Runs a site until `stop` is done; `report` is what was said when it was read.
///
/// # Errors
/// It could not be started, or its control thread died. Redis that does not answer, a bus that is down or a port that is taken is no such error: the
/// rest runs, and says so.
pub async fn run(
    loader: Loader,
    site: Site,
    report: &Report,
    stop: impl Future<Output = ()>,
) -> Result<Summary, RunError> {
    #[cfg(target_os = "linux")]
    outlive_file_limits();
    run_on(loader, site, report, BTreeMap::new(), stop).await
}

/// Where the size of files is limited (`ulimit -f`, `LimitFSIZE`), the system ends a process that writes beyond: one that
/// listens for the signal gets an error from the write instead, as on a full disk.
#[cfg(target_os = "linux")]
fn outlive_file_limits() {
    use tokio::signal::unix::{SignalKind, signal};
    // The signal stays caught when this end of it is gone.
    if let Err(error) = signal(SignalKind::from_raw(nix::libc::SIGXFSZ)) {
        tracing::warn!("a limit on the size of files would end growctl: {error}");
    }
}

/// [`run`], with sockets in place of the interfaces of those names that carry frames as the kernel writes them, see
/// [`crate::can::serve_on`]: for tests and benchmarks, where there is no CAN.
///
/// # Errors
/// As [`run`].
pub async fn run_on(
    loader: Loader,
    site: Site,
    report: &Report,
    sockets: BTreeMap<String, OwnedFd>,
    stop: impl Future<Output = ()>,
) -> Result<Summary, RunError> {
    let state_dir = site.folder.join(&site.settings.state_dir);
    let _lock = SiteLock::take(&state_dir).map_err(RunError::Site)?;
    let (clock, inlets) = (Clock::of_a_run(), Inlets::new());
    let origin = origin(clock.now().utc.0);
    let (store, restored) = open_store(&state_dir, clock, &inlets).await?;
    let acts = Queue::new("actions", 10_000, Full::DropOldest);
    let first = origin.map(char::from).iter().collect();
    let posts = Posts::new(Some(store.clone()), first, known(&site.settings));
    let (events, control) = (inlets.outlets.clone(), inlets.requests.clone());
    let courier_ends = CourierEnds { folder: &site.folder, events, control };
    let couriers = Couriers::start(store.clone(), posts.clone(), clock, &site.settings, courier_ends);
    let context = ActionContext { folder: &site.folder, zone: &site.settings.zone, posts: &posts };
    let dispatcher = Dispatcher::start(acts.clone(), &context).map_err(RunError::Site)?;
    let bus_ends = BusEnds { clock, frames: inlets.frames.clone(), events: inlets.buses.clone() };
    let buses = Buses::start(&site.map, &site.folder, &bus_ends, sockets)?;
    let (acts, kept) = (Some(acts), Some(store.clone()));
    let (buses_of_outlets, posted) = (buses.pending.clone(), Some(posts.clone()));
    let mut outlets = Outlets { buses: buses_of_outlets, acts, store: kept, posts: posted, ..Outlets::default() };
    let (bridge, serves) = redis_side(&site, &inlets, &mut outlets, origin).await?;
    let mut history = History::of(&site.folder);
    let (revision, _) = history.revision(&site.snapshot);
    let started = Reloaded::new(Outcome::Started, clock.now(), &revision, report);
    let status = Status {
        name: site.settings.name.clone(),
        origin: origin.map(char::from).iter().collect(),
        buses: site.map.buses.clone(),
        interfaces: buses.interfaces.clone(),
        started: clock.now(),
        serves,
        reloaded: Box::new(started.clone()),
        bridge: bridge.clone(),
        actions: dispatcher.account(),
    };
    let socket = socket_path(&site.folder, &site.settings);
    let engine = Engine::new(site.book(revision.name()), Site::host(), clock.now());
    let mut core = Core::new(&site.map, engine, origin, clock.now());
    core.take_commands_from(site.settings.commands_from.clone());
    core.take_book_config(clock.now(), site.settings.book_config(), &mut Vec::new());
    let mut control = Control::new(core, clock, inlets.clone(), outlets, status);
    control.restore(restored);
    let (control, control_ended) = start(control)?;
    let (to_control, plant, interfaces) = (inlets.files.clone(), buses.maps.clone(), buses.interfaces.clone());
    let bridge_to_turn = bridge.as_ref().map(Arc::downgrade);
    let ends = Ends {
        clock,
        control: to_control,
        bridge: bridge_to_turn,
        plant,
        interfaces,
        couriers: Some(couriers.clone()),
    };
    let reloader = Reloader::start(loader, &site, Start { revision, said: started.lines, history }, ends)?;
    let (plant, files) = (buses.plant.clone(), reloader.asks.clone());
    let desk = web::Desk { control: inlets.requests.clone(), files, store: store.clone(), plant };
    let web = tokio::spawn(serve(socket, desk));

    tokio::select! {
        () = stop => tracing::info!("stopping: devices to their safe states, queues drained"),
        // Nobody decides any more: better to end, so that whoever watches this process starts it anew.
        _ = control_ended => tracing::error!("the control thread ended by itself"),
    }
    inlets.stop();
    inlets.files.close();
    let control = tokio::task::spawn_blocking(move || control.join()).await.ok().and_then(Result::ok);
    web.abort();
    // What waits in it for the control thread will never be answered.
    while inlets.files.pop().is_some() {}
    if let Ok(false) = tokio::task::spawn_blocking(move || reloader.stop(LAST_LOOK)).await {
        tracing::warn!("reading the files does not end, as where a file system hangs; it is left behind");
    }
    // What rules have sent and is still in the queue goes into the outbox before the store closes.
    finish(dispatcher).await;
    couriers.stop(LAST_DELIVERIES).await;
    close_store(store).await;
    let control = control.ok_or(RunError::Control)?;
    let _ = std::fs::remove_file(state_dir.join("control.sock"));
    leave(control, buses, bridge).await
}

/// Opens what the last run left; whatever is wrong with it, the engine runs.
async fn open_store(state_dir: &Path, clock: Clock, inlets: &Inlets) -> Result<(Store, Vec<Saved>), RunError> {
    let path = state_dir.join(STORE);
    // As people write it, where the site is where they are.
    let path = path.strip_prefix(".").unwrap_or(&path).to_owned();
    let config = StoreConfig::new(path, Arc::new(move || clock.now()));
    let events = inlets.store.clone();
    let told = Box::new(move |health: &StoreHealth| drop(events.push(health.clone())));
    let opened = tokio::task::spawn_blocking(move || Store::open(config, told)).await;
    opened.map_err(|error| RunError::Site(format!("the store: {error}")))
}

async fn close_store(store: Store) {
    let closed = tokio::task::spawn_blocking(move || store.close(LAST_WRITES)).await;
    if !matches!(closed, Ok(true)) {
        tracing::error!("the store could not write all that was to outlive this run");
    }
}

/// Starts the control thread; the receiver ends with it, however that ends.
fn start(control: Control) -> std::io::Result<(JoinHandle<Control>, oneshot::Receiver<()>)> {
    let (alive, ended) = oneshot::channel::<()>();
    let work = move || {
        let _alive = alive;
        control.run()
    };
    Ok((thread::Builder::new().name("control".to_owned()).spawn(work)?, ended))
}

async fn serve(socket: PathBuf, desk: web::Desk) {
    if let Err(error) = web::serve(&socket, desk).await {
        tracing::warn!("no control socket, `growctl status` cannot ask: {error}");
    }
}

/// Lets the actions do what is in their queue.
async fn finish(dispatcher: Dispatcher) {
    if !matches!(tokio::task::spawn_blocking(move || dispatcher.stop(DRAIN)).await, Ok(Some(_))) {
        tracing::error!("actions did not end in time; what they had left is lost");
    }
}

/// Lets what is under way arrive, each for a stated time.
async fn leave(control: Control, buses: Buses, bridge: Option<Arc<Bridge>>) -> Result<Summary, RunError> {
    let waiting = async {
        while buses.pending.iter().any(|bus| !bus.is_empty()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    for bus in control.status.buses_closed(&buses.pending) {
        tracing::error!(%bus, "bus {bus} takes no frames, so its devices were not told to go to safe; the nodes' own watchdogs have to act");
    }
    if tokio::time::timeout(LAST_COMMANDS, waiting).await.is_err() {
        tracing::error!("a bus did not take the safe states; the nodes' own watchdogs have to act");
    }
    let (queue, core) = (control.outlets.redis.clone(), control.core.counts());
    // The control thread has ended; with it goes the other holder of the bridge.
    drop(control);
    if let Some(bridge) = bridge.and_then(Arc::into_inner) {
        bridge.close(DRAIN).await;
    }
    // A thread that panicked has said so.
    let _ = tokio::task::spawn_blocking(move || buses.stop()).await;
    let unpublished = queue.map(|queue| queue.counts()).map_or(0, |counts| counts.dropped + counts.pending);
    Ok(Summary { core, unpublished })
}

/// The bridge to the server that is set, or the endpoint where none is.
async fn redis_side(
    site: &Site,
    inlets: &Inlets,
    outlets: &mut Outlets,
    origin: [u8; 8],
) -> Result<(Option<Arc<Bridge>>, Option<String>), RunError> {
    if let Some(redis) = &site.settings.redis {
        let queues = BridgeQueues {
            outbound: Queue::new("to redis", 10_000, Full::DropOldest),
            last: Queue::new("last values to redis", 10_000, Full::DropOldest),
            inbound: inlets.foreign.clone(),
            events: inlets.events.clone(),
        };
        (outlets.redis, outlets.last) = (Some(queues.outbound.clone()), Some(queues.last.clone()));
        let bridge = Bridge::start(bridge_config(site, redis, origin), queues).map_err(RunError::Redis)?;
        let shown = format!("redis://{}", bridge.status().server);
        return Ok((Some(Arc::new(bridge)), Some(shown)));
    }
    let Some(address) = site.settings.embedded else { return Ok((None, None)) };
    match Endpoint::bind(address, inlets.foreign.clone()).await {
        Ok(endpoint) => {
            let shown = format!("redis://{}", endpoint.address());
            tracing::info!("Redis clients are answered on {shown} (pub/sub only)");
            outlets.endpoint = Some(Arc::new(endpoint));
            Ok((None, Some(shown)))
        }
        Err(error) => {
            tracing::warn!("Redis clients are not answered, {address} cannot be taken: {error}; everything else runs");
            Ok((None, None))
        }
    }
}

fn bridge_config(site: &Site, redis: &Redis, origin: [u8; 8]) -> BridgeConfig {
    let (cover, owned) = (listens_to(site), owned(&site.map));
    let (url, password) = (redis.url.clone(), redis.password.clone());
    BridgeConfig { url, password, name: site.settings.name.clone(), cover, origin, owned }
}

/// Eight letters and digits, new at each start: from the clock's nanoseconds and the process number.
fn origin(nanos: i64) -> [u8; 8] {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut random = fastrand::Rng::with_seed(nanos as u64 ^ u64::from(std::process::id()).rotate_left(48));
    std::array::from_fn(|_| DIGITS[random.usize(..DIGITS.len())])
}
