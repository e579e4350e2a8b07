//! The shell around the Core: starts what brings and takes, waits for the word to stop, and stops it all in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use redis::{Client, IntoConnectionInfo, RedisError};

use crate::actions::{ActionContext, Dispatcher};
use crate::bus::{Bridge, BridgeQueues, Endpoint, cover};
use crate::model::{Full, Queue};
use crate::rules::{Engine, Place};
use crate::web;

use super::buses::Buses;
use super::control::{Control, Inlets};
use super::core::{Core, CoreCounts};
use super::lock::SiteLock;
use super::outlets::Outlets;
use super::settings::Redis;
use super::status::Status;
use super::{Clock, Settings, Site};

/// How long queues may take to drain when the engine stops.
const DRAIN: Duration = Duration::from_secs(2);
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

/// Why a run could not start: what, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another engine, a folder that cannot be written, an action that this site cannot have.
    #[error("{0}")]
    Site(String),
    /// The system gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The settings name a server that no client can be made for.
    #[error("redis.url: {0}")]
    Redis(#[from] RedisError),
}

/// Where the CLI finds the engine of a site.
#[must_use]
pub fn socket_path(folder: &Path, settings: &Settings) -> PathBuf {
    folder.join(&settings.state_dir).join("control.sock")
}

/// A client of the server that the settings name.
///
/// # Errors
/// The URL is none.
pub fn client(redis: &Redis) -> Result<Client, RedisError> {
    let mut info = redis.url.expose().into_connection_info()?;
    if let Some(password) = &redis.password {
        let settings = info.redis_settings().clone().set_password(password.expose());
        info = info.set_redis_settings(settings);
    }
    Client::open(info)
}

/// Runs a site until `stop` is done.
///
/// # Errors
/// It could not be started. Redis that does not answer, a bus that is down or a port that is taken is no such error: the
/// rest runs, and says so.
pub async fn run(site: Site, stop: impl Future<Output = ()>) -> Result<Summary, StartError> {
    let state_dir = site.folder.join(&site.settings.state_dir);
    let _lock = SiteLock::take(&state_dir).map_err(StartError::Site)?;
    let (clock, inlets) = (Clock::start(), Inlets::new());
    let origin = origin(clock.now().utc.0);
    let acts = Queue::new("actions", 10_000, Full::DropOldest);
    let context = ActionContext { folder: &site.folder, zone: &site.settings.zone };
    let dispatcher = Dispatcher::start(acts.clone(), &context).map_err(StartError::Site)?;
    let buses = Buses::start(&site.map, &site.folder, clock, &inlets.frames)?;
    let mut outlets = Outlets { buses: buses.pending.clone(), acts: Some(acts), ..Outlets::default() };
    let (bridge, serves) = redis_side(&site, &inlets, &mut outlets, origin).await?;
    let status = Status {
        name: site.settings.name.clone(),
        origin: origin.map(char::from).iter().collect(),
        buses: site.map.buses.clone(),
        started: clock.now(),
        serves,
        redis_up: bridge.as_ref().map(Bridge::watch),
    };
    let socket = socket_path(&site.folder, &site.settings);
    let place = Place { zone: site.settings.zone, location: site.settings.location };
    let engine = Engine::new(site.rules, site.map.inventory.clone(), site.host, place, clock.now());
    let core = Core::new(&site.map, engine, origin, clock.now());
    let control = Control::new(core, clock, inlets.clone(), outlets, status);
    let control = thread::Builder::new().name("control".to_owned()).spawn(move || control.run())?;
    let requests = inlets.requests.clone();
    let web = tokio::spawn(async move {
        if let Err(error) = web::serve(&socket, requests, std::future::pending()).await {
            tracing::warn!("no control socket, `growctl status` cannot ask: {error}");
        }
    });

    stop.await;
    tracing::info!("stopping: devices to their safe states, queues drained");
    inlets.stop();
    let control = tokio::task::spawn_blocking(move || control.join()).await.ok().and_then(Result::ok);
    let Some(control) = control else { return Err(StartError::Site("the control thread panicked".to_owned())) };
    web.abort();
    let _ = std::fs::remove_file(state_dir.join("control.sock"));
    leave(control, buses, dispatcher, bridge).await
}

/// Lets what is under way arrive, each for a stated time.
async fn leave(
    control: Control,
    buses: Buses,
    dispatcher: Dispatcher,
    bridge: Option<Bridge>,
) -> Result<Summary, StartError> {
    let waiting = async {
        while buses.pending.iter().any(|bus| !bus.is_empty()) {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(LAST_COMMANDS, waiting).await.is_err() {
        tracing::error!("a bus did not take the safe states; the nodes' own watchdogs have to act");
    }
    let queue = control.outlets.redis.clone();
    if let Some(queue) = &queue {
        queue.close();
    }
    if let Some(bridge) = bridge {
        bridge.drain(DRAIN).await;
    }
    let ended = tokio::task::spawn_blocking(move || {
        buses.stop();
        dispatcher.stop(DRAIN)
    });
    if !matches!(ended.await, Ok(Some(_))) {
        tracing::error!("actions did not end in time; what they had left is lost");
    }
    let unpublished = queue.map(|queue| queue.counts()).map_or(0, |counts| counts.dropped + counts.pending);
    Ok(Summary { core: control.core.counts(), unpublished })
}

/// The bridge to the server that is set, or the endpoint where none is.
async fn redis_side(
    site: &Site,
    inlets: &Inlets,
    outlets: &mut Outlets,
    origin: [u8; 8],
) -> Result<(Option<Bridge>, Option<String>), StartError> {
    if let Some(redis) = &site.settings.redis {
        let queues = BridgeQueues {
            outbound: Queue::new("to redis", 10_000, Full::DropOldest),
            last: Queue::new("last values to redis", 10_000, Full::DropOldest),
            inbound: inlets.foreign.clone(),
            events: inlets.events.clone(),
        };
        (outlets.redis, outlets.last) = (Some(queues.outbound.clone()), Some(queues.last.clone()));
        let client = client(redis)?;
        let shown = client.get_connection_info().addr().to_string();
        let patterns: Vec<_> = site.rules.iter().flat_map(|rule| &rule.patterns).collect();
        let bridge = Bridge::start(client, queues, cover(&patterns), crate::bus::own_prefix(origin));
        return Ok((Some(bridge), Some(format!("redis://{shown}"))));
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

/// Eight letters and digits, new at each start: from the clock's nanoseconds and the process number.
fn origin(nanos: i64) -> [u8; 8] {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut random = fastrand::Rng::with_seed(nanos as u64 ^ u64::from(std::process::id()).rotate_left(48));
    std::array::from_fn(|_| DIGITS[random.usize(..DIGITS.len())])
}
