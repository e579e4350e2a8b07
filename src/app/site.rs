//! A site folder, read and checked: `channels.yaml`, `growctl.yaml`, `rules/*.yaml`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::actions::host_functions;
use crate::channels::{self, ChannelMap};
use crate::files::{Place, Report, SourceFile, read_database, read_file};
use crate::model::Name;
use crate::rules::{self, Host, Rule, Rulebook};

use super::revision::{History, Revision};
use super::settings::{Settings, check_patterns};
use super::snapshot::{MAP, SETTINGS, Snapshot, exists};

/// Everything that a site's files say.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder.
    pub folder: PathBuf,
    /// `growctl.yaml`, or the defaults.
    pub settings: Settings,
    /// `channels.yaml`.
    pub map: Arc<ChannelMap>,
    /// The rules that are right. One that is not is left out, and the report says why.
    pub rules: Vec<Arc<Rule>>,
    /// Which state of the files this is.
    pub digest: u64,
    /// What was read.
    pub(super) snapshot: Snapshot,
}

impl Site {
    /// Reads the folder. `None` if the channel map or the settings cannot be used; the report says why.
    pub fn load(folder: &Path, report: &mut Report) -> Option<Site> {
        Loader::open(folder, report).map(|(_, site)| site)
    }

    /// What the rules work by; `revision` names the state of the files, in every decision.
    #[must_use]
    pub fn book(&self, revision: Name) -> Rulebook {
        let place = rules::Place { zone: self.settings.zone.clone(), location: self.settings.location };
        Rulebook::new(self.rules.clone(), self.map.inventory.clone(), place, revision)
    }

    /// Which state of the files this is; asks git.
    #[must_use]
    pub fn revision(&self) -> Revision {
        History::of(&self.folder).revision(&self.snapshot).0
    }

    /// What compiles and runs scripts.
    #[must_use]
    pub fn host() -> Host {
        Host::new(&host_functions())
    }
}

/// Reads a site again and again: what has not changed is not compiled again.
#[derive(Debug)]
pub struct Loader {
    folder: PathBuf,
    host: Host,
    settings: Option<Settings>,
    map: Option<KnownMap>,
    /// The map that decides: where its text comes back after others, it comes back itself.
    running: Option<KnownMap>,
    rules: HashMap<PathBuf, Known>,
}

/// A channel map with its file, followed by those of its databases, and what was said of it.
type KnownMap = (Vec<Arc<SourceFile>>, Arc<ChannelMap>, Report);

/// A rule file as it was read last; a rule that is right has warnings at most.
#[derive(Debug)]
struct Known {
    file: Arc<SourceFile>,
    rule: Option<Arc<Rule>>,
    report: Report,
}

impl Loader {
    /// Reads a folder for the first time. `None` if the channel map or the settings cannot be used; the report says why.
    pub fn open(folder: &Path, report: &mut Report) -> Option<(Loader, Site)> {
        let (folder, host) = (folder.to_owned(), Site::host());
        let mut loader = Loader { folder, host, settings: None, map: None, running: None, rules: HashMap::new() };
        let site = loader.load(&Snapshot::read(&loader.folder), report)?;
        loader.decides();
        Some((loader, site))
    }

    /// Reads the folder again. `None` if the channel map or the settings cannot be used; rules with faults are left out.
    pub fn read(&mut self, report: &mut Report) -> Option<Site> {
        self.load(&Snapshot::read(&self.folder), report)
    }

    /// What was read last decides from now on.
    pub(super) fn decides(&mut self) {
        self.running.clone_from(&self.map);
    }

    /// The settings as they were read last.
    pub(super) fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// Makes a site of a snapshot. `None` if the channel map or the settings cannot be used.
    pub(super) fn load(&mut self, snapshot: &Snapshot, report: &mut Report) -> Option<Site> {
        report.extend(snapshot.report.clone());
        let settings = match snapshot.file(SETTINGS) {
            Some(file) => Settings::load(file, &self.folder, report),
            None => Some(Settings::default()),
        };
        let map = self.map(snapshot, report);
        self.settings.clone_from(&settings);
        if map.is_none() {
            rules::look_through(snapshot.rules(), &self.host, report);
        }
        let (settings, map) = (settings?, map?);
        if let Some(file) = snapshot.file(SETTINGS) {
            check_patterns(file, &map.inventory, report);
        }
        self.rules.retain(|path, _| snapshot.files.contains_key(path));
        let rules: Vec<_> = snapshot.rules().filter_map(|file| self.rule(file, &map, report)).collect();
        let receivers: Vec<Name> = settings.receivers.iter().map(|receiver| receiver.name.clone()).collect();
        let targets: Vec<Name> = settings.targets.iter().map(|target| target.name.clone()).collect();
        rules::cross_check(&rules, &map.inventory, [&receivers, &targets], report);
        Some(Site {
            folder: self.folder.clone(),
            settings,
            map,
            rules,
            digest: snapshot.digest(),
            snapshot: snapshot.clone(),
        })
    }

    fn map(&mut self, snapshot: &Snapshot, report: &mut Report) -> Option<Arc<ChannelMap>> {
        let Some(file) = snapshot.file(MAP) else {
            if !exists(&self.folder.join(MAP)) {
                no_map(&self.folder, report);
            }
            return None;
        };
        let files: Vec<Arc<SourceFile>> = std::iter::once(file).chain(snapshot.databases()).cloned().collect();
        if let Some((_, map, said)) = self.map.as_ref().filter(|(known, ..)| same(known, &files)) {
            report.extend(said.clone());
            return Some(map.clone());
        }
        // The rules were checked against another map.
        self.rules.clear();
        self.map = self.running.clone().filter(|(running, ..)| same(running, &files));
        if let Some((_, map, said)) = &self.map {
            report.extend(said.clone());
            return Some(map.clone());
        }
        let mut said = Report::default();
        // One that could not be read is reported with the snapshot.
        let read = |path: &Path, _: &mut Report| snapshot.files.get(path).cloned();
        let map = channels::load_with(file, &read, &mut said).map(Arc::new);
        report.extend(said.clone());
        self.map = map.clone().map(|map| (files, map, said));
        map
    }

    fn rule(&mut self, file: &Arc<SourceFile>, map: &ChannelMap, report: &mut Report) -> Option<Arc<Rule>> {
        if let Some(known) = self.rules.get(&file.path).filter(|known| known.file.text == file.text) {
            report.extend(known.report.clone());
            return known.rule.clone();
        }
        let mut said = Report::default();
        let site = rules::Site { host: &self.host, inventory: &map.inventory };
        let rule = rules::load(file, &site, &mut said).map(Arc::new);
        report.extend(said.clone());
        self.rules.insert(file.path.clone(), Known { file: file.clone(), rule: rule.clone(), report: said });
        rule
    }
}

/// Reads the channel map alone, for what needs no rules.
pub fn load_map(folder: &Path, report: &mut Report) -> Option<ChannelMap> {
    let path = Path::new(MAP);
    if !exists(&folder.join(path)) {
        no_map(folder, report);
        return None;
    }
    let read = |path: &Path, report: &mut Report| read_database(folder, path, report);
    channels::load_with(&read_file(folder, path, report)?, &read, report)
}

fn same(known: &[Arc<SourceFile>], files: &[Arc<SourceFile>]) -> bool {
    let alike =
        |(known, file): (&Arc<SourceFile>, &Arc<SourceFile>)| known.path == file.path && known.text == file.text;
    known.len() == files.len() && known.iter().zip(files).all(alike)
}

/// Reads `growctl.yaml`; without one, the defaults.
pub fn load_settings(folder: &Path, report: &mut Report) -> Option<Settings> {
    let path = Path::new(SETTINGS);
    if !exists(&folder.join(path)) {
        return Some(Settings::default());
    }
    Settings::load(&read_file(folder, path, report)?, folder, report)
}

fn no_map(folder: &Path, report: &mut Report) {
    let message = format!("{} has no channels.yaml", shown(folder));
    report
        .error(&SourceFile::new(MAP, ""), Place::default(), message)
        .help("a site is a folder with channels.yaml; -C DIR names another");
}

fn shown(folder: &Path) -> String {
    match folder.as_os_str().is_empty() || folder == Path::new(".") {
        true => "this folder".to_owned(),
        false => folder.display().to_string(),
    }
}
