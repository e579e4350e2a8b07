//! Tests of rules: `rules/<name>_test.yaml` says what comes in and what is to come of it. A test drives the Core that
//! `run` and `replay` drive, on clocks of its own, so that a day or a change of the clocks takes milliseconds.

mod difference;
mod expected;
mod input;
mod load;
mod load_expected;
mod load_input;
mod moment;
mod outcome;
mod play;
mod render;
mod schema;
mod series;
mod spec;
mod test;
mod timeline;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::channels::ChannelMap;
use crate::files::{Place, Report, SourceFile, read_file};
use crate::model::{Name, Timestamp};
use crate::rules::{self, Engine, Host, Mode, Rule, Rulebook, TEST_SUFFIX};

use super::{Settings, Site};

pub use difference::{Row, State};
pub use outcome::{Outcome, Suite};
pub(super) use spec::FileSpec;
use test::Test;

/// A site whose rules are tested.
#[derive(Debug)]
pub struct Bench<'a> {
    folder: &'a Path,
    map: &'a ChannelMap,
    settings: &'a Settings,
    /// Every rule file that can be read, in order of the rules' names.
    rules: Vec<(String, Arc<SourceFile>)>,
    tests: Vec<PathBuf>,
}

impl<'a> Bench<'a> {
    /// Finds the rules and tests of a site. Files that cannot be read are in the report.
    #[must_use]
    pub fn new(folder: &'a Path, map: &'a ChannelMap, settings: &'a Settings, report: &mut Report) -> Bench<'a> {
        let mut found = Vec::new();
        for path in rules::rule_files(folder, report) {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            found.extend(read_file(folder, &path, report).map(|file| (name, file)));
        }
        Bench { folder, map, settings, rules: found, tests: rules::test_files(folder) }
    }

    /// The rules of the site, by name.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.rules.iter().map(|(name, _)| name.as_str())
    }

    /// Checks the shape and the names of every test file, and runs none.
    pub fn check(&self, report: &mut Report) {
        for path in &self.tests {
            let Some(file) = read_file(self.folder, path, report) else { continue };
            let rule = rule_of(path);
            if !self.names().any(|name| name == rule) {
                let message = format!("there is no rule `{rule}` beside this test");
                report.warning(&file, Place::default(), message).did_you_mean(&rule, self.names());
            }
            load::load(self, &file, report);
        }
    }

    /// Runs the tests of a rule; `None` if there is no such rule. What is wrong with the files is in the report.
    pub fn run(&self, name: &str, verbose: bool, report: &mut Report) -> Option<Suite> {
        let (_, file) = self.rules.iter().find(|(known, _)| known == name)?;
        let path = self.tests.iter().find(|path| rule_of(path) == name);
        let mut suite = Suite {
            rule: Name::from(name),
            file: path.cloned(),
            broken: false,
            tests: Vec::new(),
            never_ran: Vec::new(),
        };
        let Some(path) = path else { return Some(suite) };
        let rule = self.load(file, &Site::host(), report);
        let tests = read_file(self.folder, path, report).and_then(|file| load::load(self, &file, report));
        match (rule, tests) {
            (Some(rule), Some(tests)) if self.company(&tests, report) => {
                (suite.tests, suite.never_ran) = outcome::run(self, &rule, &tests, verbose)
            }
            _ => suite.broken = true,
        }
        Some(suite)
    }

    /// Whether every rule that runs along is right.
    fn company(&self, tests: &[Test], report: &mut Report) -> bool {
        let names: BTreeSet<&Name> = tests.iter().flat_map(|test| &test.with).collect();
        let files = self.rules.iter().filter(|(name, _)| names.contains(&Name::from(name.as_str())));
        let mut right = true;
        for (_, file) in files {
            right &= self.load(file, &Site::host(), report).is_some();
        }
        right
    }

    /// A rule as it is tested: one that is switched off works as if it were on, for that is what its test is about.
    fn load(&self, file: &Arc<SourceFile>, host: &Host, report: &mut Report) -> Option<Rule> {
        let site = rules::Site { host, inventory: &self.map.inventory };
        let mut rule = rules::load(file, &site, report)?;
        if rule.mode == Mode::Off {
            rule.mode = Mode::Active;
        }
        Some(rule)
    }

    /// The engine with these rules alone, on a stage. Those with errors are left out.
    fn engine<'n>(
        &self,
        names: impl Iterator<Item = &'n Name>,
        stage: &ChannelMap,
        place: rules::Place,
        now: Timestamp,
    ) -> Engine {
        let host = Site::host();
        let file = |name: &Name| self.rules.iter().find(|(known, _)| **known == **name).map(|(_, file)| file);
        // The rule has been loaded before, with its faults reported.
        let mut again = Report::default();
        let rules = names.filter_map(file).filter_map(|file| self.load(file, &host, &mut again));
        let rules = rules.map(Arc::new).collect();
        Engine::new(Rulebook::new(rules, stage.inventory.clone(), place, "test".into()), host, now)
    }
}

/// The rule that a test file is for.
fn rule_of(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.strip_suffix(TEST_SUFFIX).unwrap_or(&name).to_owned()
}
