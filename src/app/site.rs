//! A site folder, read and checked: `channels.yaml`, `growctl.yaml`, `rules/*.yaml`.

use std::path::{Path, PathBuf};

use crate::actions::host_functions;
use crate::channels::{self, ChannelMap};
use crate::files::{Place, Report, SourceFile, read_file};
use crate::rules::{self, Host, Rule};

use super::Settings;

/// Everything that a site's files say.
#[derive(Debug)]
pub struct Site {
    /// The folder.
    pub folder: PathBuf,
    /// `growctl.yaml`, or the defaults.
    pub settings: Settings,
    /// `channels.yaml`.
    pub map: ChannelMap,
    /// The rules that are right. One that is not is left out, and the report says why.
    pub rules: Vec<Rule>,
    /// What compiled the rules' scripts and will run them.
    pub host: Host,
}

impl Site {
    /// Reads the folder. `None` if the channel map or the settings cannot be used; the report says why.
    pub fn load(folder: &Path, report: &mut Report) -> Option<Site> {
        let settings = load_settings(folder, report);
        let map = load_map(folder, report);
        let host = Host::new(&host_functions());
        if map.is_none() {
            rules::look_through(folder, &host, report);
        }
        let (settings, map) = (settings?, map?);
        let site = rules::Site { host: &host, inventory: &map.inventory };
        let rules = rules::load_folder(folder, &site, report);
        Some(Site { folder: folder.to_owned(), settings, map, rules, host })
    }
}

/// Reads the channel map alone, for what needs no rules.
pub fn load_map(folder: &Path, report: &mut Report) -> Option<ChannelMap> {
    let path = Path::new("channels.yaml");
    if folder.join(path).symlink_metadata().is_err() {
        let file = SourceFile::new(path, "");
        let message = format!("{} has no channels.yaml", shown(folder));
        report
            .error(&file, Place::default(), message)
            .help("a site is a folder with channels.yaml; -C DIR names another");
        return None;
    }
    channels::load(&read_file(folder, path, report)?, report)
}

/// Reads `growctl.yaml`; without one, the defaults.
pub fn load_settings(folder: &Path, report: &mut Report) -> Option<Settings> {
    let path = Path::new("growctl.yaml");
    // A link to nothing is there: it is a fault, not a file left out.
    if folder.join(path).symlink_metadata().is_err() {
        return Some(Settings::default());
    }
    Settings::load(&read_file(folder, path, report)?, folder, report)
}

fn shown(folder: &Path) -> String {
    match folder.as_os_str().is_empty() || folder == Path::new(".") {
        true => "this folder".to_owned(),
        false => folder.display().to_string(),
    }
}
