//! The report of one channel map.

use std::sync::Arc;

use crate::files::{Diagnostic, Gaps, Place, Report, Severity, SourceFile, Spanned};

/// A report in the making.
#[derive(Debug)]
pub(super) struct Check {
    file: Arc<SourceFile>,
    pub(super) report: Report,
    /// What is said of DBC files. Their errors are the map's as well, at the names of the files.
    pub(super) databases: Report,
    /// What is missing from the spec because it was wrong and has been reported.
    pub(super) gaps: Gaps,
    /// A fault that is not told, because it follows from another.
    unsaid: Diagnostic,
}

impl Check {
    pub(super) fn new(file: &Arc<SourceFile>) -> Check {
        let (place, message) = (Place::default(), String::new());
        let unsaid = Diagnostic { severity: Severity::Error, file: file.clone(), place, message, help: None };
        let (report, databases, gaps) = (Report::default(), Report::default(), Gaps::default());
        Check { file: file.clone(), report, databases, gaps, unsaid }
    }

    pub(super) fn error(&mut self, place: Place, message: impl Into<String>) -> &mut Diagnostic {
        self.report.error(&self.file, place, message)
    }

    /// A name that stands for nothing; not told if what it stands for was wrong.
    pub(super) fn unknown(&mut self, name: &Spanned<String>, message: impl Into<String>) -> &mut Diagnostic {
        if self.gaps.name(name) { &mut self.unsaid } else { self.report.error(&self.file, name.place, message) }
    }

    /// A key that is missing around `place`; not told if it, or one that would do, was there and was wrong.
    pub(super) fn lacking(&mut self, place: Place, keys: &[&str], message: impl Into<String>) -> &mut Diagnostic {
        if keys.iter().any(|key| self.gaps.key_near(place, key)) {
            return &mut self.unsaid;
        }
        self.report.error(&self.file, place, message)
    }

    /// A value that does not fit a signal; not told if the signal may not be all there.
    pub(super) fn unfit(&mut self, place: Place, message: impl Into<String>) -> &mut Diagnostic {
        if self.gaps.key("frames") { &mut self.unsaid } else { self.report.error(&self.file, place, message) }
    }

    pub(super) fn warning(&mut self, place: Place, message: impl Into<String>) -> &mut Diagnostic {
        self.report.warning(&self.file, place, message)
    }

    /// The report of the map, and that of its databases.
    pub(super) fn finish(self) -> (Report, Report) {
        (self.report, self.databases)
    }
}
