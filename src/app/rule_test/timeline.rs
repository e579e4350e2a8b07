//! What happened in a test, line by line, for whoever looks why.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Fields, Message, Provenance, Utc, Value, WellKnown, format_duration};

use super::super::output::Notice;
use super::expected::json;
use super::moment::{Calendar, Set};
use super::test::Happening;

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at: Duration,
    /// What the civil clock shows.
    pub(super) utc: Utc,
    pub(super) sign: Sign,
    pub(super) text: String,
    /// A message that concerns the rule.
    pub(super) heard: Option<Arc<Message>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Event,
    Message,
    Intent,
    Command,
    Fault,
}

impl Line {
    /// As people read it.
    pub(super) fn shown(&self, calendar: &Calendar) -> String {
        let sign = match self.sign {
            Sign::Event => '*',
            Sign::Message => ' ',
            Sign::Intent => '>',
            Sign::Command => '!',
            Sign::Fault => 'E',
        };
        let civil = calendar.shown(self.utc);
        format!("{:>9}  {civil} {sign} {}", format_duration(self.at), self.text)
    }
}

/// The speaker and what it says.
pub(super) fn message(message: &Message) -> String {
    let speaker = speaker(message);
    match message.stale {
        true => format!("{speaker} has fallen silent"),
        false => format!("{speaker}: {}", values(&message.fields)),
    }
}

/// A node by its name, a device as tests write it; a foreign message is known by its channel alone.
pub(super) fn speaker(message: &Message) -> String {
    match (message.provenance, &message.source) {
        (Provenance::Frames, Some(node)) => node.to_string(),
        (Provenance::Guard, Some(device)) => {
            let room = message.fields.get("room").and_then(Value::as_text).unwrap_or_default();
            format!("{room}/{device}")
        }
        _ => message.channel.to_string(),
    }
}

/// The fields that are no names; those without a value at the end.
fn values(fields: &Fields) -> String {
    let told = || fields.iter().filter(|(name, _)| !is_name(name));
    let good = told().filter(|(_, value)| !value.is_null()).map(|(name, value)| pair(name, value));
    let open: Vec<&str> = told().filter(|(_, value)| value.is_null()).map(|(name, _)| &**name).collect();
    let open = (!open.is_empty()).then(|| format!("no value for {}", open.join(", ")));
    good.chain(open).collect::<Vec<_>>().join(", ")
}

/// Whether a field tells who speaks, not what.
pub(super) fn is_name(field: &str) -> bool {
    WellKnown::RESERVED.contains(&field)
}

pub(super) fn pair(name: &str, value: &Value) -> String {
    if value.is_null() { format!("{name} has no value") } else { format!("{name} {}", json(value)) }
}

/// An event of the file.
pub(super) fn happening(happening: &Happening, calendar: &Calendar) -> String {
    match happening {
        Happening::Message(channel, _) => format!("a message comes in on {channel}"),
        Happening::Frame(frame) => format!("a frame comes in: {frame:?}"),
        Happening::Silent(speaker) => format!("{speaker} says nothing more"),
        Happening::Clock(Set::By(nanos)) => {
            let span = format_duration(Duration::from_nanos(nanos.unsigned_abs()));
            format!("the civil clock is set {} by {span}", if *nanos < 0 { "back" } else { "forward" })
        }
        Happening::Clock(Set::To(utc)) => format!("the civil clock is set to {}", calendar.day(*utc)),
        Happening::Reset => "a person resets the rule".to_owned(),
        Happening::Restart(down) if down.is_zero() => "the engine stops and starts".to_owned(),
        Happening::Restart(down) => format!("the engine stops, and starts again after {}", format_duration(*down)),
    }
}

/// Something that went wrong inside.
pub(super) fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Rule(fault) => format!("`{}` of {} failed: {}", fault.part, fault.rule, fault.message),
        Notice::Device { device, reason } => format!("a request for {device} was refused: {reason}"),
        Notice::Fault { device, fault: Some(why) } => format!("{device} is at fault: {why}"),
        Notice::Unread(why) => why.clone(),
        Notice::Fault { device, fault: None } => format!("{device} is tried again"),
        Notice::Message { channel, why } => format!("a message on {channel} was refused: {why}"),
        Notice::Circle { rules, channel } => {
            format!("rules trigger each other in a circle ({}): {channel} is refused", rules.join(" → "))
        }
    }
}
