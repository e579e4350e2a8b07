//! `growctl outbox retry` and `drop`: what a person decides about rows.

use std::path::Path;

use clap::Args;
use growctl_engine::model::counted;
use serde_json::{Value, json};

use super::Shown;
use crate::socket;

/// Which rows.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// These, as `outbox list` shows them.
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    /// All of this outlet.
    #[arg(long, value_name = "OUTLET")]
    to: Option<String>,
    /// All dead letters.
    #[arg(long)]
    dead: bool,
}

impl Which {
    fn body(&self) -> Value {
        match &self.to {
            Some(to) => json!({ "to": to }),
            None if self.dead => json!({ "dead": true }),
            None => json!({ "ids": self.ids }),
        }
    }
}

/// Arguments of `outbox retry`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl outbox retry --dead\n  growctl outbox retry --to influx\n  growctl outbox retry 4711 4712\n\n\
    What waits is tried now, dead letters are tried for as long as if they had just been put in. Each keeps its place: \
    what is behind it waits for it.\n\
    Exit codes: 0 done, also where there was nothing to try, 1 no engine runs on this site, 2 the call is wrong."
)]
pub(super) struct Retry {
    #[command(flatten)]
    which: Which,
}

/// Arguments of `outbox drop`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  growctl outbox drop --dead\n  growctl outbox drop --to influx\n  growctl outbox drop 4711 --force\n\n\
    Exports and dead letters go. An alert that is not given up stays, and is said, unless --force is there: somebody is \
    meant to hear it. What is under way may arrive all the same.\n\
    Exit codes: 0 done, also where there was nothing to drop, 1 no engine runs on this site, or alerts were left, \
    2 the call is wrong."
)]
pub(super) struct Drop {
    #[command(flatten)]
    which: Which,
    /// Alerts that wait as well.
    #[arg(long)]
    force: bool,
}

impl Retry {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let said = socket::ask(folder, "/outbox/retry", Some(self.which.body())).await?;
        Ok(if json { said.to_string() } else { again(&said) })
    }
}

impl Drop {
    pub(super) async fn run(self, folder: &Path, json: bool) -> Shown {
        let mut body = self.which.body();
        body["force"] = self.force.into();
        let said = socket::ask(folder, "/outbox/drop", Some(body)).await?;
        if said["left"].as_u64().unwrap_or(0) > 0 {
            return Err((1, dropped(&said)));
        }
        Ok(if json { said.to_string() } else { dropped(&said) })
    }
}

pub(super) fn again(said: &Value) -> String {
    match said["again"].as_u64().unwrap_or(0) {
        0 => "nothing to try again".to_owned(),
        1 => "1 row is tried again".to_owned(),
        more => format!("{more} rows are tried again"),
    }
}

pub(super) fn dropped(said: &Value) -> String {
    let count = |what: &str| said[what].as_u64().unwrap_or(0);
    let done = match count("dropped") {
        0 => "nothing dropped".to_owned(),
        some => format!("{} dropped", counted(some, "row")),
    };
    match count("left") {
        0 => done,
        left => format!(
            "{done}; {} left, for somebody is meant to hear it: --force drops it all the same",
            counted(left, "alert")
        ),
    }
}
