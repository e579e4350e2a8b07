//! `webhook`: an HTTP POST whose body is a template: Slack, Discord, Teams, Telegram, Pushover, or any other.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::header::HeaderMap;
use serde_json::{Value as Json, json};

use super::answer::Audience;
use super::client::{Client, Limits, Reach, headers};
use super::each::{Knock, each};
use super::template::Template;
use super::{Sender, SenderContext, Sending, words};

use crate::files::closest;
use crate::model::{Note, Parcel, Secret, Severity, Utc};

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to; whoever knows it can post, so it is a secret.
    pub url: Secret,
    /// The body as JSON text, with `{{name}}` for the fields of a note; or the name of a shipped template.
    pub body: Body,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
    /// An address in the private network is meant.
    pub allow_private: bool,
}

/// Builds it.
///
/// # Errors
/// Why it can never work as it is told.
pub fn sender(config: &Config, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
    Ok(Box::new(build(config, context, Limits::default())?))
}

/// Whether its body can be built: for the settings, which know where it stands.
///
/// # Errors
/// What is wrong with it.
pub fn check(config: &Config) -> Result<(), String> {
    template(&config.body).map(drop)
}

/// What is posted.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A shipped template: its name, and the values that it asks for, such as Telegram's `chat_id`.
    Shipped(String, Vec<(String, Secret)>),
    /// JSON with `{{name}}` in its texts.
    Own(serde_json::Value),
}

/// A body that a known service takes.
pub struct Shipped {
    /// As it is written in the settings.
    pub name: &'static str,
    /// What else must be told.
    pub asks: &'static [&'static str],
    /// Where it is posted to.
    pub url: &'static str,
    body: fn() -> Json,
}

/// Every one.
pub static SHIPPED: &[Shipped] = &[
    Shipped {
        name: "slack",
        asks: &[],
        url: "https://hooks.slack.com/services/…",
        // Slack reads `<…>` as a link or a call of everybody; `&`, `<` and `>` are escaped for it.
        body: || json!({"text": "{{slack}}"}),
    },
    Shipped {
        name: "discord",
        asks: &[],
        url: "https://discord.com/api/webhooks/…",
        // A rule's words must not call everybody.
        body: || json!({"content": "{{text}}", "allowed_mentions": {"parse": []}}),
    },
    Shipped {
        name: "teams",
        asks: &[],
        url: "the address that a workflow `when a Teams webhook request is received` shows",
        body: || {
            let card = json!({
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    {"type": "TextBlock", "text": "{{site}} {{head}}", "weight": "Bolder", "wrap": true},
                    {"type": "TextBlock", "text": "{{lines}}", "wrap": true},
                ],
            });
            json!({
                "type": "message",
                "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
            })
        },
    },
    Shipped {
        name: "telegram",
        asks: &["chat_id"],
        url: "https://api.telegram.org/bot<token>/sendMessage",
        body: || json!({"chat_id": "{{chat_id}}", "text": "{{text}}", "disable_web_page_preview": true}),
    },
    Shipped {
        name: "pushover",
        asks: &["token", "user"],
        url: "https://api.pushover.net/1/messages.json",
        body: || {
            json!({
                "token": "{{token}}",
                "user": "{{user}}",
                "title": "{{site}} {{head}}",
                "message": "{{lines}}",
                "priority": "{{pushover}}",
            })
        },
    },
];

/// What a template can name.
const NAMES: [&str; 19] = [
    "summary",
    "severity",
    "site",
    "rule",
    "details",
    "standing",
    "count",
    "since",
    "repeats",
    "escalated",
    "ack",
    "tries",
    "key",
    "head",
    "circumstances",
    "lines",
    "text",
    "slack",
    "pushover",
];

/// So many characters of all lines together: what Pushover, Discord and Telegram take, the least of them.
const MOST: usize = 1_000;

fn build(config: &Config, context: &SenderContext, limits: Limits) -> Result<Webhook, String> {
    let (template, given) = template(&config.body)?;
    let headers_told = config.headers.iter().map(|(_, value)| value);
    let secrets: Vec<&Secret> = headers_told.chain(given.iter().map(|(_, value)| value)).collect();
    let reach =
        Reach { url: config.url.expose(), url_is_secret: true, allow_private: config.allow_private, secrets: &secrets };
    let client = Client::new(reach, None, context, limits)?;
    let (headers, zone) = (headers(&config.headers)?, context.zone.clone());
    Ok(Webhook { client, template, given: given.to_vec(), headers, zone })
}

/// Names and values.
type Given = [(String, Secret)];

/// The body, and what else is filled in.
fn template(body: &Body) -> Result<(Template, &Given), String> {
    let (json, given) = match body {
        Body::Own(json) => (json.clone(), &[][..]),
        Body::Shipped(name, given) => ((shipped(name, given)?.body)(), &given[..]),
    };
    let further: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
    let names: Vec<&str> = NAMES.iter().copied().chain(further).collect();
    Ok((Template::new(&json, &names)?, given))
}

fn shipped(name: &str, given: &[(String, Secret)]) -> Result<&'static Shipped, String> {
    let known = SHIPPED.iter().find(|shipped| shipped.name == name).ok_or_else(|| {
        let names = SHIPPED.iter().map(|shipped| shipped.name);
        let near = closest(name, names.clone()).map(|near| format!(", did you mean `{near}`?"));
        let all = || format!(": expected one of {}, or a body of your own", names.collect::<Vec<_>>().join(", "));
        format!("no template `{name}` is shipped{}", near.unwrap_or_else(all))
    })?;
    for asked in known.asks {
        if !given.iter().any(|(name, value)| name == asked && !value.expose().is_empty()) {
            return Err(format!("`{name}` needs `{asked}`"));
        }
    }
    match given.iter().find(|(given, _)| !known.asks.contains(&given.as_str())) {
        Some((given, _)) => Err(format!("`{name}` has no use for `{given}`")),
        None => Ok(known),
    }
}

#[derive(Debug)]
struct Webhook {
    client: Client,
    template: Template,
    given: Vec<(String, Secret)>,
    headers: HeaderMap,
    zone: TimeZone,
}

impl Sender for Webhook {
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a> {
        let hook: &'a Webhook = self;
        let knock = Knock { client: &hook.client, to: Audience::Person };
        Box::pin(each(knock, parcels, move |parcel| {
            let note = words::note(parcel)?;
            let body = hook.template.fill(&|name| hook.hole(name, &note, parcel));
            let mut request = hook.client.post("application/json", body.to_string());
            request.headers.extend(hook.headers.clone());
            Ok(request)
        }))
    }
}

impl Webhook {
    fn hole(&self, name: &str, note: &Note, parcel: &Parcel) -> Json {
        if let Some((_, value)) = self.given.iter().find(|(given, _)| given == name) {
            return Json::from(value.expose());
        }
        let lines = || super::censor::shorten(&words::lines(note, parcel.tries).join("\n"), MOST);
        let text = || format!("{} {}\n{}", note.site, words::head(note), lines()).trim_start().to_owned();
        match name {
            "severity" => note.severity.name().into(),
            "site" => note.site.clone().into(),
            "rule" => (*note.rule).into(),
            "details" => note.details.join("\n").into(),
            "standing" => serde_json::to_value(note.standing).unwrap_or_default(),
            "count" => note.count.into(),
            "since" => since(note, &self.zone).into(),
            "repeats" => note.repeats.into(),
            "escalated" => note.escalated.into(),
            "ack" => note.ack.clone().into(),
            "tries" => parcel.tries.into(),
            "key" => (*parcel.key).into(),
            "head" => words::head(note).into(),
            "circumstances" => words::circumstances(note, parcel.tries).into(),
            "lines" => lines().into(),
            "text" => text().into(),
            "slack" => text().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into(),
            // 1 rings through quiet hours; 2 would ask for an answer that nobody here reads.
            "pushover" => Json::from(i8::from(note.severity == Severity::Critical && words::bad(note))),
            _ => note.summary.clone().into(),
        }
    }
}

fn since(note: &Note, zone: &TimeZone) -> String {
    let since = i128::from(Utc::from_seconds(note.since).0);
    let since = Timestamp::from_nanosecond(since).unwrap_or_default();
    since.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
