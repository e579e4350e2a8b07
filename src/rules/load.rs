//! From a rule file to a rule: everything that can be wrong is found here, all of it at once, and shown where the user
//! wrote it. What passes has every name resolved and runs.

mod alert;
mod checks;
mod parts;
mod scalar;
mod scripts;
mod traps;

pub(super) use scalar::place as scalar_place;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::{Gaps, Place, Report, SourceFile, Spanned, read_file, read_with_gaps};
use crate::model::{Inventory, Name};

use super::host::Script;
use super::lint::check_rule;
use super::rule::Until;
use super::{Host, Rule, RuleSpec, WindowSpec};

/// What rules are checked against.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Compiles scripts, and knows the functions that there are.
    pub host: &'a Host,
    /// The nodes and devices of the channel map.
    pub inventory: &'a Inventory,
}

/// One file on its way to a rule.
struct Loading<'a> {
    file: &'a Arc<SourceFile>,
    site: &'a Site<'a>,
    /// What is missing from it because it was wrong.
    gaps: Gaps,
    /// Whether there is a channel map to compare it with.
    map: bool,
    /// Whether a pattern is missing, and with it perhaps a variable.
    unknown_segments: bool,
    report: &'a mut Report,
    /// What its scripts and conditions name, with the place of each.
    names: Names,
    /// The windows that they look at.
    windows: Vec<WindowSpec>,
}

/// What the scripts of a file name.
#[derive(Default)]
struct Names {
    fields: Vec<(Name, Place)>,
    /// Where it first asks for a device.
    asks: Option<Place>,
    stale: Option<Place>,
}

/// Reads and checks a rule file; `None` if there were errors.
pub fn load(file: &Arc<SourceFile>, site: &Site<'_>, report: &mut Report) -> Option<Rule> {
    load_file(file, site, true, report)
}

fn load_file(file: &Arc<SourceFile>, site: &Site<'_>, map: bool, report: &mut Report) -> Option<Rule> {
    let (before, first) = (report.errors(), report.diagnostics.len());
    let name = file_name(file, report);
    let read = read_with_gaps::<RuleSpec>(file, report);
    let rule = read.map(|(spec, gaps)| {
        let mut loading = Loading {
            file,
            site,
            gaps,
            map,
            unknown_segments: false,
            report,
            names: Names::default(),
            windows: Vec::new(),
        };
        loading.rule(name, &spec)
    });
    report.settle(first);
    rule.filter(|_| report.errors() == before)
}

/// Reads every `rules/*.yaml` of a site folder, in order of their names. A file with errors is left out; the faults of
/// all are reported.
pub fn load_folder(folder: &Path, site: &Site<'_>, report: &mut Report) -> Vec<Arc<Rule>> {
    let mut rules = Vec::new();
    for path in rule_files(folder, report) {
        if let Some(file) = read_file(folder, &path, report) {
            rules.extend(load(&file, site, report).map(Arc::new));
        }
    }
    rules
}

/// Reports what is wrong with the rule files themselves, where there is no channel map to compare them with.
pub fn look_through<'f>(files: impl Iterator<Item = &'f Arc<SourceFile>>, host: &Host, report: &mut Report) {
    let inventory = Inventory::default();
    for file in files {
        load_file(file, &Site { host, inventory: &inventory }, false, report);
    }
}

/// How the name of a rule's test ends: `<rule>_test.yaml`.
pub const TEST_SUFFIX: &str = "_test.yaml";

/// The rule files of a site, relative to its folder and in order; without the folder `rules` there are none.
pub fn rule_files(folder: &Path, report: &mut Report) -> Vec<PathBuf> {
    listed_rules(folder, report).unwrap_or_default()
}

/// Whether a file of that name in `rules` is a rule.
#[must_use]
pub fn is_rule_file(name: &str) -> bool {
    name.ends_with(".yaml") && !name.ends_with(TEST_SUFFIX) && !name.starts_with('.')
}

/// The rule files of a site, relative to its folder and in order; `None` if there is no folder `rules` at all.
pub fn listed_rules(folder: &Path, report: &mut Report) -> Option<Vec<PathBuf>> {
    let mut names = names(folder, report)?;
    names.retain(|name| !name.ends_with(TEST_SUFFIX));
    for name in names.iter().filter(|name| name.ends_with(".yml")) {
        let file = SourceFile::new(Path::new("rules").join(name), "");
        let message = "is not read: the name of a rule file ends in .yaml";
        report.warning(&file, Place::default(), message).help("rename it");
    }
    Some(names.iter().filter(|name| is_rule_file(name)).map(|name| Path::new("rules").join(name)).collect())
}

/// The tests of a site's rules, relative to its folder and in order.
#[must_use]
pub fn test_files(folder: &Path) -> Vec<PathBuf> {
    // A folder that cannot be read has been reported with its rules.
    let names = names(folder, &mut Report::default()).unwrap_or_default();
    names.iter().filter(|name| name.ends_with(TEST_SUFFIX)).map(|name| Path::new("rules").join(name)).collect()
}

/// The names of the files in `rules`, in order; `None` if there is no such folder.
fn names(folder: &Path, report: &mut Report) -> Option<Vec<String>> {
    let path = folder.join("rules");
    let (mut names, mut odd) = (Vec::new(), Vec::new());
    let listed = match std::fs::read_dir(&path) {
        // What cannot be listed to its end is not known: to pass the rest over would be to forget rules.
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>(),
        // A link that leads nowhere is no site without rules.
        Err(error) if error.kind() == ErrorKind::NotFound && is_nothing(&path) => return None,
        Err(error) => Err(error),
    };
    let listed = listed.unwrap_or_else(|error| {
        let message = match (error.kind(), std::fs::read_link(&path)) {
            (ErrorKind::NotADirectory, _) => "is no folder: rules are files in the folder `rules`".to_owned(),
            (ErrorKind::NotFound, Ok(target)) => {
                format!("is a symbolic link to {}, which does not exist", target.display())
            }
            _ => format!("cannot be read: {error}"),
        };
        report.error(&SourceFile::new("rules", ""), Place::default(), message);
        Vec::new()
    });
    for name in listed {
        name.into_string().map_or_else(|name| odd.push(name), |name| names.push(name));
    }
    odd.sort();
    for name in odd {
        let file = SourceFile::new(Path::new("rules").join(name), "");
        report.warning(&file, Place::default(), "is not read: its name is no UTF-8 text").help("rename it");
    }
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Some(names)
}

fn is_nothing(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The rule's name, which is its file's.
fn file_name(file: &Arc<SourceFile>, report: &mut Report) -> Name {
    let name = file.path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(fits) {
        let message = format!("`{name}` cannot be the name of a rule: letters, digits, `-` and `_` only");
        report.error(file, Place::default(), message).help("rename the file");
    }
    Name::from(&*name)
}

/// The scripts and conditions as they are written; durations in `until` are no text that runs.
fn texts(spec: &RuleSpec) -> Vec<(&'static str, Spanned<String>)> {
    let one = [("when", &spec.when), ("then", &spec.then), ("each", &spec.each), ("finally", &spec.finally)];
    let one = one.into_iter().filter_map(|(key, text)| Some((key, text.clone()?)));
    let until = spec.until.iter().flat_map(|texts| texts.iter());
    let until = until.filter(|text| !scripts::is_duration(text)).map(|text| ("until", text.clone()));
    one.chain(until).collect()
}

impl Loading<'_> {
    fn rule(&mut self, name: Name, spec: &RuleSpec) -> Rule {
        let patterns = self.patterns(spec);
        let texts_of = spec.subscribe.as_ref().map_or(0, |texts| texts.iter().len());
        self.unknown_segments = patterns.len() != texts_of || self.gaps.key("subscribe");
        let schedule = self.schedule(spec);
        let segments = parts::common_names(&patterns);
        let per = self.per(spec, &patterns);
        self.shape(spec);
        let when = self.condition("when", spec.when.as_ref(), &segments);
        let until = spec.until.as_ref().map(|until| self.until(until, &segments));
        let then = self.script(spec.then.as_ref(), &segments);
        let each = self.script(spec.each.as_ref(), &segments);
        let finally = self.script(spec.finally.as_ref(), &segments);
        // What a summary names must exist, but a message without it concerns the rule all the same.
        let concerning = self.names.fields.len();
        let alert = self.alert(spec, &segments);
        let names_stale = when.as_ref().is_some_and(super::Condition::names_stale);
        let stale = self.stale(spec.stale.as_ref());
        self.against_the_map(spec, &patterns, stale);
        let receivers = parts::receivers(spec);
        let rule = Rule {
            name,
            description: spec.description.as_ref().map(|text| text.value.clone()),
            file: self.file.clone(),
            patterns,
            segments,
            schedule,
            when,
            hold: self.duration(spec.hold.as_ref()).unwrap_or_default(),
            until,
            then,
            each,
            finally,
            per,
            cooldown: self.duration(spec.cooldown.as_ref()).unwrap_or_default(),
            stale,
            priority: self.priority(spec.priority.as_ref()),
            state: self.state(spec),
            mode: self.mode(spec.mode.as_ref()),
            labels: spec.labels.iter().map(|(key, value)| (key.value.clone(), value.value.clone())).collect(),
            fields: self.names.fields.iter().take(concerning).map(|(field, _)| field.clone()).collect(),
            names_stale,
            windows: std::mem::take(&mut self.windows),
            texts: texts(spec),
            allow: self.allow(spec.allow.as_ref()),
            receivers,
            alert,
        };
        if self.map {
            let subscribe: Vec<Place> =
                spec.subscribe.iter().flat_map(|texts| texts.iter()).map(|text| text.place).collect();
            check_rule(&rule, &subscribe, self.site.inventory, self.report);
        }
        rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nowhere_is_no_site_without_rules() {
        let folder = tempfile::tempdir().unwrap();
        let mut report = Report::default();
        assert_eq!((listed_rules(folder.path(), &mut report), report.errors()), (None, 0));
        std::os::unix::fs::symlink("gone", folder.path().join("rules")).unwrap();
        assert_eq!(listed_rules(folder.path(), &mut report), Some(Vec::new()));
        assert!(report.render(false).contains("symbolic link to gone"), "{}", report.render(false));
        std::fs::create_dir(folder.path().join("gone")).unwrap();
        assert_eq!(listed_rules(folder.path(), &mut report), Some(Vec::new()));
        assert_eq!(report.errors(), 1);
    }
}
