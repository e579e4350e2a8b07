//! What is wished of a template: the flags that templates take, or the answers to the questions in place of them.

use std::time::Duration;

use clap::Args;
use growctl_engine::model::parse_duration;

use super::plant::Where;

/// Flags of templates.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What a template takes (without these: what fits on this site)")]
pub(super) struct TemplateFlags {
    /// The room.
    #[arg(long)]
    pub(super) room: Option<String>,
    /// The cluster of nodes within the room.
    #[arg(long)]
    pub(super) cluster: Option<String>,
    /// The device that it switches.
    #[arg(long)]
    pub(super) device: Option<String>,
    /// The field that it looks at.
    #[arg(long)]
    pub(super) field: Option<String>,
    /// The upper limit.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number)]
    pub(super) above: Option<f64>,
    /// The lower limit.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number)]
    pub(super) below: Option<f64>,
    /// What the device is set to: a number, on or off.
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true)]
    pub(super) set: Option<String>,
    /// When the lights go on.
    #[arg(long, value_name = "HH:MM", value_parser = time_of_day)]
    pub(super) on_at: Option<u32>,
    /// When they go off.
    #[arg(long, value_name = "HH:MM", value_parser = time_of_day)]
    pub(super) off_at: Option<u32>,
}

/// All that a recipe gets.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    /// The rule's name.
    pub(super) name: String,
    pub(super) place: Where,
    pub(super) field: Option<String>,
    pub(super) above: Option<f64>,
    pub(super) below: Option<f64>,
    pub(super) set: Option<String>,
    /// Minutes after midnight.
    pub(super) on_at: Option<u32>,
    /// Minutes after midnight.
    pub(super) off_at: Option<u32>,
    /// `--for`
    pub(super) hold: Option<Duration>,
    /// `--until`
    pub(super) until: Option<Duration>,
    pub(super) cooldown: Option<Duration>,
}

impl Wishes {
    pub(super) fn new(name: &str, flags: &TemplateFlags) -> Wishes {
        let flags = flags.clone();
        Wishes {
            name: name.to_owned(),
            place: Where { room: flags.room, cluster: flags.cluster, device: flags.device },
            field: flags.field,
            above: flags.above,
            below: flags.below,
            set: flags.set,
            on_at: flags.on_at,
            off_at: flags.off_at,
            ..Wishes::default()
        }
    }

    /// The flags that were given.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let flags = [
            ("room", self.place.room.is_some()),
            ("cluster", self.place.cluster.is_some()),
            ("device", self.place.device.is_some()),
            ("field", self.field.is_some()),
            ("above", self.above.is_some()),
            ("below", self.below.is_some()),
            ("set", self.set.is_some()),
            ("on-at", self.on_at.is_some()),
            ("off-at", self.off_at.is_some()),
            ("for", self.hold.is_some()),
            ("until", self.until.is_some()),
            ("cooldown", self.cooldown.is_some()),
        ];
        flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }
}

/// A finite number.
pub(super) fn number(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("'{text}' is not a number"))
}

/// A duration, as it is written.
pub(super) fn duration(text: &str) -> Result<String, String> {
    parse_duration(text).map(|_| text.trim().to_owned())
}

/// Minutes after midnight of `06:00`.
pub(super) fn time_of_day(text: &str) -> Result<u32, String> {
    let two = |part: &str| (part.len() == 2).then(|| part.parse::<u32>().ok()).flatten();
    let parts = text.trim().split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
    let minutes = parts.filter(|(hour, minute)| *hour < 24 && *minute < 60).map(|(hour, minute)| hour * 60 + minute);
    minutes.ok_or_else(|| format!("'{text}' is not a time of day; write it as 06:00"))
}
