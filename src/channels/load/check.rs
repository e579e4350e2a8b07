//! The report of one channel map, and the list of what its grammar has and growctl does not do yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::files::{Diagnostic, Gaps, Place, Report, Severity, SourceFile, Spanned};

/// Names of left-out things in one warning; more are only counted.
const MOST: usize = 6;

/// What the grammar has and growctl does not do yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feature {
    /// Limits of devices.
    Guards,
}

impl Feature {
    fn warning(self) -> &'static str {
        match self {
            Feature::Guards => "limits of devices have no effect yet: devices are switched without them",
        }
    }
}

/// A report in the making.
#[derive(Debug)]
pub(super) struct Check {
    file: Arc<SourceFile>,
    pub(super) report: Report,
    /// What is said of DBC files. Their errors are the map's as well, at the names of the files.
    pub(super) databases: Report,
    /// What is missing from the spec because it was wrong and has been reported.
    pub(super) gaps: Gaps,
    not_yet: BTreeMap<Feature, (Place, Vec<String>)>,
    /// A fault that is not told, because it follows from another.
    unsaid: Diagnostic,
}

impl Check {
    pub(super) fn new(file: &Arc<SourceFile>) -> Check {
        let (place, message) = (Place::default(), String::new());
        let unsaid = Diagnostic { severity: Severity::Error, file: file.clone(), place, message, help: None };
        let (report, databases, gaps) = (Report::default(), Report::default(), Gaps::default());
        Check { file: file.clone(), report, databases, gaps, not_yet: BTreeMap::new(), unsaid }
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

    /// Something that has no effect yet: one warning a file, at the first place, naming what it concerns.
    pub(super) fn not_yet(&mut self, feature: Feature, place: Place, whom: Option<String>) {
        let (_, concerned) = self.not_yet.entry(feature).or_insert((place, Vec::new()));
        if let Some(whom) = whom.filter(|whom| !concerned.contains(whom)) {
            concerned.push(whom);
        }
    }

    /// The report of the map, and that of its databases.
    pub(super) fn finish(mut self) -> (Report, Report) {
        for (feature, (place, concerned)) in self.not_yet {
            let diagnostic = self.report.warning(&self.file, place, feature.warning());
            if !concerned.is_empty() {
                let more = concerned.len().saturating_sub(MOST);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let names: Vec<&str> = concerned.iter().take(MOST).map(String::as_str).collect();
                diagnostic.help(format!("this concerns {}{more}", names.join(", ")));
            }
        }
        (self.report, self.databases)
    }
}
