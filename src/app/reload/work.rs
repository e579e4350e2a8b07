//! One look at the files after the other: read, compared with what decides, and handed over or refused.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::app::git::Repository;
use crate::app::revision::{History, Revision};
use crate::app::site::Loader;
use crate::app::snapshot::{MAP, RULES, SETTINGS, Snapshot};
use crate::app::ways::Ways;
use crate::app::{Next, Settings, Site};
use crate::channels::ChannelMap;
use crate::files::{Place, Report, Severity, SourceFile};
use crate::model::{Push, Queue, Utc};
use crate::web::ReloadRequest;

use super::settle::{PATIENCE, Settled};
use super::watch::Watch;
use super::{Change, Ends, FilesEvent, Line, Outcome, Reloaded, Start, Stop, listens_to, names, owned};

/// Where no word of the file system comes, the files are looked at this often.
const RESCAN: Duration = Duration::from_secs(30);
/// Files that do not come to rest are looked at again after this long.
const RETRY: Duration = Duration::from_secs(5);

/// What is new in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// Nothing.
    None,
    /// They have another name, as after a commit.
    Revision,
    Files,
}

pub(super) struct Work {
    pub(super) folder: PathBuf,
    /// The settings that the engine started with: some of them hold until it starts again.
    settings: Settings,
    /// The channel map that decides.
    map: Arc<ChannelMap>,
    /// How many rules run.
    rules: usize,
    /// Of the files at the last look, applied or refused.
    digest: u64,
    /// Of the files at the last look.
    revision: Revision,
    /// What was read at the last look decides, without a fault.
    decides: bool,
    /// The last look failed: the files must be read again, whatever they say.
    failed: bool,
    /// That the files do not come to rest has been said.
    unsettled: bool,
    /// The lock of git that was passed over.
    pub(super) forgiven: Option<Utc>,
    pub(super) patience: Duration,
    /// What was said at the last look.
    said: Vec<Line>,
    loader: Loader,
    pub(super) history: History,
    pub(super) watch: Watch,
    pub(super) ends: Ends,
    pub(super) asks: Arc<Queue<ReloadRequest>>,
    pub(super) stop: Stop,
}

impl Work {
    pub(super) fn new(
        loader: Loader,
        site: &Site,
        start: Start,
        ends: Ends,
        (asks, stop): (Arc<Queue<ReloadRequest>>, Stop),
    ) -> Work {
        let Start { revision, said, history } = start;
        Work {
            folder: site.folder.clone(),
            settings: loader.settings().cloned().unwrap_or_default(),
            map: site.map.clone(),
            rules: site.rules.len(),
            digest: site.digest,
            revision,
            decides: said.iter().all(|(severity, _)| *severity != Severity::Error),
            failed: false,
            unsettled: false,
            forgiven: None,
            patience: PATIENCE,
            said,
            loader,
            history,
            watch: Watch::new(stop.bell.clone()),
            ends,
            asks,
            stop,
        }
    }

    /// Looks whenever something stirs, somebody asks, or it is time, until it is to stop.
    pub(super) fn run(&mut self) {
        // Between the first reading and the first watch something may have changed.
        let mut look = true;
        while !self.stop.is_said() {
            let mut limit = RESCAN;
            if std::mem::take(&mut look) || self.watch.stirred() || !self.asks.is_empty() {
                limit = self.guarded(Work::look);
            }
            let before = self.ends.clock.now().mono;
            self.stop.bell.wait(limit);
            look = self.ends.clock.now().mono.since(before) >= limit;
        }
    }

    /// Does one look; a panic in it is a bug that must neither end the thread nor leave anybody without an answer.
    pub(super) fn guarded(&mut self, look: impl FnOnce(&mut Work, &mut Vec<ReloadRequest>) -> Duration) -> Duration {
        let mut asked = Vec::new();
        let looked = catch_unwind(AssertUnwindSafe(|| look(self, &mut asked)));
        looked.unwrap_or_else(|panic| {
            self.failed = true;
            let message = format!("reading the files failed, which is a bug of growctl: {}", text_of(&*panic));
            let failed = self.excuse(Outcome::Failed, Path::new("."), &message);
            failed.log(&[]);
            self.ends.control.push(FilesEvent::Refused(failed.clone()));
            asked.extend(std::iter::from_fn(|| self.asks.pop()));
            answer(asked, &failed);
            RESCAN
        })
    }

    /// Reads the files; if they are others than at the last look, they decide from now on, or are refused. Gives the time
    /// until the next look at the latest.
    pub(super) fn look(&mut self, asked: &mut Vec<ReloadRequest>) -> Duration {
        asked.extend(std::iter::from_fn(|| self.asks.pop()));
        self.rewatch(&Snapshot::read(&self.folder));
        let settled = self.settled();
        asked.extend(std::iter::from_fn(|| self.asks.pop()));
        let (snapshot, revision, sure) = match settled {
            Settled::At(snapshot, revision, sure) => (snapshot, revision, sure),
            Settled::Not(path, why) => {
                let message = format!("{why}: everything runs as before, and the files are looked at again soon");
                let unsettled = self.excuse(Outcome::Unsettled, &path, &message);
                if !std::mem::replace(&mut self.unsettled, true) {
                    unsettled.log(&[]);
                }
                answer(asked.drain(..), &unsettled);
                return RETRY;
            }
            Settled::Stopped => {
                answer(asked.drain(..), &self.excuse(Outcome::Stopping, Path::new("."), "the engine is stopping"));
                return RESCAN;
            }
        };
        self.unsettled = false;
        let news = self.news(snapshot.digest(), &revision, sure);
        if news != News::None || !asked.is_empty() {
            let news = if std::mem::take(&mut self.failed) { News::Files } else { news };
            if news != News::None {
                (self.digest, self.revision) = (snapshot.digest(), revision);
            }
            let reloaded = self.take(&snapshot, news);
            answer(asked.drain(..), &reloaded);
        }
        // What changed in a folder before it was watched has not been heard.
        if self.rewatch(&snapshot) { Duration::ZERO } else { RESCAN }
    }

    /// What a look has found. From a git that does not answer no news is taken.
    fn news(&self, digest: u64, revision: &Revision, sure: bool) -> News {
        if digest != self.digest {
            News::Files
        } else if sure && *revision != self.revision {
            News::Revision
        } else {
            News::None
        }
    }

    fn take(&mut self, snapshot: &Snapshot, news: News) -> Box<Reloaded> {
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
            self.decides = false;
            if news != News::None {
                self.ends.control.push(FilesEvent::Refused(refused.clone()));
            }
            return refused;
        };
        if news == News::None && self.decides {
            return reloaded(Outcome::Unchanged, &report);
        }
        let mut applied = reloaded(Outcome::Applied, &report);
        applied.map_changed = !Arc::ptr_eq(&site.map, &self.map);
        let only_name = news == News::Revision && self.decides && !applied.map_changed;
        self.apply(&site, applied, only_name)
    }

    fn apply(&mut self, site: &Site, mut applied: Box<Reloaded>, only_name: bool) -> Box<Reloaded> {
        let map = applied.map_changed.then(|| site.map.clone());
        let revision = self.revision.name();
        let change = if only_name {
            applied.unchanged = site.rules.len();
            Change::Revision(revision)
        } else {
            let commands_from = site.settings.commands_from.clone();
            let alerts = Some(site.settings.book_config());
            Change::State(Box::new(Next { map: map.clone(), book: site.book(revision), commands_from, alerts }))
        };
        let (answer, wait) = oneshot::channel();
        let pushed = self.ends.control.push(FilesEvent::Apply(change, applied, answer));
        let refused = matches!(pushed, Push::Refused(_) | Push::Dropped(_));
        // The sender is in what was refused, and what is over is freed when the answer is dropped.
        let (applied, _remains) = match (!refused).then(|| wait.blocking_recv()) {
            Some(Ok(answered)) => answered,
            _ => return self.excuse(Outcome::Stopping, Path::new("."), "the engine is stopping: nothing takes effect"),
        };
        if let Some(bridge) = self.ends.bridge.as_ref().and_then(Weak::upgrade).filter(|_| !only_name) {
            bridge.turn_to(listens_to(site), owned(&site.map));
        }
        if let Some(map) = map {
            self.ends.plant.push(map.clone());
            self.ends.interfaces.reload(&map);
            self.map = map;
        }
        if let Some(couriers) = self.ends.couriers.as_ref().filter(|_| !only_name) {
            couriers.turn_to(&site.settings);
        }
        self.loader.decides();
        (self.decides, self.rules) = (true, site.rules.len());
        applied.log(&self.said);
        self.said.clone_from(&applied.lines);
        applied
    }

    /// What holds until the next start: other buses are an error, other settings of that kind a warning. And rules do not
    /// go all at once because their folder has.
    fn check_what_stays(&self, site: &Site, snapshot: &Snapshot, report: &mut Report) {
        if snapshot.no_rules && self.rules > 0 {
            let message = "the folder rules is gone: everything runs as before";
            let rules = SourceFile::new(RULES, "");
            report.error(&rules, Place::default(), message).help("make it again, empty if no rule is to run");
        }
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

    /// Why a look came to nothing.
    fn excuse(&self, outcome: Outcome, path: &Path, message: &str) -> Box<Reloaded> {
        let mut report = Report::default();
        let file = SourceFile::new(path, "");
        match outcome {
            Outcome::Failed => report.error(&file, Place::default(), message),
            _ => report.warning(&file, Place::default(), message),
        };
        Box::new(Reloaded::new(outcome, self.ends.clock.now(), &self.revision, &report))
    }

    /// Watches the folders that the files are in now, behind every link; whether one of them was not watched before.
    fn rewatch(&mut self, snapshot: &Snapshot) -> bool {
        let ways = Ways::to(&self.folder, snapshot.paths());
        let repository = ways.site.as_deref().and_then(Repository::around);
        self.watch.on(names::folders(&ways, repository.as_ref()))
    }
}

fn answer(asked: impl IntoIterator<Item = ReloadRequest>, reloaded: &Reloaded) {
    for ReloadRequest(answer) in asked {
        // Whoever asked may have gone; then the answer is nobody's.
        let _ = answer.send(reloaded.answer());
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it says nothing".to_owned())
}
