//! A starting channel map for a DBC file: every message a node, and what the gateway would send as proposals for devices.

use std::collections::HashSet;
use std::fmt::Write;

use crate::channels::codec::Signal;
use crate::channels::load::names::{field_fault, name_fault};
use crate::model::{Value, counted, format_duration};

use super::{Database, Message};

/// What DBC files call the end that asks and switches.
const GATEWAYS: [&str; 8] = ["growctl", "gateway", "gw", "master", "host", "server", "controller", "hub"];
/// Characters of a comment that are shown.
const MOST_COMMENT: usize = 60;
/// Texts of a signal that are shown.
const MOST_TEXTS: usize = 8;
/// Words that YAML takes for something else than texts.
const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];

/// How a database becomes a map.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// The database's file, as the map is to name it.
    pub path: &'a str,
    /// What the map calls the database.
    pub name: &'a str,
    /// The bus that its nodes are on.
    pub bus: &'a str,
    /// The room that they stand in.
    pub room: &'a str,
    /// The sender of the file that growctl stands for: what it sends is no node but a proposal for a device. `None`: one
    /// that is called gateway, master or so.
    pub sender: Option<&'a str>,
}

impl Import<'_> {
    /// The text of the map. Messages that cannot be nodes are in its comments.
    #[must_use]
    pub fn write(&self, database: &Database) -> String {
        let (ours, theirs): (Vec<&Message>, Vec<&Message>) =
            database.messages().partition(|message| self.is_ours(message));
        let (nodes, others): (Vec<&Message>, Vec<&Message>) =
            theirs.into_iter().partition(|message| usable(database, message));
        let mut text = self.head(&nodes, &ours);
        self.rooms(&mut text, &nodes);
        for other in others {
            let why =
                if other.id().is_none() { "no possible id" } else { "no signals, or its id is another's as well" };
            let _ = writeln!(text, "# not here: {} has {why}", line(&other.name));
        }
        self.devices(&mut text, database, &ours);
        text
    }

    fn is_ours(&self, message: &Message) -> bool {
        let sender = message.sender.as_deref().unwrap_or_default();
        match self.sender {
            Some(ours) => sender == ours,
            None => GATEWAYS.iter().any(|name| sender.eq_ignore_ascii_case(name)),
        }
    }

    fn head(&self, nodes: &[&Message], ours: &[&Message]) -> String {
        let fd = nodes.iter().chain(ours).any(|message| message.layout.length > 8);
        let fd = if fd { ", fd: true" } else { "" };
        let (bus, name, path) = (scalar(self.bus), scalar(self.name), scalar(self.path));
        format!(
            "# A start, made from {}: rename rooms, clusters, nodes and fields as they are called here, and delete what nobody\n\
             # needs. `growctl check` says whether it is right, `growctl channels list` what it has.\nversion: 1\n\nbuses:\n  \
             {bus}: {{interface: {bus}{fd}}}\n\ndatabases:\n  {name}: {path}\n",
            line(self.path)
        )
    }

    fn rooms(&self, text: &mut String, nodes: &[&Message]) {
        let mut clusters: Vec<(String, Vec<&Message>)> = Vec::new();
        for message in nodes {
            let cluster = message.sender.as_deref().map_or_else(|| "nodes".to_owned(), |sender| name(sender, "nodes"));
            match clusters.iter_mut().find(|(known, _)| *known == cluster) {
                Some((_, messages)) => messages.push(message),
                None => clusters.push((cluster, vec![message])),
            }
        }
        if clusters.is_empty() {
            return;
        }
        let _ = write!(text, "\nrooms:\n  {}:\n", scalar(&name(self.room, "Room")));
        let mut known = HashSet::new();
        for (cluster, messages) in clusters {
            let _ = writeln!(text, "    {}:", scalar(&cluster));
            let mut fields = HashSet::new();
            messages.iter().for_each(|message| self.node(text, message, &mut known, &mut fields));
        }
    }

    fn node(&self, text: &mut String, message: &Message, known: &mut HashSet<String>, fields: &mut HashSet<String>) {
        let id = message.id().map(|id| id.to_string()).unwrap_or_default();
        let node = unique(name(&message.name, "node"), &id, known);
        let _ = writeln!(text, "      # {}", self.about(message, &id));
        let (node, frame, bus) = (scalar(&node), scalar(&format!("{}.{}", self.name, message.name)), scalar(self.bus));
        let _ = write!(text, "      - node: {node}\n        frame: {frame}\n        bus: {bus}\n        signals:\n");
        for signal in &message.layout.signals {
            let field = unique(field(&signal.name), &field_part(&message.name), fields);
            let entry = format!("{}: {field}", scalar(&signal.name));
            let _ = writeln!(text, "          {}", with_comment(&entry, 40, &describe(message, signal)));
        }
    }

    fn about(&self, message: &Message, id: &str) -> String {
        let mut about = format!("{}: id {id}, {}", line(&message.name), counted(message.size, "byte"));
        if let Some(cycle) = message.layout.cycle {
            about += &format!(", every {}", format_duration(cycle));
        }
        if let Some(comment) = &message.comment {
            about += &format!(". {}", line(comment));
        }
        about
    }

    fn devices(&self, text: &mut String, database: &Database, ours: &[&Message]) {
        let commands: Vec<&&Message> = ours.iter().filter(|message| usable(database, message)).collect();
        if commands.is_empty() {
            return;
        }
        let _ = write!(
            text,
            "\n# What {} sends. If growctl is to, take the `#` away and say of each device what is safe, and after how much\n\
             # silence its node goes there itself.\n# devices:\n#   {}:\n",
            self.sender.or(commands[0].sender.as_deref()).unwrap_or("the gateway"),
            scalar(&name(self.room, "Room")),
        );
        let mut known = HashSet::new();
        for message in commands {
            let id = message.id().map(|id| id.to_string()).unwrap_or_default();
            let _ = writeln!(text, "#     # {}", self.about(message, &id));
            let (plain, chosen): (Vec<&Signal>, Vec<&Signal>) =
                message.layout.signals.iter().partition(|signal| signal.when.is_empty());
            let switched: Vec<&Signal> = plain.into_iter().filter(|signal| !chooses(message, signal)).collect();
            for signal in &switched {
                // One that keeps its state would hold back its neighbours until something tells it.
                let safe = if switched.len() > 1 { at_rest(signal) } else { "keep".to_owned() };
                self.device(text, message, (signal, &safe), &mut known);
            }
            if !chosen.is_empty() {
                let names: Vec<String> = chosen.iter().map(|signal| line(&signal.name)).collect();
                let _ = writeln!(text, "#     # multiplexed, and not proposed: {}", names.join(", "));
            }
        }
    }

    fn device(
        &self,
        text: &mut String,
        message: &Message,
        (signal, safe): (&Signal, &str),
        known: &mut HashSet<String>,
    ) {
        let device = unique(field_part(&signal.name), &field_part(&message.name), known);
        let kind = match signal.unit.as_deref() {
            _ if signal.layout.width == 1 || signal.values.len() == 2 => "switch",
            Some("%") => "dimmer",
            _ => "actuator",
        };
        let (bus, frame) = (scalar(self.bus), scalar(&format!("{}.{}", self.name, message.name)));
        let command = format!("       command: {{bus: {bus}, frame: {frame}, signal: {}}}", scalar(&signal.name));
        let _ = write!(
            text,
            "#     {device}:\n#       kind: {kind}\n#{}\n#       safe: {safe}\n#       watchdog: none\n",
            with_comment(&command, 64, &describe(message, signal)),
        );
    }
}

/// What is nearest to off, as one writes it in the map.
fn at_rest(signal: &Signal) -> String {
    if let Some((_, text)) = signal.values.first() {
        return format!("{:?}", &**text);
    }
    let zero = signal.encode(&Value::Number(0.0), &mut [0; 64]).map(|()| Value::Number(0.0));
    match zero.ok().or_else(|| signal.decode(&[0; 64]).ok()) {
        Some(Value::Number(number)) => number.to_string(),
        _ => "keep".to_owned(),
    }
}

/// Whether a message can be a frame of the map.
fn usable(database: &Database, message: &Message) -> bool {
    let first = message.id().and_then(|id| database.with_id(id)).is_some_and(|other| std::ptr::eq(other, message));
    let named = database.named(&message.name).is_some_and(|other| std::ptr::eq(other, message));
    first && named && !message.layout.signals.is_empty() && message.layout.length > 0
}

/// Whether a signal chooses others of its message.
fn chooses(message: &Message, signal: &Signal) -> bool {
    let signals = &message.layout.signals;
    let at = signals.iter().position(|other| other.name == signal.name);
    signals.iter().any(|other| other.when.iter().any(|when| Some(when.multiplexer) == at))
}

/// Unit, range, texts, multiplexers and comment of a signal.
fn describe(message: &Message, signal: &Signal) -> String {
    let mut parts: Vec<String> = signal.unit.iter().map(|unit| line(unit)).collect();
    parts.extend(signal.range.map(|(low, high)| format!("{low} to {high}")));
    let texts: Vec<String> =
        signal.values.iter().take(MOST_TEXTS).map(|(raw, text)| format!("{raw} {}", line(text))).collect();
    if !texts.is_empty() {
        let more = if signal.values.len() > MOST_TEXTS { ", ..." } else { "" };
        parts.push(format!("{}{more}", texts.join(", ")));
    }
    if let Some(when) = signal.when.first() {
        parts.push(format!("only with some values of {}", line(&message.layout.signals[when.multiplexer].name)));
    }
    parts.extend(message.comments.get(&signal.name).map(|comment| line(comment)));
    parts.join("; ")
}

/// The first line of a text, cut and without what a comment cannot hold.
fn line(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    let mut shown: String = first.chars().filter(|c| !c.is_control()).take(MOST_COMMENT).collect();
    if first.chars().count() > MOST_COMMENT {
        shown += "...";
    }
    shown
}

fn with_comment(entry: &str, width: usize, comment: &str) -> String {
    if comment.is_empty() { entry.to_owned() } else { format!("{entry:<width$}  # {comment}") }
}

/// A name for rooms, clusters and nodes.
fn name(text: &str, otherwise: &str) -> String {
    let bad = |c: char| c.is_control() || ":*?[]\\{}/".contains(c);
    let clean: String = text.chars().map(|c| if bad(c) { '_' } else { c }).collect();
    let clean = clean.trim();
    if name_fault(clean).is_none() { clean.to_owned() } else { otherwise.to_owned() }
}

/// A field's name: small letters, words apart.
fn field(text: &str) -> String {
    let part = field_part(text);
    match field_fault(&part) {
        None => part,
        Some(_) if part.starts_with(|c: char| c.is_ascii_alphabetic()) => format!("{part}_value"),
        Some(_) => format!("value_{part}"),
    }
}

/// `DimActual` is dim_actual, `HVAC2Temp` hvac2_temp.
fn field_part(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 8);
    for (i, c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
            continue;
        }
        let before = i.checked_sub(1).map(|at| chars[at]);
        let small = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase());
        let begins = c.is_ascii_uppercase()
            && (small(before) || before.is_some_and(|c| c.is_ascii_digit()) || small(chars.get(i + 1).copied()));
        if begins && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    let trimmed = out.trim_end_matches('_');
    if trimmed.is_empty() { "value".to_owned() } else { trimmed.to_owned() }
}

/// A name that nothing else has: with `more` behind it, or a number.
fn unique(name: String, more: &str, known: &mut HashSet<String>) -> String {
    let longer = format!("{name}_{more}");
    let numbered = (2..).map(|number: u64| format!("{longer}_{number}"));
    let mut all = [name, longer.clone()].into_iter().chain(numbered);
    let free = all.find(|name| !known.contains(name)).unwrap_or(longer);
    known.insert(free.clone());
    free
}

/// A text as YAML takes it for one.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./ ".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins && !word && text.chars().all(plain) && text.trim() == text {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_fields() {
        for (name, want) in [
            ("DimActual", "dim_actual"),
            ("HVAC2Temp", "hvac2_temp"),
            ("EngineRPM", "engine_rpm"),
            ("already_small", "already_small"),
            ("IO_DEBUG", "io_debug"),
            ("id", "id_value"),
            ("Default", "default_value"),
            ("2nd", "value_2nd"),
            ("__", "value"),
        ] {
            assert_eq!(field(name), want, "{name}");
        }
    }

    #[test]
    fn what_yaml_reads_otherwise_is_quoted() {
        for (text, want) in [("On", "\"On\""), ("a b", "a b"), ("2nd", "\"2nd\""), ("a: b", "\"a: b\""), ("N", "\"N\"")]
        {
            assert_eq!(scalar(text), want);
        }
    }
}
