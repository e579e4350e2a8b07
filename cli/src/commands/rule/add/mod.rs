//! `growctl rule add`: a new rule with its test, from a template, from flags, or by questions. It is checked before it is
//! written, and never written over anything.

mod fill;
mod key_questions;
mod keys;
mod plant;
mod questions;
mod recipes;
mod recognise;
mod templates;
mod wishes;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use growctl_engine::actions::host_functions;
use growctl_engine::app;
use growctl_engine::channels::ChannelMap;
use growctl_engine::files::{Report, SourceFile};
use growctl_engine::model::parse_duration;
use growctl_engine::rules::{self, Host, Rule};
use serde_json::json;

use super::ask::{self, Stop};
use super::{files, heard};
use crate::commands::{fail, line, say, show, table};
use keys::{KeyFlags, Mode};
use plant::Refusal;
use templates::TEMPLATES;
use wishes::{TemplateFlags, Wishes};

/// Arguments of `rule add`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  growctl rule add --list-templates\n  \
    growctl rule add flower-fan --template cooling --room 'Flower Room' --above 27.5 --below 26\n  \
    growctl rule add co2-alert --template alert --field co2 --above 1400 --for 10m --dry-run\n  \
    growctl rule add dry-alarm --subscribe 'sensor:update:Veg Room:*' --when 'msg.humidity < 35' --for 5m \\\n      \
    --then 'warn(`${msg.humidity} % at ${msg.node}`);'\n  \
    growctl rule add my-rule        asks, on a terminal\n\n\
    Exit codes: 0 written, 1 something outside failed, 2 nothing is written: the call, the site or the rule is wrong.")]
pub(super) struct Add {
    /// The rule's name: its file is rules/NAME.yaml.
    #[arg(required_unless_present = "list_templates")]
    name: Option<String>,
    /// A ready rule that is fitted to this site; --list-templates shows which there are.
    #[arg(long, value_name = "TEMPLATE")]
    template: Option<String>,
    /// Show the templates, and what each takes.
    #[arg(long)]
    list_templates: bool,
    /// Print the files, write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    flags: TemplateFlags,
    #[command(flatten)]
    keys: KeyFlags,
}

/// A rule on its way into the site.
#[derive(Debug)]
struct Made {
    rule: String,
    test: Option<String>,
    /// What it took from the map, in words.
    took: Vec<String>,
}

pub(super) async fn add(add: Add, folder: &Path, json: bool) -> ExitCode {
    if add.list_templates {
        return list_templates(json);
    }
    let name = add.name.clone().unwrap_or_default();
    match prepare(&add, &name, folder) {
        Ok((made, rule, map)) if add.dry_run => print(&name, &made, &rule, &map, json),
        Ok((made, rule, map)) => write(folder, &name, &made, (&rule, &map), json).await,
        Err(code) => code,
    }
}

fn list_templates(json: bool) -> ExitCode {
    if json {
        let rows = TEMPLATES.iter().map(|template| {
            json!({ "name": template.name, "summary": template.summary, "needs": template.needs, "takes": template.takes })
        });
        line(&serde_json::Value::Array(rows.collect()).to_string());
        return ExitCode::SUCCESS;
    }
    let rows = TEMPLATES.iter().map(|template| {
        let takes: Vec<String> = template.takes.iter().map(|flag| format!("--{flag}")).collect();
        vec![template.name.to_owned(), template.summary.to_owned(), takes.join(" ")]
    });
    line(&table(&["TEMPLATE", "WHAT IT DOES", "TAKES"], rows.collect()));
    say(
        "\nAll take --description, --priority, --mode and --label as well. Without a flag it takes what fits on this site.",
    );
    ExitCode::SUCCESS
}

/// All up to the writing: the files' texts, and the rule that they are.
fn prepare(add: &Add, name: &str, folder: &Path) -> Result<(Made, Rule, ChannelMap), ExitCode> {
    files::check_name(name).map_err(|why| fail(2, &why))?;
    if let [first, ..] = files::there(folder, name).as_slice() {
        let advice = "nothing is written; choose another name, or remove it with `growctl rule rm`";
        return Err(fail(2, &format!("{} is there already: {advice}", first.display())));
    }
    let mut report = Report::default();
    let map = app::load_map(folder, &mut report);
    let wrong = report.errors() > 0;
    if wrong {
        show(&report);
    }
    let map = map.filter(|_| !wrong).ok_or_else(|| fail(2, "nothing is written: the channel map cannot be used"))?;
    let (made, keys) = make(add, name, &map)?;
    let (rule, test) = check(name, &made, keys.as_ref(), &map)?;
    let test = made.test.or(test).map(|text| for_editors(folder, "test", text));
    Ok((Made { test, rule: for_editors(folder, "rule", made.rule), ..made }, rule, map))
}

/// The line by which editors know the file, where the site has the schemas for it.
fn for_editors(folder: &Path, kind: &str, text: String) -> String {
    let schema = format!("schemas/{kind}.json");
    if !folder.join(&schema).exists() {
        return text;
    }
    format!("# yaml-language-server: $schema=../{schema}\n{text}")
}

/// The rule's text, and the keys that it was made from where it was not a template.
fn make(add: &Add, name: &str, map: &ChannelMap) -> Result<(Made, Option<KeyFlags>), ExitCode> {
    let refused = |refusal: Refusal| fail(2, &format!("{}; nothing is written", refusal.text()));
    if let Some(template) = &add.template {
        let template = templates::find(template).map_err(refused)?;
        let wishes = wishes(add, name).map_err(refused)?;
        let made = template.make(&wishes, map).map_err(refused)?;
        return Ok((Made { rule: add.keys.added_to(&made.rule), ..made }, None));
    }
    if !add.keys.doing().is_empty() {
        if let Some(flag) = Wishes::new(name, &add.flags).given().first() {
            return Err(refused(Refusal::of(
                flag,
                "means something to a template only: add --template, or leave it out",
            )));
        }
        let made = Made { rule: add.keys.yaml(), test: None, took: Vec::new() };
        return Ok((made, Some(add.keys.clone())));
    }
    if add.yes || !ask::is_possible() {
        let advice =
            "--template T for a ready one (--list-templates shows which), or --subscribe, --when, --then and so on";
        return Err(fail(2, &format!("what is the rule to do? {advice}; on a terminal it asks")));
    }
    questions::ask(&mut ask::Terminal, add, name, map).map_err(|why| match why {
        Some(Stop::Terminal(why)) => fail(1, &format!("the terminal cannot be asked: {why}; nothing is written")),
        Some(Stop::Person) => fail(1, "nothing is written"),
        None => ExitCode::from(2),
    })
}

/// The flags that a template takes; keys that it has itself are refused.
fn wishes(add: &Add, name: &str) -> Result<Wishes, Refusal> {
    let shared = ["for", "until", "cooldown"];
    if let Some(flag) = add.keys.doing().into_iter().find(|flag| !shared.contains(flag)) {
        return Err(Refusal::of(flag, "a template has its own; leave it out, or leave --template out"));
    }
    if add.keys.mode == Some(Mode::Off) {
        return Err(Refusal::of("mode", "its test would find that nothing happens; --mode shadow tries it out"));
    }
    let span = |flag: &'static str, text: Option<&String>| {
        text.map(|text| parse_duration(text).map_err(|why| Refusal::of(flag, why))).transpose()
    };
    if add.keys.until.len() > 1 {
        return Err(Refusal::of("until", "a template takes one duration here"));
    }
    Ok(Wishes {
        hold: span("for", add.keys.hold.as_ref())?,
        until: span("until", add.keys.until.first())?,
        cooldown: span("cooldown", add.keys.cooldown.as_ref())?,
        ..Wishes::new(name, &add.flags)
    })
}

/// Loads it as the engine would, with the same diagnostics; and its test, where it can be told.
fn check(
    name: &str,
    made: &Made,
    keys: Option<&KeyFlags>,
    map: &ChannelMap,
) -> Result<(Rule, Option<String>), ExitCode> {
    let mut report = Report::default();
    let host = Host::new(&host_functions());
    let file = SourceFile::new(files::rule_path(name), made.rule.as_str());
    let rule = rules::load(&file, &rules::Site { host: &host, inventory: &map.inventory }, &mut report);
    show(&report);
    let Some(rule) = rule else {
        let flags = keys.map(|_| faulty_flags(&file, &report)).unwrap_or_default();
        let mend = if flags.is_empty() { String::new() } else { format!("; mend {}", flags.join(" and ")) };
        return Err(fail(2, &format!("nothing is written{mend}")));
    };
    let test = keys.and_then(|keys| recognise::test_of(keys, &rule, map, &map.inventory));
    Ok((rule, test))
}

/// The flags whose lines of the file are wrong.
fn faulty_flags(file: &Arc<SourceFile>, report: &Report) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let key = |line: usize| {
        let above = lines.get(..line)?.iter().rev();
        let found = above.copied().find(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        found.and_then(|line| line.split(':').next())
    };
    let mut flags: Vec<String> = report
        .diagnostics
        .iter()
        .filter_map(|fault| key(fault.place.line))
        .map(|key| format!("--{}", if key == "labels" { "label" } else { key }))
        .collect();
    flags.sort();
    flags.dedup();
    flags
}

/// `--dry-run`
fn print(name: &str, made: &Made, rule: &Rule, map: &ChannelMap, json: bool) -> ExitCode {
    let (rule_path, test_path) = (files::rule_path(name), files::test_path(name));
    if json {
        let test = made.test.as_ref().map(|text| json!({ "path": test_path, "text": text }));
        let heard = rules::audience(rule, &map.inventory);
        let all = json!({ "rule": { "path": rule_path, "text": made.rule }, "test": test, "took": made.took,
            "listens": heard, "written": false });
        line(&all.to_string());
        return ExitCode::SUCCESS;
    }
    made.took.iter().for_each(|took| say(took));
    line(&format!("# ---- {}\n{}", rule_path.display(), made.rule.trim_end()));
    match &made.test {
        Some(test) => drop(line(&format!("\n# ---- {}\n{}", test_path.display(), test.trim_end()))),
        None => say(&no_test(name)),
    }
    ExitCode::SUCCESS
}

async fn write(folder: &Path, name: &str, made: &Made, (rule, map): (&Rule, &ChannelMap), json: bool) -> ExitCode {
    // The test first: a rule without its test is half a thing.
    let mut texts = Vec::new();
    texts.extend(made.test.as_ref().map(|test| (files::test_path(name), test.as_str())));
    texts.push((files::rule_path(name), made.rule.as_str()));
    if let Err(why) = files::create(folder, &texts) {
        return fail(if why.ends_with("already") { 2 } else { 1 }, &format!("{why}; nothing is written"));
    }
    let heard = heard::heard(folder, rule, &map.inventory).await;
    let rivals = rivals(folder, rule, map);
    let (rule_path, test_path) = (files::rule_path(name), made.test.as_ref().map(|_| files::test_path(name)));
    if json {
        let all = json!({ "rule": rule_path, "test": test_path, "took": made.took, "listens": heard.rows,
            "asks_too": rivals, "running": heard.silent.is_none(), "written": true });
        line(&all.to_string());
        return ExitCode::SUCCESS;
    }
    made.took.iter().for_each(|took| say(took));
    let test = test_path.as_ref().map(|path| format!(" and {}", path.display())).unwrap_or_default();
    say(&format!("{}{test} written", rule_path.display()));
    let heard_table = heard.table();
    if !heard_table.is_empty() {
        say(&format!("\n{heard_table}"));
    }
    say("");
    rivals.iter().for_each(|rival| say(rival));
    match heard.silent {
        None => say(&super::taken(folder).await),
        Some(_) => say("no engine runs on this site, so there are no last values; `growctl run` starts one"),
    }
    if test_path.is_none() {
        say(&no_test(name));
    }
    say(&next(name, test_path.is_some()));
    ExitCode::SUCCESS
}

fn no_test(name: &str) -> String {
    format!(
        "no test is written: growctl cannot tell to the moment what it will do; rules/{name}_test.yaml is yours to write"
    )
}

fn next(name: &str, tested: bool) -> String {
    let (test, file) = match tested {
        true => (format!("growctl rule test {name} · "), format!(" {}", files::test_path(name).display())),
        false => (String::new(), String::new()),
    };
    format!("next: {test}growctl rule show {name} · git add {}{file}", files::rule_path(name).display())
}

/// Other rules that ask for the same devices: who wins is worth a thought.
fn rivals(folder: &Path, rule: &Rule, map: &ChannelMap) -> Vec<String> {
    let own = super::devices(rule);
    let host = Host::new(&host_functions());
    let site = rules::Site { host: &host, inventory: &map.inventory };
    // The faults of the other files are `check`'s to tell.
    let all = rules::load_folder(folder, &site, &mut Report::default());
    let others = all.iter().filter(|other| other.name != rule.name && other.mode == rules::Mode::Active);
    let rival = |other: &Arc<Rule>| {
        let shared: Vec<String> = super::devices(other).into_iter().filter(|device| own.contains(device)).collect();
        let wins = match other.priority.cmp(&rule.priority) {
            std::cmp::Ordering::Greater => "it goes before this rule".to_owned(),
            std::cmp::Ordering::Less => "this rule goes before it".to_owned(),
            std::cmp::Ordering::Equal => "the larger demand wins".to_owned(),
        };
        let (name, priority) = (&other.name, other.priority);
        (!shared.is_empty())
            .then(|| format!("{name} asks for {} too, with priority {priority}: {wins}", shared.join(", ")))
    };
    others.filter_map(rival).collect()
}

#[cfg(test)]
#[path = "add_tests.rs"]
mod tests;
