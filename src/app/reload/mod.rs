//! Hot reload: a thread that watches the site's files, reads them when they have come to rest, and hands the control thread
//! a whole new state, or tells what is wrong with it. All that takes time happens here.

mod report;
mod watch;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::bus::{Bridge, cover};
use crate::channels::ChannelMap;
use crate::files::{Report, Severity};
use crate::model::{Doorbell, Full, Name, Push, Queue};
use crate::rules::Remains;
use crate::web::ReloadRequest;

use super::revision::{Revision, git_dir};
use super::site::Loader;
use super::snapshot::{MAP, SETTINGS, Snapshot};
use super::{Clock, Next, Settings, Site};

pub(super) use report::{Outcome, Reloaded};
use watch::Watch;

/// Where no word of the file system comes, the files are looked at this often.
const RESCAN: Duration = Duration::from_secs(30);
/// Files are at rest when they are twice the same, so long apart.
const REST: Duration = Duration::from_millis(100);
/// What is still being written after this long is taken as it is: an editor may keep a file open all day.
const PATIENCE: Duration = Duration::from_secs(10);

/// For the control thread.
#[derive(Debug)]
pub(super) enum FilesEvent {
    /// Go over to another state; the report gets what changed, and goes back with what is over.
    Apply(Box<Next>, Box<Reloaded>, oneshot::Sender<(Box<Reloaded>, Remains)>),
    /// The files were refused: everything stays.
    Refused(Box<Reloaded>),
}

/// A fault in one line.
pub(super) type Line = (Severity, String);

/// The other ends of the thread.
pub(super) struct Ends {
    pub(super) clock: Clock,
    /// To the control thread.
    pub(super) control: Arc<Queue<FilesEvent>>,
    /// Learns which channels are listened to.
    pub(super) bridge: Option<Arc<Bridge>>,
    /// To the simulated plant.
    pub(super) plant: Arc<Queue<Arc<ChannelMap>>>,
}

/// The thread, for who started it.
pub(super) struct Reloader {
    /// Questions to look now.
    pub(super) asks: Arc<Queue<ReloadRequest>>,
    stop: Arc<AtomicBool>,
    bell: Arc<Doorbell>,
    thread: JoinHandle<()>,
}

impl Reloader {
    /// Starts watching a site that runs as `site` says, at that revision.
    pub(super) fn start(
        loader: Loader,
        site: &Site,
        (revision, said): (Revision, Vec<Line>),
        ends: Ends,
    ) -> std::io::Result<Reloader> {
        let (bell, stop) = (Doorbell::new(), Arc::new(AtomicBool::new(false)));
        let asks = Queue::with_doorbell("reload requests", 16, Full::Refuse, bell.clone());
        let mut work = Work {
            folder: site.folder.clone(),
            settings: loader.settings().cloned().unwrap_or_default(),
            map: site.map.clone(),
            digest: site.digest,
            loader,
            revision,
            said,
            watch: Watch::new(bell.clone()),
            ends,
            asks: asks.clone(),
            pause: Doorbell::new(),
        };
        let (ring, halt) = (bell.clone(), stop.clone());
        let thread = thread::Builder::new().name("reload".to_owned()).spawn(move || {
            work.rewatch();
            // Between the first reading and the first watch something may have changed.
            let mut look = true;
            while !halt.load(Ordering::Acquire) {
                if std::mem::take(&mut look) || work.watch.stirred() || !work.asks.is_empty() {
                    work.look();
                }
                let before = work.ends.clock.now().mono;
                ring.wait(RESCAN);
                look = work.ends.clock.now().mono.since(before) >= RESCAN;
            }
        })?;
        Ok(Reloader { asks, stop, bell, thread })
    }

    /// Ends the thread, which lets go of the bridge.
    pub(super) fn stop(self) {
        self.asks.close();
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
        // A thread that panicked has said so on stderr.
        let _ = self.thread.join();
    }
}

struct Work {
    folder: PathBuf,
    /// The settings that the engine started with: some of them hold until it starts again.
    settings: Settings,
    /// The channel map that decides.
    map: Arc<ChannelMap>,
    /// Of the files at the last look, applied or refused.
    digest: u64,
    /// Of the files at the last look.
    revision: Revision,
    /// What was said of them then.
    said: Vec<Line>,
    loader: Loader,
    watch: Watch,
    ends: Ends,
    asks: Arc<Queue<ReloadRequest>>,
    pause: Arc<Doorbell>,
}

impl Work {
    /// Reads the files; if they are others than at the last look, they decide from now on, or are refused.
    fn look(&mut self) {
        let mut asked: Vec<ReloadRequest> = std::iter::from_fn(|| self.asks.pop()).collect();
        self.rewatch();
        let (snapshot, revision) = self.settled();
        let digest = snapshot.digest();
        let same = digest == self.digest && revision == self.revision;
        asked.extend(std::iter::from_fn(|| self.asks.pop()));
        if same && asked.is_empty() {
            return;
        }
        (self.digest, self.revision) = (digest, revision);
        let reloaded = self.take(&snapshot, same);
        for ReloadRequest(answer) in asked {
            // Whoever asked may have gone; then the answer is nobody's.
            let _ = answer.send(reloaded.answer());
        }
        if reloaded.outcome == Outcome::Applied {
            self.rewatch();
        }
    }

    fn take(&mut self, snapshot: &Snapshot, same: bool) -> Box<Reloaded> {
        let mut report = Report::default();
        let site = self.loader.load(snapshot, &mut report);
        if let Some(site) = &site {
            self.check_what_stays(site, snapshot, &mut report);
        }
        let now = self.ends.clock.now();
        let reloaded = |outcome, report: &Report| Box::new(Reloaded::new(outcome, now, &self.revision, report));
        let Some(site) = site.filter(|_| report.errors() == 0) else {
            let refused = reloaded(Outcome::Refused, &report);
            refused.log(&self.said);
            self.said.clone_from(&refused.lines);
            if !same {
                self.ends.control.push(FilesEvent::Refused(refused.clone()));
            }
            return refused;
        };
        if same {
            return reloaded(Outcome::Unchanged, &report);
        }
        let mut applied = reloaded(Outcome::Applied, &report);
        applied.map_changed = !Arc::ptr_eq(&site.map, &self.map);
        self.apply(&site, applied)
    }

    fn apply(&mut self, site: &Site, applied: Box<Reloaded>) -> Box<Reloaded> {
        let map = applied.map_changed.then(|| site.map.clone());
        let next = Next { map: map.clone(), book: site.book(self.revision.name()) };
        let (answer, wait) = oneshot::channel();
        let unanswered = applied.clone();
        if let Push::Refused(_) | Push::Dropped(_) =
            self.ends.control.push(FilesEvent::Apply(Box::new(next), applied, answer))
        {
            return unanswered;
        }
        // What is over is freed here, when the answer is dropped.
        let Ok((applied, _remains)) = wait.blocking_recv() else { return unanswered };
        if let Some(bridge) = &self.ends.bridge {
            bridge.turn_to(listens_to(site), owned(&site.map));
        }
        if let Some(map) = map {
            self.ends.plant.push(map.clone());
            self.map = map;
        }
        applied.log(&self.said);
        self.said.clone_from(&applied.lines);
        applied
    }

    /// What holds until the next start: other buses are an error, other settings of that kind a warning.
    fn check_what_stays(&self, site: &Site, snapshot: &Snapshot, report: &mut Report) {
        if site.map.buses != self.map.buses
            && let Some(file) = snapshot.file(MAP)
        {
            let message = "the buses have changed, which needs a restart: everything runs as before until then";
            report.error(file, file.key("buses"), message).help("stop growctl and start it again");
        }
        let Some(file) = snapshot.file(SETTINGS) else { return };
        let (now, started) = (&site.settings, &self.settings);
        let kept = [
            ("name", now.name != started.name),
            ("redis", now.redis != started.redis || now.embedded != started.embedded),
            ("state_dir", now.state_dir != started.state_dir),
        ];
        for (key, _) in kept.into_iter().filter(|(_, changed)| *changed) {
            let message = format!("`{key}` has changed, which takes effect at the next start");
            report.warning(file, file.key(key), message);
        }
    }

    /// The files when they have come to rest, with their revision: twice the same, nobody writes them, and git is not at
    /// work.
    fn settled(&self) -> (Snapshot, Revision) {
        let end = self.ends.clock.now().mono + PATIENCE;
        let lock = git_dir(&self.folder).map(|dir| dir.join("index.lock"));
        let mut before = Snapshot::read(&self.folder);
        loop {
            self.pause.wait(REST);
            self.watch.stirred();
            let late = self.ends.clock.now().mono > end;
            let busy = self.watch.is_being_written() || lock.as_ref().is_some_and(|lock| lock.exists());
            let now = Snapshot::read(&self.folder);
            if (!busy && now.digest() == before.digest()) || late {
                let revision = Revision::of(&self.folder, now.digest());
                if late {
                    self.watch.forget_writers();
                }
                if late || Snapshot::read(&self.folder).digest() == now.digest() {
                    return (now, revision);
                }
            }
            before = now;
        }
    }

    /// Watches the folders that the files are in now, behind every link.
    fn rewatch(&mut self) {
        let mut folders = vec![self.folder.clone(), self.folder.join("rules")];
        folders.extend(git_dir(&self.folder));
        for path in Snapshot::read(&self.folder).files.keys() {
            let real = self.folder.join(path).canonicalize();
            folders.extend(real.ok().and_then(|real| real.parent().map(Path::to_path_buf)));
        }
        folders.sort();
        folders.dedup();
        self.watch.on(folders);
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
