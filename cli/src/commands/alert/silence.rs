//! `growctl alert silence`: hear nothing of some alerts for a while; the silences there are; end one.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use growctl_engine::alerts::{MATCHED_KEYS, Matchers};
use growctl_engine::model::{format_duration, parse_duration};
use serde_json::{Value, json};

use super::{Shown, person, settings};
use crate::commands::device::{fitted, width};
use crate::commands::words::{Clock, list, text as word};
use crate::socket;

/// A silence that nobody ends does so itself before anybody has forgotten why it was.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// Arguments of `alert silence`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  \
    growctl alert silence --for 2h rule=heat-alert 'room=Veg*' --reason 'filters are changed'\n  \
    growctl alert silence list\n  growctl alert silence end s1\n\n\
    An alert must match all that is given: globs of rule, instance, severity, room, cluster, node, bus, or of a label of \
    its rule. It is still shown and published, nobody is told. When the silence is over, what still fires is told.\n\
    Exit codes: 0 done, 1 no engine runs on this site, 2 the call is wrong or there is no such silence."
)]
pub(super) struct Silence {
    #[command(subcommand)]
    what: Option<What>,
    /// What is to be silent: key=glob.
    #[arg(required = true, value_name = "KEY=GLOB")]
    matchers: Vec<String>,
    /// How long: 30m, 2h, 7d; 30 days at the most.
    #[arg(long = "for", value_parser = span, value_name = "DURATION", required = true)]
    span: Option<Duration>,
    /// Why, for whoever wonders about it.
    #[arg(long)]
    reason: Option<String>,
    /// Who says so; you, if nothing is said.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The silences that hold.
    List,
    /// End one: what still fires is told.
    End {
        /// Its id, as `silence list` shows it.
        id: String,
    },
}

fn span(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("it would be over at once".to_owned()),
        span if span > LONGEST => Err("30d at the most: for longer take `alert` out of the rule".to_owned()),
        span => Ok(span),
    }
}

impl Silence {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        match &self.what {
            Some(What::List) => listed(folder, json).await,
            Some(What::End { id }) => {
                let path = format!("/alerts/silences/{}/end", socket::escaped(id));
                let said = socket::ask(folder, &path, Some(json!({}))).await?;
                Ok(if json { said.to_string() } else { format!("silence {id} has ended; what still fires is told") })
            }
            None => self.begin(folder, json).await,
        }
    }

    async fn begin(self, folder: &Path, json: bool) -> Shown {
        let Matchers(matchers) = Matchers::parse(&self.matchers).map_err(|why| (2, why))?;
        let keys: Vec<&str> = matchers.keys().map(String::as_str).filter(|key| !MATCHED_KEYS.contains(key)).collect();
        if !keys.is_empty() {
            let known = MATCHED_KEYS.join(", ");
            crate::commands::say(&format!(
                "growctl: {} is taken for a label; what has a meaning: {known}",
                keys.join(", ")
            ));
        }
        let body = json!({
            "matchers": matchers,
            "for": format_duration(self.span.unwrap_or_default()),
            "by": self.by.unwrap_or_else(person),
            "reason": self.reason.unwrap_or_default(),
        });
        let silence = socket::ask(folder, "/alerts/silences", Some(body)).await?;
        if json {
            return Ok(silence.to_string());
        }
        let settings = settings(folder);
        let clock = Clock { settings: &settings, now: silence["now"].as_f64().unwrap_or_default() };
        let id = word(&silence["id"]);
        Ok(fitted(&format!("silence {}", line(&silence, &clock)), 8, width())
            + &format!("`growctl alert silence end {id}` ends it now\n"))
    }
}

async fn listed(folder: &Path, json: bool) -> Shown {
    let book = socket::ask(folder, "/alerts", None).await?;
    if json {
        return Ok(book["silences"].to_string());
    }
    let settings = settings(folder);
    let clock = Clock { settings: &settings, now: book["now"].as_f64().unwrap_or_default() };
    match list(&book["silences"]) {
        [] => Ok("nothing is silenced".to_owned()),
        all => Ok(all.iter().map(|silence| fitted(&line(silence, &clock), 4, width())).collect()),
    }
}

/// `s1: rule=heat-alert, until 14:05 (2 h left), by anna: cleaning; 2 alerts are silent`.
pub(super) fn line(silence: &Value, clock: &Clock<'_>) -> String {
    let matchers = silence["matchers"].as_object().into_iter().flatten();
    let matchers: Vec<String> = matchers.map(|(key, glob)| format!("{key}={}", word(glob))).collect();
    let reason = match word(&silence["reason"]) {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    let count = silence["silences"].as_u64().unwrap_or_default();
    let fires = match count {
        0 => "nothing of it fires".to_owned(),
        1 => "1 alert is silent".to_owned(),
        _ => format!("{count} alerts are silent"),
    };
    let (id, by) = (word(&silence["id"]), word(&silence["by"]));
    format!("{id}: {}, until {}, by {by}{reason}; {fires}", matchers.join(" "), clock.ends(&silence["until"]))
}
