//! A rule written key by key: what the flags say, or the answers to the questions, as a file that a person would write.

use clap::{Args, ValueEnum};

use super::wishes::duration;

/// Flags that are keys of the rule file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Keys of the rule file")]
pub(super) struct KeyFlags {
    /// A Redis pattern that it listens to; again for more.
    #[arg(long, value_name = "PATTERN")]
    pub(super) subscribe: Vec<String>,
    /// When it runs without a message, as `every 30s` or `at 07:00`; again for more.
    #[arg(long, value_name = "WHEN")]
    pub(super) schedule: Vec<String>,
    /// The condition that begins an episode.
    #[arg(long, value_name = "CONDITION")]
    pub(super) when: Option<String>,
    /// How long it must hold without a break.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(super) hold: Option<String>,
    /// What ends the episode: a condition or a duration; again for more.
    #[arg(long, value_name = "CONDITION|DURATION")]
    pub(super) until: Vec<String>,
    /// Script, once, when an episode begins.
    #[arg(long, value_name = "SCRIPT")]
    pub(super) then: Option<String>,
    /// Script, on every event while it lasts.
    #[arg(long, value_name = "SCRIPT")]
    pub(super) each: Option<String>,
    /// Script, once, when it ends.
    #[arg(long, value_name = "SCRIPT")]
    pub(super) finally: Option<String>,
    /// What has its own episode: source, rule, or names from the pattern; again for more.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) per: Vec<String>,
    /// Rest after an episode.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) cooldown: Option<String>,
    /// How long an episode may be blind, or `never`.
    #[arg(long, value_name = "DURATION")]
    pub(super) stale: Option<String>,
    /// Of its device requests; 50 without it, a person's are 70.
    #[arg(long, value_name = "0-100", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) priority: Option<u8>,
    /// Whether it acts, only says what it would do, or does not run.
    #[arg(long)]
    pub(super) mode: Option<Mode>,
    /// One line for lists.
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    /// Key and value for people; again for more.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub(super) label: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    Active,
    Shadow,
    Off,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Mode::Active => "active",
            Mode::Shadow => "shadow",
            Mode::Off => "off",
        }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("'{text}' is not KEY=VALUE")),
    }
}

impl KeyFlags {
    /// The flags given that say what the rule does: a template has its own.
    pub(super) fn doing(&self) -> Vec<&'static str> {
        let flags = [
            ("subscribe", !self.subscribe.is_empty()),
            ("schedule", !self.schedule.is_empty()),
            ("when", self.when.is_some()),
            ("for", self.hold.is_some()),
            ("until", !self.until.is_empty()),
            ("then", self.then.is_some()),
            ("each", self.each.is_some()),
            ("finally", self.finally.is_some()),
            ("per", !self.per.is_empty()),
            ("cooldown", self.cooldown.is_some()),
            ("stale", self.stale.is_some()),
        ];
        flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }

    /// The file that these keys make.
    pub(super) fn yaml(&self) -> String {
        let mut out = String::new();
        let mut line = |key: &str, value: Option<String>| {
            out += &value.map(|value| format!("{key}: {value}\n")).unwrap_or_default();
        };
        line("description", self.description.as_deref().map(text));
        line("subscribe", texts(&self.subscribe, quoted));
        line("schedule", texts(&self.schedule, text));
        line("per", texts(&self.per, text));
        line("when", self.when.as_deref().map(text));
        line("for", self.hold.clone());
        line("until", texts(&self.until, text));
        line("then", self.then.as_deref().map(block));
        line("each", self.each.as_deref().map(block));
        line("finally", self.finally.as_deref().map(block));
        line("cooldown", self.cooldown.clone());
        line("stale", self.stale.as_deref().map(text));
        out + &self.extras()
    }

    /// The keys that any rule may have, after all others.
    fn extras(&self) -> String {
        let mut out = String::new();
        if let Some(priority) = self.priority {
            out += &format!("priority: {priority}\n");
        }
        if let Some(mode) = self.mode {
            out += &format!("mode: {}\n", quoted_if_word(mode.word()));
        }
        if !self.label.is_empty() {
            out += "labels:\n";
            for (key, value) in &self.label {
                out += &format!("  {}: {}\n", text(key), text(value));
            }
        }
        out
    }

    /// A template's text with what these flags say beside it.
    pub(super) fn added_to(&self, rule: &str) -> String {
        let description = self.description.as_deref();
        let line = |line: &str| match description {
            Some(description) if line.starts_with("description:") => format!("description: {}\n", text(description)),
            _ => line.to_owned(),
        };
        rule.split_inclusive('\n').map(line).collect::<String>() + &self.extras()
    }
}

fn texts(items: &[String], one: fn(&str) -> String) -> Option<String> {
    match items {
        [] => None,
        [only] => Some(one(only)),
        more => Some(format!("[{}]", more.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))),
    }
}

/// A text as YAML takes it: as it is where that is safe, else in quotes; of several lines, as a block.
fn text(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_alphanumeric());
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let taken = words.iter().any(|word| text.eq_ignore_ascii_case(word)) || text.parse::<f64>().is_ok();
    let means = text.contains(": ") || text.contains(" #") || text.ends_with(':') || text.contains(char::is_control);
    match text {
        _ if text.contains('\n') => block(text),
        _ if begins && !taken && !means && text.trim() == text => text.to_owned(),
        _ => quoted(text),
    }
}

fn quoted_if_word(word: &str) -> String {
    if word == "off" { quoted(word) } else { word.to_owned() }
}

/// JSON's quotes are YAML's; a script full of double quotes reads better in single ones.
fn quoted(text: &str) -> String {
    if text.contains('"') && !text.contains(char::is_control) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    serde_json::Value::from(text).to_string()
}

/// A script as a block: nothing in it means anything to YAML.
fn block(script: &str) -> String {
    let script = script.trim_matches('\n').trim_end();
    // A first line that begins with spaces would be taken for the indentation of all.
    let mark = if script.starts_with(' ') { "|2" } else { "|" };
    let lines = script.lines().map(|line| format!("  {line}").trim_end().to_owned());
    std::iter::once(mark.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use growctl_engine::files::{Report, SourceFile, read};
    use growctl_engine::rules::RuleSpec;

    use super::*;

    #[test]
    fn whatever_the_flags_say_comes_back_from_the_file() {
        let ugly = "it's \"#{ a: 1 }\" # not: a comment";
        let script = "let a = #{ b: 1 };\n  if a.b > 0 { warn(`x: ${a}`); }";
        let flags = KeyFlags {
            subscribe: vec!["sensor:update:*".into(), "a:{room}:[x]".into()],
            schedule: vec!["every 30s".into()],
            when: Some("msg.note == \"no: way\" && !stale".into()),
            hold: Some("30s".into()),
            until: vec!["!msg.ok".into(), "90s".into()],
            then: Some(script.into()),
            each: Some("  indented();".into()),
            finally: Some("publish(\"x\", #{});".into()),
            per: vec!["room".into()],
            cooldown: Some("1m".into()),
            stale: Some("never".into()),
            priority: Some(60),
            mode: Some(Mode::Off),
            description: Some(ugly.into()),
            label: vec![("zone".into(), "off".into())],
        };
        let mut report = Report::default();
        let file = SourceFile::new("r.yaml", flags.yaml());
        let spec: RuleSpec =
            read(&file, &mut report).unwrap_or_else(|| panic!("{}\n{}", file.text, report.render(false)));
        let list = |texts: Option<growctl_engine::rules::OneOrMore>| {
            texts.map(|texts| texts.iter().map(|text| text.value.clone()).collect::<Vec<_>>()).unwrap_or_default()
        };
        let one =
            |text: Option<growctl_engine::files::Spanned<String>>| text.map(|text| text.value).unwrap_or_default();
        assert_eq!(one(spec.description), ugly);
        assert_eq!(list(spec.subscribe), flags.subscribe);
        assert_eq!(list(spec.until), flags.until);
        assert_eq!(one(spec.when), flags.when.clone().unwrap_or_default());
        assert_eq!(one(spec.then).trim_end(), script);
        assert_eq!(one(spec.each).trim_end(), "  indented();");
        assert_eq!((one(spec.mode), one(spec.priority), one(spec.stale)), ("off".into(), "60".into(), "never".into()));
        assert_eq!(spec.labels.get("zone").map(|value| value.value.as_str()), Some("off"));
    }

    #[test]
    fn a_template_keeps_its_comments() {
        let flags = KeyFlags { description: Some("Mine".into()), mode: Some(Mode::Shadow), ..KeyFlags::default() };
        let rule = "# why\ndescription: \"theirs\"\nwhen: a # b\n";
        assert_eq!(flags.added_to(rule), "# why\ndescription: Mine\nwhen: a # b\nmode: shadow\n");
    }
}
