use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"];
    let allow = ["-c", "protocol.file.allow=always"];
    let done = Command::new("git").arg("-C").arg(folder).args(identity).args(allow).args(arguments).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn now(folder: &Path) -> Revision {
    let (revision, sure) = History::of(folder).revision(&Snapshot::read(folder));
    assert!(sure, "git answers");
    revision
}

/// A site in a repository, committed.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    git(folder.path(), &["init", "-q"]);
    fs::create_dir_all(at("site/rules")).unwrap();
    fs::write(at(".gitignore"), "growctl.yaml\nlocal-*\n").unwrap();
    fs::write(at("site/channels.yaml"), "x").unwrap();
    fs::write(at("site/rules/a.yaml"), "a").unwrap();
    fs::write(at("site/rules/b.yaml"), "b").unwrap();
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-qm", "first"]);
    folder
}

#[test]
fn the_commit_is_named_and_only_files_that_decide_make_it_dirty() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let short = |revision: &Revision| revision.digest[..8].to_owned();
    let without = now(folder);
    assert_eq!(*without.name(), short(&without), "without git");
    git(folder, &["init", "-q"]);
    fs::create_dir(folder.join("rules")).unwrap();
    fs::write(folder.join("rules/a.yaml"), "x").unwrap();
    assert_eq!(now(folder).commit, None, "without a commit");
    git(folder, &["add", "."]);
    git(folder, &["commit", "-qm", "first"]);
    fs::write(folder.join("notes.txt"), "x").unwrap();
    fs::write(folder.join("rules/a_test.yaml"), "x").unwrap();
    fs::create_dir(folder.join("rules/old")).unwrap();
    fs::write(folder.join("rules/old/b.yaml"), "x").unwrap();
    let clean = now(folder);
    assert!(!clean.dirty && clean.name().len() == 12, "{clean:?}");
    fs::write(folder.join("rules/b.yaml"), "x").unwrap();
    let dirty = now(folder);
    assert!(dirty.dirty && *dirty.name() == format!("{}+{}", clean.name(), short(&dirty)), "{dirty:?}");
}

#[test]
fn whatever_is_read_and_not_the_commits_shows() {
    type Change = (&'static str, fn(&Path, &Path));
    let changes: [Change; 7] = [
        ("an ignored rule", |site, _| fs::write(site.join("rules/local-x.yaml"), "x").unwrap()),
        ("ignored settings", |site, _| fs::write(site.join("growctl.yaml"), "x").unwrap()),
        ("another text", |site, _| fs::write(site.join("rules/a.yaml"), "b").unwrap()),
        ("a file less", |site, _| fs::remove_file(site.join("rules/a.yaml")).unwrap()),
        ("no rules at all", |site, _| fs::remove_dir_all(site.join("rules")).unwrap()),
        ("a link to the same text elsewhere", |site, elsewhere| {
            fs::write(elsewhere.join("a"), "a").unwrap();
            fs::remove_file(site.join("rules/a.yaml")).unwrap();
            symlink(elsewhere.join("a"), site.join("rules/a.yaml")).unwrap();
        }),
        ("a turned link", |site, _| {
            symlink("a.yaml", site.join("rules/c.yaml")).unwrap();
            git(site, &["add", "."]);
            git(site, &["commit", "-qm", "a link"]);
            assert!(!now(site).dirty, "a link as committed");
            fs::remove_file(site.join("rules/c.yaml")).unwrap();
            symlink("b.yaml", site.join("rules/c.yaml")).unwrap();
        }),
    ];
    for (what, change) in changes {
        let (folder, elsewhere) = (site(), tempfile::tempdir().unwrap());
        let site = folder.path().join("site");
        assert!(!now(&site).dirty);
        change(&site, elsewhere.path());
        assert!(now(&site).dirty, "{what}");
    }
}

#[test]
fn further_work_trees_and_submodules_have_their_own_commit() {
    let folder = site();
    let first = now(&folder.path().join("site"));
    let (tree, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let further = tree.path().join("further");
    git(folder.path(), &["worktree", "add", "-q", "--detach", further.to_str().unwrap()]);
    assert_eq!(now(&further.join("site")), first);
    git(whole.path(), &["init", "-q"]);
    git(whole.path(), &["submodule", "--quiet", "add", folder.path().to_str().unwrap(), "house"]);
    assert_eq!(now(&whole.path().join("house/site")), first);
}

#[test]
fn nothing_that_a_repository_names_is_run() {
    let folder = site();
    let site = folder.path().join("site");
    let ran = folder.path().join("ran");
    let program = format!("touch {}", ran.display());
    for key in ["filter.x.clean", "filter.x.smudge", "diff.x.textconv", "core.fsmonitor", "core.sshCommand"] {
        git(folder.path(), &["config", key, &program]);
    }
    fs::write(folder.path().join(".git/info/attributes"), "*.yaml filter=x diff=x\n").unwrap();
    fs::write(site.join("rules/a.yaml"), "other").unwrap();
    assert!(now(&site).dirty);
    assert!(!ran.exists());
}

#[test]
fn git_that_hangs_is_ended_and_the_commit_stays_the_last_that_was_known() {
    let folder = site();
    let (site, script, pid) = (folder.path().join("site"), folder.path().join("git.sh"), folder.path().join("pid"));
    let mut history = History::of(&site);
    let known = history.revision(&Snapshot::read(&site));
    assert!(known.1 && !known.0.dirty);
    fs::write(&script, format!("echo $$ > {}\nexec sleep 600\n", pid.display())).unwrap();
    history.program = ["sh", script.to_str().unwrap()].map(str::to_owned).to_vec();
    history.patience = Duration::from_secs(1);
    let clock = Clock::start();
    let (late, sure) = history.revision(&Snapshot::read(&site));
    assert!(clock.now().mono.since(crate::model::Mono(0)) < Duration::from_secs(5));
    assert_eq!((late.commit, late.dirty, sure), (known.0.commit.clone(), true, false));
    assert!(history.silent.as_ref().is_some_and(|why| why.contains("no answer within")), "{:?}", history.silent);
    let pid = fs::read_to_string(pid).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "it is killed and its number free");
    assert!(history.stuck.is_none());
    history.program = vec!["git".to_owned()];
    assert_eq!(history.revision(&Snapshot::read(&site)), known);
    assert_eq!(history.silent, None);
}

#[test]
fn what_git_says_when_it_cannot_is_told() {
    let folder = site();
    let site = folder.path().join("site");
    fs::write(folder.path().join(".git/config"), "[core]\n\trepositoryformatversion = 99\n").unwrap();
    let mut history = History::of(&site);
    assert!(!history.revision(&Snapshot::read(&site)).1);
    assert!(history.silent.as_ref().is_some_and(|why| why.contains("99")), "{:?}", history.silent);
    history.program = vec!["no-such-git".to_owned()];
    assert!(!history.revision(&Snapshot::read(&site)).1);
    assert!(history.silent.as_ref().is_some_and(|why| why.contains("not installed")), "{:?}", history.silent);
}

#[test]
fn the_repository_of_another_user_is_read() {
    let folder = site();
    let site = folder.path().join("site");
    let other = "GIT_TEST_ASSUME_DIFFERENT_OWNER";
    let refused = Command::new("git").arg("-C").arg(&site).args(["status"]).env(other, "1").output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("dubious ownership"), "or this test proves nothing");
    let mut history = History::of(&site);
    history.program = ["env", &format!("{other}=1"), "git"].map(str::to_owned).to_vec();
    let (revision, sure) = history.revision(&Snapshot::read(&site));
    assert!(sure && revision.commit.is_some() && !revision.dirty, "{revision:?}, {:?}", history.silent);
}

#[test]
fn a_thousand_files_are_compared_as_one() {
    let folder = site();
    let site = folder.path().join("site");
    for at in 0..1000 {
        fs::write(site.join(format!("rules/{}-{at}.yaml", "long".repeat(20))), format!("{at}\n").repeat(500)).unwrap();
    }
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-qm", "many"]);
    assert!(!now(&site).dirty);
}
