//! Where a site's files really lie: every link on the way to them, and what is missing there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// A link may lead to a link, but not for ever; the kernel's own limit.
const MOST_LINKS: usize = 40;

/// Links by where they really are, and what they say.
pub(super) type Links = BTreeMap<PathBuf, PathBuf>;

/// The ways to a site folder and to its files, all paths without links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    /// The site folder; `None` if it is gone.
    pub(super) site: Option<PathBuf>,
    /// The links on the way to the site folder.
    pub(super) above: Links,
    /// The links on the ways from there to the files.
    pub(super) links: Links,
    /// Where each path in the site folder leads.
    pub(super) real: BTreeMap<PathBuf, PathBuf>,
    /// What a way needs and does not find.
    pub(super) missing: BTreeSet<PathBuf>,
}

impl Ways {
    /// Goes the ways to these paths of a site folder.
    pub(super) fn to<'p>(folder: &Path, paths: impl IntoIterator<Item = &'p Path>) -> Ways {
        let mut walker = Walker::default();
        // Without a working folder a relative one leads nowhere.
        let site = std::path::absolute(folder).ok().and_then(|folder| walker.walk(PathBuf::from("/"), &folder, 0));
        let above = std::mem::take(&mut walker.links);
        let mut real = BTreeMap::new();
        if let Some(site) = &site {
            for path in paths {
                real.extend(walker.walk(site.clone(), path, 0).map(|end| (path.to_owned(), end)));
            }
        }
        Ways { site, above, links: walker.links, real, missing: walker.missing }
    }
}

#[derive(Default)]
struct Walker {
    links: Links,
    missing: BTreeSet<PathBuf>,
    /// Where a name of a folder leads, so that what many ways share is looked at once.
    known: BTreeMap<PathBuf, Option<PathBuf>>,
}

impl Walker {
    /// Where `path` leads from `base`, which is without links.
    fn walk(&mut self, mut base: PathBuf, path: &Path, links: usize) -> Option<PathBuf> {
        for part in path.components() {
            match part {
                Component::RootDir => base = PathBuf::from("/"),
                Component::ParentDir => drop(base.pop()),
                Component::Normal(name) => base = self.step(base.join(name), links)?,
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
        Some(base)
    }

    fn step(&mut self, at: PathBuf, links: usize) -> Option<PathBuf> {
        if let Some(known) = self.known.get(&at) {
            return known.clone();
        }
        let real = match std::fs::read_link(&at) {
            Ok(target) => {
                self.links.insert(at.clone(), target.clone());
                let base = at.parent().unwrap_or(Path::new("/")).to_owned();
                if links < MOST_LINKS { self.walk(base, &target, links + 1) } else { None }
            }
            // That is: it is there, and no link.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Some(at.clone()),
            Err(_) => {
                self.missing.insert(at.clone());
                None
            }
        };
        self.known.insert(at, real.clone());
        real
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_is_found_and_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        fs::create_dir_all(at("k1/2026")).unwrap();
        fs::write(at("k1/2026/a.yaml"), "x").unwrap();
        symlink("k1", at("site")).unwrap();
        symlink("2026", at("k1/data")).unwrap();
        symlink("./data", at("k1/rules")).unwrap();
        symlink("../../gone/b.yaml", at("k1/2026/b.yaml")).unwrap();
        symlink("round", at("k1/round")).unwrap();
        let ways = Ways::to(&at("site"), ["rules/a.yaml", "rules/b.yaml", "round"].map(Path::new));
        assert_eq!(ways.site, Some(at("k1")));
        assert_eq!(ways.above.keys().cloned().collect::<Vec<_>>(), [at("site")]);
        let links: Vec<PathBuf> = ways.links.keys().cloned().collect();
        assert_eq!(links, [at("k1/2026/b.yaml"), at("k1/data"), at("k1/round"), at("k1/rules")]);
        assert_eq!(ways.real, BTreeMap::from([(PathBuf::from("rules/a.yaml"), at("k1/2026/a.yaml"))]));
        assert_eq!(ways.missing, BTreeSet::from([at("gone")]));
    }
}
