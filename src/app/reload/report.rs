//! What a look at the files came to: for the log, `status`, `system:update:reload` and `growctl reload`.

use serde::Serialize;
use serde_json::json;

use crate::app::revision::Revision;
use crate::files::{Report, Severity};
use crate::model::{Fields, Name, Timestamp, Value};
use crate::rules::Edited;

/// Faults and warnings in one message: subscribers have no use for hundreds.
const MOST_LINES: usize = 20;

/// What became of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// The engine started with them; rules with faults were left out.
    Started,
    /// They decide from now on.
    Applied,
    /// They are as they were.
    Unchanged,
    /// They have faults: what runs stays as it was.
    Refused,
    /// They do not come to rest: what runs stays as it was, and they are looked at again.
    Unsettled,
    /// The look at them failed, which is a bug: what runs stays as it was.
    Failed,
    /// The engine is stopping: nothing takes effect any more.
    Stopping,
}

/// One look at the files.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reloaded {
    pub(crate) outcome: Outcome,
    /// When, in seconds since 1970.
    pub(crate) ts: f64,
    /// Which state of the files this is about; if refused, not the one that decides.
    pub(crate) revision: Name,
    pub(crate) commit: Option<String>,
    pub(crate) dirty: bool,
    pub(crate) added: Vec<Name>,
    pub(crate) changed: Vec<Name>,
    pub(crate) removed: Vec<Name>,
    /// Rules that go on untouched.
    pub(crate) unchanged: usize,
    /// The channel map is another one.
    pub(crate) map_changed: bool,
    /// Faults and warnings, each as `check --format json` gives it.
    pub(crate) diagnostics: serde_json::Value,
    /// The same as people read it.
    #[serde(skip)]
    pub(crate) text: String,
    /// Each in one line.
    #[serde(skip)]
    pub(crate) lines: Vec<(Severity, String)>,
}

impl Reloaded {
    pub(crate) fn new(outcome: Outcome, at: Timestamp, revision: &Revision, report: &Report) -> Reloaded {
        Reloaded {
            outcome,
            ts: at.utc.seconds(),
            revision: revision.name(),
            commit: revision.commit.clone(),
            dirty: revision.dirty,
            added: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
            unchanged: 0,
            map_changed: false,
            diagnostics: json!(report.diagnostics),
            text: report.render(false),
            lines: lines(report),
        }
    }

    pub(crate) fn take(&mut self, edited: &mut Edited) {
        self.added = std::mem::take(&mut edited.added);
        self.changed = std::mem::take(&mut edited.changed);
        self.removed = std::mem::take(&mut edited.removed);
        self.unchanged = edited.unchanged;
    }

    /// For `growctl reload`: all of it, with the faults as people read them.
    pub(crate) fn answer(&self) -> serde_json::Value {
        let mut answer = json!(self);
        answer["text"] = json!(self.text);
        answer
    }

    /// For `system:update:reload`.
    pub(crate) fn fields(&self) -> Fields {
        let names = |names: &[Name]| Value::List(names.iter().cloned().map(Value::Text).collect());
        let shown = self.lines.iter().take(MOST_LINES).map(|(_, line)| Value::text(line));
        let more = self.lines.len().saturating_sub(MOST_LINES);
        let more = (more > 0).then(|| Value::text(&format!("and {more} more: see growctl status or check")));
        let lines = shown.chain(more).collect();
        let outcome = json!(self.outcome);
        let fields = [
            ("outcome", Value::text(outcome.as_str().unwrap_or_default())),
            ("revision", Value::Text(self.revision.clone())),
            ("commit", self.commit.as_deref().map_or(Value::Null, Value::text)),
            ("dirty", Value::Bool(self.dirty)),
            ("added", names(&self.added)),
            ("changed", names(&self.changed)),
            ("removed", names(&self.removed)),
            ("unchanged", Value::Number(self.unchanged as f64)),
            ("map_changed", Value::Bool(self.map_changed)),
            ("diagnostics", Value::List(lines)),
        ];
        fields.into_iter().map(|(name, value)| (Name::from(name), value)).collect()
    }

    /// One line for the log, and one for each fault; of the warnings, those that are new since `before`.
    pub(crate) fn log(&self, before: &[(Severity, String)]) {
        let (added, changed, removed) = (self.added.len(), self.changed.len(), self.removed.len());
        let (revision, unchanged, map_changed) = (&*self.revision, self.unchanged, self.map_changed);
        for (severity, line) in &self.lines {
            match severity {
                Severity::Error => tracing::error!("{line}"),
                Severity::Warning if before.iter().any(|(_, known)| known == line) => {}
                Severity::Warning => tracing::warn!("{line}"),
            }
        }
        match self.outcome {
            // The line above says it all.
            Outcome::Started | Outcome::Unsettled | Outcome::Stopping => {}
            Outcome::Unchanged => tracing::debug!(revision, "the files are as they were"),
            Outcome::Applied => {
                tracing::info!(revision, added, changed, removed, unchanged, map_changed, "files reloaded");
            }
            Outcome::Failed => tracing::error!("everything runs as before; please report this bug"),
            Outcome::Refused => {
                tracing::error!(revision, "the files have faults: everything runs as before, until they are mended");
            }
        }
    }
}

/// Each fault in one line, errors first.
fn lines(report: &Report) -> Vec<(Severity, String)> {
    let mut lines: Vec<_> = report.diagnostics.iter().map(|fault| (fault.severity, fault.to_string())).collect();
    lines.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    lines
}
