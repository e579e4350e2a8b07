use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use super::*;
use crate::files::Report;

const MAP: &str = "version: 1\nbuses:\n  sim: {simulate: true}\n";
const OTHER_MAP: &str = "version: 1\nbuses:\n  sim: {simulate: true}\n\n# another text\n";
const RULE: &str = "subscribe: \"in:*\"\neach: 'publish(\"out\", #{ n: msg.n });'\n";

/// A site whose reload is driven by hand; the control thread is played.
struct Bench {
    folder: tempfile::TempDir,
    work: Work,
}

/// What came of a look: what the control thread was told, and the answer to who asked.
struct Told {
    control: Vec<&'static str>,
    answer: serde_json::Value,
}

impl Told {
    fn outcome(&self) -> &str {
        self.answer["outcome"].as_str().unwrap()
    }

    fn text(&self) -> &str {
        self.answer["text"].as_str().unwrap()
    }
}

impl Bench {
    fn new(files: &[(&str, &str)], prepare: impl Fn(&Path)) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        for (path, text) in [("channels.yaml", MAP)].iter().chain(files) {
            fs::write(folder.path().join(path), text).unwrap();
        }
        prepare(folder.path());
        let mut report = Report::default();
        let (loader, site) = Loader::open(folder.path(), &mut report).unwrap();
        let mut history = History::of(folder.path());
        let (revision, _) = history.revision(&site.snapshot);
        let (control, plant) = (Queue::new("reload", 1, Full::DropOldest), Queue::new("maps", 1, Full::DropOldest));
        let ends = Ends {
            clock: Clock::start(),
            control,
            bridge: None,
            plant,
            interfaces: Interfaces::default(),
            couriers: None,
        };
        let stop = Stop::new();
        let asks = Queue::with_doorbell("reload requests", 16, Full::Refuse, stop.bell.clone());
        let said = Vec::new();
        let mut work = Work::new(loader, &site, Start { revision, said, history }, ends, (asks, stop));
        work.patience = Duration::from_millis(300);
        Bench { folder, work }
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.path().join(path), text).unwrap();
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    /// One look for somebody who asks; the control thread takes what comes.
    fn look(&mut self) -> Told {
        self.look_with(Work::look)
    }

    fn look_with(&mut self, look: impl FnOnce(&mut Work, &mut Vec<ReloadRequest>) -> Duration) -> Told {
        let (answer, mut wait) = oneshot::channel();
        self.work.asks.push(ReloadRequest(answer));
        let (control, over) = (self.work.ends.control.clone(), AtomicBool::new(false));
        let told = thread::scope(|scope| {
            let played = scope.spawn(|| {
                let mut told = Vec::new();
                while !over.load(Ordering::Acquire) || !control.is_empty() {
                    control.doorbell().wait(Duration::from_millis(100));
                    let Some(event) = control.pop() else { continue };
                    told.push(play(event));
                }
                told
            });
            self.work.guarded(look);
            over.store(true, Ordering::Release);
            control.doorbell().ring();
            played.join().unwrap()
        });
        Told { control: told, answer: wait.try_recv().expect("who asks is answered") }
    }
}

fn play(event: FilesEvent) -> &'static str {
    match event {
        FilesEvent::Apply(change, reloaded, answer) => {
            let _ = answer.send((reloaded, Remains::default()));
            if matches!(change, Change::State(_)) { "state" } else { "revision" }
        }
        FilesEvent::Refused(_) => "refused",
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"];
    let done = Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// A committed site.
fn committed(folder: &Path) {
    git(folder, &["init", "-q"]);
    git(folder, &["add", "."]);
    git(folder, &["commit", "-qm", "first"]);
}

#[test]
fn rules_do_not_go_because_their_folder_has() {
    let mut bench = Bench::new(&[("rules/a.yaml", RULE)], |_| {});
    fs::rename(bench.path("rules"), bench.path("away")).unwrap();
    let told = bench.look();
    assert_eq!((told.outcome(), told.control.as_slice()), ("refused", &["refused"][..]), "{}", told.text());
    assert!(told.text().contains("the folder rules is gone") && told.text().contains("empty if no rule"));
    std::os::unix::fs::symlink("nowhere", bench.path("rules")).unwrap();
    let told = bench.look();
    assert!(told.outcome() == "refused" && told.text().contains("link to nowhere"), "{}", told.text());
    fs::remove_file(bench.path("rules")).unwrap();
    fs::create_dir(bench.path("rules")).unwrap();
    assert_eq!(bench.look().outcome(), "applied", "an empty folder means no rules");
    fs::remove_dir(bench.path("rules")).unwrap();
    assert_eq!(bench.look().outcome(), "applied", "without rules none can be lost");
}

#[test]
fn what_does_not_come_to_rest_is_not_taken() {
    let mut bench = Bench::new(&[("rules/a.yaml", RULE)], committed);
    bench.write("rules/b.yaml", RULE);
    bench.write(".git/index.lock", "");
    let told = bench.look();
    assert_eq!((told.outcome(), told.control.len()), ("unsettled", 0));
    assert!(told.text().contains("index.lock") && told.text().contains("git is at work"), "{}", told.text());
    let made = bench.path(".git/index.lock").metadata().unwrap().modified().unwrap();
    let lock = File::options().write(true).open(bench.path(".git/index.lock")).unwrap();
    lock.set_modified(made - Duration::from_secs(121)).unwrap();
    assert_eq!(bench.look().outcome(), "applied", "a lock that was left behind");
    assert!(bench.work.forgiven.is_some());
    fs::remove_file(bench.path(".git/index.lock")).unwrap();

    // A file that changes all the time.
    let (path, stop) = (bench.path("rules/c.yaml"), AtomicBool::new(false));
    let told = thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0.. {
                let text = format!("{RULE}# {at}\n");
                fs::write(path.with_extension("swp"), text)
                    .and_then(|()| fs::rename(path.with_extension("swp"), &path))
                    .unwrap();
                if stop.load(Ordering::Acquire) {
                    break;
                }
            }
        });
        let told = bench.look();
        stop.store(true, Ordering::Release);
        told
    });
    assert_eq!((told.outcome(), told.control.len()), ("unsettled", 0));
    assert!(told.text().contains("rules/c.yaml") && told.text().contains("keeps changing"), "{}", told.text());
    assert_eq!(bench.look().outcome(), "applied");

    // An editor that keeps a file open is not waited for.
    let mut open = File::create(bench.path("rules/d.yaml")).unwrap();
    std::io::Write::write_all(&mut open, RULE.as_bytes()).unwrap();
    assert_eq!(bench.look().outcome(), "applied");
}

#[test]
fn who_asks_during_a_look_is_answered_by_it() {
    let mut bench = Bench::new(&[], committed);
    bench.write(".git/index.lock", "");
    let (answer, mut wait) = oneshot::channel();
    let asks = bench.work.asks.clone();
    let told = bench.look_with(|work, asked| {
        // As if it came while the files are waited for.
        asked.extend(asks.pop());
        let (stop, later) = (work.stop.clone(), asks.clone());
        let ring = thread::spawn(move || {
            later.push(ReloadRequest(answer));
            stop.pause.ring();
        });
        let next = work.look(asked);
        ring.join().unwrap();
        next
    });
    assert_eq!(told.outcome(), "unsettled");
    assert!(wait.try_recv().is_ok_and(|answer| answer["outcome"] == "unsettled"));
}

#[test]
fn to_stop_does_not_wait_for_the_files() {
    let mut bench = Bench::new(&[], committed);
    bench.write(".git/index.lock", "");
    bench.work.patience = Duration::from_secs(600);
    let stop = bench.work.stop.clone();
    thread::scope(|scope| {
        let settled = scope.spawn(|| bench.work.settled());
        stop.say();
        assert!(matches!(settled.join().unwrap(), settle::Settled::Stopped));
    });
    let (stop, asks) = (bench.work.stop.clone(), bench.work.asks.clone());
    let mut work = bench.work;
    let reloader = Reloader::spawn(asks, stop, move || work.run()).unwrap();
    assert!(reloader.stop(Duration::from_secs(60)));
}

#[test]
fn a_thread_that_hangs_does_not_keep_the_engine_from_stopping() {
    let (release, stop) = (Doorbell::new(), Stop::new());
    let (hangs, asks) = (release.clone(), Queue::new("reload requests", 16, Full::Refuse));
    let (answer, mut wait) = oneshot::channel();
    asks.push(ReloadRequest(answer));
    let reloader = Reloader::spawn(asks, stop, move || hangs.wait(Duration::from_secs(600))).unwrap();
    assert!(!reloader.stop(Duration::from_millis(50)));
    assert!(wait.try_recv().is_err_and(|gone| gone == oneshot::error::TryRecvError::Closed), "nobody waits for ever");
    release.ring();
}

#[test]
fn a_panic_is_told_and_the_next_look_reads_everything_again() {
    let mut bench = Bench::new(&[], |_| {});
    let told = bench.look_with(|work, asked| {
        asked.extend(work.asks.pop());
        panic!("a bug in the test")
    });
    assert_eq!((told.outcome(), told.control.as_slice()), ("failed", &["refused"][..]));
    assert!(told.text().contains("a bug in the test") && told.text().contains("bug of growctl"), "{}", told.text());
    let told = bench.look();
    assert_eq!((told.outcome(), told.control.as_slice()), ("applied", &["state"][..]));
    assert_eq!(bench.look().outcome(), "unchanged");
}

#[test]
fn nothing_is_applied_when_the_engine_stops() {
    let mut bench = Bench::new(&[], |_| {});
    bench.work.ends.control.close();
    bench.write("rules/a.yaml", RULE);
    assert_eq!(bench.look().outcome(), "stopping");
}

#[test]
fn a_map_that_was_broken_for_a_while_is_the_same_map() {
    let mut bench = Bench::new(&[], |_| {});
    for between in ["version: [", OTHER_MAP] {
        bench.write("channels.yaml", between);
        bench.write("rules/a.yaml", "wen: x\n");
        assert_eq!(bench.look().outcome(), "refused");
        bench.write("channels.yaml", MAP);
        fs::remove_file(bench.path("rules/a.yaml")).unwrap();
        let told = bench.look();
        assert_eq!((told.outcome(), &told.answer["map_changed"]), ("applied", &false.into()), "after {between}");
    }
    bench.write("channels.yaml", OTHER_MAP);
    assert_eq!(bench.look().answer["map_changed"], true);
}

#[test]
fn a_commit_of_what_runs_carries_its_name_and_nothing_else() {
    let mut bench = Bench::new(&[("rules/a.yaml", RULE)], committed);
    let first = bench.look().answer["revision"].clone();
    git(bench.folder.path(), &["commit", "-q", "--allow-empty", "-m", "second"]);
    let told = bench.look();
    assert_eq!((told.outcome(), told.control.as_slice()), ("applied", &["revision"][..]));
    assert_ne!(told.answer["revision"], first);
    assert_eq!(told.answer["unchanged"], 1);
    assert_eq!(bench.look().outcome(), "unchanged");
}

#[test]
fn a_git_that_hangs_makes_no_reload_and_keeps_the_commit() {
    let mut bench = Bench::new(&[("rules/a.yaml", RULE)], committed);
    let commit = bench.look().answer["commit"].clone();
    bench.work.history.hang();
    assert_eq!(bench.look().outcome(), "unchanged", "no news from git");
    bench.write("rules/b.yaml", RULE);
    let told = bench.look();
    assert_eq!((told.outcome(), told.control.as_slice()), ("applied", &["state"][..]));
    assert_eq!((&told.answer["commit"], &told.answer["dirty"]), (&commit, &true.into()));
}
