use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::Duration;

use notify::event::{DataChange, Flag};

use crate::app::reload::names;
use crate::app::ways::Ways;

use super::*;

const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));

/// A site with its ear on its files.
struct Site {
    folder: tempfile::TempDir,
    bell: Arc<Doorbell>,
    watch: Watch,
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("k1/rules")).unwrap();
        fs::create_dir_all(folder.path().join("k2/rules")).unwrap();
        symlink("k1", folder.path().join("site")).unwrap();
        let bell = Doorbell::new();
        let mut site = Site { folder, watch: Watch::new(bell.clone()), bell };
        assert!(site.look(), "all is new");
        assert!(!site.look(), "nothing is");
        site.watch.stirred();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn look(&mut self) -> bool {
        let ways = Ways::to(&self.path("site"), ["rules", "rules/a.yaml"].map(Path::new));
        self.watch.on(names::folders(&ways, None))
    }

    /// Whether writing this file is heard, sooner or later: an old event may take a new watch with it, and says so.
    fn hears(&mut self, name: &str) -> bool {
        let mut file = fs::File::create(self.path(name)).unwrap();
        (0..500).any(|_| {
            self.look();
            file.write_all(b"#").unwrap();
            self.bell.wait(Duration::from_millis(20));
            self.watch.being_written().is_some_and(|path| path.ends_with(name))
        })
    }

    fn wait(&self, wanted: impl Fn(&Watch) -> bool) -> bool {
        (0..500).any(|_| {
            let there = wanted(&self.watch);
            if !there {
                self.bell.wait(Duration::from_millis(20));
            }
            there
        })
    }
}

fn event(kind: EventKind, path: &str) -> notify::Result<Event> {
    Ok(Event::new(kind).add_path(PathBuf::from(path)))
}

#[test]
fn what_may_have_been_missed_stirs_and_a_logger_does_not() {
    let ways = Ways { site: Some("/site".into()), ..Ways::default() };
    let mut heard = Heard { folders: names::folders(&ways, None), ..Heard::default() };
    for log in ["/site/readings.jsonl", "/site/engine", "/site/other.yaml"] {
        assert!(!hear(&mut heard, event(WRITTEN, log)) && !heard.stirred, "{log}");
        assert!(heard.open.is_empty(), "{log}");
    }
    assert!(!hear(&mut heard, event(EventKind::Access(AccessKind::Read), "/site/channels.yaml")));
    assert!(hear(&mut heard, event(WRITTEN, "/site/channels.yaml")) && heard.open.len() == 1);
    assert!(hear(&mut heard, event(EventKind::Create(CreateKind::Folder), "/site/new")));
    for missed in [Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)), Err(notify::Error::generic("gone"))] {
        let mut heard = Heard::default();
        assert!(hear(&mut heard, missed) && heard.stirred);
    }
}

#[test]
fn a_file_is_being_written_until_it_is_closed() {
    let site = Site::new();
    let mut file = fs::File::create(site.path("k1/rules/a.yaml")).unwrap();
    file.write_all(b"subscribe: a\n").unwrap();
    assert!(site.wait(|watch| watch.being_written().is_some()));
    assert!(site.watch.stirred());
    file.write_all(b"each: info(1)\n").unwrap();
    drop(file);
    assert!(site.wait(|watch| watch.being_written().is_none()));
}

#[test]
fn a_link_that_is_turned_above_the_site_or_between_is_heard() {
    let mut site = Site::new();
    symlink("k2", site.path("turned")).unwrap();
    fs::rename(site.path("turned"), site.path("site")).unwrap();
    assert!(site.wait(Watch::stirred), "above the site");
    assert!(site.look(), "the other site is watched");
    fs::write(site.path("k2/rules/a.yaml"), "x").unwrap();
    assert!(site.wait(Watch::stirred), "a file in it");

    fs::create_dir_all(site.path("data/one")).unwrap();
    fs::create_dir_all(site.path("data/two")).unwrap();
    fs::write(site.path("data/one/a.yaml"), "1").unwrap();
    fs::write(site.path("data/two/a.yaml"), "2").unwrap();
    symlink("one", site.path("data/now")).unwrap();
    fs::remove_file(site.path("k2/rules/a.yaml")).unwrap();
    symlink("../../data/now/a.yaml", site.path("k2/rules/a.yaml")).unwrap();
    assert!(site.look());
    site.watch.stirred();
    symlink("two", site.path("data/turned")).unwrap();
    fs::rename(site.path("data/turned"), site.path("data/now")).unwrap();
    assert!(site.wait(Watch::stirred), "between the site and a file");
}

#[test]
fn a_folder_that_another_replaced_or_that_came_back_is_watched_anew() {
    let mut site = Site::new();
    fs::rename(site.path("k1/rules"), site.path("k1/before")).unwrap();
    fs::create_dir(site.path("k1/rules")).unwrap();
    assert!(site.wait(Watch::stirred));
    assert!(site.look(), "another folder of that name");
    assert!(site.hears("k1/rules/a.yaml"));

    fs::rename(site.path("k1/rules"), site.path("k1/away")).unwrap();
    assert!(site.wait(Watch::stirred));
    fs::rename(site.path("k1/away"), site.path("k1/rules")).unwrap();
    let real = site.path("k1/rules").canonicalize().unwrap();
    assert!(site.wait(|watch| lock(&watch.heard).lost.contains(&real)));
    assert!(site.look(), "the same folder, whose watch had gone with it");
    assert!(site.hears("k1/rules/a.yaml"));
}

#[test]
fn a_folder_that_was_replaced_with_all_above_it_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut watch = Watch::new(Doorbell::new());
    let mut look = || {
        let ways = Ways::to(&at("house/deep/site"), [Path::new("rules")]);
        watch.on(names::folders(&ways, None))
    };
    fs::create_dir_all(at("house/deep/site/rules")).unwrap();
    assert!(look() && !look());
    // No watched folder hears of this.
    fs::rename(at("house"), at("before")).unwrap();
    fs::create_dir_all(at("house/deep/site/rules")).unwrap();
    assert!(look() && !look());
}

#[test]
fn that_nothing_is_heard_is_said_once_until_it_works_again() {
    let mut watch = Watch::new(Doorbell::new());
    let failed = || Some("too many".to_owned());
    let said = [failed(), failed(), None, failed()].map(|failed| watch.tell(failed));
    assert_eq!(said, [true, false, false, true]);
}
