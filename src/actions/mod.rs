//! What rules can do to the world. An action is one file here and two lines below: its module and its place in
//! [`ACTIONS`], which brings its script functions, its constructor and its part of the reference page. Rank 5.

mod device;
mod dispatcher;
mod log;
mod log_file;
mod notify;
mod posts;
mod publish;
mod send;

use std::path::Path;

use jiff::tz::TimeZone;

use crate::model::{Origin, Timestamp, Value};
use crate::rules::HostFunction;

pub use dispatcher::{Account, ActionCounts, Dispatcher};
pub use posts::{Known, Posts};

/// Every action.
pub static ACTIONS: &[&ActionKind] =
    &[&device::KIND, &publish::KIND, &notify::KIND, &send::KIND, &log_file::KIND, &log::KIND];

/// The script functions of all actions, for `Host::new`. Those of the Core's own are in the host already.
#[must_use]
pub fn host_functions() -> Vec<HostFunction> {
    ACTIONS.iter().flat_map(|kind| kind.functions).copied().collect()
}

/// One row of the table.
#[derive(Debug)]
pub struct ActionKind {
    /// Its name in counts, logs and the reference page.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// A line of a script that uses it.
    pub example: &'static str,
    /// The script functions whose calls come to it. Their names are unique among all actions.
    pub functions: &'static [HostFunction],
    /// Who does it.
    pub performer: Performer,
}

/// Who does what an action says.
#[derive(Clone, Copy, Debug)]
pub enum Performer {
    /// The Core, at once, within the step of the event: it is no side effect, and a replay does it too.
    Core,
    /// An [`Action`] on the dispatcher's thread.
    Thread(Build),
}

/// Makes an action at the start. Cheap, and touches nothing outside: what is wrong there shows at the first job.
///
/// # Errors
/// Why this site cannot have the action: a setting that is wrong. The engine does not start then.
pub type Build = fn(&ActionContext<'_>) -> Result<Box<dyn Action>, String>;

/// What an action may know of the site.
#[derive(Clone, Copy, Debug)]
pub struct ActionContext<'a> {
    /// The site folder.
    pub folder: &'a Path,
    /// The site's time zone, for names and texts.
    pub zone: &'a TimeZone,
    /// The way into the outbox.
    pub posts: &'a Posts,
}

/// One call of a script function.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The time of the event that the rule ran on.
    pub at: Timestamp,
    /// Which of the action's functions was called.
    pub function: &'static str,
    /// With what, as many and of such kinds as the function's `params` say.
    pub args: &'a [Value],
    /// Which rule, which instance.
    pub origin: &'a Origin,
}

/// Why a job was not done. The text says what, where, and what was expected; it names no job, so that equal faults have
/// equal texts and are said once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The call itself is wrong: the rule must be changed.
    #[error("{0}")]
    Call(String),
    /// Something outside failed: it may go well the next time.
    #[error("{0}")]
    Outside(String),
}

/// Jobs that were taken and then lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub jobs: u64,
    /// Why.
    pub failure: Failure,
}

/// Something that rules can do to the world.
///
/// **Life cycle.** Built once at the start; then, on one thread, batches: `perform` for each job in order, then
/// `flush`; at the stop a last `flush`, then it is dropped.
///
/// **What must hold.** A job that `perform` took is done when the next `flush` returns, or reported there as lost: each
/// job is exactly one of done and failed. Nothing waits for longer than its own time-out, for all actions share the
/// thread (control never waits for it). No clock is read: the time is the job's.
///
/// **Who retries.** Nobody: a job that failed is over. What must arrive is put into the outbox, which tries for days.
///
/// **Who logs and counts.** The dispatcher, for every failure; an action logs only what is its very job.
pub trait Action: Send {
    /// Does one job, or takes it until `flush`.
    ///
    /// # Errors
    /// Why it is not done.
    fn perform(&mut self, job: &Job<'_>) -> Result<(), Failure>;

    /// Finishes what `perform` has taken; what cannot be finished goes into `lost`.
    fn flush(&mut self, lost: &mut Vec<Lost>);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::Name;
    use crate::rules::Host;

    #[test]
    fn the_table_names_everything_once_and_says_what_it_is() {
        let mut names = BTreeSet::new();
        let mut functions = BTreeSet::new();
        for kind in ACTIONS {
            assert!(names.insert(kind.name), "{} is there twice", kind.name);
            assert!(!kind.summary.is_empty() && !kind.example.is_empty(), "{}", kind.name);
            let by_core = matches!(kind.performer, Performer::Core);
            assert_eq!(kind.functions.is_empty(), by_core, "{}: the Core's functions are the host's own", kind.name);
            for function in kind.functions {
                assert!(functions.insert(function.name), "{} is there twice", function.name);
                assert!(!function.summary.is_empty(), "{}", function.name);
                assert!(
                    ACTIONS.iter().any(|kind| kind.example.contains(&format!("{}(", function.name))),
                    "{}",
                    function.name
                );
            }
        }
        assert_eq!(host_functions().len(), functions.len());
    }

    #[test]
    fn every_example_compiles() {
        let host = Host::new(&host_functions());
        for kind in ACTIONS {
            let compiled = host.compile(kind.example, &[Name::from("room")], &mut Vec::new());
            assert!(compiled.is_ok(), "{}: {compiled:?}", kind.name);
        }
    }
}
