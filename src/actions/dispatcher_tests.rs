use std::path::Path;
use std::sync::LazyLock;

use jiff::tz::TimeZone;

use super::super::{Known, Posts};
use super::*;
use crate::model::{DeviceKey, Full, Push, Value};

use crate::rules::{HostFunction, Param};

/// Takes every job, and at the flush loses those whose text is "lose".
#[derive(Default)]
struct Fragile {
    losses: u64,
}

impl Action for Fragile {
    fn perform(&mut self, job: &Job<'_>) -> Result<(), Failure> {
        match job.args[0].as_text() {
            Some("lose") => self.losses += 1,
            Some("refuse") => return Err(Failure::Call("no".to_owned())),
            Some("panic") => panic!("a bug"),
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self, lost: &mut Vec<Lost>) {
        let jobs = std::mem::take(&mut self.losses);
        if jobs > 0 {
            lost.push(Lost { jobs, failure: Failure::Outside("away".to_owned()) });
        }
    }
}

static FRAGILE: ActionKind = ActionKind {
    name: "fragile",
    summary: "",
    example: "",
    functions: &[HostFunction { name: "fragile", params: &[Param::Any], summary: "" }],
    performer: Performer::Thread(|_| Ok(Box::new(Fragile::default()))),
};

fn context<'a>(folder: &'a Path, zone: &'a TimeZone) -> ActionContext<'a> {
    static POSTS: LazyLock<Posts> = LazyLock::new(|| Posts::new(None, "test".to_owned(), Known::default()));
    ActionContext { folder, zone, posts: &POSTS }
}

fn intent(action: &'static str, args: Vec<Value>) -> (Timestamp, Intent) {
    let origin = Origin { rule: "r".into(), instance: "".into(), priority: 50, shadow: false, revision: None };
    (Timestamp::default(), Intent { origin, hop: 0, ask: Ask::Act(Act { action, args }) })
}

#[test]
fn each_intent_is_performed_failed_or_shadow() {
    let zone = TimeZone::UTC;
    let mut performers = Performers::build(&[&FRAGILE], &context(Path::new("."), &zone)).unwrap();
    let words = ["fine", "lose", "refuse", "panic", "lose", "fine"];
    let mut batch: Vec<_> = words.iter().map(|word| intent("fragile", vec![Value::text(word)])).collect();
    batch.push(intent("fragile", vec![Value::text("refuse")]));
    batch.last_mut().unwrap().1.origin.shadow = true;
    batch.push(intent("sms", vec![]));
    batch.push(intent("fragile", vec![]));
    batch.last_mut().unwrap().1.ask = Ask::Release(DeviceKey { room: "a".into(), device: "b".into() });
    performers.perform(batch.into_iter());
    let counts = lock(&performers.counts).clone();
    assert_eq!((counts[0].received, counts[0].performed, counts[0].shadow), (7, 2, 1));
    let failed: Vec<_> = counts[0].failed.iter().map(|(why, count)| (why.as_str(), *count)).collect();
    assert_eq!(failed, [("away", 2), ("no", 1), ("the action panicked: please report it", 1)]);
    assert_eq!((counts[1].action, counts[1].received, counts[1].failed.values().sum::<u64>()), ("unknown", 2, 2));
}

#[test]
fn reasons_are_bounded_and_no_failure_goes_uncounted() {
    let mut counts = ActionCounts::default();
    for i in 0..1000 {
        counts.fail(&format!("reason {i}"), 1);
    }
    assert_eq!((counts.failed.len(), counts.failed.values().sum::<u64>()), (MOST_REASONS + 1, 1000));
}

#[test]
fn the_thread_finishes_what_is_in_the_queue_and_then_stops() {
    let folder = tempfile::tempdir().unwrap();
    let zone = TimeZone::UTC;
    let queue = Queue::new("actions", 5000, Full::DropOldest);
    let dispatcher = Dispatcher::start(queue.clone(), &context(folder.path(), &zone)).unwrap();
    for i in 0..3000 {
        let (action, args) = match i % 3 {
            0 => ("info", vec![Value::text("word\nof a rule")]),
            1 => ("log_file", vec![Value::text("x.jsonl"), Value::Number(f64::from(i))]),
            _ => ("log_file", vec![Value::text("../x"), Value::Null]),
        };
        assert_eq!(queue.push(intent(action, args)), Push::Queued);
    }
    let counts = dispatcher.stop(Duration::from_secs(60)).expect("it has little to do");
    let account: Vec<_> = counts.iter().map(|c| (c.action, c.received, c.performed, c.failed.values().sum())).collect();
    let none = |name| (name, 0, 0, 0);
    let done = [none("notify"), none("send"), ("log_file", 2000, 1000, 1000), ("log", 1000, 1000, 0), none("unknown")];
    assert_eq!(account, done);
    let text = std::fs::read_to_string(folder.path().join("logs/x.jsonl")).unwrap();
    assert_eq!((text.lines().count(), text.lines().next()), (1000, Some("1.0")));
    assert!(matches!(queue.push(intent("info", vec![])), Push::Refused(_)));
}
