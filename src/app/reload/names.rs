//! Which names in which folder may decide: a logger writes beside the site's files all day long, under any name.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::app::git::Repository;
use crate::app::snapshot::{MAP, RULES, SETTINGS, is_database};
use crate::app::ways::Ways;

use super::watch::Folders;

/// What a name in a watched folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matter {
    /// A file whose text decides.
    Contents,
    /// A folder or link on the way to one, or git's record.
    Way,
}

/// The names of one folder that may decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// It is the site folder.
    site: bool,
    /// It is the folder of the rules.
    rules: bool,
    /// It is where git keeps its record.
    git: bool,
    /// Files that links lead to.
    files: BTreeSet<OsString>,
    /// Links, and what is missing where they lead.
    ways: BTreeSet<OsString>,
}

impl Names {
    /// What a name is here; `None` if it does not matter.
    pub(super) fn matter(&self, name: &OsStr) -> Option<Matter> {
        let fixed = [MAP, SETTINGS].iter().any(|fixed| name == *fixed) || is_database(Path::new(name));
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let yaml = Path::new(name).extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if (self.site && fixed) || (self.rules && yaml && !hidden) || self.files.contains(name) {
            return Some(Matter::Contents);
        }
        let record = self.git && ["HEAD", "index", "index.lock", "refs"].iter().any(|ours| name == *ours);
        let way = record || (self.site && name == RULES) || self.ways.contains(name);
        way.then_some(Matter::Way)
    }
}

/// The folders to watch: those that the files are in behind every link, those that the links are in, and git's.
pub(super) fn folders(ways: &Ways, repository: Option<&Repository>) -> Folders {
    let mut folders = Folders::new();
    if let Some(site) = &ways.site {
        folders.entry(site.clone()).or_default().site = true;
    }
    if let Some(rules) = ways.real.get(Path::new(RULES)) {
        folders.entry(rules.clone()).or_default().rules = true;
    }
    if let Some(repository) = repository {
        folders.entry(repository.dir.clone()).or_default().git = true;
    }
    let real = ways.real.iter().filter(|(path, _)| *path != Path::new(RULES)).map(|(_, real)| real);
    for (path, is_file) in real.map(|path| (path, true)).chain(on_the_way(ways).map(|path| (path, false))) {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let names = folders.entry(folder.to_owned()).or_default();
        if names.matter(name).is_none() {
            let set = if is_file { &mut names.files } else { &mut names.ways };
            set.insert(name.to_owned());
        }
    }
    folders
}

fn on_the_way(ways: &Ways) -> impl Iterator<Item = &PathBuf> {
    ways.above.keys().chain(ways.links.keys()).chain(&ways.missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_decides_matters_each_name_in_its_folder() {
        let mut ways = Ways { site: Some("/srv/k1".into()), ..Ways::default() };
        ways.real.insert("rules".into(), "/srv/k1/rules-2".into());
        ways.real.insert("rules/a.yaml".into(), "/shared/a.v2".into());
        ways.links.insert("/srv/k1/rules-2/a.yaml".into(), "../../../shared/a.v2".into());
        ways.above.insert("/srv/site".into(), "k1".into());
        ways.missing.insert("/shared/gone".into());
        let repository = Repository { top: "/srv/k1".into(), dir: "/srv/k1/.git".into() };
        let folders = folders(&ways, Some(&repository));
        let matter = |path: &str| {
            let path = Path::new(path);
            path.parent().and_then(|folder| folders.get(folder)).and_then(|names| names.matter(path.file_name()?))
        };
        for path in ["/srv/k1/channels.yaml", "/srv/k1/a.dbc", "/srv/k1/rules-2/b.yaml", "/shared/a.v2"] {
            assert_eq!(matter(path), Some(Matter::Contents), "{path}");
        }
        for path in ["/srv/site", "/srv/k1/rules", "/shared/gone", "/srv/k1/.git/index.lock", "/srv/k1/.git/HEAD"] {
            assert_eq!(matter(path), Some(Matter::Way), "{path}");
        }
        let others = ["/srv/other", "/srv/k1/log", "/srv/k1/b.yaml", "/srv/k1/rules-2/.b.yaml", "/srv/k1/rules-2/log"];
        for path in others.into_iter().chain(["/shared/a.v1", "/srv/k1/.git/COMMIT_EDITMSG"]) {
            assert_eq!(matter(path), None, "{path}");
        }
    }
}
