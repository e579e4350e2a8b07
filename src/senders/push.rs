//! `push`: ntfy, at its public server or an own one.

use serde_json::json;

use super::answer::Audience;
use super::client::{Client, Limits, Login, Reach};
use super::each::{Knock, each};
use super::{Sender, SenderContext, Sending, words};

use crate::model::{Note, Parcel, Secret, Severity, Standing};

/// So many characters of a text are sent; ntfy makes a file of more than 4,096 bytes.
const MOST: usize = 900;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The server, `https://ntfy.sh`.
    pub url: String,
    /// The topic: whoever knows it can read.
    pub topic: Secret,
    /// An access token.
    pub token: Option<Secret>,
    /// A server in the private network is meant.
    pub allow_private: bool,
}

/// Builds it.
///
/// # Errors
/// Why it can never work as it is told.
pub fn sender(config: &Config, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
    Ok(Box::new(build(config, context, Limits::default())?))
}

fn build(config: &Config, context: &SenderContext, limits: Limits) -> Result<Push, String> {
    let topic = config.topic.expose();
    let letters = topic.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !letters || topic.is_empty() || topic.len() > 64 {
        return Err("a topic of ntfy has 1 to 64 letters, digits, `_` and `-`".to_owned());
    }
    let secrets: Vec<&Secret> = [&config.topic].into_iter().chain(&config.token).collect();
    let reach =
        Reach { url: &config.url, url_is_secret: false, allow_private: config.allow_private, secrets: &secrets };
    let login = config.token.clone().map(Login::Bearer);
    let client = Client::new(reach, login, context, limits)?;
    if client.url().path() != "/" {
        return Err("`url` is the server alone, such as https://ntfy.sh: the topic has a key of its own".to_owned());
    }
    Ok(Push { client, topic: config.topic.clone() })
}

#[derive(Debug)]
struct Push {
    client: Client,
    topic: Secret,
}

impl Sender for Push {
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a> {
        let knock = Knock { client: &self.client, to: Audience::Person };
        let topic = &self.topic;
        Box::pin(each(knock, parcels, move |parcel| {
            let note = words::note(parcel)?;
            Ok(knock.client.post("application/json", message(&note, topic, parcel.tries).to_string()))
        }))
    }
}

fn message(note: &Note, topic: &Secret, tries: u32) -> serde_json::Value {
    let title = format!("{} {}", note.site, words::head(note));
    let mut tags = vec![match (note.standing, note.severity) {
        (Standing::Resolved, _) => "white_check_mark",
        (Standing::NoData, _) => "grey_question",
        (_, Severity::Info) => "information_source",
        (_, Severity::Warning) => "warning",
        (_, Severity::Critical) => "rotating_light",
    }];
    tags.extend(Some(&*note.rule).filter(|rule| !rule.is_empty()));
    json!({
        "topic": topic.expose(),
        "title": title.trim(),
        "message": super::censor::shorten(&words::lines(note, tries).join("\n"), MOST),
        "priority": priority(note),
        "tags": tags,
    })
}

/// 5 rings through "do not disturb", 4 makes a sound, 3 is usual, 2 is silent.
fn priority(note: &Note) -> u8 {
    match (note.standing, note.severity) {
        (Standing::Resolved, _) => 3,
        (_, Severity::Critical) => 5,
        (_, Severity::Warning) => 4,
        (_, Severity::Info) => 3,
    }
}

#[cfg(test)]
#[path = "push_tests.rs"]
mod tests;
