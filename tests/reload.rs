//! Hot reload under random changes of the files: every decision is made by one state of all files and carries its
//! revision; none is mixed, none is lost.

#![allow(clippy::unwrap_used)] // a test may panic

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use growctl_engine::app::{Core, Loader, Next, Output, Site};
use growctl_engine::files::Report;
use growctl_engine::model::{CommandsFrom, Mono, Name, Timestamp, Utc, Value};
use growctl_engine::rules::Engine;

const OPERATIONS: usize = 10_000;
const RULES: usize = 16;

/// What a rule file says: its version, or that it is broken; no entry: there is no such file.
type Files = BTreeMap<String, Option<u64>>;

struct Folder {
    root: PathBuf,
    files: Files,
    version: u64,
    /// `rules` is a link to one of two folders.
    linked: Option<usize>,
    random: fastrand::Rng,
}

impl Folder {
    fn new(root: &Path) -> Folder {
        fs::write(root.join("channels.yaml"), "version: 1\nbuses:\n  sim: {simulate: true}\n").unwrap();
        fs::create_dir(root.join("rules")).unwrap();
        let random = fastrand::Rng::with_seed(7);
        Folder { root: root.to_owned(), files: Files::new(), version: 0, linked: None, random }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join("rules").join(format!("{name}.yaml"))
    }

    /// One operation of an editor, of git, or of somebody who moves folders about.
    fn operate(&mut self) {
        let name = format!("r{:02}", self.random.usize(..RULES));
        match self.random.u8(..16) {
            0..6 => self.write(&name, false),
            6..10 => self.write(&name, true),
            10 => self.break_off(&name),
            11 => self.remove(&name),
            12 => self.rename(&name),
            13 => drop(fs::write(self.root.join("rules/notes.txt"), "x")),
            14 => self.swap_folders(),
            _ => self.checkout(),
        }
    }

    fn text(&mut self) -> (String, u64) {
        self.version += 1;
        let version = self.version;
        let pad = "# a comment\n".repeat(self.random.usize(..4));
        (
            format!("{pad}subscribe: \"in:*\"\neach: 'publish(`out:${{rule}}`, #{{ v: {version}, seen: msg.n }});'\n"),
            version,
        )
    }

    fn write(&mut self, name: &str, by_rename: bool) {
        let (text, version) = self.text();
        if by_rename {
            let temporary = self.root.join("rules").join(format!(".{name}.swp"));
            fs::write(&temporary, text).unwrap();
            fs::rename(temporary, self.path(name)).unwrap();
        } else {
            fs::write(self.path(name), text).unwrap();
        }
        self.files.insert(name.to_owned(), Some(version));
    }

    /// A file of which half is written.
    fn break_off(&mut self, name: &str) {
        let (text, _) = self.text();
        fs::write(self.path(name), &text[..text.len() - 9]).unwrap();
        self.files.insert(name.to_owned(), None);
    }

    fn remove(&mut self, name: &str) {
        if self.files.remove(name).is_some() {
            fs::remove_file(self.path(name)).unwrap();
        }
    }

    fn rename(&mut self, name: &str) {
        let to = format!("r{:02}", self.random.usize(..RULES));
        if let Some(version) = self.files.remove(name) {
            fs::rename(self.path(name), self.path(&to)).unwrap();
            self.files.insert(to, version);
        }
    }

    /// The folder is replaced at once by a copy with one more change, as by a link that is turned.
    fn swap_folders(&mut self) {
        let next = self.linked.map_or(0, |at| 1 - at);
        let (real, link) = (self.root.join(format!("rules-{next}")), self.root.join("rules"));
        let _ = fs::remove_dir_all(&real);
        fs::create_dir(&real).unwrap();
        for name in self.files.keys() {
            fs::copy(self.path(name), real.join(format!("{name}.yaml"))).unwrap();
        }
        if self.linked.is_none() {
            fs::rename(&link, self.root.join("rules-old")).unwrap();
        }
        let turned = self.root.join("rules-link");
        symlink(&real, &turned).unwrap();
        fs::rename(turned, link).unwrap();
        self.linked = Some(next);
    }

    fn checkout(&mut self) {
        for at in 0..RULES {
            self.write(&format!("r{at:02}"), at % 2 == 0);
        }
    }
}

struct Bench {
    core: Core,
    loader: Loader,
    /// What decides, and at which revision.
    applied: (BTreeMap<String, u64>, Name),
    now: u64,
    out: Vec<Output>,
    decisions: usize,
    reloads: usize,
    refused: usize,
}

impl Bench {
    fn new(folder: &Path) -> Bench {
        let (loader, site) = Loader::open(folder, &mut Report::default()).unwrap();
        let start = Timestamp { mono: Mono(0), utc: Utc(1_767_225_600_000_000_000) };
        let engine = Engine::new(site.book("first".into()), Site::host(), start);
        let core = Core::new(&site.map, engine, *b"00000000", start);
        let applied = (BTreeMap::new(), Name::from("first"));
        Bench { core, loader, applied, now: 0, out: Vec::new(), decisions: 0, reloads: 0, refused: 0 }
    }

    fn at(&mut self) -> Timestamp {
        self.now += 1_000_000;
        Timestamp { mono: Mono(self.now), utc: Utc(1_767_225_600_000_000_000 + self.now as i64) }
    }

    /// Reads the files; they are applied as a whole, or not at all.
    fn reload(&mut self, files: &Files) {
        let mut report = Report::default();
        let site = self.loader.read(&mut report).unwrap();
        let whole = files.values().all(Option::is_some);
        assert_eq!(report.errors() == 0, whole, "{}", report.render(false));
        if !whole {
            self.refused += 1;
            return;
        }
        let revision = Name::from(format!("{:016x}", site.digest));
        let now = self.at();
        let next =
            Next { map: None, book: site.book(revision.clone()), commands_from: CommandsFrom::All, alerts: None };
        self.core.reload(now, next, &mut self.out);
        self.applied = (files.iter().map(|(name, version)| (name.clone(), version.unwrap())).collect(), revision);
        self.reloads += 1;
    }

    /// One message goes through the rules: each rule that applies decides once, as it was applied.
    fn load(&mut self) {
        let (now, n) = (self.at(), self.now as f64);
        self.core.outside(now, "in:x", format!(r#"{{"n":{n:.1}}}"#).as_bytes(), &mut self.out);
        let mut decided = BTreeMap::new();
        for output in self.out.drain(..) {
            let Output::Publish(delivery) = output else { continue };
            let Some(rule) = delivery.message.channel.strip_prefix("out:") else { continue };
            let field = |name: &str| delivery.message.fields.get(name).cloned();
            assert_eq!(field("revision"), Some(Value::Text(self.applied.1.clone())));
            assert_eq!(field("seen").and_then(|seen| seen.as_number()), Some(n));
            let version = field("v").and_then(|v| v.as_number()).unwrap() as u64;
            assert_eq!(decided.insert(rule.to_owned(), version), None, "{rule} decided twice");
            self.decisions += 1;
        }
        assert_eq!(decided, self.applied.0);
    }
}

#[test]
fn ten_thousand_changes_of_the_files_mix_no_decision_and_lose_none() {
    let temporary = tempfile::tempdir().unwrap();
    let mut folder = Folder::new(temporary.path());
    let mut bench = Bench::new(temporary.path());
    let mut done = 0;
    while done < OPERATIONS {
        for _ in 0..folder.random.usize(1..12) {
            folder.operate();
            done += 1;
            bench.load();
        }
        bench.reload(&folder.files);
        bench.load();
    }
    assert!(bench.reloads > 200 && bench.refused > 200, "{} applied, {} refused", bench.reloads, bench.refused);
    assert!(bench.decisions > OPERATIONS, "{} decisions", bench.decisions);
}

#[test]
fn another_name_for_the_same_files_is_all_that_a_commit_changes() {
    let temporary = tempfile::tempdir().unwrap();
    let mut folder = Folder::new(temporary.path());
    folder.checkout();
    let mut bench = Bench::new(temporary.path());
    bench.reload(&folder.files);
    bench.load();
    let runs = |bench: &Bench| bench.core.parts().2.status(Mono(bench.now)).iter().map(|rule| rule.runs).sum::<u64>();
    let before = runs(&bench);
    let now = bench.at();
    bench.core.carry(now, "committed".into(), &mut bench.out);
    bench.applied.1 = "committed".into();
    assert!(bench.out.is_empty());
    bench.load();
    assert_eq!(runs(&bench), before + RULES as u64);
}

#[test]
fn an_unchanged_rule_is_not_compiled_again() {
    let temporary = tempfile::tempdir().unwrap();
    let mut folder = Folder::new(temporary.path());
    folder.checkout();
    let (mut loader, first) = Loader::open(temporary.path(), &mut Report::default()).unwrap();
    folder.write("r03", true);
    let second = loader.read(&mut Report::default()).unwrap();
    let same = first.rules.iter().zip(&second.rules).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
    assert_eq!((first.rules.len(), same), (RULES, RULES - 1));
    assert!(Arc::ptr_eq(&first.map, &second.map));
    assert_ne!(first.digest, second.digest);
}
