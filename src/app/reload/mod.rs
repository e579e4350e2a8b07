//! Hot reload: a thread that watches the site's files, reads them when they have come to rest, and hands the control thread
//! a whole new state, or tells what is wrong with it. All that takes time happens here.

mod names;
mod report;
mod settle;
mod watch;
mod work;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::bus::{Bridge, cover};
use crate::channels::ChannelMap;
use crate::files::Severity;
use crate::model::{Doorbell, Full, Name, Queue};
use crate::rules::Remains;
use crate::web::ReloadRequest;

use super::couriers::Couriers;
use super::interfaces::Interfaces;
use super::revision::{History, Revision};
use super::site::Loader;
use super::{Clock, Next, Site};

pub(super) use report::{Outcome, Reloaded};
use work::Work;

/// For the control thread.
#[derive(Debug)]
pub(super) enum FilesEvent {
    /// Go over to another state; the report gets what changed, and goes back with what is over.
    Apply(Change, Box<Reloaded>, oneshot::Sender<(Box<Reloaded>, Remains)>),
    /// The files were refused, or could not even be looked at: everything stays.
    Refused(Box<Reloaded>),
}

/// What the control thread goes over to.
#[derive(Debug)]
pub(super) enum Change {
    /// Another state of the files.
    State(Box<Next>),
    /// The same files under another name, as after a commit.
    Revision(Name),
}

/// A fault in one line.
pub(super) type Line = (Severity, String);

/// The other ends of the thread.
pub(super) struct Ends {
    pub(super) clock: Clock,
    /// To the control thread.
    pub(super) control: Arc<Queue<FilesEvent>>,
    /// Learns which channels are listened to. It is not held: a thread that hangs must not keep it from being closed.
    pub(super) bridge: Option<Weak<Bridge>>,
    /// To the simulated plant.
    pub(super) plant: Arc<Queue<Arc<ChannelMap>>>,
    /// Their filters follow the map.
    pub(super) interfaces: Interfaces,
    /// The outlets of the settings.
    pub(super) couriers: Option<Couriers>,
}

/// What the site was when the engine started: its revision, what was said of it, and its history.
pub(super) struct Start {
    pub(super) revision: Revision,
    pub(super) said: Vec<Line>,
    pub(super) history: History,
}

/// The word to stop, and the bells that wake who must hear it.
#[derive(Clone)]
struct Stop {
    flag: Arc<AtomicBool>,
    /// Wakes the thread between two looks.
    bell: Arc<Doorbell>,
    /// Wakes it within one.
    pause: Arc<Doorbell>,
}

impl Stop {
    fn new() -> Stop {
        Stop { flag: Arc::default(), bell: Doorbell::new(), pause: Doorbell::new() }
    }

    fn is_said(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    fn say(&self) {
        self.flag.store(true, Ordering::Release);
        self.bell.ring();
        self.pause.ring();
    }
}

/// The thread, for who started it.
pub(super) struct Reloader {
    /// Questions to look now.
    pub(super) asks: Arc<Queue<ReloadRequest>>,
    stop: Stop,
    over: Arc<Over>,
    thread: JoinHandle<()>,
}

/// Told when the thread ends, however that ends.
#[derive(Default)]
struct Over {
    flag: AtomicBool,
    bell: Doorbell,
}

struct Ending(Arc<Over>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.flag.store(true, Ordering::Release);
        self.0.bell.ring();
    }
}

impl Reloader {
    /// Starts watching a site that runs as `site` says.
    pub(super) fn start(loader: Loader, site: &Site, start: Start, ends: Ends) -> std::io::Result<Reloader> {
        let stop = Stop::new();
        let asks = Queue::with_doorbell("reload requests", 16, Full::Refuse, stop.bell.clone());
        let mut work = Work::new(loader, site, start, ends, (asks.clone(), stop.clone()));
        Reloader::spawn(asks, stop, move || work.run())
    }

    fn spawn(
        asks: Arc<Queue<ReloadRequest>>,
        stop: Stop,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Reloader> {
        let over = Arc::<Over>::default();
        let ending = Ending(over.clone());
        let thread = thread::Builder::new().name("reload".to_owned()).spawn(move || {
            let _ending = ending;
            work();
        })?;
        Ok(Reloader { asks, stop, over, thread })
    }

    /// Ends the thread; whether it has ended within `limit`. One that has not is left to itself: it reads files, and a file
    /// system that hangs must not keep the engine from stopping.
    pub(super) fn stop(self, limit: Duration) -> bool {
        self.asks.close();
        self.stop.say();
        self.over.bell.wait(limit);
        let ended = self.over.flag.load(Ordering::Acquire);
        if ended {
            // A thread that panicked has said so.
            let _ = self.thread.join();
        }
        // Who still waits there for an answer learns that there is none.
        while self.asks.pop().is_some() {}
        ended
    }
}

/// The patterns by which Redis is listened to for a site.
pub(super) fn listens_to(site: &Site) -> Vec<String> {
    let patterns = site.rules.iter().flat_map(|rule| {
        let windows = rule.windows.iter().filter_map(|window| window.pattern.as_ref());
        rule.patterns.iter().chain(windows).cloned()
    });
    cover(&patterns.collect::<Vec<_>>())
}

/// The channels that only this site's engine publishes on.
pub(super) fn owned(map: &ChannelMap) -> HashSet<Name> {
    map.inventory.sources.iter().map(|source| source.channel.clone()).collect()
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
